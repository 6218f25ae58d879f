-- The data types: those of the Commerce model (model/standard.lua) and a user's own. They drive
-- validation, the JSON of a stored record, the columns of a store and the query language.

local optional = require "commerce.model.optional"
local record = require "commerce.model.record"
local shape = require "commerce.model.shape"
local standard = require "commerce.model.standard"
local suggest = require "commerce.base.suggest"

local model = {}

local concat = table.concat

---@class commerce.Field
---@field name string camelCase, as in Codat's API
---@field kind string string, decimal, integer, boolean, datetime, currency, enum, object, list,
---  map; any: whatever the source gives
---@field values table<string, boolean>? of an enum
---@field shape commerce.Shape? of an object, or of the elements of a list
---@field required boolean?

---@class commerce.Shape
---@field fields commerce.Field[] in the order they are written
---@field by_name table<string, commerce.Field>

---@class commerce.DataType
---@field name string as in the library and in SQL: "payments"
---@field own boolean? defined by a user, or one of the model that no mapping gives by itself
---@field title string the schema's name: "Payment"
---@field key string Codat's data type key: "commerce-payments"
---@field shape commerce.Shape
---@field scalars commerce.Scalar[] the fields of one value each, those of objects included
---@field encode fun(record: table): string

---@class commerce.Scalar
---@field field string the dotted path in the record: "paymentMethodRef.id"
---@field kind string the field's kind
---@field several boolean? of a dataset (commerce.query): whether an element has several values

-- ---------------------------------------------------------------- types

local order, aliases = {}, {}

local function new_type(name, title, key, fields)
  local data_type = { name = name, title = title, key = key, shape = shape.new(fields) }
  data_type.scalars = shape.scalars(data_type.shape)
  data_type.encode = record.encoder(data_type.shape)
  return data_type
end

for _, declared in ipairs(standard) do
  local name, key = declared.name, declared.key
  local data_type = new_type(name, declared.title, key, declared.fields)
  order[#order + 1] = data_type
  aliases[name], aliases[key] = data_type, data_type
  aliases[key:gsub("^commerce%-", "")] = data_type
end

--- Every data type that is always there, in the order in which they are listed and read.
---@return commerce.DataType[]
function model.types()
  return order
end

-- ---------------------------------------------------------------- types of a user's own

--- A data type of a user's own, which the store has to be told of before records are written.
---@param name string
---@param fields table[] as the shapes take them; those of every record's end are added
---@param title string? the name, if left out
---@param key string? "custom-" and the name, if left out
---@return commerce.DataType
function model.new(name, fields, title, key)
  local all, ending = { { "id", "string", required = true } }, { id = true }
  for _, field in ipairs(record.ENDING) do
    ending[field[1]] = true
  end
  for _, field in ipairs(fields) do
    if not ending[field[1]] then
      all[#all + 1] = field
    end
  end
  for _, field in ipairs(record.ENDING) do
    all[#all + 1] = field
  end
  local data_type = new_type(name, title or name, key or "custom-" .. name, all)
  data_type.own = true
  return data_type
end

--- A type of the Commerce model that no mapping gives by itself, such as "orders": who defines a
--- type of that name gives it that shape.
---@param name string
---@return commerce.DataType? data_type nil if there is none
function model.optional(name)
  local found = optional[name]
  return found and model.new(name, found.fields, found.title, found.key)
end

--- A data type as plain tables, as they can be stored.
---@param data_type commerce.DataType
---@return table
function model.describe(data_type)
  return { name = data_type.name, title = data_type.title, key = data_type.key,
    fields = shape.describe(data_type.shape) }
end

--- The data type that `model.describe` described.
---@param described table
---@return commerce.DataType
function model.restore(described)
  local data_type = new_type(described.name, described.title, described.key,
    shape.declared(described.fields))
  data_type.own = true
  return data_type
end

-- The names that one is called by: "payments", "commerce-payments", "payments" without a prefix.
local function is_called(data_type, name)
  return data_type.name == name or data_type.key == name
    or data_type.key:gsub("^%l+%-", "") == name
end

--- A data type by its name or by Codat's key: "payments", "commerce-payments", "paymentMethods".
---@param name string
---@param own commerce.DataType[]? types of the user's own to be looked through, too
---@return commerce.DataType? data_type nil if there is none
---@return string? message names the ones there are
function model.find(name, own)
  local data_type = aliases[name] or aliases[tostring(name):gsub("%-", "_")]
  if data_type then
    return data_type
  end
  local names = {}
  for i, each in ipairs(order) do
    names[i] = each.name
  end
  for _, each in ipairs(own or {}) do
    if is_called(each, name) then
      return each
    end
    names[#names + 1] = each.name
  end
  return nil, ("unknown data type '%s' (known: %s)%s"):format(tostring(name), concat(names, ", "),
    suggest.text(name, names))
end

--- Write a record of a data type as a body (see model/record.lua), checked on the way.
---@type fun(data_type: commerce.DataType, values: table): string?, string?
model.encode = record.encode

return model
