-- The data that is kept for the next sync: checkpoints of resources, and source objects that a join
-- needs again. pages.lua writes them.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"

---@class commerce.sql.Store
local sources = {}

--- Ask whether a connection is linked, and keep its status until the transaction ends: what is read
--- of a connection that was unlinked or deleted meanwhile is not stored.
---@param db commerce.sql.Database in a transaction
---@param connection_id string
---@return fun() check raises, with the code "not_linked", unless it is
function sources.ask_linked(db, connection_id)
  local answer = db:ask("SELECT status FROM connections WHERE id = ?" .. db.dialect.LOCK,
    connection_id)
  return function()
    local row = answer()[1]
    if not row or row.status ~= "Linked" then
      errors.throw("store", ("connection %s %s: nothing more is stored of it")
        :format(connection_id, row and "is " .. row.status or "has been deleted"),
        { code = "not_linked" })
    end
  end
end

--- Write the checkpoint of a resource.
---@param db commerce.sql.Database in a transaction
---@param connection_id string
---@param resource string
---@param state commerce.Checkpoint
function sources.write_state(db, connection_id, resource, state)
  db:later(db.dialect.upsert("resource_state", { "connection_id", "resource", "state" },
    { "connection_id", "resource" }), connection_id, resource, json.encode(state))
end

function sources:state(connection_id, resource)
  local row = self.db:all("SELECT state FROM resource_state WHERE connection_id = ? "
    .. "AND resource = ?", connection_id, resource)[1]
  return row and json.stored(row.state) or nil
end

function sources:states(connection_id)
  local states = {}
  for _, row in ipairs(self.db:all("SELECT resource, state FROM resource_state "
    .. "WHERE connection_id = ?", connection_id)) do
    states[row.resource] = json.stored(row.state)
  end
  return states
end

function sources:joined_sources(connection_id, resource, child_resource, after, limit)
  local batch = self.db:all("SELECT id, data FROM source_objects WHERE connection_id = ? "
    .. "AND resource = ? AND id > ? ORDER BY id LIMIT ?", connection_id, resource, after, limit)
  for _, parent in ipairs(batch) do
    parent.children = {}
    for _, child in ipairs(self.db:all("SELECT data FROM source_objects WHERE connection_id = ? "
      .. "AND resource = ? AND parent_id = ?", connection_id, child_resource, parent.id)) do
      parent.children[#parent.children + 1] = child.data
    end
  end
  return batch
end

function sources:kept_sources(connection_id, resource, after, limit)
  return self.db:all("SELECT id, data FROM source_objects WHERE connection_id = ? "
    .. "AND resource = ? AND id > ? ORDER BY id LIMIT ?", connection_id, resource, after, limit)
end

function sources:find_source(connection_id, resource, id)
  local row = self.db:all("SELECT data FROM source_objects WHERE connection_id = ? "
    .. "AND resource = ? AND id = ?", connection_id, resource, id)[1]
  return row and row.data
end

function sources:drop_sources(connection_id, except, limit)
  local dialect = self.db.dialect
  local condition = "connection_id = ? AND " .. dialect.not_in_list "resource"
  if limit then
    return self.db:run(dialect.delete_batch("source_objects", condition, limit), connection_id,
      dialect.list(except))
  end
  self.db:delete_many("source_objects", condition, connection_id, dialect.list(except))
  return true
end

return sources
