-- Places of a script's own, kept by name: how far it has come with something. Methods of a store,
-- part of its contract. Called by the SQL stores; failures are raised as in connection.lua.

local json = require "commerce.base.json"

local checkpoints = {}

--- What was kept under a name.
---@param name string
---@return any? value nil if there is nothing, and on failure
---@return string? message
---@return commerce.Details? details
function checkpoints:checkpoint(name)
  local row = self.db:all("SELECT value FROM checkpoints WHERE name = ?", name)[1]
  return row and json.decode(row.value)[1]
end

--- Keep a value under a name; nil forgets it.
---@param name string
---@param value any what JSON can carry
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function checkpoints:save_checkpoint(name, value)
  if value == nil then
    self.db:run("DELETE FROM checkpoints WHERE name = ?", name)
  else
    -- in a list, since not every reader takes a bare number or text for JSON
    self.db:run("INSERT INTO checkpoints (name, value) VALUES (?, ?) "
      .. "ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, json.encode { value })
  end
  return true
end

return checkpoints
