-- A run: one piece of work on a connection's data, under a lease. It has the connection, the
-- options and the lease, and the objects that own all other state and that the stages use by their
-- methods: progress, checkpoints, changes and inbox.

local changes = require "commerce.sync.changes"
local checkpoints = require "commerce.sync.checkpoints"
local erasures = require "commerce.account.erasures"
local errors = require "commerce.base.errors"
local inboxes = require "commerce.sync.inbox"
local leases = require "commerce.sync.lease"
local plan = require "commerce.sync.plan"
local portions = require "commerce.sync.portions"
local progress = require "commerce.sync.progress"
local protections = require "commerce.account.protection"
local scrub = require "commerce.sync.scrub"
local shares = require "commerce.account.shares"

local run = {}

---@class commerce.sync.Options
---@field since integer? unix seconds: only objects created from then on
---@field before integer? unix seconds: only objects created before
---@field full boolean? ignore the checkpoints
---@field page_size integer?
---@field ranges integer? parts of a list that are read side by side at most
---@field keep_source boolean? whether source objects are kept; nil: as before
---@field progress fun(event: commerce.ProgressEvent)?

---@class commerce.sync.Run
---@field id string the connection's
---@field account string
---@field mode "test"|"live"
---@field livemode boolean
---@field store commerce.Store its methods raise; those that write the run's data do it under the
---  lease
---@field session commerce.core.Session? nil if nothing is asked of Stripe
---@field transport commerce.core.Transport?
---@field limiter commerce.core.Limiter?
---@field mappings commerce.Mappings of all data types of the connection
---@field started integer unix seconds, by the clock that is behind
---@field latest_now integer unix seconds: the same moment by the clock that is ahead
---@field options commerce.sync.Options
---@field floor integer? unix seconds: where the oldest object is expected; nil if it
---  cannot be told
---@field lease commerce.sync.Lease
---@field hooks commerce.hooks.Dispatcher? nil if there are no hooks
---@field portions commerce.sync.Portions how pages are written
---@field progress commerce.sync.Progress
---@field checkpoints commerce.sync.Checkpoints
---@field changes commerce.sync.Changes
---@field inbox commerce.sync.Inbox
---@field protection commerce.Protection what is never stored
---@field erasures commerce.Erasures? whose data is not stored again; nil if of nobody
---@field auth string? how the connection was authorized: "connect", "app" or "key"
---@field app_account string? the account's id, if the connection is by a Stripe App: it is known
---  even if Stripe does not show the app the account's object
---@field take_known fun(resource: string): commerce.StripeObject? an object that was fetched a
---  moment ago
---@field types table<string, commerce.DataType> the data types of this run, by name
local methods = {}
local run_mt = { __name = "commerce.sync.run", __index = methods }

-- Of the sync, of the connection, of the application: the first that says something counts.
local function keeps_source(options, connection)
  if options.keep_source ~= nil then
    return options.keep_source
  elseif connection.keep_source ~= nil then
    return connection.keep_source
  end
  return connection.app.keep_source
end

-- The present by Stripe's clock and by this machine's. Dates from Stripe are bounded by the one
-- that is behind: then at most too much is read again, while by the other one new objects could be
-- missed. The age of what is known is told by the one that is ahead.
local function both_clocks(connection)
  local ours = os.time()
  local theirs = connection.stripe_now and connection.stripe_now() or ours
  return math.min(ours, theirs), math.max(ours, theirs)
end

--- Make a run. Everything that a run needs of its connection is read here, and nowhere else.
---@param connection commerce.Connection an opened one, unless nothing is asked of Stripe
---@param lease commerce.sync.Lease
---@param mappings commerce.Mapping[] of the data types of this run
---@param options commerce.sync.Options
---@param hooks commerce.hooks.Dispatcher?
---@param inbox commerce.sync.Inbox? one that has been collected
---@return commerce.sync.Run
function run.new(connection, lease, mappings, options, hooks, inbox)
  local started, latest_now = both_clocks(connection)
  local self = setmetatable({
    id = connection.id, account = connection.account,
    mode = connection.integration.mode, livemode = connection.integration.livemode,
    store = lease:fenced(), session = connection.session, transport = connection.transport,
    limiter = connection.limiter, mappings = connection.mappings,
    started = started, latest_now = latest_now, options = options,
    floor = connection.account_created,
    auth = connection.auth,
    app_account = connection.auth == "app" and connection.account or nil,
    lease = lease, hooks = hooks, portions = portions.new(), types = {},
    take_known = function(resource)
      return connection:take_known(resource)
    end,
  }, run_mt)
  for _, mapping in ipairs(mappings) do
    self.types[mapping.type.name] = mapping.type
  end
  self.progress = progress.new(self, mappings)
  self.checkpoints = checkpoints.new(self, keeps_source(options, connection))
  self.changes = changes.new(self)
  self.inbox = inbox or inboxes.new(connection, self.store)
  self.protection = protections.of(self.store, self.id, self.mappings)
  self.erasures = erasures.of(self.store, self.id)
  for _, note in ipairs(scrub.run(self.store, self.id, self.mappings, lease)) do
    self.progress:note(note)
  end
  return self
end

--- Whether a resource is up to date: it was read to its end, and no change of it is missing.
---@param resource string
---@return boolean
function methods:is_done(resource)
  return self.checkpoints:is_finished(resource) and not self.changes:is_lost(resource)
end

--- Plan what the run asks of Stripe.
---@param mappings commerce.Mapping[] of the data types that are read
---@return commerce.Task[] tasks each resource once
---@return commerce.sync.Consumer[] joins
function methods:plan(mappings)
  return plan.make(self.mappings.resources, mappings, { since = self.options.since,
    before = self.options.before, hooks = self.hooks, keep_all = self.checkpoints:keeps_sources(),
    paths = self.erasures and self.erasures.PATHS,
    session_for = function(resource)
      return self.progress:session_for(resource)
    end })
end

--- Do a run's work while no other run works on its connection.
---@param connection commerce.Connection
---@param worker string? who does it, and keeps the lease afterwards; if left out this process,
---  which gives the lease back
---@param work fun(lease: commerce.sync.Lease): any
---@return any result of the work. Raises if another run is under way (code "busy")
function run.alone(connection, worker, work)
  local lease = leases.take(connection.store, connection.id, worker)
  local leave = shares.join(connection, lease.worker)
  return errors.finally(function()
    return work(lease)
  end, function()
    leave()
    if not worker then
      errors.catch(lease.release, lease) -- if this fails, the lease runs out
    end
  end)
end

return run
