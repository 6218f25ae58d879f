-- Numbers as people read them: amounts with the decimals of their currency, counts, percentages.
-- Amounts stay decimal texts, so that no digit is lost.

local EXPONENTS = require "commerce.catalog.currencies"
local decimal = require "commerce.base.decimal"

local amounts = {}

local NO_CURRENCY = "XXX" -- ISO 4217
local NARROW_SPACE = "\226\128\175" -- between an amount and its currency, which it does not leave
local MINUS = "\226\136\146"

local function grouped(digits)
  local head = #digits % 3
  local parts = head > 0 and { digits:sub(1, head) } or {}
  for i = head + 1, #digits, 3 do
    parts[#parts + 1] = digits:sub(i, i + 2)
  end
  return table.concat(parts, ",")
end

local function text_of(value)
  return type(value) == "string" and value or decimal.tostring(value)
end

--- A decimal number with at least so many decimals, in groups of three digits.
---@param value number|commerce.Decimal|string
---@param places integer
---@return string? text nil for what is not a decimal number
function amounts.number(value, places)
  local sign, whole, fraction = (text_of(value) or ""):match "^(%-?)(%d+)%.?(%d*)$"
  if not sign then
    return nil
  end
  fraction = fraction .. ("0"):rep(places - #fraction)
  return (sign == "-" and MINUS or "") .. grouped(whole) .. (fraction ~= "" and "." .. fraction
    or "")
end

--- The decimals of a currency.
---@param currency string?
---@return integer
function amounts.exponent(currency)
  return EXPONENTS[currency] or 2
end

--- An amount with its currency: "1,234.50 USD", "1,234 JPY".
---@param value number|commerce.Decimal|string
---@param currency string? its code
---@return string text "—" for what is not an amount
function amounts.money(value, currency)
  local known = currency and currency ~= NO_CURRENCY
  local text = amounts.number(value, known and amounts.exponent(currency) or 0)
  return text and (text .. (known and NARROW_SPACE .. currency or "")) or "—"
end

--- A whole number.
---@param value number|string|nil
---@return string text "—" for nil
function amounts.count(value)
  return value and amounts.number(value, 0) or "—"
end

--- A percentage or a ratio as one.
---@param value string|number|nil
---@param factor integer? 100 for a ratio
---@return string text "—" for nil
function amounts.percent(value, factor)
  if not value then
    return "—"
  end
  local number = tonumber(text_of(value)) * (factor or 1)
  local text = decimal.fixed(math.abs(number), math.abs(number) < 10 and 2 or 1)
  return (number < 0 and MINUS or "") .. text .. "%"
end

local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
  "Dec" }

--- The name of a month in three letters.
---@param number integer|string from 1
---@return string
function amounts.month(number)
  return MONTHS[tonumber(number)] or "?"
end

--- A day, such as that on which a payout arrives. It is the same in every time zone.
---@param text string? "2026-01-31", or a date with a time
---@return string text "31 Jan 2026"; "—" without one
function amounts.day(text)
  local year, month, day = (text or ""):match "^(%d+)%-(%d+)%-(%d+)"
  return year and ("%d %s %s"):format(tonumber(day), amounts.month(month), year) or "—"
end

local UNITS = { { 1e12, "T" }, { 1e9, "B" }, { 1e6, "M" }, { 1e3, "k" } }

--- A number in a few characters, for an axis: "1.2M", "250k", "0.5".
---@param value number
---@return string
function amounts.short(value)
  local size, sign = math.abs(value), value < 0 and MINUS or ""
  for _, unit in ipairs(UNITS) do
    if size >= unit[1] then
      return sign .. (decimal.fixed(size / unit[1], 1):gsub("%.0$", "")) .. unit[2]
    end
  end
  return sign .. (decimal.fixed(size, 2):gsub("%.?0+$", ""))
end

return amounts
