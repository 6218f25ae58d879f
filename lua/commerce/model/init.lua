-- The data types: the built-in ones (model/standard.lua) and user-defined ones. They
-- drive validation, the JSON of a stored record, a store's columns and the query language.

local optional = require "commerce.model.optional"
local record = require "commerce.model.record"
local shape = require "commerce.model.shape"
local standard = require "commerce.model.standard"
local suggest = require "commerce.base.suggest"
local tables = require "commerce.base.tables"

local model = {}

local concat = table.concat

---@class commerce.Field
---@field name string camelCase, as in Codat's API
---@field kind string string, decimal, integer, boolean, datetime, currency, enum, object, list,
---  map; any: any JSON value
---@field values table<string, boolean>? of an enum
---@field shape commerce.Shape? of an object, or of the elements of a list
---@field required boolean?

---@class commerce.Shape
---@field fields commerce.Field[] in the order they are written
---@field by_name table<string, commerce.Field>

---@class commerce.DataType
---@field name string as in the library and in SQL: "payments"
---@field own boolean? defined by a user, or an optional type of the model
---@field title string the schema's name: "Payment"
---@field key string Codat's data type key: "commerce-payments"
---@field custom boolean? Codat's model does not have it; its key begins with "custom/"
---@field shape commerce.Shape
---@field linked commerce.Shape fields that are not in the stored record; see store/linked.lua
---@field facts commerce.Fact[] further columns of its table
---@field scalars commerce.Scalar[] the fields with a single value, including those inside objects
---@field encode fun(record: commerce.RecordFields): string

---@class commerce.Fact a value inside a record that has a column of its own, beside those of the
---  scalar fields
---@field name string "failureCode": the column is failure_code
---@field kind string the value's kind
---@field field string the dotted path in the record
---@field indexed boolean? whether few records have it, and those are found by it

---@class commerce.Scalar
---@field field string the dotted path in the record: "paymentMethodRef.id"
---@field kind string the field's kind
---@field several boolean? datasets only (commerce.query): whether an element has several values

-- ---------------------------------------------------------------- types

local order, aliases = {}, {}

local function new_type(name, title, key, fields, linked, facts)
  local data_type = { name = name, title = title, key = key, shape = shape.new(fields),
    linked = shape.new(linked or {}), facts = facts or {},
    custom = key:find "^custom/" ~= nil }
  data_type.scalars = shape.scalars(data_type.shape)
  return data_type
end

for _, declared in ipairs(standard) do
  local name, key = declared.name, declared.key
  local data_type = new_type(name, declared.title, key, declared.fields, declared.linked,
    declared.facts)
  local fields = data_type.shape.by_name
  assert(fields.metadata and fields.modifiedDate,
    name .. ": the shape must have METADATA and MODIFIED, which the store writes")
  order[#order + 1] = data_type
  aliases[name], aliases[key] = data_type, data_type
  aliases[key:gsub("^commerce%-", "")] = data_type
end

--- The built-in data types, in the order in which they are listed and read.
---@param own commerce.DataType[]? user-defined ones, which follow
---@return commerce.DataType[]
function model.types(own)
  return own and tables.joined(order, own) or order
end

-- ---------------------------------------------------------------- types of a user's own

---@class commerce.DescribedType a data type as plain tables, which JSON can carry
---@field name string
---@field title string
---@field key string
---@field fields commerce.DescribedField[]
---@field facts commerce.Fact[]?

--- Create a user-defined data type. The store must know it (`define_type`) before it can write its
--- records.
---@param name string
---@param fields commerce.DeclaredField[] as `shape.new` takes them; the fields that end every
---  record are added
---@param title string? default: the name
---@param key string? default: "custom/" and the name, as Codat calls custom data types
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
  local data_type = new_type(name, title or name, key or "custom/" .. name, all)
  data_type.own = true
  return data_type
end

--- A type of the Commerce model without a built-in mapping, such as "orders". A user-defined type
--- of this name has its shape.
---@param name string
---@return commerce.DataType? data_type nil if there is none
function model.optional(name)
  local found = optional[name]
  return found and model.new(name, found.fields, found.title, found.key)
end

--- A data type as plain tables, as they can be stored.
---@param data_type commerce.DataType
---@return commerce.DescribedType
function model.describe(data_type)
  return { name = data_type.name, title = data_type.title, key = data_type.key,
    fields = shape.describe(data_type.shape),
    facts = #data_type.facts > 0 and data_type.facts or nil }
end

--- The data type that `model.describe` described.
---@param described commerce.DescribedType
---@return commerce.DataType
function model.restore(described)
  -- the keys of older databases begin with "custom-", and "custom-custom_" if Codat's API made them
  local key = described.key:gsub("^custom%-", "custom/"):gsub("^custom/custom_", "custom/")
  local data_type = new_type(described.name, described.title, key,
    shape.declared(described.fields), nil, described.facts)
  data_type.own = true
  return data_type
end

-- The names of a data type: its name, its key, and its key without the prefix.
local function is_called(data_type, name)
  return data_type.name == name or data_type.key == name
    or data_type.key:gsub("^%l+[%-/]", "") == name
end

--- The place in a record of a field or a fact.
---@param data_type commerce.DataType
---@param name string "status", "customerRef.id", "failureCode"
---@return string? path the dotted path; nil if the data type has neither
---@return string? kind
function model.place(data_type, name)
  for _, fact in ipairs(data_type.facts) do
    if fact.name == name then
      return fact.field, fact.kind
    end
  end
  for _, scalar in ipairs(data_type.scalars) do
    if scalar.field == name then
      return scalar.field, scalar.kind
    end
  end
end

--- A data type by its name or by Codat's key: "payments", "commerce-payments", "paymentMethods".
---@param name string
---@param own commerce.DataType[]? user-defined types to search as well
---@return commerce.DataType? data_type nil if there is none
---@return string? message lists the existing data types
function model.find(name, own)
  name = tostring(name):gsub("^custom%-", "custom/") -- as they were called before
  local data_type = aliases[name] or aliases[name:gsub("%-", "_")]
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
  return nil, ("unknown data type '%s' (known: %s)%s"):format(name, concat(names, ", "),
    suggest.text(name, names))
end

--- Check a record and encode it as a body (see model/record.lua).
---@type fun(data_type: commerce.DataType, values: commerce.RecordFields): string?, string?
model.encode = record.encode

return model
