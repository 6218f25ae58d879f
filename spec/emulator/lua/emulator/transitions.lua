--- What happens to an existing object: a pending charge succeeds, an authorised one is captured, a
--- refund fails, a dispute ends, a payout comes back. Each is an op { op = "…", id, … }.
local json = require "emulator.json"
local change = require "emulator.change"
local dataset = require "emulator.dataset"
local makers = require "emulator.makers"
local words = require "emulator.data.words"

local transitions = {}

local value = change.value

-- The document of op.id, which must be of this object and, when told, in one of these states.
local function expect(c, op, object, states)
  local doc = change.document(c, op.id)
  if doc.map.object ~= object then error(("%s is not a %s"):format(op.id, object), 0) end
  if states and not states[doc.map.status] then
    error(("%s is %s"):format(op.id, tostring(doc.map.status)), 0)
  end
  return doc
end

--- { op = "charge_succeed", id }: a pending charge succeeds.
function transitions.charge_succeed(c, op)
  local doc = expect(c, op, "charge", { pending = true })
  change.set(c, doc, "status", "succeeded", "paid", true, "captured", true,
    "amount_captured", value(doc, "amount"),
    "receipt_url", "https://pay.stripe.com/receipts/payment/" .. op.id)
  change.event(c, "charge.succeeded", doc)
end

--- { op = "charge_fail", id, failure = "insufficient_funds" }: a pending charge fails, its money
--- goes back.
function transitions.charge_fail(c, op)
  local doc = expect(c, op, "charge", { pending = true })
  local name = op.failure or "insufficient_funds"
  local why = words.failures[name] or error("unknown failure: " .. tostring(name), 0)
  change.set(c, doc, "status", "failed", "paid", false, "captured", false, "amount_captured", 0,
    "failure_code", words.failure_codes[name] or name, "failure_message", why[1],
    "outcome", json.object("network_status", "declined_by_network", "reason", why[2],
      "seller_message", why[4], "type", why[3]))
  if value(doc, "balance_transaction") then
    local amount, currency, rate = makers.settled(c, doc, value(doc, "amount"))
    change.set(c, doc, "failure_balance_transaction", change.post(c, { amount = -amount,
      currency = currency, rate = rate, type = "payment_failure_refund",
      category = "charge_failure", source = op.id, description = "REFUND FOR FAILED PAYMENT" }))
  end
  change.event(c, "charge.failed", doc)
end

--- { op = "capture", id, amount? }: an authorised charge is captured; what is not is released, by
--- a refund with a balance transaction of its own.
function transitions.capture(c, op)
  local doc = expect(c, op, "charge", { succeeded = true })
  if doc.map.captured or value(doc, "amount_refunded") > 0 then
    error("not to be captured: " .. op.id, 0)
  end
  local whole = value(doc, "amount")
  local amount = op.amount or whole
  if amount > whole then error("more than was authorised", 0) end
  local currency = doc.map.currency
  change.set(c, doc, "captured", true, "amount_captured", amount, "balance_transaction",
    change.post(c, { amount = whole, fee = makers.fee(currency, amount), currency = currency,
      type = "charge", category = "charge", source = op.id }))
  change.event(c, "charge.captured", doc)
  if amount < whole then
    makers.make(c, dataset.resources.refunds,
      json.from_lua { charge = op.id, amount = whole - amount }, { capture = true })
  end
end

--- { op = "charge_expire", id }: an authorisation runs out.
function transitions.charge_expire(c, op)
  local doc = expect(c, op, "charge", { succeeded = true })
  if doc.map.captured then error("captured: " .. op.id, 0) end
  change.set(c, doc, "amount_refunded", value(doc, "amount"), "refunded", true)
  change.event(c, "charge.expired", doc)
end

--- { op = "charge_post", id }: a charge made with `balance_transaction: false` gets one.
function transitions.charge_post(c, op)
  local doc = expect(c, op, "charge", { succeeded = true })
  if not doc.map.captured or value(doc, "balance_transaction") then
    error("nothing to post: " .. op.id, 0)
  end
  local amount, currency = value(doc, "amount"), doc.map.currency
  local before = change.set(c, doc, "balance_transaction", change.post(c, { amount = amount,
    fee = makers.fee(currency, amount), currency = currency, type = "charge", category = "charge",
    source = op.id }))
  change.event(c, "charge.updated", doc, before)
end

local function refund_updated(c, doc, before)
  change.event(c, "refund.updated", doc, before)
  change.event(c, "charge.refund.updated", doc, before)
end

--- { op = "refund_succeed", id }: a pending refund succeeds.
function transitions.refund_succeed(c, op)
  local doc = expect(c, op, "refund", { pending = true })
  refund_updated(c, doc, change.set(c, doc, "status", "succeeded"))
end

--- { op = "refund_fail", id }: a refund fails; the charge gets its money back.
function transitions.refund_fail(c, op)
  local doc = expect(c, op, "refund", { pending = true, succeeded = true })
  local charge = change.document(c, doc.map.charge)
  local amount = value(doc, "amount")
  local before = json.object("status", doc.map.status)
  change.set(c, doc, "status", "failed", "failure_reason", op.reason or "expired_or_canceled_card")
  if value(doc, "balance_transaction") then
    local sum, currency, rate = makers.settled(c, charge, amount)
    change.set(c, doc, "failure_balance_transaction", change.post(c, { amount = sum,
      currency = currency, rate = rate, type = "refund_failure", category = "refund_failure",
      source = op.id, description = "REFUND FAILURE" }))
  end
  change.set(c, charge, "amount_refunded", math.max(0, value(charge, "amount_refunded") - amount),
    "refunded", false)
  change.event(c, "refund.failed", doc)
  refund_updated(c, doc, before)
end

local OPEN = { needs_response = true, under_review = true, appeal_needs_response = true,
  appeal_under_review = true }
local LOST = { lost = true }

-- What a dispute is once evidence is submitted.
local function reviewed(doc)
  return doc.map.status:find "^appeal" and "appeal_under_review" or "under_review"
end

--- { op = "dispute_appeal", id }: the decision on a lost dispute may be appealed.
function transitions.dispute_appeal(c, op)
  local doc = expect(c, op, "dispute", LOST)
  local patch = json.object("status", "appeal_needs_response", "evidence_details",
    json.object("due_by", change.number(c.at + 14 * 86400)))
  change.event(c, "charge.dispute.updated", doc, change.edit(c, doc, patch))
end

--- { op = "dispute_update", id, fields? }: evidence is submitted.
function transitions.dispute_update(c, op, fields)
  local doc = expect(c, op, "dispute", OPEN)
  local patch = json.object("status", reviewed(doc), "evidence_details",
    json.object("has_evidence", true, "submission_method", "manual", "submission_count",
      change.number(json.to_lua(doc.map.evidence_details.map.submission_count) + 1)))
  json.merge(patch, fields)
  change.event(c, "charge.dispute.updated", doc, change.edit(c, doc, patch))
end

--- { op = "dispute_won", id }: the money comes back.
function transitions.dispute_won(c, op)
  local doc = expect(c, op, "dispute", OPEN)
  local charge = change.document(c, doc.map.charge)
  local amount, currency, rate = makers.settled(c, charge, value(doc, "amount"))
  local id = change.post(c, { amount = amount, currency = currency, rate = rate,
    type = "adjustment", category = "dispute_reversal", source = op.id,
    description = "Chargeback reversal for " .. doc.map.charge })
  local list = doc.map.balance_transactions
  list[#list + 1] = c.ds.overlay.inserted[id].doc
  change.set(c, doc, "status", "won")
  change.event(c, "charge.dispute.closed", doc)
  change.event(c, "charge.dispute.funds_reinstated", doc)
end

--- { op = "dispute_lost", id }
function transitions.dispute_lost(c, op)
  local doc = expect(c, op, "dispute", OPEN)
  change.set(c, doc, "status", "lost")
  change.event(c, "charge.dispute.closed", doc)
end

local MOVING = { pending = true, in_transit = true }

--- { op = "payout_paid", id }
function transitions.payout_paid(c, op)
  local doc = expect(c, op, "payout", MOVING)
  change.set(c, doc, "status", "paid", "arrival_date", c.at - c.at % 86400, "trace_id",
    json.object("status", "supported", "value", ("%015d"):format(c.at)))
  local reconciles = doc.map.automatic and doc.map.reconciliation_status ~= "completed"
  if reconciles then change.set(c, doc, "reconciliation_status", "completed") end
  change.event(c, "payout.paid", doc)
  if reconciles then change.event(c, "payout.reconciliation_completed", doc) end
end

local function returned(c, op, status, type, states)
  local doc = expect(c, op, "payout", states)
  change.set(c, doc, "status", status, "failure_balance_transaction", change.post(c, {
    amount = value(doc, "amount"), currency = doc.map.currency, type = type,
    category = "payout_reversal", source = op.id, description = "STRIPE PAYOUT REVERSAL",
    status = "available" }))
  return doc
end

--- { op = "payout_failed", id, failure_code = "account_closed" }: also one that was paid.
function transitions.payout_failed(c, op)
  local doc = returned(c, op, "failed", "payout_failure",
    { pending = true, in_transit = true, paid = true })
  change.set(c, doc, "failure_code", op.failure_code or "account_closed", "failure_message",
    "The bank account has been closed")
  change.event(c, "payout.failed", doc)
end

--- { op = "payout_canceled", id }
function transitions.payout_canceled(c, op)
  local doc = returned(c, op, "canceled", "payout_cancel", { pending = true })
  change.event(c, "payout.canceled", doc)
end


return transitions
