--- Disputes, with their balance transactions in full.
local template = require "emulator.template"
local scenarios = require "emulator.data.scenarios"
local methods = require "emulator.data.payment_methods"
local refunds = require "emulator.data.refunds"
local charges = require "emulator.data.charges"

local disputes = {
  object = "dispute", kind = "dispute", url = "/v1/disputes",
  expand = { charge = "charges" },
  filters = { charge = "string", payment_intent = "string" },
}

local EVIDENCE = { '"appeal":null' }
for field in ([[access_activity_log billing_address cancellation_policy
  cancellation_policy_disclosure cancellation_rebuttal customer_communication
  customer_email_address customer_name customer_purchase_ip customer_signature
  duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id
  enhanced_evidence product_description receipt refund_policy refund_policy_disclosure
  refund_refusal_explanation service_date service_documentation shipping_address shipping_carrier
  shipping_date shipping_documentation shipping_tracking_number uncategorized_file
  uncategorized_text]]):gmatch "%S+" do
  EVIDENCE[#EVIDENCE + 1] = ('"%s":%s'):format(field,
    field == "enhanced_evidence" and "{}" or "null")
end

disputes.template = template.new([[{
  "id":$id,"object":"dispute","amount":$amount,"balance_transactions":@balance_transactions,
  "charge":@charge,"created":$created,"currency":$currency,"enhanced_eligibility_types":[],
  "evidence":{]] .. table.concat(EVIDENCE, ",")
  .. [[},"evidence_details":{"due_by":$due_by,"enhanced_eligibility":{},
    "has_evidence":$has_evidence,
  "past_due":$past_due,"submission_count":$submissions,"submission_method":$method},
  "intended_submission_method":null,"is_charge_refundable":$refundable,
  "livemode":$livemode,"metadata":{},"network_reason_code":$network_code,
  "payment_intent":$payment_intent,"payment_method_details":
  {"card":{"brand":$brand,"case_type":$case_type,"network":$brand,
  "network_reason_code":$network_code},"type":"card"},"reason":$reason,"status":$status}]])

local CODES = { fraudulent = "10.4", product_not_received = "13.1", credit_not_processed = "13.6",
  duplicate = "12.6", subscription_canceled = "13.2", product_unacceptable = "13.3",
  unrecognized = "10.4", general = "30" }
local SUBMITTED = { under_review = true, won = true, lost = true, warning_under_review = true,
  appeal_needs_response = true, appeal_under_review = true }
local CLOSED = { won = true, lost = true, warning_closed = true, prevented = true }

function disputes.count(ds) return ds.ledger.counts.disputes end

function disputes.created(ds, j)
  local dispute, block = ds.ledger:find("disputes", j)
  return ds.ledger:created(block, dispute.slot)
end

function disputes.first_from(ds, t) return ds.ledger:first_from("disputes", t) end
function disputes.id(ds, j) return ds.codec:encode("dispute", j) end

--- The index of the disputed charge.
function disputes.charge(ds, j)
  local dispute, block = ds.ledger:find("disputes", j)
  return block * scenarios.SIZE + dispute.charge.slot, dispute, block
end

function disputes.values(ds, j, ex)
  local i, dispute, block = disputes.charge(ds, j)
  local ledger = ds.ledger
  local created = ledger:created(block, dispute.slot)
  local status, moves = dispute.status, {}
  if dispute.bt then
    moves[1] = ds:node("balance_transactions", ledger:number("entries", block, dispute.bt))
  end
  if dispute.won then
    if ledger:happened(block, dispute.won) then
      moves[2] = ds:node("balance_transactions", ledger:number("entries", block, dispute.won_bt))
    else
      status = "under_review"
    end
  end
  local due = created + 14 * 86400
  due = due - due % 86400 + 86399
  local inquiry = status:find "^warning" ~= nil
  local brand = methods.brand(ds.seed, i)
  if ds.future and j % 3 == 0 then status = "brand_new_status" end
  return {
    tpl = disputes.template,
    id = '"' .. disputes.id(ds, j) .. '"',
    amount = dispute.amount,
    balance_transactions = { list = moves },
    charge = ds:ref(ex, "charge", "charges", i),
    created = created,
    currency = '"' .. dispute.currency .. '"',
    due_by = CLOSED[status] and "null" or due,
    has_evidence = SUBMITTED[status] and "true" or "false",
    past_due = not CLOSED[status] and due < ds.base_now and "true" or "false",
    submissions = SUBMITTED[status] and 1 or 0,
    method = SUBMITTED[status] and '"manual"' or '"not_submitted"',
    refundable = inquiry and status ~= "warning_closed" and "true" or "false",
    livemode = ds.livemode,
    network_code = '"' .. (CODES[dispute.reason] or "10.4") .. '"',
    payment_intent = ds.codec:quoted("payment_intent", charges.intent(dispute.charge, i)),
    brand = brand,
    case_type = inquiry and '"inquiry"' or status == "prevented" and '"block"' or '"chargeback"',
    reason = '"' .. dispute.reason .. '"',
    status = '"' .. status .. '"',
  }
end

--- Where the disputes of a charge can be: first and last number.
function disputes.range(ds, filter)
  return refunds.block_range(ds, filter, "disputes")
end

function disputes.matches(ds, j, filter)
  local i, dispute = disputes.charge(ds, j)
  if filter.charge and charges.id(ds, i) ~= filter.charge then return false end
  local pi = filter.payment_intent
  return not pi or ds.codec:encode("payment_intent", charges.intent(dispute.charge, i)) == pi
end

return disputes
