-- Two merchants into one database, both at once: while one waits for Stripe, the other goes on.
--   STRIPE_SECRET_KEY=rk_live_... STRIPE_SECRET_KEY_2=rk_live_... commerce run two_merchants.lua

local commerce = require "commerce"

local app = assert(commerce.open { limits = { concurrency = 20 } }) -- of both together

local shops, steps = {}, {}
for i, variable in ipairs { "STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY_2" } do
  local key = assert(os.getenv(variable), "set " .. variable)
  shops[i] = assert(app:connect { secret_key = key })
  steps[i] = function()
    return assert(shops[i]:sync { types = { "customers", "payments" } })
  end
end

local failed = false
for i, report in ipairs(commerce.together(steps)) do
  commerce.print(report)
  failed = failed or not report.complete
  local count = 0
  for _ in shops[i]:records("payments", { query = "status=Paid" }) do
    count = count + 1
  end
  commerce.print(("%s: %d payments were paid\n"):format(shops[i].account, count))
end

for _, shop in ipairs(shops) do
  shop:close()
end
app:close()
assert(not failed, "not everything could be read, see above")
