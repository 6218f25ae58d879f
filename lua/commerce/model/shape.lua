-- Shapes: the fields of a record or of an object in it, and the list of scalar fields.

local ascii = require "commerce.base.ascii"

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
