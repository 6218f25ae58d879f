-- Records as CSV (RFC 4180).

local json = require "commerce.base.json"

local csv = {}

--- A record's value at a dotted path ("paymentMethodRef.name").
---@param record table
---@param path string
---@return any? value nil if the record has no such field
function csv.at(record, path)
  for key in path:gmatch("[^%.]+") do
    if type(record) ~= "table" then
      return nil
    end
    record = record[key]
  end
  if record ~= json.null then
    return record
  end
end

local function cell(value)
  if value == nil or value == json.null then
    return ""
  elseif type(value) == "number" then
    return json.number(value)
  elseif type(value) == "table" then
    return json.encode(value)
  end
  return tostring(value)
end

--- A line of CSV.
---@param values any[] may have holes
---@param count integer how many
---@return string
function csv.line(values, count)
  local out = {}
  for i = 1, count do
    local text = cell(values[i])
    if text:find('[",\r\n]') then
      text = '"' .. text:gsub('"', '""') .. '"'
    end
    out[i] = text
  end
  return table.concat(out, ",") .. "\r\n"
end

return csv
