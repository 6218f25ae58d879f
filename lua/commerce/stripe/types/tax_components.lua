-- Tax components: GET /v1/tax_rates. An addition to Codat's integration.

local decimal = require "commerce.base.decimal"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

-- Stripe gives a percentage of 0 to 100, the model wants a fraction of 0 to 1.
local function fraction(rate_type, effective, percentage)
  local percent = effective or percentage
  if rate_type == "flat_amount" or percent == nil then
    return nil
  end
  return decimal.value(decimal.shift(decimal.tostring(percent), 2))
end

return mapping "tax_components" {
  mapping.from { resource = "tax_rates" },

  id = "id",
  name = "display_name",
  rate = v.with("rate_type", "effective_percentage", "percentage", fraction),
  isCompound = v.constant(false),
  sourceModifiedDate = v.timestamp "created",
}
