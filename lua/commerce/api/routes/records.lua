-- Routes under /commerce/v1 about records of every data type, also those that scripts define:
-- lists, exports, what the log of changes says, the orders that have an index, a payment's payout.

local errors = require "commerce.base.errors"
local export = require "commerce.app.export"
local json = require "commerce.base.json"
local linked = require "commerce.store.linked"
local listing = require "commerce.app.listing"
local page = require "commerce.api.page"
local paid_in = require "commerce.app.paid_in"
local pulls = require "commerce.api.pulls"
local query = require "commerce.query"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"

local CONNECTION = "/commerce/v1/companies/{companyId}/connections/{connectionId}/"
local RECORDS = CONNECTION .. "records/{dataType}"
local ORDERS = "/commerce/v1/dataTypes/{dataType}/orders"
local TAG = "lua-commerce"
local MOST_SHOWN = 100 -- characters of the client's text that a message repeats
local MOST_CHANGES = 1000

local function data_type_of(context)
  return context.store:find_type(context.values.dataType)
    or response.refuse(404, ("There is no data type %s."):format(
      context.values.dataType:sub(1, MOST_SHOWN)))
end

-- The connection of the path and the data type, which must have been pulled.
local function readable(context)
  local connection, data_type = scope.connection(context), data_type_of(context)
  pulls.check_complete(context, connection, data_type.name)
  return connection, data_type
end

local function list(context)
  local connection, data_type = readable(context)
  return page.of_records(context, data_type, connection.id)
end

local function record_of(context, connection, data_type)
  local id = context.values.recordId
  return id, context.store:find(data_type, connection.id, { id }, true)[id]
    or response.refuse(404, ("No data available for %s for ID %s"):format(data_type.key,
      id:sub(1, MOST_SHOWN)))
end

local function one(context)
  local connection, data_type = readable(context)
  local id, text = record_of(context, connection, data_type)
  local row = { id = id, data = text, connection_id = connection.id }
  linked.add(context.store, data_type, { row })
  return response.text(200, row.data)
end

local function changes(context)
  local connection, data_type = readable(context)
  local id, results = record_of(context, connection, data_type), json.array {}
  for i, change in ipairs(context.store:changes_of(data_type, connection.id, id, MOST_CHANGES)) do
    results[i] = { number = change.number, kind = change.kind, date = change.at }
  end
  return response.value { results = results }
end

-- ---------------------------------------------------------------- exports and orders

local function indexed(context, data_type)
  local fields = {}
  for _, order in ipairs(listing.orders(context.store, data_type)) do
    fields[order.field] = order.indexed
  end
  return fields
end

-- An export reads the list page by page, so that its order must have an index.
local function order_of(context, data_type)
  local text = context.parameters.orderBy or ""
  if text == "" then
    local has_date = data_type.shape.by_name.createdDate ~= nil
    return { field = has_date and "createdDate" or "id", descending = has_date }
  end
  local order = errors.must(query.order(data_type, text))
  if not indexed(context, data_type)[order.field] then
    response.refuse(400, ("An export can only be ordered by a field that has an index, and %s "
      .. "does not: POST %s makes it."):format(order.field, ORDERS))
  end
  return order
end

local function send_export(context)
  local connection, data_type = readable(context)
  local name, text = context.parameters.format or "jsonl", context.parameters.query or ""
  local format = export.FORMATS[name] or response.refuse(400, "format must be csv or jsonl.")
  local tree = text ~= "" and errors.must(query.parse(data_type, text)) or nil
  return export.response(export.parts(context.store, data_type, {
    connection_id = connection.id, order = order_of(context, data_type), query = tree }, format),
    format, data_type.name, name)
end

local function list_orders(context)
  local results = json.array {}
  for i, order in ipairs(listing.orders(context.store, data_type_of(context))) do
    results[i] = { field = order.field, indexed = order.indexed }
  end
  return response.value { results = results }
end

local ORDER = { type = "object", fields = { field = { type = "string", min = 1, max = 100,
  required = true } } }

local function make_order(context)
  local data_type, field = data_type_of(context), context:body(ORDER).field
  if indexed(context, data_type)[field] == nil then
    response.refuse(400, ("%s cannot be ordered by %s."):format(data_type.name,
      field:sub(1, MOST_SHOWN)))
  end
  context.store:index_order(data_type.name, field)
  return list_orders(context)
end

-- ---------------------------------------------------------------- payouts

local function payout_of(context)
  local connection = scope.connection(context)
  pulls.check_complete(context, connection, "payments")
  local payout, transaction, reason = paid_in.find(context.store, connection.id,
    context.values.paymentId)
  if not payout and not transaction then
    response.refuse(404, reason)
  end
  return response.value { payout = payout, transaction = transaction, reason = reason }
end

---@type commerce.api.Route[]
return {
  { method = "GET", path = RECORDS, id = "list-records", run = list, tag = TAG,
    summary = "List records of any data type", paged = true,
    answer = { status = 200, list = "Record" }, errors = { 404, 409 } },
  { method = "GET", path = RECORDS .. "/{recordId}", id = "get-record", run = one, tag = TAG,
    summary = "Get record, also a deleted one", answer = { status = 200, schema = "Record" },
    errors = { 404, 409 } },
  { method = "GET", path = RECORDS .. "/{recordId}/changes", id = "list-record-changes",
    run = changes, tag = TAG, summary = "List when a record was created, changed and deleted",
    answer = { status = 200, schema = "RecordChanges" }, errors = { 404, 409 } },
  { method = "GET", path = CONNECTION .. "export/{dataType}", id = "export-records",
    run = send_export, tag = TAG, summary = "Export records as CSV or JSON Lines",
    parameters = { "query", "orderBy", "format" }, answer = { status = 200 },
    errors = { 404, 409 } },
  { method = "GET", path = CONNECTION .. "payments/{paymentId}/payout", id = "get-payment-payout",
    run = payout_of, tag = TAG, summary = "Get the payout of a payment",
    answer = { status = 200, schema = "PaymentPayout" }, errors = { 404, 409 } },
  { method = "GET", path = ORDERS, id = "list-orders-of-data-type", run = list_orders, tag = TAG,
    summary = "List the orders of a data type", answer = { status = 200, schema = "RecordOrders" },
    errors = { 404 } },
  { method = "POST", path = ORDERS, id = "index-order-of-data-type", audit = "data.order",
    run = make_order, tag = TAG,
    summary = "Make the index of an order", body = ORDER,
    answer = { status = 200, schema = "RecordOrders" }, errors = { 404 } },
}
