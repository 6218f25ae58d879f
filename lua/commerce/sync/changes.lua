-- The changes at Stripe since the last run: which lists are followed, the position in the events
-- feed, which changes have been applied, and when objects changed.
--
-- Lists show new objects, never changed ones. So a later run reads only the newest part of each
-- list, with some lookback, and fetches again the objects that the events feed names. If the feed
-- does not reach back far enough, has a gap, or cannot be read, the lists are read whole.

local errors = require "commerce.base.errors"
local feed = require "commerce.sync.feed"
local gap = require "commerce.sync.gap"
local query = require "commerce.query"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local changes = {}

local LOOKBACK = feed.LOOKBACK
local PAGE = 100 -- objects of a list that one request gives
local MOST_NAMED = 5 -- events in a note
local WORTH_LISTING = 2 -- as many requests of single objects for one of a list

---@class commerce.sync.Changes
local methods = {}
local changes_mt = { __name = "commerce.sync.changes", __index = methods }

--- Make the changes of a run.
---@param run commerce.sync.Run
---@return commerce.sync.Changes
function changes.new(run)
  return setmetatable({
    _run = run,
    _events_since = nil, -- unix seconds of the newest event when the run began
    -- by resource
    _followed = {}, -- the checkpoint of a list whose changes come from the feed
    _lost = {}, -- not every change could be read
    _reread = {}, -- to be read whole the next time
    _dated = {}, -- by object: unix seconds of its newest event, unless it was applied already
    _applied = {}, -- by object: events that the next run will see again
    _latest = {}, -- unix seconds of the newest event
  }, changes_mt)
end

-- ---------------------------------------------------------------- which lists are followed

local function is_too_old(run, saved)
  return run.latest_now - (saved.at or run.latest_now) > stripe.feed.reach * 86400
end

-- By a clock that was ahead, or is behind now: how long ago the last run was is not known.
local function is_ahead(run, saved)
  return saved.at ~= nil and saved.at > run.latest_now + LOOKBACK
end

-- Follow the lists that an earlier run has read, or begun to read. Gives the oldest place in the
-- feed where one of them goes on. A list without events is read whole each time.
local function follow(self, run, tasks)
  local since, gaps, ahead, options = nil, {}, {}, run.options
  for _, task in ipairs(tasks) do
    local saved = run.checkpoints:saved(task.name)
    local goes_on = saved and not (options.full or options.since or options.before)
    if goes_on and (is_too_old(run, saved) or is_ahead(run, saved)) then
      run.checkpoints:forget(task.name)
      table.insert(is_too_old(run, saved) and gaps or ahead, task.name)
    elseif goes_on and saved.events_since and task.resource.events then
      self._followed[task.name] = saved
      since = math.min(since or saved.events_since, saved.events_since)
    end
  end
  if #gaps > 0 then
    run.progress:note(("read whole, since the last run was more than %d days ago and events do "
      .. "not reach back further: %s"):format(stripe.feed.reach,
      table.concat(gaps, ", ")))
  end
  if #ahead > 0 then
    run.progress:note("read whole, since the clock of the last run was ahead of this one: "
      .. table.concat(ahead, ", "))
  end
  return since
end

-- The newest event that the last run saw of a resource must still be in the feed. If it is missing,
-- others may be missing, too.
local function check_gaps(self, tasks, found, since)
  local gaps, run = {}, self._run
  for _, task in ipairs(tasks) do
    local saved = self._followed[task.name]
    local known = saved and saved.latest_event
    if known and known >= since - LOOKBACK and (found.latest[task.name] or 0) < known then
      self._followed[task.name] = nil
      run.checkpoints:forget(task.name)
      gaps[#gaps + 1] = task.name
    end
  end
  if #gaps > 0 then
    run.progress:note("read whole, since the feed of changes lacks events that it had before: "
      .. table.concat(gaps, ", "))
  end
end

-- A reading that began while the feed could not be read is not continued: the changes since then of
-- the objects that it read are unknown.
local function forget_unfollowed(run, tasks)
  for _, task in ipairs(tasks) do
    local saved = run.checkpoints:saved(task.name)
    if saved and not saved.finished and not saved.events_since and task.resource.events then
      run.checkpoints:forget(task.name)
    end
  end
end

-- Without the permission to read events, everything is read whole. After any other failure, the
-- lists that depend on the feed have failed, and the next run looks for the same changes again;
-- those that were read without it are read whole.
local function go_without_feed(self, tasks, message, failure)
  local run = self._run
  if stripe.lacks_permission(failure) then
    self._followed = {}
    run.progress:note("every list is read whole each time, since its changes cannot be followed: "
      .. stripe.lacking(message, stripe.feed.permission, run.auth))
    return
  end
  forget_unfollowed(run, tasks)
  for _, task in ipairs(tasks) do
    self._lost[task.name] = true
    if self._followed[task.name] then
      run.progress:fail_resource(task, message, failure)
    end
  end
end

--- From when on a list is read again: objects that became visible late, or had not settled.
---@param saved commerce.Checkpoint?
---@return integer? unix seconds; nil if nothing of the list has been read
local function lookback_start(saved)
  if saved and saved.newest then
    return math.max(0, math.min(saved.newest - LOOKBACK, saved.unsettled_since or saved.newest,
      saved.window or saved.newest))
  end
end

local function list_start(saved)
  return saved and saved.finished and lookback_start(saved) or nil
end

--- From when on a list is read: from its beginning, unless an earlier run finished it.
---@param resource string
---@return integer? unix seconds
function methods:list_start(resource)
  return list_start(self._followed[resource])
end

--- From when on a continued list is read again.
---@param resource string
---@return integer? unix seconds; nil if nothing of the list has been read
function methods:lookback_start(resource)
  return lookback_start(self._run.checkpoints:saved(resource))
end

--- The position in the events feed from which the next run follows a list that is read in part.
---@param resource string
---@return integer? unix seconds
function methods:events_since(resource)
  return (self._followed[resource] or { events_since = self._events_since }).events_since
end

--- The newest event when the run began.
---@return integer? unix seconds
function methods:newest_event()
  return self._events_since
end

--- The newest object of a followed list that an earlier run has read.
---@param resource string
---@return integer? unix seconds
function methods:newest_object(resource)
  return (self._followed[resource] or {}).newest
end

-- ---------------------------------------------------------------- which objects are fetched

-- When an object changed last, told apart from when it was deleted: that event may become visible
-- after another one of its second.
local function mark(change)
  return change.deleted and -change.at or change.at
end

-- Within the lookback the feed repeats itself: events that the last run applied are not applied
-- again, nor older ones, which the feed tells because other lists were read longer ago.
local function is_known(saved, change)
  return saved.applied ~= nil and saved.applied[change.id] == mark(change)
    or change.at < saved.events_since - LOOKBACK and not change.delivered
end

local function unknown_by_resource(self, found)
  local by_resource = {}
  for _, change in ipairs(found.changes) do
    local saved = self._followed[change.resource]
    if saved and not is_known(saved, change) then
      local list = by_resource[change.resource] or {}
      by_resource[change.resource], list[#list + 1] = list, change
    end
  end
  return by_resource
end

-- Whether the part of a list that is read anyway shows a change.
local function is_listed(saved, change)
  local start = list_start(saved)
  return not change.deleted and start and change.created and change.created >= start
end

-- Many single requests cost more than listing the time in which their objects lie: then the list is
-- read further back. How many objects lie in it, the records that were made of them tell.
local function widen(self, task, list)
  local saved, consumer = self._followed[task.name], task.consumers[1]
  local count, oldest = 0, nil
  for _, change in ipairs(list) do
    if not is_listed(saved, change) and not change.deleted and change.created then
      count, oldest = count + 1, math.min(oldest or change.created, change.created)
    end
  end
  if count <= WORTH_LISTING or not saved.finished or not consumer
    or not consumer.data_type.shape.by_name.createdDate then
    return
  end
  local since = assert(query.parse(consumer.data_type, "createdDate>=" .. time.format(oldest)))
  local listed = self._run.store:count(consumer.data_type, self._run.id, since)
  if count > WORTH_LISTING * (listed / PAGE + 1) then
    saved.window = oldest
  end
end

-- The objects of a followed list that failed in an earlier run, and that no event names.
local function add_failed(self, task, list, known)
  local saved = self._followed[task.name]
  for _, id in ipairs(saved and saved.failed or {}) do
    if not known[id] then
      list[#list + 1] = { resource = task.name, id = id, at = self._run.started }
    end
  end
end

local function changes_to_fetch(self, tasks, found)
  local by_resource, list = unknown_by_resource(self, found), {}
  for _, task in ipairs(tasks) do
    local unknown, known = by_resource[task.name] or {}, {}
    widen(self, task, unknown)
    for _, change in ipairs(unknown) do
      if not is_listed(self._followed[task.name], change) then
        list[#list + 1], known[change.id] = change, true
      end
    end
    add_failed(self, task, list, known)
  end
  return list
end

local function put(by_resource, change, value)
  local list = by_resource[change.resource] or {}
  by_resource[change.resource], list[change.id] = list, value
end

local function take_dates(self, found)
  for _, change in ipairs(found.changes) do
    -- applied: what the lookback of the next run will show again. Not of the newest second, into
    -- which another event may still come; nor a deletion in a list that is not followed, since only
    -- a full read shows it, which cannot tell it of young objects
    if change.at < found.newest and change.at >= found.newest - LOOKBACK
      and (self._followed[change.resource] or not change.deleted) then
      put(self._applied, change, mark(change))
    end
    -- events already applied keep their date. Events older than the lookback set no date, because
    -- which of them are seen depends on the bounds of the feed's pages
    local saved = self._followed[change.resource] or { events_since = found.newest }
    if change.dated and not is_known(saved, change) then
      put(self._dated, change, change.dated)
    end
  end
end

-- An event that cannot be read does not end the feed: every later run would end there, too.
local function note_trouble(run, found)
  if found.has_gap then
    run.progress:note(gap.note "events")
  end
  if #found.unread > 0 then
    run.progress:note(("%d events cannot be read, so the changes that they tell of may be missing "
      .. "until a full sync (commerce sync --full): %s"):format(#found.unread,
      table.concat(found.unread, ", ", 1, math.min(#found.unread, MOST_NAMED))))
  end
end

--- Decide how each list is read, and find the changes of the lists that were read before.
---@param tasks commerce.Task[]
---@return commerce.sync.Change[] changes that no list will show
function methods:find(tasks)
  local lists, run = {}, self._run
  for _, task in ipairs(tasks) do
    lists[#lists + 1] = task.resource.list and task or nil
  end
  if #lists == 0 then
    return {}
  end
  for _, note in ipairs(run.checkpoints:load(lists)) do
    if not run.options.full then
      run.progress:note(note)
    end
  end
  local since = follow(self, run, lists)
  local found, message, failure = errors.catch(feed.read, run, lists, since)
  if not found then
    go_without_feed(self, lists, message, failure)
    return {}
  end
  note_trouble(run, found)
  forget_unfollowed(run, lists)
  if since then
    check_gaps(self, lists, found, since)
  end
  run.inbox:collect(lists, found.by_key, found.changes)
  self._events_since, self._latest = found.newest, found.latest
  take_dates(self, found)
  return changes_to_fetch(self, lists, found)
end

-- ---------------------------------------------------------------- what became of them

--- When an object changed last, if an event told.
---@param resource string
---@return table<string, integer> dates unix seconds by object id
function methods:dates(resource)
  return self._dated[resource] or {}
end

--- Changes of a resource could not be read: the next run looks for them again.
---@param resource string
function methods:lose(resource)
  self._lost[resource] = true
end

--- Whether changes of a resource could not be read.
---@param resource string
---@return boolean
function methods:is_lost(resource)
  return self._lost[resource] == true
end

--- Have the next run read the whole list of a resource.
---@param resource string
function methods:reread(resource)
  self._reread[resource] = true
end

--- Have the next run look at a change again.
---@param change commerce.sync.Change
function methods:recheck(change)
  (self._applied[change.resource] or {})[change.id] = nil
end

--- The position in the feed from which the next run continues.
---@param resource string that has been read to its end
---@return commerce.Checkpoint position events_since, applied and latest_event
function methods:position(resource)
  return {
    events_since = not self._reread[resource] and self._events_since or nil,
    applied = self._applied[resource],
    latest_event = self._latest[resource] or (self._followed[resource] or {}).latest_event,
  }
end

return changes
