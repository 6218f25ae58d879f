-- Value functions: objects, lists and maps of values.

local errors = require "commerce.base.errors"
local tables = require "commerce.base.tables"
local value = require "commerce.mapping.value"

local values = {}

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

local function new_object(what, fields)
  check_fields(what, fields)
  local compiled, paths = value.compile(fields)
  return with_fields(compiled, value.new(("%s{%s}"):format(what, value.sign_of(compiled)),
    "object", paths, { what, compiled }))
end

--- An object of its own fields; left out when the source gives none of them.
---@param fields table<string, any>
---@return commerce.Value
function values.object(fields)
  return new_object("object", fields)
end

--- A reference { id, type or name … }; left out when the source gives no id.
---@param fields table<string, any> with `id`
---@return commerce.Value
function values.ref(fields)
  return new_object("ref", fields)
end

--- A list of values; a value that the source does not give is left out.
---@param ... any paths or values
---@return commerce.Value
function values.list(...)
  local items, paths, signs = value.collect("list", ...)
  local made = value.new("list(" .. signs .. ")", "list", paths, { "list", items })
  made.items = items
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
    local copy = tables.merged(field, { paths = {} })
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
    value.sign_of(compiled)), "list", read, { "each", array, compiled }))
end

-- ---------------------------------------------------------------- addresses

local ADDRESS = { { "line1", "line1" }, { "line2", "line2" }, { "city", "city" },
  { "region", "state" }, { "postalCode", "postal_code" }, { "country", "country" } }

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
  return with_fields(address_fields(path, kind), value.new(("address(%s,%s)"):format(path, kind),
    "object", { path }, { "address", value.field(path), kind, ADDRESS }))
end

-- ---------------------------------------------------------------- supplemental data

--- Supplemental data { content = { stripe = {…} } }: source values without a field in the model,
--- unchanged (amounts in minor units); nulls and empty containers are left out.
---@param fields table<string|integer, any> names (the source's own) and name = path or value pairs
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
    { "supplemental", compiled, beside })
  made.named, made.tallies = named, value.tallies_of(compiled)
  return made
end

return values
