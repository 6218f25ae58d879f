-- Programs for the core: what the sources of a task declare, as instructions by which the core
-- makes records of the bytes of an object (csrc/text/mapper.h). Nothing else makes records: a
-- decoded object is encoded first.

local EXPONENTS = require "commerce.catalog.currencies"
local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local decimal = require "commerce.base.decimal"
local dotted = require "commerce.base.path"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"

local program = {}

local NONE = -1

---@class commerce.Program
---@field mapper commerce.core.Mapper
---@field recipes table<commerce.Source, integer> the number of each source
---@field tallies commerce.Tally[] in the order of the mapper's
---@field keys table<string, integer> the numbers of the paths that were asked for

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
    scope = building.scopes[scope].parent
      or errors.refuse("a path with '^' is for `each` and `split`: no object is around this one")
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
  elseif decimal.is_decimal(fixed) then
    return add(building, scope, "number", { building.mapper:text(decimal.tostring(fixed)) })
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

-- Cases that share a value share a branch. The core has the branches from 1, and 0 is the default.
local function switch(building, scope, from, cases, default)
  local numbers, words, branches = {}, {}, {}
  local number, set
  for _, word in ipairs(ascii.keys(cases)) do
    local case = cases[word]
    if not numbers[case] then
      branches[#branches + 1], numbers[case] = case, #branches + 1
    end
    words[word] = ("%d"):format(numbers[case])
  end
  number, set = expression(building, scope, from), building.mapper:words(texts_of(words))
  local arguments = { number, set, default and expression(building, scope, default) or NONE }
  for i, case in ipairs(branches) do
    arguments[i + 3] = expression(building, scope, case)
  end
  return add(building, scope, "switch", arguments)
end

local function remainder(building, scope, total, array, name, otherwise)
  return add(building, scope, "remainder", { expression(building, scope, total),
    expression(building, scope, array), building.mapper:text(name),
    expression(building, scope, otherwise) })
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

-- A member that stands beside "stripe" under this very name: its members join those in there.
local function merged(made, found)
  made = made or { content = {} }
  local ours = made.content.stripe or {}
  for name, member in pairs(found or {}) do
    ours[name] = member
  end
  made.content.stripe = next(ours) ~= nil and ours or nil
  return next(made.content) ~= nil and made or nil
end

local function supplemental(building, scope, compiled, beside)
  local any, rest, same = false, {}, nil
  for _, field in ipairs(compiled) do
    local is_beside = beside[field.name] and true or false
    if is_beside and field.name == "stripe" then
      same = field
    else
      rest[#rest + 1] = field
      any = any or is_beside
    end
  end
  local ours = fields_of(building, scope, rest, function(name)
    return not beside[name]
  end)
  local made = add(building, scope, "supplemental", { ours,
    any and fields_of(building, scope, rest, function(name)
      return beside[name]
    end) or NONE })
  if not same then
    return made
  end
  building.functions[#building.functions + 1] = merged
  return add(building, scope, "call",
    { #building.functions, made, expression(building, scope, same) })
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

-- The call of a function that gets the JSON of the object, or of an array's element.
local function of_text(building, scope, compute)
  building.functions[#building.functions + 1] = compute
  return add(building, scope, "call", { #building.functions,
    add(building, scope, "source", { 0, building.scopes[scope].key }) })
end

-- A function of the whole object. Several of them share what is decoded.
local function whole(building, scope, compute)
  return of_text(building, scope, function(text)
    if text ~= building.text then
      building.text, building.object = text, json.without_nulls((json.decode(text, true)))
    end
    return compute(building.object)
  end)
end

-- The same with the object's nulls.
local function with_nulls(building, scope, compute)
  return of_text(building, scope, function(text)
    return compute((json.decode(text, true)))
  end)
end

-- A value that sees the object through a function. Several of them share what it gives.
local function view(building, scope, from, through)
  local views = building.views
  local inner = new_scope(building, scope)
  return add(building, scope, "within", { of_text(building, scope, function(text)
    local last = views[through]
    if not last or last.text ~= text then
      last = { text = text, view = json.encode(through((json.decode(text, true)))) }
      views[through] = last
    end
    return last.view
  end), expression(building, inner, from) })
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
  switch = switch, sign = of_one "sign", prefix = of_one "prefix", remainder = remainder,
  call = call, whole = whole, source = with_nulls, view = view,
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
  local op = of.op
  return MAKERS[op[1]](building, scope, (table.unpack or unpack)(op, 2, 5)) -- luacheck: ignore
end

-- ---------------------------------------------------------------- shapes

local KINDS = { boolean = "boolean", decimal = "number", integer = "number", enum = "enum",
  map = "map", any = "any", object = "object", list = "list" }

-- The shape of a record. A loose one takes any value in each field: hooks see what is not checked
-- yet, and failures are told by the encoder.
local function shape_of(building, of_shape, skip, loose)
  local members = {}
  for _, field in ipairs(of_shape.fields) do
    if field.name ~= skip and loose then
      members[#members + 1] = { name = field.name, kind = "any" }
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

local function recipe_of(building, data_type, parts, loose)
  local options = { loose = loose }
  local shape, members = shape_of(building, data_type.shape, STAMP, loose)
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

-- The value of a table that a function gave: an exact decimal is a number.
local function encode(found)
  return decimal.is_decimal(found) and decimal.tostring(found) or json.encode(found)
end

-- What a function gets of an object or array, or of a number with more digits than a double has.
local function decode(text, computed)
  if computed then
    return json.exact(text)
  end
  return json.decode(text)
end

local function begin()
  local building = { mapper = core.mapper(), functions = {}, tallies = {}, views = {},
    scopes = { [0] = { key = 0 } } }
  building.mapper:words(texts_of(exponents())) -- the first set of words
  return building
end

local function finish(building, recipes, keys)
  building.mapper:finish(building.functions, decode, encode)
  return { mapper = building.mapper, recipes = recipes, tallies = building.tallies, keys = keys }
end

--- Build the program of the consumers of one resource.
---@param consumers commerce.sync.Consumer[]
---@param paths string[]? dotted paths whose values are asked for as well
---@return commerce.Program program
function program.make(consumers, paths)
  local building, recipes, keys = begin(), {}, {}
  for _, consumer in ipairs(consumers) do
    recipes[consumer.source] = recipe_of(building, consumer.data_type, consumer.source.parts)
  end
  for _, path in ipairs(paths or {}) do
    keys[path] = key_of(building, 0, 0, dotted.keys(path))
  end
  return finish(building, recipes, keys)
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

-- ---------------------------------------------------------------- decoded objects

-- A mapping of the library takes every value that Stripe's reference allows; a user's function
-- names the user's line.
local UNFIT = "a field has a value of a type that Stripe's reference does not give it (%s)"

local function reason_of(why, raised)
  local wrong = raised ~= nil and errors.in_library(raised)
  if raised ~= nil and not wrong then
    return tostring(raised)
  end
  return UNFIT:format(wrong and (wrong:gsub(" %(.-%)$", "")) or why)
end

-- Makes the records of a decoded object by a recipe of its own, which is built at its first use.
local function maker(data_type, source, loose)
  local made
  return function(object, dated)
    if not made then
      local building = begin()
      local number = recipe_of(building, data_type, source.parts, loose)
      made = finish(building, { [source] = number }, {})
    end
    local list = {}
    local count, why, raised = made.mapper:load(json.encode(object)), "it is not valid JSON", nil
    if count then
      count, why, raised = made.mapper:make(made.recipes[source], list, dated)
    end
    if not count then
      return nil, reason_of(why, raised)
    end
    program.count(made)
    return list
  end
end

--- The functions of a source that make records of decoded objects: `map` and `make`, see
--- `commerce.Source`.
---@param data_type commerce.DataType
---@param source commerce.Source
---@return fun(object: commerce.StripeObject, dated: string?): commerce.RecordFields[]?, string? map
---@return fun(object: commerce.StripeObject, dated: string?): commerce.Record[]?, string? make
function program.functions(data_type, source)
  local loose, make = maker(data_type, source, true), maker(data_type, source)
  return function(object, dated)
    local list, wrong = loose(object, dated)
    for i, made in ipairs(list or {}) do
      list[i] = json.exact(made.body .. "}")
    end
    return list, wrong
  end, make
end

return program
