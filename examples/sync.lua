-- Sync an account and print the latest large payments.
--   STRIPE_SECRET_KEY=sk_test_... lua5.4 examples/sync.lua

local commerce = require "commerce"

local app = assert(commerce.open()) -- COMMERCE_STORE, or sqlite:commerce.db
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })

local report = assert(shop:sync { types = { "payments", "disputes" } })
print(report)

for payment in shop:records("payments", { query = "amount>100", limit = 5 }) do
  print(payment.id, payment.createdDate, payment.amount, payment.currency, payment.status)
end

shop:close()
app:close()
