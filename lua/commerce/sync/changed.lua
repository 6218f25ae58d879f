-- Fetching again the objects that changed, several at once. Called by sync.

local convert = require "commerce.sync.convert"
local plan = require "commerce.sync.plan"
local runtime = require "commerce.runtime"
local storing = require "commerce.sync.storing"

local changed = {}

local MOST_AT_ONCE = 20 -- requests in flight

local GONE = 404 -- deleted since the event: another event tells, or will

local function finish_call(run, pending)
  local response, message, details = pending.call:poll()
  if response == false then
    return false
  elseif response then
    return storing.changed(run, pending.task, pending.change, response.body)
  elseif type(details) == "table" and details.status == GONE then
    return true
  elseif type(details) == "table" and details.kind == "store" then
    return nil, message, details
  end
  run.books:fail_resource(pending.task, message, details)
  run.unfollowed[pending.task.name] = true -- the next run looks for this change again
  return true
end

local function start_call(tasks, change)
  local task = tasks[change.resource]
  local call = task.session:request { path = task.resource.path .. "/" .. change.id,
    query = plan.expansions(task.expand, true), endpoint = "GET " .. task.resource.path .. "/:id" }
  return { call = call, task = task, change = change }
end

--- Fetch and store the objects that changed, several at once.
---@param run commerce.Run
---@param tasks commerce.Task[]
---@param changes table[] from `incremental.changes`
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
      at = at + 1
      if change.deleted then
        local ok, message, details = storing.deleted(run, by_name[change.resource], change)
        if not ok then
          return nil, message, details
        end
      elseif convert.is_askable(change.id) then
        pending[#pending + 1] = start_call(by_name, change)
      else
        run.reread[change.resource] = true -- the next run reads the whole list
      end
    end
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
    idle = moved and 0 or idle + 1
    if not moved and #pending > 0 then
      runtime.wait(run.transport, idle)
    end
  end
  return true
end

return changed
