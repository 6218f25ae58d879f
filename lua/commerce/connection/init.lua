-- A connection: one Stripe account in one mode, of one company. It has a life in the store, which
-- the files beside this one lead, and, when it is opened, a session at Stripe. Called by company
-- and commerce (init).

local core = require "commerce.core"
local errors = require "commerce.errors"
local fetch = require "commerce.sync.fetch"
local grants = require "commerce.connection.grant"
local hooks = require "commerce.hooks"
local keys = require "commerce.connection.keys"
local life = require "commerce.connection.life"
local mappings = require "commerce.mapping.set"
local read_changes = require "commerce.connection.changes"
local read_records = require "commerce.connection.records"
local sessions = require "commerce.connection.session"
local stripe = require "commerce.platform.stripe"
local sync = require "commerce.sync"
local time = require "commerce.time"
local verify = require "commerce.verify"

local connection = {}

---@class commerce.Connection
---@field id string UUID
---@field company_id string
---@field integration table see commerce.platform.stripe
---@field account string? Stripe's account id; none before it is linked
---@field name string? the account's
---@field status "PendingAuth"|"Linked"|"Unlinked"|"Deauthorized"
---@field auth "connect"|"key"|nil how it was authorized: by Stripe Connect, or by the account's own
---  key
---@field scope string? of a Connect grant: read_only, read_write
---@field sync_on_link "once"|"continuous"|nil how often its data may be read; a first sync is due
---  while last_sync is older than linked
---@field link_id string? what its Link URL is known by
---@field created string
---@field linked string? when it was authorized last
---@field last_sync string?
---@field store commerce.Store
---@field syncing boolean?
local methods = {}

-- What the store knows is read through, so that it is never out of date in two places.
local connection_mt = { __name = "commerce.Connection", __index = function(self, name)
  return methods[name] or rawget(self, "row")[name]
end }

--- A connection of the store, not opened: nothing is asked of Stripe.
---@param app commerce.App
---@param row table as the store gives it
---@param options table? see `commerce.connection.session`: how to talk to Stripe when it is opened
---@return commerce.Connection
function connection.wrap(app, row, options)
  local own = mappings.new(stripe, app.mappings)
  return setmetatable({ app = app, store = app.store, row = row, options = options or {},
    integration = stripe.integrations[row.integration], platform = own.platform, mappings = own,
    hooks = hooks.new(app.hooks) }, connection_mt)
end

--- A connection by its id.
---@param app commerce.App
---@param id string
---@param options table? see `commerce.connection.session`
---@return commerce.Connection? connection nil on failure; details.kind is "missing" if there is
---  none
---@return string? message
---@return commerce.Details? details
function connection.find(app, id, options)
  errors.check_options(options or {}, sessions.OPTIONS)
  local rows, message, details = app.store:connections { id = id }
  if not rows then
    return nil, message, details
  elseif not rows[1] then
    return errors.fail("missing", ("no connection %s"):format(id))
  end
  return connection.wrap(app, rows[1], options)
end

--- Connections, oldest first.
---@param app commerce.App
---@param given table? company_id, status, integration, account, auth: only those; limit; offset
---@return commerce.Connection[]? list nil on failure
---@return string? message
---@return commerce.Details? details
function connection.list(app, given)
  local rows, message, details = app.store:connections(given)
  if not rows then
    return nil, message, details
  end
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = connection.wrap(app, row)
  end
  return list
end

--- Make a connection that waits to be authorized.
---@param app commerce.App
---@param company_id string
---@param integration string "stripe" or "stripe-test"
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function connection.create(app, company_id, integration)
  local row, message, details = keys.new_row(company_id, integration)
  if not row then
    return nil, message, details
  end
  local ok
  ok, message, details = app.store:add_connection(row)
  if not ok then
    return nil, message, details
  end
  return connection.wrap(app, row)
end

-- ---------------------------------------------------------------- opening

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
  keep_key = "boolean" }
for name, kind in pairs(sessions.OPTIONS) do
  CONNECT_OPTIONS[name] = kind
end

--- Connect an account by its own key, or by a platform's key that acts for it. The account is asked
--- for its id; a connection that the store already has for it is taken up again, and "Linked" if it
--- was "Deauthorized".
---@param app commerce.App
---@param options table secret_key: a string or a `commerce.core` secret; integration: "stripe" or
---  "stripe-test", to have the key's mode checked; account: act on this connected account with the
---  platform's key; company: the id of the company that it belongs to (default: the one that has
---  it, else a new one); connection: the id of the connection to authorize; relink: true takes up
---  an "Unlinked" one, too; keep_key: true keeps the key, sealed under the master key, so that the
---  connection can be opened by its id alone; name: of the account; and those of
---  `commerce.connection.session`: base_url: another server (default: STRIPE_API_BASE, then
---  Stripe); rate, endpoint_rate (requests a second), concurrency (requests in flight), retries,
---  timeout, connect_timeout, backoff, backoff_cap (seconds), max_body (bytes), ca_file
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function connection.connect(app, options)
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
  row, message, details = keys.take_up(app, integration, parts.account, options)
  ok = row ~= nil
  if row and options.keep_key then
    ok, message, details = keys.keep(app, row, key)
  end
  if not ok then
    parts.transport:close()
    return nil, message, details
  end
  return attach(connection.wrap(app, row), parts, key)
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

-- The platform's key and access that a merchant gave have cures of their own.
local function advised(self, details)
  if self.auth == "connect" and stripe.is_revoked(details, self.auth) then
    details.hint = "the merchant can be linked again with `commerce link`; what is stored stays"
  elseif self.auth == "connect" and details.status == 401 then
    details.hint = keys.platform_hint(self.integration.name)
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

-- ---------------------------------------------------------------- using it

-- A run was refused something: is it the whole account? Asked once more, so that no stray answer
-- ends a connection.
local function check_access(self)
  local account, message, details = self.ask()
  if not account then
    self:failed(message, details)
  end
end

local function was_refused(report)
  for _, entry in ipairs(report.types) do
    if entry.reason == "AuthError" then
      return true
    end
  end
  return false
end

-- One at a time: a hook that begins another one would have it read and write the same checkpoints.
local function run_sync(self, options)
  if self.syncing then
    errors.refuse("a sync of this connection is under way already")
  end
  self.syncing = true
  local ok, report, message, details = pcall(sync.run, self, options)
  self.syncing = nil
  if not ok then
    error(report, 0)
  end
  return report, message, details
end

--- Read the account's data types into the store.
---@param options table? see `commerce.sync.run`
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function methods:sync(options)
  local ok, message, details = self:open()
  if not ok then
    return nil, message, details
  end
  local report
  report, message, details = run_sync(self, options)
  if not report then
    local status = type(details) == "table" and details.status
    if status == 401 or status == 403 then
      check_access(self)
    end
    return nil, message, details
  end
  if was_refused(report) then
    check_access(self)
  elseif report.complete then
    ok, message, details = self.store:resolve_connection_errors(self.id, time.now())
  end
  if ok then
    ok, message, details = self:change { last_sync = time.now() }
  end
  return ok and report or nil, message, details
end

--- Declare a hook: a function of yours that is called at a named place of each sync.
---@param name string "payments", "payments:change", "after_sync", …; see `commerce.hooks`
---@param run function
---@param options table? on_error: "skip" or "stop"; source: see `commerce.hooks`
function methods:on(name, run, options)
  self.hooks:add(self.mappings, name, run, options)
end

--- Fetch an object from Stripe, with the key, the limits and the retries of this connection.
---@param path string such as "/v1/customers/cus_123"
---@param query table<string, any>? parameters; a list stands for several values: { expand = {…} }
---@return table? object as Stripe gives it; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:get(path, query)
  local ok, message, details = self:open()
  if not ok then
    return nil, message, details
  end
  return fetch.one(self, path, query)
end

--- Compare what is stored with Stripe: the balance, payouts, and every type's records.
---@param options table? see `commerce.verify.run`
---@return commerce.VerifyReport? report nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function methods:verify(options)
  local ok, message, details = self:open()
  if not ok then
    return nil, message, details
  end
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
---@param options table? see `commerce.connection.records`; the connection is this one
---@return fun(): table? next
function methods:records(type_name, options)
  local all = { connection_id = self.id }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  return read_records(self.store, type_name, all, self.mappings)
end

-- ---------------------------------------------------------------- its mappings

--- Extend a data type's mapping for this connection: replace fields, or add some under
--- supplementalData. Raises, at your line, for whatever can be told wrong before any data is there.
---@param type_name string
---@param fields table<string, any> see `commerce.Mappings:extend`
---@param options table? resource, expand, from
function methods:extend(type_name, fields, options)
  mappings.check_self(self, "extend")
  self.mappings:extend(type_name, fields, options)
end

--- Define a data type of one's own for this connection: its table, columns, sync and all else come
--- with it. Raises, at your line, for whatever can be told wrong before any data is there.
---@param name string its name, and its table's
---@param declaration table see `commerce.Mappings:define`
function methods:define(name, declaration)
  mappings.check_self(self, "define")
  self.mappings:define(name, declaration, self.store)
end

--- Iterate over what syncs created, changed and deleted, in order, each change once for each name
--- of a consumer: `for change in shop:changes { consumer = "queue" }`. Asking for the next one says
--- that the one before it has been dealt with.
---@param options table? see `commerce.connection.changes`: consumer, since, types, limit, batch
---@return fun(): commerce.Change|commerce.Change[]|nil next
function methods:changes(options)
  return read_changes(self.store, self.id, options)
end

--- Close the connections to Stripe; the store stays open.
function methods:close()
  if self.transport then
    self.transport:close()
    self.session, self.transport, self.limiter = nil, nil, nil
  end
end

-- ---------------------------------------------------------------- its life

--- Change what the store knows, whatever the status.
---@param changes table see `change_connection` of the store
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:change(changes)
  local changed, message, details = self.store:change_connection(self.id, changes)
  if changed == false then
    return errors.fail("missing", ("connection %s has been deleted"):format(self.id))
  elseif changed then
    for name, value in pairs(changes) do
      self.row[name] = value or nil
    end
  end
  return changed, message, details
end

--- It has been authorized, which must be proven: it is "Linked". A key that is kept for it is
--- forgotten once Connect has taken its place.
---@param grant table see `commerce.connection.life`: account, auth, scope, sync_on_link, name
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:link(grant)
  local ok, message, details = life.link(self.store, self.row, grant)
  if ok and grant.auth == "connect" then
    self:close() -- a session of the old way
    ok, message, details = keys.forget(self.app, self.row)
  end
  return ok, message, details
end

-- Access that a merchant gave by linking ends with the connection, at Stripe as well.
local function give_back(self, options)
  errors.check_options(options or {}, { keep_access = "boolean" }, 4)
  -- without a scope it was not linked here: STRIPE_ACCOUNT with a platform's key
  if self.status ~= "Linked" or self.auth ~= "connect" or not self.scope
    or options and options.keep_access then
    return true
  end
  local outcome, message, details = grants.release(self.app, self.row.integration, self.account,
    self.options, self.id)
  if not outcome then
    return errors.prefix("the platform's access could not be ended at Stripe", message, details)
  end
  return outcome
end

--- End it: nothing is read any more, a kept key is forgotten, what is stored stays readable. Where
--- a merchant let the platform in, that ends at Stripe, too, first of all, unless another
--- connection needs it.
---@param reason string? for its history
---@param options table? keep_access = true: Stripe is not told
---@return boolean? ok nil on failure; details.kind is "state" unless it was "Linked"
---@return string? message
---@return commerce.Details? details
function methods:unlink(reason, options)
  local ok, message, details = give_back(self, options)
  if not ok then
    return nil, message, details
  end
  ok, message, details = life.finish(self.store, self.row, "Unlinked", reason)
  if not ok then
    return nil, message, details
  end
  self:close()
  return keys.forget(self.app, self.row)
end

--- The merchant or Stripe has ended it. What is stored stays readable.
---@param reason string? for its history
---@return boolean? ok nil on failure; details.kind is "state" unless it was "Linked"
---@return string? message
---@return commerce.Details? details
function methods:deauthorize(reason)
  return life.finish(self.store, self.row, "Deauthorized", reason)
end

--- Note a failure; if it says that the account is out of reach, the connection is "Deauthorized".
---@param message string
---@param details commerce.Details?
---@return boolean? ok nil if the store failed
---@return string? why
---@return commerce.Details? its_details
function methods:failed(message, details)
  local ok, why, its_details = life.note_error(self.store, self.row, message, details)
  if ok and self.status == "Linked" and stripe.is_revoked(details, self.auth) then
    return self:deauthorize(message)
  end
  return ok, why, its_details
end

--- What went wrong with it as a whole, oldest first.
---@return table[]? rows { at, status_code, status_text, message, resolved }; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:errors()
  return self.store:connection_errors(self.id)
end

--- How it came to its status, oldest first.
---@return table[]? rows { at, status, reason }; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:history()
  return self.store:connection_history(self.id)
end

--- Remove it with everything that is stored of it. One that is "Linked" is unlinked first.
---@param options table? see `unlink`
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:delete(options)
  local ok, message, details = true, nil, nil
  if self.status == "Linked" then
    ok, message, details = self:unlink("it was deleted", options)
  end
  if ok then
    self:close()
    ok, message, details = keys.forget(self.app, self.row)
  end
  if ok then
    ok, message, details = self.store:remove_connection(self.id)
  end
  if ok == false then
    return errors.fail("missing", ("connection %s has been deleted already"):format(self.id))
  end
  return ok, message, details
end

return connection
