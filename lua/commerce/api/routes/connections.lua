-- Routes: a company's connections.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local integration = require "commerce.codat.integration"
local page = require "commerce.api.page"
local query = require "commerce.query"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local views = require "commerce.api.views"

local must = errors.must

local DATASET = query.dataset("Connection", { id = "string", integrationId = "string",
  integrationKey = "string", sourceId = "string", sourceType = "enum", platformName = "string",
  status = "enum", created = "datetime", lastSync = "datetime" })

local function list(context)
  local company = scope.company(context)
  local asked, values = page.filtered(context, DATASET), {}
  for i, row in ipairs(context.store:connections { company_id = company.id }) do
    values[i] = views.connection(context, row)
  end
  return page.of_values(context, asked, values)
end

local function answer(context, row)
  return response.value(views.connection(context, row))
end

local CREATE = { type = "object", fields = {
  platformKey = { type = "string", required = true, max = 4 },
} }

local function create(context)
  local company = scope.company(context)
  local chosen = integration.with_key(context:body(CREATE).platformKey)
  if not chosen then
    response.refuse(400, "platformKey is not the key of an integration: expected exgd (Stripe) or "
      .. "yzth (Stripe Test).")
  end
  return answer(context, must(must(context.app:company(company.id)):create_connection {
    integration = chosen.name }).row)
end

local function one(context)
  return answer(context, scope.connection(context))
end

local PATCH = { type = "object", fields = {
  status = { type = "string", values = { PendingAuth = true, Linked = true, Unlinked = true,
    Deauthorized = true } },
} }

local function unlink(context)
  local connection = scope.live_connection(context)
  local status = context:body(PATCH).status
  if status and status ~= "Unlinked" then
    response.refuse(400, ("status can be set to Unlinked only, not to %s."):format(status))
  elseif status then
    must(connection:unlink "over the API")
  end
  return answer(context, connection.row)
end

local function delete(context)
  must(scope.live_connection(context):delete())
  return response.nothing(200) -- not 204: Codat's client accepts only this one
end

local AUTHORIZATION = { type = "object", each = { type = "string", max = 4096 } }

-- Codat leaves the names to the integration. These are the usual names of Stripe's keys.
local KEY_NAMES = { "secretKey", "apiKey", "accessToken", "secret_key", "api_key", "access_token" }

local function key_in(body)
  for _, name in ipairs(KEY_NAMES) do
    if body[name] then
      local key, message = core.secret(body[name])
      return key or response.refuse(400, message)
    end
  end
  response.refuse(400, "secretKey is required: the account's own secret or restricted key.")
end

-- Links an account by its own key. The key is tried at Stripe before it is stored, sealed.
local function authorize(context)
  local row = scope.connection(context)
  local key = key_in(context:body(AUTHORIZATION))
  scope.check_master_key()
  local opened, message, details = context.app:authorize(must(context.app:connection(row.id)), key)
  if response.is_outage(details) then
    errors.rethrow(details)
  elseif not opened then
    -- Stripe refuses the key in the body, not the client's API key: never 401
    response.refuse(errors.is_failure(details) and details.kind == "state" and 409 or 400,
      tostring(message))
  end
  return answer(context, opened.row)
end

local PATH = "/companies/{companyId}/connections"
local ONE = PATH .. "/{connectionId}"
local CONNECTION = { status = 200, schema = "Connection" }

---@type commerce.api.Route[]
return {
  { method = "GET", path = PATH, id = "list-connections", run = list, tag = "Connections",
    summary = "List connections", paged = true, answer = { status = 200, list = "Connection" },
    errors = { 400, 404 }, embedded = true },
  { method = "POST", path = PATH, id = "create-connection", audit = "connection.create",
    run = create, tag = "Connections",
    summary = "Create connection", body = CREATE, answer = CONNECTION, errors = { 404 },
    conflict = 404, embedded = true },
  { method = "GET", path = ONE, id = "get-connection", run = one, tag = "Connections",
    summary = "Get connection", answer = CONNECTION, errors = { 404 }, embedded = true },
  { method = "PATCH", path = ONE, id = "unlink-connection", audit = "connection.unlink",
    run = unlink, tag = "Connections",
    summary = "Unlink connection", body = PATCH, answer = CONNECTION,
    errors = { 404, 502 }, conflict = 404, embedded = true },
  { method = "DELETE", path = ONE, id = "delete-connection", audit = "connection.delete",
    run = delete, tag = "Connections",
    summary = "Delete connection", answer = { status = 200 }, errors = { 404, 502 },
    embedded = true },
  { method = "PUT", path = ONE .. "/authorization",
    id = "update-connection-authorization", audit = "connection.key",
    run = authorize, tag = "Connections", summary = "Update authorization",
    body = AUTHORIZATION, answer = CONNECTION, errors = { 404, 502 }, conflict = 404 },
}
