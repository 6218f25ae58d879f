-- Value functions: objects, lists and maps of values.

local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local value = require "commerce.mapping.value"

local values = {}

local null = json.null

local function check_fields(what, fields)
  if type(fields) ~= "table" or value.is_value(fields) then
    errors.refuse("%s: a table of fields expected, got %s", what,
      value.is_value(fields) and "a value" or type(fields))
  end
end

-- Keeps the compiled fields, so that the mapping can check them against the model.
local function with_fields(compiled, made)
  made.fields = compiled
  return made
end

-- `given` decides from the built object whether it is kept.
local function new_object(what, fields, given)
  check_fields(what, fields)
  local compiled, paths = value.compile(fields)
  return with_fields(compiled, value.new(("%s{%s}"):format(what, value.sign_of(compiled)),
    "object", paths, function(source, parent)
      local record = value.build(compiled, source, parent)
      return given(record) and record or nil
    end, { what, compiled }))
end

--- An object of its own fields; left out when the source gives none of them.
---@param fields table<string, any>
---@return commerce.Value
function values.object(fields)
  return new_object("object", fields, function(record)
    return next(record) ~= nil
  end)
end

--- A reference { id, type or name … }; left out when the source gives no id.
---@param fields table<string, any> with `id`
---@return commerce.Value
function values.ref(fields)
  return new_object("ref", fields, function(record)
    return record.id ~= nil
  end)
end

--- A list of values; a value that the source does not give is left out.
---@param ... any paths or values
---@return commerce.Value
function values.list(...)
  local items, paths, signs = value.collect("list", ...)
  local made = value.new("list(" .. signs .. ")", "list", paths, function(source, parent)
    local result = {}
    for i = 1, #items do
      result[#result + 1] = items[i].get(source, parent)
    end
    return result
  end)
  made.items, made.op = items, { "list", items }
  return made
end

-- A path inside an element, as seen from the object around it.
local function path_in(array, path)
  if path:sub(1, 1) == "^" then
    return path:sub(2)
  end
  return path == value.WHOLE and array or array .. "." .. path
end

-- Compiled fields of an element, with their paths as seen from the object around the array.
local function fields_in(array, compiled)
  local list = {}
  for i, field in ipairs(compiled) do
    local copy = {}
    for name, member in pairs(field) do
      copy[name] = member
    end
    copy.paths = {}
    for j, path in ipairs(field.paths or {}) do
      copy.paths[j] = path_in(array, path)
    end
    copy.fields = field.fields and fields_in(array, field.fields)
    copy.items, copy.named = nil, nil
    list[i] = copy
  end
  return list
end

--- A list with one entry per element of a source array; "^path" reads from the outer object.
---@param path string of the array
---@param fields table<string, any> their paths are relative to the element
---@return commerce.Value
function values.each(path, fields)
  check_fields("each", fields)
  local array = value.field(path)
  local compiled, paths = value.compile(fields)
  local read = { path }
  for _, inner in ipairs(paths) do
    read[#read + 1] = path_in(path, inner)
  end
  return with_fields(fields_in(path, compiled), value.new(("each(%s){%s}"):format(path,
    value.sign_of(compiled)), "list", read, function(source, parent)
      local result = {}
      for i, element in ipairs(array.get(source, parent) or {}) do
        result[i] = value.build(compiled, element, source)
      end
      return result
    end, { "each", array, compiled }))
end

-- ---------------------------------------------------------------- addresses

local ADDRESS = { { "line1", "line1" }, { "line2", "line2" }, { "city", "city" },
  { "region", "state" }, { "postalCode", "postal_code" }, { "country", "country" } }

local function text_or_nil(text)
  return type(text) == "string" and text ~= "" and text or nil
end

local function address_fields(path, kind)
  local fields = { { name = "type", kind = "enum", words = { kind }, sign = kind, paths = {} } }
  for i, names in ipairs(ADDRESS) do
    fields[i + 1] = { name = names[1], kind = "string", sign = names[2],
      paths = { path .. "." .. names[2] } }
  end
  return fields
end

--- A postal address; left out when the source's address has no line, place or country.
---@param path string of Stripe's address object
---@param kind string Billing | Delivery | Order | Inventory | Unknown
---@return commerce.Value
function values.address(path, kind)
  if type(kind) ~= "string" then
    errors.refuse("address: its kind expected (Billing, Delivery, …), got %s", type(kind))
  end
  local field = value.field(path)
  local get = field.get
  return with_fields(address_fields(path, kind), value.new(("address(%s,%s)"):format(path, kind),
    "object", { path }, function(source, parent)
      local from, to = get(source, parent), {}
      if type(from) ~= "table" then
        return nil
      end
      for i = 1, #ADDRESS do
        local names = ADDRESS[i]
        to[names[1]] = text_or_nil(from[names[2]])
      end
      if next(to) == nil then
        return nil
      end
      to.type = kind
      return to
    end, { "address", field, kind, ADDRESS }))
end

-- ---------------------------------------------------------------- supplemental data

local given

-- The elements of an array that are given, which move up.
local function elements_given(list)
  local kept = {}
  for i = 1, #list do
    kept[#kept + 1] = given(list[i])
  end
  return kept[1] ~= nil and kept or nil
end

-- A source value without its nulls and empty containers; nil if nothing is left.
function given(found)
  if type(found) ~= "table" or decimal.is_decimal(found) then
    if found == null then
      return nil
    end
    return found
  elseif found[1] ~= nil then
    return elements_given(found)
  end
  local kept = {}
  for key, member in pairs(found) do
    kept[key] = given(member)
  end
  return next(kept) ~= nil and kept or nil
end

--- Supplemental data { content = { stripe = {…} } }: source values without a field in the model,
--- unchanged (amounts in minor units); nulls and empty containers are left out.
---@param fields table names (the source's own) and name = path or value pairs
---@return commerce.Value
function values.supplemental(fields)
  check_fields("supplemental", fields)
  local named, beside = {}, {}
  for at, candidate in pairs(fields) do
    local key = type(at) == "number" and candidate or at
    named[key], beside[key] = candidate, value.is_value(candidate) and candidate.beside
  end
  local compiled, paths = value.compile(named)
  local made = value.new(("supplemental{%s}"):format(value.sign_of(compiled)), "map", paths,
    function(source, parent)
      local content, ours = {}, {}
      for i = 1, #compiled do
        local name, found = compiled[i].name, compiled[i].get(source, parent)
        if beside[name] then
          content[name] = found
        else
          ours[name] = given(found)
        end
      end
      for name, found in pairs(content.stripe or {}) do -- "stripe" may be one of those, too
        ours[name] = found
      end
      content.stripe = next(ours) ~= nil and ours or nil
      return next(content) ~= nil and { content = content } or nil
    end)
  made.named, made.tallies = named, value.tallies_of(compiled)
  made.op = { "supplemental", compiled, beside }
  return made
end

return values
