-- The value functions of the mapping language: what a field of a record is made of.
-- Called by mappings; requires only leaf helpers.
--
-- A value knows every source path it reads (`paths`) and computes itself from the source object
-- (`get`). A path is dotted ("evidence_details.due_by"); "^" in front of it means the object around
-- the current element inside `each` and `split`. A null of the source is nil here: a value the
-- source does not give is left out of the record.

local decimal = require "commerce.decimal"
local json = require "commerce.json"
local time = require "commerce.time"

local values = {}

local null = json.null
local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

---@class commerce.Value
---@field kind string the model's field kind it gives, "any" if it depends on the source
---@field paths string[] the source paths it reads
---@field get fun(source: table, parent: table?): any

local function new_value(kind, paths, get)
  return { kind = kind, paths = paths, get = get }
end

local function is_value(candidate)
  return type(candidate) == "table" and type(candidate.get) == "function"
end

local function split_path(path)
  local keys = {}
  for key in path:gmatch("[^%.]+") do
    keys[#keys + 1] = key
  end
  return keys
end

-- Most paths have one or two keys: those get straight-line code.
local function getter(keys)
  local first, second = keys[1], keys[2]
  if #keys == 1 then
    return function(source)
      local value = source[first]
      if value ~= null then
        return value
      end
    end
  elseif #keys == 2 then
    return function(source)
      local value = source[first]
      if type(value) == "table" then
        value = value[second]
        if value ~= null then
          return value
        end
      end
    end
  end
  return function(source)
    for i = 1, #keys do
      if type(source) ~= "table" then
        return nil
      end
      source = source[keys[i]]
    end
    if source ~= null then
      return source
    end
  end
end

--- The source's value at a path, as it is.
---@param path string
---@return commerce.Value
function values.field(path)
  if type(path) ~= "string" or not path:find("^%^?[%w_]") then
    error(("a path expected, got '%s'"):format(tostring(path)), 2)
  end
  local outer = path:sub(1, 1) == "^"
  local get = getter(split_path(outer and path:sub(2) or path))
  return new_value("any", { path }, outer and function(_, parent)
    return get(parent)
  end or get)
end

-- Wherever a value is expected, a plain string is short for the field at that path.
local function to_value(candidate)
  if is_value(candidate) then
    return candidate
  elseif type(candidate) == "string" then
    return values.field(candidate)
  end
  error("a path or a value function expected, got " .. type(candidate), 3)
end

values.to_value = to_value

local function collect(...)
  local list, paths = {}, {}
  for i = 1, select("#", ...) do
    list[i] = to_value((select(i, ...)))
    for _, path in ipairs(list[i].paths) do
      paths[#paths + 1] = path
    end
  end
  return list, paths
end

--- The same value for every record.
---@param value string|number|boolean|table
---@return commerce.Value
function values.constant(value)
  return new_value("any", {}, function()
    return value
  end)
end

--- A Lua function of named source values; nil from it leaves the field out.
---@param ... any paths or values, then the function of as many arguments
---@return commerce.Value
function values.with(...)
  local count = select("#", ...) - 1
  local compute = select(count + 1, ...)
  if type(compute) ~= "function" then
    error("with: the last argument must be a function", 2)
  end
  local list, paths = collect(unpack({ ... }, 1, count))
  if count == 1 then
    local get = list[1].get
    return new_value("any", paths, function(source, parent)
      return compute(get(source, parent))
    end)
  end
  return new_value("any", paths, function(source, parent)
    local arguments = {}
    for i = 1, count do
      arguments[i] = list[i].get(source, parent)
    end
    return compute(unpack(arguments, 1, count))
  end)
end

--- The first of several values that the source gives; an empty text counts as not given.
---@param ... any paths or values
---@return commerce.Value
function values.first(...)
  local list, paths = collect(...)
  return new_value("any", paths, function(source, parent)
    for i = 1, #list do
      local value = list[i].get(source, parent)
      if value ~= nil and value ~= "" then
        return value
      end
    end
  end)
end

-- ---------------------------------------------------------------- money

-- Stripe's own exponents, not ISO 4217's: ISK and UGX are sent in hundredths, MGA is not.
-- Source: Stripe's documentation, "Supported currencies", zero- and three-decimal currencies.
local EXPONENTS = {}
for code in ("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"):gmatch("%a+") do
  EXPONENTS[code] = 0
end
for code in ("BHD JOD KWD OMR TND"):gmatch("%a+") do
  EXPONENTS[code] = 3
end

-- Codes come lower case and few: remember what each becomes.
local upper_codes = setmetatable({}, {
  __index = function(cache, code)
    local upper = code:upper()
    cache[code] = upper
    return upper
  end,
})

local NO_CURRENCY = "XXX" -- ISO 4217: no currency

local function currency_code(code)
  if type(code) == "string" and code ~= "" then
    return upper_codes[code]
  end
  return NO_CURRENCY
end

--- How many decimals Stripe's minor units of a currency have.
---@param code string? any case
---@return integer exponent 0, 2 or 3
function values.exponent(code)
  return EXPONENTS[currency_code(code)] or 2
end

--- A currency code, upper case; XXX where the source names none.
---@param code string path or value
---@return commerce.Value
function values.currency(code)
  local value = to_value(code)
  return new_value("currency", value.paths, function(source, parent)
    return currency_code(value.get(source, parent))
  end)
end

-- Integer minor units, or Stripe's decimal string of minor units with up to 12 decimals.
local function major(amount, code)
  if amount == nil then
    return nil
  elseif type(amount) == "number" then
    return decimal.from_minor(amount, EXPONENTS[currency_code(code)] or 2)
  end
  local text = decimal.shift(amount, values.exponent(code))
  if not text then
    error(("amount: a decimal number expected, got '%s'"):format(amount), 0)
  end
  return decimal.value(text)
end

values.major = major

--- Money in major units, exact.
---@param amount string path or value: minor units, an integer or a `*_decimal` string
---@param code string path or value of the currency
---@return commerce.Value
function values.money(amount, code)
  local list, paths = collect(amount, code)
  local get_amount, get_code = list[1].get, list[2].get
  return new_value("decimal", paths, function(source, parent)
    return major(get_amount(source, parent), get_code(source, parent))
  end)
end

--- A decimal value with its sign changed.
---@param of string|commerce.Value
---@return commerce.Value
function values.negated(of)
  local value = to_value(of)
  return new_value("decimal", value.paths, function(source, parent)
    local number = value.get(source, parent)
    return number ~= nil and decimal.negate(number) or nil
  end)
end

-- ---------------------------------------------------------------- dates, enums

--- A unix time in seconds as a date; 0 and null leave the field out.
---@param seconds string path or value
---@return commerce.Value
function values.timestamp(seconds)
  local value = to_value(seconds)
  return new_value("datetime", value.paths, function(source, parent)
    return time.format(value.get(source, parent))
  end)
end

--- One of the model's words for one of the source's.
---@param of string path or value
---@param words table<string, string> the source's word -> the model's
---@param default string for words not listed, and for none
---@return commerce.Value
function values.enum(of, words, default)
  local value = to_value(of)
  local result = new_value("enum", value.paths, function(source, parent)
    return words[value.get(source, parent)] or default
  end)
  result.words, result.default = words, default
  return result
end

--- The source's word where it is none of those known: what an enum's default hides stays readable.
---@param of string path or value
---@param known table<string, any> the known words are its keys
---@return commerce.Value
function values.unlisted(of, known)
  return values.with(of, function(word)
    return word ~= nil and not known[word] and word or nil
  end)
end

-- ---------------------------------------------------------------- compound values

--- Compile a table of field name -> path or value.
---@param fields table<string, any>
---@return table[] compiled list of { name, get, kind }, sorted by name
---@return string[] paths
function values.compile_fields(fields)
  local compiled, paths = {}, {}
  for name, candidate in pairs(fields) do
    if type(name) ~= "string" then
      error("a field name expected, got " .. tostring(name), 2)
    end
    local value = to_value(candidate)
    compiled[#compiled + 1] = {
      name = name, get = value.get, kind = value.kind, words = value.words,
      default = value.default, fields = value.fields,
    }
    for _, path in ipairs(value.paths) do
      paths[#paths + 1] = path
    end
  end
  table.sort(compiled, function(a, b)
    return a.name < b.name
  end)
  return compiled, paths
end

--- Compute compiled fields.
---@param compiled table[] from `values.compile_fields`
---@param source table
---@param parent table?
---@return table record
function values.build(compiled, source, parent)
  local record = {}
  for i = 1, #compiled do
    local field = compiled[i]
    record[field.name] = field.get(source, parent)
  end
  return record
end

-- So that a mapping can hold the fields inside an object against the model.
local function with_fields(compiled, value)
  value.fields = compiled
  return value
end

--- An object of its own fields; left out when the source gives none of them.
---@param fields table<string, any>
---@return commerce.Value
function values.object(fields)
  local compiled, paths = values.compile_fields(fields)
  return with_fields(compiled, new_value("object", paths, function(source, parent)
    local record = values.build(compiled, source, parent)
    return next(record) ~= nil and record or nil
  end))
end

--- The id of a source object that may come expanded or as its bare id.
---@param path string
---@return commerce.Value
function values.id(path)
  local value = values.field(path)
  -- a path into an id that was not expanded leads to the id
  return new_value("any", { path .. ".id" }, function(source, parent)
    local object = value.get(source, parent)
    if type(object) == "table" then
      object = object.id
    end
    return object ~= null and object or nil
  end)
end

--- A reference { id, type or name … }; left out when the source gives no id.
---@param fields table<string, any> with `id`
---@return commerce.Value
function values.ref(fields)
  local compiled, paths = values.compile_fields(fields)
  return with_fields(compiled, new_value("object", paths, function(source, parent)
    local record = values.build(compiled, source, parent)
    return record.id ~= nil and record or nil
  end))
end

--- A list of those values that the source gives.
---@param ... any paths or values
---@return commerce.Value
function values.list(...)
  local items, paths = collect(...)
  return new_value("list", paths, function(source, parent)
    local result = {}
    for i = 1, #items do
      result[#result + 1] = items[i].get(source, parent)
    end
    return result
  end)
end

--- A list with one entry per element of a source array.
---@param path string of the array
---@param fields table<string, any> paths are the element's; "^path" the surrounding object's
---@return commerce.Value
function values.each(path, fields)
  local array = values.field(path)
  local compiled, paths = values.compile_fields(fields)
  local read = { path }
  for _, inner in ipairs(paths) do
    read[#read + 1] = inner:sub(1, 1) == "^" and inner:sub(2) or path .. "." .. inner
  end
  return with_fields(compiled, new_value("list", read, function(source, parent)
    local result = {}
    for i, element in ipairs(array.get(source, parent) or {}) do
      result[i] = values.build(compiled, element, source)
    end
    return result
  end))
end

local function text_or_nil(value)
  return type(value) == "string" and value ~= "" and value or nil
end

--- A postal address of the model; left out when the source's has no line, place or country.
---@param path string of Stripe's address object
---@param kind string Billing | Delivery | Order | Inventory | Unknown
---@return commerce.Value
function values.address(path, kind)
  local source_address = values.field(path)
  return new_value("object", { path }, function(source, parent)
    local from = source_address.get(source, parent)
    if type(from) ~= "table" then
      return nil
    end
    local to = {
      line1 = text_or_nil(from.line1), line2 = text_or_nil(from.line2),
      city = text_or_nil(from.city), region = text_or_nil(from.state),
      postalCode = text_or_nil(from.postal_code), country = text_or_nil(from.country),
    }
    if next(to) == nil then
      return nil
    end
    to.type = kind
    return to
  end)
end

-- A source value without its nulls and empty containers; nil if nothing is left.
local function given(value)
  if type(value) ~= "table" or decimal.is_decimal(value) then
    if value == null then
      return nil
    end
    return value
  end
  local kept = {}
  for key, member in pairs(value) do
    kept[key] = given(member)
  end
  return next(kept) ~= nil and kept or nil
end

--- Supplemental data { content = { stripe = {…} } }: source fields the model has no place for, as
--- the source gives them (amounts in minor units); nulls and empty containers are left out.
---@param fields table names (the source's own) and name = path or value pairs
---@return commerce.Value
function values.supplemental(fields)
  local named = {}
  for key, candidate in pairs(fields) do
    named[type(key) == "number" and candidate or key] = candidate
  end
  local compiled, paths = values.compile_fields(named)
  return new_value("map", paths, function(source, parent)
    local content = {}
    for i = 1, #compiled do
      content[compiled[i].name] = given(compiled[i].get(source, parent))
    end
    return next(content) ~= nil and { content = { stripe = content } } or nil
  end)
end

return values
