-- Many requests at once, each followed by a job that reads like a plain sequence: jobs are
-- coroutines that give way while an answer is still coming. Called by verify.

local runtime = require "commerce.runtime"

local pool = {}

local methods = {}
local pool_mt = { __name = "commerce.verify.pool", __index = methods }

--- Make a pool.
---@param transport userdata a `commerce.core` transport
---@return table pool
function pool.new(transport)
  return setmetatable({ transport = transport, jobs = {} }, pool_mt)
end

--- Add a job; it begins with the next round.
---@param job fun()
function methods:add(job)
  self.jobs[#self.jobs + 1] = coroutine.create(job)
end

--- In a job: give way until a call or a pager has something, and give what it gives.
---@param pollable userdata
---@return any? value nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function methods:await(pollable)
  while true do
    local value, message, details = pollable:poll()
    if value ~= false then
      self.moved = true
      return value, message, details
    end
    coroutine.yield()
  end
end

--- In a job: let the others go on.
function methods:pause()
  self.moved = true
  coroutine.yield()
end

--- In a job: do some work for each item, several at a time.
---@param items any[]
---@param most integer how many at a time
---@param work fun(item: any)
function methods:each(items, most, work)
  local running = 0
  for _, item in ipairs(items) do
    while running >= most do
      coroutine.yield()
    end
    running = running + 1
    self:add(function()
      work(item)
      running = running - 1
    end)
  end
  while running > 0 do
    coroutine.yield()
  end
end

-- One round: every job goes on until it has to wait again.
local function round(self)
  local i = 1
  while i <= #self.jobs do
    local job = self.jobs[i]
    local ok, raised = coroutine.resume(job)
    if not ok then
      error(raised, 0)
    elseif coroutine.status(job) == "dead" then
      table.remove(self.jobs, i)
      self.moved = true
    else
      i = i + 1
    end
  end
end

--- Run all jobs to their end. Raises what one of them raises.
function methods:run()
  local idle = 0
  while #self.jobs > 0 do
    self.moved = false
    round(self)
    idle = self.moved and 0 or idle + 1
    if self.moved then
      self.transport:run(0)
    else
      runtime.wait(self.transport, idle)
    end
  end
end

return pool
