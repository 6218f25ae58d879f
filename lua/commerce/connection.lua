-- A connection: one Stripe account in one mode, its session and its records.
-- Called by commerce (init). The account is asked who it is before anything else is done.

local core = require "commerce.core"
local errors = require "commerce.errors"
local json = require "commerce.json"
local model = require "commerce.model"
local query = require "commerce.query"
local runtime = require "commerce.runtime"
local stripe = require "commerce.platform.stripe"
local sync = require "commerce.sync"
local time = require "commerce.time"
local verify = require "commerce.verify"

local connection = {}

---@class commerce.Connection
---@field id string UUID
---@field account string Stripe's account id
---@field integration table see commerce.platform.stripe
---@field store commerce.Store
local methods = {}
local connection_mt = { __name = "commerce.Connection", __index = methods }

local OPTIONS = {
  integration = "string", secret_key = "any", account = "string", base_url = "string",
  name = "string", rate = "number", endpoint_rate = "number", concurrency = "number",
  retries = "number", timeout = "number", connect_timeout = "number", ca_file = "string",
  max_body = "number", backoff = "number", backoff_cap = "number",
}

-- ---------------------------------------------------------------- connecting

local function to_secret(key)
  if type(key) == "string" then
    return core.secret(key)
  end
  return key
end

local function integration_for(options, key)
  local integration, message, details = stripe.integration_of(key)
  if not integration then
    return nil, message, details
  end
  local wanted = options.integration
  if wanted and not stripe.integrations[wanted] then
    return errors.fail("usage", ("unknown integration '%s' (known: stripe, stripe-test)")
      :format(wanted))
  elseif wanted and wanted ~= integration.name then
    return errors.fail("auth", ("the key is a %s mode key, integration '%s' needs a %s mode key")
      :format(integration.livemode and "live" or "test", wanted,
        integration.livemode and "test" or "live"))
  end
  return integration
end

local FIRST_RETRIES = 2 -- of the first request: a missing network is told within seconds

-- Options that are left out keep the core's own defaults. The first session only asks who is there.
local function new_sessions(options, key, integration)
  local transport = core.transport {
    connect_timeout = options.connect_timeout, ca_file = options.ca_file,
    max_connections = options.concurrency or stripe.concurrency,
  }
  local limiter = core.limiter {
    rate = options.rate or integration.rate,
    endpoint_rate = options.endpoint_rate or stripe.endpoint_rate,
    concurrency = options.concurrency or stripe.concurrency,
  }
  local function session(retries)
    return core.session {
      transport = transport, key = key, account = options.account, version = stripe.version,
      base_url = options.base_url or os.getenv "STRIPE_API_BASE" or stripe.base_url,
      limiter = limiter, retries = retries, timeout = options.timeout,
      max_body = options.max_body, backoff = options.backoff, backoff_cap = options.backoff_cap,
    }
  end
  local first = session(math.min(options.retries or FIRST_RETRIES, FIRST_RETRIES))
  return first, session(options.retries), transport, limiter
end

-- The account behind the key. A restricted key may be refused it, but is then told its id.
local function identify(session, transport, wanted)
  local call = session:request { path = stripe.resources.account.path }
  local response, message, details = runtime.await(transport, call)
  local account = {}
  if response then
    account = json.decode(response.body) or account
  elseif stripe.account_in_refusal(details) then
    account.id = stripe.account_in_refusal(details)
  else
    return nil, message, details
  end
  if type(account.id) ~= "string" then
    return errors.fail("decode", "GET /v1/account: the answer is no account")
  elseif wanted and wanted ~= account.id then
    return errors.fail("auth", ("asked for account %s, Stripe answered as %s")
      :format(wanted, account.id))
  end
  return account
end

-- The same account in the same mode is the same connection, whichever key opens it.
local function stored_row(store, integration, account, name)
  local rows, message, details = store:connections()
  if not rows then
    return nil, message, details
  end
  for _, row in ipairs(rows) do
    if row.integration == integration.name and row.account == account then
      return row
    end
  end
  local row = { id = core.uuid(), integration = integration.name, account = account, name = name,
    status = "Linked", created = time.now() }
  local ok, reason, why = store:save_connection(row)
  if not ok then
    return nil, reason, why
  end
  return row
end

--- Connect an account by its own key. The account is asked for its id; a connection that the store
--- already has for it is taken up again.
---@param store commerce.Store
---@param options table secret_key: a string or a `commerce.core` secret; integration: "stripe" or
---  "stripe-test", to have the key's mode checked; account: act on this connected account with the
---  platform's key; name; base_url: another server (default: STRIPE_API_BASE, then Stripe); rate,
---  endpoint_rate (requests a second), concurrency (requests in flight), retries, timeout,
---  connect_timeout, backoff, backoff_cap (seconds), max_body (bytes), ca_file
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function connection.open(store, options)
  errors.check_options(options, OPTIONS)
  local key, message, details = to_secret(options.secret_key)
  if key == nil then
    return errors.fail("auth", message or "no secret key given: set STRIPE_SECRET_KEY", details)
  end
  local integration
  integration, message, details = integration_for(options, key)
  if not integration then
    return nil, message, details
  end
  local first, session, transport, limiter = new_sessions(options, key, integration)
  local account
  account, message, details = identify(first, transport, options.account)
  local row
  if account then
    row, message, details = stored_row(store, integration, account.id, options.name)
  end
  if not row then
    transport:close()
    return nil, message, details
  end
  return setmetatable({
    id = row.id, row = row, account = account.id, account_created = tonumber(account.created),
    restricted = stripe.is_restricted(key),
    integration = integration, platform = stripe, mappings = stripe.mappings(),
    known = { account = account.object and account or nil, at = core.now() },
    store = store, session = session, transport = transport, limiter = limiter,
  }, connection_mt)
end

-- ---------------------------------------------------------------- using it

--- Read the account's data types into the store.
---@param options table? see `commerce.sync.run`
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function methods:sync(options)
  local result, message, details = sync.run(self, options)
  if result then
    self.row.last_sync = time.now()
    local ok
    ok, message, details = self.store:save_connection(self.row)
    if not ok then
      return nil, message, details
    end
  end
  return result, message, details
end

--- Compare what is stored with Stripe: the balance, payouts, and every type's records.
---@param options table? see `commerce.verify.run`
---@return commerce.VerifyReport? report nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function methods:verify(options)
  return verify.run(self, options)
end

local FRESH = 10 -- seconds

--- An object that was fetched a moment ago, to spare its request; it is given once.
---@param resource string
---@return table? object
function methods:take_known(resource)
  local object = core.now() - self.known.at < FRESH and self.known[resource] or nil
  self.known[resource] = nil
  return object
end

--- Iterate over the connection's records of a data type: `for payment in shop:records("payments")`.
---@param type_name string
---@param options table? see `connection.records`; the connection is this one
---@return fun(): table? next
function methods:records(type_name, options)
  local all = { connection_id = self.id }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  return connection.records(self.store, type_name, all)
end

--- Close the connections to Stripe; the store stays open.
function methods:close()
  self.transport:close()
end

local RECORD_OPTIONS = { connection_id = "string", query = "string", orderBy = "string",
  limit = "number", offset = "number", deleted = "boolean", raw = "boolean" }

local function parsed(data_type, options)
  local found = { connection_id = options.connection_id, limit = options.limit,
    offset = options.offset, deleted = options.deleted }
  local message, details
  if options.query then
    found.query, message, details = query.parse(data_type, options.query)
    if not found.query then
      return nil, message, details
    end
  end
  if options.orderBy then
    found.order_by, message, details = query.order(data_type, options.orderBy)
    if not found.order_by then
      return nil, message, details
    end
  end
  return found
end

--- Iterate over the records of a data type, newest first. Raises on failure, so that no loop ends
--- early in silence.
---@param store commerce.Store
---@param type_name string
---@param options table? query and orderBy in Codat's language ("amount>100&&status=Paid",
---  "-createdDate"); limit; offset; connection_id (all if left out); deleted: true for those too
---  that the source deleted; raw: true gives each record as JSON text
---@return fun(): any next
function connection.records(store, type_name, options)
  options = options or {}
  errors.check_options(options, RECORD_OPTIONS)
  local data_type, unknown = model.find(type_name)
  if not data_type then
    error(unknown, 2)
  end
  local found, message, details = parsed(data_type, options)
  local next_row
  if found then
    next_row, message, details = store:records(data_type, found)
  end
  if not next_row then
    error(details or message, 2)
  end
  return function()
    local _, data = next_row()
    if data == nil or options.raw then
      return data
    end
    return json.decode(data)
  end
end

return connection
