-- Reading records.

local columns = require "commerce.store.sql.columns"
local query = require "commerce.query"
local select = require "commerce.store.sql.select"
local tables = require "commerce.store.sql.tables"

---@class commerce.sql.Store
local records = {}

local function default_order(data_type)
  return tables.has(data_type, "createdDate") and "created_date" or nil
end

local function selected(db, data_type, options)
  local where, dialect = {}, db.dialect
  if options.connection_id then
    where[#where + 1] = { "connection_id = ?", options.connection_id }
  elseif not options.integrations then -- not the remains of a removed connection
    where[#where + 1] = { "connection_id IN (SELECT id FROM connections)" }
  end
  if options.integrations then
    where[#where + 1] = { ("connection_id IN (SELECT id FROM connections WHERE %s)")
      :format(dialect.in_list "integration"), dialect.list(options.integrations) }
  end
  -- a query about deleted records asks for them
  local deleted = options.deleted or query.is_about_deleted(options.query)
  if not deleted then
    where[#where + 1] = { dialect.not_true "metadata_is_deleted" }
  end
  local order = select.order(options.order_by, columns.name, default_order(data_type))
  return {
    columns = "id, data, connection_id", from = data_type.name, where = where,
    query = options.query, column_of = columns.name, order = select.terms(db, order, "id"),
    limit = options.limit, offset = options.offset,
  }, order, deleted
end

-- ---------------------------------------------------------------- pages of long lists

local SHORT = 1000 -- rows that are read or passed over in about a millisecond

-- Whether a page may take long. A list without a limit is read little by little.
local function is_long(options)
  return options.limit and (options.query or options.order_by
    or (options.offset or 0) + options.limit > SHORT)
end

-- Whether an index has the order of a connection's list.
local function is_indexed(data_type, options, order, deleted)
  return options.connection_id and not deleted
    and (order.column == default_order(data_type) or order.column == "modified_date")
end

local function start_after(what, order, bookmark)
  local sign = order.descending and "<" or ">"
  if order.column then
    what.where[#what.where + 1] = { ("(%s, id) %s (?, ?)"):format(order.column, sign),
      bookmark.value, bookmark.id }
  else
    what.where[#what.where + 1] = { ("id %s ?"):format(sign), bookmark.id }
  end
  what.offset = what.offset - bookmark.offset
end

-- The value by which the list is ordered, of one record. There is no bookmark (nil) where records
-- without the value come last: they do not compare.
local function value_at(db, data_type, order, connection_id, id)
  if not order.column then
    return true
  elseif order.descending and #db:all(("SELECT 1 AS found FROM %s WHERE connection_id = ? "
    .. "AND %s IS NULL AND %s LIMIT 1"):format(data_type.name, order.column,
    db.dialect.not_true "metadata_is_deleted"), connection_id) > 0 then
    return nil
  end
  local row = db:all(("SELECT %s AS value FROM %s WHERE connection_id = ? AND id = ?"):format(
    order.column, data_type.name), connection_id, id)[1]
  return row and row.value
end

local function page_of(self, data_type, options, what, order, deleted)
  local db = self.db
  local sql, values = select.rows(db, what)
  local to = (what.offset or 0) + what.limit
  if not is_indexed(data_type, options, order, deleted) or to <= SHORT then
    return db:list(sql, values, 3)
  end
  local known = select.cache(self, sql, values, #values - 2, options.connection_id)
  local bookmark = select.bookmark(known, what.offset or 0)
  if bookmark then
    start_after(what, order, bookmark)
  end
  if (what.offset or 0) > SHORT then
    sql, values = select.deep_rows(db, what, options.connection_id)
  elseif bookmark then
    sql, values = select.rows(db, what)
  end
  local rows = db:list(sql, values, 3)
  local last = #rows == what.limit and rows[#rows] or nil
  local value = last and value_at(db, data_type, order, options.connection_id, last[1])
  if value ~= nil then
    select.keep_bookmark(known, to, value, last[1])
  end
  return rows
end

function records:records(data_type, options)
  local what, order, deleted = selected(self.db, data_type, options)
  if not is_long(options) then
    local sql, values = select.rows(self.db, what)
    return self.db:each(sql, values, 3)
  end
  local rows, i = page_of(self, data_type, options, what, order, deleted), 0
  return function()
    i = i + 1
    if rows[i] then
      return rows[i][1], rows[i][2], rows[i][3]
    end
  end
end

function records:find(data_type, connection_id, ids, deleted)
  local found, dialect = {}, self.db.dialect
  local condition = not deleted and " AND " .. dialect.not_true "metadata_is_deleted" or nil
  for _, row in ipairs(self.db:all(dialect.by_key(data_type.name, "id, data", "id", condition),
    dialect.list(ids), connection_id)) do
    found[row.id] = row.data
  end
  return found
end

-- ---------------------------------------------------------------- counting

local PAUSE = 0.002 -- seconds
local LONGEST_COUNT = 10 -- seconds after which a count under way is taken for abandoned

-- Counting a million records takes a tenth of a second, a second with a query, and every page of a
-- list tells the total. Where other work can run meanwhile, a second caller waits for the first.
local function cached_total(self, known, count)
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

function records:count(data_type, connection_id, tree)
  local db = self.db
  local sql, values = select.count(db, (selected(db, data_type,
    { connection_id = connection_id, query = tree })))
  return cached_total(self, select.cache(self, sql, values, #values, connection_id), function()
    return tonumber(db:list(sql, values, 1)[1][1])
  end)
end

return records
