-- Revenue, refunds and Stripe's fees by month and currency, from the transactions that make up the
-- balance. Sums are made in whole cents, so that they are exact.

local commerce = require "commerce"

local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
assert(shop:sync { types = { "transactions" }, strict = true })

local COLUMN = { Payment = "revenue", Refund = "refunds", PaymentFee = "fees",
  PaymentFeeRefund = "fees" }
local months, order = {}, {}
for transaction in shop:records("transactions", { orderBy = "createdDate" }) do
  local column = COLUMN[transaction.type]
  local key = transaction.createdDate:sub(1, 7) .. " " .. transaction.currency
  if column and not months[key] then
    months[key] = { revenue = 0, refunds = 0, fees = 0 }
    order[#order + 1] = key
  end
  if column then
    months[key][column] = months[key][column] + math.floor(transaction.totalAmount * 1000 + 0.5)
  end
end

print("month   currency      revenue      refunds         fees          net")
for _, key in ipairs(order) do
  local sums = months[key]
  print(("%-15s %13.2f %12.2f %12.2f %12.2f"):format(key, sums.revenue / 1000,
    sums.refunds / 1000, sums.fees / 1000, (sums.revenue + sums.refunds + sums.fees) / 1000))
end

shop:close()
app:close()
