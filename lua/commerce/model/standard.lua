-- The built-in data types, as data: their fields, and the words of their enums. They are the types
-- of the Commerce model that Stripe's integration provides (Codat Commerce 3.0.0), and `payouts`,
-- an addition, which Codat's API serves as a custom data type.

local shape = require "commerce.model.shape"

local enum, list, object = shape.enum, shape.list, shape.object

local standard = {}

-- linked: fields that a store keeps beside a record, not in its bytes; see store/linked.lua
-- facts: further columns, of values that stand deep in a record; see commerce.Fact
local function define(name, title, key, fields, linked, facts)
  standard[#standard + 1] = { name = name, title = title, key = key, fields = fields,
    linked = linked, facts = facts }
end

local SOURCE = "supplementalData.content.stripe."

-- A value that the mapping keeps in the supplemental data.
local function fact(name, member, indexed)
  return { name = name, kind = "string", field = SOURCE .. member, indexed = indexed }
end

local ADDRESS = {
  { "type", enum { "Billing", "Delivery", "Order", "Inventory", "Unknown" } },
  { "line1", "string" }, { "line2", "string" }, { "city", "string" },
  { "region", "string" }, { "country", "string" }, { "postalCode", "string" },
}

local SOURCE_REF = {
  { "id", "string", required = true },
  { "type", enum { "Fee", "Order", "Payment", "ServiceCharge", "Unknown" }, required = true },
}

local ID = { "id", "string", required = true }
local SUPPLEMENTAL = { "supplementalData", "map" }
-- An addition to the model: a record that was deleted at its source is kept and marked.
local METADATA = { "metadata", object { { "isDeleted", "boolean" } } }
local CREATED = { "createdDate", "datetime" }
local SOURCE_MODIFIED = { "sourceModifiedDate", "datetime" }
local MODIFIED = { "modifiedDate", "datetime" }

define("company_info", "CompanyInfo", "commerce-companyInfo", {
  { "companyName", "string" },
  { "commercePlatformRef", "string" },
  { "companyLegalName", "string" },
  { "addresses", list(ADDRESS) },
  { "phoneNumbers", list {
    { "number", "string" },
    { "type", enum { "Primary", "Landline", "Mobile", "Fax", "Unknown" }, required = true },
  } },
  { "webLinks", list { { "type", enum { "Website", "Social", "Unknown" } }, { "url", "string" } } },
  { "registrationNumber", "string" },
  { "baseCurrency", "currency" },
  { "accountBalances", list {
    { "available", "decimal" }, { "pending", "decimal" },
    { "reserved", "decimal" }, { "currency", "currency" },
  } },
  { "sourceUrls", "map" },
  METADATA, CREATED, SOURCE_MODIFIED, MODIFIED,
})

define("customers", "Customer", "commerce-customers", {
  ID,
  { "customerName", "string" }, { "emailAddress", "string" }, { "phone", "string" },
  { "defaultCurrency", "currency" },
  { "addresses", list(ADDRESS) },
  { "note", "string" },
  SUPPLEMENTAL, METADATA, CREATED, SOURCE_MODIFIED, MODIFIED,
})

define("payments", "Payment", "commerce-payments", {
  ID,
  { "amount", "decimal" }, { "currency", "currency" },
  { "paymentMethodRef", object { { "id", "string", required = true }, { "name", "string" } } },
  { "status", enum { "Pending", "Authorized", "Paid", "Failed", "Cancelled", "Unknown" } },
  { "paymentProvider", "string" },
  { "dueDate", "datetime" },
  SUPPLEMENTAL, METADATA, CREATED, SOURCE_MODIFIED, MODIFIED,
}, nil, {
  -- An index of all customers would cost 25 us for each payment that is written, and no sum of the
  -- contract would use it: SQLite 3.40 does not read generated columns from an index alone.
  fact("customer", "customer"),
  fact("failureCode", "failure_code", true),
  fact("charge", "charge", true), -- of a refund
})

define("disputes", "Dispute", "commerce-disputes", {
  ID,
  { "disputedTransactions", list(SOURCE_REF) },
  { "totalAmount", "decimal" }, { "currency", "currency", required = true },
  { "status", enum {
    "Won", "Lost", "Accepted", "Processing", "ChargeRefunded", "EvidenceRequired",
    "InquiryEvidenceRequired", "InquiryProcessing", "InquiryClosed", "WaitingThirdParty", "Unknown",
  } },
  { "reason", "string" }, { "dueDate", "datetime" },
  SUPPLEMENTAL, METADATA, CREATED, SOURCE_MODIFIED, MODIFIED,
})

local PUBLISHED = enum { "Unknown", "Published", "Unpublished" }

define("products", "Product", "commerce-products", {
  ID,
  { "name", "string" }, { "description", "string" }, { "categorization", "string" },
  { "isGiftCard", "boolean" },
  { "status", PUBLISHED },
  { "variants", list {
    ID,
    { "name", "string" }, { "isTaxEnabled", "boolean" },
    { "sku", "string" }, { "barcode", "string" }, { "unitOfMeasure", "string" },
    { "vatPercentage", "decimal" },
    { "prices", list { { "currency", "currency" }, { "unitPrice", "decimal" } } },
    { "inventory", object {
      { "totalQuantity", "decimal" },
      { "locations", list { { "quantity", "decimal" },
        { "locationRef", object { { "id", "string", required = true }, { "name", "string" } } } } },
    } },
    { "shippingRequired", "boolean" },
    { "status", PUBLISHED },
    CREATED, SOURCE_MODIFIED, MODIFIED,
  } },
  SUPPLEMENTAL, METADATA, CREATED, SOURCE_MODIFIED, MODIFIED,
})

define("transactions", "Transaction", "commerce-transactions", {
  ID,
  { "totalAmount", "decimal" }, { "currency", "currency" },
  { "type", enum {
    "Payment", "Refund", "Payout", "FailedPayout", "Transfer", "PaymentFee", "PaymentFeeRefund",
    "Unknown",
  } },
  { "subType", "string" },
  { "transactionSourceRef", object(SOURCE_REF) },
  SUPPLEMENTAL, METADATA, CREATED,
  { "sourceCreatedDate", "datetime" },
  SOURCE_MODIFIED, MODIFIED,
}, { { "payout", "string" } }, { fact("balanceType", "balance_type") })

define("payment_methods", "PaymentMethod", "commerce-paymentMethods", {
  ID,
  { "name", "string" }, { "status", enum { "Unknown", "Active", "Archived" } },
  METADATA, SOURCE_MODIFIED, MODIFIED,
})

define("tax_components", "TaxComponent", "commerce-taxComponents", {
  ID,
  { "name", "string" }, { "rate", "decimal" }, { "isCompound", "boolean" },
  METADATA, SOURCE_MODIFIED, MODIFIED,
})

define("payouts", "Payout", "custom/payouts", {
  ID,
  { "amount", "decimal" }, { "currency", "currency" },
  { "status", enum { "Paid", "Pending", "InTransit", "Cancelled", "Failed", "Unknown" } },
  { "arrivalDate", "datetime" },
  { "automatic", "boolean" }, { "method", "string" }, { "payoutType", "string" },
  { "reconciliationStatus", "string" },
  { "traceId", "string" }, { "statementDescriptor", "string" }, { "description", "string" },
  { "destination", "string" }, { "balanceTransaction", "string" },
  { "failureCode", "string" }, { "failureMessage", "string" },
  { "originalPayout", "string" }, { "reversedBy", "string" },
  SUPPLEMENTAL, METADATA, CREATED, SOURCE_MODIFIED, MODIFIED,
}, { { "transactionCount", "integer" }, { "grossAmount", "decimal" }, { "fees", "decimal" } })

return standard
