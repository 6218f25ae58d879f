-- Computes from the sync settings which data types are due for a sync, and since when.

local ascii = require "commerce.base.ascii"
local tables = require "commerce.base.tables"
local time = require "commerce.base.time"

local due = {}

---@class commerce.DueSync
---@field connection_id string
---@field company_id string
---@field integration string
---@field types string[] data types, to be read in one sync
---@field since string? date: only objects created from then on
---@field due number unix seconds: the time since which they are due
---@field first boolean whether all of them are read for the first time

---@class commerce.SyncGroup data types of a connection that are read together
---@field types string[]
---@field since string? date: only objects created from then on
---@field order integer lower numbers are read first
---@field schedule integer hours from one sync to the next
---@field first boolean whether they are read as soon as the connection is linked

local HOUR = 3600
local RETRY = HOUR -- after a sync that failed, unless the schedule is shorter

-- Counted from the day of the connection, so that the date is the same in every sync: another date
-- makes another list, which is read from its start.
local function since_of(setting, row)
  if not setting.sync_from_window then -- of both, the window counts
    return setting.sync_from_utc
  end
  local year, month, day = row.created:match("^(%d+)%-(%d+)%-(%d+)")
  local months = year * 12 + month - 1 - setting.sync_from_window
  local first = ("%04d-%02d-"):format(math.floor(months / 12), months % 12 + 1)
  day = tonumber(day)
  while not time.parse(first .. ("%02d"):format(day)) do
    day = day - 1 -- the 31st of a shorter month
  end
  return first .. ("%02d"):format(day)
end

--- The groups of a connection's data types that are read together. They depend only on the
--- settings, not on which types are due: a sync of other types of the same list would read the
--- list from its start.
---@param row commerce.ConnectionRow a connection's
---@param settings_of fun(whose: commerce.SettingsOwner): commerce.SyncSetting[]
---@return commerce.SyncGroup[] groups
function due.groups(row, settings_of)
  local list = settings_of { company = row.company_id,
    integration = row.integration }
  local groups, by_key = {}, {}
  for _, setting in ipairs(list) do
    local group = { types = {}, since = since_of(setting, row), order = setting.sync_order,
      schedule = setting.sync_schedule, first = setting.fetch_on_first_link }
    local key = ("%s %d %d %s"):format(tostring(group.since), group.order, group.schedule,
      tostring(group.first))
    if not by_key[key] then
      by_key[key], groups[#groups + 1] = group, group
    end
    by_key[key].types[#by_key[key].types + 1] = setting.type
  end
  table.sort(groups, function(a, b)
    if a.order ~= b.order then
      return a.order < b.order
    end
    return a.types[1] < b.types[1]
  end)
  return groups
end

-- Dates further ahead than this were written by a clock that was ahead. What they would put off is
-- due: the sync that follows corrects the dates of the pulls.
local AHEAD = HOUR

local function is_ahead(date, now)
  return time.parse(date) > now + AHEAD
end

local UNFINISHED = { Queued = true, Fetching = true, Cancelled = true }

-- The time since which a data type is due; nil if it is not synced automatically again.
local function due_of(group, row, latest, complete, now)
  -- sync_on_link "once": one read each time the merchant links
  local once = row.sync_on_link == "once"
  local schedule = not once and group.schedule * HOUR or 0
  local linked = row.linked or row.created
  local from_future = is_ahead(linked, now)
  local at
  if once and complete and not from_future and complete.requested < linked then
    complete = nil
  end
  if latest and latest.status == "Queued" then
    return nil -- it is asked for already
  elseif complete and is_ahead(complete.requested, now) then
    at = schedule > 0 and now - AHEAD or nil
  elseif complete then
    at = schedule > 0 and time.parse(complete.requested) + schedule or nil
  elseif from_future then
    at = (group.first or schedule > 0) and now - AHEAD or nil
  elseif group.first then
    at = time.parse(linked)
  elseif schedule > 0 then
    at = time.parse(linked) + schedule
  end
  local failed = at and latest and not UNFINISHED[latest.status] and latest.status ~= "Complete"
    and latest.completed
  -- what failed before the connection was linked again does not delay it
  if failed and failed >= linked and not is_ahead(failed, now) then
    at = math.max(at, time.parse(failed) + (schedule > 0 and math.min(schedule, RETRY) or RETRY))
  end
  return at
end

-- The latest pulls, and the latest complete ones; they are mostly the same.
local function latest_pulls(store, id)
  local latest = store:latest_pulls(id)
  for _, pull in pairs(latest) do
    if pull.status ~= "Complete" then
      return latest, store:latest_complete_pulls(id)
    end
  end
  return latest, latest
end

local function add_due(list, store, row, now, settings_of)
  local groups = due.groups(row, settings_of)
  local latest, complete = latest_pulls(store, row.id)
  for position, group in ipairs(groups) do
    local first, at = true, nil
    for _, name in ipairs(group.types) do
      local its = due_of(group, row, latest[name], complete[name], now)
      first = first and not complete[name]
      at = its and (not at or its < at) and its or at
    end
    if at and at <= now then
      list[#list + 1] = { connection_id = row.id, company_id = row.company_id,
        integration = row.integration, types = group.types, since = group.since, due = at,
        first = first, position = position }
    end
  end
end

-- Order: the connection that has waited longest first; within a connection, by sync_order.
local function sort(list)
  local since = {}
  for _, entry in ipairs(list) do
    local id = entry.connection_id
    since[id] = math.min(since[id] or entry.due, entry.due)
  end
  table.sort(list, function(a, b)
    if a.connection_id == b.connection_id then
      return a.position < b.position
    elseif since[a.connection_id] ~= since[b.connection_id] then
      return since[a.connection_id] < since[b.connection_id]
    end
    return ascii.before(a.connection_id, b.connection_id)
  end)
  for _, entry in ipairs(list) do
    entry.position = nil
  end
end

--- See `settings.due`.
---@param store commerce.Store
---@param now number unix seconds
---@param given commerce.ConnectionFilter?
---@param settings_of fun(whose: commerce.SettingsOwner): commerce.SyncSetting[]
---@return commerce.DueSync[] list
function due.list(store, now, given, settings_of)
  local filter, list = tables.merged({ status = "Linked" }, given or {}), {}
  local leases = store:leases(now)
  for _, row in ipairs(store:connections(filter)) do
    if not leases[row.id] then -- no process is syncing it
      add_due(list, store, row, now, settings_of)
    end
  end
  sort(list)
  return list
end

return due
