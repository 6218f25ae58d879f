-- SELECT statements over lists: filtered by columns, by a query, in an order, a page at a time. And
-- a cache of what is known about long lists, their length and bookmarks in them.

local condition = require "commerce.store.sql.condition"
local errors = require "commerce.base.errors"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local select = {}

---@class commerce.sql.Selection
---@field columns string SQL
---@field from string SQL
---@field where any[][] conditions that all hold, each { SQL, its bound values… }
---@field query commerce.Query?
---@field column_of (fun(field: string): string, string?)? see `condition.compile`
---@field order string[] SQL terms
---@field limit integer?
---@field offset integer?

local function condition_of(db, what, values)
  local where = {}
  for _, each in ipairs(what.where) do
    where[#where + 1] = each[1]
    for i = 2, #each do
      values[#values + 1] = each[i]
    end
  end
  if what.query then
    where[#where + 1] = condition.compile(db.dialect, what.query, what.column_of, values)
  end
  return #where > 0 and " WHERE " .. table.concat(where, " AND ") or ""
end

--- The statement that gives a page of the rows. The limit and the offset are its last two values.
---@param db commerce.sql.Database
---@param what commerce.sql.Selection
---@return string sql
---@return any[] values to bind
function select.rows(db, what)
  local values = {}
  local where = condition_of(db, what, values)
  values[#values + 1] = what.limit or db.dialect.NO_LIMIT
  values[#values + 1] = what.offset or 0
  return ("SELECT %s FROM %s%s ORDER BY %s LIMIT ? OFFSET ?"):format(what.columns, what.from,
    where, table.concat(what.order, ", ")), values
end

--- The statement that gives a page far down a connection's list: the rows above it are passed over
--- in the index, where PostgreSQL would otherwise fetch and sort them (page 500 of 100,000 rows
--- that lie mixed in a million: 40 ms instead of 2.4 s).
---@param db commerce.sql.Database
---@param what commerce.sql.Selection of rows of one connection, in an order that has an index
---@param connection_id string
---@return string sql
---@return any[] values to bind
function select.deep_rows(db, what, connection_id)
  local sql, values = select.rows(db, setmetatable({ columns = "id" }, { __index = what }))
  table.insert(values, 1, connection_id)
  return ("SELECT %s FROM %s WHERE connection_id = ? AND id IN (%s) ORDER BY %s"):format(
    what.columns, what.from, sql, table.concat(what.order, ", ")), values
end

--- The statement that counts all the rows, as column n.
---@param db commerce.sql.Database
---@param what commerce.sql.Selection
---@return string sql
---@return any[] values to bind
function select.count(db, what)
  local values = {}
  local where = condition_of(db, what, values)
  return ("SELECT %s FROM %s%s"):format(db.dialect.whole("count(*)", "n"), what.from, where), values
end

---@class commerce.sql.Order
---@field column string? SQL; nil for the order of the key
---@field descending boolean

--- The terms of an order without ties.
---@param db commerce.sql.Database
---@param order commerce.sql.Order
---@param key string SQL of a column that no two rows share
---@return string[] terms
function select.terms(db, order, key)
  local ordered = db.dialect.ordered
  local terms = { ordered(key, order.descending) }
  if order.column then
    table.insert(terms, 1, ordered(order.column, order.descending))
  end
  return terms
end

--- An order in SQL: newest first if none is asked for.
---@param asked commerce.Order?
---@param column_of fun(field: string): string
---@param default string? the column of a row's date
---@return commerce.sql.Order
function select.order(asked, column_of, default)
  if asked then
    return { column = (column_of(asked.field)), descending = asked.descending }
  end
  return { column = default, descending = true }
end

--- The rows of a table whose columns have given values, oldest first.
---@param db commerce.sql.Database
---@param from string the table; it has the columns created and id
---@param columns table<string, string> the columns that may be named, and their Lua types
---@param given table<string, any>? column -> value; limit; offset
---@return table<string, any>[] rows
function select.where(db, from, columns, given)
  given = given or {}
  local known, where = { limit = "number", offset = "number" }, {}
  for name, kind in pairs(columns) do
    known[name] = kind
    where[#where + 1] = given[name] ~= nil and { name .. " = ?", given[name] } or nil
  end
  errors.check_options(given, known)
  local sql, values = select.rows(db, { columns = "*", from = from, where = where,
    order = { "created", "id" }, limit = given.limit, offset = given.offset })
  return db:all(sql, unpack(values))
end

-- ---------------------------------------------------------------- the cache of lists

local MOST_LISTS = 100 -- in the cache

---@class commerce.sql.Bookmark a place in a list
---@field offset integer how many records there are up to it
---@field value any what the list is ordered by, of the record there
---@field id string of the record

---@class commerce.sql.KnownList what is known of a list since the last write to the database
---@field version any of the database, as it was then
---@field rows any[][]?
---@field total integer?
---@field [integer] commerce.sql.Bookmark

--- The cache of a list: what the caller kept in it since the last write to the database.
---@param store commerce.sql.Store
---@param sql string the statement that gives the list, or counts it
---@param values any[] its bound values
---@param count integer how many of them belong to the list: the limit and offset do not
---@param connection_id string? whose records the list has
---@return commerce.sql.KnownList list
function select.cache(store, sql, values, count, connection_id)
  local words = { sql }
  for i = 1, count do
    words[#words + 1] = type(values[i]) .. tostring(values[i])
  end
  local key, version = table.concat(words, "\0"), store.db:version(connection_id)
  local known = store.known
  if not known or known.count > MOST_LISTS then
    known = { lists = {}, count = 0 }
    store.known = known
  end
  local list = known.lists[key]
  if not list or list.version ~= version then
    known.count = known.count + (list and 0 or 1)
    list = { version = version }
    known.lists[key] = list
  end
  return list
end

-- Bookmarks in a long list: after which record the first thousand end, the second, and so on. A
-- page is found from the bookmark before it instead of from the top, so that reading all of a
-- million records page by page takes time in proportion to their number, not to its square.
local APART = 1000 -- records

--- The nearest bookmark at or before a place.
---@param list commerce.sql.KnownList from `select.cache`
---@param offset integer how many records come before the place
---@return commerce.sql.Bookmark? bookmark
function select.bookmark(list, offset)
  for number = math.floor(offset / APART), 0, -1 do
    local bookmark = list[number]
    if bookmark and bookmark.offset <= offset then
      return bookmark
    end
  end
end

--- Keep a bookmark, unless there is one nearby.
---@param list commerce.sql.KnownList from `select.cache`
---@param offset integer how many records there are up to this one
---@param value any what the list is ordered by, of this record
---@param id string
function select.keep_bookmark(list, offset, value, id)
  local number = math.floor(offset / APART)
  list[number] = list[number] or { offset = offset, value = value, id = id }
end

return select
