--- One API request from start to end.
--- New endpoints: a resource goes into dataset.lua, anything else into `SINGLE` or `route` below.
--- Connect OAuth and Stripe Apps are modules of their own.
local account = require "emulator.data.account"
local apps = require "emulator.apps"
local auth = require "emulator.auth"
local dataset = require "emulator.dataset"
local endpoints = require "emulator.endpoints"
local errors = require "emulator.errors"
local events = require "emulator.events"
local faults = require "emulator.faults"
local limits = require "emulator.limits"
local lists = require "emulator.lists"
local oauth = require "emulator.oauth"
local params = require "emulator.params"
local platforms = require "emulator.platforms"
local random = require "emulator.random"
local respond = require "emulator.respond"
local state = require "emulator.state"
local stats = require "emulator.stats"
local template = require "emulator.template"
local thin = require "emulator.thin"
local versions = require "emulator.versions"

local router = {}

-- path -> resource for permissions, and a function that makes the node
local SINGLE = {
  ["/v1/account"] = { "account", account.node },
  ["/v1/balance"] = { "balance", account.balance },
}

local BY_URL = {}
for _, resource in pairs(dataset.resources) do BY_URL[resource.url] = resource end

-- Lists inside an object that go on at an address of their own.
local PARTS = { ["/v1/checkout/sessions"] = "line_items", ["/v1/invoices"] = "lines" }

-- The resource of a path, the id in it, and which of its lists.
local function by_url(path)
  if BY_URL[path] then return BY_URL[path] end
  local base, id = path:match "^(.*)/([^/]+)$"
  if base and BY_URL[base] then return BY_URL[base], id end
  local url, own, part = path:match "^(.*)/([^/]+)/([%l_]+)$"
  if url and BY_URL[url] and PARTS[url] == part then return BY_URL[url], own, part end
end

--- What a request is for: { endpoint, resource, run } or nil.
local function route(method, path)
  local made = endpoints.route(method, path)
  if made then return made end
  if method ~= "GET" then return nil end
  local single = SINGLE[path]
  if single then
    return { endpoint = "GET " .. path, resource = single[1], run = function(ds, query)
      local paths, problem = params.retrieve(query)
      if not paths then return nil, problem end
      return single[2](ds), 0
    end }
  end
  local own = path:match "^/v1/accounts/([^/]+)$"
  if own then
    return { endpoint = "GET /v1/accounts/{id}", resource = "account", run = function(ds, _, caller)
      if own == ds.account then return account.node(ds), 0 end
      if not platforms.reaches(caller.key.account, own, caller.livemode) then
        return nil, errors.no_account(caller.key.key, own)
      end
      return account.node(state.dataset(own, caller.livemode)), 0
    end }
  end
  if path == "/v1/events" then
    return { endpoint = "GET /v1/events", resource = "events", run = events.page }
  end
  local event = path:match "^/v1/events/([^/]+)$"
  if event then
    return { endpoint = "GET /v1/events/{id}", resource = "events", run = function(ds, query)
      return events.retrieve(ds, ngx.unescape_uri(event), query)
    end }
  end
  event = path:match "^/v2/core/events/([^/]+)$"
  if event then
    return { endpoint = "GET /v2/core/events/{id}", resource = "events", run = function(ds)
      return thin.retrieve(ds, ngx.unescape_uri(event))
    end }
  end
  local resource, id, part = by_url(path)
  local name = resource and resource.name
  if part then
    return { endpoint = "GET " .. resource.url .. "/{id}/" .. part, resource = name,
      run = function(ds, query)
      return lists.part(ds, resource, ngx.unescape_uri(id), path, query)
    end }
  elseif resource and id then
    return { endpoint = "GET " .. resource.url .. "/{id}", resource = name,
      run = function(ds, query)
      return lists.retrieve(ds, resource, ngx.unescape_uri(id), query)
    end }
  elseif resource and not resource.unlisted then
    return { endpoint = "GET " .. resource.url, resource = name, run = function(ds, query)
      return lists.page(ds, resource, query)
    end }
  end
  local charge = path:match "^/v1/charges/([^/]+)/refunds$"
  if charge then
    return { endpoint = "GET /v1/charges/{id}/refunds", resource = "refunds",
      run = function(ds, query)
      if not ds:node_by_id("charges", charge) then return nil, errors.missing("charge", charge) end
      return lists.page(ds, dataset.resources.refunds, query,
        { name = "charge", value = charge, url = path })
    end }
  end
end

local requests = 0

local function wait(expansions)
  local l = state.latency
  requests = requests + 1
  local share = random.hash(1, requests, 92) / 4294967296
  local ms = l.ms + l.jitter_ms * share + l.per_expand_ms * expansions
  if l.tail_ms > 0 and random.hash(1, requests, 93) / 4294967296 < l.tail_probability then
    ms = l.tail_ms
  end
  if ms > 0 then ngx.sleep(ms / 1000) end
end

local function answer(ctx, headers, method, path)
  local connect = oauth.route(method, path)
  if connect then
    ctx.endpoint = method .. " " .. path
    wait(0)
    return connect(ctx)
  end
  local app, app_endpoint = apps.route(method, path, ctx.version)
  if app then
    ctx.endpoint = app_endpoint
    wait(0)
    return app(ctx)
  end
  local caller, problem = auth.identify(headers)
  if not caller then return respond.error(ctx, problem) end
  ctx.livemode, ctx.account = caller.livemode, caller.header_account
  local found = route(method, path)
  ctx.endpoint = found and found.endpoint or method .. " other"
  problem = limits.enter(ctx, caller, ctx.endpoint)
  if problem then return respond.error(ctx, problem) end
  if not found then return respond.error(ctx, errors.unknown_url(method, path)) end
  if not versions.is_known(ctx.version) then
    local version = ctx.version
    ctx.version = versions.NEWEST
    return respond.error(ctx, errors.bad_version(version))
  end
  local permitted
  permitted, problem = auth.permit(caller, found.resource, found.writes)
  if not permitted then return respond.error(ctx, problem) end

  local ds = state.dataset(caller.account, caller.livemode)
  local node, extra = found.run(ds, params.parse(ngx.var.args), caller)
  wait(node and extra or 0)
  if not node then return respond.error(ctx, extra) end
  local style = template.style(not state.settings.compact, state.settings.future)
  respond.send(ctx, 200, template.render(node, style))
end

--- Handle the current request.
function router.run()
  local ctx = ngx.ctx
  local headers = ngx.req.get_headers()
  local method, path = ngx.req.get_method(), ngx.var.uri
  local version = headers["Stripe-Version"]
  if type(version) == "table" then version = version[1] end
  ctx.request_id, ctx.version = respond.request_id(), version or versions.NEWEST
  stats.enter()
  local fault = faults.find { method = method, path = path,
    query = ngx.unescape_uri(ngx.var.args or ""), account = headers["Stripe-Account"] }
  if fault then
    local found = route(method, path)
    ctx.endpoint = found and found.endpoint
    if respond.fault(ctx, fault) then return end
  end
  answer(ctx, headers, method, path)
end

--- Count the finished request.
function router.log()
  local ctx = ngx.ctx
  if not ctx.request_id then return end
  limits.leave(ctx)
  stats.leave(ctx)
end

return router
