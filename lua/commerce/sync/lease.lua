-- One run at a time for a connection: two at once could write what they read in the wrong order.
-- Called by sync.
--
-- The lease is in the store, for every process on every host; who has it renews it while the work
-- goes on. A process that was killed renews nothing: on the same host the next one sees that it is
-- gone and goes on at once, elsewhere when the lease has run out.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local process = require "commerce.runtime.process"

local lease = {}

local methods = {}
local lease_mt = { __name = "commerce.sync.lease", __index = methods }

local SECONDS = 60 -- how long a lease is
local RENEWAL = 15 -- seconds after which it is renewed

local function try(store, connection_id, worker)
  return store:lease(connection_id, worker, os.time(), SECONDS)
end

--- Take a connection.
---@param store commerce.Store
---@param connection_id string
---@param worker string? who takes it; this process if left out
---@return table? lease nil if another run has it, or on failure
---@return string? message
---@return commerce.Details? details
function lease.take(store, connection_id, worker)
  worker = worker or process.name()
  local held, message, details = try(store, connection_id, worker)
  if held == false then
    local holders, reason, why = store:leases(os.time())
    if not holders then
      return nil, reason, why
    end
    local holder = holders[connection_id]
    if holder and process.is_gone(holder) then
      store:release(connection_id, holder)
    end
    held, message, details = try(store, connection_id, worker)
    if held == false then
      return errors.fail("state", ("connection %s is being synced by another process (%s): wait "
        .. "for that one to end"):format(connection_id, holder or "which has just begun"),
        { code = "busy", retryable = true })
    end
  end
  if not held then
    return nil, message, details
  end
  return setmetatable({ store = store, connection_id = connection_id, worker = worker,
    renewed = core.now() }, lease_mt)
end

--- Renew it, if that is due.
---@return boolean? ok nil if another one has taken it, or on failure
---@return string? message
---@return commerce.Details? details
function methods:keep()
  if core.now() - self.renewed < RENEWAL then
    return true
  end
  local held, message, details = try(self.store, self.connection_id, self.worker)
  if held == false then
    return errors.fail("store", ("connection %s has been taken over by another process, since this "
      .. "one stood still for too long"):format(self.connection_id), { code = "taken_over" })
  end
  self.renewed = core.now()
  return held, message, details
end

--- Give the connection back.
function methods:release()
  return self.store:release(self.connection_id, self.worker)
end

return lease
