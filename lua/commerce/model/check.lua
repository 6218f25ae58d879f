-- Checks that a record from a user's function fits the model: an unknown field must not be lost
-- silently, and a date must be one. The mappings' own records fit by construction.

local suggest = require "commerce.base.suggest"

---@class commerce.RecordFields: table<string, any> a record, decoded: its fields as the model names
---  them

local check = {}

local find = string.find

local DATE = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$"

local function names_of(shape)
  local names = {}
  for i, field in ipairs(shape.fields) do
    names[i] = field.name
  end
  return names
end

local check_shape

-- Checks by the kind of a field: each returns a message or nil. The encoder checks the rest.
local CHECKS = {
  datetime = function(_, value, path)
    if type(value) ~= "string" or not find(value, DATE) then
      return ("field %s: a date such as 2026-01-31T12:00:00Z expected"):format(path)
    end
  end,
  currency = function(_, value, path)
    if type(value) ~= "string" or not find(value, "^%u%u%u$") then
      return ("field %s: a currency code such as EUR expected"):format(path)
    end
  end,
  object = function(field, value, path)
    return type(value) == "table" and check_shape(field.shape, value, path .. ".") or nil
  end,
  list = function(field, value, path)
    for i = 1, type(value) == "table" and #value or 0 do
      local wrong = type(value[i]) == "table"
        and check_shape(field.shape, value[i], ("%s[%d]."):format(path, i))
      if wrong then
        return wrong
      end
    end
  end,
}

function check_shape(shape, record, prefix)
  local by_name = shape.by_name
  for name, value in next, record do
    local field = by_name[name]
    if not field then
      local own = by_name.supplementalData
        and "; what the model has no field for goes into supplementalData" or ""
      return ("there is no field '%s%s'%s%s"):format(prefix, tostring(name),
        suggest.text(name, names_of(shape)), own)
    end
    local look = CHECKS[field.kind]
    local wrong = look and look(field, value, prefix .. name)
    if wrong then
      return wrong
    end
  end
end

--- Find the first mistake in a record that encoding it does not find.
---@param data_type commerce.DataType
---@param record commerce.RecordFields
---@return string? message nil if the record is valid
function check.record(data_type, record)
  if record.modifiedDate ~= nil then
    return "field modifiedDate: the store sets it when the record has changed"
  end
  return check_shape(data_type.shape, record, "")
end

return check
