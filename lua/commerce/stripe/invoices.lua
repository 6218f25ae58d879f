-- Invoices, a ready definition: what was billed, paid and is still open. Codat's Commerce model has
-- none; users define them explicitly:
--
--   shop:define("invoices", require "commerce.stripe.invoices")
--
-- Drafts are left out: Stripe may still change or delete them.

local v = require "commerce.mapping.values"

local function is_issued(status)
  return status ~= "draft"
end

local function total_tax(taxes)
  local total = 0
  for _, tax in ipairs(taxes or {}) do
    total = total + (tonumber(tax.amount) or 0)
  end
  return taxes and total
end

return {
  from = { resource = "invoices", complete = { "lines" }, where = v.with("status", is_issued),
    excluded = "drafts" },
  id = "id",
  number = v.string "number",
  status = v.string "status",
  billingReason = v.string "billing_reason",
  customer = v.id "customer",
  customerName = v.string "customer_name",
  customerEmail = v.string "customer_email",
  subscription = v.id "parent.subscription_details.subscription",
  currency = v.currency "currency",
  subtotal = v.money("subtotal", "currency"),
  totalTax = v.money(v.with("total_taxes", total_tax), "currency"),
  total = v.money("total", "currency"),
  amountDue = v.money("amount_due", "currency"),
  amountPaid = v.money("amount_paid", "currency"),
  amountRemaining = v.money("amount_remaining", "currency"),
  dueDate = v.timestamp "due_date",
  periodStart = v.timestamp "period_start",
  periodEnd = v.timestamp "period_end",
  finalizedAt = v.timestamp "status_transitions.finalized_at",
  paidAt = v.timestamp "status_transitions.paid_at",
  voidedAt = v.timestamp "status_transitions.voided_at",
  lines = v.each("lines.data", {
    id = "id",
    description = v.string "description",
    quantity = v.decimal(v.first("quantity_decimal", "quantity")),
    amount = v.money("amount", "^currency"),
    price = v.id "pricing.price_details.price",
    product = v.id "pricing.price_details.product",
    periodStart = v.timestamp "period.start",
    periodEnd = v.timestamp "period.end",
  }),
  supplementalData = v.supplemental { "description", "metadata", "collection_method",
    "attempt_count", "hosted_invoice_url" },
}
