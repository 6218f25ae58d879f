-- Limits of Stripe that several runs keep to together, in any number of processes on any number of
-- hosts: those of an account, and those of a platform's key. A run has a share of a limit for some
-- seconds, by which its limiter is scaled, and asks the store for it again while it goes on; no
-- request asks the store.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local process = require "commerce.runtime.process"

local shares = {}

local SECONDS = 8 -- how long a share lasts
local RENEWAL = 2 -- seconds after which it is asked for again, so that others can get theirs

---@class commerce.Share
---@field name string the limit's
---@field private store commerce.Store
---@field private limiter commerce.core.Limiter
---@field private holder string
---@field private asked number by core.now
---@field private ends number by core.now
---@field private is_fair boolean whether it is as much as the others have
local methods = {}
local share_mt = { __name = "commerce.Share", __index = methods }

-- A process that was killed keeps its share until it is over, unless its end can be seen.
local function drop_dead(self, others)
  local dropped = false
  for _, holder in ipairs(others) do
    if process.is_gone(holder) then
      dropped = self.store:drop_share(self.name, holder) or dropped
    end
  end
  return dropped
end

local function ask(self)
  local given = self.store:share(self.name, self.holder, SECONDS)
  if #given.others > 0 and drop_dead(self, given.others) then
    given = self.store:share(self.name, self.holder, SECONDS)
  end
  self.ends = core.now() + SECONDS
  self.is_fair = given.share > 0.99 / (#given.others + 1)
  self.limiter:scale(given.share)
end

--- Ask for the share again if that is due. If the store cannot be asked until the share is over,
--- next to nothing is sent: others may have it.
function methods:renew()
  local now = core.now()
  if now - self.asked < (self.is_fair and RENEWAL or RENEWAL / 4) then
    return
  end
  self.asked = now
  errors.catch(ask, self)
  if now >= self.ends then
    self.limiter:scale(0)
  end
end

--- Give the share back.
function methods:drop()
  errors.catch(self.store.drop_share, self.store, self.name, self.holder)
end

--- Ask for a share of a limit.
---@param store commerce.Store
---@param name string the limit's
---@param limiter commerce.core.Limiter is scaled by the share from now on
---@param holder string
---@return commerce.Share
function shares.new(store, name, limiter, holder)
  local self = setmetatable({ store = store, name = name, limiter = limiter, holder = holder,
    asked = -math.huge, ends = core.now() + SECONDS, is_fair = false }, share_mt)
  self:renew()
  return self
end

-- All runs of an application use the limiter of a platform's key together.
local function join_platform(app, name, limiter)
  app.shares = app.shares or {}
  local joined = app.shares[name]
  if not joined then
    joined = { runs = 0, share = shares.new(app.store, name, limiter, process.run_name()) }
    app.shares[name] = joined
  end
  joined.runs = joined.runs + 1
  return joined.share, function()
    joined.runs = joined.runs - 1
    if joined.runs == 0 then
      app.shares[name] = nil
      joined.share:drop()
    end
  end
end

local function nothing()
end

--- Have the limiters of a connection keep to shares of their limits while a run goes on.
---@param connection commerce.Connection an opened one, unless nothing is asked of Stripe
---@param holder string the name of the run
---@return fun() leave gives the shares back
function shares.join(connection, holder)
  local store, limiter = connection.store, connection.limiter
  if not limiter or (store.lacking or {}).workers then
    return nothing
  end
  local own = shares.new(store, ("account:%s:%s"):format(connection.integration.mode,
    connection.account), limiter, holder)
  local platform, leave_platform
  if connection.platform_limiter then
    platform, leave_platform = join_platform(connection.app, "platform:"
      .. connection.integration.name, connection.platform_limiter)
  end
  local stop = jobs.every_second(function()
    own:renew()
    if platform then
      platform:renew()
    end
  end)
  return function()
    stop()
    own:drop()
    limiter:scale(1)
    if platform then
      leave_platform()
    end
  end
end

return shares
