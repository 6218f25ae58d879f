--- Payment intents, as far as charges tell of them: for expansions and by their id. They have no
--- list here.
local template = require "emulator.template"
local charges = require "emulator.data.charges"

local intents = {
  object = "payment_intent", kind = "payment_intent", url = "/v1/payment_intents", unlisted = true,
  expand = { latest_charge = "charges", customer = "customers" },
  filters = {},
}

intents.template = template.new [[{
  "id":$id,"object":"payment_intent","amount":$amount,"amount_received":$received,
  "capture_method":"automatic","created":$created,"currency":$currency,"customer":@customer,
  "description":null,"latest_charge":@latest_charge,"livemode":$livemode,"metadata":{},
  "payment_method":$payment_method,"payment_method_types":["card"],"status":$status}]]

function intents.count(ds) return charges.count(ds) end
function intents.created(ds, i) return charges.created(ds, i) end
function intents.first_from(ds, t) return charges.first_from(ds, t) end
function intents.id(ds, i) return ds.codec:encode("payment_intent", i) end

function intents.values(ds, i, ex)
  local fact = ds.ledger:charge(i)
  local customer = charges.customer(ds, fact, i)
  local failed = fact.outcome == "failed"
  return {
    tpl = intents.template,
    id = '"' .. intents.id(ds, i) .. '"',
    amount = fact.amount,
    received = failed and 0 or fact.amount_captured,
    created = intents.created(ds, i),
    currency = '"' .. fact.currency .. '"',
    customer = customer and ds:ref(ex, "customer", "customers", customer) or "null",
    latest_charge = ds:ref(ex, "latest_charge", "charges", i),
    livemode = ds.livemode,
    payment_method = ds.codec:quoted("payment_method", i),
    status = failed and '"requires_payment_method"' or fact.outcome == "pending" and '"processing"'
      or fact.captured and '"succeeded"' or '"requires_capture"',
  }
end

function intents.matches() return true end

return intents
