-- What changed at the source since the last run, from its event feed. Called by sync.
--
-- Lists show what is new, never what has changed. So a run after another reads only the newest part
-- of each list, with some lookback, and fetches again what the feed names. Where the feed does not
-- reach back far enough, or may not be read, the lists are read whole.

local core = require "commerce.core"
local errors = require "commerce.errors"
local json = require "commerce.json"
local runtime = require "commerce.runtime"

local incremental = {}

local LOOKBACK = 600 -- seconds: objects and events become visible some time after they are created

-- A list that an earlier run has read, or has begun to read: what was read of it may have changed
-- since, and the feed tells.
local function followed(run, saved)
  return saved ~= nil and saved.events_since ~= nil and not run.options.full
    and run.options.since == nil
    and run.started - (saved.at or run.started) <= run.connection.platform.changes.reach * 86400
end

--- From when on a list is read: all of it, unless an earlier run finished it.
---@param saved table? its state in `run.follows`
---@return integer? unix seconds
function incremental.list_start(saved)
  if saved and saved.finished and saved.newest then
    return math.max(0, math.min(saved.newest - LOOKBACK, saved.unsettled_since or saved.newest))
  end
end

-- ---------------------------------------------------------------- the feed

-- An object that the newest part of its list shows anyway need not be fetched.
local function in_list(saved, change)
  local start = incremental.list_start(saved)
  return start and change.created and change.created >= start
end

-- Within the lookback the feed repeats itself: what the last run saw in it needs no second look.
local function applied(saved, change)
  return saved.applied and saved.applied[change.id] == change.at
end

local function collect(run, change, found)
  local saved = run.follows[change.resource]
  local key = change.resource .. " " .. change.id
  local first = found.seen[key]
  if first then
    -- the newest event of an object came before: the others of it can only date it
    first.dated = first.dated or not change.related and change.at or nil
    return
  end
  found.seen[key] = change
  change.dated = not change.related and change.at or nil
  if change.at < found.newest and change.at >= found.newest - LOOKBACK then
    local list = found.applied[change.resource] or {}
    found.applied[change.resource], list[change.id] = list, change.at
  end
  if saved and not applied(saved, change) and (change.deleted or not in_list(saved, change)) then
    found[#found + 1] = change
  end
end

local function feed_query(run, tasks)
  local query, seen = {}, {}
  for _, task in ipairs(tasks) do
    for _, event_type in ipairs(run.connection.platform.changes.types_of(task.name)) do
      if not seen[event_type] then
        seen[event_type] = true
        query[#query + 1] = { "types[]", event_type }
      end
    end
  end
  return query
end

-- Where nothing is followed yet, one page is enough: it tells where the next run goes on.
local function read_feed(run, tasks, since)
  local feed = run.connection.platform.changes
  local found = { seen = {}, applied = {}, newest = since or 0 }
  local projection = core.projection(feed.paths)
  local pager = run.session:pager { path = feed.path, query = feed_query(run, tasks),
    created_gte = since and math.max(0, since - LOOKBACK) }
  local page, message, details
  repeat
    page, message, details = runtime.await(run.transport, pager)
    for i = 1, page and #page or 0 do
      found.newest = math.max(found.newest, page:created(i))
      for _, change in ipairs(feed.of(json.decode(page:element(i, projection)))) do
        change.at = page:created(i)
        collect(run, change, found)
      end
    end
  until not page or not since
  pager:close()
  if message then
    return nil, message, details
  end
  return found
end

-- ---------------------------------------------------------------- deciding

local function decide(run, tasks)
  local since
  for _, task in ipairs(tasks) do
    local saved, message, details = run.store:state(run.connection.id, task.key)
    if message then
      return nil, message, details
    end
    run.saved[task.name] = saved
    if followed(run, saved) then
      run.follows[task.name] = saved
      since = math.min(since or saved.events_since, saved.events_since)
    end
  end
  return true, since
end

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
---@param run commerce.Run gets `saved` (the state of each list), `follows` (of those whose changes
---  the feed tells), `events_since` and `applied` (where the next run goes on in the feed)
---@param tasks commerce.Task[]
---@return table[]? changes list of { resource, id, deleted, dated? (unix seconds of its own newest
---  event) }, newest first; nil if the store failed
---@return string? message
---@return commerce.Details? details
function incremental.changes(run, tasks)
  local lists = {}
  for _, task in ipairs(tasks) do
    lists[#lists + 1] = task.resource.list and task or nil
  end
  run.follows, run.saved, run.applied = {}, {}, {}
  if #lists == 0 then
    return {}
  end
  local ok, since, details = decide(run, lists)
  if not ok then
    return nil, since, details
  end
  local found, message, why = read_feed(run, lists, since)
  if not found then
    without_feed(run, lists, message, why)
    return {}
  end
  run.events_since, run.applied = found.newest, found.applied
  return found
end

return incremental
