-- What changed at the source since the last run. Called by sync.
--
-- Lists show what is new, never what has changed. So a run after another reads only the newest part
-- of each list, with some lookback, and fetches again what the feed of changes names. Where the
-- feed does not reach back far enough, has a gap, or may not be read, the lists are read whole.

local errors = require "commerce.base.errors"
local feed = require "commerce.sync.feed"
local inbox = require "commerce.sync.inbox"
local query = require "commerce.query"
local saved_states = require "commerce.sync.saved_states"
local time = require "commerce.base.time"

local incremental = {}

local LOOKBACK = feed.LOOKBACK
local PAGE = 100 -- objects of a list that one request gives
local WORTH_LISTING = 2 -- as many requests of single objects for one of a list

-- ---------------------------------------------------------------- which lists are followed

local function too_old(run, saved)
  return run.started - (saved.at or run.started)
    > run.connection.platform.changes.reach * 86400
end

-- A list that an earlier run has read, or has begun to read: what was read of it may have changed
-- since, and the feed tells. Where no events tell, all of it is read each time.
local function follow(run, task, saved)
  if not saved or run.options.full or run.options.since or run.options.before then
    return
  elseif too_old(run, saved) then
    run.saved[task.name] = nil -- nor is the reading of its list continued
    run.gaps[#run.gaps + 1] = task.name
  elseif saved.events_since and task.resource.events then
    run.follows[task.name] = saved
  end
end

local function decide(run, tasks)
  local since
  local ok, message, details = saved_states.load(run, tasks)
  if not ok then
    return nil, message, details
  end
  for _, task in ipairs(tasks) do
    local saved = run.saved[task.name]
    follow(run, task, saved)
    if run.follows[task.name] then
      since = math.min(since or saved.events_since, saved.events_since)
    end
  end
  if #run.gaps > 0 then
    run.books:note(("read whole, since the last run was more than %d days ago, and events do not "
      .. "reach back further: %s"):format(run.connection.platform.changes.reach,
      table.concat(run.gaps, ", ")))
  end
  return true, since
end

-- The newest event that the last run saw of a resource must still be in the feed. Where it is not,
-- others may be missing, too.
local function check_gaps(run, tasks, found, since)
  local gaps = {}
  for _, task in ipairs(tasks) do
    local saved = run.follows[task.name]
    local known = saved and saved.latest_event
    if known and known >= since - LOOKBACK and (found.latest[task.name] or 0) < known then
      run.follows[task.name], run.saved[task.name] = nil, nil
      gaps[#gaps + 1] = task.name
    end
  end
  if #gaps > 0 then
    run.books:note("read whole, since the feed of changes lacks events that were in it: "
      .. table.concat(gaps, ", "))
  end
end

-- A reading that began where the feed could not be read is not continued: what has changed since of
-- what it read, nobody could tell.
local function forget_unfollowed(run, tasks)
  for _, task in ipairs(tasks) do
    local saved = run.saved[task.name]
    if saved and not saved.finished and not saved.events_since and task.resource.events then
      run.saved[task.name] = nil
    end
  end
end

--- From when on a list is looked at again: what became visible late, and what had not settled.
---@param saved table? its checkpoint
---@return integer? unix seconds; nil if nothing of it has been read
function incremental.look_back(saved)
  if saved and saved.newest then
    return math.max(0, math.min(saved.newest - LOOKBACK, saved.unsettled_since or saved.newest,
      saved.window or saved.newest))
  end
end

--- From when on a list is read: all of it, unless an earlier run finished it.
---@param saved table? its state in `run.follows`
---@return integer? unix seconds
function incremental.list_start(saved)
  return saved and saved.finished and incremental.look_back(saved) or nil
end

-- ---------------------------------------------------------------- which objects are fetched

-- When an object changed last, told apart from when it was deleted: that event may become visible
-- after another one of its second.
local function mark(change)
  return change.deleted and -change.at or change.at
end

-- Within the lookback the feed repeats itself: what the last run saw in it needs no second look.
-- Nor does what is older, which the feed tells where other lists have not been read for longer.
local function is_known(saved, change)
  return saved.applied ~= nil and saved.applied[change.id] == mark(change)
    or change.at < saved.events_since - LOOKBACK and not change.delivered
end

-- By resource: what changed and is not to be seen in the part of its list that is read anyway.
local function wanted(run, found)
  local by_resource = {}
  for _, change in ipairs(found.changes) do
    local saved = run.follows[change.resource]
    if saved and not is_known(saved, change) then
      local list = by_resource[change.resource] or {}
      by_resource[change.resource], list[#list + 1] = list, change
    end
  end
  return by_resource
end

local function in_list(saved, change)
  local start = incremental.list_start(saved)
  return not change.deleted and start and change.created and change.created >= start
end

-- Many single requests cost more than listing the time that they lie in: then the list is read
-- further back. How many objects lie in it, the records tell that have been made of them.
local function widen(run, task, changes)
  local saved, consumer = run.follows[task.name], task.consumers[1]
  local count, oldest = 0, nil
  for _, change in ipairs(changes) do
    if not in_list(saved, change) and not change.deleted and change.created then
      count, oldest = count + 1, math.min(oldest or change.created, change.created)
    end
  end
  if count <= WORTH_LISTING or not saved.finished or not consumer
    or not consumer.data_type.shape.by_name.createdDate then
    return true
  end
  local since = assert(query.parse(consumer.data_type, "createdDate>=" .. time.format(oldest)))
  local listed, message, details = run.store:count(consumer.data_type, run.connection.id, since)
  if not listed then
    return nil, message, details
  elseif count > WORTH_LISTING * (listed / PAGE + 1) then
    saved.window = oldest
  end
  return true
end

-- What the lookback of the next run will show again.
local function remember_applied(run, found)
  for _, change in ipairs(found.changes) do
    -- not of the newest second: another event may still come into it; nor a deletion that only a
    -- full read may have shown, which cannot tell it of what is young
    if change.at < found.newest and change.at >= found.newest - LOOKBACK
      and (run.follows[change.resource] or not change.deleted) then
      local list = run.applied[change.resource] or {}
      run.applied[change.resource], list[change.id] = list, mark(change)
    end
    -- what a followed list knows is dated already; what is older than the next run will look at is
    -- dated by none: not by what happens to be on the same page of the feed
    local saved = run.follows[change.resource] or { events_since = found.newest }
    if change.dated and not is_known(saved, change) then
      local list = run.dated[change.resource] or {}
      run.dated[change.resource], list[change.id] = list, change.dated
    end
  end
end

local function to_fetch(run, tasks, found)
  local by_resource, changes = wanted(run, found), {}
  for _, task in ipairs(tasks) do
    local list = by_resource[task.name] or {}
    local ok, message, details = widen(run, task, list)
    if not ok then
      return nil, message, details
    end
    for _, change in ipairs(list) do
      if not in_list(run.follows[task.name], change) then
        changes[#changes + 1] = change
      end
    end
  end
  return changes
end

-- ---------------------------------------------------------------- all of it

-- Without the permission nothing can be followed, and all is read; else what stands on the feed has
-- failed, and the next run looks for the same changes again.
local function without_feed(run, tasks, message, details)
  if run.connection.platform.lacks_permission(details) then
    run.follows = {}
    run.books:note("every list is read whole each time, since its changes cannot be followed: "
      .. errors.lacking(message, run.connection.platform.changes.permission))
    return
  end
  for _, task in ipairs(tasks) do
    run.unfollowed[task.name] = true
    if run.follows[task.name] then
      run.books:fail_resource(task, message, details)
    end
  end
end

--- Decide how each list is read, and find what changed in those that were read before.
---@param run commerce.Run gets `saved` (of each list that holds), `follows` (of those whose changes
---  the feed tells), `events_since`, `latest_event` and `applied` (where the next run goes on in
---  the feed), `dated` (by resource and id: unix seconds of the newest event, if it is not known)
---@param tasks commerce.Task[]
---@return commerce.Change[]? changes that no list will show; nil if the store failed
---@return string? message
---@return commerce.Details? details
function incremental.changes(run, tasks)
  local lists = {}
  for _, task in ipairs(tasks) do
    lists[#lists + 1] = task.resource.list and task or nil
  end
  run.follows, run.saved, run.applied, run.dated, run.latest_event = {}, {}, {}, {}, {}
  run.gaps = {}
  if #lists == 0 then
    return {}
  end
  local ok, since, details = decide(run, lists)
  if not ok then
    return nil, since, details
  end
  local found, message, why = feed.read(run, lists, since)
  if not found then
    without_feed(run, lists, message, why)
    return {}
  end
  forget_unfollowed(run, lists)
  if since then
    check_gaps(run, lists, found, since)
  end
  ok, message, why = inbox.collect(run, lists, found.by_key, found.changes)
  if not ok then
    return nil, message, why
  end
  run.events_since, run.latest_event = found.newest, found.latest
  remember_applied(run, found)
  return to_fetch(run, lists, found)
end

return incremental
