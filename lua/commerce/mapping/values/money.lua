-- Value functions: money and currencies.

local EXPONENTS = require "commerce.catalog.currencies"
local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local value = require "commerce.mapping.value"

local values = {}

-- Stripe's codes are lower case. A cache, because there are few of them and many records. Texts
-- that a merchant made up (metadata) must not fill the memory, so only the first are kept.
local MOST_CODES, kept_codes = 500, 0
local upper_codes = setmetatable({}, {
  __index = function(cache, code)
    local upper = ascii.upper(code)
    if kept_codes < MOST_CODES then
      cache[code], kept_codes = upper, kept_codes + 1
    end
    return upper
  end,
})

local NO_CURRENCY = "XXX" -- ISO 4217: no currency

local function currency_code(code)
  if type(code) == "string" and code ~= "" then
    return upper_codes[code]
  end
  return NO_CURRENCY
end

--- For your own functions: the number of decimals in Stripe's minor units of a currency.
---@param code string? any case
---@return integer exponent 0, 2 or 3
function values.exponent(code)
  return EXPONENTS[currency_code(code)] or 2
end

--- A currency code in upper case; XXX if the source does not give one.
---@param code string path or value
---@return commerce.Value
function values.currency(code)
  local from = value.of(code, "currency")
  return value.new("currency(" .. from.sign .. ")", "currency", from.paths, { "currency", from })
end

--- For your own functions: converts minor units of a currency to major units, exactly.
---@param amount number|string|nil an integer, or Stripe's decimal text with up to 12 decimals
---@param code string? any case
---@return number|commerce.Decimal|nil
function values.major(amount, code)
  if amount == nil then
    return nil
  elseif type(amount) == "number" then
    return decimal.from_minor(amount, EXPONENTS[currency_code(code)] or 2)
  end
  local text = type(amount) == "string" and decimal.shift(amount, values.exponent(code))
  if not text then
    error(("amount: a decimal number expected, got '%s'"):format(tostring(amount)), 0)
  end
  return decimal.value(text)
end

--- An amount of money in major units, exact: 1250 and "usd" give 12.5.
---@param amount string path or value: minor units, an integer or a `*_decimal` string
---@param code string path or value of the currency
---@return commerce.Value
function values.money(amount, code)
  local list, paths, signs = value.collect("money", amount, code)
  return value.new("money(" .. signs .. ")", "decimal", paths, { "money", list[1], list[2] })
end

--- A decimal value with its sign changed.
---@param of string path or value
---@return commerce.Value
function values.negated(of)
  local from = value.of(of, "negated")
  return value.new("negated(" .. from.sign .. ")", "decimal", from.paths, { "negated", from })
end

return values
