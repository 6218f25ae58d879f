-- Exact decimal numbers: minor units and decimal strings to major units, without binary rounding.
--
-- A double carries every decimal of up to 15 significant digits and gives it back in decimal
-- unchanged. So such values are plain Lua numbers, easy to compare and to add; the rare longer ones
-- (a unit_amount_decimal with 12 decimals) are `decimal` objects that keep their text.

local core = require "commerce.core"

local decimal = {}

local EXACT_DIGITS = 15
local number_type = rawget(math, "type") -- Lua 5.4 tells integers apart; they are exact to 64 bits

---@class commerce.Decimal a number of more digits than a double has; tostring() gives it
---@field text string a decimal number without an exponent

local decimal_mt = { __name = "commerce.base.decimal" }

--- The metatable by which the core's encoder knows a decimal object.
decimal.metatable = decimal_mt

function decimal_mt:__tostring()
  return self.text
end

--- Whether a value is a decimal object (and not a plain number).
---@param value any
---@return boolean
function decimal.is_decimal(value)
  return getmetatable(value) == decimal_mt
end

-- "-0012.3400" -> sign "-", digits "123400" without leading zeros, scale 4
local function parse(text)
  local sign, whole, point, fraction = text:match("^(%-?)(%d+)(%.?)(%d*)$")
  if not sign or (point == "." and fraction == "") then
    return nil
  end
  return sign, whole .. fraction, #fraction
end

local function canonical(sign, digits, scale)
  if #digits <= scale then
    digits = ("0"):rep(scale - #digits + 1) .. digits
  end
  local whole = digits:sub(1, #digits - scale):gsub("^0+(%d)", "%1")
  local fraction = digits:sub(#digits - scale + 1):gsub("0+$", "")
  if fraction ~= "" then
    return sign .. whole .. "." .. fraction
  end
  return whole == "0" and "0" or sign .. whole
end

--- Move the decimal point of a decimal string to the left.
---@param text string such as "1999.123456789012"
---@param places integer >= 0
---@return string? text in its shortest form, without exponent; nil if not a decimal number
function decimal.shift(text, places)
  local sign, digits, scale = parse(text)
  if not sign then
    return nil
  end
  return canonical(sign, digits, scale + places)
end

-- Ten times a remainder must be exact in a double.
local LARGEST_DIVISOR = 2 ^ 49
-- A quotient that ends has at most as many further digits as the divisor has factors of two.
local MOST_DIGITS = 49

--- Divide a decimal string by a whole number, exactly.
---@param text string such as "1999.5"
---@param divisor number from 1 up to 2^49
---@return string? text in its shortest form; nil if the quotient has no end (10 / 3), or if an
---  argument is not such a number
function decimal.divide(text, divisor)
  local sign, digits, scale = parse(text)
  if not sign or not (divisor >= 1 and divisor <= LARGEST_DIVISOR) or divisor % 1 ~= 0 then
    return nil
  end
  local quotient, rest, at = {}, 0, 0
  while at < #digits or rest ~= 0 do
    if at == #digits + MOST_DIGITS then
      return nil
    end
    at = at + 1
    rest = rest * 10 + (at <= #digits and digits:byte(at) - 48 or 0)
    local left = rest % divisor
    quotient[at], rest = ("%.0f"):format((rest - left) / divisor), left
  end
  return canonical(sign, table.concat(quotient), scale + at - #digits)
end

--- The value of a decimal string: a number where a double is exact, else a decimal object.
---@param text string a decimal number without exponent
---@return number|commerce.Decimal
function decimal.value(text)
  local significant = text:gsub("[%-%.]", ""):gsub("^0+", "")
  if #significant <= EXACT_DIGITS then
    return tonumber(text)
  end
  return setmetatable({ text = text }, decimal_mt)
end

--- An integer of minor units as major units.
---@param minor number a whole number of minor units
---@param exponent integer decimals of the currency: 0, 2 or 3
---@return number|commerce.Decimal
function decimal.from_minor(minor, exponent)
  if minor < 1e15 and minor > -1e15 then
    -- IEEE division rounds to the nearest double, which is the double of the exact decimal
    return minor / 10 ^ exponent
  end
  return decimal.value(decimal.shift(("%.0f"):format(minor), exponent))
end

--- The same value with the other sign.
---@param value number|commerce.Decimal
---@return number|commerce.Decimal
function decimal.negate(value)
  if not decimal.is_decimal(value) then
    return value == 0 and 0 or -value
  end
  local text = value.text
  return decimal.value(text:sub(1, 1) == "-" and text:sub(2) or "-" .. text)
end

-- In Lua 5.4, string.format writes the decimal point of the host program's locale.
local function with_point(text)
  if text:find(".", 1, true) then
    return text
  end
  return (text:gsub("[^%d%-+e]+", "."))
end

--- A number with a fixed count of decimals: "4.70". For people; amounts are `decimal.tostring`.
---@param number number
---@param places integer
---@return string
function decimal.fixed(number, places)
  return with_point(("%." .. places .. "f"):format(number))
end

-- "1.5e-07" -> "0.00000015"
local function expand_exponent(text)
  local sign, digit, fraction, exponent = text:match("^(%-?)(%d)%.?(%d*)e([%+%-]%d+)$")
  exponent = tonumber(exponent)
  local digits = digit .. fraction
  if exponent < 0 then
    return canonical(sign, digits, #fraction - exponent)
  end
  return canonical(sign, digits .. ("0"):rep(math.max(0, exponent - #fraction)),
    math.max(0, #fraction - exponent))
end

--- The shortest decimal text that reads back as the same value, never with an exponent.
---@param value number|commerce.Decimal
---@return string? text nil for infinities and NaN, which JSON cannot carry
function decimal.tostring(value)
  if decimal.is_decimal(value) then
    return value.text
  end
  if number_type and number_type(value) == "integer" then
    return ("%d"):format(value)
  elseif value == math.floor(value) and value < 1e15 and value > -1e15 then
    return value == 0 and "0" or ("%.0f"):format(value)
  end
  if value ~= value or value == math.huge or value == -math.huge then
    return nil
  end
  local text = ("%.15g"):format(value)
  if tonumber(text) ~= value then
    return core.decimal(value) -- LuaJIT rounds the 16th digit otherwise than Lua does
  end
  text = with_point(text)
  if text:find("e", 1, true) then
    return expand_exponent(text)
  end
  return text
end

--- Any value as a text that is the same under all Lua versions: Lua 5.4 writes the number 5 as
--- "5.0" if it was read from JSON.
---@param value any
---@return string
function decimal.text(value)
  return type(value) == "number" and decimal.tostring(value) or tostring(value)
end

-- ---------------------------------------------------------------- exact sums

-- A sum is kept in three limbs, each small enough for a double to be exact: millions of 12-digit
-- amounts add up to more digits than one double has.
local FRACTION_DIGITS = 12 -- the most that Stripe gives
local FRACTION, WHOLE = 1e12, 1e9 -- what a limb holds less than

---@class commerce.DecimalSum tostring() gives its shortest decimal text
---@field private high number the limbs: from 10^9 on, below, and behind the point
---@field private low number
---@field private fraction number

local sum_methods = {}
local sum_mt = { __name = "commerce.decimal.sum", __index = sum_methods }

--- Begin an exact sum of decimal texts.
---@return commerce.DecimalSum sum
function decimal.sum()
  return setmetatable({ high = 0, low = 0, fraction = 0 }, sum_mt)
end

local function carry(self)
  local over = math.floor(self.fraction / FRACTION)
  self.fraction, self.low = self.fraction - over * FRACTION, self.low + over
  over = math.floor(self.low / WHOLE)
  self.low, self.high = self.low - over * WHOLE, self.high + over
end

--- Add a decimal number.
---@param text string without exponent, of 12 decimals at most
---@return boolean added false if the text is not such a number; the sum is then unchanged
function sum_methods:add(text)
  local sign, digits, scale = parse(text)
  if not sign or scale > FRACTION_DIGITS then
    return false
  end
  local factor, whole = sign == "-" and -1 or 1, #digits - scale
  local part = digits:sub(whole + 1) .. ("0"):rep(FRACTION_DIGITS - scale)
  self.fraction = self.fraction + factor * tonumber(part)
  self.low = self.low + factor * tonumber(digits:sub(math.max(1, whole - 8), whole))
  if whole > 9 then
    self.high = self.high + factor * tonumber(digits:sub(1, whole - 9))
  end
  carry(self)
  return true
end

function sum_mt:__tostring()
  local sign, parts = "", self
  if self.high < 0 then -- the other limbs count upwards from it
    sign, parts = "-", { high = 0 - self.high, low = 0 - self.low, fraction = 0 - self.fraction }
    carry(parts)
  end
  return canonical(sign, ("%.0f%09.0f%012.0f"):format(parts.high, parts.low, parts.fraction),
    FRACTION_DIGITS)
end

return decimal
