-- A connection: one Stripe account in one mode, of one company. It has a status in the store
-- (lifecycle.lua) and, when it is opened, a session at Stripe.

local configured = require "commerce.mapping.configured"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local field_lists = require "commerce.account.fields"
local fetch = require "commerce.account.fetch"
local hooks = require "commerce.hooks.registry"
local jobs = require "commerce.runtime.jobs"
local keys = require "commerce.account.keys"
local lifecycle = require "commerce.app.lifecycle"
local mappings = require "commerce.mapping.registry"
local read_changes = require "commerce.app.changes"
local protections = require "commerce.account.protection"
local rates = require "commerce.account.rates"
local read_allocation = require "commerce.account.read_allocation"
local records = require "commerce.app.records"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

-- Rooms that only some scripts and commands need are loaded by the first method that needs them:
-- they take a third of the time that the whole library takes to load.
local function sync()
  return require "commerce.sync"
end

---@class commerce.Connection
---@field id string UUID
---@field company_id string
---@field integration commerce.StripeIntegration see commerce.stripe
---@field account string? Stripe's account id; nil before it is linked
---@field name string? the account's
---@field status "PendingAuth"|"Linked"|"Unlinked"|"Deauthorized"
---@field auth "connect"|"app"|"key"|nil how it was authorized: by Stripe Connect, by a Stripe App,
---  or by the account's own key
---@field scope string? of a Connect grant: read_only, read_write; of an app's: stripe_apps
---@field sync_on_link "once"|"continuous"|nil how often its data may be read; a first sync is due
---  while last_sync is older than linked
---@field link_id string? the id in its Link URL
---@field created string
---@field linked string? when it was authorized last
---@field last_sync string?
---@field app commerce.App
---@field store commerce.Store its methods raise their failures
---@field mappings commerce.Mappings
---@field hooks commerce.hooks.Registry
---@field shares_key boolean? whether it was opened with its organisation's key
---@field tend (fun(transport: commerce.core.Transport, sessions: commerce.core.Session[]))? renews
---  an app's token
---@field syncing boolean?
local Connection = {}

-- Fields of the row are read through the object, so that no value is kept in two places.
local connection_mt = { __name = "commerce.Connection", __index = function(self, name)
  return Connection[name] or rawget(self, "row")[name]
end }

--- A connection of the store, not opened: nothing is asked of Stripe.
---@param app commerce.App
---@param row commerce.ConnectionRow as the store gives it
---@param options commerce.SessionOptions? see `commerce.account.session`: how to talk to Stripe
---  when it is opened
---@return commerce.Connection
function Connection.wrap(app, row, options)
  local own = mappings.new(stripe.mappings, app.mappings)
  return setmetatable({ app = app, store = app.store, row = row, options = options or {},
    integration = stripe.integrations[row.integration], mappings = own,
    hooks = hooks.new(app.hooks) }, connection_mt)
end

--- A connection by its id. Raises kind "missing" if it does not exist.
---@param app commerce.App
---@param id string
---@param options commerce.SessionOptions? see `commerce.account.session`
---@return commerce.Connection
function Connection.find(app, id, options)
  errors.check_options(options or {}, sessions.OPTIONS)
  local row = app.store:connections({ id = id })[1]
  if not row then
    errors.throw("missing", ("no connection %s"):format(id))
  end
  return Connection.wrap(app, row, options)
end

--- Connections, oldest first.
---@param app commerce.App
---@param given commerce.ConnectionFilter?
---@return commerce.Connection[]
function Connection.list(app, given)
  local list = {}
  for i, row in ipairs(app.store:connections(given)) do
    list[i] = Connection.wrap(app, row)
  end
  return list
end

--- Make a connection that waits to be authorized.
---@param app commerce.App
---@param company_id string
---@param integration string "stripe" or "stripe-test"
---@return commerce.Connection
function Connection.create(app, company_id, integration)
  local row = keys.new_row(company_id, integration)
  app.store:add_connection(row)
  return Connection.wrap(app, row)
end

--- Connect an account by its own key, or by a platform's key that acts for it.
---@param app commerce.App
---@param options commerce.ConnectOptions see `commerce.app.lifecycle.connect`
---@return commerce.Connection
function Connection.connect(app, options)
  return lifecycle.connect(Connection.wrap, app, options)
end

-- ---------------------------------------------------------------- sync

-- A run was refused something: is it the whole account? Asked once more, so that no stray answer
-- ends a connection.
local function check_access(self)
  local _, message, failure = errors.catch(self.ask)
  if failure then
    lifecycle.note_failure(self, message, failure)
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

-- One sync at a time: a second one, begun by a hook, would read and write the same checkpoints.
local function run_sync(self, options)
  if self.syncing then
    errors.refuse("a sync of this connection is under way already: one at a time; one sync reads "
      .. "several types at once")
  end
  self.syncing = true
  jobs.hold()
  return errors.finally(function()
    return errors.must(sync().run(self, options))
  end, function()
    self.syncing = nil
    jobs.release()
  end)
end

-- Data types that were configured over the API; once is enough.
local function configure(self)
  if self.is_configured then
    return
  end
  for name, failure in pairs(configured.apply(self.store, self.integration.name, self.mappings)) do
    self.mappings:fail(name, failure)
  end
  self.is_configured = true
end

--- Apply the data types that were configured over the API to the connection's mappings.
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Connection:configure()
  configure(self)
  return true
end

--- Read the account's data types into the store.
---@param options commerce.SyncOptions?
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Failure? failure
function Connection:sync(options)
  mappings.check_self(self, "sync")
  lifecycle.open(self)
  configure(self)
  local report, _, failure = errors.catch(run_sync, self, options)
  read_allocation.count(self, report, failure)
  if failure then
    if failure.status == 401 or failure.status == 403 then
      check_access(self)
    end
    errors.rethrow(failure)
  elseif was_refused(report) then
    check_access(self)
  elseif report.complete then
    self.store:resolve_connection_errors(self.id, time.now())
  end
  report.notes[#report.notes + 1] = read_allocation.warning_after(self)
  lifecycle.change(self, { last_sync = time.now() })
  if options and options.strict and not report.complete then
    errors.throw("incomplete", report:summary(), { report = report })
  end
  return report
end

--- Make the records anew from the source objects that were kept (`keep_source`), without the
--- network: after a mapping has changed.
---@param options commerce.RemapOptions?
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Failure? failure
function Connection:remap(options)
  return require("commerce.sync.remap").run(self, options)
end

--- Apply the events that `commerce.webhooks.inbound.receive` has kept. A sync does so, too.
---@param options { worker: string? }? the holder of the lease, see `commerce.SyncOptions`
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Failure? failure
function Connection:apply_events(options)
  options = options or {}
  errors.check_options(options, { worker = "string" })
  lifecycle.open(self)
  return errors.finally(function()
    return sync().apply(self, options.worker)
  end, function()
    read_allocation.count(self)
  end)
end

--- Compare what is stored with Stripe: the balance, payouts, and every type's records.
---@param options commerce.VerifyOptions?
---@return commerce.VerifyReport? report nil where nothing could be done
---@return string? message
---@return commerce.Failure? failure
function Connection:verify(options)
  lifecycle.open(self)
  configure(self)
  return errors.finally(function()
    return require("commerce.verify").run(self, options)
  end, function()
    read_allocation.count(self)
  end)
end

--- Compute a report over what is stored of the connection: revenue, orders, refunds, payouts, …
---@param name string see `commerce.figures.names`; such as "revenue"
---@param asked commerce.figures.Asked? which periods
---@return commerce.figures.Report? report nil for an unknown name, impossible periods, or a data
---  type that has not been read
---@return string? message
---@return commerce.Failure? failure
function Connection:report(name, asked)
  return require("commerce.figures").report(self.store, self.id, name, asked)
end

-- ---------------------------------------------------------------- fields that are never stored

--- Leave out or hash fields of this connection from now on. The next run scrubs what is stored;
--- `scrub` does so at once.
---@param given commerce.FieldChanges
---@return boolean? changed nil on failure: a field is unknown, or must be stored
---@return string? message
---@return commerce.Failure? failure
function Connection:protect(given)
  mappings.check_self(self, "protect")
  configure(self)
  return protections.change(self.store, self.mappings, self.id, given)
end

--- The fields that are left out and hashed of this connection, those for all connections included.
---@return commerce.FieldLists? lists nil on failure
---@return string? message
---@return commerce.Failure? failure
function Connection:fields()
  return field_lists.of(self.store, self.id)
end

--- How many requests a second are sent for this connection, and who says so.
---@return commerce.Rates? rates nil on failure
---@return string? message
---@return commerce.Failure? failure
function Connection:rates()
  return rates.of(self.store, self.id, self.integration)
end

--- Set how many requests a second are sent for this connection, from the next time that it is
--- opened: more where Stripe has raised the account's limits, less where other programs use its
--- key.
---@param given commerce.RateSettings rate, endpoint_rate; what is left out is as the environment or
---  Stripe says
---@return commerce.Rates? rates that apply now; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Connection:set_rates(given)
  mappings.check_self(self, "set_rates")
  rates.set(self.store, self.id, given or {})
  return rates.of(self.store, self.id, self.integration)
end

--- Make what is stored agree with the lists of fields now. Stripe is not asked. The database's file
--- is written anew, so that no trace is left in its unused space.
---@param options { compact: boolean? }? compact = false: the file is not written anew, as where
---  several connections are scrubbed
---@return commerce.Scrubbed? done nil on failure; code "busy": a run is under way, and the next one
---  scrubs
---@return string? message
---@return commerce.Failure? failure
function Connection:scrub(options)
  options = options or {}
  errors.check_options(options, { compact = "boolean" })
  configure(self)
  local scrub = require "commerce.sync.scrub"
  local done = require("commerce.sync.run").alone(self, nil, function(lease)
    return (select(2, scrub.run(lease:fenced(), self.id, self.mappings, lease)))
  end)
  if options.compact ~= false then
    require("commerce.sync.traces").remove(self.store)
  end
  return done
end

local function erase(self, id)
  configure(self)
  local erasure = require "commerce.sync.erasure"
  local done = require("commerce.sync.run").alone(self, nil, function(lease)
    return erasure.person(lease:fenced(), self.id, id, lease)
  end)
  require("commerce.sync.traces").remove(self.store)
  return done
end

--- Erase what is stored of one customer, and keep it from being stored again. Payments, disputes
--- and transactions stay with their amounts and dates, without what tells of the person. Stripe is
--- not asked, and keeps its data.
---@param customer_id string "cus_..."
---@return commerce.Erased? done nil on failure; code "busy": a run is under way
---@return string? message
---@return commerce.Failure? failure
function Connection:erase_customer(customer_id)
  mappings.check_self(self, "erase_customer")
  if type(customer_id) ~= "string" or not customer_id:find "^[%w_]+$" then
    errors.refuse("erase_customer: a customer's id expected, such as cus_123")
  end
  return erase(self, customer_id)
end

--- Erase what is stored of the person in one payment, with its refunds and disputes, as
--- `erase_customer` does: for a guest, whom Stripe does not keep as a customer.
---@param payment_id string "ch_..." or "py_..."
---@return commerce.Erased? done nil on failure; code "busy": a run is under way
---@return string? message
---@return commerce.Failure? failure
function Connection:erase_payment(payment_id)
  mappings.check_self(self, "erase_payment")
  if type(payment_id) ~= "string" or not payment_id:find "^[cp][hy]_%w+$" then
    errors.refuse("erase_payment: a payment's id expected, such as ch_123")
  end
  return erase(self, payment_id)
end

--- Declare a hook: a function of yours that is called at a named place of each sync.
---@param name string "payments", "payments:change", "after_sync", …; see `commerce.hooks.registry`
---@param run function
---@param options commerce.HookOptions? on_error: "skip" or "stop"; source: see
---  `commerce.hooks.registry`
function Connection:on(name, run, options)
  mappings.check_self(self, "on")
  self.hooks:add(self.mappings, name, run, options)
end

-- ---------------------------------------------------------------- reading

--- Fetch an object from Stripe, with the key, the limits and the retries of this connection.
---@param path string such as "/v1/customers/cus_123"
---@param query table<string, any>? parameters; a list stands for several values: { expand = {…} }
---@return commerce.StripeObject? object as Stripe gives it, but without its nulls; nil on failure
---@return string? message
---@return commerce.Failure? failure
function Connection:get(path, query)
  lifecycle.open(self)
  return fetch.one(self, path, query)
end

local FRESH = 10 -- seconds

--- An object that was fetched a moment ago, to spare its request; it is given once.
---@param resource string
---@return commerce.StripeObject? object
function Connection:take_known(resource)
  local object = core.now() - self.known.at < FRESH and self.known[resource] or nil
  self.known[resource] = nil
  return object
end

--- Iterate over the connection's records of a data type: `for payment in shop:records("payments")`.
---@param type_name string
---@param options commerce.RecordsOptions? the connection is this one
---@return fun(): commerce.RecordFields? next
function Connection:records(type_name, options)
  mappings.check_self(self, "records")
  return records.read(self.store, type_name, records.options(options, { connection_id = self.id }),
    self.mappings)
end

--- Iterate over what syncs created, changed and deleted, in order, each change once for each name
--- of a consumer: `for change in shop:changes { consumer = "queue" }`. Asking for the next one says
--- that the one before it has been dealt with.
---@param options commerce.ChangesOptions?
---@return fun(): commerce.RecordChange|commerce.RecordChange[]|nil next
function Connection:changes(options)
  mappings.check_self(self, "changes")
  return read_changes(self.store, self.id, options)
end

-- ---------------------------------------------------------------- mappings

--- Extend a data type's mapping for this connection: replace fields, or add some under
--- supplementalData. Raises at your line if the declaration has a mistake.
---@param type_name string
---@param fields table<string, any> see `commerce.Mappings:extend`
---@param options commerce.ExtendOptions?
function Connection:extend(type_name, fields, options)
  mappings.check_self(self, "extend")
  self.mappings:extend(type_name, fields, options)
end

--- Define a data type for this connection, including its table and columns; it is then synced like
--- any other. Raises at your line if the declaration has a mistake.
---@param name string the name of the data type and of its table
---@param declaration commerce.Definition see `commerce.Mappings:define`
function Connection:define(name, declaration)
  mappings.check_self(self, "define")
  self.mappings:define(name, declaration, self.store)
end

local INSIDE = { wrap = true, find = true, list = true, create = true, connect = true }
local RAISING = { on = true, extend = true, define = true, records = true, changes = true,
  take_known = true }

for name, method in pairs(lifecycle.methods) do
  Connection[name] = method
end
for name, method in pairs(Connection) do
  if not INSIDE[name] and not RAISING[name] then
    Connection[name] = errors.protect(method)
  end
end

return Connection
