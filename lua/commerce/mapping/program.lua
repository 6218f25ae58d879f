-- Programs for the core: what the sources of a task declare, as instructions by which the core
-- makes records of the bytes of an object (csrc/text/mapper.h). A source with a value that has no
-- `op`, such as a field beside an object that only an extension inlines, has no program:
-- `commerce.Source.map` makes its records.

local EXPONENTS = require "commerce.catalog.currencies"
local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"

local program = {}

local NONE = -1

---@class commerce.Program
---@field mapper userdata the core's
---@field recipes table<commerce.Source, integer> the number of each source that has a program
---@field tallies commerce.Tally[] in the order of the mapper's
---@field keys table<string, integer> the numbers of the paths that were asked for

-- A program that is being built. A part that the core does not have ends the building of one
-- source, by raising this:
local UNSUPPORTED = {}

local function unsupported()
  error(UNSUPPORTED, 0)
end

-- ---------------------------------------------------------------- names and words

local function texts_of(words)
  local list, ours = {}, {}
  for i, word in ipairs(ascii.keys(words)) do
    list[i], ours[i] = word, words[word]
  end
  return list, ours
end

local function are_texts(words, of_texts)
  for word, ours in pairs(words) do
    if type(word) ~= "string" or of_texts and type(ours) ~= "string" or not ours then
      return false
    end
  end
  return true
end

local function exponents()
  local codes = {}
  for code, exponent in pairs(EXPONENTS) do
    codes[code] = ("%d"):format(exponent)
  end
  return codes
end

-- ---------------------------------------------------------------- expressions

local expression -- building, scope, value -> number

local function key_of(building, scope, up, keys)
  for _ = 1, up do
    scope = building.scopes[scope].parent or unsupported()
  end
  local key = building.scopes[scope].key
  for _, name in ipairs(keys) do
    key = building.mapper:key(key, name)
  end
  return key
end

local function add(building, scope, word, arguments)
  return building.mapper:expr(scope, word, arguments)
end

local function all(building, scope, list)
  local numbers = {}
  for i, each in ipairs(list) do
    numbers[i] = expression(building, scope, each)
  end
  return numbers
end

local function fields_of(building, scope, compiled, chosen)
  local names, numbers = {}, {}
  for _, field in ipairs(compiled) do
    if not chosen or chosen(field.name) then
      names[#names + 1] = field.name
      numbers[#numbers + 1] = expression(building, scope, field)
    end
  end
  return building.mapper:fields(scope, names, numbers)
end

local function new_scope(building, parent)
  local scope, key = building.mapper:scope(parent)
  building.scopes[scope] = { parent = parent, key = key }
  return scope
end

local function constant(building, scope, fixed)
  if type(fixed) == "boolean" then
    return add(building, scope, "boolean", { fixed and 1 or 0 })
  elseif type(fixed) == "string" then
    return add(building, scope, "text", { building.mapper:text(fixed) })
  elseif type(fixed) == "number" then
    return add(building, scope, "number", { building.mapper:text(decimal.tostring(fixed)) })
  elseif type(fixed) ~= "table" or decimal.is_decimal(fixed) then
    unsupported()
  end
  return add(building, scope, "json", { building.mapper:text(json.encode(fixed)) })
end

local function of_one(word)
  return function(building, scope, from)
    return add(building, scope, word, { expression(building, scope, from) })
  end
end

local function of_fields(word)
  return function(building, scope, compiled)
    return add(building, scope, word, { fields_of(building, scope, compiled) })
  end
end

local function of_list(word)
  return function(building, scope, list)
    return add(building, scope, word, all(building, scope, list))
  end
end

local function call(building, scope, compute, list)
  local numbers = all(building, scope, list)
  building.functions[#building.functions + 1] = compute
  table.insert(numbers, 1, #building.functions)
  return add(building, scope, "call", numbers)
end

-- Words that are no texts stand for a call of the function that the operation is.
local function enum(building, scope, from, words, default)
  if not are_texts(words, true) or default ~= nil and type(default) ~= "string" then
    return call(building, scope, function(word)
      return word ~= nil and words[word] or default
    end, { from })
  end
  return add(building, scope, "enum", { expression(building, scope, from),
    building.mapper:words(texts_of(words)),
    default and building.mapper:text(default) or NONE })
end

local function unlisted(building, scope, from, known, otherwise)
  if not are_texts(known) then
    return expression(building, scope, { op = otherwise })
  end
  return add(building, scope, "unlisted", { expression(building, scope, from),
    building.mapper:words((texts_of(known))) })
end

local function address(building, scope, field, kind, names)
  local _, up, keys = (table.unpack or unpack)(field.op) -- luacheck: ignore
  local object = key_of(building, scope, up, keys)
  local arguments = { up, object, building.mapper:text(kind) }
  local sorted = {}
  for i, pair in ipairs(names) do
    sorted[i] = pair
  end
  table.sort(sorted, function(a, b)
    return ascii.before(a[1], b[1])
  end)
  for _, pair in ipairs(sorted) do
    arguments[#arguments + 1] = building.mapper:text(pair[1])
    arguments[#arguments + 1] = building.mapper:key(object, pair[2])
  end
  return add(building, scope, "address", arguments)
end

local function supplemental(building, scope, compiled, beside)
  local any = false
  for name, is_beside in pairs(beside) do
    any = any or is_beside and true or false
    if is_beside and name == "stripe" then
      unsupported()
    end
  end
  local ours = fields_of(building, scope, compiled, function(name)
    return not beside[name]
  end)
  return add(building, scope, "supplemental", { ours,
    any and fields_of(building, scope, compiled, function(name)
      return beside[name]
    end) or NONE })
end

-- Members that are null unless a field gives them a value.
local function nulls(building, scope, compiled, names)
  local by_name, numbers = {}, {}
  for _, field in ipairs(compiled) do
    by_name[field.name] = field
  end
  local sorted = ascii.keys(names)
  for i, name in ipairs(sorted) do
    numbers[i] = by_name[name] and expression(building, scope, by_name[name]) or NONE
  end
  return add(building, scope, "nulls", { building.mapper:fields(scope, sorted, numbers) })
end

local function each(building, scope, array, compiled)
  local _, up, keys = (table.unpack or unpack)(array.op) -- luacheck: ignore
  local key = key_of(building, scope, up, keys)
  local inner = new_scope(building, scope)
  return add(building, scope, "each", { up, key, fields_of(building, inner, compiled) })
end

-- A function of the whole object, or of an array's element. Several of them share what is decoded.
local function whole(building, scope, compute)
  building.functions[#building.functions + 1] = function(text)
    if text ~= building.text then
      building.text, building.object = text, json.without_nulls((json.decode(text, true)))
    end
    return compute(building.object)
  end
  return add(building, scope, "call", { #building.functions,
    add(building, scope, "source", { 0, building.scopes[scope].key }) })
end

local MAKERS = {
  path = function(building, scope, up, keys)
    return add(building, scope, "path", { up, key_of(building, scope, up, keys) })
  end,
  id = function(building, scope, field)
    local up, keys = field.op[2], field.op[3]
    local key = key_of(building, scope, up, keys)
    return add(building, scope, "id", { up, key, building.mapper:key(key, "id") })
  end,
  same = function(building, scope, from)
    return expression(building, scope, from)
  end,
  constant = constant,
  currency = of_one "currency", negated = of_one "negated", integer = of_one "integer",
  decimal = of_one "decimal", datetime = of_one "timestamp",
  money = function(building, scope, amount, code)
    return add(building, scope, "money", { expression(building, scope, amount),
      expression(building, scope, code) })
  end,
  first = of_list "first", list = of_list "list",
  enum = enum, unlisted = unlisted,
  call = call, whole = whole,
  object = of_fields "object", ref = of_fields "ref",
  each = each, address = address, supplemental = supplemental, nulls = nulls,
  tally = function(building, scope, from, tally)
    local number = expression(building, scope, from)
    building.tallies[#building.tallies + 1] = tally
    return add(building, scope, "tally", { number, #building.tallies - 1 })
  end,
  parent = function(building, scope, outer)
    return add(building, scope, "parent",
      { expression(building, building.scopes[scope].parent, outer) })
  end,
}

function expression(building, scope, of)
  local op = of.op or unsupported()
  return MAKERS[op[1]](building, scope, (table.unpack or unpack)(op, 2, 5)) -- luacheck: ignore
end

-- ---------------------------------------------------------------- shapes

local KINDS = { boolean = "boolean", decimal = "number", integer = "number", enum = "enum",
  map = "map", any = "any", object = "object", list = "list" }

local function shape_of(building, of_shape, skip)
  local members = {}
  for _, field in ipairs(of_shape.fields) do
    if not field.name:find "^[%w_]+$" then
      unsupported()
    elseif field.name ~= skip then
      members[#members + 1] = { name = field.name, kind = KINDS[field.kind] or "string",
        required = field.required, shape = field.shape and shape_of(building, field.shape),
        words = field.kind == "enum" and building.mapper:words(ascii.keys(field.values)) or nil }
    end
  end
  return building.mapper:shape(members), members
end

local function by_members(building, scope, members, compiled, skip)
  local by_name, numbers = {}, {}
  for _, field in ipairs(compiled) do
    by_name[field.name] = field
  end
  for i, member in ipairs(members) do
    local field = member.name ~= skip and by_name[member.name]
    numbers[i] = field and expression(building, scope, field) or NONE
  end
  return numbers
end

local STAMP = "modifiedDate" -- which the store writes

local function recipe_of(building, data_type, source)
  local parts, options = source.parts, {}
  local shape, members = shape_of(building, data_type.shape, STAMP)
  options.shape = shape
  options.where = parts.where and expression(building, 0, parts.where)
  local numbers, inner = by_members(building, 0, members, parts.fields), nil
  if parts.split then
    local split = parts.split
    options.each = expression(building, 0, split.each)
    options.inner = new_scope(building, 0)
    options.suffix = expression(building, options.inner, split.suffix)
    options.inner_where = split.where and expression(building, options.inner, split.where)
    inner = by_members(building, options.inner, members, split.fields, "id")
  end
  return building.mapper:recipe(options, numbers, inner)
end

-- ---------------------------------------------------------------- all of it

-- What becomes of a table that a function gave: an exact decimal is a number.
local function encode(found)
  return decimal.is_decimal(found) and decimal.tostring(found) or json.encode(found)
end

local function begin()
  local building = { mapper = core.mapper(), functions = {}, tallies = {},
    scopes = { [0] = { key = 0 } } }
  building.mapper:words(texts_of(exponents())) -- the first set of words: see mapper.c
  return building
end

local function try(building, consumer)
  local ok, result = pcall(recipe_of, building, consumer.data_type, consumer.source)
  if not ok and result ~= UNSUPPORTED then
    error(result, 0)
  end
  return ok and result or nil
end

-- Whether a source's records can be made by the core: tried apart, since a part of a program that
-- was not finished would stay in it.
local function is_supported(consumer)
  return try(begin(), consumer) ~= nil
end

--- Build the program of the consumers of one resource.
---@param consumers commerce.Consumer[]
---@param paths string[]? dotted paths whose values are asked for as well
---@return commerce.Program? program nil if the core can make the records of none of them
function program.make(consumers, paths)
  local supported = {}
  for _, consumer in ipairs(consumers) do
    if is_supported(consumer) then
      supported[#supported + 1] = consumer
    end
  end
  if #supported == 0 and #consumers > 0 then
    return nil
  end
  local building, recipes, keys = begin(), {}, {}
  for _, consumer in ipairs(supported) do
    recipes[consumer.source] = try(building, consumer)
  end
  for _, path in ipairs(paths or {}) do
    local names = {}
    for name in path:gmatch "[^%.]+" do
      names[#names + 1] = name
    end
    keys[path] = key_of(building, 0, 0, names)
  end
  building.mapper:finish(building.functions, json.decode, encode)
  return { mapper = building.mapper, recipes = recipes, tallies = building.tallies, keys = keys }
end

--- Add what the mapper counted to the tallies of the declarations.
---@param made commerce.Program
function program.count(made)
  if #made.tallies > 0 then
    local counts = made.mapper:tallies()
    for i, tally in ipairs(made.tallies) do
      tally.seen = tally.seen + (counts[2 * i - 1] or 0)
      tally.given = tally.given + (counts[2 * i] or 0)
    end
  end
end

return program
