-- Texts compared and changed by their bytes. The host program's locale (os.setlocale) must not
-- decide about data: under tr_TR, string.upper leaves the i of "inr"; under most locales, Lua 5.4
-- orders "a" before "B".

local ascii = {}

local byte, min = string.byte, math.min

local LOWER, UPPER = {}, {}
for code = byte "a", byte "z" do
  local lower, upper = string.char(code), string.char(code - 32)
  LOWER[upper], UPPER[lower] = lower, upper
end

--- A text with the ASCII letters in lower case.
---@param value string
---@return string
function ascii.lower(value)
  return (value:gsub("[A-Z]", LOWER))
end

--- A text with the ASCII letters in upper case.
---@param value string
---@return string
function ascii.upper(value)
  return (value:gsub("[a-z]", UPPER))
end

--- A text whose first letter is in upper case: the beginning of a sentence.
---@param value string
---@return string
function ascii.capitalized(value)
  return (value:gsub("^[a-z]", UPPER))
end

--- A text that a terminal does not obey: without control characters except line breaks and TABs.
--- ESC and U+009B begin commands to a terminal.
---@param value string
---@return string
function ascii.printable(value)
  if value:find "[%z\1-\31\127\194]" then
    value = value:gsub("[%z\1-\8\11-\31\127]", " "):gsub("\194[\128-\159]", " ")
  end
  return value
end

-- Whether `<` compares bytes at present: no language has a capital B before a.
local function in_byte_order()
  return "B" < "a"
end

local function bytes_before(a, b)
  for i = 1, min(#a, #b) do
    local one, other = byte(a, i), byte(b, i)
    if one ~= other then
      return one < other
    end
  end
  return #a < #b
end

--- Whether a text comes before another one in the order of their bytes.
---@param a string
---@param b string
---@return boolean
function ascii.before(a, b)
  if in_byte_order() then
    return a < b
  end
  return bytes_before(a, b)
end

--- Sort texts in the order of their bytes.
---@param list string[] changed in place
function ascii.sort(list)
  if in_byte_order() then
    table.sort(list)
  else
    table.sort(list, bytes_before)
  end
end

--- The keys of a table in the order of their bytes.
---@param set table<string, any>
---@return string[]
function ascii.keys(set)
  local keys = {}
  for key in pairs(set) do
    keys[#keys + 1] = key
  end
  ascii.sort(keys)
  return keys
end

return ascii
