-- Payouts: GET /v1/payouts.

local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

local STATUS = {
  paid = "Paid", pending = "Pending", in_transit = "InTransit", canceled = "Cancelled",
  failed = "Failed",
}

return mapping "payouts" {
  mapping.from { resource = "payouts" },

  id = "id",
  amount = v.money("amount", "currency"),
  currency = v.currency "currency",
  status = v.enum("status", STATUS, "Unknown"),
  arrivalDate = v.timestamp "arrival_date",
  automatic = "automatic",
  method = "method",
  payoutType = "type",
  reconciliationStatus = "reconciliation_status",
  traceId = "trace_id.value",
  statementDescriptor = "statement_descriptor",
  description = "description",
  destination = v.id "destination",
  balanceTransaction = v.id "balance_transaction",
  failureCode = "failure_code",
  failureMessage = "failure_message",
  originalPayout = v.id "original_payout",
  reversedBy = v.id "reversed_by",
  createdDate = v.timestamp "created",
  sourceModifiedDate = v.timestamp "created",
  supplementalData = v.supplemental {
    "source_type", "payout_method", "application_fee_amount", "metadata",
    failure_balance_transaction = v.id "failure_balance_transaction",
    status = v.unlisted("status", STATUS),
  },
}
