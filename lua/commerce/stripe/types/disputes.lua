-- Disputes: GET /v1/disputes with its charge.

local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

local STATUS = {
  needs_response = "EvidenceRequired", under_review = "Processing", won = "Won", lost = "Lost",
  warning_needs_response = "InquiryEvidenceRequired",
  warning_under_review = "InquiryProcessing", warning_closed = "InquiryClosed",
  charge_refunded = "ChargeRefunded",
  -- a closed dispute may open again
  appeal_needs_response = "EvidenceRequired", appeal_under_review = "Processing",
}

local function status(word, charge_refunded)
  if word == "prevented" and charge_refunded then
    return "ChargeRefunded"
  end
  return STATUS[word] or "Unknown"
end

local function disputed_transactions(transaction, charge)
  local id = transaction or charge
  return id and { { id = id, type = "Payment" } } or {}
end

-- A transaction's status is left out: it becomes available without an event of its dispute.
-- `transactions` has the current status.
local function without_status(transactions)
  local list = {}
  for i, transaction in ipairs(transactions or {}) do
    list[i] = {}
    for name, value in pairs(transaction) do
      list[i][name] = name ~= "status" and value or nil
    end
  end
  return list
end

return mapping "disputes" {
  mapping.from { resource = "disputes", expand = { "data.charge" } },

  id = "id",
  disputedTransactions = v.with(v.id "charge.balance_transaction", v.id "charge",
    disputed_transactions),
  totalAmount = v.money("amount", "currency"),
  currency = v.currency "currency",
  status = v.with("status", "charge.refunded", status),
  reason = "reason",
  dueDate = v.timestamp "evidence_details.due_by",
  createdDate = v.timestamp "created",
  sourceModifiedDate = v.timestamp "created",
  supplementalData = v.supplemental {
    "payment_intent", "is_charge_refundable",
    balance_transactions = v.with("balance_transactions", without_status),
    charge = v.id "charge",
    -- newer API versions have it in the payment method's details
    network_reason_code = v.first("network_reason_code",
      "payment_method_details.card.network_reason_code"),
    status = v.unlisted("status", STATUS),
  },
}
