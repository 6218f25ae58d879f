-- Pulls: runs of one data type. Methods of a store, part of its contract. Called by the SQL stores;
-- failures are raised as in connection.lua.

local pulls = {}

--- Keep a pull, or its changes.
---@param pull table { id, connection_id, data_type, status, requested, completed, read, created,
---  changed, unchanged, error_message }
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function pulls:save_pull(pull)
  self.db:run("INSERT INTO pulls (id, connection_id, data_type, status, requested, completed, "
    .. "read, created, changed, unchanged, error_message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    .. "ON CONFLICT (id) DO UPDATE SET status = excluded.status, completed = excluded.completed, "
    .. "read = excluded.read, created = excluded.created, changed = excluded.changed, "
    .. "unchanged = excluded.unchanged, error_message = excluded.error_message", pull.id,
    pull.connection_id, pull.data_type, pull.status, pull.requested, pull.completed, pull.read,
    pull.created, pull.changed, pull.unchanged, pull.error_message)
  return true
end

--- The latest pull of each data type of a connection.
---@param connection_id string
---@return table<string, table>? pulls by data type name; nil on failure
---@return string? message
---@return commerce.Details? details
function pulls:latest_pulls(connection_id)
  local latest = {}
  -- rowid breaks the tie of two runs within one second
  for _, pull in ipairs(self.db:all("SELECT * FROM pulls WHERE connection_id = ? "
    .. "ORDER BY requested, rowid", connection_id)) do
    latest[pull.data_type] = pull
  end
  return latest
end

return pulls
