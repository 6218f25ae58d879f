--- Connect OAuth: `/oauth/authorize` (and `/express/oauth/authorize`), `/oauth/token`,
--- `/oauth/deauthorize`. Errors are flat here: `{"error": code, "error_description": text}`.
--- Texts that could not be seen anywhere are marked "our words".
local consent = require "emulator.consent"
local json = require "emulator.json"
local mutate = require "emulator.mutate"
local params = require "emulator.params"
local platforms = require "emulator.platforms"
local respond = require "emulator.respond"
local state = require "emulator.state"
local wire = require "emulator.oauth_wire"

local oauth = {}

local CODE_LIFE = 300 -- seconds of the emulator's clock
local SCOPES = { read_only = true, read_write = true }
local LANDINGS = { login = true, register = true }

local codes, refresh_tokens = {}, {}

--- Forget all codes and tokens.
function oauth.reset()
  codes, refresh_tokens = {}, {}
  wire.reset()
end

local now, text, form = wire.now, wire.text, wire.form
local send, refuse, show, redirect, has = wire.send, wire.refuse, wire.show, wire.redirect, wire.has

-- ---------------------------------------------------------------- authorize

-- The redirect URI: one of the configured ones, to the letter; the first if none is named.
local function redirect_uri(app, given)
  local uris = app.platform.redirect_uris
  if given and not has(uris, given) then
    return nil, ("Invalid request: Invalid redirect URI: '%s'. Ensure this uri exactly matches one "
      .. "of the uris specified in your application settings"):format(given)
  end
  local uri = given or uris[1]
  if not uri then return nil, "No redirect URI is set in your application settings" end -- our words
  if app.livemode and not uri:find "^https://" then
    return nil, ("Invalid redirect URI: '%s'. Livemode redirect URIs must use HTTPS."):format(uri)
  end
  return uri
end

-- What is wrong with the rest: an error code and a description, to be sent to the redirect URI.
-- All descriptions are our words.
local function fault(app, query, express)
  if query.response_type ~= "code" then
    if not query.response_type then return "invalid_request", "response_type is required" end
    return "unsupported_response_type", "response_type must be 'code'"
  end
  local scope = query.scope or "read_only"
  if not express and not SCOPES[scope] then
    return "invalid_scope", "Invalid scope provided: " .. scope
  elseif not express and not has(app.platform.scopes, scope) then
    return "invalid_scope", "This application is not allowed to use the scope " .. scope
  elseif query.stripe_landing and not LANDINGS[query.stripe_landing] then
    return "invalid_request", "stripe_landing must be 'login' or 'register'"
  elseif query.always_prompt and query.always_prompt ~= "true"
    and query.always_prompt ~= "false" then
    return "invalid_request", "always_prompt must be a boolean"
  end
end

-- The accounts of whoever sits before the browser: everybody's, the platform's own included.
local function accounts_for(request)
  local mode, list = request.app.livemode and "live" or "test", {}
  for id, own in pairs(state.accounts) do
    local fits = (own.mode or mode) == mode
      and (own.type or "standard") == (request.express and "express" or "standard")
    if fits and request.scope == "read_write" then
      fits = not platforms.controlled(request.app, id)
    end
    if fits then list[#list + 1] = { id = id, name = own.name } end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

local function decide(ctx, request, accounts)
  local answer = form()
  local account = answer.account
  if answer.decision == "deny" then
    return redirect(ctx, request, { { "error", "access_denied" },
      { "error_description", "The user denied your request" } })
  elseif answer.decision == "skip" and not request.app.livemode then
    account = text("acct_1", 16)
    state.accounts[account] = { name = "Skipped Form Shop", mode = "test",
      type = request.express and "express" or "standard" }
  elseif answer.decision == "allow" then
    local offered = false
    for _, one in ipairs(accounts) do offered = offered or one.id == account end
    if not offered then
      return show(ctx, "this account is not offered: " .. tostring(account))
    end
  else
    return show(ctx, "decision must be allow, deny or, in test mode, skip")
  end
  local code = text("ac_", 32)
  codes[code] = { app = request.app, account = account, scope = request.scope,
    expires = now() + CODE_LIFE }
  redirect(ctx, request, { { "code", code }, { "scope", request.scope } })
end

local function authorize(ctx, express)
  local query = wire.values_of(params.parse(ngx.var.args))
  local app = platforms.application(query.client_id)
  if not app then return show(ctx, "No application matches the supplied client identifier") end
  local uri, problem = redirect_uri(app, query.redirect_uri)
  if not uri then return show(ctx, problem) end
  local request = { app = app, redirect_uri = uri, state = query.state, express = express,
    scope = express and "express" or query.scope or "read_only" }
  local code, description = fault(app, query, express)
  if code then
    return redirect(ctx, request, { { "error", code }, { "error_description", description } })
  end
  local accounts = accounts_for(request)
  if ngx.req.get_method() == "POST" then return decide(ctx, request, accounts) end
  respond.send(ctx, 200, consent.page(request, accounts),
    { ["Content-Type"] = "text/html; charset=utf-8" })
end

-- ---------------------------------------------------------------- token

-- The application that calls, by its key in the header or in client_secret; or nil and words for
-- invalid_client.
local function calling(headers, fields)
  local secret = wire.secret(headers, fields)
  if not secret or secret == "" then
    return nil, "No authentication credentials were provided. Send your secret API key in the "
      .. "Authorization header using the Bearer authentication method"
  end
  local key = state.keys[secret]
  if not key or key.revoked or not secret:find "^[sr]k_" then
    return nil, "No such API key: " .. secret
  elseif key.permissions then
    return nil, "Use a secret key, not a restricted one" -- our words
  end
  local app = platforms.of(key.account, key.livemode)
  if not app then return nil, "This account is not a platform" end -- our words
  return app
end

local function tokens(ctx, app, account, scope)
  local mode = app.livemode and "live" or "test"
  local grant = app.grants[account]
  local access, refresh = text("sk_" .. mode .. "_", 24), text("rt_", 32)
  local publishable = text("pk_" .. mode .. "_", 24)
  state.add_key { key = access, account = account }
  state.add_key { key = publishable, account = account }
  grant.keys[#grant.keys + 1] = state.keys[access]
  grant.keys[#grant.keys + 1] = state.keys[publishable]
  refresh_tokens[refresh] = { app = app, account = account, grant = grant, scope = scope }
  send(ctx, 200, json.object("access_token", access, "livemode", app.livemode,
    "refresh_token", refresh, "token_type", "bearer", "stripe_publishable_key", publishable,
    "stripe_user_id", account, "scope", scope))
end

local grants = {}

function grants.authorization_code(ctx, app, fields)
  local code = fields.code
  if not code or code == "" then
    return refuse(ctx, 400, "invalid_request", "No authorization code provided") -- our words
  end
  local given = codes[code]
  if not given or not state.accounts[given.account] then
    return refuse(ctx, 400, "invalid_grant", "Authorization code does not exist: " .. code)
  elseif given.app ~= app then
    return refuse(ctx, 400, "invalid_grant", "Authorization code provided does not belong to you")
  elseif given.used then
    platforms.revoke(app, given.account)
    return refuse(ctx, 400, "invalid_grant", "This authorization code has already been used. All "
      .. "tokens issued with this code have been revoked.")
  elseif now() >= given.expires then
    return refuse(ctx, 400, "invalid_grant", "Authorization code expired: " .. code) -- our words
  end
  given.used = true
  if given.account == app.platform.account then
    platforms.grant(app, given.account, given.scope)
  else
    mutate.run(state.dataset(given.account, app.livemode), { op = "authorize",
      account = given.account, client_id = app.client_id, scope = given.scope })
  end
  tokens(ctx, app, given.account, given.scope)
end

function grants.refresh_token(ctx, app, fields)
  local token = fields.refresh_token
  if not token or token == "" then
    return refuse(ctx, 400, "invalid_request", "No refresh token provided") -- our words
  end
  local given = refresh_tokens[token]
  if not given or given.app ~= app or given.grant.revoked then
    return refuse(ctx, 400, "invalid_grant", "Refresh token does not exist: " .. token)
  end
  local scope = fields.scope or given.scope
  if scope ~= given.scope and not (scope == "read_only" and given.scope == "read_write") then
    return refuse(ctx, 400, "invalid_scope", "Invalid scope provided: " .. scope) -- our words
  end
  tokens(ctx, app, given.account, scope)
end

-- A call that an application makes with its key.
local function called(run)
  return function(ctx)
    local fields = form()
    local app, problem = calling(ngx.req.get_headers(), fields)
    if not app then return refuse(ctx, 401, "invalid_client", problem) end
    ctx.livemode = app.livemode
    run(ctx, app, fields)
  end
end

local function token(ctx, app, fields)
  local grant = grants[fields.grant_type]
  if grant then return grant(ctx, app, fields) end
  if not fields.grant_type then
    return refuse(ctx, 400, "invalid_request", "grant_type is required") -- our words
  end
  refuse(ctx, 400, "unsupported_grant_type", "Unsupported grant type: " .. fields.grant_type)
end

local function deauthorize(ctx, app, fields)
  local account = fields.stripe_user_id
  if not fields.client_id or not account then
    return refuse(ctx, 400, "invalid_request", "client_id and stripe_user_id are required")
  elseif fields.client_id ~= app.client_id then
    return refuse(ctx, 401, "invalid_client", "No such application: '" .. fields.client_id .. "'")
  elseif not app.grants[account] then
    return refuse(ctx, 401, "invalid_client", ("This application is not connected to stripe "
      .. "account %s, or that account does not exist."):format(account))
  end
  if account == app.platform.account then
    platforms.revoke(app, account)
  else
    mutate.run(state.dataset(account, app.livemode), { op = "deauthorize", account = account,
      client_id = app.client_id })
  end
  send(ctx, 200, json.object("stripe_user_id", account))
end

-- ---------------------------------------------------------------- routing

local ROUTES = {
  ["/oauth/authorize"] = { GET = true, POST = true, run = authorize },
  ["/express/oauth/authorize"] = { GET = true, POST = true,
    run = function(ctx) return authorize(ctx, true) end },
  ["/oauth/token"] = { POST = true, run = called(token) },
  ["/oauth/deauthorize"] = { POST = true, run = called(deauthorize) },
}

--- What answers a request, or nil when it is none of these.
---@param method string
---@param path string
---@return function? run takes the request's context
function oauth.route(method, path)
  local route = ROUTES[path]
  return route and route[method] and route.run or nil
end

return oauth
