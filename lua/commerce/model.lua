-- The Commerce data model as data: data types, their fields and enums (Codat Commerce 3.0.0).
-- It drives validation, the JSON of a stored record, the SQL columns and the query language.
-- Called by mapping, store, query and cli; requires only json and decimal.

local json = require "commerce.json"
local decimal = require "commerce.decimal"

local model = {}

local concat = table.concat

---@class commerce.Field
---@field name string camelCase, as in Codat's API
---@field kind string string | decimal | integer | boolean | datetime | currency | enum | object | list | map
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

local function enum(values)
  local set = {}
  for _, value in ipairs(values) do
    set[value] = true
  end
  return { kind = "enum", values = set }
end

local function shape(fields)
  local result = { fields = {}, by_name = {} }
  for i, field in ipairs(fields) do
    local name, kind = field[1], field[2]
    local entry = { name = name, required = field.required }
    if type(kind) == "table" then
      for key, value in pairs(kind) do
        entry[key] = value
      end
    else
      entry.kind = kind
    end
    result.fields[i], result.by_name[name] = entry, entry
  end
  return result
end

local function object(fields)
  return { kind = "object", shape = shape(fields) }
end

local function list(fields)
  return { kind = "list", shape = shape(fields) }
end

-- ---------------------------------------------------------------- encoding

local encoder_of

local function scalar_error(field, value)
  error({ field = field.name, wanted = field.kind, got = value }, 0)
end

local scalar_encoders = {
  boolean = function(field)
    return function(value)
      if type(value) ~= "boolean" then
        scalar_error(field, value)
      end
      return value and "true" or "false"
    end
  end,
  decimal = function(field)
    return function(value)
      if type(value) ~= "number" and not decimal.is_decimal(value) then
        scalar_error(field, value)
      end
      return decimal.tostring(value) or scalar_error(field, value)
    end
  end,
  enum = function(field)
    local texts = {}
    for value in pairs(field.values) do
      texts[value] = json.string(value)
    end
    return function(value)
      return texts[value] or scalar_error(field, value)
    end
  end,
  map = function(field)
    return function(value)
      if type(value) ~= "table" then
        scalar_error(field, value)
      end
      return json.encode(value)
    end
  end,
}

local function string_encoder(field)
  local quote = json.string
  return function(value)
    if type(value) ~= "string" then
      scalar_error(field, value)
    end
    return quote(value)
  end
end

-- Members of one object in the model's order. `skip` names a field that is written elsewhere.
local function members_encoder(of_shape, skip)
  local names, keys, encoders, required = {}, {}, {}, {}
  for _, field in ipairs(of_shape.fields) do
    if field.name ~= skip then
      local i = #names + 1
      names[i], keys[i] = field.name, json.string(field.name) .. ":"
      encoders[i], required[i] = encoder_of(field), field.required and field or false
    end
  end
  local count = #names
  return function(value)
    local out, n = {}, 0
    for i = 1, count do
      local member = value[names[i]]
      if member ~= nil then
        n = n + 1
        out[n] = keys[i] .. encoders[i](member)
      elseif required[i] then
        scalar_error(required[i], nil)
      end
    end
    return concat(out, ",")
  end
end

-- Name the place inside an object or a list element where a nested encoder failed.
local function nested(field, index, encode, value)
  if type(value) ~= "table" or decimal.is_decimal(value) then
    scalar_error(field, value)
  end
  local ok, text = pcall(encode, value)
  if ok then
    return "{" .. text .. "}"
  elseif type(text) == "table" then
    text.field = field.name .. (index and ("[" .. index .. "]") or "") .. "." .. text.field
  end
  error(text, 0)
end

function encoder_of(field)
  if field.kind == "object" then
    local encode = members_encoder(field.shape)
    return function(value)
      return nested(field, nil, encode, value)
    end
  elseif field.kind == "list" then
    local encode = members_encoder(field.shape)
    return function(value)
      if type(value) ~= "table" then
        scalar_error(field, value)
      end
      local out = {}
      for i = 1, #value do
        out[i] = nested(field, i, encode, value[i])
      end
      return "[" .. concat(out, ",") .. "]"
    end
  end
  local make = scalar_encoders[field.kind]
  if field.kind == "integer" then
    make = scalar_encoders.decimal
  end
  return (make or string_encoder)(field)
end

-- What was found, without its content: a record's values are personal data.
local function describe(value)
  return value == nil and "nothing" or type(value)
end

-- ---------------------------------------------------------------- columns

local function snake(name)
  return (name:gsub("(%l)(%u)", "%1_%2"):gsub("%.", "_"):lower())
end

local COLUMN_KINDS = {
  string = true, decimal = true, integer = true, boolean = true,
  datetime = true, currency = true, enum = true,
}

local function add_columns(columns, of_shape, prefix)
  for _, field in ipairs(of_shape.fields) do
    local path = prefix .. field.name
    if COLUMN_KINDS[field.kind] then
      columns[#columns + 1] = { name = snake(path), field = path, kind = field.kind }
    elseif field.kind == "object" then
      add_columns(columns, field.shape, path .. ".")
    end
  end
  return columns
end

-- ---------------------------------------------------------------- types

local types, order = {}, {}
local aliases = {}

-- The last member of every stored record. It is stamped by the store, which knows when the rest of
-- the record last changed, and so is left out when records are compared.
local STAMP = "modifiedDate"

local function define(name, title, key, fields)
  local data_type = { name = name, title = title, key = key, shape = shape(fields) }
  data_type.columns = add_columns({}, data_type.shape, "")
  local encode = members_encoder(data_type.shape, STAMP)
  data_type.encode = function(record)
    return "{" .. encode(record)
  end
  types[name] = data_type
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
  local ok, result = pcall(data_type.encode, record)
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

--- Whether stored data is this body with some modifiedDate.
---@param data string from `model.stamp`
---@param body string from `model.encode`
---@return boolean
function model.same(data, body)
  return #data == #model.stamp(body, "YYYY-MM-DDTHH:MM:SSZ") and data:sub(1, #body) == body
    and data:find(STAMP_START, #body + 1, true) ~= nil
end

return model
