-- Value functions: source values unchanged, checked for their kind, translated, or computed by a
-- Lua function.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local time = require "commerce.base.time"
local value = require "commerce.mapping.value"

local values = {}

local null = json.null
local unpack = require("commerce.base.compat").unpack

--- The source's value at a path, unchanged. A plain string is short for this.
---@param path string
---@return commerce.Value
function values.field(path)
  return value.field(path)
end

-- ---------------------------------------------------------------- of a known kind

-- The encoder rejects a value of another kind, so the field's column has one type.
local function of_kind(kind, convert)
  return function(path)
    local from = value.of(path, kind)
    local get = from.get
    return value.new(kind .. "(" .. from.sign .. ")", kind, from.paths, convert
      and function(source, parent)
        return convert(get(source, parent))
      end or get, { convert and kind or "same", from })
  end
end

--- A string; a value of another kind fails the record.
---@param path string path or value
---@return commerce.Value
values.string = of_kind("string")

--- A whole number; a value of another kind fails the record.
---@param path string path or value
---@return commerce.Value
values.integer = of_kind("integer", function(number)
  if type(number) == "number" and number % 1 ~= 0 then
    error(("a whole number expected, got %s"):format(tostring(number)), 0)
  end
  return number
end)

--- A number, exact; accepts a string of digits ("12.50") as well.
---@param path string path or value
---@return commerce.Value
values.decimal = of_kind("decimal", function(number)
  local text = type(number) == "string" and decimal.shift(number, 0)
  return text and decimal.value(text) or number
end)

--- True or false; a value of another kind fails the record.
---@param path string path or value
---@return commerce.Value
values.boolean = of_kind("boolean")

--- Converts a unix time in seconds to a date; 0 and null leave the field out.
---@param seconds string path or value
---@return commerce.Value
values.timestamp = of_kind("datetime", time.format)

local KINDS = { string = "string", number = "decimal", boolean = "boolean" }

--- The same value for every record.
---@param fixed string|number|boolean|table
---@return commerce.Value
function values.constant(fixed)
  if fixed == nil or type(fixed) == "function" then
    errors.refuse("constant: a text, a number, a boolean or a table expected, got %s", type(fixed))
  end
  local made = value.new("constant(" .. json.encode(fixed) .. ")", "any", {}, function()
    return fixed
  end)
  made.fixed_kind, made.op = KINDS[type(fixed)], { "constant", fixed }
  made.words = type(fixed) == "string" and { fixed } or nil -- where only some words are allowed
  return made
end

-- ---------------------------------------------------------------- choosing, computing

--- Computes a value from source values: with("amount", "currency", function(amount, currency) …
--- end); if the function returns nil, the field is left out.
---@param ... any paths or values, then a function with one parameter for each
---@return commerce.Value
function values.with(...)
  local count = select("#", ...) - 1
  local compute = select(count + 1, ...)
  if type(compute) ~= "function" then
    errors.refuse("with: the last argument must be a function, got %s", type(compute))
  end
  local list, paths, signs = value.collect("with", unpack({ ... }, 1, count))
  local sign = "with(" .. signs .. ")"
  if count == 1 then
    local get = list[1].get
    return value.new(sign, "any", paths, function(source, parent)
      return compute(get(source, parent))
    end, { "call", compute, list })
  end
  return value.new(sign, "any", paths, function(source, parent)
    local arguments = {}
    for i = 1, count do
      arguments[i] = list[i].get(source, parent)
    end
    return compute(unpack(arguments, 1, count))
  end, { "call", compute, list })
end

--- The first value that the source gives; an empty string counts as not given.
---@param ... any paths or values
---@return commerce.Value
function values.first(...)
  local list, paths, signs = value.collect("first", ...)
  return value.new("first(" .. signs .. ")", "any", paths, function(source, parent)
    for i = 1, #list do
      local found = list[i].get(source, parent)
      if found ~= nil and found ~= "" then
        return found
      end
    end
  end, { "first", list })
end

--- The id of an object that the source gives inlined or as a bare id.
---@param path string
---@return commerce.Value
function values.id(path)
  local field = value.field(path)
  local get = field.get
  -- a path into an id that was not expanded leads to the id
  return value.new("id(" .. path .. ")", "any", { path .. ".id" }, function(source, parent)
    local object = get(source, parent)
    if type(object) == "table" then
      object = object.id
    end
    return object ~= null and object or nil
  end, { "id", field })
end

-- ---------------------------------------------------------------- words

local function check_words(what, words)
  if type(words) ~= "table" then
    errors.refuse("%s: a table of the source's words expected, got %s", what, type(words))
  end
end

local function sign_of_words(words)
  local signs = {}
  for word, ours in pairs(words) do
    signs[#signs + 1] = tostring(word) .. ":" .. tostring(ours)
  end
  ascii.sort(signs)
  return table.concat(signs, ",")
end

--- Translates the source's words, as in enum("status", { active = "Live" }, "Other"); the default
--- stands for a word that is not listed and for a missing value.
---@param of string path or value
---@param words table<string, string> the source's word -> the model's
---@param default string?
---@return commerce.Value
function values.enum(of, words, default)
  check_words("enum", words)
  local from = value.of(of, "enum")
  local get = from.get
  local made = value.new(("enum(%s;%s;%s)"):format(from.sign, sign_of_words(words),
    tostring(default)), "enum", from.paths, function(source, parent)
    local word = get(source, parent)
    return word ~= nil and words[word] or default
  end)
  made.words, made.default, made.op = words, default, { "enum", from, words, default }
  return made
end

--- The source's word if it is not a known one; keeps a word readable that an enum's default hides.
---@param of string path or value
---@param known table<string, any> the known words are its keys
---@return commerce.Value
function values.unlisted(of, known)
  check_words("unlisted", known)
  local made = values.with(of, function(word)
    return word ~= nil and not known[word] and word or nil
  end)
  made.sign = ("unlisted(%s;%s)"):format(made.sign, sign_of_words(known))
  made.op = { "unlisted", value.of(of), known, made.op }
  return made
end

return values
