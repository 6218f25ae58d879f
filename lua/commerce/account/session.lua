-- Sessions: authenticated access to Stripe as an account or a platform. The first request finds the
-- account that the key belongs to.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local patience = require "commerce.account.patience"
local rates = require "commerce.account.rates"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local session = {}

---@class commerce.SessionOptions
---@field base_url string? another server (default: STRIPE_API_BASE, then Stripe)
---@field rate number? requests a second
---@field endpoint_rate number? requests a second of one endpoint
---@field concurrency integer? requests in flight
---@field retries integer?
---@field timeout number? seconds
---@field connect_timeout number? seconds
---@field ca_file string? PEM file of the CA certificates to trust
---@field max_body integer? bytes of an answer
---@field backoff number? seconds: the bound of the first wait after a failure
---@field backoff_cap number? seconds
---@field connect_base string? another server for connect.stripe.com

--- The network options, which every function that opens a connection takes.
session.OPTIONS = {
  base_url = "string", rate = "number", endpoint_rate = "number", concurrency = "number",
  retries = "number", timeout = "number", connect_timeout = "number", ca_file = "string",
  max_body = "number", backoff = "number", backoff_cap = "number", connect_base = "string",
}

--- Convert a key to a secret.
---@param key string|commerce.core.Secret|nil
---@return commerce.core.Secret secret
function session.secret(key)
  if (key == nil or key == "") and (os.getenv "STRIPE_SECRET_KEY_FILE" or "") ~= "" then
    return (errors.must(core.secret_from_env "STRIPE_SECRET_KEY"))
  elseif key == nil or key == "" then -- a variable that is set to nothing
    errors.throw("auth", "no secret key given: set STRIPE_SECRET_KEY")
  end
  return type(key) == "string" and errors.must(core.secret(key)) or key
end

local MOST_CONNECTIONS = 100 -- the limiter lets as many requests be in flight as rates need
local FIRST_RETRIES = 2 -- of the first request: a missing network is told within seconds

local function new_limiter(options, integration)
  local found = rates.default(integration)
  return core.limiter {
    rate = options.rate or found.rate,
    endpoint_rate = options.endpoint_rate or found.endpoint_rate,
    concurrency = options.concurrency or rates.concurrency(options.rate or found.rate),
  }
end

-- Stripe does not document whether its limits count for the platform or for the account, so both
-- have a limiter.
local function platform_limiter(app, options, integration, account)
  if account then
    app.limiters = app.limiters or {}
    app.limiters[integration.name] = app.limiters[integration.name]
      or new_limiter(options, integration)
    return app.limiters[integration.name]
  end
  return app.limiter
end

-- Stripe's clock, by the header `Date` of an answer. It goes on by the monotonic clock, which a
-- change of this machine's date does not move.
local function clock_of(response)
  local date, at = time.parse_http(response.headers.date), core.now()
  return date and function()
    return math.floor(date + core.now() - at)
  end
end

-- Read the account of the key. Stripe may refuse this to a restricted key and to an app, but its
-- refusal names the account. Gives Stripe's clock, too.
local function identify(asker, transport, wanted)
  local call = asker:request { path = stripe.resources.account.path }
  local stop = patience.watch(transport)
  local response, message, details = errors.finally(function()
    return jobs.await(transport, call)
  end, stop)
  local account = {}
  if not response and stripe.account_in_refusal(details) then
    account.id = stripe.account_in_refusal(details)
  else
    local answer = json.decode(errors.must(response, message, details).body)
    account = type(answer) == "table" and answer or account
  end
  if type(account.id) ~= "string" then
    errors.throw("decode", "GET /v1/account: the answer is not an account")
  elseif wanted and wanted ~= account.id then
    errors.throw("auth", ("asked for account %s, Stripe answered as %s")
      :format(wanted, account.id), { code = "other_account" })
  end
  return account, response and clock_of(response)
end

-- A wrong option is a mistake in the program, unless it comes from the environment.
local function refuse(raised, options)
  local wrong = tostring(raised):match "bad option 'base_url': (.*)"
  if wrong and not options.base_url then
    errors.throw("usage", "STRIPE_API_BASE must be a server's address (https://...): "
      .. wrong)
  end
  errors.refuse("%s", (tostring(raised):gsub("^[^ ]*:%d+: ", "")))
end

-- Whom the key acts for: a connected account (Stripe-Account), or one of an organisation's accounts
-- (Stripe-Context).
local function acting(key, who)
  if not stripe.is_organisation(key) then
    return who.header and who.account or nil, nil
  elseif not who.account then
    errors.throw("usage", "an organisation key (sk_org_...) has no account of its own: name one "
      .. "of the organisation's accounts with `--account acct_...` or STRIPE_ACCOUNT",
      { code = "no_context" })
  end
  return nil, who.account
end

---@class commerce.SessionOwner whom a session asks for
---@field account string? the id that must answer
---@field header boolean? true: ask on its behalf (Stripe-Account). An organisation's key always
---  asks on its behalf (Stripe-Context)
---@field tend (fun(transport: commerce.core.Transport, sessions: commerce.core.Session[]))? the key
---  is an app's token, and the function renews it
---@field json boolean? post JSON, as /v2 takes it

---@class commerce.OpenedSession
---@field session commerce.core.Session
---@field transport commerce.core.Transport
---@field limiter commerce.core.Limiter
---@field platform_limiter commerce.core.Limiter|false|nil that of the platform's key, if it is used
---  for a connected account
---@field acting_for string? a connected account's id
---@field account commerce.StripeObject the account, or its id alone
---@field at number when the account was read (core.now)
---@field close fun() closes transport and sessions, and wipes the key
---@field ask fun(): commerce.StripeObject reads the account once more
---@field requests_sent fun(): integer the number of requests so far
---@field stripe_now (fun(): integer)? the present by Stripe's clock (unix seconds), if it is known

--- Open a session and read its account.
---@param app commerce.App
---@param key commerce.core.Secret
---@param integration commerce.StripeIntegration the key's
---@param who commerce.SessionOwner
---@param options commerce.SessionOptions see `session.OPTIONS`; what is left out keeps the core's
---  own defaults
---@return commerce.OpenedSession parts
function session.open(app, key, integration, who, options)
  local acting_for, context = acting(key, who)
  local transport = core.transport {
    connect_timeout = options.connect_timeout, ca_file = options.ca_file,
    max_connections = options.concurrency or MOST_CONNECTIONS,
  }
  local limiter = new_limiter(options, integration)
  local platform = platform_limiter(app, options, integration, acting_for)
  local function make(retries)
    return core.session {
      transport = transport, key = key, account = acting_for, context = context,
      version = stripe.version,
      base_url = options.base_url or stripe.api_base(),
      limiter = limiter, retries = retries, timeout = options.timeout,
      platform_limiter = platform,
      max_body = options.max_body, backoff = options.backoff, backoff_cap = options.backoff_cap,
      renewable = who.tend ~= nil, json = who.json,
    }
  end
  local made, first = errors.try(make,
    math.min(options.retries or FIRST_RETRIES, FIRST_RETRIES))
  if not made then
    transport:close()
    return refuse(first, options)
  end
  local parts = { transport = transport, limiter = limiter, session = make(options.retries),
    acting_for = acting_for, platform_limiter = acting_for and platform }
  if who.tend then
    who.tend(transport, { first, parts.session })
  end
  function parts.close()
    transport:close()
    parts.session:close()
    first:close()
  end
  function parts.requests_sent()
    return parts.session:stats().requests + first:stats().requests
  end
  function parts.ask()
    return identify(first, transport, who.account)
  end
  local account, clock, failure = errors.catch(parts.ask)
  if failure then
    parts.close()
    errors.rethrow(failure)
  end
  parts.account, parts.at, parts.stripe_now = account, core.now(), clock or nil
  return parts
end

return session
