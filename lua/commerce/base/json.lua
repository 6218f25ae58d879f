-- JSON. lua-cjson decodes it; the encoder is our own, in the core, because changed records are
-- recognised by their bytes: it is canonical (same value, same bytes). Numbers keep all their
-- digits.

local core = require "commerce.core"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"

-- The decimal point that lua-cjson reads numbers with. It asks the locale when it is loaded and in
-- `cjson.new`, for all its users in the process. It cannot read "1.5" after the locale has changed.
local point = core.decimal_point()

local function check_point(now)
  if #now ~= 1 then -- lua-cjson would end the process
    error(("the locale's decimal point '%s' has several bytes, which lua-cjson does not support: "
      .. "call os.setlocale(\"C\", \"numeric\") first"):format(now), 0)
  end
end

check_point(point)
local cjson = require "cjson.safe"
cjson.new() -- it may have been loaded before, under another locale

local json = { null = cjson.null }

local DEPTH = 64 -- as csrc/text/json.h
local bounded = cjson.new()
bounded.decode_max_depth(DEPTH)

local concat, find = table.concat, string.find
local null = cjson.null

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape(char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

--- Make lua-cjson read numbers by the present locale. Raises for a locale that it does not support.
function json.follow_locale()
  local now = core.decimal_point()
  if now ~= point then
    check_point(now)
    point = now
    cjson.new()
  end
end

--- Read a JSON text. Its null becomes `json.null`; an empty array and an empty object look the
--- same. U+FFFD stands for NUL, which databases refuse or cut off, and for half of a surrogate pair
--- (a text that was cut inside an emoji): neither may make a whole object unreadable.
---@param text string
---@param foreign boolean? whether the text is another program's: it fails if it is nested deeper
---  than 64, which stores and other readers refuse
---@return any? value nil on failure
---@return string? message
function json.decode(text, foreign)
  json.follow_locale()
  local value, message = (foreign and bounded or cjson).decode(core.json_mend(text))
  if value == nil and errors.is_interrupt(message) then
    error(message, 0) -- lua-cjson decodes under protection, and Ctrl-C fell into it
  end
  return value, message
end

--- Read a JSON text that the library wrote itself. Raises if it is damaged, so that no reader takes
--- the damage for the end of a list.
---@param text string
---@return any value
function json.stored(text)
  local value, message = json.decode(text)
  if value == nil then
    errors.throw("store", ("a stored value is not JSON: %s"):format(message))
  end
  return value
end

local LONG = ("[%d.]"):rep(16) -- a number that a double may not carry has as many

local function is_rounded(digits)
  return decimal.tostring(tonumber(digits)) ~= digits
end

-- The text with its long numbers as strings that begin with a mark.
local function marked(text, mark)
  local out, at = {}, 1
  while true do
    local from = find(text, '["%-%d]', at)
    local to = from
    if not from then
      out[#out + 1] = text:sub(at)
      return concat(out)
    elseif text:sub(from, from) == '"' then
      repeat
        to = find(text, '["\\]', to + 1)
        local escaped = text:sub(to, to) == "\\"
        to = escaped and to + 1 or to
      until not escaped
      out[#out + 1] = text:sub(at, to)
    else
      to = select(2, find(text, "^[%-+.eE%d]+", from))
      local digits = text:sub(from, to)
      local is_long = #digits > 15 and not find(digits, "[eE+]") and is_rounded(digits)
      out[#out + 1] = text:sub(at, from - 1)
      out[#out + 1] = is_long and '"' .. mark .. digits .. '"' or digits
    end
    at = to + 1
  end
end

local function unmarked(value, mark)
  if type(value) == "string" and value:sub(1, #mark) == mark then
    return decimal.value(value:sub(#mark + 1))
  elseif type(value) == "table" then
    for key, member in pairs(value) do
      value[key] = unmarked(member, mark)
    end
  end
  return value
end

--- Read JSON that the library wrote, digit by digit: a number that a double does not carry becomes
--- a decimal.
---@param text string canonical JSON
---@return any value
function json.exact(text)
  if not find(text, LONG) then
    return json.stored(text)
  end
  local mark = "decimal:"
  while find(text, mark, 1, true) do
    mark = mark .. ":"
  end
  return unmarked(json.stored(marked(text, mark)), mark)
end

--- Remove the nulls of a value, since `json.null` counts as true in `if object.name`. In an array a
--- null keeps its place.
---@param value any changed in place
---@return any value nil for null
function json.without_nulls(value)
  if value == null then
    return nil
  elseif type(value) == "table" then
    for key, member in pairs(value) do
      if member == null then
        if type(key) == "string" then
          value[key] = nil
        end
      elseif type(member) == "table" then
        json.without_nulls(member)
      end
    end
  end
  return value
end

--- A string as JSON.
---@param value string
---@return string
function json.string(value)
  if find(value, '[%z\1-\31\127"\\]') then
    value = value:gsub('[%z\1-\31\127"\\]', escape)
  end
  return '"' .. value .. '"'
end

--- A number or a decimal as JSON.
---@param value number|commerce.Decimal
---@return string? text nil for infinities and NaN
function json.number(value)
  return decimal.tostring(value)
end

local array_mt = { __name = "commerce.json.array" }

--- Mark a table as an array, so that it is written as one even while it is empty.
---@param list any[]
---@return any[] list the same table
function json.array(list)
  return setmetatable(list, array_mt)
end

core.json_marks(decimal.metatable, array_mt)

--- Any value as canonical JSON: members sorted by name, no spaces. A table with a first element, or
--- marked by `json.array`, is an array, every other table an object. Raises for what JSON cannot
--- carry.
---@type fun(value: any): string
json.encode = core.json_encode

return json
