-- Routes: a connection's commerce data, with one list and one record for each data type.

local linked = require "commerce.store.linked"
local model = require "commerce.model"
local page = require "commerce.api.page"
local pulls = require "commerce.api.pulls"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"

local BASE = "/companies/{companyId}/connections/{connectionId}/data/"

-- The connection of the path and the data type, which must have been pulled.
local function readable(context, key)
  local connection = scope.connection(context)
  local data_type = scope.data_type(context, key, connection.integration)
  pulls.check_complete(context, connection, data_type.name)
  return connection, data_type
end

local function list(key)
  return function(context)
    local connection, data_type = readable(context, key)
    return page.of_records(context, data_type, connection.id)
  end
end

local function refuse_record(data_type, id)
  response.refuse(404, ("No data available for %s for ID %s"):format(data_type.key, id))
end

local function one(key, parameter)
  return function(context)
    local connection, data_type = readable(context, key)
    local id = context.values[parameter]
    local text = context.store:find(data_type, connection.id, { id })[id]
      or refuse_record(data_type, id)
    local row = { id = id, data = text, connection_id = connection.id }
    linked.add(context.store, data_type, { row })
    return response.text(200, row.data)
  end
end

local function company_info(context)
  local connection, data_type = readable(context, "commerce-companyInfo")
  local _, text = context.store:records(data_type,
    { connection_id = connection.id, limit = 1 })()
  return text and response.text(200, text) or refuse_record(data_type, connection.id)
end

-- Codat's names: path, parameter of the single record, words of the operation ids, schema. The
-- parameter of a product category really is productId.
local TYPES = {
  { "commerce-customers", "customerId", "customers", "customer", "Customer" },
  { "commerce-disputes", "disputeId", "disputes", "dispute", "Dispute" },
  { "commerce-locations", "locationId", "locations", "location" },
  { "commerce-orders", "orderId", "orders", "order", "Order" },
  { "commerce-payments", "paymentId", "payments", "payment", "Payment" },
  { "commerce-paymentMethods", "paymentMethodId", "payment-methods", "payment-method",
    "PaymentMethod" },
  { "commerce-products", "productId", "products", "product", "Product" },
  { "commerce-productCategories", "productId", "product-categories", "product-category" },
  { "commerce-taxComponents", "taxId", "tax-components", "tax-component", "TaxComponent" },
  { "commerce-transactions", "transactionId", "transactions", "transaction", "Transaction" },
}

---@type commerce.api.Route[]
local routes = { {
  method = "GET", path = BASE .. "commerce-info", id = "get-company-info", run = company_info,
  tag = "Commerce", summary = "Get company info", answer = { status = 200,
    schema = model.find("company_info").title }, errors = { 404, 409 },
} }
for _, names in ipairs(TYPES) do
  local key, parameter, plural, singular, schema = names[1], names[2], names[3], names[4], names[5]
  routes[#routes + 1] = { method = "GET", path = BASE .. key, id = "list-" .. plural,
    run = list(key), tag = "Commerce", summary = "List " .. plural:gsub("-", " "), paged = true,
    answer = { status = 200, list = schema or "Record" }, errors = { 400, 404, 409 } }
  routes[#routes + 1] = { method = "GET", path = BASE .. key .. "/{" .. parameter .. "}",
    id = "get-" .. singular, run = one(key, parameter), tag = "Commerce",
    summary = "Get " .. singular:gsub("-", " "), answer = { status = 200,
      schema = schema or "Record" }, errors = { 404, 409 } }
end

return routes
