-- Looking through a connection's records: page after page in either direction, from a place in the
-- order instead of a page's number, so that the last page of a million records costs as much as the
-- first. With a query, so many records are looked at in one call, and the next call goes on.

local ascii = require "commerce.base.ascii"
local columns = require "commerce.store.sql.columns"
local condition = require "commerce.store.sql.condition"
local json = require "commerce.base.json"
local model = require "commerce.model"
local query = require "commerce.query"
local statements = require "commerce.store.sql.statements"
local tables = require "commerce.store.sql.tables"
local types = require "commerce.store.sql.types"

---@class commerce.sql.Store
local browsing = {}

-- ---------------------------------------------------------------- orders

--- The column of an order; nil for the order of ids.
local function column_of(data_type, field)
  if field == "id" then
    return nil
  end
  local path, kind = model.place(data_type, field)
  assert(path, "BUG: an order by a field that the data type does not have")
  return columns.name(field), kind
end

-- A value of the order's column as a place has it: an exact number is a text in some databases.
local function value_of(walk, value)
  return walk.is_number and tonumber(value) or value
end

function browsing:record_orders(data_type)
  local fields = { "id", "modifiedDate" }
  if tables.has(data_type, "createdDate") then
    fields[#fields + 1] = "createdDate"
  end
  for _, column in ipairs(columns.of(data_type)) do
    local field = column.fact or column.field
    if self.db:all(self.db.dialect.NAMED, tables.order_index(data_type.name, column.name))[1] then
      fields[#fields + 1] = field
    end
  end
  return fields
end

function browsing:index_order(type_name, field)
  local data_type = types.find_type(self, type_name)
  local db, name = self.db, column_of(data_type, field)
  if not name then
    return true
  end
  for _, known in ipairs(browsing.record_orders(self, data_type)) do
    if known == field then
      return true
    end
  end
  db:build(tables.add_order(db.dialect, data_type.name, name))
  return true
end

-- ---------------------------------------------------------------- pages

-- The query's clauses that all hold and are about the order's own column: they bound the part of
-- the list that is looked at.
local function bounds_of(tree, field)
  local found = {}
  for _, part in ipairs(tree and (tree.join == "and" and tree.parts or { tree }) or {}) do
    if part.field == field and part.operator ~= "!=" and part.operator ~= "~" then
      found[#found + 1] = part
    end
  end
  return found
end

local function fields_of(tree, found)
  for _, part in ipairs(tree.parts or {}) do
    fields_of(part, found)
  end
  if tree.field then
    found[columns.name(tree.field)] = true
  end
  return found
end

-- The part of a list that is read: the rows without a value come first, or last if descending, and
-- do not compare with the others.
local function segments_of(column, descending, from)
  if not column then
    return { "all" }
  end
  local order = descending and { "values", "nulls" } or { "nulls", "values" }
  if from and (from.value == nil) == (order[2] == "nulls") then
    return { order[2] }
  end
  return order
end

local function add(values, ...)
  for _, value in ipairs { ... } do
    values[#values + 1] = value
  end
  return values
end

-- Conditions of a segment of the list, after a place, and their values.
local function where_of(self, asked, walk, segment, from)
  local dialect, column, values = self.db.dialect, walk.column, { asked.connection_id }
  local where = { "connection_id = ?" }
  if not walk.deleted then
    where[2] = dialect.not_true "metadata_is_deleted"
  end
  local sign = walk.descending and "<" or ">"
  if segment == "nulls" then
    where[#where + 1] = column .. " IS NULL"
  elseif segment == "values" then
    where[#where + 1] = column .. " IS NOT NULL"
  end
  if from and segment == "values" then
    where[#where + 1] = ("(%s, id) %s (?, ?)"):format(column, sign)
    local value = from.value
    -- LuaDBI cuts integers to 32 bits
    add(values, type(value) == "number" and value + 0.0 or value, from.id)
  elseif from then
    where[#where + 1] = ("id %s ?"):format(sign)
    values[#values + 1] = from.id
  end
  for _, clause in ipairs(bounds_of(asked.query, asked.order.field)) do
    where[#where + 1] = condition.compile(dialect, clause, columns.name, values)
  end
  return table.concat(where, " AND "), values
end

local function order_of(self, walk)
  local terms, ordered = {}, self.db.dialect.ordered
  if walk.column then
    terms[1] = ordered(walk.column, walk.descending)
  end
  terms[#terms + 1] = ordered("id", walk.descending)
  return table.concat(terms, ", ")
end

-- All rows of a segment: id, data, value.
local function plain(self, data_type, asked, walk, segment, from, limit)
  local where, values = where_of(self, asked, walk, segment, from)
  return self.db:list(("SELECT id, data, %s FROM %s WHERE %s ORDER BY %s LIMIT ?"):format(
    walk.column or "NULL", data_type.name, where, order_of(self, walk)), add(values, limit), 3)
end

-- The rows of a segment that a query finds among so many.
local function filtered(self, data_type, asked, walk, segment, from, limit, look)
  local where, values = where_of(self, asked, walk, segment, from)
  local names = { id = true, data = true }
  if walk.column then
    names[walk.column] = true
  end
  local inner = {}
  for name in pairs(fields_of(asked.query, names)) do
    inner[#inner + 1] = name
  end
  ascii.sort(inner)
  local order = order_of(self, walk)
  add(values, look)
  local found = condition.compile(self.db.dialect, asked.query, columns.name, values)
  return self.db:list(("SELECT id, data, %s FROM (SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT ?) "
    .. "AS part WHERE %s ORDER BY %s LIMIT ?"):format(walk.column or "NULL",
    table.concat(inner, ", "), data_type.name, where, order, found, order), add(values, limit), 3)
end

-- The place of the last of so many rows; nil if there are fewer.
local function place_after(self, data_type, asked, walk, segment, from, look)
  local where, values = where_of(self, asked, walk, segment, from)
  local row = self.db:list(("SELECT id, %s FROM %s WHERE %s ORDER BY %s LIMIT 1 OFFSET ?"):format(
    walk.column or "NULL", data_type.name, where, order_of(self, walk)),
    add(values, look - 1), 2)[1]
  return row and { id = row[1], value = value_of(walk, row[2]) }
end

-- How many rows of a segment there are from a place on, up to another place if one is given.
local function count_to(self, data_type, asked, walk, segment, from, to)
  local where, values = where_of(self, asked, walk, segment, from)
  if to then
    local sign = walk.descending and ">=" or "<="
    local by_value = segment == "values"
    where = where .. (by_value and (" AND (%s, id) %s (?, ?)"):format(walk.column, sign)
      or (" AND id %s ?"):format(sign))
    add(values, by_value and to.value or to.id, by_value and to.id or nil)
  end
  return self.db:list(("SELECT count(*) FROM %s WHERE %s"):format(data_type.name, where), values,
    1)[1][1]
end

local function note(page, walk, rows)
  for _, row in ipairs(rows) do
    page.rows[#page.rows + 1] = { id = row[1], data = row[2],
      place = { id = row[1], value = value_of(walk, row[3]) } }
  end
end

-- One segment. Gives whether to go on with the next one.
local function read_plain(self, data_type, asked, walk, segment, from, page)
  local limit = asked.limit - #page.rows
  local rows = plain(self, data_type, asked, walk, segment, from, limit)
  note(page, walk, rows)
  page.looked = page.looked + #rows
  page.more = #rows == limit and page.rows[#page.rows].place or nil
  return #rows < limit
end

local function read_filtered(self, data_type, asked, walk, segment, from, page)
  local limit, look = asked.limit - #page.rows, asked.look - page.looked
  local rows = filtered(self, data_type, asked, walk, segment, from, limit, look)
  note(page, walk, rows)
  if #rows == limit then
    page.more = page.rows[#page.rows].place
    page.looked = page.looked + count_to(self, data_type, asked, walk, segment, from, page.more)
    return false
  end
  page.more = place_after(self, data_type, asked, walk, segment, from, look)
  page.looked = page.looked + (page.more and look
    or count_to(self, data_type, asked, walk, segment, from))
  return page.more == nil and page.looked < asked.look
end

local function reverse(rows)
  for i = 1, math.floor(#rows / 2) do
    rows[i], rows[#rows + 1 - i] = rows[#rows + 1 - i], rows[i]
  end
end

function browsing:record_page(data_type, asked)
  local order, page = asked.order, { rows = {}, looked = 0 }
  local column, kind = column_of(data_type, order.field)
  local walk = { descending = order.descending ~= (asked.backward == true), column = column,
    is_number = kind == "decimal" or kind == "integer",
    deleted = query.is_about_deleted(asked.query) }
  local read = asked.query and read_filtered or read_plain
  for _, segment in ipairs(segments_of(walk.column, walk.descending, asked.from)) do
    local from = asked.from
    if from and (segment == "nulls") ~= (walk.column ~= nil and from.value == nil) then
      from = nil -- the place is in the other segment
    end
    if not read(self, data_type, asked, walk, segment, from, page) then
      break
    end
  end
  if asked.backward then
    reverse(page.rows)
  end
  return page
end

function browsing:count_upto(data_type, connection_id, most)
  return tonumber(self.db:list(("SELECT count(*) FROM (SELECT 1 FROM %s WHERE connection_id = ? "
    .. "AND %s LIMIT ?) AS part"):format(data_type.name,
    self.db.dialect.not_true "metadata_is_deleted"), { connection_id, most }, 1)[1][1])
end

-- ---------------------------------------------------------------- one record's changes

function browsing:changes_of(data_type, connection_id, id, limit)
  local list = {}
  for i, row in ipairs(self.db:list(("SELECT at, kind, %s FROM changes WHERE connection_id = ? "
    .. "AND data_type = ? AND %s ORDER BY last DESC LIMIT ?"):format(
    statements.text "last", self.db.dialect.contains "ids"), { connection_id, data_type.name,
    json.string(id), limit }, 3)) do
    list[i] = { at = row[1], kind = row[2], number = tonumber(row[3]) }
  end
  return list
end

return browsing
