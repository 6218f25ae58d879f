-- Pulls: asking for them, how far they are, their history and what was wrong with their records.
-- Called by api.

local answer = require "commerce.api.answer"
local core = require "commerce.core"
local input = require "commerce.api.input"
local json = require "commerce.json"
local model = require "commerce.model"
local page = require "commerce.api.page"
local scope = require "commerce.api.scope"
local time = require "commerce.time"

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
  local data_type = model.find(pull.data_type)
  return {
    id = pull.id, companyId = company_id, connectionId = pull.connection_id,
    dataType = data_type and data_type.key or pull.data_type, status = pull.status,
    requested = pull.requested, completed = pull.completed, progress = progress_of(pull),
    isCompleted = pull.status == "Complete",
    isErrored = not DONE[pull.status] and not UNDER_WAY[pull.status],
    errorMessage = pull.error_message,
  }
end

local function ids_of(connections)
  local ids = {}
  for i, row in ipairs(connections) do
    ids[i] = row.id
  end
  return ids
end

-- The company of the path with its connections, or those that the request names.
local function company_and_connections(context)
  local company, message, details = scope.company(context)
  if not company then
    return nil, message, details
  end
  local asked = context.parameters.connectionId
  local connections
  if asked and asked ~= "" then
    local row
    row, message, details = scope.connection_of(context, company, asked)
    connections = row and { row }
  else
    connections, message, details = context.store:connections { company_id = company.id }
  end
  if not connections then
    return nil, message, details
  end
  return company, connections
end

-- ---------------------------------------------------------------- asking

local function queue(context, wanted)
  for _, pull in ipairs(wanted) do
    pull.id = core.uuid()
  end
  return context.store:queue_pulls(wanted, time.now())
end

-- Every type that the settings say is fetched with the rest, of every linked connection.
local function refresh_all(context)
  local company, connections, details = company_and_connections(context)
  if not company then
    return nil, connections, details
  end
  local wanted = {}
  for _, connection in ipairs(connections) do
    if connection.status == "Linked" then
      local names, message
      names, message, details = context.fetched_types(company, connection)
      if not names then
        return nil, message, details
      end
      for _, name in ipairs(names) do
        wanted[#wanted + 1] = { connection_id = connection.id, data_type = name }
      end
    end
  end
  local ok, message
  ok, message, details = queue(context, wanted)
  if not ok then
    return nil, message, details
  end
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
    return answer.refuse(404, "The company has no data connection.")
  end
  return answer.refuse(409, ("Data connection %s is %s: only a Linked one can be refreshed.")
    :format(row.id, row.status))
end

local function refresh_one(context)
  local company, connections, details = company_and_connections(context)
  if not company then
    return nil, connections, details
  end
  local connection, message, data_type, pulls
  connection, message, details = linked_one(connections)
  if connection then
    data_type, message, details = scope.data_type(context, context.values.dataType,
      context.integration_of(connection))
  end
  if data_type then
    pulls, message, details = queue(context,
      { { connection_id = connection.id, data_type = data_type.name } })
  end
  if not pulls then
    return nil, message, details
  end
  return answer.value(refresh.operation(pulls[1], company.id))
end

-- ---------------------------------------------------------------- looking

local function newer(a, b)
  return not b or a.requested > b.requested
end

-- One status for each type of the company. With several connections, the latest pull counts.
local function data_status(context)
  local company, connections, details = company_and_connections(context)
  if not company then
    return nil, connections, details
  end
  local latest, complete = {}, {}
  for _, connection in ipairs(connections) do
    for _, part in ipairs { { latest, "latest_pulls" }, { complete, "latest_complete_pulls" } } do
      local found, message
      found, message, details = context.store[part[2]](context.store, connection.id)
      if not found then
        return nil, message, details
      end
      for name, pull in pairs(found) do
        part[1][name] = newer(pull, part[1][name]) and pull or part[1][name]
      end
    end
  end
  local result = {}
  for _, data_type in ipairs(model.types()) do
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
  local company, connections, details = company_and_connections(context)
  if not company then
    return nil, connections, details
  end
  local store, ids = context.store, ids_of(connections)
  local asked, filter, total, rows, message
  asked, message, details = input.page(context.parameters)
  if asked then
    filter, message, details = scope.filter(context, store:pull_dataset())
  end
  if filter then
    total, message, details = store:count_pulls(ids, filter.query)
  end
  if total then
    rows, message, details = store:pulls(ids, { query = filter.query, order_by = filter.order_by,
      limit = asked.size, offset = asked.offset })
  end
  if not rows then
    return nil, message, details
  end
  local texts = {}
  for i, row in ipairs(rows) do
    texts[i] = json.encode(refresh.operation(row, company.id))
  end
  return page.answer(context, asked, texts, total)
end

-- The pull of the path, which belongs to the path's company.
local function pull_of(context)
  local company, connections, details = company_and_connections(context)
  if not company then
    return nil, connections, details
  end
  local id, pull, message = scope.uuid(context.values.datasetId), nil, nil
  if id then
    pull, message, details = context.store:pull(id)
  end
  if message then
    return nil, message, details
  end
  for _, row in ipairs(connections) do
    if pull and row.id == pull.connection_id then
      return pull, company
    end
  end
  return answer.refuse(404, ("No data set was found with ID %s"):format(context.values.datasetId))
end

local function operation(context)
  local pull, company, details = pull_of(context)
  if not pull then
    return nil, company, details
  end
  return answer.value(refresh.operation(pull, company.id))
end

-- The only rule that a record can break here is the model's: a pull then says which field and why.
local function validation(context)
  local pull, message, details = pull_of(context)
  if not pull then
    return nil, message, details
  end
  local found = json.array {}
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
