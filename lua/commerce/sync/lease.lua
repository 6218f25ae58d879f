-- One run at a time for a connection: two at once could write what they read in the wrong order.
--
-- The lease is in the store, for all processes on all hosts; its holder renews it while the work
-- goes on. A killed process does not renew its lease: in the same PID namespace the next process
-- sees that the holder has ended and takes the connection at once, elsewhere when the lease has run
-- out.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local interrupts = require "commerce.runtime.interrupts"
local process = require "commerce.runtime.process"

local lease = {}

---@class commerce.sync.Lease
---@field worker string who has it
local methods = {}
local lease_mt = { __name = "commerce.sync.lease", __index = methods }

local SECONDS = 60 -- how long a lease is
local RENEWAL = 15 -- seconds after which it is renewed

local function try(store, connection_id, worker)
  return store:lease(connection_id, worker, os.time(), SECONDS)
end

local function refuse_busy(connection_id, holder)
  errors.throw("state", ("connection %s is being synced by another process (%s): wait for that one "
    .. "to end"):format(connection_id, holder and process.label(holder) or "which has just begun"),
    { code = "busy", retryable = true })
end

--- Take a connection. Raises if another run has it (code "busy").
---@param store commerce.Store
---@param connection_id string
---@param worker string? who takes it; this process if left out
---@return commerce.sync.Lease
function lease.take(store, connection_id, worker)
  worker = worker or process.name()
  if not try(store, connection_id, worker) then
    local holder = store:leases(os.time())[connection_id]
    if holder and process.is_gone(holder) then
      store:release(connection_id, holder)
    end
    if not try(store, connection_id, worker) then
      refuse_busy(connection_id, holder)
    end
  end
  return setmetatable({ _store = store, _id = connection_id, worker = worker,
    _renewed = core.now() }, lease_mt)
end

--- Renew the lease, if that is due. Raises if another process has taken the connection.
function methods:keep()
  if core.now() - self._renewed < RENEWAL then
    return
  end
  if not try(self._store, self._id, self.worker) then
    errors.throw("store", ("connection %s has been taken over by another process, since this one "
      .. "stood still for too long"):format(self._id), { code = "taken_over" })
  end
  self._renewed = core.now()
end

--- Between two batches of long work: renew the lease, and stop if that was asked for. Raises then.
function methods:go_on()
  self:keep()
  errors.must(interrupts.go_on())
end

--- Give the connection back.
function methods:release()
  self._store:release(self._id, self.worker)
end

return lease
