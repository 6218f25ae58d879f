-- The portal: the pages on which an operator connects companies, retrieves their data and looks at
-- it. Plain HTML and forms, with small scripts on top; a request as a table in, a response as a
-- table out.
--
-- The steps of a request: find the route; find the session of the browser's cookie; check its role
-- and, of a form, its token; run the route's function. Inside, failures are raised; `handle` is the
-- one place that turns them into pages.

local ascii = require "commerce.base.ascii"
local assets = require "commerce.portal.assets"
local auth = require "commerce.http.auth"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local h = require "commerce.portal.html"
local input = require "commerce.http.input"
local layout = require "commerce.portal.layout"
local request = require "commerce.http.request"
local response = require "commerce.http.response"
local router = require "commerce.http.router"
local sessions = require "commerce.portal.sessions"
local url = require "commerce.base.url"

local portal = {}

---@class commerce.portal.Session who looks at a page
---@field id string
---@field hash string of the token in the browser's cookie
---@field user commerce.UserRow
---@field role "admin"|"viewer"
---@field mode "test"|"live" that of the last page with a mode
---@field csrf string the token that its forms contain

---@class commerce.portal.Context: commerce.http.Context
---@field params table<string, string> of the path
---@field query table<string, string> of the address, decoded
---@field form table<string, string> of a form that was sent; empty otherwise
---@field session commerce.portal.Session? nil if the browser is not signed in
---@field guest string? the token of the forms of a browser that is not signed in
---@field count commerce.http.Counter counts attempts
---@field slow fun(module: string, name: string, ...): any calls a module's function that takes
---  long, where it delays nobody
---@field detail string? how, for the log
---@field mode "test"|"live" of the address; else the session's
---@field base string the path of the portal in this mode: "/codat/portal/test"

---@class commerce.portal.Route: commerce.http.Route
---@field run fun(context: commerce.portal.Context): commerce.http.Response
---@field role "public"|"viewer"|"admin"|nil who may: by default everybody with a session for a GET,
---  administrators for every other method
---@field audit string? what a form does, for the log of what was done: "company.create"

-- Every group of pages. A group is a list of routes.
local GROUPS = {
  "commerce.portal.pages.access",
  "commerce.portal.pages.companies",
  "commerce.portal.pages.connections",
  "commerce.portal.pages.integrations",
  "commerce.portal.pages.operation",
  "commerce.portal.pages.people",
  "commerce.portal.pages.data",
  "commerce.portal.pages.record",
  "commerce.portal.pages.overview",
  "commerce.portal.pages.payouts",
  "commerce.portal.pages.refresh",
  "commerce.portal.pages.schedules",
}

local LARGEST_BODY = 1024 * 1024 -- bytes

---@class commerce.Portal
---@field private server commerce.http.Server
---@field private router commerce.http.Router
---@field private counter commerce.http.Counter
---@field private slow fun(module: string, name: string, ...): any
local methods = {}
local portal_mt = { __name = "commerce.Portal", __index = methods }

--- All routes, in the order of their groups.
---@return commerce.portal.Route[]
function portal.routes()
  return router.routes(GROUPS)
end

--- Who may use a route.
---@param route commerce.portal.Route
---@return "public"|"viewer"|"admin"
function portal.role_of(route)
  return route.role or (route.method == "GET" and "viewer" or "admin")
end

-- Calls a module's function in this process, as a server without threads does.
local function here(module, name, ...)
  return require(module)[name](...)
end

---@class commerce.PortalOptions: commerce.http.Options
---@field counter commerce.http.Counter? counts attempts (default: `auth.memory_counter`)
---@field slow (fun(module: string, name: string, ...): any)? calls a module's function, by the
---  names of both, that takes long, where it delays nobody

--- Make the portal of an application.
---@param app commerce.App
---@param options commerce.PortalOptions?
---@return commerce.Portal
function portal.new(app, options)
  options = options or {}
  return setmetatable({ router = router.new(portal.routes()),
    server = request.server(app, options, { counter = "function", slow = "function" }),
    counter = options.counter or auth.memory_counter(), slow = options.slow or here }, portal_mt)
end

--- Whether a path is one of the portal's.
---@param path string without the prefix
---@return boolean
function portal.serves(path)
  return path == "/" or path == "/portal" or path:find "^/portal/" ~= nil
end

-- ---------------------------------------------------------------- a request

local MODES = { test = true, live = true }

local function context_of(self, received)
  local context = request.context(self.server, received, core.uuid())
  context.params, context.query, context.form = {}, {}, {}
  context.count = self.counter
  context.slow = function(...)
    return errors.must(self.slow(...))
  end
  context.mode = received.path:match "^/portal/(%l+)"
  context.mode = MODES[context.mode] and context.mode or nil
  context.base = ("%s/portal/%s"):format(context.prefix, context.mode or "test")
  return context
end

local function read_input(context)
  local received = context.request
  context.query = input.parameters(received.query)
  if received.method == "POST" then
    if #(received.body or "") > LARGEST_BODY then
      response.refuse(413, "The form is too large.")
    end
    context.form = input.parameters(received.body)
  end
end

local function find_route(self, context)
  local received = context.request
  local route, values = self.router:find(received.method, received.path)
  if not route then
    response.refuse(#values > 0 and 405 or 404, "There is no such page.")
  end
  context.params, context.values = values, values
  if values.mode and not MODES[values.mode] then
    response.refuse(404, "There is no such page.")
  end
  return route
end

local function to_login(context)
  local query, login = context.request.query or "", context.prefix .. "/portal/login"
  if context.request.method == "POST" then
    return layout.go(login)
  end
  return layout.go(login .. "?next=" .. url.escaped(context.path
    .. (query ~= "" and "?" .. query or "")))
end

-- Comparing hashes takes the same time wherever the texts differ.
local function same(one, other)
  return core.sha256(one) == core.sha256(other)
end

local function check_form(context)
  local token = context.session and context.session.csrf or context.guest
  if not same(context.form.csrf or "", token) then
    response.refuse(403, "This form has expired, or another site sent it. Go back, reload the page "
      .. "and send it again.")
  end
end

local function check_role(context, route)
  if portal.role_of(route) == "admin" and context.session.role ~= "admin" then
    response.refuse(403, "Only an administrator can do this. Your account can look at everything "
      .. "and change nothing.")
  end
end

local function run_route(context, route)
  local is_form = context.request.method == "POST"
  if is_form then
    check_form(context)
  end
  if portal.role_of(route) ~= "public" then
    check_role(context, route)
  end
  local result = route.run(context)
  if is_form and route.audit and result.status < 400 then
    context:note { actor = context.session.user.name, action = route.audit,
      target = context.target, detail = context.detail, mode = context.values.mode }
  end
  return result
end

-- A page for a browser that is not signed in; it gets a cookie with the page, if it has none.
local function run_public(context, route)
  local cookie
  context.guest, cookie = sessions.guest(context)
  local result = run_route(context, route)
  result.headers["Set-Cookie"] = result.headers["Set-Cookie"] or cookie
  return result
end

local function run(self, context)
  local received = context.request
  if received.path == "/" or received.path == "/portal" then
    context.session = sessions.find(context)
    return layout.go(("%s/portal/%s/companies"):format(context.prefix,
      context.session and context.session.mode or "test"))
  end
  read_input(context)
  local name = received.path:match "^/portal/assets/([%w%.%-]+)$"
  local asset = name and assets.response(name, context.query.v, received.headers["if-none-match"])
  if asset then
    return asset
  end
  context.session = sessions.find(context)
  if not context.session then
    local route = find_route(self, context)
    return portal.role_of(route) == "public" and run_public(context, route) or to_login(context)
  end
  local route = find_route(self, context)
  context.mode = context.mode or context.session.mode
  context.base = ("%s/portal/%s"):format(context.prefix, context.mode)
  return run_route(context, route)
end

-- ---------------------------------------------------------------- failures

local TITLES = { [400] = "This cannot be done", [403] = "Not allowed", [404] = "Not found",
  [405] = "Not found", [409] = "This cannot be done now", [413] = "Too large",
  [429] = "Too many attempts", [502] = "Stripe cannot be reached",
  [503] = "The database is not available" }

local function failed(context, raised)
  local status, message, logged = response.problem(raised)
  if logged then
    context.log(logged)
  end
  context.mode = context.mode or context.session and context.session.mode or "test"
  local page = layout.page(context, { title = TITLES[status] or "Something went wrong",
    status = status, narrow = true, body = {
      h.p { class = "name", ascii.capitalized(message) },
      logged and h.p { class = "quiet", "The log has the details under the id ",
        h.code(context.id), "." },
      h.p { h.a { class = "button", href = context.base .. "/companies", "To the companies" } } } })
  for name, value in pairs(errors.is_failure(raised) and raised.headers or {}) do
    page.headers[name] = value
  end
  return page
end

--- Answer a request.
---@param received commerce.http.Request
---@return commerce.http.Response
function methods:handle(received)
  local context = context_of(self, received)
  return response.guarded(received.method, function()
    return run(self, context)
  end, function(raised)
    return failed(context, raised)
  end)
end

return portal
