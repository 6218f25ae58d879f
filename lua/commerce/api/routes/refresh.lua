-- Routes: refreshing data, the status of each data type, the history of pulls, and the rules that a
-- pull's records broke.

local data_types = require "commerce.codat.data_types"
local datasets = require "commerce.store.datasets"
local json = require "commerce.base.json"
local page = require "commerce.api.page"
local pull = require "commerce.codat.pull"
local pulls = require "commerce.api.pulls"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"

-- ---------------------------------------------------------------- refreshing

local function refresh_all(context)
  local _, connections = scope.connections(context)
  pulls.queue(context, pulls.of_linked(context, connections))
  return response.nothing(204)
end

local function first_linked(connections)
  for _, row in ipairs(connections) do
    if row.status == "Linked" then
      return row
    end
  end
  if not connections[1] then
    response.refuse(404, "The company has no data connection.")
  end
  pulls.check_linked(connections[1])
end

local function refresh_one(context)
  local company, connections = scope.connections(context)
  local connection = first_linked(connections)
  local data_type, unsupported = scope.known_type(context, context.values.dataType,
    connection.integration)
  if not data_type then
    return response.value(pulls.view(context, pulls.refuse(context, connection, unsupported),
      company.id))
  end
  pulls.check_mapped(data_type)
  return response.value(pulls.view(context, pulls.queue(context, { { connection_id = connection.id,
    data_type = data_type.name } })[1], company.id))
end

-- ---------------------------------------------------------------- status and history

-- The newest pull of each data type among several connections' latest ones.
local function newest(context, connections, method)
  local result = {}
  for _, connection in ipairs(connections) do
    for name, row in pairs(context.store[method](context.store, connection.id)) do
      local other = result[name]
      result[name] = other and other.requested >= row.requested and other or row
    end
  end
  return result
end

local function status_of(key, last, good, initial)
  return { dataType = key, currentStatus = last and last.status or initial,
    latestSyncId = last and last.id, latestSuccessfulSyncId = good and good.id,
    lastSuccessfulSync = good and good.completed }
end

-- One status for each data type of the company. Of several connections, the latest pull counts. A
-- custom data type is listed after it has been requested; one of Codat's commerce types that is not
-- provided is NotSupported.
local function data_status(context)
  local _, connections = scope.connections(context)
  local latest = newest(context, connections, "latest_pulls")
  local complete = newest(context, connections, "latest_complete_pulls")
  local result = {}
  for _, data_type in ipairs(context.store:types()) do
    local last, good = latest[data_type.name], complete[data_type.name]
    result[data_type.key] = (last or not data_type.custom)
      and status_of(data_type.key, last, good, "Initial") or nil
  end
  for _, key in ipairs(data_types.COMMERCE) do
    result[key] = result[key] or status_of(key, latest[key], nil, "NotSupported")
  end
  return response.value(result)
end

local function history(context)
  local company, connections = scope.connections(context)
  local store, ids, texts = context.store, {}, {}
  for i, row in ipairs(connections) do
    ids[i] = row.id
  end
  local asked = page.filtered(context, datasets.pulls)
  local total = store:count_pulls(ids, asked.query)
  for i, row in ipairs(store:pulls(ids, { query = asked.query, order_by = asked.order_by,
    limit = asked.size, offset = asked.offset })) do
    texts[i] = json.encode(pulls.view(context, row, company.id))
  end
  return page.answer(context, asked, texts, total)
end

-- The pull of the path, which belongs to the path's company.
local function pull_of(context)
  local company, connections = scope.connections(context)
  local id = context:uuid "datasetId"
  local row = id and context.store:pull(id)
  for _, connection in ipairs(connections) do
    if row and connection.id == row.connection_id then
      return row, company
    end
  end
  response.refuse(404, ("No data set was found with ID %s"):format(context.values.datasetId))
end

local function operation(context)
  local row, company = pull_of(context)
  return response.value(pulls.view(context, row, company.id))
end

local function validation(context)
  return response.value(pull.validation((pull_of(context))))
end

local COMPANY = "/companies/{companyId}"
local OPERATION = { status = 200, schema = "PullOperation" }

---@type commerce.api.Route[]
return {
  { method = "POST", path = COMPANY .. "/data/all", id = "refresh-company-data", audit = false,
    run = refresh_all, tag = "Refresh data", summary = "Refresh all data",
    answer = { status = 204 }, errors = { 404 } },
  -- the path in an older document of Codat's
  { method = "POST", path = COMPANY .. "/data/queue/all",
    id = "refresh-company-data-old", audit = false,
    run = refresh_all, tag = "Refresh data", summary = "Refresh all data (older path)",
    answer = { status = 204 }, errors = { 404 } },
  { method = "POST", path = COMPANY .. "/data/queue/{dataType}",
    id = "refresh-data-type", audit = false,
    run = refresh_one, tag = "Refresh data", summary = "Refresh one data type",
    parameters = { "connectionId" }, answer = OPERATION, errors = { 404 }, conflict = 404 },
  { method = "GET", path = COMPANY .. "/dataStatus", id = "get-company-data-status",
    run = data_status, tag = "Refresh data", summary = "Get data status",
    answer = { status = 200, map = "DataStatus" }, errors = { 404 } },
  { method = "GET", path = COMPANY .. "/data/history", id = "list-pull-operations",
    run = history, tag = "Refresh data", summary = "List pull operations", paged = true,
    answer = { status = 200, list = "PullOperation" }, errors = { 400, 404 } },
  { method = "GET", path = COMPANY .. "/data/history/{datasetId}", id = "get-pull-operation",
    run = operation, tag = "Refresh data", summary = "Get pull operation", answer = OPERATION,
    errors = { 404 } },
  { method = "GET", path = COMPANY .. "/sync/{datasetId}/validation",
    id = "get-read-validation-results", run = validation, tag = "Refresh data",
    summary = "Get read validation results",
    answer = { status = 200, schema = "DataIntegrity" }, errors = { 404 } },
}
