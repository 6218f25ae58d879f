-- The fields of a data type as columns: their headings, which of them a table has, and how a value
-- is shown.

local amounts = require "commerce.portal.amounts"
local ascii = require "commerce.base.ascii"
local csv = require "commerce.base.csv"
local decimal = require "commerce.base.decimal"
local h = require "commerce.portal.html"
local json = require "commerce.base.json"
local layout = require "commerce.portal.layout"

local fields = {}

-- Of a table that nobody has chosen the columns of. The first one leads to the record.
local COLUMNS = {
  company_info = { "companyName", "companyLegalName", "baseCurrency", "createdDate" },
  customers = { "customerName", "emailAddress", "defaultCurrency", "createdDate", "id" },
  payments = { "createdDate", "amount", "status", "paymentMethodRef.name", "customer", "id" },
  disputes = { "createdDate", "totalAmount", "status", "reason", "dueDate", "id" },
  products = { "name", "status", "description", "createdDate", "id" },
  orders = { "createdDate", "orderNumber", "totalAmount", "customerRef.name", "country", "id" },
  transactions = { "createdDate", "totalAmount", "type", "subType", "payout", "id" },
  payouts = { "arrivalDate", "amount", "status", "fees", "transactionCount", "id" },
}

local HEADINGS = { id = "ID", createdDate = "Created", modifiedDate = "Modified",
  sourceModifiedDate = "Modified at Stripe", sourceCreatedDate = "Created at Stripe",
  totalAmount = "Amount", ["paymentMethodRef.name"] = "Method", ["metadata.isDeleted"] = "Deleted",
  ["customerRef.name"] = "Customer", ["customerRef.id"] = "Customer ID", dueDate = "Due",
  customerName = "Name", emailAddress = "Email", companyName = "Name",
  companyLegalName = "Legal name", defaultCurrency = "Currency", baseCurrency = "Currency",
  arrivalDate = "Arrives", orderNumber = "Number", transactionCount = "Transactions",
  ["transactionSourceRef.id"] = "Source", ["transactionSourceRef.type"] = "Source type",
  subType = "Kind at Stripe" }

--- A data type in words: "Payment methods"; a configured one as it is called.
---@param name string
---@return string
function fields.title(name)
  return ascii.capitalized((name:gsub("^custom/", ""):gsub("_", " ")))
end

--- The heading of a field: "Failure code" of "failureCode".
---@param field string the dotted path
---@return string
function fields.heading(field)
  if HEADINGS[field] then
    return HEADINGS[field]
  end
  local text = field:gsub("%.", " "):gsub("_", " "):gsub("(%l)(%u)", "%1 %2")
  text = ascii.lower(text):gsub("%f[%w]id%f[%W]", "ID")
  return (text:gsub("^%l", ascii.upper))
end

---@class commerce.portal.Column
---@field field string its name: a scalar's path, a fact's name, or what lies beside the record
---@field path string the dotted path in the record
---@field kind string the field's kind
---@field heading string

local known = setmetatable({}, { __mode = "k" })

local function make(data_type)
  local list = {}
  local function add(field, path, kind)
    local column = { field = field, path = path, kind = kind, heading = fields.heading(field) }
    list[#list + 1], list[field] = column, column
  end
  for _, scalar in ipairs(data_type.scalars) do
    add(scalar.field, scalar.field, scalar.kind)
  end
  for _, fact in ipairs(data_type.facts) do
    add(fact.name, fact.field, fact.kind)
  end
  for _, field in ipairs(data_type.linked.fields) do
    add(field.name, field.name, field.kind)
  end
  return list
end

--- All columns that a data type can have, in their order and by field.
---@param data_type commerce.DataType
---@return table<integer|string, commerce.portal.Column>
function fields.all(data_type)
  known[data_type] = known[data_type] or make(data_type)
  return known[data_type]
end

local MOST_BY_DEFAULT = 6 -- columns of a type that has no list above

local function by_default(data_type)
  local names = COLUMNS[data_type.name]
  if not names then
    names = {}
    for _, column in ipairs(fields.all(data_type)) do
      if #names < MOST_BY_DEFAULT and column.field ~= "metadata.isDeleted" then
        names[#names + 1] = column.field
      end
    end
  end
  return names
end

--- The columns of a table.
---@param data_type commerce.DataType
---@param chosen string[] names of fields; those that do not exist are left out, and without any the
---  table has its usual columns
---@return commerce.portal.Column[]
function fields.columns(data_type, chosen)
  local all, list = fields.all(data_type), {}
  for _, name in ipairs(chosen) do
    list[#list + 1] = all[name]
  end
  for _, name in ipairs(#list == 0 and by_default(data_type) or {}) do
    list[#list + 1] = all[name]
  end
  return list
end

-- ---------------------------------------------------------------- values

local GOOD = { Paid = true, Won = true, Published = true, Active = true, Complete = true }
local BAD = { Failed = true, Lost = true }
local WARN = { EvidenceRequired = true, InquiryEvidenceRequired = true, Pending = true,
  Processing = true, InquiryProcessing = true, Authorized = true, InTransit = true,
  WaitingThirdParty = true }

-- "EvidenceRequired" -> "Evidence required"
local function words(text)
  return (text:gsub("(%l)(%u)", function(before, after)
    return before .. " " .. ascii.lower(after)
  end))
end

--- A status as a coloured word.
---@param text string such as "EvidenceRequired"
---@return commerce.portal.Node node
function fields.pill(text)
  local class = GOOD[text] and " good" or BAD[text] and " bad" or WARN[text] and " warn" or ""
  return h.span { class = "pill" .. class, words(text) }
end

local function currency_of(record)
  local code = record.currency
  return type(code) == "string" and code or nil
end

local function is_number(value)
  return type(value) == "number" or decimal.is_decimal(value)
end

local NOTHING = h.span { class = "quiet", "—" }

--- A value as it is shown in a table.
---@param column commerce.portal.Column
---@param record commerce.RecordFields
---@return any node
function fields.cell(column, record)
  local value = csv.at(record, column.path)
  if value == nil or value == "" then
    return NOTHING
  elseif column.field == "arrivalDate" then
    return amounts.day(tostring(value))
  elseif column.kind == "datetime" then
    return layout.time(tostring(value))
  elseif column.kind == "decimal" and is_number(value) then
    return amounts.money(value, currency_of(record))
  elseif is_number(value) then
    return amounts.number(value, 0) or tostring(value)
  elseif column.kind == "boolean" then
    return value and "yes" or "no"
  elseif column.kind == "enum" then
    return column.field == "status" and fields.pill(tostring(value)) or words(tostring(value))
  elseif type(value) == "table" then
    value = json.encode(value)
  end
  local text = tostring(value)
  return h.bdi { class = "clip", title = #text > 40 and #text < 300 and text or nil, text }
end

--- Whether a column has numbers, which stand at its right.
---@param column commerce.portal.Column
---@return boolean
function fields.is_number(column)
  return column.kind == "decimal" or column.kind == "integer"
end

return fields
