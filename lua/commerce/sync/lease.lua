-- One run at a time for a connection: two at once could write what they read in the wrong order.
--
-- The lease is in the store, for all processes on all hosts; its holder renews it while the work
-- goes on. A killed process does not renew its lease: in the same PID namespace the next process
-- sees that the holder has ended and takes the connection at once, elsewhere when the lease has run
-- out.
--
-- A process that stood still while another one took its connection must not write what it knew
-- before: what a run writes is written under its lease (`fenced`).

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local fence = require "commerce.store.fence"
local interrupts = require "commerce.runtime.interrupts"
local process = require "commerce.runtime.process"

local lease = {}

---@class commerce.sync.Lease
---@field worker string who has it: the name of a run
local methods = {}
local lease_mt = { __name = "commerce.sync.lease", __index = methods }

local SECONDS = 60 -- how long a lease is
local RENEWAL = 15 -- seconds after which it is renewed

local function try(store, connection_id, worker)
  return store:lease(connection_id, worker, nil, SECONDS)
end

-- A store of a user's own may know no other workers.
local function is_alone(store)
  return (store.lacking or {}).workers == true
end

-- Renew a lease that is held, for as long as it was taken for.
local function renew(store, connection_id, worker)
  if is_alone(store) then
    return try(store, connection_id, worker)
  end
  return store:renew_lease(connection_id, worker)
end

local function refuse_busy(connection_id, holder)
  local who = holder and "another process (" .. process.label(holder) .. ")"
    or "another process (which has just begun)"
  if holder and process.is_same(holder, process.name()) then
    who = "another run of this process"
  end
  errors.throw("state", ("connection %s is being synced by %s: wait for that one to end")
    :format(connection_id, who), { code = "busy", retryable = true })
end

--- Take a connection. Raises if another run has it (code "busy").
---@param store commerce.Store
---@param connection_id string
---@param worker string? who takes it, or has it already; a new run of this process if left out
---@return commerce.sync.Lease
function lease.take(store, connection_id, worker)
  local held = worker and renew(store, connection_id, worker)
  worker = worker or process.run_name()
  if not held and not try(store, connection_id, worker) then
    local holder = store:leases()[connection_id]
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
  if not renew(self._store, self._id, self.worker) then
    fence.refuse(self._id)
  end
  self._renewed = core.now()
end

-- The store methods by which a run writes.
local FENCED = {}
for name in ([[add_erased begin_sweep drop_events drop_sources end_killed_pulls end_reads end_sweep
  forget_gone remove_records remove_sources rewrite_events rewrite_records rewrite_sources save_pull
  write_page]]):gmatch "%S+" do
  FENCED[name] = true
end

--- The store as a run under this lease writes to it: each page, checkpoint and pull is written in a
--- transaction that renews the lease, or refused (code "taken_over") if it is held no more.
---@return commerce.Store
function methods:fenced()
  local store, held = self._store, { connection_id = self._id, worker = self.worker }
  if is_alone(store) then
    return store
  end
  local made = {}
  for name in pairs(FENCED) do
    made[name] = function(_, ...)
      return store:under_lease(held, name, ...)
    end
  end
  return setmetatable(made, { __name = "commerce.FencedStore", __index = store,
    __newindex = store })
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
