-- The worker: does the pulls that were asked for, and those that the sync settings say are due, and
-- delivers webhooks meanwhile. Called by openresty and the command line.
--
-- Any number of workers may run on one store, on any number of hosts. Each takes a connection at a
-- time under a lease that it renews while it works; what a worker leaves that dies is taken over
-- when its lease has run out, and goes on from the last checkpoint.

local core = require "commerce.core"
local delivery = require "commerce.webhooks.delivery"
local errors = require "commerce.base.errors"
local process = require "commerce.runtime.process"
local runtime = require "commerce.runtime"
local settings = require "commerce.account.settings"
local time = require "commerce.base.time"

local worker = {}

local LEASE = 60 -- seconds without a sign of life after which a connection is another worker's
local DUE_EVERY = 10 -- seconds between two looks at what is due
local IDLE = 1 -- seconds between two looks at the queue

---@class commerce.Worker
local methods = {}
local worker_mt = { __name = "commerce.Worker", __index = methods }

--- Make a worker.
---@param app commerce.App
---@param options table? lease: seconds (60); log: a function that gets events, tables with `event`
---  ("sync", "failed", "lost", "stopped", those of `outbox.delivery`), connection_id and what else
---  there is to tell, without secrets; connection: how to talk to Stripe, see
---  `commerce.app.lifecycle.connect`; public_url: see `outbox.delivery`
---@return commerce.Worker
function worker.new(app, options)
  options = options or {}
  errors.check_options(options, { lease = "number", log = "function", connection = "table",
    public_url = "string" })
  return setmetatable({ app = app, store = app.store, id = process.name(),
    lease = options.lease or LEASE, log = options.log or function() end,
    options = options.connection or {}, looked = nil, applied = {},
    public_url = options.public_url }, worker_mt)
end

-- ---------------------------------------------------------------- what is due

-- A connection whose key is kept nowhere waits for somebody who brings it.
local function has_key(self, connection_id, known)
  if known[connection_id] == nil then
    local connection = self.app:connection(connection_id)
    known[connection_id] = connection ~= nil and connection:has_key() == true
  end
  return known[connection_id]
end

local function queue_due(self)
  local list, message, details = settings.due(self.store, os.time())
  if not list then
    return nil, message, details
  end
  local wanted, known = {}, {}
  for _, entry in ipairs(list) do
    for _, name in ipairs(has_key(self, entry.connection_id, known) and entry.types or {}) do
      wanted[#wanted + 1] = { id = core.uuid(), connection_id = entry.connection_id,
        data_type = name, unless_since = time.format(entry.due) } -- another worker was faster
    end
  end
  if #wanted == 0 then
    return true
  end
  return self.store:queue_pulls(wanted, time.now())
end

-- On this host it can be seen that a worker has died: nobody need wait for its lease to run out.
local function expire_dead(self)
  local leases, message, details = self.store:leases(os.time())
  if not leases then
    return nil, message, details
  end
  for connection_id, holder in pairs(leases) do
    if process.is_gone(holder) then
      local ok
      ok, message, details = self.store:expire_lease(connection_id, holder)
      if ok == nil then
        return nil, message, details
      end
    end
  end
  return true
end

local function look(self)
  local now = core.now()
  if self.looked and now - self.looked < DUE_EVERY then
    return true
  end
  self.looked = now
  local ok, message, details = expire_dead(self)
  if not ok then
    return nil, message, details
  end
  errors.catch(self.store.finish_removals, self.store) -- the rest goes the next time
  return queue_due(self)
end

-- ---------------------------------------------------------------- one connection

-- The pulls go back to the queue: those that a dead worker left, to be begun again under the same
-- id; and all of them if this run is broken off.
local function requeue(store, pulls)
  for _, pull in ipairs(pulls) do
    local current = store:pull(pull.id)
    if current and current.status == "Fetching" then
      current.status, pull.status = "Queued", "Queued"
      local ok, message, details = store:save_pull(current)
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

-- Data types with the same settings are read together, since how lists are divided decides which
-- checkpoints a run continues. Types that are never read by themselves are read one by one.
local function types_of(group, asked)
  local chosen, some = {}, false
  local alone = group.schedule == 0 and not group.first
  for _, name in ipairs(group.types) do
    if asked[name] or not alone then
      chosen[#chosen + 1] = name
    end
    some = some or asked[name]
    asked[name] = nil
  end
  return some and chosen or nil
end

local function note_failure(self, connection_id, message)
  self.log { event = "failed", connection_id = connection_id, message = core.scrub(message) }
end

local function note_report(self, report)
  local types = {}
  for _, entry in ipairs(report.types) do
    types[entry.type] = { status = entry.status, read = entry.read, created = entry.created,
      changed = entry.changed, deleted = entry.deleted }
  end
  self.log { event = "sync", connection_id = report.connection, complete = report.complete,
    seconds = report.seconds, requests = report.requests, rate_limited = report.rate_limited,
    types = types }
  -- for the metrics, which another process may tell; that they are not counted stops nothing
  errors.catch(self.store.add_counts, self.store, { stripe_requests = report.requests,
    stripe_rate_limited = report.rate_limited, syncs = 1,
    syncs_failed = report.complete and 0 or 1 })
end

-- What a pull ends with that no run has closed: the connection could not even be opened.
local function status_of_failure(details)
  local known = type(details) == "table" and details or {}
  if known.kind == "state" or known.kind == "missing" then
    return "Cancelled"
  end
  return (known.kind == "auth" or known.code == "no_key") and "AuthError" or "FetchError"
end

local function close_left(self, connection_id, pulls, status, message)
  local reads = {}
  for _, pull in ipairs(pulls) do
    local current = self.store:pull(pull.id)
    if current and (current.status == "Queued" or current.status == "Fetching") then
      current.status, current.completed = status, time.now()
      current.error_message = message and core.scrub(message)
      reads[#reads + 1] = { data_type = current.data_type, status = status,
        message = current.error_message, modified = false, pull = current }
    end
  end
  if #reads > 0 then
    self.store:end_reads(connection_id, reads)
  end
end

-- Data types that the settings do not know: those that were configured.
local function sync_others(self, connection, asked)
  local ok, message, details = connection:configure()
  for name in pairs(ok and asked or {}) do
    if ok and connection.mappings:find(name) then
      local report
      report, message, details = connection:sync { types = { name } }
      ok = report ~= nil
      if ok then
        note_report(self, report)
      end
    end
  end
  return ok, message, details
end

local function sync_groups(self, connection, pulls)
  local groups, message, details = settings.groups(self.store, connection.row)
  if not groups then
    return nil, message, details
  end
  local asked = {}
  for _, pull in ipairs(pulls) do
    asked[pull.data_type] = true
  end
  for _, group in ipairs(groups) do
    local types = types_of(group, asked)
    if types then
      local report
      report, message, details = connection:sync { types = types, since = group.since,
        worker = self.id }
      if not report then
        return nil, message, details
      end
      note_report(self, report)
    end
  end
  return sync_others(self, connection, asked)
end

local function work_on(self, work)
  local ok, message, details = requeue(self.store, work.pulls)
  local connection
  if ok then
    connection, message, details = self.app:connection(work.connection_id, self.options)
  end
  if connection then
    ok, message, details = errors.catch(sync_groups, self, connection, work.pulls)
    connection:close()
  end
  if connection and ok then
    errors.catch(close_left, self, work.connection_id, work.pulls, "NotSupported",
      "the integration does not give this data type")
  elseif type(details) == "table" and details.kind == "store" then
    return nil, message, details -- the store is asked nothing more; the lease runs out
  else
    note_failure(self, work.connection_id, message)
    errors.catch(close_left, self, work.connection_id, work.pulls, status_of_failure(details),
      message)
  end
  return true
end

local STOPPED = {} -- raised where a run waits, when the worker is told to stop

-- Says that we are still there, as long as it is called.
local function keep_lease(self, connection_id, stopping)
  local renewed = core.now()
  return function()
    if stopping() then
      error(STOPPED, 0)
    end
    if core.now() - renewed < self.lease / 3 then
      return
    end
    renewed = core.now()
    local held = errors.catch(self.store.lease, self.store, connection_id, self.id, os.time(),
      self.lease)
    if held == false then
      self.log { event = "lost", connection_id = connection_id,
        message = "another worker has taken the connection over" }
    end
  end
end

-- ---------------------------------------------------------------- webhooks

local APPLY_AGAIN = 30 -- seconds until what could not be applied is tried again

local function apply_to(self, connection_id)
  local connection = self.app:connection(connection_id, self.options)
  if not connection or connection.status ~= "Linked" or connection:has_key() ~= true then
    return
  end
  local report, message = connection:apply_events()
  connection:close()
  if report then
    note_report(self, report)
  else
    note_failure(self, connection_id, message)
  end
end

-- What webhooks brought to one connection; whether there was any.
local function apply_events(self)
  local counts, message, details = self.store:waiting_counts()
  if not counts then
    return nil, message, details
  end
  local now = core.now()
  for connection_id, count in pairs(counts) do
    -- what is left of the last time waits; what came in since does not
    local last = self.applied[connection_id]
    if not last or count > last.left or now - last.at >= APPLY_AGAIN then
      apply_to(self, connection_id)
      counts, message, details = self.store:waiting_counts()
      if not counts then
        return nil, message, details
      end
      self.applied[connection_id] = { at = now, left = counts[connection_id] or 0 }
      return true
    end
  end
  return false
end

local function never()
  return false
end

--- Do what there is to do of one connection.
---@param stopping (fun(): any)? asked once a second: true ends the work at the next page; the pulls
---  go back to the queue, and go on from there whenever somebody takes them
---@return boolean? worked false if there is nothing to do; nil if the store failed
---@return string? message
---@return commerce.Details? details
function methods:step(stopping)
  local ok, message, details = look(self)
  if not ok then
    return nil, message, details
  end
  local work
  work, message, details = self.store:take_pulls(self.id, os.time(), self.lease)
  if message then
    return nil, message, details
  elseif not work then
    return apply_events(self)
  end
  local stop = runtime.every_second(keep_lease(self, work.connection_id, stopping or never))
  local ran, result, reason, why = pcall(errors.catch, work_on, self, work)
  stop()
  if not ran then -- told to stop, Ctrl-C, or a mistake of ours: another worker may go on at once
    errors.catch(requeue, self.store, work.pulls)
  end
  if not ran or result then
    errors.catch(self.store.release, self.store, work.connection_id, self.id)
  end
  if ran then
    return result, reason, why
  elseif result ~= STOPPED then
    error(result, 0)
  end
  self.log { event = "stopped", connection_id = work.connection_id }
  return true
end

-- ---------------------------------------------------------------- going on

local function sync(self, stopping)
  while not stopping() do
    local worked, message, details = self:step(stopping)
    if worked == nil then
      return nil, message, details
    elseif not worked then
      runtime.sleep(IDLE, core.sleep, core.now)
    end
  end
  return true
end

-- Works with what delivers, where the store has an outbox.
local function with_delivery(self, work)
  if (self.store.lacking or {}).outbox then
    return true
  end
  local found = delivery.new(self.store, { log = self.log, public_url = self.public_url })
  local ran, ok, message, details = pcall(work, found)
  found:close()
  if not ran then
    error(ok, 0)
  end
  return ok, message, details
end

--- Deliver the webhooks that are due now, each once.
---@param stopping (fun(): any)? true: what is not sent by then waits
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function methods:deliver(stopping)
  return with_delivery(self, function(found)
    return found:drain(stopping or never)
  end)
end

--- Work until told to stop: sync, and deliver webhooks meanwhile. Where the one fails, the other
--- ends, too.
---@param stopping (fun(): any)? see `step`
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function methods:run(stopping)
  stopping = stopping or never
  local over = false
  local function is_over()
    return over or stopping()
  end
  local function part(work)
    return function()
      local ran, ok, message, details = pcall(work)
      over = over or not ran or not ok
      if not ran then
        error(ok, 0)
      end
      return { ok = ok, message = message, details = details }
    end
  end
  local ends = runtime.together {
    part(function()
      return sync(self, is_over)
    end),
    part(function()
      return with_delivery(self, function(found)
        return found:run(is_over)
      end)
    end),
  }
  for _, ended in ipairs(ends) do
    if not ended.ok then
      return nil, ended.message, ended.details
    end
  end
  return true
end

errors.protect_methods(methods)

return worker
