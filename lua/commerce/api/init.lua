-- Codat's HTTP API as a function: a request as a table in, a response as a table out. It knows
-- nothing of sockets or nginx, and waits for nothing but the store. Called by openresty.
--
-- A request goes through here in this order: is it well-formed, whose key is it, how much has the
-- key called today, which route is it, and then the route's own work. Whatever breaks on the way
-- becomes an answer in Codat's form.

local answer = require "commerce.http.response"
local auth = require "commerce.http.auth"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local input = require "commerce.http.input"
local openapi = require "commerce.api.openapi"
local router = require "commerce.http.router"
local settings = require "commerce.account.settings"
local stripe = require "commerce.stripe"

local api = {}

---@class commerce.api.Request
---@field method string
---@field path string percent-encoded as it was sent, without the API's prefix
---@field query string? without the question mark
---@field headers table<string, string> by lower-case name
---@field scheme string? "http" or "https", for links
---@field body string?

---@class commerce.Api
local methods = {}
local api_mt = { __name = "commerce.Api", __index = methods }

local GROUPS = {
  "commerce.api.data",
  "commerce.api.refresh",
  "commerce.api.companies",
  "commerce.api.connections",
  "commerce.api.integrations",
  "commerce.api.data_types",
  "commerce.api.profile",
  "commerce.api.sync_settings",
  "commerce.api.api_keys",
  "commerce.api.webhooks",
}

local DAILY_LIMIT = 100000 -- requests of one key, if nothing else is said
local LARGEST_BODY = 1024 * 1024 -- bytes

--- All routes, in the order of their groups.
---@return commerce.api.Route[]
function api.routes()
  local routes = {}
  for _, group in ipairs(GROUPS) do
    for _, route in ipairs(require(group).routes()) do
      routes[#routes + 1] = route
    end
  end
  return routes
end

local OPTIONS = { prefix = "string", public_url = "string", daily_limit = "number",
  counter = "function", log = "function" }

--- Make the API of an application.
---@param app commerce.App
---@param options table? prefix: the path that it is served under ("" or "/codat"); public_url: the
---  address of that as merchants reach it, for links (default: what a request says it asked for);
---  daily_limit: requests a day for each key; counter: see `auth.memory_counter`; log: a function
---  that is told what broke inside, as (message, correlation id)
---@return commerce.Api
function api.new(app, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local routes = api.routes()
  local prefix, public_url = options.prefix or "", options.public_url
  return setmetatable({
    app = app, routes = router.new(routes), prefix = prefix,
    public_url = public_url and public_url:gsub("/+$", ""),
    document = openapi.document(routes, prefix),
    daily_limit = options.daily_limit or DAILY_LIMIT,
    counter = options.counter or auth.memory_counter(),
    log = options.log or function() end, mappings = stripe.mappings(),
  }, api_mt)
end

-- What is read with "all": every type that the settings say is read at first link.
local function fetched_types(store, connection)
  local names = {}
  for _, setting in ipairs(answer.must(settings.get(store, { company = connection.company_id,
    integration = connection.integration }))) do
    if setting.fetch_on_first_link then
      names[#names + 1] = setting.type
    end
  end
  return names
end

local function context_of(self, request, parameters, values)
  return {
    app = self.app, store = self.app.store, request = request,
    path = self.prefix .. request.path, prefix = self.prefix, public_url = self.public_url,
    parameters = parameters, values = values, mappings = self.mappings,
    integration_of = stripe.integration_of_connection,
    fetched_types = function(connection)
      return fetched_types(self.app.store, connection)
    end,
  }
end

local function find_route(self, request)
  local method = request.method == "HEAD" and "GET" or request.method
  local route, found = self.routes:find(method, request.path)
  if not route and #found == 0 then
    answer.refuse(404, "There is nothing at this path.")
  elseif not route then
    answer.refuse(405, "The method is not allowed here.",
      { headers = { Allow = table.concat(found, ", ") } })
  end
  return route, found
end

-- `headers` gets those of the key's limit, whatever comes after.
local function run(self, request, headers)
  local parameters = input.parameters(request.query)
  local key = auth.check(self.app.store, request.headers)
  for name, value in pairs(auth.count(key, self.daily_limit, self.counter)) do
    headers[name] = value
  end
  if #(request.body or "") > LARGEST_BODY then
    answer.refuse(400, ("The request body is longer than %d bytes."):format(LARGEST_BODY))
  end
  local route, values = find_route(self, request)
  return route.run(context_of(self, request, parameters, values))
end

local function failed(self, raised, correlation_id)
  local details = type(raised) == "table" and raised.kind and raised or nil
  local message = details and details.message or tostring(raised)
  local response = answer.failure(message, details, correlation_id)
  if response.status >= 500 then
    self.log(message, correlation_id)
  end
  return response
end

--- Answer a request.
---@param request commerce.api.Request
---@return commerce.api.Response
function methods:handle(request)
  if request.method == "GET" and request.path == "/openapi.json" then
    return answer.text(200, self.document)
  end
  local correlation_id, headers = core.uuid(), {}
  local ok, response = errors.try(run, self, request, headers)
  if not ok then
    response = failed(self, response, correlation_id)
  end
  for name, value in pairs(headers) do
    response.headers[name] = response.headers[name] or value
  end
  response.headers["X-Correlation-Id"] = correlation_id
  if request.method == "HEAD" then
    response.body = ""
  end
  return response
end

return api
