-- Reading records. Methods of a store, part of its contract. Called by the SQL stores; failures are
-- raised as in connection.lua.

local query = require "commerce.query"

local records = {}

local function records_query(data_type, options)
  local where, values = {}, {}
  if options.connection_id then
    where[#where + 1] = "connection_id = ?"
    values[#values + 1] = options.connection_id
  end
  if not options.deleted then
    where[#where + 1] = "metadata_is_deleted IS NOT 1"
  end
  if options.query then
    where[#where + 1] = query.to_sql(options.query, values)
  end
  local order = options.order_by or { column = nil, descending = true }
  local created = data_type.shape.by_name.createdDate and "created_date" or nil
  local column = order.column or created
  local direction = order.descending and " DESC" or ""
  local sql = ("SELECT id, data, connection_id FROM %s%s ORDER BY %sid%s LIMIT ? OFFSET ?"):format(
    data_type.name, #where > 0 and " WHERE " .. table.concat(where, " AND ") or "",
    column and column .. direction .. ", " or "", direction)
  values[#values + 1] = options.limit or -1
  values[#values + 1] = options.offset or 0
  return sql, values
end

--- Iterate over stored records, newest first if nothing else is asked for.
---@param data_type commerce.DataType
---@param options table connection_id, query (from `query.parse`), order_by (from `query.order`),
---  limit, offset, deleted (true: also those that the source deleted)
---@return (fun(): string?, string?, string?)? next gives id, data and connection id; nil on failure
---@return string? message
---@return commerce.Details? details
function records:records(data_type, options)
  local sql, values = records_query(data_type, options)
  return self.db:each(sql, values, 3)
end

--- How many records of a type are stored, without the deleted ones.
---@param data_type commerce.DataType
---@param connection_id string
---@return integer? count nil on failure
---@return string? message
---@return commerce.Details? details
function records:count(data_type, connection_id)
  return self.db:all(("SELECT count(*) AS n FROM %s WHERE connection_id = ? "
    .. "AND metadata_is_deleted IS NOT 1"):format(data_type.name), connection_id)[1].n
end

return records
