-- What a full read of a list saw, kept so that what it did not see can be told afterwards, also by
-- another process that ended a killed run. `write_page` takes down what was seen. Methods of a
-- store, part of its contract. Called by the SQL stores; failures are raised as in connection.lua.

local time = require "commerce.time"

local sweeps = {}

--- Forget what was seen of a resource: before a full read begins, and when it is over.
---@param connection_id string
---@param resource string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function sweeps:forget_seen(connection_id, resource)
  self.db:run("DELETE FROM seen WHERE connection_id = ? AND resource = ?", connection_id, resource)
  return true
end

local function ids_of(rows)
  local ids = {}
  for i, row in ipairs(rows) do
    ids[i] = row.id
  end
  return ids
end

--- A batch of the stored records, without deleted ones, that no full read has seen though they are
--- old enough to have been listed.
---@param data_type commerce.DataType
---@param connection_id string
---@param visible integer unix seconds: what was created from then on may not have been listed yet
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Details? details
function sweeps:unseen(data_type, connection_id, visible, after, limit)
  local created = data_type.shape.by_name.createdDate and "coalesce(created_date, modified_date)"
    or "modified_date"
  return ids_of(self.db:all(("SELECT id FROM %s AS record WHERE connection_id = ? AND id > ? "
    .. "AND metadata_is_deleted IS NOT 1 AND %s < ? AND NOT EXISTS "
    .. "(SELECT 1 FROM seen WHERE seen.connection_id = record.connection_id "
    .. "AND seen.data_type = ? AND seen.id = record.id) ORDER BY id LIMIT ?")
    :format(data_type.name, created), connection_id, after, time.format(visible),
    data_type.name, limit))
end

--- The same for kept source objects.
---@param connection_id string
---@param resource string
---@param visible integer unix seconds
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Details? details
function sweeps:unseen_sources(connection_id, resource, visible, after, limit)
  return ids_of(self.db:all("SELECT id FROM source_objects AS source WHERE connection_id = ? "
    .. "AND resource = ? AND id > ? AND coalesce(data ->> 'created', 0) < ? AND NOT EXISTS "
    .. "(SELECT 1 FROM seen WHERE seen.connection_id = source.connection_id "
    .. "AND seen.data_type = '' AND seen.id = source.id AND seen.resource = source.resource) "
    .. "ORDER BY id LIMIT ?", connection_id, resource, after, visible, limit))
end

return sweeps
