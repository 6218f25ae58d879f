-- Products: GET /v1/products, each with its prices from GET /v1/prices as variants.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

local function published(active)
  return active and "Published" or "Unpublished"
end

-- The price of one of `divide_by` units; nil if it is not a decimal number (10 / 3).
local function of_one_unit(price, divide_by)
  local text = type(divide_by) == "number" and decimal.divide(decimal.tostring(price), divide_by)
  return text and decimal.value(text) or nil
end

-- unit_amount_decimal and unit_amount are the same amount; the decimal one keeps what the other
-- rounds. A tiered or customer-chosen amount has neither: no unit price.
local function price_in(code, amounts, divide_by)
  local amount = amounts.unit_amount_decimal
  if type(amount) ~= "string" then
    amount = amounts.unit_amount
  end
  local known = type(amount) == "string" or type(amount) == "number"
  local price = known and v.major(amount, code) or nil
  if price and divide_by ~= nil then
    price = of_one_unit(price, divide_by)
  end
  return { currency = ascii.upper(code), unitPrice = price }
end

-- The price's own currency first, then its currency options in the order of their codes; Stripe
-- repeats the own currency among the options.
local function prices(code, unit_amount_decimal, unit_amount, options, divide_by)
  if not code then
    return {}
  end
  local result = { price_in(code, {
    unit_amount_decimal = unit_amount_decimal, unit_amount = unit_amount,
  }, divide_by) }
  local codes = {}
  for option in pairs(options or {}) do
    if option ~= code and option:find("^%a%a%a$") then
      codes[#codes + 1] = option
    end
  end
  ascii.sort(codes)
  for _, option in ipairs(codes) do
    result[#result + 1] = price_in(option, options[option], divide_by)
  end
  return result
end

-- The members that differ between variants and that the model lacks, by the price's id.
local function facts_of(list)
  local facts = {}
  for _, price in ipairs(list or {}) do
    local recurring = type(price.recurring) == "table" and price.recurring or {}
    facts[price.id] = {
      type = price.type, billing_scheme = price.billing_scheme, lookup_key = price.lookup_key,
      transform_quantity = price.transform_quantity,
      recurring = { interval = recurring.interval, interval_count = recurring.interval_count,
        usage_type = recurring.usage_type },
    }
  end
  return facts
end

local variants = v.each("prices", {
  id = "id",
  name = v.with("nickname", "^name", function(nickname, product)
    return nickname or product and product .. " - Standard Price"
  end),
  -- `unspecified` is left out: it is neither of the two
  isTaxEnabled = v.with("tax_behavior", function(behavior)
    return (behavior == "inclusive" or behavior == "exclusive") or nil
  end),
  unitOfMeasure = "^unit_label",
  prices = v.with("currency", "unit_amount_decimal", "unit_amount", "currency_options",
    "transform_quantity.divide_by", prices),
  shippingRequired = "^shippable",
  status = v.with("active", "^active", function(price, product)
    return published(price and product)
  end),
  createdDate = v.timestamp "created",
})

return mapping "products" {
  mapping.from {
    resource = "products",
    join = { key = "prices", resource = "prices", on = "product",
      expand = { "data.currency_options" } },
  },

  id = "id",
  name = "name",
  description = "description",
  isGiftCard = v.constant(false),
  status = v.with("active", published),
  variants = variants,
  createdDate = v.timestamp "created",
  sourceModifiedDate = v.timestamp "updated",
  supplementalData = v.supplemental {
    "active", "default_price", "url", "images", "tax_code", "metadata",
    prices = v.with("prices", facts_of),
  },
}
