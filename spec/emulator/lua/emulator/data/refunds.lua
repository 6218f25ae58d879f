--- Refunds: of card charges (`re_`) and of others (`pyr_`).
local ids = require "emulator.ids"
local template = require "emulator.template"
local scenarios = require "emulator.data.scenarios"
local charges = require "emulator.data.charges"

local refunds = {
  object = "refund", kind = "refund", url = "/v1/refunds",
  expand = { charge = "charges", balance_transaction = "balance_transactions",
    failure_balance_transaction = "balance_transactions" },
  filters = { charge = "string", payment_intent = "string" },
}

refunds.template = template.new [[{
  "id":$id,"object":"refund","amount":$amount,"balance_transaction":@balance_transaction,
  "charge":@charge,"created":$created,"currency":$currency,"customer":$customer,
  "customer_account":null,"destination_details":@destination,@failure"metadata":@metadata,
  "payment_intent":$payment_intent,"payment_method":$payment_method,"reason":$reason,
  "receipt_number":null,"source_transfer_reversal":null,"status":$status,"transfer_reversal":null}]]

local FAILURE = template.new [["failure_balance_transaction":@bt,
  "failure_reason":"expired_or_canceled_card",]]
local PENDING = template.new [["pending_reason":"processing",]]
local METADATA = template.new [[{"ticket":"RMA-1001"}]]
local CARD = template.new [[{"card":{"reference":$reference,"reference_status":"available",
  "reference_type":"acquirer_reference_number","type":"refund"},"type":"card"}]]
local CARD_PENDING = template.new [[{"card":{"reference_status":"pending",
  "reference_type":"acquirer_reference_number","type":"refund"},"type":"card"}]]
local REVERSAL = template.new [[{"card":{"type":"reversal"},"type":"card"}]]
local OTHER = {}

local function destination(fact, refund, seed, j)
  if fact.py then
    OTHER[fact.pm] = OTHER[fact.pm]
      or { tpl = template.new(('{"%s":{},"type":"%s"}'):format(fact.pm, fact.pm)) }
    return OTHER[fact.pm]
  end
  if not fact.captured or refund.capture then return { tpl = REVERSAL } end
  if refund.status ~= "succeeded" then return { tpl = CARD_PENDING } end
  return { tpl = CARD, reference = '"' .. ids.text(23, seed, 70000000 + j) .. '"' }
end

function refunds.count(ds) return ds.ledger.counts.refunds end

function refunds.created(ds, j)
  local refund, block = ds.ledger:find("refunds", j)
  return ds.ledger:created(block, refund.slot)
end

function refunds.first_from(ds, t) return ds.ledger:first_from("refunds", t) end

function refunds.id(ds, j)
  local refund = ds.ledger:find("refunds", j)
  return ds.codec:encode("refund", j, refund.charge.py and 2 or 1)
end

--- The index of the charge a refund belongs to.
function refunds.charge(ds, j)
  local refund, block = ds.ledger:find("refunds", j)
  return block * scenarios.SIZE + refund.charge.slot, refund, block
end

function refunds.values(ds, j, ex)
  local i, refund, block = refunds.charge(ds, j)
  local fact = refund.charge
  local ledger = ds.ledger
  local status, failure = refund.status, ""
  if refund.fails and ledger:happened(block, refund.fails) then
    status = "failed"
    failure = { tpl = FAILURE, bt = ds:ref(ex, "failure_balance_transaction",
      "balance_transactions", ledger:number("entries", block, refund.failure_bt)) }
  elseif status == "pending" then
    failure = { tpl = PENDING }
  end
  local ci = charges.customer(ds, fact, i)
  if ds.future and j % 10 == 0 then status = "brand_new_status" end
  return {
    tpl = refunds.template,
    id = '"' .. refunds.id(ds, j) .. '"',
    amount = refund.amount,
    balance_transaction = refund.bt and ds:ref(ex, "balance_transaction", "balance_transactions",
      ledger:number("entries", block, refund.bt)) or "null",
    charge = ds:ref(ex, "charge", "charges", i),
    created = ledger:created(block, refund.slot),
    currency = '"' .. refund.currency .. '"',
    customer = ci and ds.codec:quoted("customer", ci) or "null",
    destination = destination(fact, refund, ds.seed, j),
    failure = failure,
    metadata = j % 6 == 0 and { tpl = METADATA } or "{}",
    payment_intent = ds.codec:quoted("payment_intent", charges.intent(fact, i)),
    payment_method = ds.codec:quoted("payment_method", i),
    reason = refund.reason and '"' .. refund.reason .. '"' or "null",
    status = '"' .. status .. '"',
  }
end

--- The first and last number of what the block of `filter.charge` has in a list.
function refunds.block_range(ds, filter, list)
  if not filter.charge then return nil end
  local resource, i = ds:find(filter.charge)
  if resource ~= "charges" or not i then return 0, -1 end
  local block = math.floor(i / scenarios.SIZE)
  local first = ds.ledger:start(list, block)
  return first, math.min(ds.ledger:start(list, block + 1), ds.ledger.counts[list]) - 1
end

--- Where the refunds of a charge can be: first and last number.
function refunds.range(ds, filter)
  return refunds.block_range(ds, filter, "refunds")
end

function refunds.matches(ds, j, filter)
  local i, refund = refunds.charge(ds, j)
  if filter.charge and charges.id(ds, i) ~= filter.charge then return false end
  local pi = filter.payment_intent
  return not pi or ds.codec:encode("payment_intent", charges.intent(refund.charge, i)) == pi
end

return refunds
