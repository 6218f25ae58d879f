-- The work on one connection: its queued pulls, and the events that webhooks have brought.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local settings = require "commerce.account.settings"
local time = require "commerce.base.time"

local must = errors.must

local work = {}

---@class commerce.serve.Taken pulls that a worker has taken from the queue
---@field connection_id string
---@field pulls commerce.PullRow[]

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
function work.requeue(store, pulls)
  for _, pull in ipairs(pulls) do
    local current = store:pull(pull.id)
    if current and current.status == "Fetching" then
      current.status, pull.status = "Queued", "Queued"
      store:save_pull(current)
    end
  end
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

local function sync_types(worker, connection, types, since)
  log_report(worker, must(connection:sync { types = types, since = since, worker = worker.id }))
end

local function sync_all(worker, connection, pulls)
  local asked = {}
  for _, pull in ipairs(pulls) do
    asked[pull.data_type] = true
  end
  for _, group in ipairs(settings.groups(worker.store, connection.row)) do
    local types = types_of(group, asked)
    if types then
      sync_types(worker, connection, types, group.since)
    end
  end
  must(connection:configure()) -- the types that are left have no settings: they were configured
  for name in pairs(asked) do
    if connection.mappings:find(name) then
      sync_types(worker, connection, { name })
    end
  end
end

local function sync(worker, taken)
  work.requeue(worker.store, taken.pulls) -- those that a dead worker has begun
  local connection = must(worker.app:connection(taken.connection_id, worker.connection_options))
  errors.finally(function()
    sync_all(worker, connection, taken.pulls)
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

-- Ends the pulls that no run has ended.
local function end_left(worker, taken, status, message)
  local reads = {}
  for _, pull in ipairs(taken.pulls) do
    local current = worker.store:pull(pull.id)
    if current and (current.status == "Queued" or current.status == "Fetching") then
      current.status, current.completed = status, time.now()
      current.error_message = message and core.scrub(message)
      reads[#reads + 1] = { data_type = current.data_type, status = status,
        message = current.error_message, modified = false, pull = current }
    end
  end
  if #reads > 0 then
    worker.store:end_reads(taken.connection_id, reads)
  end
end

--- Do the pulls of one connection. A failure of the store is raised; the lease then runs out. Any
--- other failure ends the pulls.
---@param worker commerce.Worker
---@param taken commerce.serve.Taken
function work.pulls(worker, taken)
  local done, message, failure = errors.catch(sync, worker, taken)
  if done then
    errors.catch(end_left, worker, taken, "NotSupported",
      "the integration does not provide this data type")
  elseif failure.kind == "store" then
    errors.rethrow(failure)
  else
    log_failure(worker, taken.connection_id, message)
    errors.catch(end_left, worker, taken, status_of(failure), message)
  end
end

-- ---------------------------------------------------------------- events

local RETRY = 30 -- seconds until events that could not be applied are tried again

local function apply_to(worker, connection_id)
  local connection = worker.app:connection(connection_id, worker.connection_options)
  if not connection or connection.status ~= "Linked" or connection:has_key() ~= true then
    return
  end
  local report, message = connection:apply_events()
  connection:close()
  if report then
    log_report(worker, report)
  else
    log_failure(worker, connection_id, message)
  end
end

--- Apply the events that webhooks have brought to one connection.
---@param worker commerce.Worker
---@param applied table<string, table> by connection: when events were applied, how many were left
---@return boolean worked false if no connection has events to apply now
function work.events(worker, applied)
  local now = core.now()
  for connection_id, count in pairs(worker.store:waiting_counts()) do
    -- events that were left wait for the next try; new ones do not
    local last = applied[connection_id]
    if not last or count > last.left or now - last.at >= RETRY then
      apply_to(worker, connection_id)
      applied[connection_id] = { at = now,
        left = worker.store:waiting_counts()[connection_id] or 0 }
      return true
    end
  end
  return false
end

return work
