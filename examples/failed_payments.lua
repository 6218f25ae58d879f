-- Payments that failed, with the reason, into a CSV file:
--   commerce run failed_payments.lua 2026-09-01 failed.csv

local commerce = require "commerce"

local arguments = arg or {}
local since, path = arguments[1] or "2020-01-01", arguments[2] or "failed_payments.csv"

local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
assert(shop:sync { types = { "payments" }, strict = true })

local out = assert(commerce.csv(path, { "createdDate", "id", "amount", "currency",
  "paymentMethodRef.name", "supplementalData.content.stripe.failure_code",
  "supplementalData.content.stripe.failure_message" }))
for payment in shop:records("payments", { query = "status=Failed&&createdDate>=" .. since }) do
  out:write(payment)
end
assert(out:close())
commerce.print(("%d failed payments since %s in %s"):format(out.count, since, path))

shop:close()
app:close()
