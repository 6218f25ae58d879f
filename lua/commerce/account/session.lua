-- Sessions: what is needed to ask Stripe as somebody, and who that is.
-- Called by connection; the account is asked who it is before anything else is done.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local runtime = require "commerce.runtime"
local stripe = require "commerce.stripe"

local session = {}

--- How to talk to Stripe; every function that opens a connection takes these.
session.OPTIONS = {
  base_url = "string", rate = "number", endpoint_rate = "number", concurrency = "number",
  retries = "number", timeout = "number", connect_timeout = "number", ca_file = "string",
  max_body = "number", backoff = "number", backoff_cap = "number", connect_base = "string",
}

--- A key as a secret.
---@param key string|userdata? a text or a `commerce.core` secret
---@return userdata? secret nil on failure
---@return string? message
---@return commerce.Details? details
function session.secret(key)
  local message, details
  if key == "" then
    key = nil -- a variable that is set to nothing
  elseif type(key) == "string" then
    key, message, details = core.secret(key)
  end
  if key == nil then
    return errors.fail("auth", message or "no secret key given: set STRIPE_SECRET_KEY", details)
  end
  return key
end

local FIRST_RETRIES = 2 -- of the first request: a missing network is told within seconds

local function new_limiter(options, integration)
  return core.limiter {
    rate = options.rate or integration.rate,
    endpoint_rate = options.endpoint_rate or stripe.endpoint_rate,
    concurrency = options.concurrency or stripe.concurrency,
  }
end

-- Whether the limits count for the platform or for the account is not documented: both are kept.
local function platform_limiter(app, options, integration, account)
  if account then
    app.limiters = app.limiters or {}
    app.limiters[integration.name] = app.limiters[integration.name]
      or new_limiter(options, integration)
    return app.limiters[integration.name]
  end
  return app.limiter
end

-- The account behind the key. A restricted key may be refused it, but is then told its id.
local function identify(asker, transport, wanted)
  local call = asker:request { path = stripe.resources.account.path }
  local response, message, details = runtime.await(transport, call)
  local account = {}
  if response then
    local answer = json.decode(response.body)
    account = type(answer) == "table" and answer or account
  elseif stripe.account_in_refusal(details) then
    account.id = stripe.account_in_refusal(details)
  else
    return nil, message, details
  end
  if type(account.id) ~= "string" then
    return errors.fail("decode", "GET /v1/account: the answer is no account")
  elseif wanted and wanted ~= account.id then
    return errors.fail("auth", ("asked for account %s, Stripe answered as %s")
      :format(wanted, account.id), { code = "other_account" })
  end
  return account
end

-- A wrong option is a mistake of the program, except where it came from the environment.
local function refuse(raised, options)
  local wrong = tostring(raised):match "bad option 'base_url': (.*)"
  if wrong and not options.base_url then
    return errors.fail("usage", "STRIPE_API_BASE must be a server's address (https://...): "
      .. wrong)
  end
  errors.refuse("%s", (tostring(raised):gsub("^[^ ]*:%d+: ", "")))
end

--- Open a session and ask it who it is.
---@param app commerce.App
---@param key userdata a `commerce.core` secret
---@param integration table the key's
---@param who table account: the id that must answer; header: true to ask on its behalf
---  (Stripe-Account)
---@param options table see `session.OPTIONS`; what is left out keeps the core's own defaults
---@return table? parts { session, transport, limiter, account = Stripe's object, or its id alone,
---  at = when it was read (core.now), ask = a function that asks once more }; nil on failure
---@return string? message
---@return commerce.Details? details
function session.open(app, key, integration, who, options)
  local transport = core.transport {
    connect_timeout = options.connect_timeout, ca_file = options.ca_file,
    max_connections = options.concurrency or stripe.concurrency,
  }
  local limiter = new_limiter(options, integration)
  local acting_for = who.header and who.account or nil
  local function make(retries)
    return core.session {
      transport = transport, key = key, account = acting_for, version = stripe.version,
      base_url = options.base_url or os.getenv "STRIPE_API_BASE" or stripe.base_url,
      limiter = limiter, retries = retries, timeout = options.timeout,
      platform_limiter = platform_limiter(app, options, integration, acting_for),
      max_body = options.max_body, backoff = options.backoff, backoff_cap = options.backoff_cap,
    }
  end
  local made, first = errors.try(make,
    math.min(options.retries or FIRST_RETRIES, FIRST_RETRIES))
  if not made then
    transport:close()
    return refuse(first, options)
  end
  local parts = { transport = transport, limiter = limiter, session = make(options.retries) }
  function parts.ask()
    return identify(first, transport, who.account)
  end
  local message, details
  parts.account, message, details = parts.ask()
  parts.at = core.now()
  if not parts.account then
    transport:close()
    return nil, message, details
  end
  return parts
end

return session
