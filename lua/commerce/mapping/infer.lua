-- Infers the shape of a user-defined data type from the values of its fields.

local ascii = require "commerce.base.ascii"
local shape = require "commerce.model.shape"
local value = require "commerce.mapping.value"

local infer = {}

local TEXTS = { string = true, currency = true, datetime = true, enum = true }
local NUMBERS = { decimal = true, integer = true }

local fields_of -- compiled fields -> the fields of a shape

local function words_of(field)
  local words = { field.default }
  for _, word in pairs(field.words) do
    words[#words + 1] = word
  end
  return words
end

-- A field's kind as the shapes take it, and its name alone.
local function kind_of(field)
  local kind = field.fixed_kind or field.kind
  if kind == "enum" then
    return field.words and shape.enum(words_of(field)) or "string"
  elseif kind == "object" then
    return field.fields and shape.object(fields_of(field.fields)) or "map"
  elseif kind == "list" then
    return shape.list(field.fields and fields_of(field.fields))
  end
  return kind
end

function fields_of(compiled)
  local fields = {}
  for i, field in ipairs(compiled) do
    fields[i] = { field.name, kind_of(field) }
  end
  return fields
end

local function name_of(kind)
  return type(kind) == "table" and kind.kind or kind
end

-- The narrowest kind that holds the values of both kinds; "any" holds everything.
local function common(a, b)
  local first, second = name_of(a), name_of(b)
  if a == b then
    return a
  elseif TEXTS[first] and TEXTS[second] then
    return "string"
  elseif NUMBERS[first] and NUMBERS[second] then
    return "decimal"
  end
  return "any"
end

--- The fields of a data type: the union of its sources' fields.
---@param entries commerce.MappingEntry[] see `mapping.entries`
---@return commerce.DeclaredField[] fields in the order of their names
function infer.fields(entries)
  local kinds, signs, names = {}, {}, {}
  local function add(fields)
    for _, field in ipairs((value.compile(fields))) do
      local name = field.name
      if kinds[name] == nil then
        names[#names + 1] = name
        kinds[name], signs[name] = kind_of(field), field.sign
      elseif signs[name] ~= field.sign then
        kinds[name] = common(kinds[name], kind_of(field))
      end
    end
  end
  local shared = entries[1].shared -- the same table for all of them
  for _, entry in ipairs(entries) do
    local own = {}
    for name, candidate in pairs(entry.fields or {}) do
      own[name] = candidate
    end
    for name, candidate in pairs(shared) do
      own[name] = own[name] == nil and candidate or own[name]
    end
    add(own)
    add(entry.split and entry.split.fields or {})
  end
  ascii.sort(names)
  local fields = {}
  for i, name in ipairs(names) do
    fields[i] = { name, kinds[name] }
  end
  return fields
end

return infer
