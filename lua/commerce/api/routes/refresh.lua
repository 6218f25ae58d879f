-- Pulls: asking for them, how far they are, their history and what was wrong with their records.
-- Called by api.

local answer = require "commerce.http.response"
local core = require "commerce.core"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local model = require "commerce.model"
local page = require "commerce.api.page"
local scope = require "commerce.api.scope"
local time = require "commerce.base.time"

local must = answer.must

local refresh = {}

local DONE = { Complete = true, Cancelled = true, NotSupported = true }
local UNDER_WAY = { Initial = true, Queued = true, Fetching = true }

local function progress_of(pull)
  if pull.status == "Complete" then
    return 100
  end
  return math.floor(math.min(math.max(tonumber(pull.progress) or 0, 0), 99))
end

--- A pull as Codat's API gives it.
---@param pull table a row of the store
---@param company_id string
---@return table
function refresh.operation(pull, company_id)
  local data_type = model.find(pull.data_type) or model.optional(pull.data_type)
  return {
    id = pull.id, companyId = company_id, connectionId = pull.connection_id,
    dataType = data_type and data_type.key or pull.data_type, status = pull.status,
    requested = pull.requested, completed = pull.completed, progress = progress_of(pull),
    isCompleted = pull.status == "Complete",
    isErrored = not DONE[pull.status] and not UNDER_WAY[pull.status],
    errorMessage = pull.error_message,
  }
end

-- The company of the path with its connections, or the one of them that the request names.
local function company_and_connections(context)
  local company = scope.company(context)
  local asked = context.parameters.connectionId
  if asked and asked ~= "" then
    return company, { scope.connection_of(context, company, asked) }
  end
  return company, must(context.store:connections { company_id = company.id })
end

-- ---------------------------------------------------------------- asking

local function queue(context, wanted)
  for _, pull in ipairs(wanted) do
    pull.id = core.uuid()
  end
  return must(context.store:queue_pulls(wanted, time.now()))
end

-- Every type that the settings say is fetched with the rest, of every linked connection.
local function refresh_all(context)
  local _, connections = company_and_connections(context)
  local wanted = {}
  for _, connection in ipairs(connections) do
    for _, name in ipairs(connection.status == "Linked"
      and context.fetched_types(connection) or {}) do
      wanted[#wanted + 1] = { connection_id = connection.id, data_type = name }
    end
  end
  queue(context, wanted)
  return answer.nothing(204)
end

local function linked_one(connections)
  for _, row in ipairs(connections) do
    if row.status == "Linked" then
      return row
    end
  end
  local row = connections[1]
  if not row then
    answer.refuse(404, "The company has no data connection.")
  end
  answer.refuse(409, ("Data connection %s is %s: only a Linked one can be refreshed.")
    :format(row.id, row.status))
end

--- Refuse to queue what only a script can read: its mapping is in that script.
---@param data_type commerce.DataType
function refresh.refuse_own(data_type)
  answer.refuse(409, ("Datatype [%s] is defined by a script, which has to read it.")
    :format(data_type.key))
end

local function refresh_one(context)
  local company, connections = company_and_connections(context)
  local connection = linked_one(connections)
  local data_type = scope.data_type(context, context.values.dataType,
    context.integration_of(connection))
  if data_type.own then
    refresh.refuse_own(data_type)
  end
  local pull = queue(context, { { connection_id = connection.id, data_type = data_type.name } })[1]
  return answer.value(refresh.operation(pull, company.id))
end

-- ---------------------------------------------------------------- looking

-- Of several connections' pulls by type, the newest of each type.
local function newest(context, connections, method)
  local result = {}
  for _, connection in ipairs(connections) do
    for name, pull in pairs(must(context.store[method](context.store, connection.id))) do
      local other = result[name]
      result[name] = other and other.requested >= pull.requested and other or pull
    end
  end
  return result
end

-- One status for each type of the company. With several connections, the latest pull counts.
local function data_status(context)
  local _, connections = company_and_connections(context)
  local latest = newest(context, connections, "latest_pulls")
  local complete = newest(context, connections, "latest_complete_pulls")
  local result = {}
  for _, data_type in ipairs(must(context.store:types())) do
    local last, good = latest[data_type.name], complete[data_type.name]
    result[data_type.key] = {
      dataType = data_type.key, currentStatus = last and last.status or "Initial",
      latestSyncId = last and last.id, latestSuccessfulSyncId = good and good.id,
      lastSuccessfulSync = good and good.completed,
    }
  end
  return answer.value(result)
end

local function history(context)
  local company, connections = company_and_connections(context)
  local store, ids, texts = context.store, {}, {}
  for i, row in ipairs(connections) do
    ids[i] = row.id
  end
  local asked, filter = input.page(context.parameters), scope.filter(context, store:pull_dataset())
  local total = must(store:count_pulls(ids, filter.query))
  for i, row in ipairs(must(store:pulls(ids, { query = filter.query, order_by = filter.order_by,
    limit = asked.size, offset = asked.offset }))) do
    texts[i] = json.encode(refresh.operation(row, company.id))
  end
  return page.answer(context, asked, texts, total)
end

-- The pull of the path, which belongs to the path's company.
local function pull_of(context)
  local company, connections = company_and_connections(context)
  local id = scope.uuid(context.values.datasetId)
  local pull = id and must(context.store:pull(id))
  for _, row in ipairs(connections) do
    if pull and row.id == pull.connection_id then
      return pull, company
    end
  end
  answer.refuse(404, ("No data set was found with ID %s"):format(context.values.datasetId))
end

local function operation(context)
  local pull, company = pull_of(context)
  return answer.value(refresh.operation(pull, company.id))
end

-- The only rule that a record can break here is the model's: a pull then says which field and why.
local function validation(context)
  local pull, found = pull_of(context), json.array {}
  if pull.error_message and pull.status == "MapError" then
    found[1] = { ruleId = "Mapping", itemId = pull.id, message = pull.error_message,
      validatorName = "Model" }
  end
  return answer.value { errors = found, warnings = json.array {} }
end

local COMPANY = "/companies/{companyId}"
local OPERATION = { status = 200, schema = "PullOperation" }

--- The routes of the group.
---@return commerce.api.Route[]
function refresh.routes()
  return {
    { method = "POST", path = COMPANY .. "/data/all", id = "refresh-company-data",
      run = refresh_all, tag = "Refresh data", summary = "Refresh all data",
      answer = { status = 204 }, errors = { 404 } },
    -- an older document of Codat's spells it so
    { method = "POST", path = COMPANY .. "/data/queue/all", id = "refresh-company-data-old",
      run = refresh_all, tag = "Refresh data", summary = "Refresh all data (older path)",
      answer = { status = 204 }, errors = { 404 } },
    { method = "POST", path = COMPANY .. "/data/queue/{dataType}", id = "refresh-data-type",
      run = refresh_one, tag = "Refresh data", summary = "Refresh one data type",
      parameters = { "connectionId" }, answer = OPERATION, errors = { 404, 409 } },
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
end

return refresh
