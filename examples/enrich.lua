-- Enrichment by hooks: each payment gets the name and the plan of the customer who made it, which
-- Stripe keeps elsewhere; test payments of the shop's own staff are left out.

local commerce = require "commerce"

local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })

local function customer_of(payment)
  local extra = payment.supplementalData and payment.supplementalData.content.stripe or {}
  return extra.customer
end

-- A filter: one record at a time. False leaves it out.
shop:on("payments", function(payment, source)
  local email = source.billing_details and source.billing_details.email
  if email and email:find "@example%-shop%.com$" then
    return false
  end
  payment.paymentProvider = "Stripe, " .. payment.currency -- a record may be changed in place
end)

local customers = {} -- by path; each is fetched once, not once a page

-- An enrichment: a page at a time, so that what it needs is fetched at once, within the limits.
shop:on("payments:before_page", function(payments, context)
  local paths = {}
  for _, payment in ipairs(payments) do
    local path = "/v1/customers/" .. tostring(customer_of(payment))
    paths[#paths + 1] = customer_of(payment) and not customers[path] and path or nil
  end
  local fetched, failures = context:get_all(paths)
  local _, failure = next(failures)
  assert(not failure, failure) -- rather no payment than one without its customer: see the report
  for path, customer in pairs(fetched) do
    customers[path] = customer
  end
  for _, payment in ipairs(payments) do
    local customer = customers["/v1/customers/" .. tostring(customer_of(payment))]
    if customer and not customer.deleted then
      payment.supplementalData.content.shop = { customerName = customer.name,
        plan = customer.metadata.plan }
    end
  end
end)

local report = assert(shop:sync { types = { "payments" }, strict = true })
commerce.print(report)
for payment in shop:records("payments", { limit = 5 }) do
  local own = payment.supplementalData and payment.supplementalData.content.shop or {}
  commerce.print(payment.id, payment.amount, payment.currency, own.customerName or "-")
end

shop:close()
app:close()
