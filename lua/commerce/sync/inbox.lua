-- The events that webhooks brought, as changes for the incremental path: it does not matter by
-- which way, in which order or how often a change was told, since its object is fetched again.
-- Called by sync.

local feed = require "commerce.sync.feed"
local json = require "commerce.base.json"

local inbox = {}

local MOST = 1000 -- events taken at once; what remains is taken the next time

-- What an event tells; nothing if it cannot be understood, which only the version could explain.
local function changes_of(platform, row, own)
  local event = json.decode(row.body)
  local list = type(event) == "table" and platform.changes.of(event, platform.version, own) or {}
  for _, change in ipairs(list) do
    change.at, change.dated = row.at, not change.related and row.at or nil
    change.delivered = true
    if change.current and not change.related and not change.deleted then
      change.snapshot = json.encode(event.data.object)
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
local function resources_read(connection)
  local read = {}
  for _, mapping in ipairs(connection.mappings:all()) do
    for _, name in ipairs(connection.platform.resources_of(mapping)) do
      read[name] = true
    end
  end
  return read
end

--- Take the waiting events.
---@param run commerce.Run gets `inbox`: what to let go of when they have been applied
---@param tasks commerce.Task[] of the lists that they may be about
---@param by_key table<string, commerce.Change> what is known to have changed, by resource and id;
---  what the events tell is put into it
---@param changes commerce.Change[] receives what was not in `by_key`
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function inbox.collect(run, tasks, by_key, changes)
  local rows, message, details = run.store:waiting_events(run.connection.id, MOST)
  if not rows then
    return nil, message, details
  end
  local own, read = feed.own_resources(tasks), resources_read(run.connection)
  run.inbox = {}
  for i, row in ipairs(rows) do
    local list, resources = changes_of(run.connection.platform, row, own), {}
    for _, change in ipairs(list) do
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
    run.inbox[i] = { id = row.id, resources = resources }
  end
  return true
end

--- Let go of the events whose resources have all been brought up to date.
---@param run commerce.Run
---@param is_done fun(resource: string): boolean
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function inbox.finish(run, is_done)
  local ids = {}
  for _, event in ipairs(run.inbox or {}) do
    local done = true
    for _, resource in ipairs(event.resources) do
      done = done and is_done(resource)
    end
    ids[#ids + 1] = done and event.id or nil
  end
  if #ids == 0 then
    return true
  end
  return run.store:drop_events(run.connection.id, ids)
end

return inbox
