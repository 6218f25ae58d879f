-- The Link flow: a merchant gives the platform access at Stripe (Connect OAuth), and a connection
-- becomes "Linked". `begin` gives the address to send the merchant to, `finish` takes the address
-- that the browser comes back with.

local callback = require "commerce.account.link.callback"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local exchange = require "commerce.account.link.exchange"
local grant = require "commerce.account.grant"
local integrations = require "commerce.account.integrations"
local link_state = require "commerce.account.link.state"
local oauth = require "commerce.stripe.oauth"
local sessions = require "commerce.account.session"
local status = require "commerce.account.status"

local link = {}

local LIFETIME = 24 * 3600 -- seconds; as long as Codat's own Link addresses live
local MOST_OPEN = 50 -- links of one connection that wait; anybody with its address can begin one
local CODE_KEPT = 24 * 3600 -- seconds that a spent code is known; Stripe's codes live 5 minutes
local DECLINED = "declined:" -- and a connection's id: the nonce of a link that was never begun

local function refuse(code, message, fields)
  fields = fields or {}
  fields.code = code
  errors.throw("auth", message, fields)
end

--- Check that merchants can be linked with an integration: it is enabled, and the master key opens
--- its secret key. Checked before a merchant is sent to Stripe.
---@param app commerce.App
---@param name string the integration's
---@param options table? see `link.begin`
---@return commerce.Integration integration raises code "not_enabled" if it is not enabled
function link.usable(app, name, options)
  local integration = integrations.find(app.store, name)
  if not integration.enabled then
    errors.throw("usage", ("%s is not enabled: set its client id and secret key with "
      .. "`commerce integrations set %s`, then `commerce integrations enable %s`"):format(
      integration.title, name, name), { code = "not_enabled" })
  end
  options = options or {}
  if options.redirect_uri then
    integrations.check_redirect_uri(integration, options.redirect_uri)
  end
  local client = grant.client(app, name, { connect_base = options.connect_base })
  client:close()
  credentials.check_master()
  return integration
end

-- ---------------------------------------------------------------- begin

local function check_parameters(parameters)
  for name, value in pairs(parameters or {}) do
    if type(name) ~= "string" or type(value) ~= "string" then
      errors.refuse("begin_link: parameters: texts by name expected, got [%s] = %s",
        tostring(name), type(value))
    end
  end
end

local BEGIN_OPTIONS = { redirect_uri = "string", lifetime = "number", connect_base = "string",
  parameters = "table", browser = "string" }

---@class commerce.BegunLink
---@field url string the address to send the merchant to
---@field expires integer the time until which the link can be finished, Unix seconds
---@field connection_id string
---@field integration commerce.Integration

--- Begin to link a connection. It may have any status; linking a "Linked" one renews its access.
---@param app commerce.App
---@param row table the connection's, as the store gives it
---@param options table? redirect_uri: one of those in the platform's settings at Stripe (default:
---  the integration's, then the first of them); lifetime: seconds until the link expires (a day);
---  connect_base: another server (default: STRIPE_CONNECT_BASE, then Stripe); parameters: texts by
---  name, some hundred bytes together, that `finish` gives back; browser: a secret that the
---  merchant's browser keeps in a cookie, without which the link cannot be finished
---@return commerce.BegunLink begun
function link.begin(app, row, options)
  options = options or {}
  errors.check_options(options, BEGIN_OPTIONS)
  check_parameters(options.parameters)
  local integration = link.usable(app, row.integration, options)
  local now = os.time()
  local expires = now + math.floor(options.lifetime or LIFETIME)
  local text, nonce = link_state.make(row, expires, options.parameters, options.browser)
  app.store:take_link_state(DECLINED .. row.id)
  app.store:add_link_state({ id = nonce, connection_id = row.id, expires = expires }, now,
    MOST_OPEN)
  return { connection_id = row.id, integration = integration, expires = expires,
    url = oauth.authorize_url { client_id = integration.client_id, scope = integration.scope,
      state = text, redirect_uri = options.redirect_uri or integration.redirect_uri,
      base_url = options.connect_base } }
end

--- Report that the merchant declined before Stripe was asked: once, until another link is begun.
---@param app commerce.App
---@param row table the connection's, as the store gives it
function link.decline(app, row)
  local mark, now = DECLINED .. row.id, os.time()
  if not app.store:has_link_state(mark) then
    app.store:add_link_state({ id = mark, connection_id = row.id, expires = now + LIFETIME }, now,
      MOST_OPEN)
    status.link_failed(app.store, row)
  end
end

-- ---------------------------------------------------------------- the merchant comes back

local USED = "the link has been used already: begin a new one"

-- Call a function and add the connection to its failure, for a caller that offers to begin again.
local function for_connection(row, state, work, ...)
  local result, _, failure = errors.catch(work, ...)
  if failure then
    failure.linking, failure.parameters = row.id, state.parameters
    errors.rethrow(failure)
  end
  return result
end

-- The same; a failure ends the link and is reported to webhook consumers. If the report fails, that
-- failure is dropped.
local function to_its_end(app, row, state, work, ...)
  local result, message, failure = errors.catch(work, ...)
  if failure and failure.code ~= "used_state" then
    errors.catch(status.link_failed, app.store, row,
      failure.code ~= "access_denied" and failure or nil)
  end
  return for_connection(row, state, errors.must, result, message, failure)
end

-- Otherwise a merchant could be sent to Stripe with the state of a link that somebody else began,
-- and their account would end up in the other one's connection.
local function check_browser(state, token)
  if state.browser and state.browser ~= (token and link_state.browser(token)) then
    refuse("other_browser", "the link was begun in another browser: it can be finished only there")
  end
end

-- The returned state, and its connection.
local function recognise(app, parameters, options)
  local state = link_state.read(parameters.state, os.time())
  if options.connection and options.connection ~= state.connection_id then
    refuse("other_connection", ("this is the answer to a link of connection %s, not of %s")
      :format(state.connection_id, options.connection))
  end
  if options.company and options.company ~= state.company_id then
    refuse("other_connection", "this is the answer to a link of another company")
  end
  check_browser(state, options.browser)
  local waits = app.store:has_link_state(state.nonce)
  local row = app.store:connections({ id = state.connection_id })[1]
  if not row or row.company_id ~= state.company_id or row.integration ~= state.integration then
    refuse("connection_gone", ("the connection %s that this link was for has been deleted")
      :format(state.connection_id))
  elseif not waits then
    for_connection(row, state, refuse, "used_state", USED)
  end
  return state, row
end

-- Use up the state: from here on it is not accepted again, even if the link fails. Nor is the code:
-- sent to Stripe a second time, under whatever state, it would end the access that it gave.
local function take(app, state, code)
  local now = os.time()
  if not app.store:take_link_state(state.nonce) then
    refuse("used_state", USED)
  elseif code and not app.store:spend_code(core.sha256(code), now + CODE_KEPT, now) then
    refuse("used_code", "the code has been used already, in another link: begin a new one")
  end
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

local FINISH_OPTIONS = { connection = "string", company = "string", browser = "string" }
for name, kind in pairs(sessions.OPTIONS) do
  FINISH_OPTIONS[name] = kind
end

---@class commerce.FinishedLink
---@field connection commerce.Connection "Linked"
---@field account string "acct_..."
---@field shared_with table[] { company, company_id, connection_id } of every other connection that
---  is Linked to this account
---@field parameters table<string, string> those that the link was begun with

local function shared_with(app, row)
  local list = {}
  for i, user in ipairs(grant.users(app, row.integration, row.account, row.id)) do
    local company = app.store:companies({ id = user.company_id })[1]
    list[i] = { company_id = user.company_id, connection_id = user.id,
      company = company and company.name }
  end
  return list
end

local function finish_denied(app, state, row, parameters)
  local integration = integrations.find(app.store, row.integration)
  take(app, state)
  denied(parameters, integration)
end

local function finish_allowed(app, state, row, code, options)
  local integration = link.usable(app, row.integration)
  local key = integrations.secret_key(app.store, row.integration)
  errors.finally(function()
    exchange.run(app, row, { code = code, key = key, integration = integration,
      take = function()
        take(app, state, code)
      end }, options)
  end, function()
    key:close()
  end)
end

--- Finish a link with the address that the merchant's browser came back with. An address works
--- once, even if linking fails; it can be tried again only if Stripe could not be reached at all.
--- If the account is rejected, the platform's access to it ends, unless another connection uses it.
---@param app commerce.App
---@param answer string|table the address that Stripe sent the browser to, its query string, or its
---  decoded parameters
---@param options table? connection, company: the id of the one that it must be for; browser: the
---  secret in the browser's cookie, if the link was begun with one; and those of
---  `commerce.account.session`: connect_base, base_url (default: STRIPE_CONNECT_BASE,
---  STRIPE_API_BASE, then Stripe), timeout, ...
---@return table finished { row = the connection's, "Linked", network = the options for its
---  sessions, account, shared_with, parameters }, see `commerce.FinishedLink`. A failure has the
---  reason's name as its code: "bad_callback", "no_state", "forged_state", "expired_state",
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
  local state, row = recognise(app, parameters, options)
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
    shared_with = for_connection(row, state, shared_with, app, row) }
end

return link
