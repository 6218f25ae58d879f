-- Stripe's resources, with the facts that reading them needs.
--
--   path        the list's path, or the single object's
--   list        true: cursor-paginated, with a `created` filter (Stripe's reference; the lists
--               without one, such as quotes and payment links, are not here)
--   query       the parameters with which the list shows all objects
--   permission  the permission that a restricted key needs, by its name in Stripe's dashboard
--               (always "Read")
--   object      the objects' member `object`
--   reads       members that are read even if the mapping does not read them
--   unlisted    tells whether the list leaves an object out, which an event may name all the same
--   watched     { expand =, events =, find = }: these events report a change of the object inlined
--               at `expand`; `find` gives the list's query for the objects around it
--   events      the event types that report changes; empty if changes have no events. Events of an
--               object's creation are among them: the part of a list that is read again does not
--               show an object that comes in with an old `created`

---@class commerce.Watched
---@field expand string
---@field events string[]
---@field find fun(inlined: commerce.StripeObject): commerce.core.Pairs|false

---@class commerce.Resource
---@field path string
---@field list boolean?
---@field query table<string, string|boolean>?
---@field permission string?
---@field object string?
---@field reads string[]?
---@field unlisted (fun(object: commerce.StripeObject): boolean)?
---@field watched commerce.Watched?
---@field events string[]?
---@field unsettled (fun(object: commerce.StripeObject, newest: number?): boolean)? whether an
---  object will change without an event
---@field unsettled_if string[]? a path, and the text there without which it will not
---@field created boolean? of a declared resource: false if its list has no `created` filter
---@field variant string? of a declared resource
---@field own boolean? a user declared it

local resources = {
  account = { path = "/v1/account", permission = "Connect / Accounts" },
  balance = { path = "/v1/balance", permission = "Balance" },
  customers = { path = "/v1/customers", list = true, permission = "Customers",
    object = "customer", reads = { "test_clock" },
    events = { "customer.created", "customer.updated", "customer.deleted" } },
  charges = { path = "/v1/charges", list = true, permission = "Charges and Refunds",
    object = "charge",
    -- a dispute changes its charge, but Stripe sends only events of the dispute
    events = { "charge.captured", "charge.expired", "charge.failed", "charge.pending",
      "charge.refunded", "charge.succeeded", "charge.updated", "charge.dispute.created",
      "charge.dispute.closed", "charge.dispute.funds_withdrawn",
      "charge.dispute.funds_reinstated", "refund.failed", "refund.updated" } },
  refunds = { path = "/v1/refunds", list = true, permission = "Charges and Refunds",
    object = "refund", events = { "refund.created", "refund.updated", "refund.failed" } },
  disputes = { path = "/v1/disputes", list = true, permission = "Disputes", object = "dispute",
    events = { "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
      "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated" } },
  products = { path = "/v1/products", list = true, permission = "Products", object = "product",
    events = { "product.created", "product.updated", "product.deleted" } },
  prices = { path = "/v1/prices", list = true, permission = "Prices", object = "price",
    events = { "price.created", "price.updated", "price.deleted" } },
  balance_transactions = { path = "/v1/balance_transactions", list = true,
    permission = "Balance transaction sources", object = "balance_transaction", events = {},
    reads = { "created", "status" } },
  payouts = { path = "/v1/payouts", list = true, permission = "Payouts", object = "payout",
    reads = { "created", "status", "trace_id.status" },
    events = { "payout.created", "payout.updated", "payout.paid", "payout.failed",
      "payout.canceled", "payout.reconciliation_completed" } },
  tax_rates = { path = "/v1/tax_rates", list = true, permission = "Tax Rates",
    object = "tax_rate", events = { "tax_rate.created", "tax_rate.updated" } },

  -- not read by the built-in mappings; for user-defined data types
  application_fees = { path = "/v1/application_fees", list = true,
    permission = "Application Fees", object = "application_fee",
    events = { "application_fee.created", "application_fee.refunded",
      "application_fee.refund.updated" } },
  checkout_sessions = { path = "/v1/checkout/sessions", list = true,
    permission = "Checkout Sessions", object = "checkout.session",
    watched = { expand = "data.payment_intent.latest_charge", events = { "charge.refunded" },
      find = function(charge)
        return type(charge.payment_intent) == "string"
          and { { "payment_intent", charge.payment_intent } }
      end },
    events = { "checkout.session.completed", "checkout.session.expired",
      "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed" } },
  coupons = { path = "/v1/coupons", list = true, permission = "Coupons", object = "coupon",
    events = { "coupon.created", "coupon.updated", "coupon.deleted" } },
  credit_notes = { path = "/v1/credit_notes", list = true, permission = "Credit notes",
    object = "credit_note", events = { "credit_note.created", "credit_note.updated",
      "credit_note.voided" } },
  invoices = { path = "/v1/invoices", list = true, permission = "Invoices", object = "invoice",
    events = { "invoice.created", "invoice.updated", "invoice.finalized", "invoice.paid",
      "invoice.payment_failed", "invoice.overpaid", "invoice.voided",
      "invoice.marked_uncollectible", "invoice.deleted" } },
  -- Stripe has no event for a changed invoice item any more, only for a deleted one
  invoice_items = { path = "/v1/invoiceitems", list = true, permission = "Invoices",
    object = "invoiceitem" },
  invoice_payments = { path = "/v1/invoice_payments", list = true, permission = "Invoices",
    object = "invoice_payment", events = { "invoice_payment.paid" },
    watched = { expand = "data.payment.payment_intent.latest_charge",
      events = { "charge.refunded" },
      find = function(charge)
        return type(charge.payment_intent) == "string" and { { "payment[type]", "payment_intent" },
          { "payment[payment_intent]", charge.payment_intent } }
      end } },
  -- a change of metadata alone has no event
  payment_intents = { path = "/v1/payment_intents", list = true, permission = "PaymentIntents",
    object = "payment_intent",
    events = { "payment_intent.amount_capturable_updated", "payment_intent.canceled",
      "payment_intent.created", "payment_intent.partially_funded",
      "payment_intent.payment_failed", "payment_intent.processing",
      "payment_intent.requires_action", "payment_intent.succeeded" } },
  plans = { path = "/v1/plans", list = true, permission = "Plans", object = "plan",
    events = { "plan.created", "plan.updated", "plan.deleted" } },
  promotion_codes = { path = "/v1/promotion_codes", list = true, permission = "Promotion Codes",
    object = "promotion_code", events = { "promotion_code.created", "promotion_code.updated" } },
  reviews = { path = "/v1/reviews", list = true, permission = "Reviews", object = "review",
    events = { "review.opened", "review.closed" } },
  setup_intents = { path = "/v1/setup_intents", list = true, permission = "SetupIntents",
    object = "setup_intent",
    events = { "setup_intent.canceled", "setup_intent.created", "setup_intent.requires_action",
      "setup_intent.setup_failed", "setup_intent.succeeded" } },
  shipping_rates = { path = "/v1/shipping_rates", list = true, permission = "Shipping Rates",
    object = "shipping_rate" },
  -- without a status the list leaves out canceled subscriptions
  subscriptions = { path = "/v1/subscriptions", list = true, permission = "Subscriptions",
    object = "subscription", query = { status = "all" }, reads = { "test_clock" },
    events = { "customer.subscription.created", "customer.subscription.updated",
      "customer.subscription.deleted", "customer.subscription.paused",
      "customer.subscription.resumed", "customer.subscription.pending_update_applied",
      "customer.subscription.pending_update_expired" } },
  subscription_schedules = { path = "/v1/subscription_schedules", list = true,
    permission = "Subscriptions", object = "subscription_schedule",
    events = { "subscription_schedule.created", "subscription_schedule.updated",
      "subscription_schedule.canceled", "subscription_schedule.aborted",
      "subscription_schedule.completed", "subscription_schedule.released" } },
  topups = { path = "/v1/topups", list = true, permission = "Top-ups", object = "topup",
    events = { "topup.canceled", "topup.created", "topup.failed", "topup.reversed",
      "topup.succeeded" } },
  transfers = { path = "/v1/transfers", list = true, permission = "Transfers",
    object = "transfer", events = { "transfer.created", "transfer.updated", "transfer.reversed" } },
}

-- Stripe lists customers and subscriptions of a test clock only if it is asked for that clock (its
-- API reference). A full read does not see them, so they are not taken from events either.
local function has_test_clock(object)
  return type(object.test_clock) == "string" or type(object.test_clock) == "table"
end

resources.customers.unlisted, resources.subscriptions.unlisted = has_test_clock, has_test_clock

-- A balance transaction becomes available without an event, so pending ones are read again. One
-- that is pending for longer than any payment takes is left to the next full read.
local LONGEST_PENDING = 30 * 86400 -- seconds

resources.balance_transactions.unsettled_if = { "status", "pending" }

--- Whether an object will change without an event, so that the next sync must read it again.
---@param object commerce.StripeObject
---@param newest number? `created` of the newest object of its list; nil if all are ahead of now
---@return boolean
function resources.balance_transactions.unsettled(object, newest)
  return object.status == "pending" and type(object.created) == "number"
    and object.created > (newest or object.created) - LONGEST_PENDING
end

-- The bank tells a payout's trace id up to ten days after the payout was paid, without an event.
local LONGEST_TRACE = 20 * 86400 -- seconds after the payout was created

resources.payouts.unsettled_if = { "trace_id.status", "pending" }

--- As for balance transactions.
---@param object commerce.StripeObject
---@param newest number?
---@return boolean
function resources.payouts.unsettled(object, newest)
  local trace = type(object.trace_id) == "table" and object.trace_id.status
  return trace == "pending" and object.status ~= "pending" and object.status ~= "in_transit"
    and type(object.created) == "number"
    and object.created > (newest or object.created) - LONGEST_TRACE
end

return resources
