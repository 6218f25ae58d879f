-- Fetching again the objects that changed, several at once. Called by sync.

local convert = require "commerce.sync.convert"
local errors = require "commerce.base.errors"
local feed = require "commerce.sync.feed"
local json = require "commerce.base.json"
local objects = require "commerce.stripe.object"
local plan = require "commerce.sync.plan"
local runtime = require "commerce.runtime"
local storing = require "commerce.sync.storing"
local time = require "commerce.base.time"

local changed = {}

local MOST_AT_ONCE = 20 -- requests in flight

local GONE = 404 -- deleted since the event: another event tells, or will

-- What concerns one object fails its resource, and the next run looks for this change again; a
-- store that cannot be written ends the run.
local function store(run, task, change, text)
  local ok, message, details = errors.catch(storing.changed, run, task, change, text)
  if ok or type(details) == "table" and details.kind == "store" then
    return ok, message, details
  end
  run.books:fail_resource(task, message, details)
  run.unfollowed[task.name] = true
  return true
end

-- An event's snapshot saves the request, if nothing newer can have been stored: the record was last
-- written well before the event, and the store shows all that a list or another event could.
local function snapshot_will_do(run, task, change)
  local consumer = task.consumers[1]
  if not change.snapshot or #task.expand > 0 or task.keep or #task.consumers > 1
    or consumer.source.distinct then
    return false
  end
  local stored, message, details = run.store:find(consumer.data_type, run.connection.id,
    { change.id })
  if not stored then
    return nil, message, details
  end
  local data = stored[change.id]
  return data ~= nil and change.at > feed.LOOKBACK + time.parse(json.decode(data).modifiedDate)
end

local function start_call(task, change)
  return task.session:request { path = task.resource.path .. "/" .. change.id,
    query = plan.expansions(task.expand, true), endpoint = objects.endpoint(task.resource.path) }
end

-- Look for the objects that something inlined leads to.
local function start_search(task, change)
  local query = plan.list_query(task.resource, task.expand)
  for _, pair in ipairs(change.find) do
    query[#query + 1] = pair
  end
  return task.session:pager { path = task.resource.path, query = query }
end

-- What can be stored at once is; of the rest a request is begun.
local function take(run, task, change)
  if change.deleted then
    return storing.deleted(run, task, change)
  elseif change.find then
    return true, start_search(task, change)
  elseif not convert.is_askable(change.id) then
    run.reread[change.resource] = true -- the next run reads the whole list
    return true
  end
  local will_do, message, details = snapshot_will_do(run, task, change)
  if will_do then
    -- another event of that second may still come: this one is looked at again the next time
    (run.applied[change.resource] or {})[change.id] = nil
    return store(run, task, change, change.snapshot)
  elseif message then
    return nil, message, details
  end
  return true, start_call(task, change)
end

local function store_page(run, task, page)
  for i = 1, #page do
    local ok, message, details = store(run, task, { id = page:id(i) }, page:element(i))
    if not ok then
      return nil, message, details
    end
  end
  page:close()
  return false -- there may be more
end

local function finish_call(run, pending)
  local response, message, details = pending.call:poll()
  if response == false then
    return false
  elseif response and pending.change.find then
    return store_page(run, pending.task, response)
  elseif response then
    return store(run, pending.task, pending.change, response.body)
  elseif pending.change.find and not message then
    return true -- the end of what was found
  elseif type(details) == "table" and details.status == GONE then
    return true
  end
  run.books:fail_resource(pending.task, message, details)
  run.unfollowed[pending.task.name] = true
  return true
end

-- One look at everything that is under way: whether anything ended.
local function look(run, pending)
  local moved = false
  for i = #pending, 1, -1 do
    local done, message, details = finish_call(run, pending[i])
    if done == nil then
      return nil, message, details
    elseif done then
      table.remove(pending, i)
      moved = true
    end
  end
  return moved
end

--- Fetch and store the objects that changed, several at once.
---@param run commerce.Run
---@param tasks commerce.Task[]
---@param changes commerce.Change[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function changed.fetch(run, tasks, changes)
  local by_name, pending, at, idle = {}, {}, 1, 0
  for _, task in ipairs(tasks) do
    by_name[task.name] = task
  end
  while at <= #changes or #pending > 0 do
    while at <= #changes and #pending < MOST_AT_ONCE do
      local change = changes[at]
      local task = by_name[change.resource]
      local ok, call, details = take(run, task, change)
      if not ok then
        return nil, call, details
      end
      pending[#pending + 1] = call and { call = call, task = task, change = change } or nil
      at = at + 1
    end
    local moved, message, details = look(run, pending)
    local go_on = moved ~= nil
    if go_on then
      go_on, message, details = runtime.go_on()
    end
    if not go_on then
      return nil, message, details
    end
    idle = moved and 0 or idle + 1
    if not moved and #pending > 0 then
      runtime.wait(run.transport, idle)
    end
  end
  return true
end

return changed
