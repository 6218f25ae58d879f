-- Transactions: one balance transaction gives its gross row and one row per fee, so that per
-- currency the sum of totalAmount is the sum of `net`, which is the account's balance.

local amounts = require "commerce.mapping.amounts"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

local TYPES = {
  charge = "Payment", payment = "Payment",
  payment_failure_refund = "Payment", payment_reversal = "Payment", -- money that never arrived
  refund = "Refund", payment_refund = "Refund", refund_failure = "Refund",
  payout = "Payout", payout_failure = "FailedPayout", payout_cancel = "FailedPayout",
  transfer = "Transfer", transfer_cancel = "Transfer", transfer_failure = "Transfer",
  transfer_refund = "Transfer", connect_collection_transfer = "Transfer", topup = "Transfer",
  topup_reversal = "Transfer", inbound_transfer = "Transfer",
  inbound_transfer_reversal = "Transfer",
}

local function fee_type(sign)
  return v.switch(amounts.sign "amount", { [sign] = v.constant "PaymentFeeRefund" },
    v.constant "PaymentFee")
end

local fee = fee_type "+"

-- The released rest of a partial capture is booked as a refund, but belongs to the payment.
local refund = v.switch("reporting_category",
  { partial_capture_reversal = v.constant "Payment" }, v.enum("type", TYPES, "Unknown"))

-- "adjustment" covers many kinds of transaction; the reporting category distinguishes them.
local transaction_type = v.switch("type", {
  adjustment = v.switch("reporting_category",
    { refund_failure = v.constant "Refund", fee = fee, network_cost = fee },
    v.constant "Unknown"),
  stripe_fee = fee, stripe_fx_fee = fee, tax_fee = fee,
  refund = refund, payment_refund = refund,
}, v.enum("type", TYPES, "Unknown"))

local function adjustment(kind, category)
  return category and kind .. ":" .. category or kind
end

local SOURCE_TYPES = {
  ch = "Payment", py = "Payment", re = "Payment", pyr = "Payment", fee = "Fee",
}

-- A row that consists of a fee only refers to a fee, independent of its source.
local a_fee = v.constant "Fee"
local by_source = v.enum(amounts.prefix "source", SOURCE_TYPES, "Unknown")
local source_type = v.switch("type", {
  stripe_fee = a_fee, stripe_fx_fee = a_fee, tax_fee = a_fee,
  adjustment = v.switch("reporting_category", { fee = a_fee, network_cost = a_fee }, by_source),
}, by_source)

local function amount_of(detail)
  return type(detail) == "table" and type(detail.amount) == "number" and detail.amount or 0
end

-- The details of the fee, each of which gives a row. What they do not tell of the fee gives one row
-- more, since the rows of a transaction add up to its `net`.
local function fees(total, details)
  local list, rest, all = type(details) == "table" and details or {}, total, {}
  for i = 1, #list do
    rest = rest - amount_of(list[i])
  end
  for i = 1, #list do
    all[i] = list[i]
  end
  all[#all + 1] = { amount = rest, description = #list == 0 and "fee" or "rest of the fee" }
  return all
end

-- The rows of a transaction's fees have the reference of its gross row.
local source_ref = v.ref {
  id = "source", type = source_type,
}

return mapping "transactions" {
  currency = v.currency "currency",
  transactionSourceRef = source_ref,
  createdDate = v.timestamp "created",
  sourceCreatedDate = v.timestamp "created",
  sourceModifiedDate = v.timestamp "created",
  supplementalData = v.supplemental {
    "net", "fee", "exchange_rate", "available_on", "status", "reporting_category", "description",
    "balance_type", -- whose sum is part of which balance: payments, issuing, ...
  },

  mapping.from {
    resource = "balance_transactions",
    fields = {
      id = "id",
      totalAmount = v.money("amount", "currency"),
      type = transaction_type,
      subType = v.switch("type",
        { adjustment = v.with("type", "reporting_category", adjustment) }, "type"),
    },
    split = {
      each = amounts.complete("fee", "fee_details", "amount",
        v.with("fee", "fee_details", fees)),
      suffix = v.first("description", "type"),
      fields = {
        totalAmount = v.negated(v.money("amount", "^currency")),
        type = fee_type "-",
        subType = "type",
      },
    },
  },
}
