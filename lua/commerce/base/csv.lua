-- Records as CSV (RFC 4180), safe to open in a spreadsheet: a merchant's text must not become a
-- formula there.

local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local paths = require "commerce.base.path"

local csv = {}

--- A record's value at a dotted path ("paymentMethodRef.name").
---@param record commerce.RecordFields
---@param path string
---@return any? value nil if the record has no such field
function csv.at(record, path)
  local value = paths.at(record, path)
  if value ~= json.null then
    return value
  end
end

-- A telephone number begins like a formula and is not one: +49 30 123-456
local function is_phone_number(text)
  return text:find "^%+[%d%.%- ]*$" and text:find "%d"
end

--- A text without control characters except line breaks and TABs, and with an apostrophe before the
--- characters that make it a formula in a spreadsheet.
---@param text string
---@return string
local function harmless(text)
  if text:find "[%z\1-\31\127\194]" then
    text = text:gsub("[%z\1-\8\11\12\14-\31\127]", ""):gsub("\194[\128-\159]", "")
  end
  if text:find "^[=+%-@\t\r]" and not is_phone_number(text) then
    return "'" .. text
  end
  return text
end

local function cell(value, raw)
  if value == nil or value == json.null then
    return ""
  elseif type(value) == "number" or decimal.is_decimal(value) then
    return json.number(value)
  elseif type(value) == "table" then
    return json.encode(value)
  end
  return raw and tostring(value) or harmless(tostring(value))
end

--- A line of CSV.
---@param values any[] may have holes
---@param count integer how many
---@param raw boolean? texts stay as they are: for programs, which calculate no formulas
---@return string
function csv.line(values, count, raw)
  local out = {}
  for i = 1, count do
    local text = cell(values[i], raw)
    if text:find('[",\r\n]') then
      text = '"' .. text:gsub('"', '""') .. '"'
    end
    out[i] = text
  end
  return table.concat(out, ",") .. "\r\n"
end

return csv
