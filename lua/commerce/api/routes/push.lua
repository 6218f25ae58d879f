-- Routes: writing data to the source, which this server never does. The history of writes is empty,
-- and no data type has anything that could be written.

local data_types = require "commerce.codat.data_types"
local json = require "commerce.base.json"
local page = require "commerce.api.page"
local query = require "commerce.query"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"

local DATASET = query.dataset("PushOperation", { pushOperationKey = "string", dataType = "enum",
  companyId = "string", dataConnectionKey = "string", requestedOnUtc = "datetime",
  completedOnUtc = "datetime", status = "enum", statusCode = "integer", errorMessage = "string" })

local function list(context)
  scope.company(context)
  return page.of_values(context, page.filtered(context, DATASET), {})
end

local function one(context)
  scope.company(context)
  response.refuse(404, ("No push operation was found with the key %s"):format(
    context.values.pushOperationKey:sub(1, 100)))
end

local function options(context)
  local connection = scope.connection(context)
  local data_type, key = scope.known_type(context, context.values.dataType,
    connection.integration)
  return response.value { type = "Object", displayName = data_type and data_type.key
    or data_types.key(key), description = "This data type is read only.", required = false,
    properties = {}, options = json.array {} }
end

local COMPANY = "/companies/{companyId}"

---@type commerce.api.Route[]
return {
  { method = "GET", path = COMPANY .. "/push", id = "get-company-push-history", run = list,
    tag = "Push data", summary = "List push operations", paged = true,
    answer = { status = 200, list = "PushOperation" }, errors = { 400, 404 } },
  { method = "GET", path = COMPANY .. "/push/{pushOperationKey}", id = "get-push-operation",
    run = one, tag = "Push data", summary = "Get push operation",
    answer = { status = 200, schema = "PushOperation" }, errors = { 404 } },
  { method = "GET", path = COMPANY .. "/connections/{connectionId}/options/{dataType}",
    id = "get-create-update-model-options-by-data-type", run = options, tag = "Push data",
    summary = "Get push options", answer = { status = 200, schema = "PushOption" },
    errors = { 404 } },
}
