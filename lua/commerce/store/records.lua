-- Reading records. Methods of a store, part of its contract. Called by the SQL stores; failures are
-- raised as in connection.lua.

local columns = require "commerce.store.sql.columns"
local json = require "commerce.base.json"
local landmarks = require "commerce.store.landmarks"
local query = require "commerce.query"
local remembered = require "commerce.store.remembered"
local selection = require "commerce.store.selection"

local records = {}

local IS_DELETED = "metadata.isDeleted"

-- By which column a type's lists are ordered if nothing is asked for.
local function default_order(data_type)
  return data_type.shape.by_name.createdDate and "created_date" or nil
end

local function column_order(order)
  return order and { column = columns.name(order.field), descending = order.descending }
end

local function selected(data_type, options)
  local where = {}
  if options.connection_id then
    where[#where + 1] = { "connection_id = ?", options.connection_id }
  elseif not options.integrations then -- what is left of a removed one is nobody's
    where[#where + 1] = { "connection_id IN (SELECT id FROM connections)" }
  end
  if options.integrations then
    where[#where + 1] = { "connection_id IN (SELECT id FROM connections WHERE integration IN "
      .. "(SELECT value FROM json_each(?)))", json.encode(options.integrations) }
  end
  -- who asks about deleted records means to see them
  local deleted = options.deleted
    or options.query and query.mentions(options.query, IS_DELETED)
  if not deleted then
    where[#where + 1] = { "metadata_is_deleted IS NOT 1" }
  end
  return {
    columns = "id, data, connection_id", from = data_type.name, where = where,
    query = options.query, column_of = columns.name,
    order = selection.order(column_order(options.order_by), default_order(data_type), "id"),
    limit = options.limit, offset = options.offset, deleted = deleted,
  }
end

-- ---------------------------------------------------------------- parts of long lists

local SHORT = 1000 -- rows that are read or passed over in about a millisecond

-- Whether a part of a list may take long. All of a list never counts as such: it is read little by
-- little.
local function is_long(options)
  return options.limit and (options.query or options.order_by
    or (options.offset or 0) + options.limit > SHORT)
end

-- The order of a connection's list if there is an index in that order.
local function indexed_order(data_type, options, deleted)
  local order = column_order(options.order_by)
    or { column = default_order(data_type), descending = true }
  local indexed = order.column == default_order(data_type) or order.column == "modified_date"
  return options.connection_id and not deleted and indexed and order or nil
end

local function start_after(what, order, landmark)
  local sign = order.descending and "<" or ">"
  if order.column then
    what.where[#what.where + 1] = { ("(%s, id) %s (?, ?)"):format(order.column, sign),
      landmark.value, landmark.id }
  else
    what.where[#what.where + 1] = { ("id %s ?"):format(sign), landmark.id }
  end
  what.offset = what.offset - landmark.offset
end

-- What the list is ordered by, of one record. None where records without it come at the end: they
-- do not compare.
local function value_at(db, data_type, order, connection_id, id)
  if not order.column then
    return true
  elseif order.descending and #db:all(("SELECT 1 FROM %s WHERE connection_id = ? AND %s IS NULL "
    .. "AND metadata_is_deleted IS NOT 1 LIMIT 1"):format(data_type.name, order.column),
    connection_id) > 0 then
    return nil
  end
  local row = db:all(("SELECT %s AS value FROM %s WHERE connection_id = ? AND id = ?"):format(
    order.column, data_type.name), connection_id, id)[1]
  return row and row.value
end

local function rows_of(self, data_type, options, what)
  local sql, values = selection.rows(what)
  local order = indexed_order(data_type, options, what.deleted)
  local to = (what.offset or 0) + what.limit
  if not order or to <= SHORT then
    return self.db:list(sql, values, 3)
  end
  local known = remembered.list(self, sql, values, #values - 2)
  local landmark = landmarks.before(known, what.offset or 0)
  if landmark then
    start_after(what, order, landmark)
    sql, values = selection.rows(what)
  end
  local rows = self.db:list(sql, values, 3)
  local last = #rows == what.limit and rows[#rows] or nil
  local value = last and value_at(self.db, data_type, order, options.connection_id, last[1])
  if value ~= nil then
    landmarks.add(known, to, value, last[1])
  end
  return rows
end

--- Iterate over stored records, newest first if nothing else is asked for. They may be written
--- meanwhile; one whose createdDate changes may then come twice, or not at all.
---@param data_type commerce.DataType
---@param options table connection_id; integrations (a list: only records of their connections);
---  query (from `query.parse`); order_by (from `query.order`); limit; offset; deleted (true: also
---  those that the source deleted; so does a query about metadata.isDeleted)
---@return (fun(): string?, string?, string?)? next gives id, data and connection id; nil on failure
---@return string? message
---@return commerce.Details? details
function records:records(data_type, options)
  local what = selected(data_type, options)
  if not is_long(options) then
    local sql, values = selection.rows(what)
    return self.db:each(sql, values, 3)
  end
  local rows, i = rows_of(self, data_type, options, what), 0
  return function()
    i = i + 1
    if rows[i] then
      return rows[i][1], rows[i][2], rows[i][3]
    end
  end
end

-- ---------------------------------------------------------------- counting

local PAUSE = 0.002 -- seconds
local LONGEST_COUNT = 10 -- seconds after which whoever counts is believed to have gone

-- Counting a million records takes a tenth of a second, a second with a query, and every page of a
-- list tells the total. Who asks while it is counted, where others can go on meanwhile, waits for
-- that.
local function remembered_total(self, known, count)
  while known.begun and os.time() - known.begun < LONGEST_COUNT do
    self.db.pause(PAUSE)
  end
  if not known.total then
    known.begun = os.time()
    local ok, result = pcall(count)
    known.begun = nil
    if not ok then
      error(result, 0)
    end
    known.total = result
  end
  return known.total
end

--- How many records of a type are stored.
---@param data_type commerce.DataType
---@param connection_id string
---@param expression table? from `query.parse`; without one, all but the deleted ones
---@return integer? count nil on failure
---@return string? message
---@return commerce.Details? details
function records:count(data_type, connection_id, expression)
  local sql, values = selection.count(selected(data_type,
    { connection_id = connection_id, query = expression }))
  return remembered_total(self, remembered.list(self, sql, values, #values), function()
    return self.db:list(sql, values, 1)[1][1]
  end)
end

return records
