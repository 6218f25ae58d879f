-- Events that webhooks brought and that wait to be applied, as changes. The way, order and number
-- of deliveries do not matter: the object of an event is fetched again.

local errors = require "commerce.base.errors"
local feed = require "commerce.sync.feed"
local json = require "commerce.base.json"
local stripe = require "commerce.stripe"

local inbox = {}

local MOST = 1000 -- events that one run applies; the next run applies the rest

---@class commerce.sync.Inbox
local methods = {}
local inbox_mt = { __name = "commerce.sync.inbox", __index = methods }

--- The events that wait for a connection.
---@param connection commerce.Connection
---@param store commerce.Store as the run writes to it, under its lease
---@return commerce.sync.Inbox
function inbox.new(connection, store)
  return setmetatable({ _store = store, _id = connection.id,
    _mappings = connection.mappings,
    _events = {}, -- that have been collected: { id, resources }
  }, inbox_mt)
end

-- The changes that an event tells; none if it cannot be understood: its version may differ.
local function changes_of(row, own)
  local event = stripe.webhook_body.event((json.decode(row.body, true)))
  local list = event and stripe.feed.of(event, stripe.version, own) or {}
  for _, change in ipairs(list) do
    change.at, change.dated = row.at, not change.related and row.at or nil
    change.delivered = true
    if change.current and not change.related and not change.deleted then
      local ok, text = errors.try(json.encode, event.data.object)
      change.snapshot = ok and text or nil
    end
  end
  return list
end

-- The newest event of an object counts.
local function merge(known, change)
  known.dated = math.max(known.dated or 0, change.dated or 0)
  if change.at == known.at then
    feed.tie(known, change)
  elseif change.at > known.at then
    known.snapshot, known.at, known.deleted = change.snapshot, change.at, change.deleted
  end
  known.dated = known.dated > 0 and known.dated or nil
  known.delivered = true
end

-- The resources that any record of the connection is made of.
local function resources_read(mappings)
  local read = {}
  for _, mapping in ipairs(mappings:all()) do
    for _, name in ipairs(stripe.resources_of(mapping)) do
      read[name] = true
    end
  end
  return read
end

--- Collect the waiting events.
---@param tasks commerce.Task[] of the lists that they may be about
---@param by_key table<string, commerce.sync.Change> known changes, by resource and id; the events
---  are merged into them
---@param changes commerce.sync.Change[] receives the changes that were not in `by_key`
function methods:collect(tasks, by_key, changes)
  local own, read = feed.own_resources(tasks), resources_read(self._mappings)
  for i, row in ipairs(self._store:waiting_events(self._id, MOST)) do
    local resources = {}
    for _, change in ipairs(changes_of(row, own)) do
      local key = change.resource .. " " .. change.id
      if not read[change.resource] then
        key = nil -- no record depends on it
      elseif by_key[key] then
        merge(by_key[key], change)
      else
        by_key[key], changes[#changes + 1] = change, change
      end
      resources[#resources + 1] = key and change.resource or nil
    end
    self._events[i] = { id = row.id, resources = resources }
  end
end

--- Drop the collected events of which all resources are up to date.
---@param is_done fun(resource: string): boolean
function methods:finish(is_done)
  local ids = {}
  for _, event in ipairs(self._events) do
    local done = true
    for _, resource in ipairs(event.resources) do
      done = done and is_done(resource)
    end
    ids[#ids + 1] = done and event.id or nil
  end
  if #ids > 0 then
    self._store:drop_events(self._id, ids)
  end
end

return inbox
