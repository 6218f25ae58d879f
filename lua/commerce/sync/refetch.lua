-- Fetches changed objects again, several at once.

local errors = require "commerce.base.errors"
local feed = require "commerce.sync.feed"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local objects = require "commerce.stripe.object"
local source = require "commerce.sync.source"
local time = require "commerce.base.time"
local writer = require "commerce.sync.writer"

local refetch = {}

local MOST_AT_ONCE = 20 -- requests in flight

-- A resource misses a change: it failed, and the next run looks for this change again.
local function miss(run, task, message, failure)
  run.progress:fail_resource(task, message, failure)
  run.changes:lose(task.name)
end

-- An event's snapshot saves the request if nothing newer can have been stored: the record was last
-- written well before the event, and the store shows all that a list or another event could. An
-- event of a test clock is dated ahead: it may have happened before the record was written.
local function is_snapshot_enough(run, task, change)
  local consumer = task.consumers[1]
  if run.protection:changes_sources() or run.erasures or not change.snapshot
    or #task.expand > 0 or task.keep or #task.consumers > 1
    or consumer.source.distinct then
    return false
  end
  local data = run.store:find(consumer.data_type, run.id, { change.id })[change.id]
  local written = data and time.parse(json.stored(data).modifiedDate)
  return written ~= nil and change.at > feed.LOOKBACK + written and change.at <= run.started
end

-- The objects that an inlined object belongs to.
local function search(run, task, change)
  for page in source.pages(run, task, source.part(task, change.find)) do
    for object, text in page:each(function(message, id)
      run.progress:fail_object(task, message)
      run.checkpoints:note_failed(task.name, id)
    end) do
      writer.changed_object(run, task, object, text)
    end
  end
end

-- Store an object as it is now. Without one it was deleted since the event (another event tells,
-- or will), or cannot be read.
local function store(run, task, change, object, text)
  local unlisted = task.resource.unlisted
  if object and unlisted and unlisted(object) then
    run.checkpoints:forget_failed(task.name, change.id)
    return -- the list leaves it out, too: a full read would mark its records as deleted
  elseif object then
    writer.changed_object(run, task, object, text, change.dated)
  elseif text then
    run.progress:fail_object(task, text)
    run.checkpoints:note_failed(task.name, change.id)
  else
    run.checkpoints:forget_failed(task.name, change.id)
  end
end

-- The charge that an object names, of which a thin event told.
local function named_charge(run, task, change)
  local id = objects.has_path(change.through.id) and source.charge_of(run, task, change.through)
  if id and objects.has_path(id) then
    store(run, task, change, source.object(run, task, id))
  end
end

local function apply(run, task, change)
  if change.deleted then
    writer.deleted_object(run, task, change.id)
  elseif change.find then
    search(run, task, change)
  elseif change.through then
    named_charge(run, task, change)
  elseif not objects.has_path(change.id) then
    run.changes:reread(change.resource)
    run.progress:note(("%s: an event names an object that cannot be asked for by its id (%s): the "
      .. "next sync reads the list again"):format(change.resource, change.id:sub(1, 80)))
  elseif is_snapshot_enough(run, task, change) then
    run.changes:recheck(change) -- another event of that second may still come
    store(run, task, change, source.snapshot(run, task, change.id, change.snapshot))
  else
    store(run, task, change, source.object(run, task, change.id))
  end
end

--- Fetch and store the objects that changed. A failure of one object is that of its resource. A
--- store that cannot be written ends the run, as does a hook that is to stop it.
---@param run commerce.sync.Run
---@param tasks commerce.Task[]
---@param changes commerce.sync.Change[]
function refetch.run(run, tasks, changes)
  local by_name = {}
  for _, task in ipairs(tasks) do
    by_name[task.name] = task
  end
  jobs.each(changes, MOST_AT_ONCE, function(change)
    local task = by_name[change.resource]
    local _, message, failure = errors.catch(apply, run, task, change)
    if message and (failure.kind == "store" or failure.fatal) then
      errors.rethrow(failure)
    elseif message then
      miss(run, task, message, failure)
    end
  end)
end

return refetch
