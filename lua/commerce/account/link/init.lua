-- The Link flow: a merchant installs the operator's Stripe App or gives the platform access at
-- Stripe (Connect OAuth), and a connection becomes "Linked". `begin` gives the address to send the
-- merchant to, `finish` takes the address that the browser comes back with.

local app_exchange = require "commerce.account.link.app_exchange"
local apps = require "commerce.account.apps"
local callback = require "commerce.account.link.callback"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local exchange = require "commerce.account.link.exchange"
local grant = require "commerce.account.grant"
local integrations = require "commerce.account.integrations"
local keys = require "commerce.account.keys"
local oauth = require "commerce.stripe.oauth"
local stripe_apps = require "commerce.stripe.apps"
local pending = require "commerce.account.link.pending"
local sessions = require "commerce.account.session"
local status = require "commerce.account.status"
local tables = require "commerce.base.tables"

local link = {}

local function refuse(code, message, fields)
  fields = fields or {}
  fields.code = code
  errors.throw("auth", message, fields)
end

local WAYS = { app = true, connect = true }

-- A Stripe App is preferred: Stripe makes no new Connect extensions.
local function usual_way(integration)
  return integration.app and integration.app.enabled and "app" or "connect"
end

local function redirect_of(own, options)
  return options.redirect_uri or own.redirect_uri or options.callback
end

-- Checked before a merchant is sent to Stripe.
local function usable_app(app, integration, options)
  local own = integration.app
  if not (own and own.enabled) then
    errors.throw("usage", ("%s's Stripe App is not enabled: set its secret key and install link "
      .. "with `commerce integrations set %s --app`, then `commerce integrations enable %s --app`")
      :format(integration.title, integration.name, integration.name), { code = "not_enabled" })
  elseif options.redirect_uri then
    apps.check_redirect_uri(options.redirect_uri)
  end
  if options.begins and not redirect_of(own, options) then
    errors.throw("usage", ("no redirect URI is known: set one of the app's allowed_redirect_uris "
      .. "with `commerce integrations set %s --app --redirect-uri`"):format(integration.name))
  end
  apps.secret_key(app.store, integration.name):close()
  credentials.check_master()
  return integration
end

--- Check that merchants can be linked with an integration: it is enabled, and the master key opens
--- its secret key. Checked before a merchant is sent to Stripe.
---@param app commerce.App
---@param name string the integration's
---@param options commerce.LinkOptions? `begins`: a link is about to be begun, which needs a
---  redirect URI
---@return commerce.Integration integration raises code "not_enabled" if it is not enabled
---@return "app"|"connect" way by which
function link.usable(app, name, options)
  options = options or {}
  local integration = integrations.find(app.store, name)
  local way = options.way or usual_way(integration)
  if way == "app" then
    return usable_app(app, integration, options), way
  elseif not integration.enabled then
    errors.throw("usage", ("%s is not enabled: set its client id and secret key with "
      .. "`commerce integrations set %s`, then `commerce integrations enable %s`"):format(
      integration.title, name, name), { code = "not_enabled" })
  end
  if options.redirect_uri then
    integrations.check_redirect_uri(integration, options.redirect_uri)
  end
  local client = grant.client(app, name, { connect_base = options.connect_base })
  client:close()
  credentials.check_master()
  return integration, way
end

-- ---------------------------------------------------------------- begin

---@class commerce.LinkOptions
---@field redirect_uri string? one of those in the platform's settings at Stripe (default: the
---  integration's, then the first of them)
---@field lifetime number? seconds until the link expires (a day)
---@field connect_base string? another server (default: STRIPE_CONNECT_BASE, then Stripe)
---@field parameters table<string, string>? texts, some hundred bytes together, that `finish` gives
---  back
---@field browser string? a secret that the merchant's browser keeps in a cookie, without which the
---  link cannot be finished
---@field way "app"|"connect"|nil default: the way that the connection has, then the app if it is
---  enabled
---@field callback string? the redirect URI if none is set
---@field begins boolean? set here

local BEGIN_OPTIONS = { redirect_uri = "string", lifetime = "number", connect_base = "string",
  parameters = "table", browser = "string", way = "string", callback = "string" }

---@class commerce.BegunLink
---@field url string the address to send the merchant to
---@field expires integer the time until which the link can be finished, Unix seconds
---@field connection_id string
---@field integration commerce.Integration

-- The options with the way by which the connection is linked.
local function with_way(app, row, given)
  errors.check_options(given, BEGIN_OPTIONS)
  local options = tables.merged(given)
  if options.way and not WAYS[options.way] then
    errors.throw("usage", ("way '%s': expected app or connect"):format(core.scrub(options.way)))
  end
  local integration = integrations.find(app.store, row.integration)
  options.way = options.way or row.auth == "connect" and integration.enabled and "connect"
    or usual_way(integration)
  options.begins = true
  if options.way == "connect" then
    options.redirect_uri = options.redirect_uri or integration.redirect_uri or options.callback
  end
  if options.way == "connect" and row.auth == "app" and row.status == "Linked" then
    errors.throw("state", ("connection %s is linked by a Stripe App: unlink it first"):format(
      row.id), { code = "by_app" })
  end
  return options
end

local function begin_by_app(app, row, integration, options)
  local own = integration.app
  local redirect_uri = redirect_of(own, options)
  apps.check_redirect_uri(redirect_uri)
  local text, expires = pending.begin(app, row, options)
  return { connection_id = row.id, integration = integration, expires = expires,
    url = stripe_apps.install_url { install_link = own.install_link, client_id = own.client_id,
      redirect_uri = redirect_uri, state = text, base_url = options.connect_base } }
end

--- Begin to link a connection. It may have any status; linking a "Linked" one renews its access.
---@param app commerce.App
---@param row commerce.ConnectionRow the connection's, as the store gives it
---@param options commerce.LinkOptions?
---@return commerce.BegunLink begun
function link.begin(app, row, options)
  options = with_way(app, row, options or {})
  local integration, way = link.usable(app, row.integration, options)
  if way == "app" then
    return begin_by_app(app, row, integration, options)
  end
  local text, expires = pending.begin(app, row, options)
  return { connection_id = row.id, integration = integration, expires = expires,
    url = oauth.authorize_url { client_id = integration.client_id, scope = integration.scope,
      redirect_uri = options.redirect_uri or integration.redirect_uri,
      state = text, base_url = options.connect_base } }
end

-- ---------------------------------------------------------------- the merchant comes back

local for_connection = pending.for_connection

-- Like `for_connection`; a failure ends the link and is reported to webhook consumers. If that
-- report fails, its failure is dropped.
local function to_its_end(app, row, state, work, ...)
  local result, message, failure = errors.catch(work, ...)
  if failure and failure.code ~= "used_state" then
    errors.catch(status.link_failed, app.store, row,
      failure.code ~= "access_denied" and failure or nil)
  end
  return for_connection(row, state, errors.must, result, message, failure)
end

-- OAuth's errors in the redirect (Stripe's reference, "GET /oauth/authorize").
local DENIALS = {
  access_denied = "the merchant declined: nothing was linked",
  invalid_scope = "Stripe does not let this platform ask for the scope %s: ask Stripe's support "
    .. "for it, or set another with `commerce integrations set`",
  invalid_redirect_uri = "the redirect URI is not in the platform's settings at Stripe",
  invalid_request = "Stripe found the request wrong",
  unsupported_response_type = "Stripe found the request wrong",
}

-- Anybody can call the address, so its texts are not trusted.
local function printable(text, length)
  return core.scrub((text:sub(1, length):gsub("%c", " ")))
end

local function denied(parameters, integration)
  local code = parameters.error
  local known = DENIALS[code]
  local message = known and known:format(integration.scope)
    or "Stripe answered with the error '" .. printable(code, 64) .. "'"
  if code ~= "access_denied" and parameters.error_description then
    message = ("%s (%s)"):format(message, printable(parameters.error_description, 200))
  end
  refuse(known and code or "oauth_error", message)
end

-- ---------------------------------------------------------------- finish

---@class commerce.LinkResult
---@field row commerce.ConnectionRow the connection's, "Linked"
---@field network commerce.SessionOptions for its sessions
---@field account string "acct_…"
---@field shared_with commerce.SharedWith[]
---@field parameters table<string, string> those that the link was begun with

---@class commerce.FinishOptions: commerce.SessionOptions
---@field connection string? the id of the connection that the link must be for
---@field company string? the id of the company that it must be for
---@field browser string? the secret in the browser's cookie, if the link was begun with one

local FINISH_OPTIONS = { connection = "string", company = "string", browser = "string" }
for name, kind in pairs(sessions.OPTIONS) do
  FINISH_OPTIONS[name] = kind
end

---@class commerce.FinishedLink
---@field connection commerce.Connection "Linked"
---@field account string "acct_..."
---@field shared_with commerce.SharedWith[] every other connection that is Linked to this account
---@field parameters table<string, string> those that the link was begun with

local function finish_denied(app, state, row, parameters)
  local integration = integrations.find(app.store, row.integration)
  pending.take(app, state)
  denied(parameters, integration)
end

local function finish_allowed(app, state, row, code, options)
  local integration = link.usable(app, row.integration, { way = state.way })
  local function take()
    pending.take(app, state, code)
  end
  if state.way == "app" then
    return app_exchange.run(app, row, { code = code, integration = integration, take = take },
      options)
  end
  local key = integrations.secret_key(app.store, row.integration)
  errors.finally(function()
    exchange.run(app, row, { code = code, key = key, integration = integration, take = take },
      options)
  end, function()
    key:close()
  end)
end

--- Finish a link with the address that the merchant's browser came back with. An address works
--- once, even if linking fails; it can be tried again only if Stripe could not be reached at all.
--- If the account is rejected, the platform's access to it ends, unless another connection uses it.
---@param app commerce.App
---@param answer string|table<string, string> the address that Stripe sent the browser to, its query
---  string, or its decoded parameters
---@param options commerce.FinishOptions?
---@return commerce.LinkResult finished A failure has the reason's name as its code: "bad_callback",
---  "no_state", "forged_state", "expired_state",
---  "used_state", "used_code", "other_connection", "other_browser", "connection_gone";
---  "access_denied", "invalid_scope",
---  "invalid_redirect_uri", "invalid_request", "unsupported_response_type", "oauth_error";
---  "no_code"; "not_enabled"; "invalid_grant", "invalid_client" and Stripe's other errors for a
---  code; "wrong_mode", "own_account", "not_standard", "other_account", "account_taken". If the
---  answer was one to a link of ours, it has `linking`, the connection's id, and `parameters`,
---  those that the link was begun with
function link.finish(app, answer, options)
  options = options or {}
  errors.check_options(options, FINISH_OPTIONS)
  local parameters = callback.read(answer)
  local state, row = pending.recognise(app, parameters.state, options)
  if parameters.error then
    to_its_end(app, row, state, finish_denied, app, state, row, parameters)
  elseif not (parameters.code or ""):find("^ac_[%w_]+$") then
    for_connection(row, state, refuse, "no_code",
      "the address has no code of Stripe's (ac_...): copy all of it")
  end
  local network = {}
  for name in pairs(sessions.OPTIONS) do
    network[name] = options[name]
  end
  to_its_end(app, row, state, finish_allowed, app, state, row, parameters.code, network)
  return { row = row, network = network, account = row.account, parameters = state.parameters,
    shared_with = for_connection(row, state, keys.shared_with, app, row) }
end

return link
