-- Subscriptions, a ready definition. Codat's Commerce model has none; users define them explicitly:
--
--   shop:define("subscriptions", require "commerce.stripe.subscriptions")

local v = require "commerce.mapping.values"

-- What one period costs; nil if Stripe does not tell it in advance, or if the items have different
-- periods.
local function amount_of_period(items)
  local total, period = 0, nil
  for _, item in ipairs(items or {}) do
    local price = type(item.price) == "table" and item.price or {}
    local recurring = type(price.recurring) == "table" and price.recurring or {}
    local its = ("%s %s"):format(tostring(recurring.interval), tostring(recurring.interval_count))
    if type(price.unit_amount) ~= "number" or type(item.quantity) ~= "number"
      or recurring.usage_type == "metered" or type(price.transform_quantity) == "table"
      or (period or its) ~= its then
      return nil
    end
    total, period = total + price.unit_amount * item.quantity, its
  end
  return period and total or nil
end

-- The first or last of a date of the items: Stripe keeps periods by item.
local function of_items(name, is_better)
  return v.timestamp(v.with("items.data", function(items)
    local best
    for _, item in ipairs(items or {}) do
      local at = item[name]
      best = type(at) == "number" and (not best or is_better(at, best)) and at or best
    end
    return best
  end))
end

return {
  from = { resource = "subscriptions", complete = { "items" } },
  id = "id",
  status = v.string "status",
  customer = v.id "customer",
  currency = v.currency "currency",
  amount = v.money(v.with("items.data", amount_of_period), "currency"),
  startDate = v.timestamp "start_date",
  currentPeriodStart = of_items("current_period_start", function(a, b) return a < b end),
  currentPeriodEnd = of_items("current_period_end", function(a, b) return a > b end),
  trialStart = v.timestamp "trial_start",
  trialEnd = v.timestamp "trial_end",
  cancelAtPeriodEnd = v.boolean "cancel_at_period_end",
  cancelAt = v.timestamp "cancel_at",
  canceledAt = v.timestamp "canceled_at",
  endedAt = v.timestamp "ended_at",
  collectionMethod = v.string "collection_method",
  latestInvoice = v.id "latest_invoice",
  items = v.each("items.data", {
    id = "id",
    quantity = v.integer "quantity",
    price = v.string "price.id",
    product = v.id "price.product",
    unitPrice = v.money("price.unit_amount_decimal", "price.currency"),
    interval = v.string "price.recurring.interval",
    intervalCount = v.integer "price.recurring.interval_count",
  }),
  supplementalData = v.supplemental { "description", "metadata", "pause_collection", "schedule" },
}
