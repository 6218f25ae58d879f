-- Transactions: one balance transaction gives its gross row and one row per fee, so that per
-- currency the sum of totalAmount is the sum of `net`, which is the account's balance.

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

local FEE_TYPES = { stripe_fee = true, stripe_fx_fee = true, tax_fee = true }

-- "adjustment" covers many kinds of transaction; the reporting category distinguishes them.
local FEE_ADJUSTMENTS = { fee = true, network_cost = true }

local function fee_type(amount)
  return (amount or 0) > 0 and "PaymentFeeRefund" or "PaymentFee"
end

local function transaction_type(kind, category, amount)
  if kind == "adjustment" then
    if category == "refund_failure" then
      return "Refund"
    end
    return FEE_ADJUSTMENTS[category] and fee_type(amount) or "Unknown"
  elseif FEE_TYPES[kind] then
    return fee_type(amount)
  elseif (kind == "refund" or kind == "payment_refund")
    and category == "partial_capture_reversal" then
    return "Payment" -- the released rest of a partial capture, not a refund
  end
  return TYPES[kind] or "Unknown"
end

local function sub_type(kind, category)
  if kind == "adjustment" and category then
    return "adjustment:" .. category
  end
  return kind
end

local SOURCE_TYPES = {
  ch = "Payment", py = "Payment", re = "Payment", pyr = "Payment", fee = "Fee",
}

-- A row that consists of a fee only refers to a fee, independent of its source.
local function source_type(source, kind, category)
  if FEE_TYPES[kind] or (kind == "adjustment" and FEE_ADJUSTMENTS[category]) then
    return "Fee"
  end
  return SOURCE_TYPES[source and source:match("^(%a+)_")] or "Unknown"
end

local function amount_of(detail)
  return type(detail) == "table" and type(detail.amount) == "number" and detail.amount or 0
end

-- The details of the fee, each of which gives a row. What they do not tell of the fee gives one row
-- more, since the rows of a transaction add up to its `net`.
local function fees(fee, details)
  local list, rest = type(details) == "table" and details or {}, fee
  if type(fee) ~= "number" then
    return details
  end
  for i = 1, #list do
    rest = rest - amount_of(list[i])
  end
  if rest == 0 then
    return details
  end
  local all = {}
  for i = 1, #list do
    all[i] = list[i]
  end
  all[#all + 1] = { amount = rest, description = #list == 0 and "fee" or "rest of the fee" }
  return all
end

-- The rows of a transaction's fees have the reference of its gross row.
local source_ref = v.ref {
  id = "source", type = v.with("source", "type", "reporting_category", source_type),
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
      type = v.with("type", "reporting_category", "amount", transaction_type),
      subType = v.with("type", "reporting_category", sub_type),
    },
    split = {
      each = v.with("fee", "fee_details", fees),
      suffix = v.first("description", "type"),
      fields = {
        totalAmount = v.negated(v.money("amount", "^currency")),
        type = v.with("amount", function(amount)
          return (amount or 0) < 0 and "PaymentFeeRefund" or "PaymentFee"
        end),
        subType = "type",
      },
    },
  },
}
