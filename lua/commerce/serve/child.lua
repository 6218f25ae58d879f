-- A child process that is kept running: when it ends, it is started again, after a pause that grows
-- while it does not last.

local backoff = require "commerce.runtime.backoff"
local core = require "commerce.core"

local child = {}

---@class commerce.serve.Child
---@field name string for messages: "the worker"
---@field pid integer? nil while it does not run
---@field private words string[]
---@field private user string?
---@field private began number by core.now
---@field private again number? by core.now: when it is started again
---@field private pause number seconds
local methods = {}
local child_mt = { __name = "commerce.serve.Child", __index = methods }

local FIRST_PAUSE, LONGEST_PAUSE = 1, 60 -- seconds until it is started again
local LASTING = 600 -- seconds after which a child has lasted, and the pauses begin anew
local PATIENCE = 10 -- seconds until a child that does not end is killed

--- Make a child, which does not run yet.
---@param name string for messages
---@param words string[] the program and its arguments
---@param user string? whose rights it has
---@return commerce.serve.Child
function child.new(name, words, user)
  return setmetatable({ name = name, words = words, user = user,
    pauses = backoff.new(FIRST_PAUSE, LONGEST_PAUSE) }, child_mt)
end

--- Start it.
---@return integer? pid nil on failure
---@return string? message
function methods:start()
  local message
  self.pid, message = core.spawn(self.words, self.user)
  self.began, self.again = core.now(), nil
  return self.pid, message
end

--- What it ended with, once; what it has left behind is ended with it.
---@return integer? status exit status, or 128 and a signal; nil while it runs
function methods:ended()
  local status = self.pid and core.child_status(self.pid)
  if status then
    core.signal_group(self.pid, "KILL")
    self.pid = nil
  end
  return status
end

--- Start it again if it has ended, after a pause.
---@param log fun(text: string)
function methods:keep_running(log)
  local status = self:ended()
  if status then
    if core.now() - self.began > LASTING then
      self.pauses:reset()
    end
    local pause = self.pauses:next()
    self.again = core.now() + pause
    log(("%s ended (%s %d); it is started again in %d s"):format(self.name,
      status > 128 and "signal" or "status", status > 128 and status - 128 or status, pause))
  elseif self.again and core.now() >= self.again then
    local pid, message = self:start()
    if not pid then
      local pause = self.pauses:next()
      log(("%s cannot be started: %s; tried again in %d s"):format(self.name, tostring(message),
        pause))
      self.again = core.now() + pause
    end
  end
end

--- Ask it to end, and wait until it has.
function methods:stop()
  if not self.pid then
    return
  end
  core.signal_group(self.pid, "TERM")
  local deadline = core.now() + PATIENCE
  while self.pid and not self:ended() and core.now() < deadline do
    core.sleep(0.05)
  end
  if self.pid then
    core.signal_group(self.pid, "KILL")
    while not self:ended() do
      core.sleep(0.05)
    end
  end
end

return child
