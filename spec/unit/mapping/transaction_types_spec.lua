-- The type of a transaction by the balance transaction's type and reporting category: every row of
-- the mapping's table, and subType beside it.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local null = json.null

local function mapped(kind, category, amount)
  return (schema_check.mapped("transactions", "balance_transactions",
    builders.balance_transaction { type = kind, reporting_category = category, amount = amount,
      net = amount, fee = 0, fee_details = {} }))
end

-- type, reporting category, the record's type
local TABLE = {
  { "charge", "charge", "Payment" }, { "payment", "charge", "Payment" },
  { "payment_failure_refund", "charge_failure", "Payment" },
  { "payment_reversal", "charge_failure", "Payment" },
  { "refund", "partial_capture_reversal", "Payment" },
  { "payment_refund", "partial_capture_reversal", "Payment" },
  { "refund", "refund", "Refund" }, { "payment_refund", "refund", "Refund" },
  { "refund_failure", "refund_failure", "Refund" },
  { "adjustment", "refund_failure", "Refund" },
  { "payout", "payout", "Payout" },
  { "payout_failure", "payout_reversal", "FailedPayout" },
  { "payout_cancel", "payout_reversal", "FailedPayout" },
  { "transfer", "transfer", "Transfer" },
  { "transfer_cancel", "transfer_reversal", "Transfer" },
  { "transfer_failure", "transfer_reversal", "Transfer" },
  { "transfer_refund", "transfer_reversal", "Transfer" },
  { "connect_collection_transfer", "connect_collection_transfer", "Transfer" },
  { "topup", "topup", "Transfer" }, { "topup_reversal", "topup_reversal", "Transfer" },
  { "inbound_transfer", "topup", "Transfer" },
  { "inbound_transfer_reversal", "topup_reversal", "Transfer" },
  { "adjustment", "dispute", "Unknown" }, { "adjustment", "dispute_reversal", "Unknown" },
  { "adjustment", "other_adjustment", "Unknown" }, { "adjustment", "other", "Unknown" },
  { "adjustment", "risk_reserved_funds", "Unknown" },
  { "adjustment", "connect_reserved_funds", "Unknown" },
  { "adjustment", "partial_capture_reversal", "Unknown" },
  { "application_fee", "platform_earning", "Unknown" },
  { "application_fee_refund", "platform_earning_refund", "Unknown" },
  { "tax_fund", "tax", "Unknown" }, { "advance", "advance", "Unknown" },
  { "advance_funding", "advance_funding", "Unknown" },
  { "anticipation_repayment", "advance", "Unknown" },
  { "climate_order_purchase", "climate_order_purchase", "Unknown" },
  { "climate_order_refund", "climate_order_refund", "Unknown" },
  { "contribution", "contribution", "Unknown" },
  { "fee_credit_funding", "other", "Unknown" },
  { "issuing_authorization_hold", "issuing_authorization_hold", "Unknown" },
  { "issuing_authorization_release", "issuing_authorization_release", "Unknown" },
  { "issuing_dispute", "issuing_dispute", "Unknown" },
  { "issuing_dispute_provisional_credit", "issuing_dispute_provisional_credit", "Unknown" },
  { "issuing_dispute_provisional_credit_reversal", "issuing_dispute_provisional_credit_reversal",
    "Unknown" },
  { "issuing_transaction", "issuing_transaction", "Unknown" },
  { "obligation_outbound", "other_adjustment", "Unknown" },
  { "obligation_reversal_inbound", "other_adjustment", "Unknown" },
  { "payment_network_reserve_hold", "payment_network_reserved_funds", "Unknown" },
  { "payment_network_reserve_release", "payment_network_reserved_funds", "Unknown" },
  { "payment_unreconciled", "unreconciled_customer_funds", "Unknown" },
  { "payout_minimum_balance_hold", "minimum_balance_hold", "Unknown" },
  { "payout_minimum_balance_release", "minimum_balance_hold", "Unknown" },
  { "reserve_hold", "risk_reserved_funds", "Unknown" },
  { "reserve_release", "risk_reserved_funds", "Unknown" },
  { "reserve_transaction", "connect_reserved_funds", "Unknown" },
  { "reserved_funds", "connect_reserved_funds", "Unknown" },
  { "stripe_balance_payment_debit", "stripe_balance_payment_debit", "Unknown" },
  { "stripe_balance_payment_debit_reversal", "stripe_balance_payment_debit_reversal", "Unknown" },
  { "validation", "other_adjustment", "Unknown" },
  { "a_type_not_known_today", "charge", "Unknown" },
}

local PURE_FEES = {
  { "stripe_fee", "fee" }, { "stripe_fx_fee", "fee" }, { "tax_fee", "tax" },
  { "adjustment", "fee" }, { "adjustment", "network_cost" },
}

local function sub_type(kind, category)
  return kind == "adjustment" and "adjustment:" .. category or kind
end

describe("the type of a transaction", function()
  for _, case in ipairs(TABLE) do
    it(("%s (%s) is %s"):format(case[1], case[2], case[3]), function()
      for _, amount in ipairs { 1250, -1250 } do
        local record = mapped(case[1], case[2], amount)
        assert.equal(case[3], record.type)
        assert.equal(amount / 100, record.totalAmount) -- signed as the source signs it
        assert.equal(sub_type(case[1], case[2]), record.subType)
      end
    end)
  end

  for _, case in ipairs(PURE_FEES) do
    it(("%s (%s) is PaymentFee when negative, PaymentFeeRefund when positive")
      :format(case[1], case[2]), function()
      assert.equal("PaymentFee", mapped(case[1], case[2], -1250).type)
      assert.equal("PaymentFeeRefund", mapped(case[1], case[2], 1250).type)
      assert.equal("PaymentFee", mapped(case[1], case[2], -1).type)
      assert.equal("PaymentFeeRefund", mapped(case[1], case[2], 1).type)
      assert.equal(sub_type(case[1], case[2]), mapped(case[1], case[2], -1250).subType)
    end)
  end

  it("is that of the type where the reporting category is missing", function()
    assert.equal("Payment", mapped("charge", null, 100).type)
    assert.equal("Refund", mapped("refund", builders.ABSENT, -100).type)
    assert.equal("Unknown", mapped("adjustment", null, -100).type)
  end)

  it("is Unknown where the type is missing", function()
    assert.equal("Unknown", mapped(null, "charge", 100).type)
    assert.equal("Unknown", mapped(builders.ABSENT, builders.ABSENT, 100).type)
  end)
end)
