-- Value functions: source values unchanged, checked for their kind, translated, or computed by a
-- Lua function.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local tables = require "commerce.base.tables"
local value = require "commerce.mapping.value"

local values = {}

local unpack = require("commerce.base.compat").unpack

--- The source's value at a path, unchanged. A plain string is short for this.
---@param path string
---@return commerce.Value
function values.field(path)
  return value.field(path)
end

-- ---------------------------------------------------------------- of a known kind

-- The encoder rejects a value of another kind, so the field's column has one type.
local function of_kind(kind, op)
  return function(path)
    local from = value.of(path, kind)
    return value.new(kind .. "(" .. from.sign .. ")", kind, from.paths, { op or "same", from })
  end
end

--- A string; a value of another kind fails the record.
---@param path string path or value
---@return commerce.Value
values.string = of_kind("string")

--- A whole number; a value of another kind fails the record.
---@param path string path or value
---@return commerce.Value
values.integer = of_kind("integer", "integer")

--- A number, exact; accepts a string of digits ("12.50") as well.
---@param path string path or value
---@return commerce.Value
values.decimal = of_kind("decimal", "decimal")

--- True or false; a value of another kind fails the record.
---@param path string path or value
---@return commerce.Value
values.boolean = of_kind("boolean")

--- Converts a unix time in seconds to a date; 0 and null leave the field out.
---@param seconds string path or value
---@return commerce.Value
values.timestamp = of_kind("datetime", "datetime")

local KINDS = { string = "string", number = "decimal", boolean = "boolean" }

--- The same value for every record.
---@param fixed string|number|boolean|table<string|integer, any>
---@return commerce.Value
function values.constant(fixed)
  if fixed == nil or type(fixed) == "function" then
    errors.refuse("constant: a text, a number, a boolean or a table expected, got %s", type(fixed))
  end
  local made = value.new("constant(" .. json.encode(fixed) .. ")", "any", {}, { "constant", fixed })
  made.fixed_kind = KINDS[type(fixed)]
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
  return value.new("with(" .. signs .. ")", "any", paths, { "call", compute, list })
end

--- The first value that the source gives; an empty string counts as not given.
---@param ... any paths or values
---@return commerce.Value
function values.first(...)
  local list, paths, signs = value.collect("first", ...)
  return value.new("first(" .. signs .. ")", "any", paths, { "first", list })
end

--- The id of an object that the source gives inlined or as a bare id.
---@param path string
---@return commerce.Value
function values.id(path)
  -- a path into an id that was not expanded leads to the id
  return value.new("id(" .. path .. ")", "any", { path .. ".id" }, { "id", value.field(path) })
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
  local made = value.new(("enum(%s;%s;%s)"):format(from.sign, sign_of_words(words),
    tostring(default)), "enum", from.paths, { "enum", from, words, default })
  made.words, made.default = words, default
  return made
end

local function check_cases(cases)
  for word in pairs(cases) do
    if type(word) ~= "string" then
      errors.refuse("switch: texts expected as the names of the cases (\"true\" for true), got %s",
        type(word))
    end
  end
end

--- The value of the case that the source's word names: switch("status", { paid = "amount_paid" },
--- "amount"); "true", "false" and "nil" stand for booleans and a missing value; without a case, the
--- last argument.
---@param of string path or value
---@param cases table<string, any> the source's word -> path or value
---@param otherwise any path or value; nil leaves the field out
---@return commerce.Value
function values.switch(of, cases, otherwise)
  check_words("switch", cases)
  check_cases(cases)
  local from, made_of, known = value.of(of, "switch"), {}, {}
  local default = otherwise ~= nil and value.of(otherwise, "switch") or nil
  local paths, signs = from.paths, { from.sign }
  for _, word in ipairs(ascii.keys(cases)) do
    local case = known[cases[word]] or value.of(cases[word], "switch: case '" .. word .. "'")
    known[cases[word]], made_of[word] = case, case
    signs[#signs + 1] = word .. ":" .. case.sign
    paths = tables.joined(paths, case.paths)
  end
  paths = tables.joined(paths, default and default.paths or {})
  signs[#signs + 1] = default and default.sign or ""
  return value.new("switch(" .. table.concat(signs, ";") .. ")", "any", paths,
    { "switch", from, made_of, default })
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
