-- Checks compiled fields against a data type's shape when the mapping is declared, so that a
-- mistake that does not depend on data raises then.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"
local suggest = require "commerce.base.suggest"

local check = {}

-- Kinds of value that a field accepts besides its own kind: every value of these is valid in it.
local FITS = {
  string = { currency = true, datetime = true, enum = true },
  decimal = { integer = true },
  map = { object = true },
}

-- The kinds that a constant can have, by its Lua type.
local CONSTANT_FITS = {
  string = { string = true, enum = true, currency = true, datetime = true },
  decimal = { decimal = true, integer = true },
  boolean = { boolean = true },
}

-- Fields that only the store writes; a mapping must not set them.
local STORES_OWN = { metadata = true, modifiedDate = true }

local function refuse(data_type, message, ...)
  errors.refuse(("mapping '%s': " .. message):format(data_type.name, ...))
end

local function refuse_word(data_type, field, word, wanted)
  refuse(data_type, "field '%s' has no value '%s'%s; it has %s", field.name, tostring(word),
    suggest.text(word, wanted.values), table.concat(ascii.keys(wanted.values), ", "))
end

local function check_words(data_type, field, wanted)
  for _, word in pairs(field.words) do
    if not wanted.values[word] then
      refuse_word(data_type, field, word, wanted)
    end
  end
  if field.words and field.default ~= nil and not wanted.values[field.default] then
    refuse_word(data_type, field, field.default, wanted)
  end
end

local function fits(field, wanted)
  if wanted.kind == "any" or field.kind == wanted.kind then
    return true
  elseif field.fixed_kind then
    return CONSTANT_FITS[field.fixed_kind][wanted.kind]
  end
  return field.kind == "any" or (FITS[wanted.kind] or {})[field.kind]
end

local function check_shape(data_type, compiled, shape, prefix)
  for _, field in ipairs(compiled) do
    local wanted = shape.by_name[field.name]
    if not wanted then
      local own = prefix == "" and shape.by_name.supplementalData
      refuse(data_type, "%s has no field '%s'%s%s", data_type.own and "the type" or "the model",
        prefix .. field.name, suggest.text(field.name, shape.by_name),
        own and "; fields of your own go under supplementalData"
          or data_type.own and "; add it where the type is defined" or "")
    elseif prefix == "" and STORES_OWN[field.name] then
      refuse(data_type, "field '%s' is the store's own", field.name)
    elseif not fits(field, wanted) then
      refuse(data_type, "field '%s' takes a %s, this value gives a %s", prefix .. field.name,
        wanted.kind, field.fixed_kind or field.kind)
    end
    if field.words and wanted.values then
      check_words(data_type, field, wanted)
    end
    if field.fields and wanted.shape then
      check_shape(data_type, field.fields, wanted.shape, prefix .. field.name .. ".")
    end
  end
end

--- Raise, at the user's line, unless every field is in the shape and takes what its value gives.
---@param data_type commerce.DataType
---@param compiled commerce.CompiledField[] from `value.compile`
function check.fields(data_type, compiled)
  check_shape(data_type, compiled, data_type.shape, "")
end

return check
