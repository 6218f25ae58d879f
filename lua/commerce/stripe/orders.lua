-- Orders: checkout sessions and invoices with their lines, in the Commerce model's shape of an
-- order. An addition to Codat's integration, which has no orders; users define it explicitly:
--
--   shop:define("orders", require "commerce.stripe.orders")
--
-- A session that creates an invoice is left out: the invoice is the order. Sessions that set up a
-- card or start a subscription are not orders, nor are draft and void invoices. Later refunds
-- update the order: see `watched` in catalog/resources.lua.

local charge = require "commerce.stripe.charge"
local decimal = require "commerce.base.decimal"
local v = require "commerce.mapping.values"

-- ---------------------------------------------------------------- payments

local PAYMENT_TYPES = {
  card = "OnlineCard", card_present = "Card", interac_present = "Card", swish = "Swish",
  paypal = "Paypal", customer_balance = "StoreCredit", mobilepay = "Mobile",
}

-- Paths into the latest charge of a payment intent.
local function of_charge(intent)
  return function(name)
    return intent .. ".latest_charge." .. name
  end
end

local SESSION_CHARGE = of_charge "payment_intent"
local INVOICE_CHARGE = of_charge "payment.payment_intent"

local session_payment = v.ref {
  id = SESSION_CHARGE "id",
  amount = v.money(charge.amount(SESSION_CHARGE "status", SESSION_CHARGE "captured",
    SESSION_CHARGE "amount", SESSION_CHARGE "amount_captured"),
    SESSION_CHARGE "currency"),
  currency = v.currency(SESSION_CHARGE "currency"),
  type = v.enum(SESSION_CHARGE "payment_method_details.type", PAYMENT_TYPES, "Unknown"),
  status = charge.status(SESSION_CHARGE "status", SESSION_CHARGE "captured",
    SESSION_CHARGE "refunded"),
  paymentProvider = v.constant "Stripe",
  createdDate = v.timestamp(SESSION_CHARGE "created"),
}

local INVOICE_PAYMENT_STATUS = { paid = "Paid", open = "Pending", canceled = "Cancelled" }

local invoice_payments = v.each("invoice_payments", {
  -- the charge's id, which is the payment's, or else the id of the means of payment
  id = v.first(INVOICE_CHARGE "id", v.id "payment.charge", v.id "payment.payment_intent",
    v.id "payment.payment_record", "id"),
  amount = v.money(v.first("amount_paid", "amount_requested"), "currency"),
  currency = v.currency "currency",
  type = v.enum(INVOICE_CHARGE "payment_method_details.type", PAYMENT_TYPES, "Unknown"),
  status = v.enum("status", INVOICE_PAYMENT_STATUS, "Unknown"),
  paymentProvider = v.constant "Stripe",
  createdDate = v.timestamp "created",
})

-- ---------------------------------------------------------------- sums

local function sum(list, name)
  local total = 0
  for _, each in ipairs(list or {}) do
    total = total + (tonumber(each[name]) or 0)
  end
  return total
end

local function total_of(list, name)
  return v.money(v.with(list, function(elements)
    return elements and sum(elements, name)
  end), "currency")
end

-- The refunded amount of an invoice: of all charges that paid it, each counted once.
local function refunded(payments)
  local total, seen = 0, {}
  for _, payment in ipairs(payments or {}) do
    local intent = type(payment.payment) == "table" and payment.payment.payment_intent
    local paid_with = type(intent) == "table" and intent.latest_charge
    if type(paid_with) == "table" and not seen[paid_with.id] then
      seen[paid_with.id] = true
      total = total + (tonumber(paid_with.amount_refunded) or 0)
    end
  end
  return total
end

-- ---------------------------------------------------------------- lines

-- The price's own amount, or else the line's subtotal, if the quantity divides it without a rest.
local function unit_price(unit, subtotal, quantity, currency)
  if unit then
    return v.major(unit, currency)
  elseif subtotal and quantity and quantity > 0 and subtotal % quantity == 0 then
    return v.major(subtotal / quantity, currency)
  end
end

local function fraction(percentage)
  return percentage and decimal.value(decimal.shift(decimal.tostring(percentage), 2)) or nil
end

-- A line with several tax rates has no single percentage.
local function only_percentage(taxes)
  local rate = taxes and #taxes == 1 and taxes[1].rate
  return type(rate) == "table" and tonumber(rate.percentage) or nil
end

local function coupon_name(coupon)
  if type(coupon) == "table" then
    return coupon.name or coupon.id
  end
  return coupon
end

local session_lines = v.each("line_items.data", {
  id = "id",
  quantity = "quantity",
  unitPrice = v.with("price.unit_amount_decimal", "amount_subtotal", "quantity", "currency",
    unit_price),
  totalAmount = v.money("amount_total", "currency"),
  totalTaxAmount = v.money("amount_tax", "currency"),
  taxPercentage = v.with("taxes", only_percentage),
  taxes = v.each("taxes", {
    taxComponentRef = v.object { id = "rate.id", name = "rate.display_name" },
    rate = v.with("rate.percentage", fraction),
  }),
  productRef = v.ref { id = v.id "price.product" },
  productVariantRef = v.ref { id = "price.id", name = "price.nickname" },
  discountAllocations = v.each("discounts", {
    name = v.with("discount.source.coupon", coupon_name),
    totalAmount = v.money("amount", "^currency"),
  }),
})

-- The line's own amount already includes its inclusive taxes.
local function line_total(amount, discounts, taxes)
  local total = (amount or 0) - sum(discounts, "amount")
  for _, tax in ipairs(taxes or {}) do
    total = total + (tax.tax_behavior == "exclusive" and tonumber(tax.amount) or 0)
  end
  return total
end

-- Stripe gives only the ids of an invoice's tax rates, but the model's taxes also need their names,
-- so an invoice line has a tax amount and no list of taxes.
local invoice_lines = v.each("lines.data", {
  id = "id",
  quantity = v.decimal(v.first("quantity_decimal", "quantity")),
  unitPrice = v.with("pricing.unit_amount_decimal", "subtotal", "quantity", "currency",
    unit_price),
  totalAmount = v.money(v.with("amount", "discount_amounts", "taxes", line_total), "currency"),
  totalTaxAmount = total_of("taxes", "amount"),
  productRef = v.ref { id = v.id "pricing.price_details.product" },
  productVariantRef = v.ref { id = v.id "pricing.price_details.price" },
  discountAllocations = v.each("discount_amounts", {
    totalAmount = v.money("amount", "^currency"),
  }),
})

-- ---------------------------------------------------------------- all of it

local function is_sale(status, mode, invoice)
  return status == "complete" and mode == "payment" and not invoice
end

local SALES = { paid = true, open = true, uncollectible = true }

local function is_order(status)
  return SALES[status] == true
end

local shipping = v.list(v.with("shipping_cost.amount_total", "shipping_cost.amount_tax",
  "currency", function(amount, tax, currency)
    return amount and amount ~= 0 and { description = "Shipping", type = "Shipping", quantity = 1,
      totalAmount = v.major(amount, currency), taxAmount = v.major(tax, currency) } or nil
  end))

return {
  id = "id",
  currency = v.currency "currency",
  serviceCharges = shipping,

  from = {
    {
      resource = "checkout_sessions",
      expand = { "data.line_items.data.taxes", "data.line_items.data.discounts",
        "data.payment_intent.latest_charge" },
      complete = { "line_items" },
      where = v.with("status", "mode", v.id "invoice", is_sale),
      fields = {
        orderNumber = "client_reference_id",
        country = "customer_details.address.country",
        totalAmount = v.money("amount_total", "currency"),
        totalRefund = v.negated(v.money(SESSION_CHARGE "amount_refunded", "currency")),
        totalTaxAmount = v.money("total_details.amount_tax", "currency"),
        totalDiscount = v.money("total_details.amount_discount", "currency"),
        orderLineItems = session_lines,
        payments = v.list(session_payment),
        customerRef = v.ref { id = v.id "customer", name = "customer_details.name" },
        supplementalData = v.supplemental { "payment_status", "metadata", "payment_link",
          payment_intent = v.id "payment_intent" },
      },
    },
    {
      resource = "invoices",
      join = { key = "invoice_payments", resource = "invoice_payments", on = "invoice",
        expand = { "data.payment.payment_intent.latest_charge" } },
      complete = { "lines" },
      where = v.with("status", is_order),
      fields = {
        orderNumber = "number",
        country = "customer_address.country",
        closedDate = v.timestamp "status_transitions.paid_at",
        totalAmount = v.money("total", "currency"),
        totalRefund = v.negated(v.money(v.with("invoice_payments", refunded), "currency")),
        totalTaxAmount = total_of("total_taxes", "amount"),
        totalDiscount = total_of("total_discount_amounts", "amount"),
        orderLineItems = invoice_lines,
        payments = invoice_payments,
        customerRef = v.ref { id = v.id "customer", name = "customer_name" },
        supplementalData = v.supplemental { "status", "metadata", "billing_reason", "due_date",
          "collection_method", "amount_remaining" },
      },
    },
  },
}
