-- What is kept beside the records for the next sync: checkpoints, and source objects that a join
-- needs again; pages.lua writes them. Methods of a store, part of its contract. Called by the SQL
-- stores; failures are raised as in connection.lua.

local json = require "commerce.base.json"

local sources = {}

--- The checkpoint of a resource.
---@param connection_id string
---@param resource string
---@return table? state nil if there is none
function sources:state(connection_id, resource)
  local row = self.db:all("SELECT state FROM resource_state WHERE connection_id = ? "
    .. "AND resource = ?", connection_id, resource)[1]
  return row and json.decode(row.state) or nil
end

--- All checkpoints of a connection.
---@param connection_id string
---@return table<string, table>? states by resource; nil on failure
---@return string? message
---@return commerce.Details? details
function sources:states(connection_id)
  local states = {}
  for _, row in ipairs(self.db:all("SELECT resource, state FROM resource_state "
    .. "WHERE connection_id = ?", connection_id)) do
    states[row.resource] = json.decode(row.state)
  end
  return states
end

--- A batch of kept source objects with their children, in the order of their ids.
---@param connection_id string
---@param resource string of the parents
---@param child_resource string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return table[]? batch list of { id, data, children = list of data }; nil on failure
---@return string? message
---@return commerce.Details? details
function sources:joined_sources(connection_id, resource, child_resource, after,
  limit)
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

--- A batch of kept source objects, in the order of their ids.
---@param connection_id string
---@param resource string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return table[]? batch list of { id, data }; nil on failure
---@return string? message
---@return commerce.Details? details
function sources:kept_sources(connection_id, resource, after, limit)
  return self.db:all("SELECT id, data FROM source_objects WHERE connection_id = ? "
    .. "AND resource = ? AND id > ? ORDER BY id LIMIT ?", connection_id, resource, after, limit)
end

--- Forget the kept source objects of a connection. They may be many: a failure leaves some.
---@param connection_id string
---@param except string[] resources whose objects stay
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function sources:drop_sources(connection_id, except)
  self.db:delete_many("source_objects", "connection_id = ? "
    .. "AND resource NOT IN (SELECT value FROM json_each(?))", connection_id,
    json.strings(except))
  return true
end

return sources
