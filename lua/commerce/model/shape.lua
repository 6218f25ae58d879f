-- Shapes: the fields of a record or of an object in it, their encoding as JSON, and the list of
-- scalar fields.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"

local shape = {}

---@class commerce.FieldKind
---@field kind "enum"|"object"|"list"
---@field values table<string, boolean>? of an enum
---@field shape commerce.Shape? of an object, or of the elements of a list

---@class commerce.DeclaredField
---@field [1] string the name
---@field [2] string|commerce.FieldKind the name of a kind; or an enum, an object or a list
---@field required boolean?

---@class commerce.DescribedField a field as plain tables, which JSON can carry
---@field name string
---@field kind string
---@field required boolean?
---@field values string[]? of an enum
---@field fields commerce.DescribedField[]? of an object, or of the elements of a list

--- A field's kind: one of these words.
---@param values string[]
---@return commerce.FieldKind kind
function shape.enum(values)
  local set = {}
  for _, value in ipairs(values) do
    set[value] = true
  end
  return { kind = "enum", values = set }
end

--- A shape of fields.
---@param fields commerce.DeclaredField[]
---@return commerce.Shape
function shape.new(fields)
  local result = { fields = {}, by_name = {} }
  for i, field in ipairs(fields) do
    local name, kind = field[1], field[2]
    local entry = { name = name, required = field.required }
    if type(kind) == "table" then
      for key, value in pairs(kind) do
        entry[key] = value
      end
    else
      entry.kind = kind
    end
    result.fields[i], result.by_name[name] = entry, entry
  end
  return result
end

--- A field's kind: an object of its own fields.
---@param fields commerce.DeclaredField[]
---@return commerce.FieldKind kind
function shape.object(fields)
  return { kind = "object", shape = shape.new(fields) }
end

--- A field's kind: a list of such objects.
---@param fields commerce.DeclaredField[]? without them, a list of anything
---@return commerce.FieldKind kind
function shape.list(fields)
  return { kind = "list", shape = fields and shape.new(fields) }
end

-- ---------------------------------------------------------------- as plain data

--- A shape as plain tables, as they can be stored.
---@param of_shape commerce.Shape
---@return commerce.DescribedField[] fields
function shape.describe(of_shape)
  local fields = {}
  for i, field in ipairs(of_shape.fields) do
    local values = field.values and next(field.values) and ascii.keys(field.values)
    fields[i] = { name = field.name, kind = field.kind, required = field.required,
      values = values, fields = field.shape and shape.describe(field.shape) }
  end
  return fields
end

local function kind_of(described)
  if described.kind == "enum" then
    return shape.enum(described.values or {})
  elseif described.kind == "object" then
    return shape.object(shape.declared(described.fields or {}))
  elseif described.kind == "list" then
    return shape.list(described.fields and shape.declared(described.fields))
  end
  return described.kind
end

--- The fields that `shape.describe` described, as `shape.new` takes them.
---@param described commerce.DescribedField[]
---@return commerce.DeclaredField[] fields
function shape.declared(described)
  local fields = {}
  for i, field in ipairs(described) do
    fields[i] = { field.name, kind_of(field), required = field.required or nil }
  end
  return fields
end

-- ---------------------------------------------------------------- encoding

-- A writer appends a value's JSON to a list of pieces and gives the list's new length; it raises
-- { field, wanted, got } for a value that its field cannot hold.

local writer_of

local function refuse(field, value)
  error({ field = field.name, wanted = field.kind, values = field.values, got = value }, 0)
end

local scalar_writers = {
  boolean = function(field)
    return function(out, n, value)
      if type(value) ~= "boolean" then
        refuse(field, value)
      end
      out[n + 1] = value and "true" or "false"
      return n + 1
    end
  end,
  decimal = function(field)
    return function(out, n, value)
      if type(value) ~= "number" and not decimal.is_decimal(value) then
        refuse(field, value)
      end
      out[n + 1] = decimal.tostring(value) or refuse(field, value)
      return n + 1
    end
  end,
  enum = function(field)
    local texts = {}
    for value in pairs(field.values) do
      texts[value] = json.string(value)
    end
    return function(out, n, value)
      out[n + 1] = texts[value] or refuse(field, value)
      return n + 1
    end
  end,
  map = function(field)
    return function(out, n, value)
      if type(value) ~= "table" then
        refuse(field, value)
      end
      return json.write(out, n, value)
    end
  end,
  any = function()
    return json.write
  end,
}
scalar_writers.integer = scalar_writers.decimal

local function string_writer(field)
  local write_string = json.write_string
  return function(out, n, value)
    if type(value) ~= "string" then
      refuse(field, value)
    end
    return write_string(out, n, value)
  end
end

--- A writer of the members of one object, in the model's order.
---@param of_shape commerce.Shape
---@param skip string? a field that is written elsewhere
---@return fun(out: string[], n: integer, value: commerce.RecordFields): integer
function shape.members_writer(of_shape, skip)
  local names, firsts, others, writers, required = {}, {}, {}, {}, {}
  for _, field in ipairs(of_shape.fields) do
    if field.name ~= skip then
      local i = #names + 1
      names[i], writers[i], required[i] = field.name, writer_of(field), field.required and field
      firsts[i] = json.string(field.name) .. ":"
      others[i] = "," .. firsts[i]
    end
  end
  local count = #names
  return function(out, n, value)
    local start = n
    for i = 1, count do
      local member = value[names[i]]
      if member ~= nil then
        out[n + 1] = n == start and firsts[i] or others[i]
        n = writers[i](out, n + 1, member)
      elseif required[i] then
        refuse(required[i], nil)
      end
    end
    return n
  end
end

local function is_object(value)
  return type(value) == "table" and not decimal.is_decimal(value)
end

-- Writer of an object inside a record; adds the object's path to a failure inside it.
local function object_writer(field, index_of)
  local write_members = shape.members_writer(field.shape)
  return function(out, n, value, index)
    if not is_object(value) then
      refuse(field, value)
    end
    out[n + 1] = "{"
    local ok, length = pcall(write_members, out, n + 1, value)
    if not ok then
      if type(length) == "table" then
        length.field = field.name .. index_of(index) .. "." .. length.field
      end
      error(length, 0)
    end
    out[length + 1] = "}"
    return length + 1
  end
end

local function list_writer(field)
  local write_element = not field.shape and json.write or object_writer(field, function(index)
    return ("[%d]"):format(index)
  end)
  return function(out, n, value)
    if not is_object(value) then
      refuse(field, value)
    end
    n = n + 1
    out[n] = "["
    for i = 1, #value do
      if i > 1 then
        n = n + 1
        out[n] = ","
      end
      n = write_element(out, n, value[i], i)
    end
    out[n + 1] = "]"
    return n + 1
  end
end

function writer_of(field)
  if field.kind == "object" then
    return object_writer(field, function()
      return ""
    end)
  elseif field.kind == "list" then
    return list_writer(field)
  end
  return (scalar_writers[field.kind] or string_writer)(field)
end

-- ---------------------------------------------------------------- scalars

local SCALAR_KINDS = {
  string = true, decimal = true, integer = true, boolean = true,
  datetime = true, currency = true, enum = true, any = true,
}

local function add_scalars(scalars, of_shape, prefix)
  for _, field in ipairs(of_shape.fields) do
    local path = prefix .. field.name
    if SCALAR_KINDS[field.kind] then
      scalars[#scalars + 1] = { field = path, kind = field.kind }
    elseif field.kind == "object" then
      add_scalars(scalars, field.shape, path .. ".")
    end
  end
  return scalars
end

--- The scalar fields of a shape, including those of objects in it.
---@param of_shape commerce.Shape
---@return commerce.Scalar[]
function shape.scalars(of_shape)
  return add_scalars({}, of_shape, "")
end

return shape
