-- Codat's HTTP API as a function: a request as a table in, a response as a table out. It does not
-- know sockets or nginx, and waits only for the store.
--
-- The steps of a request: check its form, find its API key, count it towards the key's daily limit,
-- find the route, run the route's handler. Inside, failures are raised; `handle` is the one place
-- that turns them into responses in Codat's form.

local ascii = require "commerce.base.ascii"
local auth = require "commerce.http.auth"
local core = require "commerce.core"
local cors = require "commerce.api.cors"
local errors = require "commerce.base.errors"
local input = require "commerce.http.input"
local openapi = require "commerce.api.openapi"
local page = require "commerce.api.page"
local quota = require "commerce.webhooks.quota"
local request = require "commerce.http.request"
local response = require "commerce.http.response"
local router = require "commerce.http.router"

local api = {}

---@class commerce.api.Route: commerce.http.Route
---@field id string Codat's operationId, or one in its manner
---@field tag string the heading in the OpenAPI document
---@field summary string
---@field paged boolean? whether the route answers with a page of a list
---@field parameters string[]? further query parameters, by name; see `api.page`
---@field required table<string, true>? those of them that a request must have
---@field body commerce.http.Rule? of the request
---@field body_optional boolean? whether a request may come without a body
---@field answer commerce.api.Answer
---@field errors integer[]? status codes, beside those that every route may answer with
---@field writes boolean? whether a GET grants something, so that a read-only key may not
---@field audit string|false|nil what a write does, for the log of who did what (default: its id);
---  false: it is not logged, since it changes nothing (a comparison) or the history of reads has it
---@field embedded boolean? whether a company's access token admits to it, for its own company
---@field conflict integer? the status in place of 409, where Codat's document has no 409: its
---  clients can read a refusal only if they know the status

---@class commerce.api.Answer the status, and of which schema the body is, if there is one
---@field status integer
---@field schema string? the body is one value
---@field list string? the body is a page of values
---@field map string? the body is values by name

-- Every group of routes. A group is a list of routes.
local GROUPS = {
  "commerce.api.routes.data",
  "commerce.api.routes.refresh",
  "commerce.api.routes.companies",
  "commerce.api.routes.products",
  "commerce.api.routes.connections",
  "commerce.api.routes.integrations",
  "commerce.api.routes.configured_data",
  "commerce.api.routes.push",
  "commerce.api.routes.profile",
  "commerce.api.routes.browsers",
  "commerce.api.routes.sync_settings",
  "commerce.api.routes.api_keys",
  "commerce.api.routes.webhook_consumers",
  "commerce.api.routes.metrics",
  "commerce.api.routes.own",
  "commerce.api.routes.records",
  "commerce.api.routes.operation",
}

local DAILY_LIMIT = 100000 -- requests of one key, by default
local LARGEST_BODY = 1024 * 1024 -- bytes

---@class commerce.Api
---@field private server commerce.http.Server
---@field private routes commerce.http.Router
---@field private listed commerce.api.Route[]
---@field private document string? the OpenAPI document, made when it is first asked for
---@field private daily_limit integer
---@field private counter commerce.http.Counter
local methods = {}
---@class commerce.ApiOptions: commerce.http.Options
---@field daily_limit integer? requests a day for each key
---@field counter commerce.http.Counter? counts them (default: `auth.memory_counter`)

local api_mt = { __name = "commerce.Api", __index = methods }

--- All routes, in the order of their groups.
---@return commerce.api.Route[]
function api.routes()
  return router.routes(GROUPS)
end

--- Make the API of an application.
---@param app commerce.App
---@param options commerce.ApiOptions?
---@return commerce.Api
function api.new(app, options)
  options = options or {}
  local server = request.server(app, options, { daily_limit = "number", counter = "function" })
  local routes = api.routes()
  return setmetatable({ server = server, routes = router.new(routes), listed = routes,
    daily_limit = options.daily_limit or DAILY_LIMIT,
    counter = options.counter or auth.memory_counter() }, api_mt)
end

local function find_route(self, received)
  local route, found = self.routes:find(received.method, received.path)
  if not route and #found == 0 then
    response.refuse(404, "NotFound")
  elseif not route then
    response.refuse(405, "The method is not allowed here.",
      { headers = { Allow = table.concat(found, ", ") } })
  end
  return route, found
end

-- The row of the API key, or of the company's access token, that signs a request.
local function caller_of(store, headers)
  if auth.has_token(headers) then
    return auth.check_token(store, headers)
  end
  local key = auth.check(store, headers)
  cors.check_key(store, headers)
  return key
end

local function is_reading(received, route)
  return (received.method == "GET" or received.method == "HEAD") and not route.writes
end

-- Refuses what a read-only key or a company's access token must not do.
local function check_allowed(context, caller, route)
  if caller.read_only and not is_reading(context.request, route) then
    response.refuse(403, "This API key is read-only.")
  elseif caller.company_id and not (route.embedded and (context.values.companyId
    and context:uuid "companyId" or caller.company_id) == caller.company_id) then
    response.refuse(403, "This access token is for managing the connections of its own company.")
  end
end

-- The log of who did what. The target is what the handler named, or the ids of the path.
local function note(context, caller, route)
  local ids = {}
  for i, name in ipairs(ascii.keys(context.values)) do
    ids[i] = context.values[name]
  end
  context:note { action = route.audit or route.id,
    target = context.target or #ids > 0 and table.concat(ids, " ") or nil,
    actor = caller.company_id and "access token of company " .. caller.company_id
      or "API key " .. (caller.name or caller.id) }
end

-- `found` has the request's id, and gets the headers of the key's limit and the route, also if the
-- request is refused afterwards.
local function run(self, received, found)
  local context = request.context(self.server, received, found.id)
  context.parameters = page.named(input.parameters(received.query))
  local caller = caller_of(context.store, received.headers)
  context.caller = caller
  for name, value in pairs(auth.count(caller.company_id or caller.id, self.daily_limit,
    self.counter, caller.id and function(reset)
      errors.catch(quota.reached, context.store, self.daily_limit, reset)
    end)) do
    found.headers[name] = value
  end
  if #(received.body or "") > LARGEST_BODY then
    response.refuse(400, ("The request body is longer than %d bytes."):format(LARGEST_BODY))
  end
  local route
  route, context.values = find_route(self, received)
  found.route = route
  check_allowed(context, caller, route)
  local result = route.run(context)
  if not is_reading(received, route) and route.audit ~= false and result.status < 400 then
    note(context, caller, route)
  end
  return result
end

-- The answer to a browser's question, and the permission to read an answer. Neither needs a key,
-- and most requests have no Origin.
local function preflight(self, received)
  local wanted = received.headers["access-control-request-method"]
  local route = wanted and self.routes:find(wanted, received.path)
  return route and cors.preflight(self.server.app.store, received, route)
end

--- Answer a request.
---@param received commerce.http.Request
---@return commerce.http.Response
function methods:handle(received)
  if received.method == "GET" and received.path == "/openapi.json" then
    self.document = self.document or openapi.document(self.listed, self.server.prefix)
    return response.text(200, self.document)
  end
  local found = { id = core.uuid(), headers = {} }
  local result = response.guarded(received.method, function()
    return received.method == "OPTIONS" and preflight(self, received) or run(self, received, found)
  end, function(raised)
    local refusal, logged = response.failure(raised, found.id,
      found.route and { [409] = found.route.conflict })
    if logged then
      self.server.log(logged, found.id)
    end
    return refusal
  end)
  for name, value in pairs(found.headers) do
    result.headers[name] = result.headers[name] or value
  end
  result.headers["X-Correlation-Id"] = found.id
  if received.headers.origin then
    errors.catch(cors.admit, self.server.app.store, received, result)
  end
  return result
end

return api
