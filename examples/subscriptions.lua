-- A data type of your own: subscriptions, with their table, columns and sync.

local commerce = require "commerce"
local v = commerce.values

local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })

shop:define("subscriptions", {
  from = { resource = "subscriptions", complete = { "items" } },
  id = "id",
  status = "status",
  customer = v.id "customer",
  currency = v.currency "currency",
  startDate = v.timestamp "start_date",
  cancelAtPeriodEnd = "cancel_at_period_end",
  -- what one period costs: all items, each by its quantity
  amount = v.money(v.with("items.data", function(items)
    local total = 0
    for _, item in ipairs(items or {}) do
      total = total + (tonumber(item.price.unit_amount) or 0) * (item.quantity or 1)
    end
    return total
  end), "currency"),
})

assert(shop:sync { types = { "subscriptions" }, strict = true })

local count = 0
for subscription in shop:records("subscriptions", { query = "status=active", limit = 10 }) do
  commerce.print(subscription.id, subscription.customer, subscription.amount, subscription.currency,
    subscription.cancelAtPeriodEnd and "ends" or "goes on")
  count = count + 1
end
commerce.print(count .. " active subscriptions")

shop:close()
app:close()
