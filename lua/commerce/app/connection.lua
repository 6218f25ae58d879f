-- A connection: one Stripe account in one mode, of one company. It has a life in the store, which
-- the files beside this one lead, and, when it is opened, a session at Stripe. Called by company
-- and commerce (init).

local configured = require "commerce.mapping.configured"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local fetch = require "commerce.account.fetch"
local hooks = require "commerce.hooks.registry"
local keys = require "commerce.account.keys"
local lifecycle = require "commerce.app.lifecycle"
local mappings = require "commerce.mapping.registry"
local opening = require "commerce.app.opening"
local read_changes = require "commerce.app.changes"
local records = require "commerce.app.records"
local remap = require "commerce.sync.remap"
local runtime = require "commerce.runtime"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"
local sync = require "commerce.sync"
local time = require "commerce.base.time"
local verify = require "commerce.verify"

local connection = {}

---@class commerce.Connection
---@field id string UUID
---@field company_id string
---@field integration table see commerce.stripe
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
---@param options table? see `commerce.account.session`: how to talk to Stripe when it is opened
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
---@param options table? see `commerce.account.session`
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

--- Connect an account by its own key, or by a platform's key that acts for it.
---@param app commerce.App
---@param options table see `commerce.app.opening.connect`
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function connection.connect(app, options)
  return opening.connect(connection.wrap, app, options)
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
    errors.refuse("a sync of this connection is under way already: one at a time; one sync reads "
      .. "several types at once")
  end
  self.syncing = true
  runtime.hold()
  local ok, report, message, details = pcall(errors.catch, sync.run, self, options)
  self.syncing = nil
  runtime.release()
  if not ok then
    error(report, 0)
  end
  return report, message, details
end

--- Take in what was configured of data types over the API; once is enough.
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:configure()
  if self.is_configured then
    return true
  end
  self.is_configured = true
  local ran, ok, message, details = pcall(errors.catch, configured.apply, self.store,
    self.integration.name, self.mappings)
  if not ran then
    return errors.fail("mapping", "the configured data types: " .. tostring(ok))
  end
  return ok, message, details
end

--- Read the account's data types into the store.
---@param options table? see `commerce.sync.run`
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function methods:sync(options)
  mappings.check_self(self, "sync")
  local ok, message, details = self:open()
  if ok then
    ok, message, details = self:configure()
  end
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
  if not ok then
    return nil, message, details
  elseif options and options.strict and not report.complete then
    return errors.fail("incomplete", report:summary(), { report = report })
  end
  return report
end

--- Make the records anew from the source objects that were kept (`keep_source`), without the
--- network: after a mapping has changed.
---@param options table? see `commerce.sync.remap.run`
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function methods:remap(options)
  return remap.run(self, options)
end

--- Declare a hook: a function of yours that is called at a named place of each sync.
---@param name string "payments", "payments:change", "after_sync", …; see `commerce.hooks.registry`
---@param run function
---@param options table? on_error: "skip" or "stop"; source: see `commerce.hooks.registry`
function methods:on(name, run, options)
  mappings.check_self(self, "on")
  self.hooks:add(self.mappings, name, run, options)
end

--- Fetch an object from Stripe, with the key, the limits and the retries of this connection.
---@param path string such as "/v1/customers/cus_123"
---@param query table<string, any>? parameters; a list stands for several values: { expand = {…} }
---@return table? object as Stripe gives it, but without its nulls; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:get(path, query)
  local ok, message, details = self:open()
  if not ok then
    return nil, message, details
  end
  return fetch.one(self, path, query)
end

--- Apply the events that `commerce.webhooks.inbound.receive` has kept. A sync does so, too.
---@param options table? worker: who does it, see `commerce.sync.run`
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function methods:apply_events(options)
  options = options or {}
  errors.check_options(options, { worker = "string" })
  local ok, message, details = self:open()
  if not ok then
    return nil, message, details
  end
  return sync.apply(self, options.worker)
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
---@param options table? see `commerce.app.records`; the connection is this one
---@return fun(): table? next
function methods:records(type_name, options)
  mappings.check_self(self, "records")
  return records.read(self.store, type_name, records.options(options, { connection_id = self.id }),
    self.mappings)
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
---@param options table? see `commerce.app.changes`: consumer, since, types, limit, batch
---@return fun(): commerce.RecordChange|commerce.RecordChange[]|nil next
function methods:changes(options)
  mappings.check_self(self, "changes")
  return read_changes(self.store, self.id, options)
end

for _, part in ipairs { opening.methods, lifecycle } do
  for name, method in pairs(part) do
    methods[name] = method
  end
end
errors.protect_methods(methods, { on = true, records = true, extend = true, define = true,
  changes = true })

return connection
