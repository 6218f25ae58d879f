-- What everything that a sync writes has in common. Called by the parts of the SQL stores, in their
-- transaction.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"

local writing = {}

--- What is read of a connection that has been unlinked or deleted meanwhile is not stored any more:
--- raises then, details.code "not_linked".
---@param db table see connection.lua
---@param connection_id string
function writing.check_linked(db, connection_id)
  local row = db:all("SELECT status FROM connections WHERE id = ?", connection_id)[1]
  if not row or row.status ~= "Linked" then
    local _, _, details = errors.fail("store", ("connection %s %s: nothing more is stored of it")
      :format(connection_id, row and "is " .. row.status or "has been deleted"),
      { code = "not_linked" })
    error(details, 0)
  end
end

--- Write a checkpoint.
---@param db table see connection.lua
---@param connection_id string
---@param resource string under which name
---@param state table
function writing.state(db, connection_id, resource, state)
  db:run("INSERT INTO resource_state (connection_id, resource, state) VALUES (?, ?, ?) "
    .. "ON CONFLICT (connection_id, resource) DO UPDATE SET state = excluded.state",
    connection_id, resource, json.encode(state))
end

return writing
