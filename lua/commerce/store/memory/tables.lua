-- Tables of rows in memory, with transactions that are undone if they fail.
--
-- A row is an immutable Lua table: a change replaces it. So a transaction is undone by putting back
-- the old rows, and a reader may keep the rows that it has.

local errors = require "commerce.base.errors"

local tables = {}

---@class commerce.MemoryTable
---@field size integer how many rows there are
---@field version integer changes with every change
local Table = {}
Table.__index = Table

---@class commerce.MemoryDatabase
local Database = {}
Database.__index = Database

--- A copy of a row that its receiver may change.
---@param row table<string, any>?
---@return table<string, any>? copy
function tables.copy(row)
  if type(row) ~= "table" then
    return row
  end
  local copy = {}
  for name, value in pairs(row) do
    copy[name] = tables.copy(value)
  end
  return copy
end

--- Fail unless a row has some fields.
---@param row table<string, any>
---@param what string what the row is: "company"
---@param fields string[]
function tables.need(row, what, fields)
  for _, name in ipairs(fields) do
    if row[name] == nil then
      errors.throw("store", ("a %s must have a field '%s'"):format(what, name))
    end
  end
end

-- ---------------------------------------------------------------- one table

local function new_table(database, kind, owner, part)
  return setmetatable({ database = database, kind = kind, owner = owner, part = part,
    size = 0, version = 0,
    rows = {}, places = {} }, Table)
end

-- Put a row, or nil, under a key. A new row gets a place after all others, or the given one.
local function set(self, key, row, place)
  local old = self.rows[key]
  if (old == nil) ~= (row == nil) then
    self.size = self.size + (row ~= nil and 1 or -1)
    self.keys, self.ordered = nil, nil
  end
  if row == nil then
    self.places[key] = nil
  elseif old == nil then
    self.places[key] = place or self.database:number()
  end
  self.rows[key], self.indexes = row, nil
  self.version = self.version + 1
  self.database:note_change(self.kind)
end

--- The row under a key.
---@param key any
---@return any row nil if there is no such row; must not be changed
function Table:get(key)
  return self.rows[key]
end

--- Put a row under a key, in place of the one that is there.
---@param key any
---@param row any
function Table:put(key, row)
  local old, place = self.rows[key], self.places[key]
  set(self, key, row)
  self.database:on_failure(function()
    set(self, key, old, place)
  end)
end

--- Add a row under a key of its own.
---@param row any
function Table:add(row)
  self:put(self.database:number(), row)
end

--- Remove the row under a key.
---@param key any
---@return boolean removed false if there was none
function Table:remove(key)
  if self.rows[key] == nil then
    return false
  end
  self:put(key, nil)
  return true
end

--- Put a copy of a row with some fields changed; `false` removes a field.
---@param key any
---@param changes table<string, any>
---@return table<string, any> row as it is now
function Table:change(key, changes)
  local row = {}
  for name, value in pairs(self.rows[key]) do
    row[name] = value
  end
  for name, value in pairs(changes) do
    row[name] = value or nil
  end
  self:put(key, row)
  return row
end

--- Remove all rows.
function Table:clear()
  if self.size == 0 then
    return
  end
  local rows, places, size = self.rows, self.places, self.size
  local function replace(new_rows, new_places, new_size)
    self.rows, self.places, self.size = new_rows, new_places, new_size
    self.keys, self.ordered, self.indexes = nil, nil, nil
    self.version = self.version + 1
    self.database:note_change(self.kind)
  end
  replace({}, {}, 0)
  self.database:on_failure(function()
    replace(rows, places, size)
  end)
end

local function keys_in_order(self, less)
  local keys, count = {}, 0
  for key in pairs(self.rows) do
    count = count + 1
    keys[count] = key
  end
  table.sort(keys, less)
  return keys
end

--- Iterate over keys and rows in the order in which the rows were first put.
---@return fun(): any, any next gives key and row; rows may be put and removed meanwhile
function Table:each()
  local places, i = self.places, 0
  self.ordered = self.ordered or keys_in_order(self, function(a, b)
    return places[a] < places[b]
  end)
  local keys = self.ordered
  return function()
    local key, row
    repeat
      i = i + 1
      key = keys[i]
      row = key ~= nil and self.rows[key] or nil
    until key == nil or row ~= nil
    return key, row
  end
end

--- The rows that a function takes, in the order in which they were first put.
---@param wanted (fun(row: any, key: any): any)? without one, all
---@return any[] rows must not be changed
function Table:list(wanted)
  local list = {}
  for key, row in self:each() do
    if not wanted or wanted(row, key) then
      list[#list + 1] = row
    end
  end
  return list
end

--- Copies of rows that have an `id`, their key, and a date `created`: the oldest first.
---@param wanted (fun(row: any, key: any): any)? without one, all
---@return table<string, any>[] rows
function Table:oldest_first(wanted)
  local list, places = {}, self.places
  for i, row in ipairs(self:list(wanted)) do
    list[i] = tables.copy(row)
  end
  table.sort(list, function(a, b)
    if a.created ~= b.created then
      return a.created < b.created
    end
    return places[a.id] < places[b.id]
  end)
  return list
end

-- The first place in a sorted list whose key comes after one.
local function first_after(keys, after)
  local low, high = 1, #keys + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if keys[middle] > after then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

--- Keys that come after one, in their order, at most so many.
---@param after string
---@param limit integer
---@param wanted (fun(row: any, key: string): any)? without one, all
---@return string[] keys
function Table:after(after, limit, wanted)
  self.keys = self.keys or keys_in_order(self)
  local keys, found = self.keys, {}
  for i = first_after(keys, after), #keys do
    if #found >= limit then
      break
    elseif not wanted or wanted(self.rows[keys[i]], keys[i]) then
      found[#found + 1] = keys[i]
    end
  end
  return found
end

--- The rows of which a field has a value; found by an index that is kept until the next change.
---@param field string
---@param value any
---@return any[] rows in no order; must not be changed
function Table:where(field, value)
  self.indexes = self.indexes or {}
  if not self.indexes[field] then
    local index = {}
    for _, row in pairs(self.rows) do
      local key = row[field]
      if key ~= nil then
        index[key] = index[key] or {}
        table.insert(index[key], row)
      end
    end
    self.indexes[field] = index
  end
  return self.indexes[field][value] or {}
end

-- ---------------------------------------------------------------- all of them

--- An empty database.
---@return commerce.MemoryDatabase
function tables.new()
  return setmetatable({ tables = {}, versions = {}, last = 0 }, Database)
end

--- A table; an empty one if nothing was put into it yet.
---@param kind string what its rows are: "records"
---@param owner string? the connection that they belong to
---@param part string? which of the owner's: a data type's name
---@return commerce.MemoryTable
function Database:table(kind, owner, part)
  local name = owner and ("%s\0%s\0%s"):format(kind, owner, part or "") or kind
  local found = self.tables[name]
  if not found then
    found = new_table(self, kind, owner, part)
    self.tables[name] = found
  end
  return found
end

--- The tables of a kind, or of an owner.
---@param kind string? all kinds, if left out
---@param owner string? all owners, if left out
---@return commerce.MemoryTable[]
function Database:tables_of(kind, owner)
  local list = {}
  for _, each in pairs(self.tables) do
    if each.owner and (not kind or each.kind == kind) and (not owner or each.owner == owner) then
      list[#list + 1] = each
    end
  end
  return list
end

--- A number that was never given before and is higher than all before it.
---@return integer
function Database:number()
  self.last = self.last + 1
  return self.last
end

--- A number that changes when a table of one of these kinds does.
---@param ... string kinds
---@return string version
function Database:version(...)
  local list = {}
  for i = 1, select("#", ...) do
    list[i] = self.versions[select(i, ...)] or 0
  end
  return table.concat(list, " ")
end

--- Count a change in tables of a kind.
---@param kind string
function Database:note_change(kind)
  self.versions[kind] = (self.versions[kind] or 0) + 1
end

--- Keep the function that undoes a change if the transaction fails.
---@param undo function
function Database:on_failure(undo)
  if self.undone_by then
    self.undone_by[#self.undone_by + 1] = undo
  end
end

local function finished(self, ok, ...)
  local undone_by = self.undone_by
  self.undone_by = nil
  if not ok then
    for i = #undone_by, 1, -1 do
      undone_by[i]()
    end
    error(..., 0)
  end
  return ...
end

--- Do all of some work, or none of it: what was changed is undone if it raises. One that is begun
--- inside another one is a part of that.
---@param work function
---@param ... any its arguments
---@return any ... the work's results
function Database:transaction(work, ...)
  if self.undone_by then
    return work(...)
  end
  self.undone_by = {}
  return finished(self, pcall(work, ...))
end

return tables
