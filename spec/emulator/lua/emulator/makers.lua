--- New objects, as the changes that tests ask for make them: each posts its balance transaction and
--- writes its events.
local json = require "emulator.json"
local change = require "emulator.change"
local charges = require "emulator.data.charges"
local currencies = require "emulator.data.currencies"
local dataset = require "emulator.dataset"

local makers = {}

local value = change.value

--- The balance transaction of a charge as a plain table, or nil.
local function posted(c, charge)
  local id = value(charge, "balance_transaction")
  local node = id and c.ds:node_by_id("balance_transactions", id)
  return node and json.to_lua(change.decoded(node))
end

--- An amount of a charge in the currency it was settled in: amount, currency, rate.
function makers.settled(c, charge, amount)
  local t = posted(c, charge)
  if not t or not t.exchange_rate then
    return amount, t and t.currency or charge.map.currency
  end
  return math.floor(amount * t.exchange_rate + 0.5), t.currency, t.exchange_rate
end

--- The Stripe fee of an amount.
function makers.fee(currency, amount)
  local money = currencies[currency] or currencies.usd
  return math.floor(amount * money.percent / 100 + money.fixed)
end

local KINDS = { card = true, authorized = true, bank_debit = true, failed = true }

local new = {}

function new.charges(c, n, fields, op)
  local kind = op.kind or fields.captured == false and "authorized"
    or fields.status == "failed" and "failed" or "card"
  if not KINDS[kind] then error("unknown kind: " .. tostring(kind), 0) end
  local debit = kind == "bank_debit"
  local plain = c.ds.ledger:book_of(1).charges[0]
  local amount = tonumber(fields.amount) or plain.amount
  local currency = fields.currency or plain.currency
  local own = { amount = amount, amount_captured = amount, currency = currency, settle = currency,
    refunds = {} }
  if debit then own.pm, own.py, own.outcome = "us_bank_account", true, "pending" end
  if kind == "failed" then
    own.outcome, own.failure, own.amount_captured = "failed", op.failure or "card_declined", 0
  end
  local fact = setmetatable(own,
    { __index = function(_, key) return key ~= "bt" and plain[key] or nil end })
  local id = c.ds.codec:encode("charge", n, debit and 2 or 1)
  local doc = change.decoded(charges.fill(c.ds, fact, 0, n, c.at, nil, id))
  if kind == "authorized" then
    doc:set("captured", false)
    doc:set("amount_captured", change.number(0))
  end
  if (kind == "card" or debit) and op.balance_transaction ~= false then
    doc:set("balance_transaction", change.post(c, { amount = amount,
      fee = makers.fee(currency, amount), currency = currency,
      type = debit and "payment" or "charge", category = "charge", source = id,
      status = op.transaction_status, days = debit and 6 or nil }))
  end
  return doc
end

function new.refunds(c, n, fields, op)
  local charge = change.document(c, op.charge or fields.charge)
  local already = value(charge, "amount_refunded")
  local left = value(charge, "amount") - already
  local amount = tonumber(fields.amount) or left
  if amount > left then error("more than is left of the charge", 0) end
  local charge_id, captured = charge.map.id, charge.map.captured
  local py = charge_id:sub(1, 3) == "py_"
  local id = c.ds.codec:encode("refund", n, py and 2 or 1)
  local doc = json.from_lua { id = id, object = "refund", amount = amount, charge = charge_id,
    created = c.at, currency = charge.map.currency, metadata = json.object(),
    status = fields.status or "succeeded" }
  for _, key in ipairs { "balance_transaction", "customer", "customer_account",
    "destination_details", "payment_intent", "payment_method", "reason", "receipt_number",
    "source_transfer_reversal", "transfer_reversal" } do
    doc:set(key, charge.map[key] ~= nil and key:find "^[cp]" and charge.map[key] or json.null)
  end
  local status = doc.map.status
  local moved = status == "succeeded" or status == "pending"
  if captured and moved then
    local sum, currency, rate = makers.settled(c, charge, amount)
    doc:set("balance_transaction", change.post(c, { amount = -sum, currency = currency,
      rate = rate, type = py and "payment_refund" or "refund",
      category = op.capture and "partial_capture_reversal" or "refund", source = id,
      description = "REFUND FOR CHARGE", status = op.transaction_status }))
  end
  if moved then
    local sum = already + amount
    change.set(c, charge, "amount_refunded", sum, "refunded", sum == value(charge, "amount"))
  end
  return doc
end

function new.disputes(c, n, fields, op)
  local ds = c.ds
  local charge = change.document(c, op.charge or fields.charge)
  local amount = tonumber(fields.amount) or value(charge, "amount")
  local id = ds.codec:encode("dispute", n)
  local sum, currency, rate = makers.settled(c, charge, amount)
  local t = change.post(c, { amount = -sum, fee = 1500, fee_text = "Dispute fee",
    currency = currency, rate = rate, type = "adjustment", category = "dispute", source = id,
    description = "Chargeback withdrawal for " .. charge.map.id, status = op.transaction_status })
  change.set(c, charge, "disputed", true)
  return change.decoded {
    tpl = dataset.resources.disputes.template, id = json.quote(id), amount = amount,
    created = c.at, balance_transactions = { list = { ds:node_by_id("balance_transactions", t) } },
    charge = json.quote(charge.map.id), currency = json.quote(charge.map.currency),
    due_by = c.at + 14 * 86400, has_evidence = "false", past_due = "false", submissions = 0,
    method = '"not_submitted"', refundable = "false", livemode = ds.livemode,
    network_code = '"10.4"',
    payment_intent = json.encode(charge.map.payment_intent), brand = '"visa"',
    case_type = '"chargeback"', reason = '"fraudulent"', status = '"needs_response"',
  }
end

function new.payouts(c, n, fields, op)
  local ds = c.ds
  local amount, currency = tonumber(fields.amount) or 1000, fields.currency or "usd"
  local id = ds.codec:encode("payout", n)
  local t = change.post(c, { amount = -amount, currency = currency, type = "payout",
    category = "payout", source = id, description = "STRIPE PAYOUT",
    status = op.transaction_status or "available" })
  return change.decoded {
    tpl = dataset.resources.payouts.template, id = json.quote(id), amount = amount,
    created = c.at, arrival_date = dataset.resources.payouts.arrival(c.at), automatic = "false",
    balance_transaction = json.quote(t), currency = json.quote(currency),
    destination = json.quote(ds.codec:encode("bank_account", 1)),
    failure_balance_transaction = "null", failure_code = "null", failure_message = "null",
    livemode = ds.livemode, method = '"standard"', reconciliation = '"not_applicable"',
    status = '"pending"',
    trace = '{"status":"pending","value":null}',
  }
end

function new.balance_transactions(c, _, fields, op)
  return nil, change.post(c, { amount = tonumber(fields.amount) or 100,
    fee = tonumber(fields.fee) or 0, currency = fields.currency or "usd",
    type = fields.type or "adjustment", category = fields.reporting_category or "other_adjustment",
    source = fields.source, status = fields.status or op.transaction_status,
    balance_type = fields.balance_type })
end

-- Customers, products, prices and tax rates: as the generator would make one more.
local function another(c, n, _, _, resource)
  local doc = change.decoded(resource.values(c.ds, n, change.INLINE))
  doc:set("id", c.ds.codec:encode(resource.kind, n))
  doc:set("created", change.number(c.at))
  if doc.map.updated then doc:set("updated", change.number(c.at)) end
  return doc
end

local tell = {}

function tell.charges(c, doc)
  local status = doc.map.status
  local known = status == "failed" or status == "pending"
  change.event(c, "charge." .. (known and status or "succeeded"), doc)
end

function tell.refunds(c, doc)
  local status = doc.map.status
  if status == "succeeded" or status == "pending" then
    change.event(c, "charge.refunded", (change.document(c, doc.map.charge)))
  end
  change.event(c, "refund.created", doc)
end

function tell.disputes(c, doc)
  change.event(c, "charge.dispute.created", doc)
  change.event(c, "charge.dispute.funds_withdrawn", doc)
end

function tell.balance_transactions() end

--- Make an object of a resource.
---@param c table the change
---@param resource table
---@param fields table a document merged into it
---@param op table what else the change says
---@return string id
function makers.make(c, resource, fields, op)
  local n, make = change.next(c), new[resource.name] or another
  local doc, id = make(c, n, json.to_lua(fields), op, resource)
  if not doc then return id end
  json.merge(doc, fields)
  change.insert(c, resource, doc)
  local type = change.event_types(resource).created
  if tell[resource.name] then
    tell[resource.name](c, doc)
  elseif type then
    change.event(c, type, doc)
  end
  return doc.map.id
end

return makers
