-- Products and quotients of decimal texts, without binary rounding. Sums are `decimal.sum`.

local decimal = require "commerce.base.decimal"

local arithmetic = {}

-- Digits are kept as a list of numbers 0 to 9, the most significant first.

-- "-0012.50" -> true, { 1, 2, 5, 0 }, 2
local function parse(text)
  local sign, whole, fraction = tostring(text):match "^(%-?)(%d+)%.?(%d*)$"
  if not sign then
    error(("a decimal number expected, got '%s'"):format(tostring(text)), 3)
  end
  local digits = {}
  for digit in (whole .. fraction):gsub("^0+", ""):gmatch "%d" do
    digits[#digits + 1] = tonumber(digit)
  end
  return sign == "-", digits, #fraction
end

-- The shortest text of digits with so many decimals.
local function written(negative, digits, scale)
  local text = table.concat(digits)
  if #text <= scale then
    text = ("0"):rep(scale - #text + 1) .. text
  end
  local whole, fraction = text:sub(1, #text - scale), text:sub(#text - scale + 1)
  whole, fraction = whole:gsub("^0+(%d)", "%1"), fraction:gsub("0+$", "")
  text = fraction ~= "" and whole .. "." .. fraction or whole
  return negative and text ~= "0" and "-" .. text or text
end

--- The exact product of two decimal numbers. Raises if one is not a decimal number.
---@param a string without exponent
---@param b string
---@return string product in its shortest form
function arithmetic.product(a, b)
  local a_negative, a_digits, a_scale = parse(a)
  local b_negative, b_digits, b_scale = parse(b)
  local result = {}
  for i = 1, #a_digits + #b_digits do
    result[i] = 0
  end
  for i = #a_digits, 1, -1 do
    local carry = 0
    for j = #b_digits, 1, -1 do
      local value = result[i + j] + a_digits[i] * b_digits[j] + carry
      result[i + j] = value % 10
      carry = (value - value % 10) / 10
    end
    result[i] = result[i] + carry
  end
  for i, digit in ipairs(result) do
    result[i] = ("%d"):format(digit) -- Lua 5.4 would write 3.0
  end
  return written(a_negative ~= b_negative, result, a_scale + b_scale)
end

-- Whether a list of digits, without leading zeros, is at least as large as another one.
local function reaches(digits, other)
  if #digits ~= #other then
    return #digits > #other
  end
  for i = 1, #digits do
    if digits[i] ~= other[i] then
      return digits[i] > other[i]
    end
  end
  return true
end

-- Takes the smaller number from the larger one, in place.
local function subtract(digits, other)
  local borrow, offset = 0, #digits - #other
  for i = #digits, 1, -1 do
    local value = digits[i] - (other[i - offset] or 0) - borrow
    borrow = value < 0 and 1 or 0
    digits[i] = value + borrow * 10
  end
  while digits[1] == 0 do
    table.remove(digits, 1)
  end
end

-- The digits of the whole quotient, and whether the rest is at least half of the divisor.
local function divided(digits, divisor)
  local quotient, rest = {}, {}
  for i, digit in ipairs(digits) do
    if #rest > 0 or digit > 0 then
      rest[#rest + 1] = digit
    end
    local times = 0
    while reaches(rest, divisor) do
      subtract(rest, divisor)
      times = times + 1
    end
    quotient[i] = times
  end
  rest[#rest + 1] = #rest > 0 and 0 or nil
  local halves = 0
  while #rest > 0 and reaches(rest, divisor) do
    subtract(rest, divisor)
    halves = halves + 1
  end
  return quotient, halves >= 5
end

local function add_one(digits)
  for i = #digits, 1, -1 do
    if digits[i] < 9 then
      digits[i] = digits[i] + 1
      return
    end
    digits[i] = 0
  end
  table.insert(digits, 1, 1)
end

--- The quotient of two decimal numbers, rounded to so many decimals, a half away from zero. Raises
--- if one is not a decimal number.
---@param a string without exponent
---@param b string
---@param places integer decimals of the result
---@return string? quotient in its shortest form; nil if b is zero
function arithmetic.quotient(a, b, places)
  local a_negative, digits, a_scale = parse(a)
  local b_negative, divisor, b_scale = parse(b)
  if #divisor == 0 then
    return nil
  end
  for _ = 1, places + b_scale - a_scale do
    digits[#digits + 1] = 0
  end
  for _ = 1, a_scale - places - b_scale do
    divisor[#divisor + 1] = 0
  end
  local quotient, up = divided(digits, divisor)
  if up then
    add_one(quotient)
  end
  return written(a_negative ~= b_negative, quotient, places)
end

--- The difference of two decimal numbers.
---@param a string without exponent
---@param b string what is taken away
---@return string difference in its shortest form
function arithmetic.difference(a, b)
  local sum = decimal.sum()
  sum:add(a)
  sum:add(b:sub(1, 1) == "-" and b:sub(2) or "-" .. b)
  return tostring(sum)
end

return arithmetic
