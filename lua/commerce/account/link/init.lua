-- The Link flow: a merchant lets the platform in at Stripe (Connect OAuth), and a connection is
-- "Linked". The same for every way it is walked: begin gives the address to send the merchant to,
-- finish takes what the browser brings back. Called by commerce (init).

local callback = require "commerce.account.link.callback"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local exchange = require "commerce.account.link.exchange"
local grant = require "commerce.account.grant"
local integrations = require "commerce.account.integrations"
local life = require "commerce.account.status"
local link_state = require "commerce.account.link.state"
local oauth = require "commerce.stripe.oauth"
local sessions = require "commerce.account.session"

local link = {}

local LIFETIME = 24 * 3600 -- seconds; as long as Codat's own Link addresses live

local function refuse(code, message, fields)
  fields = fields or {}
  fields.code = code
  return errors.fail("auth", message, fields)
end

--- Whether merchants can be linked with an integration: it is enabled, there is a master key, and
--- it opens the integration's secret key. Nobody is sent to Stripe for nothing.
---@param app commerce.App
---@param name string the integration's
---@param options table? see `link.begin`
---@return commerce.Integration? integration nil on failure, with details.code "not_enabled" where
---  it is not enabled
---@return userdata|string master the master key, or the message
---@return commerce.Details? details
function link.usable(app, name, options)
  local integration, message, details = integrations.find(app.store, name)
  if not integration then
    return nil, message, details
  elseif not integration.enabled then
    return errors.fail("usage", ("%s is not enabled: set its client id and secret key with "
      .. "`commerce integrations set %s`, then `commerce integrations enable %s`"):format(
      integration.title, name, name), { code = "not_enabled" })
  end
  options = options or {}
  local ok, client, master = true, nil, nil
  if options.redirect_uri then
    ok, message, details = integrations.check_redirect_uri(integration, options.redirect_uri)
  end
  if ok then
    client, message, details = grant.client(app, name, { connect_base = options.connect_base })
  end
  if client then
    client:close()
    master, message, details = credentials.master()
  end
  if not master then
    return nil, message, details
  end
  return integration, master
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
  parameters = "table" }

---@class commerce.BegunLink
---@field url string where to send the merchant
---@field expires integer until when the link can be finished, Unix seconds
---@field connection_id string
---@field integration commerce.Integration

--- Begin to link a connection, whatever its status: a link that is there already may be renewed.
---@param app commerce.App
---@param shop commerce.Connection
---@param options table? redirect_uri: one of those in the platform's settings at Stripe (default:
---  the integration's, then the first of them); lifetime: seconds until the link expires (a day);
---  connect_base: another server (default: STRIPE_CONNECT_BASE, then Stripe); parameters: texts by
---  name, some hundred bytes together, that `finish` gives back
---@return commerce.BegunLink? begun nil on failure
---@return string? message
---@return commerce.Details? details
function link.begin(app, shop, options)
  options = options or {}
  errors.check_options(options, BEGIN_OPTIONS, 4)
  check_parameters(options.parameters)
  local row = shop.row
  local integration, master, details = link.usable(app, row.integration, options)
  if not integration then
    return nil, master, details
  end
  local now = os.time()
  local expires = now + math.floor(options.lifetime or LIFETIME)
  local text, made
  text, made, details = link_state.make(master, row, expires, options.parameters)
  if not text then
    return nil, made, details
  end
  local ok, message
  ok, message, details = app.store:add_link_state({ id = made.nonce, connection_id = row.id,
    expires = expires }, now)
  if not ok then
    return nil, message, details
  end
  return { connection_id = row.id, integration = integration, expires = expires,
    url = oauth.authorize_url { client_id = integration.client_id, scope = integration.scope,
      state = text, redirect_uri = options.redirect_uri or integration.redirect_uri,
      base_url = options.connect_base } }
end

-- ---------------------------------------------------------------- who comes back

local USED = "the link has been used already: begin a new one"

-- A failure, and which connection it is about, for whoever offers to begin again.
local function for_connection(row, state, _, message, details)
  if type(details) == "table" then
    details.linking, details.parameters = row.id, state.parameters
  end
  return nil, message, details
end

-- The same, of a link that has come to its end by it. That this cannot be told stops nothing.
local function ended(app, row, state, _, message, details)
  local code = type(details) == "table" and details.code
  if code ~= "used_state" then
    errors.catch(life.link_failed, app.store, row,
      code ~= "access_denied" and core.scrub(message) or nil)
  end
  return for_connection(row, state, nil, message, details)
end

-- The state that came back, and the connection that it is for.
local function recognise(app, parameters, wanted)
  local master, message, details = credentials.master()
  if not master then
    return nil, message, details
  end
  local state
  state, message, details = link_state.read(master, parameters.state, os.time())
  if not state then
    return nil, message, details
  elseif wanted and wanted ~= state.connection_id then
    return refuse("other_connection", ("this is the answer to a link of connection %s, not of %s")
      :format(state.connection_id, wanted))
  end
  local waits
  waits, message, details = app.store:has_link_state(state.nonce)
  if waits == nil then
    return nil, message, details
  end
  local rows
  rows, message, details = app.store:connections { id = state.connection_id }
  if not rows then
    return nil, message, details
  end
  local row = rows[1]
  if not row or row.company_id ~= state.company_id or row.integration ~= state.integration then
    return refuse("connection_gone", ("the connection %s that this link was for has been deleted")
      :format(state.connection_id))
  elseif not waits then
    return for_connection(row, state, refuse("used_state", USED))
  end
  return state, row
end

-- From here on the state is worth nothing any more, whatever happens.
local function take(app, state)
  local taken, message, details = app.store:take_link_state(state.nonce)
  if taken == false then
    return refuse("used_state", USED)
  end
  return taken, message, details
end

-- OAuth's errors in the redirect (Stripe's reference, "GET /oauth/authorize").
local DENIALS = {
  access_denied = "the merchant declined: nothing was linked",
  invalid_scope = "Stripe does not let this platform ask for the scope %s: ask Stripe's support "
    .. "for it, or set another with `commerce integrations set`",
  invalid_redirect_uri = "the redirect URI is none of those in the platform's settings at Stripe",
  invalid_request = "Stripe found the request wrong",
  unsupported_response_type = "Stripe found the request wrong",
}

-- What came in the address is anybody's text.
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
  return refuse(known and code or "oauth_error", message)
end

-- ---------------------------------------------------------------- finish

local FINISH_OPTIONS = { connection = "string" }
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
  local users, message, details = grant.users(app, row.integration, row.account, row.id)
  local list = users and {}
  for i, user in ipairs(users or {}) do
    local companies
    companies, message, details = app.store:companies { id = user.company_id }
    if not companies then
      return nil, message, details
    end
    list[i] = { company_id = user.company_id, connection_id = user.id,
      company = companies[1] and companies[1].name }
  end
  return list, message, details
end

local function finish_denied(app, state, row, parameters)
  local integration, message, details = integrations.find(app.store, row.integration)
  local ok = integration
  if integration then
    ok, message, details = take(app, state)
  end
  if not ok then
    return nil, message, details
  end
  return denied(parameters, integration)
end

local function finish_allowed(app, state, row, code, options)
  local integration, message, details = link.usable(app, row.integration)
  local key
  if integration then
    key, message, details = integrations.secret_key(app.store, row.integration)
  end
  if not key then
    return nil, message, details
  end
  local shop
  shop, message, details = exchange.run(app, row, { code = code, key = key,
    integration = integration, take = function() return take(app, state) end }, options)
  key:close()
  return shop, message, details
end

--- Finish a link with what the merchant's browser brought back. It works once, whatever comes of
--- it; only where Stripe could not be asked at all may the same be tried again. An account that is
--- refused is given back: the platform's access to it ends, unless another connection has it.
---@param app commerce.App
---@param answer string|table the address that Stripe sent the browser to, its query string, or its
---  decoded parameters
---@param options table? connection: the id of the one that it must be for; and those of
---  `commerce.account.session`: connect_base, base_url (default: STRIPE_CONNECT_BASE,
---  STRIPE_API_BASE, then Stripe), timeout, ...
---@return commerce.FinishedLink? finished nil on failure, with the reason's name in details.code:
---  "bad_callback", "no_state", "forged_state", "expired_state", "used_state", "other_connection",
---  "connection_gone"; "access_denied", "invalid_scope", "invalid_redirect_uri",
---  "invalid_request", "unsupported_response_type", "oauth_error"; "no_code"; "not_enabled";
---  "invalid_grant", "invalid_client" and what else Stripe has against the code; "wrong_mode",
---  "own_account", "not_standard", "other_account", "account_taken"; where the answer was one to a
---  link of ours, details.linking is its connection's id, details.parameters what it was begun with
---@return string? message
---@return commerce.Details? details
function link.finish(app, answer, options)
  options = options or {}
  errors.check_options(options, FINISH_OPTIONS, 4)
  local parameters, message, details = callback.read(answer)
  if not parameters then
    return nil, message, details
  end
  local state, row
  state, row, details = recognise(app, parameters, options.connection)
  if not state then
    return nil, row, details
  elseif parameters.error then
    return ended(app, row, state, errors.catch(finish_denied, app, state, row, parameters))
  elseif not (parameters.code or ""):find("^ac_[%w_]+$") then
    return for_connection(row, state, refuse("no_code",
      "the address has no code of Stripe's (ac_...): copy all of it"))
  end
  local network = {}
  for name in pairs(sessions.OPTIONS) do
    network[name] = options[name]
  end
  local shop, others
  shop, message, details = errors.catch(finish_allowed, app, state, row, parameters.code, network)
  if not shop then
    return ended(app, row, state, nil, message, details)
  end
  others, message, details = errors.catch(shared_with, app, shop.row)
  if not others then
    return for_connection(row, state, nil, message, details)
  end
  return { connection = shop, account = shop.account, shared_with = others,
    parameters = state.parameters }
end

return link
