-- Connections. Methods of a store, part of its contract. Called by the SQL stores; failures are
-- raised as in connection.lua.

local connections = {}

--- All connections, oldest first.
---@return table[]? rows { id, integration, account, name, status, created, last_sync }
---@return string? message
---@return commerce.Details? details
function connections:connections()
  return self.db:all("SELECT * FROM connections ORDER BY created, id")
end

--- Keep a connection, or its changes.
---@param row table as `connections` gives it
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function connections:save_connection(row)
  self.db:run("INSERT INTO connections (id, integration, account, name, status, created, "
    .. "last_sync) VALUES (?, ?, ?, ?, ?, ?, ?) "
    .. "ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, "
    .. "last_sync = excluded.last_sync", row.id, row.integration, row.account,
    row.name, row.status, row.created, row.last_sync)
  return true
end

return connections
