-- A company's connections. Called by api; companies shows them, too.

local answer = require "commerce.http.response"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local input = require "commerce.http.input"
local integrations = require "commerce.api.integrations"
local json = require "commerce.base.json"
local keys = require "commerce.account.keys"
local links = require "commerce.codat.links"
local page = require "commerce.api.page"
local query = require "commerce.query"
local scope = require "commerce.api.scope"

local must = answer.must

local connections = {}

local function error_shown(row)
  return { statusCode = tostring(row.status_code), statusText = row.status_text,
    errorMessage = row.message, erroredOnUtc = row.at,
    status = row.resolved and "Resolved" or "Active", resolvedOnUtc = row.resolved }
end

--- A connection as Codat describes it.
---@param context table integration_of, and what `links` needs
---@param row table of the store, or a connection
---@param errors table[] what was wrong with it, as the store gives it
---@return table
function connections.described(context, row, errors)
  local facts, problems = integrations.facts(row.integration), json.array {}
  for i, problem in ipairs(errors) do
    problems[i] = error_shown(problem)
  end
  return { id = row.id, integrationId = facts.integrationId, integrationKey = facts.key,
    sourceId = facts.sourceId, sourceType = "Commerce",
    platformName = context.integration_of(row).title, linkUrl = links.connection(context, row),
    status = row.status, created = row.created, lastSync = row.last_sync,
    dataConnectionErrors = problems }
end

--- A connection as Codat's API gives it.
---@param context table
---@param row table of the store, or a connection
---@return table
function connections.shown(context, row)
  return connections.described(context, row, must(context.store:connection_errors(row.id)))
end

local DATASET = query.dataset("Connection", { id = "string", integrationId = "string",
  integrationKey = "string", sourceId = "string", sourceType = "enum", platformName = "string",
  status = "enum", created = "datetime", lastSync = "datetime" })

local function list(context)
  local company = scope.company(context)
  local asked, filter = input.page(context.parameters), scope.filter(context, DATASET)
  local values = {}
  for i, row in ipairs(must(context.store:connections { company_id = company.id })) do
    values[i] = connections.shown(context, row)
  end
  local found = must(context.store:find_values(values, { query = filter.query,
    order_by = filter.order_by, limit = asked.size, offset = asked.offset }))
  return page.answer(context, asked, found.rows, found.total)
end

local CREATE = { type = "object", fields = {
  platformKey = { type = "string", required = true, max = 4 },
} }

local function create(context)
  local company = scope.company(context)
  local key = input.body(context.request.body, CREATE).platformKey
  local name = integrations.name_of(key)
  if not name then
    answer.refuse(400, "platformKey names no integration: expected exgd (Stripe) or yzth "
      .. "(Stripe Test).")
  end
  local made = must(must(context.app:company(company.id)):create_connection { integration = name })
  return answer.value(connections.shown(context, made.row))
end

local function one(context)
  return answer.value(connections.shown(context, (scope.connection(context))))
end

-- The connection of the path as an object that can do something.
local function live(context)
  local row = scope.connection(context)
  return must(context.app:connection(row.id))
end

local PATCH = { type = "object", fields = {
  status = { type = "string", values = { PendingAuth = true, Linked = true, Unlinked = true,
    Deauthorized = true } },
} }

local function unlink(context)
  local connection = live(context)
  local status = input.body(context.request.body, PATCH).status
  if status and status ~= "Unlinked" then
    answer.refuse(400, ("status can be set to Unlinked only, not to %s."):format(status))
  elseif status then
    must(connection:unlink "over the API")
  end
  return answer.value(connections.shown(context, connection.row))
end

local function delete(context)
  must(live(context):delete())
  return answer.nothing(200) -- not 204: Codat's client wants this one
end

local AUTHORIZATION = { type = "object", each = { type = "string", max = 4096 } }

-- Codat leaves the names to the integration; these are the ones that people use for Stripe's keys.
local KEY_NAMES = { "secretKey", "apiKey", "accessToken", "secret_key", "api_key", "access_token" }

local function key_in(body)
  for _, name in ipairs(KEY_NAMES) do
    if body[name] then
      local key, message = core.secret(body[name])
      return key or answer.refuse(400, message)
    end
  end
  answer.refuse(400, "secretKey is required: the account's own secret or restricted key.")
end

-- The account answers to the key, which is then kept, sealed, for the syncs to come.
local function authorize(context)
  local row = scope.connection(context)
  local key = key_in(input.body(context.request.body, AUTHORIZATION))
  local master, missing = credentials.master()
  if not master then
    answer.refuse(409, missing)
  end
  local opened, message, details = context.app:connect { secret_key = key, connection = row.id,
    integration = row.integration, relink = true }
  if not opened then
    -- Stripe's refusal is about the key that was sent, not about the caller
    answer.refuse(type(details) == "table" and details.kind == "state" and 409 or 400,
      tostring(message))
  end
  opened:close()
  must(keys.keep(context.app, opened.row, key))
  return answer.value(connections.shown(context, opened.row))
end

local PATH = "/companies/{companyId}/connections"
local ONE = PATH .. "/{connectionId}"
local CONNECTION = { status = 200, schema = "Connection" }

--- The routes of the group.
---@return commerce.api.Route[]
function connections.routes()
  return {
    { method = "GET", path = PATH, id = "list-connections", run = list, tag = "Connections",
      summary = "List connections", paged = true, answer = { status = 200, list = "Connection" },
      errors = { 400, 404 } },
    { method = "POST", path = PATH, id = "create-connection", run = create, tag = "Connections",
      summary = "Create connection", body = CREATE, answer = CONNECTION, errors = { 404, 409 } },
    { method = "GET", path = ONE, id = "get-connection", run = one, tag = "Connections",
      summary = "Get connection", answer = CONNECTION, errors = { 404 } },
    { method = "PATCH", path = ONE, id = "unlink-connection", run = unlink, tag = "Connections",
      summary = "Unlink connection", body = PATCH, answer = CONNECTION, errors = { 404, 409 } },
    { method = "DELETE", path = ONE, id = "delete-connection", run = delete, tag = "Connections",
      summary = "Delete connection", answer = { status = 200 }, errors = { 404 } },
    { method = "PUT", path = ONE .. "/authorization", id = "update-connection-authorization",
      run = authorize, tag = "Connections", summary = "Update authorization",
      body = AUTHORIZATION, answer = CONNECTION, errors = { 404, 409 } },
  }
end

return connections
