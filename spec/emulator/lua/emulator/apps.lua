--- Stripe Apps: the install link (`/oauth/v2/authorize`, and a channel's for an unpublished app),
--- `/v1/oauth/token` with refresh tokens that are replaced at each exchange, and the Install API.
--- Source: docs.stripe.com/stripe-apps/api-authentication/oauth, docs.stripe.com/api/apps/installs.
--- Texts that could not be seen anywhere are marked "our words".
local consent = require "emulator.consent"
local errors = require "emulator.errors"
local installs = require "emulator.installs"
local json = require "emulator.json"
local mutate = require "emulator.mutate"
local params = require "emulator.params"
local respond = require "emulator.respond"
local state = require "emulator.state"
local wire = require "emulator.oauth_wire"

local apps = {}

local CODE_LIFE, ACCESS_LIFE, REFRESH_LIFE = 300, 3600, 365 * 86400 -- seconds
local FIRST_VERSION = "2026-09-30" -- that has the Install API

local codes, refresh_tokens = {}, {}

--- Forget all codes and tokens.
function apps.reset() codes, refresh_tokens = {}, {} end

-- ---------------------------------------------------------------- the install link

local function redirect_uri(one, given)
  local uri = given or one.app.redirect_uris[1]
  if not wire.has(one.app.redirect_uris, uri) or not uri:find "^https://" then
    return nil, "The redirect URI is not one of the app's allowed_redirect_uris" -- our words
  end
  return uri
end

local function accounts_for(one)
  local mode, list = one.livemode and "live" or "test", {}
  for id, own in pairs(state.accounts) do
    if (own.mode or mode) == mode and (own.type or "standard") == "standard" then
      list[#list + 1] = { id = id, name = own.name }
    end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

local function decide(ctx, request, accounts)
  local answer = wire.form()
  if answer.decision == "deny" then
    return wire.redirect(ctx, request, { { "error", "access_denied" },
      { "error_description", "The user denied your request" } })
  end
  local offered = false
  for _, account in ipairs(accounts) do offered = offered or account.id == answer.account end
  if answer.decision ~= "allow" or not offered then
    return wire.show(ctx, "this account is not offered: " .. tostring(answer.account))
  end
  local code = wire.text("ac_", 32)
  codes[code] = { one = request.app, account = answer.account, expires = wire.now() + CODE_LIFE }
  wire.redirect(ctx, request, { { "code", code }, { "stripe_user_id", answer.account } })
end

local function authorize(ctx, channel)
  local query = wire.values_of(params.parse(ngx.var.args))
  local one = installs.application(query.client_id)
  if not one or channel and channel ~= one.app.channel or not channel and not one.app.published then
    return wire.show(ctx, "The provided OAuth link is invalid")
  end
  local uri, problem = redirect_uri(one, query.redirect_uri)
  if not uri then return wire.show(ctx, problem) end
  local request = { app = one, redirect_uri = uri, state = query.state, scope = "stripe_apps" }
  local accounts = accounts_for(one)
  if ngx.req.get_method() == "POST" then return decide(ctx, request, accounts) end
  respond.send(ctx, 200, consent.page(request, accounts),
    { ["Content-Type"] = "text/html; charset=utf-8" })
end

-- ---------------------------------------------------------------- tokens

local function calling(ctx, fields)
  local secret = wire.secret(ngx.req.get_headers(), fields)
  local key = secret and state.keys[secret]
  local one = key and not key.revoked and not key.permissions and secret:find "^sk_"
    and installs.of(key.account, key.livemode)
  if not one then
    wire.refuse(ctx, 401, "invalid_client", "No such API key: " .. tostring(secret))
  end
  return one or nil
end

local function give_tokens(ctx, install)
  local mode = install.one.livemode and "live" or "test"
  local access, refresh = wire.text("sk_" .. mode .. "_", 24), wire.text("rt_", 32)
  state.add_key { key = access, account = install.account }
  local key = state.keys[access]
  key.expires, key.install = wire.now() + ACCESS_LIFE, install
  install.keys[#install.keys + 1] = key
  install.refresh = refresh
  refresh_tokens[refresh] = { install = install, expires = wire.now() + REFRESH_LIFE }
  wire.send(ctx, 200, json.object("access_token", access, "livemode", install.one.livemode,
    "refresh_token", refresh, "scope", "stripe_apps", "stripe_publishable_key",
    wire.text("pk_" .. mode .. "_", 24), "stripe_user_id", install.account,
    "token_type", "bearer"))
end

local grants = {}

function grants.authorization_code(ctx, one, fields)
  local given = codes[fields.code]
  if not given or given.one ~= one or not state.accounts[given.account] then
    return wire.refuse(ctx, 400, "invalid_grant",
      "Authorization code does not exist: " .. tostring(fields.code))
  elseif given.used then
    local install = installs.find(one, given.account)
    if install then installs.revoke(install) end
    return wire.refuse(ctx, 400, "invalid_grant", "This authorization code has already been used. "
      .. "All tokens issued with this code have been revoked.")
  elseif wire.now() >= given.expires then
    return wire.refuse(ctx, 400, "invalid_grant", "Authorization code expired: " .. fields.code)
  end
  given.used = true
  mutate.run(state.dataset(given.account, one.livemode), { op = "install", account = given.account,
    client_id = one.client_id })
  give_tokens(ctx, installs.find(one, given.account))
end

function grants.refresh_token(ctx, one, fields)
  local given = refresh_tokens[fields.refresh_token]
  if not given or given.install.one ~= one or given.install.refresh ~= fields.refresh_token
    or wire.now() >= given.expires then
    return wire.refuse(ctx, 400, "invalid_grant",
      "Refresh token does not exist: " .. tostring(fields.refresh_token))
  end
  give_tokens(ctx, given.install)
end

local function token(ctx)
  local fields = wire.form()
  local one = calling(ctx, fields)
  local grant = one and grants[fields.grant_type]
  if one and not grant then
    return wire.refuse(ctx, 400, "unsupported_grant_type",
      "Unsupported grant type: " .. tostring(fields.grant_type))
  end
  return grant and grant(ctx, one, fields)
end

-- ---------------------------------------------------------------- the Install API

local function names_of(set)
  local names = { is_array = true }
  for name in pairs(set or {}) do names[#names + 1] = name end
  table.sort(names)
  return json.from_lua(names)
end

local function object_of(install, status)
  local pending = installs.pending(install)
  return json.object("id", install.id, "object", "apps.install", "account", install.account,
    "app", install.one.app.id, "approval_required", #pending > 0, "channel", "public",
    "created", install.created, "livemode", install.one.livemode,
    "permissions_granted", names_of(install.permissions),
    "permissions_pending", json.from_lua(pending), "status", status or "installed")
end
apps.object_of = object_of

-- The app's developer, by their own key; the account in Stripe-Account is the one meant.
local function developer(ctx)
  local secret = wire.secret(ngx.req.get_headers(), {})
  local key = secret and state.keys[secret]
  local one = key and not key.revoked and not key.permissions
    and installs.of(key.account, key.livemode)
  if not one then respond.error(ctx, errors.unknown_key(tostring(secret))) end
  return one or nil, ngx.req.get_headers()["Stripe-Account"]
end

local function list_installs(ctx)
  local one, account = developer(ctx)
  if not one then return end
  local query = wire.values_of(params.parse(ngx.var.args))
  local data = { is_array = true }
  for _, install in ipairs(installs.all(one)) do
    if (not account or install.account == account) and query.app == one.app.id then
      data[#data + 1] = object_of(install)
    end
  end
  wire.send(ctx, 200, json.object("object", "list", "url", "/v1/apps/installs", "has_more", false,
    "data", json.from_lua(data)))
end

local function uninstall(ctx, id)
  local one, account = developer(ctx)
  if not one then return end
  for _, install in ipairs(installs.all(one)) do
    if install.id == id and install.account == account then
      local object = object_of(install, "uninstalling")
      mutate.run(state.dataset(account, one.livemode), { op = "uninstall", account = account,
        client_id = one.client_id })
      return wire.send(ctx, 200, object)
    end
  end
  respond.error(ctx, errors.missing("apps.install", id))
end

-- ---------------------------------------------------------------- routing

local function installs_route(method, path, version)
  if version < FIRST_VERSION then return nil end
  if method == "GET" and path == "/v1/apps/installs" then
    return list_installs, "GET /v1/apps/installs"
  end
  local id = method == "POST" and path:match "^/v1/apps/installs/([%w_]+)/uninstall$"
  if id then
    return function(ctx) return uninstall(ctx, id) end, "POST /v1/apps/installs/{id}/uninstall"
  end
end

--- What answers a request, or nil when it is none of these.
---@param method string
---@param path string
---@param version string Stripe-Version
---@return function? run takes the request's context
---@return string? endpoint
function apps.route(method, path, version)
  local channel = path:match "^/oauth/v2/(chnlink_%w+)/authorize$"
  if channel or path == "/oauth/v2/authorize" then
    return function(ctx) return authorize(ctx, channel) end, method .. " /oauth/v2/authorize"
  elseif method == "POST" and path == "/v1/oauth/token" then
    return token, "POST /v1/oauth/token"
  end
  return installs_route(method, path, version)
end

return apps
