-- One run at a time for a connection: two at once could write what they read in the wrong order.
-- Called by sync.
--
-- The lease is in the store, for every process on every host; who has it renews it while the work
-- goes on. A process that was killed renews nothing: on the same host the next one sees that it is
-- gone and goes on at once, elsewhere when the lease has run out.

local core = require "commerce.core"
local errors = require "commerce.base.errors"

local lease = {}

local methods = {}
local lease_mt = { __name = "commerce.sync.lease", __index = methods }

local SECONDS = 60 -- how long a lease is
local RENEWAL = 15 -- seconds after which it is renewed

local function read_line(path)
  local file = io.open(path, "r")
  local line = file and file:read "*l"
  if file then
    file:close()
  end
  return line
end

-- Process and start time of it, as Linux gives them (proc(5)); nil elsewhere, or if it is no more:
-- states Z and X are of the dead.
local function process(pid)
  local stat = read_line("/proc/" .. pid .. "/stat")
  local id = stat and stat:match("^%d+")
  local after = stat and stat:match("^.*%) (.*)$") -- the name before it may hold anything
  local field, start = 2, nil
  for text in (after or ""):gmatch("%S+") do
    field = field + 1
    if field == 22 then
      start = text
    end
  end
  return id and start and not after:find "^[ZX]" and id .. ":" .. start or nil
end

local function host()
  return read_line("/proc/sys/kernel/hostname") or "?"
end

--- Who works here: this process, told apart from every other one.
---@return string worker
function lease.worker()
  local me = process("self")
  return me and ("%s:%s"):format(host(), me) or "?:" .. core.uuid()
end

--- Whether a worker is a process of this host that has ended.
---@param worker string
---@return boolean
function lease.is_gone(worker)
  local where, pid, start = worker:match("^(.*):(%d+):(%d+)$")
  return where == host() and process("self") ~= nil and process(pid) ~= pid .. ":" .. start
end

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
  worker = worker or lease.worker()
  local held, message, details = try(store, connection_id, worker)
  if held == false then
    local holders, reason, why = store:leases(os.time())
    if not holders then
      return nil, reason, why
    end
    local holder = holders[connection_id]
    if holder and lease.is_gone(holder) then
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
