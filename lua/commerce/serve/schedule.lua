-- Queues the pulls that are due by the sync settings, and cleans up after workers that have died.

local app_grant = require "commerce.account.app_grant"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local quota = require "commerce.webhooks.quota"
local process = require "commerce.runtime.process"
local settings = require "commerce.account.settings"
local time = require "commerce.base.time"

local schedule = {}

local EVERY = 10 -- seconds between two looks
local SHARE = 10 -- times as long as a look takes, at least: it asks about each connection, and with
-- thousands of them that takes seconds, in which the worker does nothing else
local TIDY = 3600 -- seconds between two looks for what killed links have left

---@class commerce.serve.Schedule
---@field private app commerce.App
---@field private store commerce.Store
---@field private next number? when it looks next
---@field private tidied number? when it looked last for what killed links have left
local methods = {}
local schedule_mt = { __name = "commerce.serve.Schedule", __index = methods }

--- Make the schedule of a worker.
---@param app commerce.App
---@return commerce.serve.Schedule
function schedule.new(app)
  return setmetatable({ app = app, store = app.store }, schedule_mt)
end

-- A connection whose key is not stored can only be synced by a script that has the key.
local function has_key(self, connection_id)
  local connection = self.app:connection(connection_id)
  return connection ~= nil and connection:has_key() == true
end

local function queue_due(self)
  local wanted, known = {}, {}
  for _, entry in ipairs(settings.due(self.store, os.time())) do
    local id = entry.connection_id
    if known[id] == nil then
      known[id] = has_key(self, id)
    end
    for _, name in ipairs(known[id] and entry.types or {}) do
      wanted[#wanted + 1] = { id = core.uuid(), connection_id = id, data_type = name,
        unless_since = time.format(entry.due) } -- another worker may have queued it already
    end
  end
  if #wanted > 0 then
    self.store:queue_pulls(wanted, time.now())
  end
end

-- The death of a process is visible within its PID namespace, so its leases need not run out.
local function expire_dead(self)
  for connection_id, holder in pairs(self.store:leases(os.time())) do
    if process.is_gone(holder) then
      self.store:expire_lease(connection_id, holder)
    end
  end
end

local function tidy(self, now)
  if (not self.tidied or now - self.tidied >= TIDY) and not (self.store.lacking or {}).apps then
    self.tidied = now
    errors.catch(app_grant.forget_unused, self.app)
  end
end

--- Queue the pulls that are due, unless this was done a moment ago.
function methods:look()
  local now = core.now()
  if self.next and now < self.next then
    return
  end
  self.next = now + EVERY
  expire_dead(self)
  errors.catch(self.store.finish_removals, self.store) -- what is left goes the next time
  errors.catch(quota.reset, self.store, os.time())
  tidy(self, now)
  queue_due(self)
  self.next = now + math.max(EVERY, SHARE * (core.now() - now))
end

return schedule
