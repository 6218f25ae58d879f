-- Codat's published Commerce schema (3.0.0: types, enums, required fields) and a checker for it,
-- independent of lua/commerce/model/standard.lua, so that specs can compare the two.

local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local model = require "commerce.model"

local schema_check = {}

-- ---------------------------------------------------------------- the schema

local STRING, NUMBER, BOOLEAN = { kind = "string" }, { kind = "number" }, { kind = "boolean" }
local CURRENCY, DATE, MAP = { kind = "currency" }, { kind = "date" }, { kind = "map" }

local function enum(words)
  local set = {}
  for word in words:gmatch("%S+") do
    set[word] = true
  end
  return { kind = "enum", words = set }
end

local function object(properties, required)
  return { kind = "object", properties = properties, required = required or {} }
end

local function list(items)
  return { kind = "list", items = items }
end

local ADDRESS = object {
  type = enum "Billing Delivery Order Inventory Unknown",
  line1 = STRING, line2 = STRING, city = STRING, region = STRING, country = STRING,
  postalCode = STRING,
}

local PHONE = object({
  number = STRING, type = enum "Primary Landline Mobile Fax Unknown",
}, { "type" })

local SOURCE_REF = object({
  id = STRING, type = enum "Fee Order Payment ServiceCharge Unknown",
}, { "id", "type" })

local NAMED_REF = object({ id = STRING, name = STRING }, { "id" })
local SUPPLEMENTAL = { kind = "supplemental" }
local PUBLISHED = enum "Unknown Published Unpublished"

--- The data types by the library's names.
schema_check.types = {
  company_info = object {
    companyName = STRING, commercePlatformRef = STRING, companyLegalName = STRING,
    addresses = list(ADDRESS), phoneNumbers = list(PHONE),
    webLinks = list(object { type = enum "Website Social Unknown", url = STRING }),
    registrationNumber = STRING, baseCurrency = CURRENCY,
    accountBalances = list(object {
      available = NUMBER, pending = NUMBER, reserved = NUMBER, currency = CURRENCY,
    }),
    sourceUrls = MAP,
    createdDate = DATE, modifiedDate = DATE, sourceModifiedDate = DATE,
  },
  customers = object({
    id = STRING, customerName = STRING, emailAddress = STRING, phone = STRING,
    defaultCurrency = CURRENCY, addresses = list(ADDRESS), note = STRING,
    createdDate = DATE, modifiedDate = DATE, sourceModifiedDate = DATE,
  }, { "id" }),
  disputes = object({
    id = STRING, disputedTransactions = list(SOURCE_REF), totalAmount = NUMBER,
    currency = CURRENCY,
    status = enum [[Won Lost Accepted Processing ChargeRefunded EvidenceRequired
      InquiryEvidenceRequired InquiryProcessing InquiryClosed WaitingThirdParty Unknown]],
    reason = STRING, dueDate = DATE,
    createdDate = DATE, modifiedDate = DATE, sourceModifiedDate = DATE,
  }, { "id", "currency" }),
  payments = object({
    id = STRING, amount = NUMBER, currency = CURRENCY, paymentMethodRef = NAMED_REF,
    status = enum "Pending Authorized Paid Failed Cancelled Unknown",
    paymentProvider = STRING, dueDate = DATE, supplementalData = SUPPLEMENTAL,
    createdDate = DATE, modifiedDate = DATE, sourceModifiedDate = DATE,
  }, { "id" }),
  payment_methods = object({
    id = STRING, name = STRING, status = enum "Unknown Active Archived",
    modifiedDate = DATE, sourceModifiedDate = DATE,
  }, { "id" }),
  products = object({
    id = STRING, name = STRING, description = STRING, categorization = STRING,
    isGiftCard = BOOLEAN,
    variants = list(object({
      id = STRING, name = STRING, isTaxEnabled = BOOLEAN, sku = STRING, barcode = STRING,
      unitOfMeasure = STRING, vatPercentage = NUMBER,
      prices = list(object { currency = CURRENCY, unitPrice = NUMBER }),
      inventory = object {
        totalQuantity = NUMBER,
        locations = list(object { quantity = NUMBER, locationRef = NAMED_REF }),
      },
      shippingRequired = BOOLEAN, status = PUBLISHED,
      createdDate = DATE, modifiedDate = DATE, sourceModifiedDate = DATE,
    }, { "id" })),
    supplementalData = SUPPLEMENTAL,
  }, { "id" }),
  tax_components = object({
    id = STRING, name = STRING, rate = NUMBER, isCompound = BOOLEAN,
    modifiedDate = DATE, sourceModifiedDate = DATE,
  }, { "id" }),
  transactions = object({
    id = STRING, totalAmount = NUMBER, currency = CURRENCY,
    type = enum [[Payment Refund Payout FailedPayout Transfer PaymentFee PaymentFeeRefund
      Unknown]],
    subType = STRING, transactionSourceRef = SOURCE_REF, supplementalData = SUPPLEMENTAL,
    createdDate = DATE, sourceCreatedDate = DATE, modifiedDate = DATE, sourceModifiedDate = DATE,
  }, { "id" }),
  -- not Codat's: served as a custom data type
  payouts = object({
    id = STRING, amount = NUMBER, currency = CURRENCY,
    status = enum "Paid Pending InTransit Cancelled Failed Unknown",
    arrivalDate = DATE, automatic = BOOLEAN, method = STRING, payoutType = STRING,
    reconciliationStatus = STRING, traceId = STRING, statementDescriptor = STRING,
    description = STRING, destination = STRING, balanceTransaction = STRING,
    failureCode = STRING, failureMessage = STRING, originalPayout = STRING, reversedBy = STRING,
    supplementalData = SUPPLEMENTAL,
    createdDate = DATE, modifiedDate = DATE, sourceModifiedDate = DATE,
  }, { "id" }),
}

--- What the mapping adds to the published schema, on purpose.
schema_check.additions = {
  customers = { supplementalData = SUPPLEMENTAL },
  disputes = { supplementalData = SUPPLEMENTAL },
  -- Codat's examples carry these, its schema does not
  products = { status = PUBLISHED, createdDate = DATE, modifiedDate = DATE,
    sourceModifiedDate = DATE },
}

-- ---------------------------------------------------------------- the checker

local check

local function is_sequence(value)
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count == #value
end

local function only_key(value, key)
  return type(value) == "table" and value[key] ~= nil and next(value) == key
    and next(value, key) == nil
end

local checkers = {
  string = function(_, value)
    return type(value) == "string"
  end,
  number = function(_, value)
    return type(value) == "number" or decimal.is_decimal(value)
  end,
  boolean = function(_, value)
    return type(value) == "boolean"
  end,
  currency = function(_, value)
    return type(value) == "string" and value:find("^%u%u%u$") ~= nil
  end,
  date = function(_, value)
    return type(value) == "string"
      and value:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$") ~= nil
  end,
  enum = function(schema, value)
    return schema.words[value] == true
  end,
  map = function(_, value)
    return type(value) == "table"
  end,
  uuid = function(_, value)
    return type(value) == "string" and #value == 36
      and value:find "^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$" ~= nil
  end,
  url = function(_, value)
    return type(value) == "string" and value:find "^https?://[%w%.:]+/[%w/%-]+$" ~= nil
  end,
  -- { content = { stripe = {…} } }, with no null and nothing empty among the fields
  supplemental = function(_, value)
    if not only_key(value, "content") or not only_key(value.content, "stripe")
      or type(value.content.stripe) ~= "table" then
      return false
    end
    for _, field in pairs(value.content.stripe) do
      if field == json.null then
        return false
      end
    end
    return true
  end,
}

local function check_object(schema, value, path, problems, more)
  for _, name in ipairs(schema.required) do
    if value[name] == nil then
      problems[#problems + 1] = path .. "." .. name .. " is missing"
    end
  end
  for name, member in pairs(value) do
    local inner = schema.properties[name] or more and more[name]
    local place = path .. "." .. tostring(name)
    if inner then
      check(inner, member, place, problems)
    else
      problems[#problems + 1] = place .. " is not in the schema"
    end
  end
end

function check(schema, value, path, problems, more)
  if value == json.null then
    problems[#problems + 1] = path .. " is null"
  elseif schema.kind == "object" or schema.kind == "list" then
    if type(value) ~= "table" or decimal.is_decimal(value) then
      problems[#problems + 1] = path .. " is no " .. schema.kind
    elseif schema.kind == "object" then
      check_object(schema, value, path, problems, more)
    elseif not is_sequence(value) then
      problems[#problems + 1] = path .. " is no list"
    else
      for i, item in ipairs(value) do
        check(schema.items, item, path .. "[" .. i .. "]", problems)
      end
    end
  elseif not checkers[schema.kind](schema, value) then
    problems[#problems + 1] = path .. " is no " .. schema.kind .. ": " .. tostring(value)
  end
end

--- The words that schemas are written in, and the check against one.
schema_check.words = { object = object, list = list, enum = enum }

--- Hold any value against a schema.
---@param schema table of `schema_check.words`, or { kind = "string" } and the like
---@param value any
---@param path string what it is called
---@return string[] problems empty if there are none
function schema_check.against(schema, value, path)
  local problems = {}
  check(schema, value, path, problems)
  return problems
end

--- Hold a record against the published schema.
---@param type_name string as in `schema_check.types`
---@param record table
---@return string[] problems empty if there are none
function schema_check.problems(type_name, record)
  local problems = {}
  check(assert(schema_check.types[type_name]), record, type_name, problems,
    schema_check.additions[type_name])
  return problems
end

--- A record as the JSON text the store keeps, without modifiedDate; raises if it is not valid.
---@param type_name string
---@param record table
---@return string
function schema_check.json(type_name, record)
  return assert(model.encode(model.find(type_name), record)) .. "}"
end

--- The source of a Stripe mapping that reads a resource.
---@param type_name string
---@param resource string
---@return commerce.Source
function schema_check.source(type_name, resource)
  for _, source in ipairs(require("commerce.stripe.types." .. type_name).sources) do
    if source.resource == resource then
      return source
    end
  end
  error(type_name .. " does not read " .. resource)
end

--- Map a Stripe object and check every record: by the schema, as it is and as its JSON reads back,
--- and that mapping did not touch the source object.
---@param type_name string
---@param resource string
---@param source table
---@return table ... the records
function schema_check.mapped(type_name, resource, source)
  local before = json.encode(source)
  local records = assert(schema_check.source(type_name, resource).map(source))
  assert(json.encode(source) == before, "the mapping changed its source object")
  for _, record in ipairs(records) do
    local problems = schema_check.problems(type_name, record)
    local decoded = assert(json.decode(schema_check.json(type_name, record)))
    for _, problem in ipairs(schema_check.problems(type_name, decoded)) do
      problems[#problems + 1] = "as JSON: " .. problem
    end
    assert(#problems == 0, table.concat(problems, "\n"))
  end
  return (table.unpack or unpack)(records) -- luacheck: ignore
end

return schema_check
