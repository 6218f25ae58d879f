-- Payments: a charge is one payment, a refund is one negative payment. Payment intents are left
-- out.

local charge = require "commerce.stripe.charge"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

local function payment_method(path)
  return v.ref { id = path, name = charge.method_name(path) }
end

local CHARGE_STATUSES = { succeeded = true, pending = true, failed = true }

local REFUND_STATUSES = {
  succeeded = "Paid", pending = "Pending", requires_action = "Pending", failed = "Failed",
  canceled = "Cancelled",
}

-- Stripe also books the release of an uncaptured amount as a refund, but no money moved.
local NO, YES = v.constant(false), v.constant(true)
local is_payment = v.switch("charge.captured", { ["false"] = NO },
  v.switch("reason", { expired_uncaptured_charge = NO },
    v.switch("balance_transaction.reporting_category", { partial_capture_reversal = NO }, YES)))

return mapping "payments" {
  id = "id",
  currency = v.currency "currency",
  paymentProvider = v.constant "Stripe",
  createdDate = v.timestamp "created",
  sourceModifiedDate = v.timestamp "created",

  mapping.from {
    resource = "charges",
    fields = {
      amount = v.money(charge.amount("status", "captured", "amount", "amount_captured"),
        "currency"),
      status = charge.status("status", "captured", "refunded"),
      paymentMethodRef = payment_method "payment_method_details.type",
      supplementalData = v.supplemental {
        "customer", "payment_intent", "description", "failure_code", "failure_message",
        "receipt_url", "application_fee_amount", "amount_refunded", "disputed",
        "balance_transaction", "metadata",
        brand = "payment_method_details.card.brand",
        last4 = "payment_method_details.card.last4",
        wallet = "payment_method_details.card.wallet.type",
        status = v.unlisted("status", CHARGE_STATUSES),
      },
    },
  },

  mapping.from {
    resource = "refunds",
    expand = { "data.charge", "data.balance_transaction" },
    where = is_payment,
    excluded = "released authorisations, of which no money moved",
    fields = {
      amount = v.negated(v.money("amount", "currency")),
      status = v.enum("status", REFUND_STATUSES, "Unknown"),
      paymentMethodRef = payment_method "charge.payment_method_details.type",
      supplementalData = v.supplemental {
        charge = v.id "charge", "reason", "failure_reason", "metadata",
        -- what is left to link a refund by that has no charge
        "payment_intent", "failure_balance_transaction", "destination_details",
        balance_transaction = v.id "balance_transaction",
        status = v.unlisted("status", REFUND_STATUSES),
      },
    },
  },
}
