-- What the prefix of a Stripe id says: which resource the object is of, which data type has its
-- record, and where Stripe's dashboard shows it.
-- Source of the dashboard's paths: the addresses that public code builds for it,
-- https://dashboard.stripe.com/acct_.../test/payments/ch_...

---@class commerce.IdKind
---@field resource string of catalog.resources
---@field type string? the data type of its record, if there is a built-in one
---@field page string? the dashboard's path before the id

local CHARGE = { resource = "charges", type = "payments", page = "payments" }
local REFUND = { resource = "refunds", type = "payments", page = "refunds" }
local DISPUTE = { resource = "disputes", type = "disputes", page = "disputes" }

---@type table<string, commerce.IdKind> by prefix
return {
  ch = CHARGE, py = CHARGE, re = REFUND, pyr = REFUND, du = DISPUTE, dp = DISPUTE,
  cus = { resource = "customers", type = "customers", page = "customers" },
  prod = { resource = "products", type = "products", page = "products" },
  txn = { resource = "balance_transactions", type = "transactions" },
  txr = { resource = "tax_rates", type = "tax_components", page = "tax-rates" },
  po = { resource = "payouts", type = "payouts", page = "payouts" },
  pi = { resource = "payment_intents", page = "payments" },
  ["in"] = { resource = "invoices", page = "invoices" },
  sub = { resource = "subscriptions", page = "subscriptions" },
  cs = { resource = "checkout_sessions" },
}
