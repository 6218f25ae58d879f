-- Revenue, refunds and Stripe's fees by month and currency, from the transactions that make up the
-- balance. Sums are made in whole minor units (cents, yen, fils), so that they are exact.

local commerce = require "commerce"

local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
assert(shop:sync { types = { "transactions" }, strict = true })

local COLUMN = { Payment = "revenue", Refund = "refunds", PaymentFee = "fees",
  PaymentFeeRefund = "fees" }
local months, order = {}, {}
for transaction in shop:records("transactions", { orderBy = "createdDate" }) do
  local column, currency = COLUMN[transaction.type], transaction.currency
  local key = transaction.createdDate:sub(1, 7) .. " " .. currency
  if column and not months[key] then
    months[key] = { revenue = 0, refunds = 0, fees = 0,
      decimals = commerce.values.exponent(currency:lower()) } -- JPY has none, KWD three
    order[#order + 1] = key
  end
  if column then
    local sums = months[key]
    sums[column] = sums[column] + math.floor(transaction.totalAmount * 10 ^ sums.decimals + 0.5)
  end
end

commerce.print "month   currency      revenue      refunds         fees          net"
for _, key in ipairs(order) do
  local sums = months[key]
  local function shown(minor, width)
    return ("%" .. width .. "." .. sums.decimals .. "f"):format(minor / 10 ^ sums.decimals)
  end
  commerce.print(("%-15s %s %s %s %s"):format(key, shown(sums.revenue, 13),
    shown(sums.refunds, 12), shown(sums.fees, 12),
    shown(sums.revenue + sums.refunds + sums.fees, 12)))
end

shop:close()
app:close()
