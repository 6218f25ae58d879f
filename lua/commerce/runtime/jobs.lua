-- Jobs that run side by side: groups, and the shapes of them that most callers need.
--
-- How a job waits, and when it has its turn, is the scheduler's matter. Its functions stand here,
-- too, so that other rooms need this module alone.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local interrupts = require "commerce.runtime.interrupts"
local scheduler = require "commerce.runtime.scheduler"

local jobs = {
  await = scheduler.await, behind = scheduler.behind, breathe = scheduler.breathe,
  every_second = scheduler.every_second, finish = scheduler.finish, hold = scheduler.hold,
  is_among_requests = scheduler.is_among_requests, pause = scheduler.pause,
  release = scheduler.release, run = scheduler.run, see_through = scheduler.see_through,
  sleep = scheduler.sleep, tend = scheduler.tend, wait = scheduler.wait,
}

-- ---------------------------------------------------------------- groups

---@class commerce.JobGroup jobs that one job has begun and ends with
---@field count integer jobs that have not ended
local methods = {}
local group_mt = { __name = "commerce.JobGroup", __index = methods }

--- Begin a job. What it raises cancels the others, and is raised where the group's owner waits for
--- the group.
---@param work fun()
---@return commerce.Job
function methods:add(work)
  local job = scheduler.begin(self.owner, self, work)
  self.count = self.count + 1
  self.members[job] = true
  return job
end

--- Take note that one of the group's jobs has ended; the scheduler calls it.
---@param ok boolean whether the job raised nothing
---@param value any what it raised
function methods:take_end(ok, value)
  self.count, self.ended = self.count - 1, true
  if not ok and value ~= scheduler.CANCELLED and not self.failed then
    self.failed, self.failure = true, value
  end
  if not ok and (not self.lets_end or errors.is_interrupt(value)
    and not interrupts.are_caught()) then
    self:cancel()
  end
end

--- Cancel all jobs: each is raised where it waits.
function methods:cancel()
  for job in pairs(self.members) do
    job.cancelled = not job.ended or nil
  end
end

local function forget_ended(group)
  for job in pairs(group.members) do
    if job.ended then
      group.members[job] = nil
    end
  end
end

-- Until a job has ended since the last call, or it is time.
local function wait_for_end(group, wake, cleans_up)
  local owner = group.owner
  while not group.ended and not (wake and core.now() >= wake) do
    owner.until_ended, owner.wake = group, wake
    scheduler.give_way(owner, cleans_up)
  end
  group.ended = false
  forget_ended(group)
end

local function raise_failure(group)
  if group.failed and not group.lets_end then
    error(group.failure, 0)
  end
end

--- Wait until a job has ended or so many seconds have passed. For the group's owner.
---@param seconds number?
function methods:wait(seconds)
  local wake = seconds and core.now() + seconds
  if self.count > 0 then
    wait_for_end(self, wake)
  elseif seconds then
    jobs.sleep(seconds)
  end
  raise_failure(self)
end

--- Wait until all jobs have ended. For the group's owner.
function methods:join()
  while self.count > 0 do
    wait_for_end(self)
    raise_failure(self)
  end
end

-- The group's work is over, one way or the other: no job of it outlives it.
local function close(group, ok)
  if not ok then
    group:cancel()
  end
  while group.count > 0 do
    local went_on, raised = pcall(wait_for_end, group, nil, not ok)
    if not went_on then
      ok = false
      group.failed, group.failure = true, group.failed and group.failure or raised
      group:cancel()
    end
  end
end

local function run_group(work, lets_end)
  local group = setmetatable({ owner = scheduler.current(), count = 0, members = {},
    lets_end = lets_end }, group_mt)
  local ok, result = pcall(work, group)
  close(group, ok)
  if not ok then
    error(result, 0)
  elseif group.failed then
    error(group.failure, 0)
  end
  return result
end

--- Run jobs side by side: the work begins them with `group:add`. All have ended when this gives the
--- work's first result. What the work or a job raises cancels all others, and is raised.
---@param work fun(group: commerce.JobGroup): any
---@return any result
function jobs.group(work)
  return jobs.run(function()
    return run_group(work)
  end)
end

--- Do some work for each item, several items at a time.
---@param items any[]
---@param most integer how many at a time
---@param work fun(item: any)
function jobs.each(items, most, work)
  if #items == 0 then
    return
  end
  jobs.group(function(group)
    local at = 0
    for _ = 1, math.min(most, #items) do
      group:add(function()
        while at < #items do
          at = at + 1
          work(items[at])
        end
      end)
    end
  end)
end

-- ---------------------------------------------------------------- together

--- Whether the caller is a step of `jobs.together`, or a job that a step has begun.
---@return boolean
function jobs.is_step()
  local job = scheduler.current()
  return job ~= nil and job.step == true
end

local function check_steps(steps)
  if jobs.is_step() then
    errors.refuse("together: one of several steps cannot be several itself")
  elseif type(steps) ~= "table" then
    errors.refuse("together: a list of functions expected, got %s: write { step, step }",
      type(steps))
  end
  for key, run in pairs(steps) do
    if type(run) ~= "function" then
      errors.refuse("together: step %s: a function expected, got %s; write function() return "
        .. "shop:sync() end", tostring(key), type(run))
    end
  end
end

--- Run several functions at once: while one waits for an answer, the others go on. Each runs to its
--- end; then what the first of them raised is raised.
---@param steps table<any, fun(): any> a list, or by names
---@return table<any, any> results each function's first result, under its key
function jobs.together(steps)
  check_steps(steps)
  local results = {}
  jobs.run(function()
    run_group(function(group)
      for key, run in pairs(steps) do
        group:add(function()
          results[key] = (run())
        end).step = true
      end
    end, true)
  end)
  return results
end

return jobs
