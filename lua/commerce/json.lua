-- JSON: lua-cjson reads it; writing is canonical (same value, same bytes), which cjson does not offer
-- and which telling a changed record from an unchanged one stands on. Numbers keep all their digits.
-- Called by model, sync, store and cli; requires only decimal.

local cjson = require "cjson.safe"
local decimal = require "commerce.decimal"

local json = { null = cjson.null }

local concat, sort = table.concat, table.sort

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape(char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

--- Read a JSON text. Its null becomes `json.null`; an empty array and an empty object look the same.
---@param text string
---@return any? value nil on failure
---@return string? message
function json.decode(text)
  return cjson.decode(text)
end

--- A string as JSON.
---@param value string
---@return string
function json.string(value)
  if value:find('[%c"\\]') then
    value = value:gsub('[%c"\\]', escape)
  end
  return '"' .. value .. '"'
end

--- A number or a decimal as JSON.
---@param value number|table
---@return string? text nil for infinities and NaN
function json.number(value)
  return decimal.tostring(value)
end

local encode

local function encode_array(value)
  local out = {}
  for i = 1, #value do
    out[i] = encode(value[i])
  end
  return "[" .. concat(out, ",") .. "]"
end

local function encode_object(value)
  local names, out = {}, {}
  for name in pairs(value) do
    names[#names + 1] = tostring(name)
  end
  sort(names)
  for i, name in ipairs(names) do
    out[i] = json.string(name) .. ":" .. encode(value[name])
  end
  return "{" .. concat(out, ",") .. "}"
end

--- Any value as canonical JSON: members sorted by name, no spaces. A table with a first element is an
--- array, every other table an object; an empty one is an object.
---@param value any
---@return string
function json.encode(value)
  local kind = type(value)
  if kind == "string" then
    return json.string(value)
  elseif kind == "number" or decimal.is_decimal(value) then
    return decimal.tostring(value) or error("JSON has no infinity and no NaN", 2)
  elseif kind == "boolean" then
    return tostring(value)
  elseif value == cjson.null then
    return "null"
  elseif kind ~= "table" then
    error("JSON has no " .. kind, 2)
  elseif value[1] ~= nil then
    return encode_array(value)
  end
  return encode_object(value)
end

encode = json.encode

return json
