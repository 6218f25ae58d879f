-- The lifecycle of a connection: connect, open, link, unlink, delete. The rules of its statuses are
-- in account/status.lua; the methods become those of commerce.Connection.

local app_grant = require "commerce.account.app_grant"
local errors = require "commerce.base.errors"
local grants = require "commerce.account.grant"
local keys = require "commerce.account.keys"
local protections = require "commerce.account.protection"
local rates = require "commerce.account.rates"
local read_allocation = require "commerce.account.read_allocation"
local sessions = require "commerce.account.session"
local statuses = require "commerce.account.status"
local stripe = require "commerce.stripe"

local lifecycle = { methods = {} }

---@class commerce.Connection
local methods = lifecycle.methods

-- ---------------------------------------------------------------- sessions

local function attach(self, parts, key, options)
  local account = parts.account
  rates.apply(parts.limiter, self.store, self.row, options)
  self.session, self.transport, self.limiter = parts.session, parts.transport, parts.limiter
  self.platform_limiter = parts.platform_limiter
  self.close_session = parts.close
  -- of a connected account it is the day of connecting, and most objects are older
  self.account_created = not parts.acting_for and tonumber(account.created) or nil
  self.ask, self.requests_sent, self.reads_counted = parts.ask, parts.requests_sent, 0
  self.stripe_now = parts.stripe_now
  self.restricted = stripe.is_restricted(key) or self.auth == "app"
  self.shares_key = stripe.is_organisation(key)
  self.known = { account = account.object and account or nil, at = parts.at }
  return self
end

---@class commerce.UnlinkOptions
---@field keep_access boolean? true: Stripe is not told

local CONNECT_OPTIONS = { integration = "string", secret_key = "any", account = "string",
  name = "string", company = "string", connection = "string", relink = "boolean",
  keep_key = "boolean", keep_source = "boolean", leave_out = "table", hash = "table" }
for name, kind in pairs(sessions.OPTIONS) do
  CONNECT_OPTIONS[name] = kind
end

local function stored_row(app, integration, account, key, options, auth)
  local row = keys.take_up(app, integration, account, options, auth)
  if options.keep_key then
    keys.keep(app, row, key)
  end
  return row
end

-- The account that is meant. An organisation's key does not tell it, a named connection does.
local function account_meant(app, options, key)
  if options.account or not options.connection or not stripe.is_organisation(key) then
    return options.account
  end
  local named = app.store:connections({ id = options.connection })[1]
  return named and named.account or nil
end

-- Fields of this connection that are never stored.
local function protect(opened, options)
  if options.leave_out or options.hash then
    local ok, raised = errors.try(protections.change, opened.store, opened.mappings, opened.id,
      { leave_out = options.leave_out, hash = options.hash })
    if not ok then
      opened:close()
      errors.rethrow(raised)
    end
  end
end

local function connect(wrap, app, options, key)
  local integration = stripe.integration_of(key, options.integration)
  local account = account_meant(app, options, key)
  local auth = options.account and not stripe.is_organisation(key) and "connect" or "key"
  keys.check_keeping(options, auth)
  local parts, message, failure = errors.catch(sessions.open, app, key, integration,
    { account = account, header = options.account ~= nil }, options)
  if failure then
    -- an organisation's key that is refused says nothing about one of its accounts
    if not (stripe.is_organisation(key) and failure.status == 401) then
      keys.refused(app, integration, options, auth, message, failure)
    end
    errors.rethrow(failure)
  end
  local row, _, not_stored = errors.catch(stored_row, app, integration, parts.account, key, options,
    auth)
  if not_stored then
    parts.close()
    errors.rethrow(not_stored)
  end
  local opened = attach(wrap(app, row), parts, key, options)
  opened.keep_source = options.keep_source
  protect(opened, options)
  return opened
end

---@class commerce.ConnectOptions: commerce.SessionOptions
---@field secret_key string|commerce.core.Secret|nil
---@field integration string?
---@field account string?
---@field company string?
---@field connection string?
---@field relink boolean?
---@field keep_key boolean?
---@field keep_source boolean?
---@field leave_out string[]?
---@field hash string[]?
---@field name string?

--- Connect an account by its own key, or by a platform's key that acts for it. The account is asked
--- for its id; a connection that the store already has for it is taken up again, and "Linked" if it
--- was "Deauthorized".
---@param wrap fun(app: commerce.App, row: commerce.ConnectionRow): commerce.Connection makes the
---  object of a row
---@param app commerce.App
---@param options commerce.ConnectOptions secret_key: a string or a `commerce.core` secret;
---  integration: "stripe" or
---  "stripe-test", to have the key's mode checked; account: act on this connected account with the
---  platform's key, or on this account with its organisation's key; company: the id of the company
---  that it belongs to (default: the one that has it, else a new one); connection: the id of the
---  connection to authorize; relink: true takes up an "Unlinked" one, too; keep_key: true keeps the
---  key, sealed under the master key, so that the connection can be opened by its id alone;
---  keep_source: its syncs keep every source object, or (false) no longer; leave_out, hash: lists
---  of its fields that are never stored (`commerce.account.fields`), added to those of the store;
---  name: of the account; and those of
---  `commerce.account.session`: base_url: another server (default: STRIPE_API_BASE, then
---  Stripe); rate, endpoint_rate (requests a second), concurrency (requests in flight), retries,
---  timeout, connect_timeout, backoff, backoff_cap (seconds), max_body (bytes), ca_file
---@return commerce.Connection
function lifecycle.connect(wrap, app, options)
  errors.check_options(options, CONNECT_OPTIONS)
  local key = sessions.secret(options.secret_key)
  return errors.finally(function()
    return connect(wrap, app, options, key)
  end, function()
    if key ~= options.secret_key then
      key:close() -- it was made here, and the session has a copy
    end
  end)
end

local function check_linked(self)
  if self.status ~= "Linked" then
    errors.throw("state", ("connection %s is %s: only a Linked one can be synced; `commerce "
      .. "link --connection %s` links it again, what is stored stays readable"):format(self.id,
      self.status, self.id), { code = "not_linked" })
  elseif not self.account then
    -- with a platform's key and no account, Stripe would answer with the platform's own data
    errors.throw("state", ("connection %s has no account: link it again"):format(self.id))
  end
end

local function open_session(self, key)
  return sessions.open(self.app, key, self.integration,
    { account = self.account, header = self.auth == "connect", tend = self.tend }, self.options)
end

-- A key that is kept, the platform's key, and access that a merchant gave have cures of their own.
local function advise(self, failure)
  if self.auth ~= "key" and stripe.is_revoked(failure, self.auth) then
    failure.hint = "the merchant can be linked again with `commerce link`; what is stored stays"
  elseif self.auth == "app" and failure.status == 401 then
    failure.hint = ("the merchant has removed the app: with their consent, `commerce link "
      .. "--connection %s` links it again; what is stored stays"):format(self.id)
  elseif self.auth == "connect" and failure.status == 401 then
    failure.hint = keys.platform_hint(self.integration.name)
  elseif self.shares_key and failure.status == 401 then
    failure.hint = "give the organisation's key anew, with `commerce integrations set` or "
      .. "`commerce connections add --account --keep-key`"
  elseif self.auth == "key" and failure.status == 401 then
    failure.hint = ("link it again by another key with `commerce connections add --keep-key`, a "
      .. "merchant with `commerce link --connection %s --key-file -`; what is stored stays"):format(
      self.id)
  end
end

-- A refusal of a key that other accounts share, the platform's or the organisation's, says nothing
-- about this account.
local function is_revoked(self, failure)
  return stripe.is_revoked(failure, self.shares_key and "connect" or self.auth)
end

-- A renewal that Stripe refused has ended the connection in the store.
local function refresh_status(self)
  local stored = self.auth == "app" and self.store:connections { id = self.id }[1]
  if stored then
    self.row.status = stored.status
  end
end

local function open_with(self, key)
  self.shares_key = stripe.is_organisation(key)
  local parts, message, failure = errors.catch(open_session, self, key)
  if failure and is_revoked(self, failure) then
    parts, message, failure = errors.catch(open_session, self, key) -- a stray answer ends nothing
  end
  if failure then
    errors.catch(lifecycle.note_failure, self, message, failure)
    advise(self, failure)
    errors.rethrow(failure)
  end
  return attach(self, parts, key, self.options or {})
end

-- The key, or the token of an app, which is renewed while the session is in use.
local function key_of(self)
  if self.auth ~= "app" then
    return keys.stored(self.app, self.row)
  end
  local token, grant, failure = errors.catch(app_grant.open, self.app, self.integration.name,
    self.account, self.options)
  if failure and failure.code == "no_grant" then -- an unlinking was cut off
    errors.catch(statuses.finish, self.store, self.row, "Deauthorized", failure.message)
  elseif failure then
    refresh_status(self)
  end
  errors.must(token, grant, failure)
  self.tend = function(transport, list)
    app_grant.tend(self.app, grant, transport, list, self.options, function()
      refresh_status(self)
    end)
  end
  return token
end

--- Open the session with the stored credentials, unless it is open already. Stripe is asked whether
--- the account answers.
---@param self commerce.Connection
---@return commerce.Connection self
function lifecycle.open(self)
  check_linked(self)
  if self.session then
    return self
  end
  local key = key_of(self)
  return errors.finally(function()
    return open_with(self, key)
  end, function()
    key:close()
  end)
end

local function close(self)
  if self.transport then
    read_allocation.count(self)
    self.close_session()
    self.session, self.transport, self.limiter, self.ask = nil, nil, nil, nil
    self.platform_limiter = nil
    self.requests_sent = nil
  end
  self.mappings:close()
end

--- Open the session with the stored credentials, unless it is open already. Stripe is asked whether
--- the account answers.
---@return commerce.Connection? self nil on failure
---@return string? message
---@return commerce.Failure? failure
function methods:open()
  return lifecycle.open(self)
end

--- Whether a key is kept that it can be opened with.
---@return boolean? kept nil on failure
---@return string? message
---@return commerce.Failure? failure
function methods:has_key()
  return keys.is_kept(self.app, self.row)
end

--- Close the connections to Stripe; the store stays open.
function methods:close()
  close(self)
end

-- ---------------------------------------------------------------- status

--- Change the stored fields of a connection, in any status.
---@param self commerce.Connection
---@param changes commerce.ConnectionChanges
function lifecycle.change(self, changes)
  if not self.store:change_connection(self.id, changes) then
    errors.throw("missing", ("connection %s has been deleted"):format(self.id))
  end
  for name, value in pairs(changes) do
    self.row[name] = value or nil
  end
end

--- Keep a failure in the connection's history. If it says that the account is out of reach, the
--- connection is "Deauthorized".
---@param self commerce.Connection
---@param message string
---@param failure commerce.Failure?
function lifecycle.note_failure(self, message, failure)
  refresh_status(self)
  statuses.note_error(self.store, self.row, message, failure)
  if self.status == "Linked" and is_revoked(self, failure) then
    statuses.finish(self.store, self.row, "Deauthorized", message)
  end
end

-- Without a connection that needs them, tokens are not kept, even if the app stays installed.
local function give_back_app(self, keep_access)
  local integration, account = self.row.integration, self.account
  if not keep_access then
    errors.within("the app could not be uninstalled at Stripe", app_grant.release, self.app,
      integration, account, self.options, self.id)
  elseif not app_grant.users(self.app, integration, account, self.id)[1] then
    app_grant.forget(self.app, integration, account)
  end
end

-- Access that a merchant gave by linking ends with the connection, at Stripe as well.
local function give_back(self, options)
  errors.check_options(options or {}, { keep_access = "boolean" })
  if self.status == "Linked" and self.auth == "app" then
    return give_back_app(self, options and options.keep_access)
  end
  -- without a scope it was not linked here: STRIPE_ACCOUNT with a platform's key
  if self.status ~= "Linked" or self.auth ~= "connect" or not self.scope
    or options and options.keep_access then
    return
  end
  errors.within("the platform's access could not be ended at Stripe", grants.release, self.app,
    self.row.integration, self.account, self.options, self.id)
end

--- End a connection, see the method `unlink`.
---@param self commerce.Connection
---@param reason string? for its history
---@param options commerce.UnlinkOptions?
function lifecycle.unlink(self, reason, options)
  give_back(self, options)
  statuses.finish(self.store, self.row, "Unlinked", reason)
  close(self)
  keys.forget(self.app, self.row)
end

--- Change the stored fields of a connection, in any status.
---@param changes commerce.ConnectionChanges
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function methods:change(changes)
  lifecycle.change(self, changes)
  return true
end

--- It has been authorized, which must be proven: it is "Linked". A key that is kept for it is
--- forgotten once Connect has taken its place.
---@param grant commerce.Grant
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function methods:link(grant)
  keys.link(self.app, self.row, grant)
  if grant.auth ~= "key" then
    close(self) -- its session is with the account's own key
  end
  return true
end

--- End it: nothing is read any more, a kept key is forgotten, what is stored stays readable. Where
--- a merchant let the platform in, that ends at Stripe, too, first of all, unless another
--- connection needs it.
---@param reason string? for its history
---@param options commerce.UnlinkOptions?
---@return boolean? ok nil on failure, of kind "state" unless it was "Linked"
---@return string? message
---@return commerce.Failure? failure
function methods:unlink(reason, options)
  lifecycle.unlink(self, reason, options)
  return true
end

--- The merchant or Stripe has ended it. What is stored stays readable.
---@param reason string? for its history
---@return boolean? ok nil on failure, of kind "state" unless it was "Linked"
---@return string? message
---@return commerce.Failure? failure
function methods:deauthorize(reason)
  return statuses.finish(self.store, self.row, "Deauthorized", reason)
end

--- Keep a failure in its history; if that says that the account is out of reach, the connection is
--- "Deauthorized".
---@param message string
---@param failure commerce.Failure?
---@return boolean? ok nil if the store failed
---@return string? why
---@return commerce.Failure? its_failure
function methods:failed(message, failure)
  lifecycle.note_failure(self, message, failure)
  return true
end

--- Its failures as a whole, oldest first.
---@return commerce.ErrorRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function methods:errors()
  return self.store:connection_errors(self.id)
end

--- How it came to its status, oldest first.
---@return commerce.StatusRow[]? rows nil on failure
---@return string? message
---@return commerce.Failure? failure
function methods:history()
  return self.store:connection_history(self.id)
end

--- Remove it with everything that is stored of it. One that is "Linked" is unlinked first.
---@param options commerce.UnlinkOptions?
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function methods:delete(options)
  if self.status == "Linked" then
    lifecycle.unlink(self, "it was deleted", options)
  end
  close(self)
  keys.forget(self.app, self.row)
  if not self.store:remove_connection(self.id) then
    errors.throw("missing", ("connection %s has been deleted already"):format(self.id))
  end
  return true
end

return lifecycle
