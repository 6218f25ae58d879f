-- Complete Stripe objects, as the pinned API version sends them, for the mapping specs. Every
-- builder takes overrides by dotted path:
--   builders.charge { status = "failed", ["outcome.type"] = "blocked" }
-- The value builders.ABSENT takes a field away, json.null makes it null.

local null = require("commerce.base.json").null

local builders = {}

--- An override that takes the field away.
builders.ABSENT = {}

local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local result = {}
  for key, member in pairs(value) do
    result[key] = copy(member)
  end
  return result
end

local function set(object, path, value)
  local head, rest = path:match("^([^%.]+)%.(.+)$")
  if head then
    if type(object[head]) ~= "table" then
      object[head] = {}
    end
    return set(object[head], rest, value)
  end
  if value == builders.ABSENT then
    object[path] = nil
  else
    object[path] = copy(value)
  end
end

local function builder(template)
  return function(overrides)
    local object = copy(template)
    for path, value in pairs(overrides or {}) do
      set(object, path, value)
    end
    return object
  end
end

local EMPTY_ADDRESS = {
  city = null, country = null, line1 = null, line2 = null, postal_code = null, state = null,
}

-- 2026-03-14T09:26:53Z
builders.CREATED = 1773480413
builders.CREATED_TEXT = "2026-03-14T09:26:53Z"

--- GET /v1/account
builders.account = builder {
  id = "acct_1QvTestShop0001", object = "account", type = "standard",
  business_profile = {
    mcc = "5734", name = "Harbour Lights", product_description = "Lamps and lanterns",
    support_address = {
      line1 = "7 Quay Street", line2 = null, city = "Whitby", state = null,
      postal_code = "YO21 1AA", country = "GB",
    },
    support_email = "help@harbourlights.example", support_phone = "+441947555010",
    support_url = "https://harbourlights.example/help", url = "https://harbourlights.example",
    annual_revenue = null, estimated_worker_count = null,
  },
  business_type = "company",
  company = {
    name = "Harbour Lights Trading Ltd", phone = "+441947555011", tax_id_provided = true,
    address = {
      line1 = "Unit 3", line2 = "Old Ropeworks", city = "Whitby", state = "North Yorkshire",
      postal_code = "YO22 4PT", country = "GB",
    },
  },
  capabilities = { card_payments = "active", transfers = "active" },
  charges_enabled = true, payouts_enabled = true, details_submitted = true,
  country = "GB", created = builders.CREATED, default_currency = "gbp",
  email = "owner@harbourlights.example", metadata = {},
  settings = {
    dashboard = { display_name = "Harbour Lights Online", timezone = "Europe/London" },
    payments = { statement_descriptor = "HARBOUR LIGHTS" },
  },
}

--- GET /v1/balance
builders.balance = builder {
  object = "balance", livemode = false,
  available = { { amount = 123456, currency = "gbp", source_types = { card = 123456 } } },
  pending = { { amount = 7890, currency = "gbp", source_types = { card = 7890 } } },
  connect_reserved = { { amount = 500, currency = "gbp" } },
}

--- GET /v1/customers
builders.customer = builder {
  id = "cus_Tq8LampBuyer01", object = "customer", name = "Ada Verhoeven",
  email = "ada@verhoeven.example", phone = "+31205550123", description = "Wholesale, net 30",
  address = {
    line1 = "Keizersgracht 9", line2 = "2 hoog", city = "Amsterdam", state = "Noord-Holland",
    postal_code = "1015 CN", country = "NL",
  },
  shipping = {
    name = "Verhoeven Magazijn", phone = "+31205550199",
    address = {
      line1 = "Havenweg 40", line2 = null, city = "Zaandam", state = null,
      postal_code = "1506 AA", country = "NL",
    },
  },
  currency = "eur", balance = -1500, created = builders.CREATED, default_source = null,
  delinquent = false, discount = null, invoice_prefix = "A1B2C3D4",
  invoice_settings = { custom_fields = null, default_payment_method = null, footer = null },
  livemode = false, metadata = { tier = "gold" }, next_invoice_sequence = 4,
  preferred_locales = { "nl", "en" }, tax_exempt = "reverse", test_clock = null,
}

--- GET /v1/charges: succeeded, captured in part, paid by card in a wallet
builders.charge = builder {
  id = "ch_3TqLampSale0001", object = "charge", amount = 5000, amount_captured = 4200,
  amount_refunded = 700, application = null, application_fee = null,
  application_fee_amount = 125, balance_transaction = "txn_3TqLampSale0001",
  billing_details = {
    address = EMPTY_ADDRESS, email = "ada@verhoeven.example", name = "Ada Verhoeven",
    phone = null, tax_id = null,
  },
  calculated_statement_descriptor = "HARBOUR LIGHTS", captured = true,
  created = builders.CREATED, currency = "eur", customer = "cus_Tq8LampBuyer01",
  description = "Order 1047", disputed = false, failure_balance_transaction = null,
  failure_code = null, failure_message = null, fraud_details = {}, livemode = false,
  metadata = { order = "1047", channel = "web" }, on_behalf_of = null,
  outcome = {
    network_status = "approved_by_network", reason = null, risk_level = "normal",
    seller_message = "Payment complete.", type = "authorized",
  },
  paid = true, payment_intent = "pi_3TqLampSale0001", payment_method = "pm_1TqLampCard001",
  payment_method_details = {
    type = "card",
    card = {
      amount_authorized = 5000, brand = "visa", country = "NL", exp_month = 11, exp_year = 2029,
      fingerprint = "Xk1", funding = "debit", installments = null, last4 = "0259",
      mandate = null, network = "visa", three_d_secure = null,
      wallet = { dynamic_last4 = "7731", type = "apple_pay" },
    },
  },
  receipt_email = null, receipt_number = null,
  receipt_url = "https://pay.example/receipts/ch_3TqLampSale0001", refunded = false,
  review = null, shipping = null, source_transfer = null, statement_descriptor = null,
  statement_descriptor_suffix = null, status = "succeeded", transfer_data = null,
  transfer_group = null,
}

--- GET /v1/refunds with data.charge and data.balance_transaction expanded
builders.refund = builder {
  id = "re_3TqLampBack0001", object = "refund", amount = 700,
  balance_transaction = {
    id = "txn_3TqLampBack0001", object = "balance_transaction", amount = -700, net = -700,
    fee = 0, fee_details = {}, currency = "eur", type = "refund",
    reporting_category = "refund", status = "available", source = "re_3TqLampBack0001",
    created = builders.CREATED, available_on = builders.CREATED, exchange_rate = null,
    description = "REFUND FOR CHARGE (Order 1047)",
  },
  charge = builders.charge(), created = builders.CREATED, currency = "eur",
  destination_details = { type = "card", card = { type = "refund" } },
  metadata = { ticket = "88" }, payment_intent = "pi_3TqLampSale0001",
  reason = "requested_by_customer", receipt_number = null, source_transfer_reversal = null,
  status = "succeeded", transfer_reversal = null,
}

--- GET /v1/disputes with data.charge expanded
builders.dispute = builder {
  id = "du_1TqLampClaim001", object = "dispute", amount = 4200,
  balance_transactions = {
    { id = "txn_1TqLampClaim001", object = "balance_transaction", amount = -4200, fee = 2000,
      net = -6200, currency = "eur", type = "adjustment", reporting_category = "dispute" },
  },
  charge = builders.charge { disputed = true }, created = builders.CREATED, currency = "eur",
  evidence = { customer_name = "Ada Verhoeven", receipt = null },
  evidence_details = {
    due_by = 1774655999, has_evidence = false, past_due = false, submission_count = 0,
  },
  is_charge_refundable = false, livemode = false, metadata = {},
  network_reason_code = "13.1", payment_intent = "pi_3TqLampSale0001",
  payment_method_details = { type = "card", card = { brand = "visa", case_type = "chargeback" } },
  reason = "product_not_received", status = "needs_response",
}

--- GET /v1/prices with data.currency_options expanded
builders.price = builder {
  id = "price_1TqLampPrice01", object = "price", active = true, billing_scheme = "per_unit",
  created = builders.CREATED, currency = "eur",
  currency_options = {
    eur = { custom_unit_amount = null, tax_behavior = "exclusive", unit_amount = 2450,
      unit_amount_decimal = "2450" },
  },
  custom_unit_amount = null, livemode = false, lookup_key = null, metadata = {},
  nickname = "Wholesale", product = "prod_TqLamp0000001", recurring = null,
  tax_behavior = "exclusive", tiers_mode = null, transform_quantity = null, type = "one_time",
  unit_amount = 2450, unit_amount_decimal = "2450",
}

--- GET /v1/products, joined with its prices
builders.product = builder {
  id = "prod_TqLamp0000001", object = "product", active = true, created = builders.CREATED,
  default_price = "price_1TqLampPrice01", description = "Brass storm lantern",
  images = { "https://img.example/lantern.png" }, livemode = false, marketing_features = {},
  metadata = { shelf = "B4" }, name = "Storm lantern", package_dimensions = null,
  prices = { builders.price() }, shippable = true, statement_descriptor = null,
  tax_code = "txcd_99999999", type = "good", unit_label = "piece", updated = 1773566813,
  url = "https://harbourlights.example/lantern",
}

--- GET /v1/balance_transactions: a card charge with one Stripe fee
builders.balance_transaction = builder {
  id = "txn_3TqLampSale0001", object = "balance_transaction", amount = 4200,
  available_on = 1773964800, balance_type = "payments", created = builders.CREATED,
  currency = "gbp", description = "Order 1047", exchange_rate = 0.86125, fee = 146,
  fee_details = {
    { amount = 146, application = null, currency = "gbp",
      description = "Stripe processing fees", type = "stripe_fee" },
  },
  net = 4054, reporting_category = "charge", source = "ch_3TqLampSale0001",
  status = "available", type = "charge",
}

--- GET /v1/tax_rates
builders.tax_rate = builder {
  id = "txr_1TqLampTax0001", object = "tax_rate", active = true, country = "US",
  created = builders.CREATED, description = "New York City", display_name = "Sales Tax",
  effective_percentage = null, flat_amount = null, inclusive = false, jurisdiction = "US - NY",
  jurisdiction_level = "multiple", livemode = false, metadata = {}, percentage = 8.875,
  rate_type = "percentage", state = "NY", tax_type = "sales_tax",
}

--- GET /v1/payouts
builders.payout = builder {
  id = "po_1TqLampPayout01", object = "payout", amount = 123456, application_fee = null,
  application_fee_amount = null, arrival_date = builders.CREATED + 86400, automatic = true,
  balance_transaction = "txn_1TqLampPayout01", created = builders.CREATED, currency = "usd",
  description = "STRIPE PAYOUT", destination = "ba_1TqLampBank0001",
  failure_balance_transaction = null, failure_code = null, failure_message = null,
  livemode = false, metadata = {}, method = "standard", original_payout = null,
  payout_method = null, reconciliation_status = "completed", reversed_by = null,
  source_type = "card", statement_descriptor = "LAMPS", status = "paid",
  trace_id = { status = "supported", value = "000000000000017" }, type = "bank_account",
}

return builders
