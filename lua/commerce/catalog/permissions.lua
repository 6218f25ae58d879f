-- The names that Stripe's API gives to the permissions of restricted keys (its refusals quote
-- them), by the names that Stripe's dashboard shows. A name is left out if it is not known, since
-- Stripe's page for a new key ignores a name that does not exist.

---@type table<string, string>
return {
  ["Application Fees"] = "rak_application_fee_read",
  ["Balance"] = "rak_balance_read",
  ["Balance transaction sources"] = "rak_balance_transaction_source_read",
  ["Charges and Refunds"] = "rak_charge_read",
  ["Checkout Sessions"] = "rak_checkout_session_read",
  ["Connect / Accounts"] = "rak_connected_account_read",
  ["Coupons"] = "rak_coupon_read",
  ["Credit notes"] = "rak_credit_note_read",
  ["Customers"] = "rak_customer_read",
  ["Disputes"] = "rak_dispute_read",
  ["Events"] = "rak_event_read",
  ["Invoices"] = "rak_invoice_read",
  ["PaymentIntents"] = "rak_payment_intent_read",
  ["Payouts"] = "rak_payout_read",
  ["Plans"] = "rak_plan_read",
  ["Prices"] = "rak_plan_read", -- the dashboard's row is newer than the name
  ["Products"] = "rak_product_read",
  ["Promotion Codes"] = "rak_promotion_code_read",
  ["Reviews"] = "rak_review_read",
  ["SetupIntents"] = "rak_setup_intent_read",
  ["Shipping Rates"] = "rak_shipping_rate_read",
  ["Subscriptions"] = "rak_subscription_read",
  ["Tax Rates"] = "rak_tax_rate_read",
  ["Top-ups"] = "rak_top_up_read",
  ["Transfers"] = "rak_transfer_read",
}
