-- Reading the events feed: which objects have changed, by the newest event of each.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local gap = require "commerce.sync.gap"
local json = require "commerce.base.json"
local jobs = require "commerce.runtime.jobs"
local stripe = require "commerce.stripe"

local feed = {
  LOOKBACK = 600, -- seconds: objects and events become visible some time after they are created
}

local MOST_SNAPSHOTS = 500 -- kept in memory until they are used

---@class commerce.sync.Change
---@field resource string
---@field id string
---@field at integer unix seconds of its newest event
---@field dated integer? of its newest own event: not one that only names it
---@field created integer? of the object
---@field find commerce.core.Pairs? the query: the list that they give holds the objects that
---  changed
---@field through commerce.StripeObjectId? the object that names the charge that changed
---@field deleted boolean
---@field delivered boolean? whether a webhook told it
---@field snapshot string? the object's JSON as of `at`, if in the version that we read

---@class commerce.FeedFound
---@field changes commerce.sync.Change[] newest first, each object once
---@field by_key table<string, commerce.sync.Change> the same, by resource and id
---@field newest integer unix seconds of the newest event, not counting those of a test clock, which
---  are ahead of now
---@field has_gap boolean? whether some of it could not be read
---@field unread string[] ids of events that cannot be read
---@field latest table<string, integer> by resource: of the newest event about it, in the same way

-- The lists whose objects have an inlined object that changes without an event of the outer one.
local function watching(tasks)
  local list = {}
  for _, task in ipairs(tasks) do
    local watched = task.resource.watched
    for _, path in ipairs(watched and task.expand or {}) do
      if path == watched.expand then
        list[#list + 1] = { resource = task.name, events = watched.events, find = watched.find }
      end
    end
  end
  return list
end

-- The event types of the lists, in groups of as many as may be asked for at once.
local function groups_of_types(tasks, watchers)
  local most, groups, seen, count = stripe.feed.most_types, {}, {}, 0
  local function add_types(types)
    for _, event_type in ipairs(types or {}) do
      if not seen[event_type] then
        seen[event_type] = true
        if count % most == 0 then
          groups[#groups + 1] = {}
        end
        count = count + 1
        table.insert(groups[#groups], { "types[]", event_type })
      end
    end
  end
  for _, task in ipairs(tasks) do
    add_types(task.resource.events)
  end
  for _, watcher in ipairs(watchers) do
    add_types(watcher.events)
  end
  return #groups > 0 and groups or { {} } -- of any type: it tells where the next run goes on
end

--- The lists of a user's own, by the events that tell of them.
---@param tasks commerce.Task[]
---@return table<string, string> resources by event type
function feed.own_resources(tasks)
  local own = {}
  for _, task in ipairs(tasks) do
    for _, event_type in ipairs(task.resource.own and task.resource.events or {}) do
      own[event_type] = task.name
    end
  end
  return own
end

-- An event's object, out of what `SNAPSHOT` keeps of the event.
local SNAPSHOT = core.projection { "data.object" }
local INNER = '^%s*{%s*"data"%s*:%s*{%s*"object"%s*:%s*(.-)%s*}%s*}%s*$'

local function snapshot_of(page, i)
  return page:element(i, SNAPSHOT):match(INNER)
end

--- Merge another event of the same object and second into a change. Their order is unknown, so
--- neither snapshot counts as the newest; but a deletion is final.
---@param change commerce.sync.Change
---@param other commerce.sync.Change of the same object and second
function feed.tie(change, other)
  change.snapshot = nil
  change.deleted = change.deleted or other.deleted
end

-- The newest event of an object comes first: those after it can only date it, or share its second.
local function merge(change, first)
  first.dated = first.dated or change.dated
  if change.at == first.at then
    feed.tie(first, change)
  end
end

local function add(found, change, page, i)
  local key = change.resource .. " " .. change.id
  local first = found.by_key[key]
  if first then
    return merge(change, first)
  end
  local listed = change.created and change.created >= found.listed_since
  if change.current and not change.related and not listed and found.snapshots < MOST_SNAPSHOTS then
    change.snapshot = snapshot_of(page, i)
    found.snapshots = found.snapshots + 1
  end
  found.by_key[key] = change
  found.changes[#found.changes + 1] = change
end

-- The queries that find the objects in which the event's object is inlined.
local function searched(watcher, event)
  local object = type(event.data) == "table" and event.data.object
  for _, event_type in ipairs(watcher.events) do
    local query = event_type == event.type and type(object) == "table" and watcher.find(object)
    if query then
      return { resource = watcher.resource, id = "of " .. tostring(object.id), find = query,
        related = true, deleted = false }
    end
  end
end

local function take_event(found, page, i, projection)
  local at, text = page:created(i), page:element(i, projection)
  local event = text and json.decode(text, true)
  if not at or type(event) ~= "table" then
    found.unread[#found.unread + 1] = page:id(i) or "an event without an id"
    return
  end
  if at <= found.now then
    found.newest = math.max(found.newest, at)
    for _, resource in ipairs(stripe.feed.resources_of(event, found.own)) do
      found.latest[resource] = math.max(found.latest[resource] or 0, at)
    end
  end
  for _, change in ipairs(stripe.feed.of(event, stripe.version, found.own)) do
    change.at, change.dated = at, not change.related and at or nil
    add(found, change, page, i)
  end
  for _, watcher in ipairs(found.watchers) do
    local change = searched(watcher, event)
    if change then
      change.at = at
      add(found, change, page, i)
    end
  end
end

-- Without a place to go on from, as much is read as the next run will look at again: so that it
-- finds nothing there that this one did not know.
local function reaches_back(page, found)
  local last = page:created(#page)
  return last ~= nil and last < found.newest - feed.LOOKBACK
end

-- Read the feed from a place on to its end. Gives whether it has a gap there.
local function read_part(run, types, since, found, place)
  local projection = core.projection(stripe.feed.paths)
  local pager = run.session:pager { path = stripe.feed.path, query = types,
    created_gte = since and math.max(0, since - feed.LOOKBACK), created_lte = place.at }
  return errors.finally(function()
    local page, message, failure
    repeat
      page, message, failure = jobs.await(run.transport, pager)
      if gap.is(failure) then
        return true
      end
      errors.must(page, message, failure)
      for i = 1, page and #page or 0 do
        take_event(found, page, i, projection)
        place.at, place.step = page:created(i) or place.at, nil
      end
    until not page or not since and reaches_back(page, found)
    return false
  end, function()
    pager:close()
  end)
end

local function read_group(run, types, since, found)
  local place, lower = {}, (since or run.started) - feed.LOOKBACK
  while read_part(run, types, since, found, place) do
    found.has_gap = true
    place.at, place.step = gap.below(place.at or run.started, place.step, lower)
    if not place.at then
      break
    end
  end
  return found
end

-- One change from those that two groups of events report of an object: the newer event counts.
local function united(a, b)
  local newer = a.at >= b.at and a or b
  newer.dated = math.max(a.dated or b.dated or 0, b.dated or a.dated or 0)
  newer.dated = newer.dated > 0 and newer.dated or nil
  if a.at == b.at then
    feed.tie(newer, b)
  end
  return newer
end

local function newest_first(a, b)
  if a.at ~= b.at then
    return a.at > b.at
  end
  return ascii.before(a.resource .. a.id, b.resource .. b.id)
end

local function unite(groups)
  local all = groups[1]
  for i = 2, #groups do
    local group = groups[i]
    for key, change in pairs(group.by_key) do
      all.by_key[key] = all.by_key[key] and united(all.by_key[key], change) or change
    end
    for resource, at in pairs(group.latest) do
      all.latest[resource] = math.max(all.latest[resource] or 0, at)
    end
    all.newest = math.max(all.newest, group.newest)
    all.has_gap = all.has_gap or group.has_gap
    for _, id in ipairs(group.unread) do
      all.unread[#all.unread + 1] = id
    end
  end
  if #groups > 1 then
    all.changes = {}
    for _, change in pairs(all.by_key) do
      all.changes[#all.changes + 1] = change
    end
    table.sort(all.changes, newest_first)
  end
  return all
end

--- Read the feed. Raises if it cannot be read.
---@param run commerce.sync.Run
---@param tasks commerce.Task[] the tasks whose resources' changes are wanted
---@param since integer? unix seconds of the newest event that is known; without one, only the last
---  minutes of the feed are read, to know where it ends now
---@return commerce.FeedFound
function feed.read(run, tasks, since)
  local own, watchers, groups = feed.own_resources(tasks), watching(tasks), {}
  for i, types in ipairs(groups_of_types(tasks, watchers)) do
    groups[i] = read_group(run, types, since, { changes = {}, by_key = {}, latest = {},
      newest = since or 0, now = run.started, listed_since = (since or 0) - feed.LOOKBACK,
      snapshots = 0, own = own, watchers = watchers, unread = {} })
  end
  return unite(groups)
end

return feed
