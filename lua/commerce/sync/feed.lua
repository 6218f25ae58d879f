-- Reading the source's feed of changes: which objects it says have changed, the newest event of
-- each. Called by sync.

local core = require "commerce.core"
local json = require "commerce.json"
local runtime = require "commerce.runtime"

local feed = {
  LOOKBACK = 600, -- seconds: objects and events become visible some time after they are created
}

local MOST_SNAPSHOTS = 500 -- kept in memory until they are used

---@class commerce.Change
---@field resource string
---@field id string
---@field at integer unix seconds of its newest event
---@field dated integer? of its newest own event: not one that only names it
---@field created integer? of the object
---@field deleted boolean
---@field snapshot string? the object's JSON as of `at`, if in the version that we read

---@class commerce.FeedFound
---@field changes commerce.Change[] newest first, each object once
---@field newest integer unix seconds of the newest event
---@field latest table<string, integer> by resource: of the newest event about it

local function query_for(platform, tasks)
  local query, seen = {}, {}
  for _, task in ipairs(tasks) do
    for _, event_type in ipairs(platform.changes.types_of(task.name)) do
      if not seen[event_type] then
        seen[event_type] = true
        query[#query + 1] = { "types[]", event_type }
      end
    end
  end
  return query
end

-- An event's object, out of what `SNAPSHOT` keeps of the event.
local SNAPSHOT = core.projection { "data.object" }
local INNER = '^%s*{%s*"data"%s*:%s*{%s*"object"%s*:%s*(.-)%s*}%s*}%s*$'

local function snapshot_of(page, i)
  return page:element(i, SNAPSHOT):match(INNER)
end

-- The newest event of an object comes first: those after it can only date it, or tell that two
-- events share its second, so that its snapshot may not be the last one.
local function merge(change, first)
  first.dated = first.dated or change.dated
  if change.at == first.at then
    first.snapshot = nil
  end
end

local function add(found, change, page, i)
  local key = change.resource .. " " .. change.id
  local first = found.by_key[key]
  if first then
    return merge(change, first)
  end
  if change.current and not change.related and found.snapshots < MOST_SNAPSHOTS then
    change.snapshot = snapshot_of(page, i)
    found.snapshots = found.snapshots + 1
  end
  found.by_key[key] = change
  found.changes[#found.changes + 1] = change
end

local function take_event(platform, found, page, i, projection)
  local at, event = page:created(i), json.decode(page:element(i, projection))
  found.newest = math.max(found.newest, at)
  for _, resource in ipairs(platform.changes.resources_of(event)) do
    found.latest[resource] = math.max(found.latest[resource] or 0, at)
  end
  for _, change in ipairs(platform.changes.of(event, platform.version)) do
    change.at, change.dated = at, not change.related and at or nil
    add(found, change, page, i)
  end
end

--- Read the feed.
---@param run commerce.Run
---@param tasks commerce.Task[] whose changes are looked for
---@param since integer? unix seconds of the newest event that is known; without one, only where
---  the feed is now is looked up: one page
---@return commerce.FeedFound? found nil if the feed cannot be read
---@return string? message
---@return commerce.Details? details
function feed.read(run, tasks, since)
  local platform = run.connection.platform
  local found = { changes = {}, by_key = {}, latest = {}, newest = since or 0, snapshots = 0 }
  local projection = core.projection(platform.changes.paths)
  local pager = run.session:pager { path = platform.changes.path,
    query = query_for(platform, tasks),
    created_gte = since and math.max(0, since - feed.LOOKBACK) }
  local page, message, details
  repeat
    page, message, details = runtime.await(run.transport, pager)
    for i = 1, page and #page or 0 do
      take_event(platform, found, page, i, projection)
    end
  until not page or not since
  pager:close()
  if message then
    return nil, message, details
  end
  return found
end

return feed
