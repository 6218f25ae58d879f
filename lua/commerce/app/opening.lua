-- Opening connections: by a key that was given, or with the one that is kept. Called by connection;
-- its methods are a connection's.

local errors = require "commerce.base.errors"
local keys = require "commerce.account.keys"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"

local opening = { methods = {} }

---@class commerce.Connection
local methods = opening.methods

local function attach(self, parts, key)
  local account = parts.account
  self.session, self.transport, self.limiter = parts.session, parts.transport, parts.limiter
  self.account_created, self.ask = tonumber(account.created), parts.ask
  self.restricted = stripe.is_restricted(key)
  self.known = { account = account.object and account or nil, at = parts.at }
  return self
end

local CONNECT_OPTIONS = { integration = "string", secret_key = "any", account = "string",
  name = "string", company = "string", connection = "string", relink = "boolean",
  keep_key = "boolean", keep_source = "boolean" }
for name, kind in pairs(sessions.OPTIONS) do
  CONNECT_OPTIONS[name] = kind
end

--- Connect an account by its own key, or by a platform's key that acts for it. The account is asked
--- for its id; a connection that the store already has for it is taken up again, and "Linked" if it
--- was "Deauthorized".
---@param wrap fun(app: commerce.App, row: table): commerce.Connection makes the object of a row
---@param app commerce.App
---@param options table secret_key: a string or a `commerce.core` secret; integration: "stripe" or
---  "stripe-test", to have the key's mode checked; account: act on this connected account with the
---  platform's key; company: the id of the company that it belongs to (default: the one that has
---  it, else a new one); connection: the id of the connection to authorize; relink: true takes up
---  an "Unlinked" one, too; keep_key: true keeps the key, sealed under the master key, so that the
---  connection can be opened by its id alone; keep_source: its syncs keep every source object, or
---  (false) no longer; name: of the account; and those of
---  `commerce.account.session`: base_url: another server (default: STRIPE_API_BASE, then
---  Stripe); rate, endpoint_rate (requests a second), concurrency (requests in flight), retries,
---  timeout, connect_timeout, backoff, backoff_cap (seconds), max_body (bytes), ca_file
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function opening.connect(wrap, app, options)
  errors.check_options(options, CONNECT_OPTIONS)
  local key, integration, parts, row
  local ok, message, details = keys.check_keeping(options)
  if ok then
    key, message, details = sessions.secret(options.secret_key)
  end
  if key then
    integration, message, details = stripe.integration_of(key, options.integration)
  end
  if not integration then
    return nil, message, details
  end
  parts, message, details = sessions.open(app, key, integration,
    { account = options.account, header = options.account ~= nil }, options)
  if not parts then
    keys.refused(app, integration, options, message, details)
    return nil, message, details
  end
  row, message, details = errors.catch(keys.take_up, app, integration, parts.account, options)
  ok = row ~= nil
  if row and options.keep_key then
    ok, message, details = errors.catch(keys.keep, app, row, key)
  end
  if not ok then
    parts.transport:close()
    return nil, message, details
  end
  local opened = attach(wrap(app, row), parts, key)
  opened.keep_source = options.keep_source
  return opened
end

local function only_linked(self)
  if self.status ~= "Linked" then
    return errors.fail("state", ("connection %s is %s: only a Linked one can be synced; link it "
      .. "again, what is stored stays readable"):format(self.id, self.status),
      { code = "not_linked" })
  elseif not self.account then
    -- with a platform's key and no account, Stripe would answer with the platform's own data
    return errors.fail("state", ("connection %s has no account: link it again"):format(self.id))
  end
  return true
end

local function open_session(self, key)
  return sessions.open(self.app, key, self.integration,
    { account = self.account, header = self.auth == "connect" }, self.options)
end

-- A key that is kept, the platform's key, and access that a merchant gave have cures of their own.
local function advised(self, details)
  if self.auth == "connect" and stripe.is_revoked(details, self.auth) then
    details.hint = "the merchant can be linked again with `commerce link`; what is stored stays"
  elseif self.auth == "connect" and details.status == 401 then
    details.hint = keys.platform_hint(self.integration.name)
  elseif self.auth == "key" and details.status == 401 then
    details.hint = "link it again by another key with `commerce connections add --keep-key`; what "
      .. "is stored stays"
  end
  return details
end

--- Open the session with the stored credentials, unless it is open already. Stripe is asked whether
--- the account answers.
---@return commerce.Connection? self nil on failure
---@return string? message
---@return commerce.Details? details
function methods:open()
  local ok, message, details = only_linked(self)
  if not ok then
    return nil, message, details
  elseif self.session then
    return self
  end
  local key
  key, message, details = keys.stored(self.app, self.row)
  if not key then
    return nil, message, details
  end
  local parts
  parts, message, details = open_session(self, key)
  if not parts and stripe.is_revoked(details, self.auth) then
    parts, message, details = open_session(self, key) -- no stray answer ends a connection
  end
  if not parts then
    self:failed(message, details)
    return nil, message, advised(self, details)
  end
  return attach(self, parts, key)
end

--- Whether a key is kept that it can be opened with.
---@return boolean? kept nil on failure
---@return string? message
---@return commerce.Details? details
function methods:has_key()
  return keys.is_kept(self.app, self.row)
end

--- Close the connections to Stripe; the store stays open.
function methods:close()
  if self.transport then
    self.transport:close()
    self.session, self.transport, self.limiter = nil, nil, nil
  end
  self.mappings:close()
end

return opening
