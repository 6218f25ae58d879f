--- Payouts.
local template = require "emulator.template"

local payouts = {
  object = "payout", kind = "payout", url = "/v1/payouts",
  expand = { balance_transaction = "balance_transactions",
    failure_balance_transaction = "balance_transactions" },
  filters = { status = "string", destination = "string" },
}

-- Seconds until a pending payout is in transit and, if it is automatic, reconciled: Stripe tells
-- its transactions soon after it was created, not when it is paid.
payouts.WAIT = 3600

payouts.template = template.new [[{
  "id":$id,"object":"payout","amount":$amount,"application_fee":null,"application_fee_amount":null,
  "arrival_date":$arrival_date,"automatic":$automatic,"balance_transaction":@balance_transaction,
  "created":$created,"currency":$currency,"description":"STRIPE PAYOUT","destination":$destination,
  "failure_balance_transaction":@failure_balance_transaction,"failure_code":$failure_code,
  "failure_message":$failure_message,"livemode":$livemode,"metadata":{},"method":$method,
  "original_payout":null,"payout_method":null,"reconciliation_status":$reconciliation,
  "reversed_by":null,"source_type":"card","statement_descriptor":null,"status":$status,
  "trace_id":@trace,"type":"bank_account"}]]

local TRACE = template.new [[{"status":$status,"value":$value}]]
local TRACED = { paid = '"supported"', failed = '"unsupported"', canceled = '"unsupported"' }

function payouts.count(ds) return ds.ledger.counts.payouts end

function payouts.created(ds, j)
  local payout, block = ds.ledger:find("payouts", j)
  return ds.ledger:created(block, payout.slot)
end

function payouts.first_from(ds, t) return ds.ledger:first_from("payouts", t) end
function payouts.id(ds, j) return ds.codec:encode("payout", j) end

--- When a standard payout created at a time arrives.
function payouts.arrival(created)
  local arrival = created + 2 * 86400
  return arrival - arrival % 86400
end

-- A payout's status and when it arrives.
local function state(ds, payout, block)
  local created = ds.ledger:created(block, payout.slot)
  local arrival = payouts.arrival(created)
  if payout.method == "instant" then arrival = created - created % 86400 end
  local status = payout.status
  if payout.ends then
    if not ds.ledger:happened(block, payout.ends) then status = "in_transit" end
  elseif arrival > ds.now then
    status = created > ds.now - payouts.WAIT and "pending" or "in_transit"
  end
  return status, arrival, created
end

function payouts.values(ds, j, ex)
  local payout, block = ds.ledger:find("payouts", j)
  local status, arrival, created = state(ds, payout, block)
  local failed = status == "failed"
  if ds.future and j % 5 == 0 then status = "brand_new_status" end
  return {
    tpl = payouts.template,
    id = '"' .. payouts.id(ds, j) .. '"',
    amount = payout.amount,
    arrival_date = arrival,
    automatic = payout.automatic and "true" or "false",
    balance_transaction = ds:ref(ex, "balance_transaction", "balance_transactions",
      ds.ledger:number("entries", block, payout.bt)),
    created = created,
    currency = '"' .. payout.currency .. '"',
    destination = ds.codec:quoted("bank_account", #payout.currency + payout.currency:byte()),
    failure_balance_transaction = (failed or status == "canceled")
      and ds:ref(ex, "failure_balance_transaction",
      "balance_transactions", ds.ledger:number("entries", block, payout.ends_bt)) or "null",
    failure_code = failed and '"' .. payout.failure .. '"' or "null",
    failure_message = failed and '"The bank account has been closed"' or "null",
    livemode = ds.livemode,
    method = '"' .. payout.method .. '"',
    reconciliation = payout.automatic
      and (created > ds.now - payouts.WAIT and '"in_progress"' or '"completed"')
      or '"not_applicable"',
    status = '"' .. status .. '"',
    trace = { tpl = TRACE, status = TRACED[status] or '"pending"',
      value = status == "paid" and ('"%015d"'):format(j) or "null" },
  }
end

function payouts.matches(ds, j, filter)
  local payout, block = ds.ledger:find("payouts", j)
  if filter.status and state(ds, payout, block) ~= filter.status then return false end
  return not filter.destination
end

return payouts
