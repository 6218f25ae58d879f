--- Invoice payments: one an invoice.
local template = require "emulator.template"
local charges = require "emulator.data.charges"
local invoices = require "emulator.data.invoices"

local payments = {
  object = "invoice_payment", kind = "invoice_payment", url = "/v1/invoice_payments",
  expand = { invoice = "invoices", payment = { payment_intent = "payment_intents" } },
  filters = { invoice = "string", status = "string", ["payment.type"] = "string",
    ["payment.payment_intent"] = "string" },
  event_types = { created = false, updated = {} },
}

payments.template = template.new [[{
  "id":$id,"object":"invoice_payment","amount_paid":$paid,"amount_requested":$amount,
  "created":$created,"currency":$currency,"invoice":@invoice,"is_default":true,
  "livemode":$livemode,"payment":{"payment_intent":@payment_intent,"type":"payment_intent"},
  "status":$status,"status_transitions":{"canceled_at":$canceled_at,"paid_at":$paid_at}}]]

payments.count, payments.created = invoices.count, invoices.created
payments.first_from = invoices.first_from

function payments.id(ds, k) return ds.codec:encode("invoice_payment", k) end

local STATUS = { paid = "paid", void = "canceled", open = "open", uncollectible = "open" }

function payments.values(ds, k, ex)
  local i = invoices.charge(ds, k)
  local status, fact = invoices.status(ds, k)
  local created = payments.created(ds, k)
  return {
    tpl = payments.template,
    id = '"' .. payments.id(ds, k) .. '"',
    paid = status == "paid" and fact.amount or "null",
    amount = fact.amount,
    created = created,
    currency = '"' .. fact.currency .. '"',
    invoice = ds:ref(ex, "invoice", "invoices", k % math.max(1, invoices.count(ds))),
    livemode = ds.livemode,
    payment_intent = ds:ref(ex and ex.payment, "payment_intent", "payment_intents",
      charges.intent(fact, i)),
    status = '"' .. STATUS[status] .. '"',
    canceled_at = status == "void" and created + 3600 or "null",
    paid_at = status == "paid" and created + 60 or "null",
  }
end

function payments.matches(ds, k, filter)
  local v = payments.values(ds, k)
  if (filter["payment.type"] or "payment_intent") ~= "payment_intent" then return false end
  local intent = filter["payment.payment_intent"]
  return (not intent or v.payment_intent == '"' .. intent .. '"')
    and (not filter.invoice or v.invoice == '"' .. filter.invoice .. '"')
    and (not filter.status or v.status == '"' .. filter.status .. '"')
end

return payments
