-- The Commerce data model as data: data types, their fields and enums (Codat Commerce 3.0.0).
-- It drives validation, the JSON of a stored record, the SQL columns and the query language.
-- Called by mapping, store, query and cli; requires its shapes and leaf helpers.

local errors = require "commerce.errors"
local shape = require "commerce.model.shape"

local model = {}

local concat = table.concat
local enum, list, object = shape.enum, shape.list, shape.object

---@class commerce.Field
---@field name string camelCase, as in Codat's API
---@field kind string string, decimal, integer, boolean, datetime, currency, enum, object, list, map
---@field values table<string, boolean>? of an enum
---@field shape commerce.Shape? of an object, or of the elements of a list
---@field required boolean?

---@class commerce.Shape
---@field fields commerce.Field[] in the order they are written
---@field by_name table<string, commerce.Field>

---@class commerce.DataType
---@field name string as in the library and in SQL: "payments"
---@field title string the schema's name: "Payment"
---@field key string Codat's data type key: "commerce-payments"
---@field shape commerce.Shape
---@field columns commerce.Column[] one per scalar field
---@field encode fun(record: table): string

---@class commerce.Column
---@field name string snake_case
---@field field string the dotted path in the record: "paymentMethodRef.id"
---@field kind string the field's kind

-- What was found, without its content: a record's values are personal data.
local function describe(value)
  return value == nil and "nothing" or type(value)
end

-- ---------------------------------------------------------------- types

local order, aliases = {}, {}

-- The last member of every stored record. It is stamped by the store, which knows when the rest of
-- the record last changed, and so is left out when records are compared.
local STAMP = "modifiedDate"

local function define(name, title, key, fields)
  local data_type = { name = name, title = title, key = key, shape = shape.new(fields) }
  data_type.columns = shape.columns(data_type.shape)
  local write_members = shape.members_writer(data_type.shape, STAMP)
  data_type.encode = function(record)
    local out = { "{" }
    return concat(out, "", 1, write_members(out, 1, record))
  end
  order[#order + 1] = data_type
  aliases[name], aliases[key] = data_type, data_type
  aliases[key:gsub("^commerce%-", "")] = data_type
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
-- An addition to the model: a record that its source deleted stays, and says so.
local METADATA = { "metadata", object { { "isDeleted", "boolean" } } }
local CREATED = { "createdDate", "datetime" }
local SOURCE_MODIFIED = { "sourceModifiedDate", "datetime" }
local MODIFIED = { STAMP, "datetime" }

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
})

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

--- Every data type, in the order in which they are listed and read.
---@return commerce.DataType[]
function model.types()
  return order
end

--- A data type by its name or by Codat's key: "payments", "commerce-payments", "paymentMethods".
---@param name string
---@return commerce.DataType? data_type nil if there is none
---@return string? message names the ones there are
function model.find(name)
  local data_type = aliases[name] or aliases[tostring(name):gsub("%-", "_")]
  if data_type then
    return data_type
  end
  local names = {}
  for i, each in ipairs(order) do
    names[i] = each.name
  end
  return nil, ("unknown data type '%s' (known: %s)"):format(tostring(name), concat(names, ", "))
end

--- Write a record as canonical JSON without its modifiedDate and without the closing brace; the
--- store adds both with `model.stamp`. Fields are checked against the model on the way.
---@param data_type commerce.DataType
---@param record table
---@return string? body nil on failure
---@return string? message names the field and what was wrong with it
function model.encode(data_type, record)
  local ok, result = errors.try(data_type.encode, record)
  if ok then
    return result
  elseif type(result) ~= "table" then
    return nil, tostring(result)
  end
  local got = describe(result.got)
  if result.wanted == "enum" and got == "string" then
    got = "another word"
  end
  return nil, ("field %s: %s expected, got %s"):format(result.field, result.wanted, got)
end

local STAMP_START = '"' .. STAMP .. '":"'

--- Complete a body from `model.encode` with the date of its last change.
---@param body string
---@param modified string YYYY-MM-DDTHH:MM:SSZ
---@return string data
function model.stamp(body, modified)
  return body .. (body == "{" and "" or ",") .. STAMP_START .. modified .. '"}'
end

local SOURCE_MODIFIED_END = '"sourceModifiedDate":"([^"]*)"'

--- A body whose sourceModifiedDate is not older than that of stored data: an event told of a change
--- that the object itself does not date.
---@param body string from `model.encode`
---@param data string from `model.stamp`
---@return string body
function model.keep_newest(body, data)
  local new = body:match(SOURCE_MODIFIED_END .. "$")
  local old = data:match(SOURCE_MODIFIED_END .. "," .. STAMP_START .. '[^"]*"}$')
  if new and old and old > new then
    return body:sub(1, -#new - 2) .. old .. '"'
  end
  return body
end

--- Whether stored data is this body with some modifiedDate.
---@param data string from `model.stamp`
---@param body string from `model.encode`
---@return boolean
function model.same(data, body)
  return #data == #model.stamp(body, "YYYY-MM-DDTHH:MM:SSZ") and data:sub(1, #body) == body
    and data:find(STAMP_START, #body + 1, true) ~= nil
end

return model
