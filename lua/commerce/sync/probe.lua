-- What a key may read, found out before anything is read: one object of each resource is asked for,
-- all at once. Called by sync and by the command line's coverage.

local errors = require "commerce.base.errors"
local runtime = require "commerce.runtime"

local probe = {}

---@class commerce.Probe
---@field allowed boolean? nil if neither an answer nor a refusal came
---@field message string? why not; of a refusal, with the permission that is lacking
---@field details commerce.Details?

local function ask(session, resource)
  return session:request { path = resource.path,
    query = resource.list and { { "limit", 1 } } or nil }
end

local function outcome(platform, resource, response, message, details)
  if response then
    return { allowed = true }
  elseif platform.lacks_permission(details) then
    return { allowed = false, message = errors.lacking(message, resource.permission),
      details = details }
  end
  return { message = message, details = details }
end

--- Find out which resources may be read.
---@param connection table its session, transport and platform are used
---@param names string[] resources of the platform; "events" is its feed of changes
---@return table<string, commerce.Probe> by resource
function probe.run(connection, names)
  local platform, found, pending = connection.platform, {}, {}
  for _, name in ipairs(names) do
    local resource = name == "events" and platform.changes or platform.resources[name]
    pending[name] = { resource = resource, call = ask(connection.session, resource) }
  end
  for _, name in ipairs(names) do
    found[name] = outcome(platform, pending[name].resource,
      runtime.await(connection.transport, pending[name].call))
  end
  return found
end

--- The resources that a run is about to read for the first time and that its key may not. One that
--- has been read before is not asked for again: its first page tells.
---@param connection commerce.Connection
---@param tasks commerce.Task[]
---@return table<string, commerce.Probe>? refused by resource; nil if the store failed
---@return string? message
---@return commerce.Details? details
function probe.refused(connection, tasks)
  local names, refused = {}, {}
  if not connection.restricted then
    return refused
  end
  for _, task in ipairs(tasks) do
    local state, message, details = connection.store:state(connection.id, task.key)
    if message then
      return nil, message, details
    end
    names[#names + 1] = not state and task.name or nil
  end
  for name, found in pairs(probe.run(connection, names)) do
    refused[name] = found.allowed == false and found or nil
  end
  return refused
end

return probe
