-- Routes under /commerce/v1: what Codat's API does not have. Reports, payouts with their
-- transactions, kept source objects, and the comparison with Stripe.

local RESOURCES = require "commerce.catalog.resources"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local figures = require "commerce.figures"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local linked = require "commerce.store.linked"
local model = require "commerce.model"
local page = require "commerce.api.page"
local pulls = require "commerce.api.pulls"
local report = require "commerce.api.report"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local url = require "commerce.base.url"

local BASE = "/commerce/v1/companies/{companyId}/connections/{connectionId}/"
local MOST_SHOWN = 100 -- characters of the client's text that a message repeats

-- ---------------------------------------------------------------- reports

local function list_reports()
  local list = json.array {}
  for i, kind in ipairs(figures.KINDS) do
    list[i] = { name = kind.name, title = kind.title, description = kind.help,
      needs = json.array {} }
    for j, name in ipairs(kind.needs) do
      list[i].needs[j] = name
    end
  end
  return response.value { results = list }
end

local function periods_of(made)
  local list = json.array {}
  for i, period in ipairs(made.periods) do
    list[i] = { index = i - 1, start = period.start, ["end"] = period.finish }
  end
  return list
end

local function rows_of(made)
  local list = json.array {}
  for i, row in ipairs(made.rows) do
    local values = {}
    for metric, value in pairs(row.values) do
      values[metric] = decimal.value(value)
    end
    list[i] = { period = row.period - 1, currency = row.currency, item = row.item,
      figures = values }
  end
  return list
end

local function get_report(context)
  local connection = scope.connection(context)
  local kind = figures.find(context.values.report)
    or response.refuse(404, ("There is no report %s; the reports are: %s."):format(
      context.values.report:sub(1, MOST_SHOWN), table.concat(figures.names(), ", ")))
  report.allow(context, report.PARAMETERS)
  local made, metrics, absent = report.of(context, connection, kind), json.array {}, json.array {}
  for i, metric in ipairs(made.metrics) do
    metrics[i] = { name = metric.name, title = metric.title, type = metric.kind }
  end
  for i, each in ipairs(made.absent) do
    absent[i] = { metric = each.metric, reason = each.reason }
  end
  return response.value { name = made.name, title = made.title, source = made.source,
    currency = made.currency, periods = periods_of(made), metrics = metrics, rows = rows_of(made),
    absent = absent }
end

-- ---------------------------------------------------------------- payouts

local PAYOUTS = model.find "payouts"

local function payouts_of(context)
  local connection = scope.connection(context)
  pulls.check_complete(context, connection, PAYOUTS.name)
  return connection
end

local function list_payouts(context)
  return page.of_records(context, PAYOUTS, payouts_of(context).id)
end

-- The payout of the path as it is stored.
local function payout_of(context, connection)
  local id = context.values.payoutId
  return id, context.store:find(PAYOUTS, connection.id, { id })[id]
    or response.refuse(404, ("No payout was found with ID %s"):format(id:sub(1, MOST_SHOWN)))
end

local function get_payout(context)
  local connection = payouts_of(context)
  local id, text = payout_of(context, connection)
  local row = { id = id, data = text, connection_id = connection.id }
  linked.add(context.store, PAYOUTS, { row })
  return response.text(200, row.data)
end

local LARGEST_BATCH, DEFAULT_BATCH = 1000, 100

-- A list that goes on after an id: `read(after, limit)` gives elements with an id.
local function answer_after(context, read, text_of)
  local size = input.whole(context.parameters, "pageSize", DEFAULT_BATCH, LARGEST_BATCH)
  local after = context.parameters.after or ""
  local batch, texts = read(after, size), {}
  for i, each in ipairs(batch) do
    texts[i] = text_of(each)
  end
  local function link(id)
    return json.encode { href = ("%s?after=%s&pageSize=%d"):format(context.path, url.escaped(id),
      size) }
  end
  local links = '"self":' .. link(after)
  if #batch == size then
    links = links .. ',"next":' .. link(batch[size].id)
  end
  return response.text(200, ('{"results":[%s],"_links":{%s}}'):format(table.concat(texts, ","),
    links))
end

local function list_transactions(context)
  local connection = payouts_of(context)
  local id = payout_of(context, connection)
  return answer_after(context, function(after, limit)
    return context.store:paid_transactions(connection.id, id, after, limit)
  end, function(transaction)
    return ('{"id":%s,"records":[%s]}'):format(json.string(transaction.id),
      table.concat(transaction.records, ","))
  end)
end

-- ---------------------------------------------------------------- source objects

local function source_text(id, data)
  return ('{"id":%s,"object":%s}'):format(json.string(id), data)
end

local function list_sources(context)
  local connection = scope.connection(context)
  return answer_after(context, function(after, limit)
    return context.store:kept_sources(connection.id, context.values.resource, after, limit)
  end, function(source)
    return source_text(source.id, source.data)
  end)
end

-- The object as Stripe gives it now.
local function fetched(context, row, id)
  local resource = RESOURCES[context.values.resource]
  if not resource or not resource.list then
    response.refuse(404, "Stripe has no such list of objects.")
  end
  pulls.check_linked(row)
  local connection = scope.live_connection(context)
  return errors.finally(function()
    local object, message, failure = connection:get(("%s/%s"):format(resource.path,
      url.escaped(id)))
    if not object and failure.status == 404 then
      response.refuse(404, "Stripe has no such object.")
    end
    return json.encode(errors.must(object, message, failure))
  end, function()
    connection:close()
  end)
end

local function get_source(context)
  local connection, id = scope.connection(context), context.values.objectId
  if context.parameters.fetch == "true" then
    return response.text(200, source_text(id, fetched(context, connection, id)))
  end
  local data = context.store:find_source(connection.id, context.values.resource, id)
    or response.refuse(404, ("No source object %s of %s is kept."):format(id:sub(1, MOST_SHOWN),
      context.values.resource:sub(1, MOST_SHOWN)))
  return response.text(200, source_text(id, data))
end

-- ---------------------------------------------------------------- verification

local VERIFY = { type = "object", fields = { deep = { type = "boolean" },
  balance = { type = "boolean" },
  types = { type = "array", max = 50, each = { type = "string", min = 1, max = 100 } } } }

local CHECK = { "check", "type", "currency", "agrees", "differing", "marked", "error", "permission",
  "note" }

local DIFFERENCE = { "id", "kind", "fields", "parts", "currency", "payout", "expected", "found",
  "listed" }

local function text_or_nil(value)
  return value ~= nil and (type(value) == "number" and ("%.0f"):format(value) or tostring(value))
    or nil
end

local function check_view(check)
  local view = { balanceType = check.balance_type, expected = text_or_nil(check.expected),
    found = text_or_nil(check.found), differences = json.array {} }
  for _, name in ipairs(CHECK) do
    view[name] = check[name]
  end
  for i, difference in ipairs(check.differences) do
    local copy = {}
    for _, name in ipairs(DIFFERENCE) do
      copy[name] = difference[name]
    end
    view.differences[i] = copy
  end
  return view
end

-- Reads the account once more, which takes as long as a first sync.
local function verify(context)
  local row, given = scope.connection(context), context.request.body or ""
  local body = given ~= "" and context:body(VERIFY) or {}
  pulls.check_linked(row)
  local connection = scope.live_connection(context)
  local opened, message, details = connection:open()
  if not opened and details.kind == "usage" then
    response.refuse(409, message)
  end
  errors.must(opened, message, details)
  return errors.finally(function()
    local result = errors.must(connection:verify { deep = body.deep, types = body.types,
      balance = body.balance })
    local checks = json.array {}
    for i, check in ipairs(result.checks) do
      checks[i] = check_view(check)
    end
    return response.value { agrees = result.agrees, mode = result.mode, account = result.account,
      connection = result.connection, deep = result.deep, requests = result.requests,
      seconds = result.seconds, checks = checks }
  end, function()
    connection:close()
  end)
end

local AFTER = { "after", "pageSize" }
local TAG = "lua-commerce"

---@type commerce.api.Route[]
return {
  { method = "GET", path = "/commerce/v1/reports", id = "list-reports", run = list_reports,
    tag = TAG, summary = "List reports", answer = { status = 200, schema = "Reports" } },
  { method = "GET", path = BASE .. "reports/{report}", id = "get-report", run = get_report,
    tag = TAG, summary = "Get report", parameters = report.PARAMETERS,
    answer = { status = 200, schema = "Report" }, errors = { 404, 409 } },
  { method = "GET", path = BASE .. "payouts", id = "list-payouts", run = list_payouts, tag = TAG,
    summary = "List payouts", paged = true, answer = { status = 200, list = "Payout" },
    errors = { 404, 409 } },
  { method = "GET", path = BASE .. "payouts/{payoutId}", id = "get-payout", run = get_payout,
    tag = TAG, summary = "Get payout", answer = { status = 200, schema = "Payout" },
    errors = { 404, 409 } },
  { method = "GET", path = BASE .. "payouts/{payoutId}/transactions",
    id = "list-payout-transactions", run = list_transactions, tag = TAG,
    summary = "List a payout's transactions", parameters = AFTER,
    answer = { status = 200, schema = "PayoutTransactions" }, errors = { 404, 409 } },
  { method = "GET", path = BASE .. "sourceObjects/{resource}", id = "list-source-objects",
    run = list_sources, tag = TAG, summary = "List kept source objects", parameters = AFTER,
    answer = { status = 200, schema = "SourceObjects" }, errors = { 404 } },
  { method = "GET", path = BASE .. "sourceObjects/{resource}/{objectId}", id = "get-source-object",
    run = get_source, tag = TAG, parameters = { "fetch" }, summary = "Get kept source object",
    answer = { status = 200, schema = "SourceObject" }, errors = { 404 } },
  { method = "POST", path = BASE .. "verify", id = "verify-connection", audit = false,
    run = verify, tag = TAG,
    summary = "Compare with Stripe", body = VERIFY, body_optional = true,
    answer = { status = 200, schema = "VerifyReport" }, errors = { 404, 409, 502 } },
}
