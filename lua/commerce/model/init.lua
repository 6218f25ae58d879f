-- The data types: those of the Commerce model (model/standard.lua) and a user's own. They drive
-- validation, the JSON of a stored record, the SQL columns and the query language.
-- Called by mapping, store, query and cli; requires its shapes and leaf helpers.

local errors = require "commerce.base.errors"
local optional = require "commerce.model.optional"
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
---@field columns commerce.Column[] one per scalar field
---@field encode fun(record: table): string

---@class commerce.Column
---@field name string snake_case
---@field field string the dotted path in the record: "paymentMethodRef.id"
---@field kind string the field's kind

-- What was found, without its content: a record's values are personal data.
local function describe(value)
  return value == nil and "nothing" or type(value)
end

-- ---------------------------------------------------------------- types

local order, aliases = {}, {}

-- The last member of every stored record. It is stamped by the store, which knows when the rest of
-- the record last changed, and so is left out when records are compared.
local STAMP = "modifiedDate"

local function new_type(name, title, key, fields)
  local data_type = { name = name, title = title, key = key, shape = shape.new(fields) }
  data_type.columns = shape.columns(data_type.shape)
  local write_members = shape.members_writer(data_type.shape, STAMP)
  data_type.encode = function(record)
    local out = { "{" }
    return concat(out, "", 1, write_members(out, 1, record))
  end
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

-- What every record ends with: the store marks and stamps it there.
local ENDING = {
  { "metadata", shape.object { { "isDeleted", "boolean" } } },
  { "createdDate", "datetime" }, { "sourceModifiedDate", "datetime" }, { STAMP, "datetime" },
}

--- A data type of a user's own, which the store has to be told of before records are written.
---@param name string
---@param fields table[] as the shapes take them; those of every record's end are added
---@param title string? the name, if left out
---@param key string? "custom-" and the name, if left out
---@return commerce.DataType
function model.new(name, fields, title, key)
  local all, ending = { { "id", "string", required = true } }, { id = true }
  for _, field in ipairs(ENDING) do
    ending[field[1]] = true
  end
  for _, field in ipairs(fields) do
    if not ending[field[1]] then
      all[#all + 1] = field
    end
  end
  for _, field in ipairs(ENDING) do
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
  return model.new(described.name, shape.declared(described.fields), described.title,
    described.key)
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

local function words_of(values)
  local words = {}
  for word in pairs(values) do
    words[#words + 1] = word
  end
  table.sort(words)
  return concat(words, ", ")
end

-- What helps against the mistakes that are made most.
local HINTS = {
  ["decimal string"] = "; tonumber(…) makes a number of a text",
  ["map string"] = "; it is a table, such as { content = { shop = { … } } }",
}

--- Write a record as canonical JSON without its modifiedDate and without the closing brace; the
--- store adds both with `model.stamp`. Fields are checked against the model on the way.
---@param data_type commerce.DataType
---@param record table
---@return string? body nil on failure
---@return string? message names the field and what was wrong with it
function model.encode(data_type, record)
  local ok, result = errors.try(data_type.encode, record)
  if ok then
    return result
  elseif type(result) ~= "table" then
    return nil, tostring(result)
  end
  local wanted, got = result.wanted, describe(result.got)
  if wanted == "enum" then
    wanted = "one of " .. words_of(result.values)
    got = got == "string" and "another word" or got
  end
  return nil, ("field %s: %s expected, got %s%s"):format(result.field, wanted, got,
    HINTS[wanted .. " " .. got] or "")
end

local STAMP_START = '"' .. STAMP .. '":"'

--- Complete a body from `model.encode` with the date of its last change.
---@param body string
---@param modified string YYYY-MM-DDTHH:MM:SSZ
---@return string data
function model.stamp(body, modified)
  return body .. (body == "{" and "" or ",") .. STAMP_START .. modified .. '"}'
end

local SOURCE_MODIFIED_END = '"sourceModifiedDate":"([^"]*)"'

--- A body whose sourceModifiedDate is not older than that of stored data: an event told of a change
--- that the object itself does not date.
---@param body string from `model.encode`
---@param data string from `model.stamp`
---@return string body
function model.keep_newest(body, data)
  local new = body:match(SOURCE_MODIFIED_END .. "$")
  local old = data:match(SOURCE_MODIFIED_END .. "," .. STAMP_START .. '[^"]*"}$')
  if new and old and old > new then
    return body:sub(1, -#new - 2) .. old .. '"'
  end
  return body
end

--- Whether stored data is this body with some modifiedDate.
---@param data string from `model.stamp`
---@param body string from `model.encode`
---@return boolean
function model.same(data, body)
  return #data == #model.stamp(body, "YYYY-MM-DDTHH:MM:SSZ") and data:sub(1, #body) == body
    and data:find(STAMP_START, #body + 1, true) ~= nil
end

return model
