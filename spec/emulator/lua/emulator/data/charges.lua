--- Charges.
local random = require "emulator.random"
local json = require "emulator.json"
local template = require "emulator.template"
local currencies = require "emulator.data.currencies"
local people = require "emulator.data.people"
local words = require "emulator.data.words"
local methods = require "emulator.data.payment_methods"

local charges = {
  object = "charge", kind = "charge", url = "/v1/charges",
  expand = { customer = "customers", balance_transaction = "balance_transactions",
    refunds = "list:refunds", failure_balance_transaction = "balance_transactions",
    payment_method_details = { card = { mandate = "mandates" } } },
  filters = { customer = "string", payment_intent = "string", transfer_group = "string" },
}

-- Seconds until a bank debit is confirmed.
charges.DEBIT = 5 * 86400

local function text(value) return value and "true" or "false" end

charges.template = template.new [[{
  "id":$id,"object":"charge","amount":$amount,"amount_captured":$amount_captured,
  "amount_refunded":$amount_refunded,"application":$application,"application_fee":$application_fee,
  "application_fee_amount":$application_fee_amount,"balance_transaction":@balance_transaction,
  "billing_details":{"address":@address,"email":$email,"name":$name,"phone":$phone,"tax_id":null},
  "calculated_statement_descriptor":$descriptor,"captured":$captured,"created":$created,
  "currency":$currency,"customer":@customer,"description":$description,"disputed":$disputed,
  "failure_balance_transaction":@failure_balance_transaction,"failure_code":$failure_code,
  "failure_message":$failure_message,"fraud_details":@fraud_details,"livemode":$livemode,
  "metadata":@metadata,"on_behalf_of":null,"outcome":@outcome,"paid":$paid,
  "payment_intent":$payment_intent,"payment_method":$payment_method,
  "payment_method_details":@details,@presentment
  "radar_options":{},"receipt_email":$receipt_email,"receipt_number":null,
  "receipt_url":$receipt_url,"refunded":$refunded,@refunds"review":null,"shipping":@shipping,
  "source":null,"source_transfer":$source_transfer,"statement_descriptor":null,
  "statement_descriptor_suffix":null,"status":$status,"transfer_data":null,"transfer_group":null}]]

local OUTCOME = template.new [[{"advice_code":$advice,"network_advice_code":null,
  "network_decline_code":$network_code,"network_status":$network_status,"reason":$reason,
  "risk_level":$risk_level,"risk_score":$risk_score,"seller_message":$seller_message,"type":$type}]]
local SHIPPING = template.new [[{"address":@address,"carrier":null,"name":$name,"phone":$phone,
  "tracking_number":null}]]
local METADATA = { "{}", "{}", "{}", { tpl = template.new [[{"order_id":$order_id}]] },
  { tpl = template.new [[{"order_id":$order_id,"channel":"web","note":"naïve café ☕",
    "sku":"SKU-7"}]] } }
local PRESENTMENT = template.new [["presentment_details":{"presentment_amount":$amount,
  "presentment_currency":$currency},]]
local REFUNDS = template.new [["refunds":@list,]]
local REPORTED = template.new [[{"stripe_report":"fraudulent"}]]

--- The charge whose payment intent charge `i` belongs to: a failed attempt shares its successor's.
local function intent(fact, i)
  return fact.retry and i + 1 or i
end

--- The index of the paying customer, or nil for a guest.
function charges.customer(ds, fact, i)
  local customers = ds.sizes.customers
  if customers == 0 or fact.transferred or fact.pm == "stripe_account" then return nil end
  local at = intent(fact, i)
  local h = random.hash(ds.seed, at, 42)
  if h % 100 < 35 then return nil end
  local known = math.min(customers,
    math.floor((at + 1) * customers / math.max(1, ds.sizes.charges)) + 1)
  return math.floor(h / 4294967296 * known)
end

function charges.count(ds) return ds.ledger.count end
function charges.created(ds, i) return ds.ledger.series:created(i) end
function charges.first_from(ds, t) return ds.ledger.series:first_from(t) end

function charges.id(ds, i)
  return ds.codec:encode("charge", i, ds.ledger:charge(i).py and 2 or 1)
end

-- What of a charge depends on what has already happened in its block.
local function state(ds, fact, block)
  local ledger = ds.ledger
  local refunded = 0
  for _, refund in ipairs(fact.refunds) do
    if ledger:happened(block, refund.slot) then
      local back = refund.fails and ledger:happened(block, refund.fails)
      if not back and (refund.status == "succeeded" or refund.status == "pending") then
        refunded = refunded + refund.amount
      end
    end
  end
  local status, failed_later = "succeeded", false
  if fact.outcome == "failed" then
    status = "failed"
  elseif fact.outcome == "pending" then
    status = "pending"
  elseif fact.outcome == "ach" and ledger:created(block, fact.slot) > ds.now - charges.DEBIT then
    status = "pending"
  elseif fact.outcome == "ach_failed" then
    failed_later = ledger:happened(block, fact.fails)
    status = failed_later and "failed" or "pending"
  end
  return status, refunded, failed_later
end

local function outcome_node(fact, status)
  local failure = status == "failed" and words.failures[fact.failure]
  local blocked = failure and failure[3] == "blocked"
  local score = fact.hash % 40
  return {
    tpl = OUTCOME,
    advice = failure and not blocked and '"try_again_later"' or "null",
    network_code = failure and not blocked and '"05"' or "null",
    network_status = blocked and '"not_sent_to_network"' or failure and '"declined_by_network"'
      or '"approved_by_network"',
    reason = failure and '"' .. failure[2] .. '"' or "null",
    risk_level = blocked and '"highest"' or '"normal"',
    risk_score = blocked and 92 or score,
    seller_message = json.quote(failure and failure[4] or "Payment complete."),
    type = failure and '"' .. failure[3] .. '"' or '"authorized"',
  }
end

-- What some customers agreed to when their card was saved.
local function mandate(ds, fact, i, customer, ex)
  if not customer or fact.pm ~= "card" or random.hash(ds.seed, i, 44) % 12 > 0 then
    return "null"
  end
  local details = ex and ex.payment_method_details
  return ds:ref(details and details.card, "mandate", "mandates", i)
end

--- The values of a charge that follows `fact`, numbered `i`.
function charges.fill(ds, fact, block, i, created, ex, id)
  local status, refunded, failed_later = state(ds, fact, block)
  local h = random.hash(ds.seed, i, 43)
  local ci = charges.customer(ds, fact, i)
  local who = people.person(ds.seed, ci or 100000000 + intent(fact, i))
  local country = currencies[fact.currency].country
  local at = intent(fact, i)
  local customer = ci and ds:ref(ex, "customer", "customers", ci) or "null"
  local bt, failure_bt = "null", "null"
  if fact.bt then
    bt = ds:ref(ex, "balance_transaction", "balance_transactions",
      ds.ledger:number("entries", block, fact.bt))
  end
  if failed_later then
    failure_bt = ds:ref(ex, "failure_balance_transaction", "balance_transactions",
      ds.ledger:number("entries", block, fact.failure_bt))
  end
  local failure = status == "failed" and words.failures[fact.failure]
  local metadata = METADATA[h % 5 + 1]
  if type(metadata) == "table" then
    metadata = { tpl = metadata.tpl, order_id = '"' .. (6000 + i) .. '"' }
  end
  local disputed = fact.dispute and ds.ledger:happened(block, fact.dispute.slot)
  local void = fact.outcome == "voided" or fact.outcome == "expired"
  return {
    tpl = charges.template,
    id = '"' .. id .. '"',
    amount = fact.amount,
    amount_captured = status == "failed" and 0 or fact.amount_captured,
    amount_refunded = refunded,
    application = fact.application_fee and ds.application or "null",
    application_fee = fact.fee and ds.codec:quoted("application_fee",
      ds.ledger:number("application_fees", block, fact.fee)) or "null",
    application_fee_amount = fact.application_fee or "null",
    balance_transaction = bt,
    address = people.at(h % 3 > 0 and country or nil, h),
    email = who.email, name = who.name, phone = who.phone,
    descriptor = ds.descriptor,
    captured = text(fact.captured and status ~= "failed"),
    created = created,
    currency = '"' .. fact.currency .. '"',
    customer = customer,
    description = h % 4 == 0 and "null" or '"'
      .. random.pick(words.descriptions, math.floor(h / 16)) .. " #" .. i .. '"',
    disputed = text(disputed),
    failure_balance_transaction = failure_bt,
    failure_code = failure and '"' .. (words.failure_codes[fact.failure] or fact.failure) .. '"'
      or "null",
    failure_message = failure and json.quote(failure[1]) or "null",
    fraud_details = disputed and fact.dispute.reason == "fraudulent" and { tpl = REPORTED } or "{}",
    livemode = ds.livemode,
    metadata = metadata,
    outcome = outcome_node(fact, status),
    paid = text(status ~= "failed" and status ~= "pending"),
    payment_intent = fact.transferred and "null" or ds.codec:quoted("payment_intent", at),
    payment_method = fact.transferred and "null" or ds.codec:quoted("payment_method", i),
    details = methods.details(fact, i, ds.seed, who, country and '"' .. country .. '"' or "null",
      mandate(ds, fact, i, ci, ex)),
    presentment = fact.presentment
      and { tpl = PRESENTMENT, amount = math.floor(fact.amount * 0.92),
        currency = '"' .. fact.presentment .. '"' } or "",
    receipt_email = h % 4 == 1 and who.email or "null",
    receipt_url = status == "succeeded"
      and '"https://pay.stripe.com/receipts/payment/CAcaFwoVYWNjdF8'
      .. id:sub(4) .. id:sub(4, 21):reverse() .. id:sub(8) .. 'KBWnOZ"' or "null",
    refunded = text(refunded > 0 and refunded == fact.amount or void and refunded > 0),
    refunds = ex and ex.refunds and { tpl = REFUNDS, list = ds:refunds_of(id, ex.refunds) } or "",
    shipping = h % 7 == 0 and { tpl = SHIPPING, address = people.at(who.country, h),
      name = who.name, phone = who.phone }
      or "null",
    source_transfer = fact.transferred and ds.codec:quoted("transfer", 900 + i)
      or "null",
    status = ds.future and h % 10 == 0 and '"brand_new_status"' or '"' .. status .. '"',
  }
end

function charges.values(ds, i, ex)
  local fact, block = ds.ledger:charge(i)
  return charges.fill(ds, fact, block, i, charges.created(ds, i), ex, charges.id(ds, i))
end

--- Whether charge `i` passes a filter.
function charges.matches(ds, i, filter)
  local fact = ds.ledger:charge(i)
  if filter.transfer_group then return false end
  if filter.customer then
    local ci = charges.customer(ds, fact, i)
    if not ci or ds.codec:encode("customer", ci) ~= filter.customer then return false end
  end
  local pi = filter.payment_intent
  return not pi or not fact.transferred and ds.codec:encode("payment_intent", intent(fact, i)) == pi
end

charges.intent = intent

return charges
