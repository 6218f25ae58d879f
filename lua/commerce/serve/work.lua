-- The work on one connection: its queued pulls, and the events that webhooks have brought.
--
-- A failure that may pass (a locked store, a full disk) is raised: the worker tries again later.
-- One that will not pass ends the pulls that it concerns and no other ones.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local event_rules = require "commerce.store.event_rules"
local settings = require "commerce.account.settings"
local time = require "commerce.base.time"

local must = errors.must

local work = {}

---@class commerce.serve.Taken pulls that a worker has taken from the queue
---@field connection_id string
---@field pulls commerce.PullRow[]
---@field worker string the name of the run that has the connection's lease

local function log_failure(worker, connection_id, message)
  worker.log { event = "failed", connection_id = connection_id, message = core.scrub(message) }
end

local function log_report(worker, report)
  local types = {}
  for _, entry in ipairs(report.types) do
    types[entry.type] = { status = entry.status, read = entry.read, created = entry.created,
      changed = entry.changed, deleted = entry.deleted }
  end
  worker.log { event = "sync", connection_id = report.connection, complete = report.complete,
    seconds = report.seconds, requests = report.requests, rate_limited = report.rate_limited,
    types = types }
  -- Counted in the store, since another process may answer with the metrics. Metrics that cannot be
  -- counted must not stop a sync.
  errors.catch(worker.store.add_counts, worker.store, { stripe_requests = report.requests,
    stripe_rate_limited = report.rate_limited, syncs = 1,
    syncs_failed = report.complete and 0 or 1 })
end

-- ---------------------------------------------------------------- pulls

--- Put pulls that have begun back into the queue, under the same ids.
---@param store commerce.Store
---@param pulls commerce.PullRow[]
---@return boolean ok
function work.requeue(store, pulls)
  for _, pull in ipairs(pulls) do
    local current = store:pull(pull.id)
    if current and current.status == "Fetching" then
      current.status, pull.status = "Queued", "Queued"
      store:save_pull(current)
    end
  end
  return true
end

local _, REVOKED = event_rules.closed_by "Deauthorized"

-- Whether nobody has told consumers how a pull ended: it has not ended, or the store has closed it
-- because the connection became "Deauthorized".
local function is_left(pull)
  return pull.status == "Queued" or pull.status == "Fetching"
    or pull.status == "AuthError" and pull.error_message == REVOKED
end

-- Ends the pulls that no run has ended, of some data types.
local function end_left(worker, taken, status, message, types)
  local reads = {}
  for _, pull in ipairs(taken.pulls) do
    local current = (not types or types[pull.data_type]) and worker.store:pull(pull.id)
    if current and is_left(current) then
      status = current.status == "AuthError" and "AuthError" or status
      current.status, current.completed = status, time.now()
      current.error_message = message and core.scrub(errors.public(message))
      reads[#reads + 1] = { data_type = current.data_type, status = status,
        message = current.error_message, modified = false, pull = current }
    end
  end
  if #reads > 0 and (worker.store.lacking or {}).workers then
    worker.store:end_reads(taken.connection_id, reads)
  elseif #reads > 0 then -- another worker may have the connection by now, and its pulls
    worker.store:under_lease({ connection_id = taken.connection_id, worker = taken.worker },
      "end_reads", taken.connection_id, reads)
  end
  return true
end

--- Raised where a run waits, if the worker must stop.
work.STOPPED = {}

--- Whether what was raised is a failure of the store that may pass by itself.
---@param raised any
---@return boolean
function work.passes(raised)
  return errors.is_failure(raised) and raised.kind == "store" and raised.retryable == true
end

--- Whether what was raised says that another worker has the connection: since then ("taken_over"),
--- or before the run began ("busy").
---@param raised any
---@return boolean
function work.is_taken_over(raised)
  return errors.is_failure(raised) and (raised.code == "taken_over" or raised.code == "busy")
end

-- Whether the same work would raise it again: a mistake in the program, or a failure of the store
-- that does not pass. A lease that was lost is neither.
local function lasts(raised)
  if errors.is_failure(raised) then
    return raised.kind == "store" and not raised.retryable and not work.is_taken_over(raised)
  end
  return raised ~= work.STOPPED and not errors.is_interrupt(raised)
end

-- The place of a mistake is for the log of this server alone, and not for the store.
local UNEXPECTED = "an unexpected error occurred; the log of the worker says more"

local function end_broken(worker, taken, types, raised)
  worker.log { event = "internal_error", connection_id = taken.connection_id, types = types,
    message = core.scrub(tostring(raised)) }
  local concerned = {}
  for _, name in ipairs(types) do
    concerned[name] = true
  end
  end_left(worker, taken, "InternalError", UNEXPECTED, types[1] and concerned)
end

-- Data types with the same settings are read together, since the division of lists decides which
-- checkpoints a run continues. Types that are read only on request are read one by one.
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

-- A lasting failure of one data type ends only the pull of that type.
local function sync_types(worker, connection, taken, types, since)
  local ok, raised = pcall(function()
    log_report(worker, must(connection:sync { types = types, since = since, worker = taken.worker,
      progress = function(event)
        if event.event == "waiting" then
          worker.log { event = "waiting", connection_id = taken.connection_id,
            message = event.message }
        end
      end }))
  end)
  if ok then
    return
  elseif not lasts(raised) then
    error(raised, 0)
  elseif #types == 1 then
    return end_broken(worker, taken, types, raised)
  end
  work.requeue(worker.store, taken.pulls)
  for _, name in ipairs(types) do
    sync_types(worker, connection, taken, { name }, since)
  end
end

local function sync_all(worker, connection, taken)
  local asked = {}
  for _, pull in ipairs(taken.pulls) do
    asked[pull.data_type] = true
  end
  for _, group in ipairs(settings.groups(worker.store, connection.row)) do
    local types = types_of(group, asked)
    if types then
      sync_types(worker, connection, taken, types, group.since)
    end
  end
  must(connection:configure()) -- the types that are left have no settings: they were configured
  for name in pairs(asked) do
    if connection.mappings:find(name) or connection.mappings:failures()[name] then
      sync_types(worker, connection, taken, { name })
    end
  end
end

local function sync(worker, taken)
  work.requeue(worker.store, taken.pulls) -- those that a dead worker has begun
  local connection = must(worker.app:connection(taken.connection_id, worker.connection_options))
  errors.finally(function()
    sync_all(worker, connection, taken)
  end, function()
    connection:close()
  end)
  return true
end

-- The status of a pull whose run could not begin.
local function status_of(failure)
  if failure.kind == "state" or failure.kind == "missing" then
    return "Cancelled"
  end
  return (failure.kind == "auth" or failure.code == "no_key") and "AuthError" or "FetchError"
end

--- Do the pulls of one connection. Raises what may pass, a lost lease, and what stops the worker;
--- everything else ends the pulls.
---@param worker commerce.Worker
---@param taken commerce.serve.Taken
function work.pulls(worker, taken)
  local done, raised = pcall(sync, worker, taken)
  if done then
    end_left(worker, taken, "NotSupported", "the integration does not provide this data type")
  elseif lasts(raised) then
    end_broken(worker, taken, {}, raised)
  elseif not errors.is_failure(raised) or raised.kind == "store" or work.is_taken_over(raised) then
    error(raised, 0)
  else
    log_failure(worker, taken.connection_id, raised.message)
    end_left(worker, taken, status_of(raised), raised.message)
  end
end

-- ---------------------------------------------------------------- events

local RETRY = 30 -- seconds until events that could not be applied are tried again

local function apply_to(worker, connection_id)
  local connection = worker.app:connection(connection_id, worker.connection_options)
  if not connection or connection.status ~= "Linked" or connection:has_key() ~= true then
    return
  end
  local report, message, failure = errors.finally(function()
    return connection:apply_events()
  end, function()
    connection:close()
  end)
  if report then
    log_report(worker, report)
  elseif work.passes(failure) then
    errors.rethrow(failure)
  elseif not work.is_taken_over(failure) then -- else another run applies them
    log_failure(worker, connection_id, message)
  end
end

local function try_apply(worker, connection_id)
  local ok, raised = pcall(apply_to, worker, connection_id)
  if not ok and lasts(raised) then
    worker.log { event = "internal_error", connection_id = connection_id,
      message = core.scrub(tostring(raised)) }
  elseif not ok then
    error(raised, 0)
  end
end

--- Apply the events that webhooks have brought to one connection.
---@param worker commerce.Worker
---@param applied table<string, { at: number, left: integer }> by connection: when events were
---  applied (core.now), how many were left
---@return boolean worked false if no connection has events to apply now
function work.events(worker, applied)
  local now, waiting = core.now(), worker.store:waiting_counts()
  local leases = next(waiting) and worker.store:leases() or {}
  for connection_id, count in pairs(waiting) do
    -- events that were left wait for the next try; new ones do not
    local last = applied[connection_id]
    if not leases[connection_id] and (not last or count > last.left or now - last.at >= RETRY) then
      applied[connection_id] = { at = now, left = math.huge } -- no other job of this process
      local ok, raised = pcall(try_apply, worker, connection_id)
      applied[connection_id] = last
      if not ok then
        error(raised, 0)
      end
      applied[connection_id] = { at = now,
        left = worker.store:waiting_counts()[connection_id] or 0 }
      return true
    end
  end
  return false
end

return work
