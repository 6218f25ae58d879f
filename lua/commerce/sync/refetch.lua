-- Fetching the objects that changed, several at once.

local errors = require "commerce.base.errors"
local feed = require "commerce.sync.feed"
local json = require "commerce.base.json"
local objects = require "commerce.stripe.object"
local plan = require "commerce.sync.plan"
local interrupts = require "commerce.runtime.interrupts"
local jobs = require "commerce.runtime.jobs"
local time = require "commerce.base.time"
local writer = require "commerce.sync.writer"

local refetch = {}

local MOST_AT_ONCE = 20 -- requests in flight
local GONE = 404 -- deleted since the event: another event tells, or will

-- A resource misses a change: it failed, and the next run looks for this change again.
local function miss(run, task, message, failure)
  run.progress:fail_resource(task, message, failure)
  run.changes:lose(task.name)
end

-- A failure of one object is that of its resource. A store that cannot be written ends the run, as
-- does a hook that is to stop it.
local function store(run, task, change, text)
  local _, message, failure = errors.catch(writer.changed_object, run, task, change, text)
  if message and (failure.kind == "store" or failure.fatal) then
    errors.rethrow(failure)
  elseif message then
    miss(run, task, message, failure)
  end
end

-- An event's snapshot saves the request if nothing newer can have been stored: the record was last
-- written well before the event, and the store shows all that a list or another event could.
local function is_snapshot_enough(run, task, change)
  local consumer = task.consumers[1]
  if not change.snapshot or #task.expand > 0 or task.keep or #task.consumers > 1
    or consumer.source.distinct then
    return false
  end
  local data = run.store:find(consumer.data_type, run.id, { change.id })[change.id]
  return data ~= nil and change.at > feed.LOOKBACK + time.parse(json.decode(data).modifiedDate)
end

local function start_call(task, change)
  return task.session:request { path = task.resource.path .. "/" .. change.id,
    query = plan.expansions(task.expand, true), endpoint = objects.endpoint(task.resource.path) }
end

-- List the objects that an inlined object belongs to.
local function start_search(task, change)
  local query = plan.list_query(task.resource, task.expand)
  for _, pair in ipairs(change.find) do
    query[#query + 1] = pair
  end
  return task.session:pager { path = task.resource.path, query = query }
end

-- Apply what can be stored at once; for anything else, give the request that was begun.
local function begin(run, task, change)
  if change.deleted then
    writer.deleted_object(run, task, change.id)
  elseif change.find then
    return start_search(task, change)
  elseif not objects.has_path(change.id) then
    run.changes:reread(change.resource)
  elseif is_snapshot_enough(run, task, change) then
    run.changes:recheck(change) -- another event of that second may still come
    store(run, task, change, change.snapshot)
  else
    return start_call(task, change)
  end
end

-- Whether a request has ended.
local function finish(run, pending)
  local task, change = pending.task, pending.change
  local response, message, details = pending.call:poll()
  if response == false then
    return false
  elseif response and change.find then
    for i = 1, #response do
      store(run, task, { id = response:id(i) }, response:element(i))
    end
    response:close()
    return false -- more pages may follow
  elseif response then
    store(run, task, change, response.body)
  elseif message and not (type(details) == "table" and details.status == GONE) then
    miss(run, task, message, details)
  end
  return true
end

-- Look at every request once. Gives whether any ended.
local function poll_all(run, pending)
  local moved = false
  for i = #pending, 1, -1 do
    if finish(run, pending[i]) then
      table.remove(pending, i)
      moved = true
    end
  end
  return moved
end

--- Fetch and store the objects that changed.
---@param run commerce.sync.Run
---@param tasks commerce.Task[]
---@param changes commerce.Change[]
function refetch.run(run, tasks, changes)
  local by_name, pending, at, idle = {}, {}, 1, 0
  for _, task in ipairs(tasks) do
    by_name[task.name] = task
  end
  while at <= #changes or #pending > 0 do
    while at <= #changes and #pending < MOST_AT_ONCE do
      local change = changes[at]
      local task = by_name[change.resource]
      local call = begin(run, task, change)
      pending[#pending + 1] = call and { call = call, task = task, change = change }
      at = at + 1
    end
    local moved = poll_all(run, pending)
    errors.must(interrupts.go_on())
    idle = moved and 0 or idle + 1
    if not moved and #pending > 0 then
      jobs.wait(run.transport, idle)
    end
  end
end

return refetch
