-- The data types that a store holds: those of the model, and those that users defined, which it
-- remembers, so that whoever opens it can read their records. Methods of a store, part of its
-- contract. Called by the SQL stores; failures are raised as in connection.lua.

local columns = require "commerce.store.sql.columns"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local model = require "commerce.model"
local schema = require "commerce.store.schema"
local tables = require "commerce.store.tables"

local types = {}

-- Another process may define a type at any time: what is known is kept by the text it came from.
local function defined(self)
  self.defined = self.defined or {}
  local list = {}
  for i, row in ipairs(self.db:all("SELECT name, definition FROM data_types ORDER BY rowid")) do
    local known = self.defined[row.name]
    if not known or known.text ~= row.definition then
      known = { text = row.definition, type = model.restore(json.decode(row.definition)) }
      self.defined[row.name] = known
    end
    list[i] = known.type
  end
  return list
end

--- Every data type that records may be stored of: the model's, then those that were defined.
---@return commerce.DataType[]? list nil on failure
---@return string? message
---@return commerce.Details? details
function types:types()
  local list = {}
  for _, group in ipairs { model.types(), defined(self) } do
    for _, data_type in ipairs(group) do
      list[#list + 1] = data_type
    end
  end
  return list
end

--- One of them, by its name or key.
---@param name string
---@return commerce.DataType? data_type nil if there is none, and on failure
---@return string? message names the ones there are
---@return commerce.Details? details
function types:find_type(name)
  local data_type = model.find(name)
  if data_type then
    return data_type
  end
  return model.find(name, defined(self))
end

local function refuse(db, message, ...)
  local _, _, details = errors.fail("store", db.name .. ": " .. message:format(...))
  error(details, 0)
end

--- Take in a data type of a user's own: its table, or the columns that it has gained, lost or
--- changed. Records stay as they are.
---@param data_type commerce.DataType from `model.new`
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function types:define_type(data_type)
  local db, name = self.db, data_type.name
  local text = json.encode(model.describe(data_type))
  local function stored()
    local row = db:all("SELECT definition FROM data_types WHERE name = ?", name)[1]
    return row and row.definition
  end
  if stored() == text then
    return true
  end
  local problem = types.type_problem(self, data_type)
  if problem then
    refuse(db, "data type '%s': %s", name, problem)
  end
  db:transaction(function()
    local before = stored() -- again, now that no other process can write
    if not before and #db:all("SELECT 1 FROM sqlite_master WHERE name = ?", name) > 0 then
      refuse(db, "it has a table '%s' of its own; give the data type another name", name)
    end
    for _, statement in ipairs(before
      and tables.change(model.restore(json.decode(before)), data_type)
      or tables.add(data_type)) do
      db:once(statement)
    end
    db:run("INSERT INTO data_types (name, definition) VALUES (?, ?) "
      .. "ON CONFLICT (name) DO UPDATE SET definition = excluded.definition", name, text)
  end)
  return true
end

--- Why the store cannot hold a data type.
---@param data_type commerce.DataType
---@return string? problem nil if it can
function types:type_problem(data_type)
  local name = data_type.name
  if columns.is_word(name) then
    return ("this is a word of SQL and would be the name of a table; choose another name, such as "
      .. "'shop_%s'"):format(name)
  elseif schema.is_reserved(name) then
    return "the store has a table with this name; choose another name"
  end
  return columns.problem(data_type)
end

return types
