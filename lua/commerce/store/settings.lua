-- Settings of the whole installation, as name and text, and the integrations' rows. Methods of a
-- store, part of its contract. Called by the SQL stores; failures are raised as in connection.lua.

local settings = {}

--- A setting.
---@param name string
---@return string? value nil if it is not set
---@return string? message
---@return commerce.Details? details
function settings:setting(name)
  local row = self.db:all("SELECT value FROM settings WHERE name = ?", name)[1]
  return row and row.value
end

--- Keep a setting.
---@param name string
---@param value string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function settings:save_setting(name, value)
  self.db:run("INSERT INTO settings (name, value) VALUES (?, ?) "
    .. "ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
  return true
end

--- The integrations that were ever set.
---@return table<string, table>? rows by name: { name, client_id, scope, sync_on_link, redirect_uri,
---  enabled = boolean, has_secret_key = boolean }; nil on failure
---@return string? message
---@return commerce.Details? details
function settings:integrations()
  local rows = {}
  for _, row in ipairs(self.db:all("SELECT *, EXISTS (SELECT 1 FROM secrets "
    .. "WHERE owner = 'integration:' || name) AS has_secret_key FROM integrations")) do
    row.enabled, row.has_secret_key = row.enabled == 1, row.has_secret_key == 1
    rows[row.name] = row
  end
  return rows
end

--- Keep an integration's row and with it, if it is given, its secret key: both or none.
---@param row table as `integrations` gives it
---@param secret table? as for `save_secret`
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function settings:save_integration(row, secret)
  return self.db:transaction(function()
    self.db:run("INSERT INTO integrations (name, client_id, scope, sync_on_link, redirect_uri, "
      .. "enabled) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
      .. "client_id = excluded.client_id, scope = excluded.scope, "
      .. "sync_on_link = excluded.sync_on_link, redirect_uri = excluded.redirect_uri, "
      .. "enabled = excluded.enabled", row.name, row.client_id, row.scope, row.sync_on_link,
      row.redirect_uri, row.enabled and 1 or 0)
    if secret then
      local ok, message, details = self:save_secret(secret)
      if not ok then
        error(details or message, 0)
      end
    end
    return true
  end)
end

return settings
