-- Types of the Commerce model without a built-in mapping (Codat Commerce 3.0.0). A user-defined
-- type with one of these names has this shape.

local shape = require "commerce.model.shape"

local enum, list, object = shape.enum, shape.list, shape.object

local optional = {}

local REF = { { "id", "string", required = true }, { "name", "string" } }
local TAXES = list {
  { "taxComponentRef", object {
    { "id", "string", required = true }, { "name", "string", required = true },
  } },
  { "rate", "decimal" },
}
local DATES = {
  { "createdDate", "datetime" }, { "sourceModifiedDate", "datetime" },
  { "modifiedDate", "datetime" },
}

optional.orders = { title = "Order", key = "commerce-orders", fields = {
  { "orderNumber", "string" },
  { "country", "string" },
  { "currency", "currency" },
  { "closedDate", "datetime" },
  { "totalAmount", "decimal" }, { "totalRefund", "decimal" }, { "totalTaxAmount", "decimal" },
  { "totalDiscount", "decimal" }, { "totalGratuity", "decimal" },
  { "orderLineItems", list {
    { "id", "string", required = true },
    { "quantity", "decimal" },
    { "taxPercentage", "decimal" },
    { "totalAmount", "decimal" }, { "totalTaxAmount", "decimal" }, { "unitPrice", "decimal" },
    { "taxes", TAXES },
    { "productRef", object(REF) }, { "productVariantRef", object(REF) },
    { "discountAllocations", list { { "name", "string" }, { "totalAmount", "decimal" } } },
  } },
  { "payments", list {
    { "id", "string", required = true },
    { "amount", "decimal" }, { "currency", "currency" },
    { "type", enum { "Cash", "Card", "Invoice", "OnlineCard", "Swish", "Vipps", "Mobile",
      "StoreCredit", "Paypal", "Custom", "Prepaid", "Unknown" } },
    { "status", enum { "Pending", "Authorized", "Paid", "Failed", "Cancelled", "Unknown" } },
    { "paymentProvider", "string" },
    { "dueDate", "datetime" },
    DATES[1], DATES[2], DATES[3],
  } },
  { "serviceCharges", list {
    { "description", "string" },
    { "totalAmount", "decimal" }, { "taxPercentage", "decimal" }, { "taxAmount", "decimal" },
    { "taxes", TAXES },
    { "quantity", "integer" },
    { "type", enum { "Generic", "Shipping", "Overpayment", "Unknown" } },
  } },
  { "locationRef", object(REF) }, { "customerRef", object(REF) },
  { "supplementalData", "map" },
} }

return optional
