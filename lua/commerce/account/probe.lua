-- Finds out what a key may read, before anything is read: asks for one object of each resource, all
-- at once.

local jobs = require "commerce.runtime.jobs"
local stripe = require "commerce.stripe"

local probe = {}

---@class commerce.Probe
---@field allowed boolean? nil if Stripe neither answered nor refused
---@field message string? why not; of a refusal, with the missing permission
---@field details commerce.Details?

local function ask(session, resource)
  return session:request { path = resource.path,
    query = resource.list and { { "limit", 1 } } or nil }
end

local function outcome(auth, resource, response, message, details)
  if response then
    return { allowed = true }
  elseif stripe.lacks_permission(details) then
    return { allowed = false, message = stripe.lacking(message, resource.permission, auth),
      details = details }
  end
  return { message = message, details = details }
end

---@class commerce.Reader a connection that is open, or a key that is tried
---@field session commerce.core.Session
---@field transport commerce.core.Transport
---@field mappings commerce.Mappings
---@field auth string? how a connection is authorized

--- Find out which resources may be read.
---@param connection commerce.Reader
---@param names string[] resources; "events" is the events feed
---@return table<string, commerce.Probe> by resource
function probe.run(connection, names)
  local resources, found, pending = connection.mappings.resources, {}, {}
  for _, name in ipairs(names) do
    local resource = name == "events" and stripe.feed or resources[name]
    pending[name] = { resource = resource, call = ask(connection.session, resource) }
  end
  for _, name in ipairs(names) do
    found[name] = outcome(connection.auth, pending[name].resource,
      jobs.await(connection.transport, pending[name].call))
  end
  return found
end

return probe
