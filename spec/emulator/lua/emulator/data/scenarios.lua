--- What happens in a block of 100 charges, declared once. Block 0 is the showcase: every status,
--- currency and kind of entry. All other blocks are `ordinary`: a shop's usual mixture. Slots not
--- named are paid card charges in usd.
---
--- charge: pm, cur, settle, amount, wallet, refunds, dispute, failure,
---   outcome: paid, failed, ach, ach_failed, pending, uncaptured, voided, expired, partial_capture
---   fee: plain, application, tax, two, unnamed, none
---   retry: the next slot is another attempt at the same payment
--- refund: after (slots later), part, status, reason, fails_after, fee
--- dispute: after, status, part, won_after, reason
--- Payouts and entries (balance transactions without an object of ours) name their own slot.
local scenarios = {}

scenarios.SIZE = 100

local function failed(code, extra)
  local s = extra or {}
  s.outcome, s.failure = "failed", code
  return s
end

scenarios.ordinary = {
  charges = {
    [3] = failed("card_declined", { retry = true }),
    [6] = { refunds = { { after = 5, reason = "requested_by_customer" } } },
    [8] = { cur = "eur", settle = "eur" },
    [9] = { pm = "klarna", cur = "eur", settle = "eur" },
    [11] = failed "insufficient_funds",
    [14] = { dispute = { after = 20, status = "open" } },
    [16] = { cur = "eur", settle = "eur", wallet = "apple_pay" },
    [18] = { refunds = { { after = 6, part = 0.4, reason = "requested_by_customer" } } },
    [20] = { pm = "us_bank_account", outcome = "ach" },
    [23] = failed "expired_card",
    [25] = { cur = "eur", settle = "eur", refunds = { { after = 7, part = 0.5 } } },
    [26] = { cur = "gbp", settle = "usd" },
    [30] = { refunds = { { after = 4, part = 0.5 }, { after = 9, part = 0.5 } } },
    [33] = { pm = "link" },
    [37] = failed("authentication_required", { retry = true }),
    [39] = { cur = "cad", settle = "usd" },
    [41] = { pm = "sepa_debit", cur = "eur", settle = "eur" },
    [45] = { refunds = { { after = 10, reason = "fraudulent" } } },
    [47] = { wallet = "google_pay" },
    [50] = { pm = "paypal", cur = "eur", settle = "eur", refunds = { { after = 3 } } },
    [52] = failed "incorrect_cvc",
    [54] = { cur = "jpy", settle = "jpy" },
    [57] = { dispute = { after = 6, status = "won", won_after = 30 } },
    [61] = { refunds = { { after = 8, part = 0.25, reason = "requested_by_customer" } } },
    [63] = { fee = "application" },
    [64] = { pm = "ideal", cur = "eur", settle = "eur" },
    [68] = failed "processing_error",
    [71] = { wallet = "link" },
    [72] = { pm = "cashapp" },
    [77] = { refunds = { { after = 4, reason = "duplicate" } } },
    [80] = { pm = "card_present" },
    [83] = { cur = "eur", settle = "eur" },
    [86] = { refunds = { { after = 3, fails_after = 9 } } },
    [91] = { outcome = "uncaptured" },
    [93] = { outcome = "partial_capture" },
    [95] = { outcome = "voided", refunds = { { after = 2, reason = "requested_by_customer" } } },
    [97] = { fee = "tax" },
  },
  payouts = {
    { slot = 48, currency = "usd", from = 0, to = 44 },
    { slot = 98, currency = "eur", from = 0, to = 87 },
    { slot = 99, currency = "usd", from = 45, to = 87 },
  },
  entries = {
    { slot = 60, type = "stripe_fee", category = "fee", amount = -450,
      text = "Billing - Usage Fee" },
  },
}

local showcase = {
  charges = {
    [0] = { fee = "two" },
    [1] = failed("card_declined", { retry = true }),
    [2] = { refunds = { { after = 1, reason = "requested_by_customer" } } },
    [4] = { fee = "application", refunds = { { after = 4, part = 0.3 },
      { after = 6, part = 0.2, reason = "duplicate" } } },
    [5] = { cur = "eur", settle = "eur" },
    [6] = { outcome = "uncaptured" },
    [7] = { outcome = "partial_capture" },
    [8] = { outcome = "voided", refunds = { { after = 1, reason = "requested_by_customer" } } },
    [9] = { outcome = "expired",
      refunds = { { after = 3, reason = "expired_uncaptured_charge" } } },
    [10] = { pm = "us_bank_account", outcome = "pending" },
    [11] = { pm = "us_bank_account", outcome = "ach_failed", after = 6,
      failure = "insufficient_funds" },
    [12] = { dispute = { after = 4, status = "needs_response", reason = "fraudulent" } },
    [13] = { cur = "gbp", settle = "usd", refunds = { { after = 5, part = 0.5 } } },
    [14] = { cur = "jpy", settle = "jpy", refunds = { { after = 3 } } },
    [15] = { pm = "klarna", cur = "eur", settle = "eur", refunds = { { after = 4 } } },
    [16] = { fee = "tax" },
    [17] = { dispute = { after = 5, status = "under_review", reason = "product_not_received" } },
    [18] = { dispute = { after = 5, status = "won", won_after = 10,
      reason = "credit_not_processed" } },
    [19] = { dispute = { after = 5, status = "lost", reason = "duplicate", part = 0.5 } },
    [20] = { dispute = { after = 5, status = "warning_needs_response", reason = "general" } },
    [21] = { dispute = { after = 5, status = "warning_under_review", reason = "general" } },
    [22] = { dispute = { after = 5, status = "warning_closed", reason = "general" } },
    [23] = { dispute = { after = 5, status = "prevented", reason = "fraudulent" },
      refunds = { { after = 4, reason = "fraudulent" } } },
    [24] = { dispute = { after = 5, status = "prevented", reason = "unrecognized" } },
    [25] = { refunds = { { after = 2, status = "pending" } } },
    [26] = { refunds = { { after = 2, fails_after = 5 } } },
    [27] = { pm = "paypal", cur = "eur", settle = "eur",
      refunds = { { after = 3, status = "canceled" } } },
    [28] = { pm = "ideal", cur = "eur", settle = "eur",
      refunds = { { after = 3, status = "requires_action" } } },
    [29] = { cur = "kwd", settle = "kwd", refunds = { { after = 3, part = 0.5 } } },
    [30] = { cur = "bhd", settle = "usd" },
    [31] = { cur = "isk", settle = "isk", refunds = { { after = 2 } } },
    [32] = { cur = "ugx", settle = "ugx" },
    [33] = { cur = "huf", settle = "huf" },
    [34] = { cur = "twd", settle = "twd" },
    [35] = { cur = "krw", settle = "krw" },
    [36] = { cur = "mga", settle = "mga" },
    [37] = { cur = "clp", settle = "usd" },
    [38] = { cur = "idr", settle = "idr", amount = 987654321098 },
    [39] = { cur = "idr", settle = "usd", amount = 123456789012 },
    [40] = { cur = "jpy", settle = "usd",
      dispute = { after = 4, status = "lost", reason = "fraudulent" } },
    [41] = { pm = "card_present", refunds = { { after = 3 } } },
    [42] = { pm = "sepa_debit", cur = "eur", settle = "eur",
      refunds = { { after = 3, part = 0.1 } } },
    [43] = { pm = "link" },
    [44] = { pm = "cashapp" },
    [45] = { pm = "afterpay_clearpay" },
    [46] = { pm = "affirm" },
    [47] = { pm = "alipay", refunds = { { after = 3 } } },
    [48] = { pm = "wechat_pay" },
    [49] = { pm = "amazon_pay" },
    [50] = { pm = "bancontact", cur = "eur", settle = "eur" },
    [51] = { pm = "eps", cur = "eur", settle = "eur" },
    [52] = { pm = "p24", cur = "pln", settle = "eur" },
    [53] = { pm = "multibanco", cur = "eur", settle = "eur" },
    [54] = { pm = "bacs_debit", cur = "gbp", settle = "usd" },
    [55] = { pm = "acss_debit", cur = "cad", settle = "usd" },
    [56] = { pm = "konbini", cur = "jpy", settle = "jpy" },
    [57] = { pm = "kr_card", cur = "krw", settle = "krw" },
    [58] = { pm = "pix", cur = "brl", settle = "usd" },
    [59] = { pm = "upi", cur = "inr", settle = "usd" },
    [60] = { pm = "customer_balance" },
    [61] = { pm = "revolut_pay", cur = "eur", settle = "eur" },
    [62] = { pm = "mobilepay", cur = "eur", settle = "eur" },
    [63] = { pm = "interac_present", cur = "cad", settle = "usd" },
    [64] = { pm = "stripe_account" },
    [65] = { pm = "custom" },
    [66] = { pm = "billie", cur = "eur", settle = "eur" },
    [67] = { wallet = "apple_pay" },
    [68] = { wallet = "google_pay" },
    [69] = { wallet = "samsung_pay" },
    [70] = { wallet = "link" },
    [71] = failed "insufficient_funds",
    [72] = failed "expired_card",
    [73] = failed("incorrect_number", { cur = "eur", settle = "eur" }),
    [74] = failed("payment_method_provider_decline",
      { pm = "klarna", cur = "eur", settle = "eur" }),
    [75] = failed "blocked",
    [76] = { fee = "unnamed" },
    [77] = { refunds = { { after = 3, fee = "returned" } } },
    [78] = { refunds = { { after = 3, part = 0.5, fee = "charged" } } },
    [79] = { presentment = "eur" },
    [80] = { fee = "application", cur = "eur", settle = "eur" },
    [81] = { pm = "us_bank_account", outcome = "ach" },
    [82] = { fee = "none", pm = "stripe_account", transferred = true },
  },
  payouts = {
    { slot = 60, currency = "usd", amount = 12345, status = "failed", ends = 66,
      failure = "account_closed" },
    { slot = 62, currency = "usd", amount = 2222, status = "canceled", ends = 64 },
    { slot = 88, currency = "eur", amount = 5000, method = "instant", fee = 50 },
    { slot = 89, currency = "jpy", amount = 300 },
    { slot = 90, currency = "usd", from = 0, to = 85 },
  },
}
scenarios.showcase = showcase

local many = {}
for slot = 83, 99 do showcase.charges[slot] = { amount = 200000 + slot * 1111 } end
showcase.charges[83] = { dispute = { after = 5, status = "appeal_needs_response",
  reason = "fraudulent" } }
showcase.charges[84] = { dispute = { after = 5, status = "appeal_under_review",
  reason = "duplicate" } }
showcase.charges[85] = { pm = "paypay", cur = "jpy", settle = "jpy" }
showcase.charges[86] = { pm = "sequra", cur = "eur", settle = "eur" }

-- Every other balance transaction type of the API: {type, reporting category, amount, kind of
-- source, text}.
local function entry(slot, type, category, amount, source, text, extra)
  local e = extra or {}
  e.slot, e.type, e.category = slot, type, category
  e.amount, e.source, e.text = amount, source, text
  many[#many + 1] = e
end
entry(3, "topup", "topup", 50000, "topup", "Top-up")
entry(5, "topup_reversal", "topup_reversal", -10000, "topup", "Top-up reversal")
entry(8, "transfer", "transfer", -4000, "transfer", "Transfer to a connected account")
entry(10, "transfer_refund", "transfer_reversal", 1000, "transfer", "REFUND FOR TRANSFER")
entry(11, "transfer", "transfer", -1500, "transfer", nil)
entry(12, "transfer_cancel", "transfer_reversal", 1500, "transfer", nil)
entry(13, "transfer", "transfer", -1700, "transfer", nil)
entry(14, "transfer_failure", "transfer_reversal", 1700, "transfer", nil)
entry(15, "connect_collection_transfer", "connect_collection_transfer", 800, nil,
  "Collection of a negative balance")
entry(16, "inbound_transfer", "topup", 9000, "other", "Inbound transfer")
entry(17, "inbound_transfer_reversal", "topup_reversal", -9000, "other",
  "Inbound transfer reversal")
entry(18, "application_fee", "platform_earning", 321, "application_fee", "Application fee")
entry(19, "application_fee_refund", "platform_earning_refund", -121, "application_fee",
  "Application fee refund")
entry(20, "stripe_fee", "fee", -450, nil, "Billing - Usage Fee")
entry(21, "stripe_fee", "fee", 75, nil, "Correction of a fee")
entry(22, "stripe_fx_fee", "fee", -33, nil, "Currency conversion fee")
entry(23, "tax_fee", "tax", -86, nil, "Tax on fees")
entry(24, "tax_fund", "tax", 86, nil, "Tax fund")
entry(25, "adjustment", "fee", -125, nil, "Fee adjustment")
entry(26, "adjustment", "fee", 60, nil, "Application fee refund")
entry(27, "adjustment", "network_cost", -17, nil, "Card network costs")
entry(28, "adjustment", "other_adjustment", 500, nil, "Goodwill")
entry(29, "adjustment", "risk_reserved_funds", -700, nil, "Risk reserve")
entry(30, "adjustment", "risk_reserved_funds", 700, nil, "Risk reserve release")
entry(31, "adjustment", "connect_reserved_funds", -300, nil, "Connect reserve")
entry(32, "adjustment", "connect_reserved_funds", 300, nil, "Connect reserve release")
entry(33, "adjustment", "refund_failure", 99, nil, "REFUND FAILURE")
entry(34, "advance", "advance", 2000, nil, "Advance")
entry(35, "advance_funding", "advance_funding", 3000, nil, "Advance funding")
entry(36, "anticipation_repayment", "anticipation_repayment", -500, nil, "Repayment")
entry(37, "fee_credit_funding", "fee", 40, nil, "Fee credit")
entry(38, "climate_order_purchase", "climate_order_purchase", -600, "other", "Climate order")
entry(39, "climate_order_refund", "climate_order_refund", 600, "other", "Climate order refund")
entry(40, "contribution", "contribution", -150, nil, "Contribution to carbon removal")
local function issued(...)
  entry(...)
  many[#many].balance_type = "issuing"
end
issued(41, "issuing_authorization_hold", "issuing_authorization_hold", -5000, "other", nil)
issued(42, "issuing_authorization_release", "issuing_authorization_release", 5000, "other", nil)
issued(43, "issuing_transaction", "issuing_transaction", -2000, "other", nil)
issued(44, "issuing_dispute", "issuing_dispute", 2000, "other", nil)
issued(44, "issuing_dispute_provisional_credit", "issuing_dispute_provisional_credit", 1500,
  "other", nil)
issued(44, "issuing_dispute_provisional_credit_reversal",
  "issuing_dispute_provisional_credit_reversal", -1500, "other", nil)
entry(45, "obligation_outbound", "other_adjustment", -210, nil, "Obligation")
entry(46, "obligation_reversal_inbound", "other_adjustment", 210, nil, "Obligation reversal")
entry(47, "payment_network_reserve_hold", "payment_network_reserved_funds", -900, nil,
  "Network reserve")
entry(48, "payment_network_reserve_release", "payment_network_reserved_funds", 900, nil,
  "Network reserve release")
entry(49, "payment_unreconciled", "unreconciled_customer_funds", 1234, nil, "Unreconciled funds")
entry(50, "payout_minimum_balance_hold", "minimum_balance_hold", -1000, nil, "Minimum balance")
entry(51, "payout_minimum_balance_release", "minimum_balance_hold", 1000, nil,
  "Minimum balance release")
entry(52, "reserve_hold", "risk_reserved_funds", -800, nil, "Reserve hold")
entry(53, "reserve_release", "risk_reserved_funds", 800, nil, "Reserve release")
entry(54, "reserve_transaction", "risk_reserved_funds", -50, nil, "Reserve transaction")
entry(55, "reserved_funds", "risk_reserved_funds", 50, nil, "Reserved funds")
entry(56, "stripe_balance_payment_debit", "stripe_balance_payment_debit", -640, nil,
  "Invoice paid from the balance")
entry(57, "stripe_balance_payment_debit_reversal", "stripe_balance_payment_debit_reversal", 640,
  nil, "Reversal")
entry(58, "payment_reversal", "charge_failure", -410, "charge", "Payment reversal", { charge = 43 })
entry(59, "stripe_fee", "fee", 0, nil, "Free of charge")
entry(60, "brand_new_type", "brand_new_category", 11, nil, "A type added after this version")
showcase.entries = many

return scenarios
