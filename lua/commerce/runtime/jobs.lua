-- The one scheduler: jobs are coroutines that give way while an answer is still coming, so that
-- each reads like a plain sequence and many requests travel at once.
--
-- The first job of a coroutine that is not a job (a script, a request of OpenResty) runs the
-- scheduler until it has ended; a job's own jobs join the scheduler that it runs under. In every
-- round each job goes on until it waits again, so that none starves the others.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local interrupts = require "commerce.runtime.interrupts"
local wait = require "commerce.runtime.wait"

local jobs = {
  behind = wait.behind,
}

---@class commerce.Job
---@field thread thread
---@field scheduler commerce.Scheduler
---@field parent table? the job, or the place outside of all jobs, that began this one
---@field group commerce.JobGroup? whose member it is
---@field step boolean? whether it is a step of `jobs.together`, or was begun by one
---@field transport userdata? what it waits for
---@field wake number? by core.now: when it goes on at the latest
---@field until_ended commerce.JobGroup? it goes on when one of this group's jobs has ended
---@field cancelled boolean? its next wait raises
---@field ended boolean?
---@field tickers table[]?
---@field held integer? how many pieces of its work a signal ends at a good moment only

---@class commerce.Scheduler
---@field jobs commerce.Job[] that have not ended
---@field moved boolean? whether anything happened in this round
---@field idle integer rounds in a row in which nothing happened
---@field waited number seconds of the last wait; 0 if anything has happened since

local job_of = setmetatable({}, { __mode = "k" }) -- coroutine -> job
local place_of = setmetatable({}, { __mode = "k" }) -- coroutine that is not a job -> { tickers }

-- Raised where a cancelled job waits. Fatal: no failure of the job's own work.
local CANCELLED = select(3, errors.fail("cancelled", "cancelled", { fatal = true }))

local function running()
  return coroutine.running() or "main" -- LuaJIT has no coroutine there
end

local function current()
  return job_of[running()]
end

-- The job that runs, or the place outside of all jobs.
local function owner_here()
  local where = running()
  if not job_of[where] then
    place_of[where] = place_of[where] or {}
  end
  return job_of[where] or place_of[where]
end

-- A call of C's, such as string.gsub with a function, cannot be left by a yield. OpenResty's own
-- coroutines do not tell.
local can_leave = coroutine.isyieldable or function() -- luacheck: ignore (not in Lua 5.1)
  return true
end

-- ---------------------------------------------------------------- tickers

--- Have a function called about once a second while the caller, or a job that it has begun, waits:
--- work that takes long has to renew its leases. What the function raises is raised in that wait.
---@param tick fun()
---@return fun() stop ends it
function jobs.every_second(tick)
  local owner, ticker = owner_here(), { call = tick, last = os.time() }
  owner.tickers = owner.tickers or {}
  table.insert(owner.tickers, ticker)
  return function()
    ticker.stopped = true
    for i = #owner.tickers, 1, -1 do
      if owner.tickers[i] == ticker then
        table.remove(owner.tickers, i)
      end
    end
  end
end

local function tick(owner)
  local now
  while owner do
    for _, ticker in ipairs(owner.tickers or {}) do
      now = now or os.time()
      if ticker.last ~= now and not ticker.stopped then
        ticker.last = now
        ticker.call()
      end
    end
    owner = owner.parent
  end
end

-- ---------------------------------------------------------------- stopping

--- Begin work that a signal such as Ctrl-C ends at a good moment only: where the caller, or a job
--- that it has begun, waits for a pollable.
function jobs.hold()
  local owner = owner_here()
  owner.held = (owner.held or 0) + 1
  interrupts.hold()
end

--- End such work. Raises the interpreter's own answer to Ctrl-C if a signal came meanwhile.
function jobs.release()
  local owner = owner_here()
  owner.held = owner.held - 1
  interrupts.release()
end

local function is_held(owner)
  while owner and (owner.held or 0) == 0 do
    owner = owner.parent
  end
  return owner ~= nil
end

-- ---------------------------------------------------------------- waiting

-- Let the other jobs go on. A job that cleans up after its own jobs is not interrupted by that.
local function give_way(job, cleans_up)
  tick(job)
  coroutine.yield()
  job.transport, job.wake, job.until_ended = nil, nil, nil
  if job.cancelled and not cleans_up then
    error(CANCELLED, 0)
  end
end

--- Wait until something may have happened on a transport.
---@param transport userdata a `commerce.core` transport
---@param idle integer? outside of all jobs: how many times in a row nothing had happened
---@return number waited seconds for which nothing happened anywhere
function jobs.wait(transport, idle)
  local job = current()
  if job and can_leave() then
    job.transport = transport
    give_way(job)
    return job.scheduler.waited
  end
  tick(job or place_of[running()])
  local began = core.now()
  wait.drive({ transport }, idle or 0)
  return core.now() - began
end

--- Let the other jobs go on, without anything to wait for; what has arrived meanwhile is taken.
---@param transport userdata? a `commerce.core` transport
function jobs.pause(transport)
  local job = current()
  if job and can_leave() then
    job.transport, job.scheduler.moved = transport, true
    give_way(job)
  elseif transport then
    wait.poll { transport }
  end
end

local function await(transport, pollable, is_cut_short)
  local idle, job = 0, current()
  while true do
    local value, message, details = pollable:poll()
    if value ~= false then
      if job then
        job.scheduler.moved = true
      end
      return value, message, details
    end
    local go_on, interrupted, failure = interrupts.go_on()
    if not go_on and is_cut_short and is_held(job or place_of[running()]) then
      return nil, interrupted, failure
    end
    jobs.wait(transport, idle)
    idle = idle + 1
  end
end

--- Wait for a pollable (a call, a pager, anything whose `poll` gives false until it has something)
--- and give what it gives.
---@param transport userdata
---@param pollable table|userdata
---@return any? value nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function jobs.await(transport, pollable)
  return await(transport, pollable, true)
end

--- Wait for a pollable as `jobs.await` does, in the middle of held work: a signal does not end the
--- work here.
---@param transport userdata
---@param pollable table|userdata
---@return any? value nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function jobs.finish(transport, pollable)
  return await(transport, pollable, false)
end

--- Let time pass.
---@param seconds number
function jobs.sleep(seconds)
  local job = current()
  if not (job and can_leave()) then
    return wait.sleep(seconds)
  end
  local wake = core.now() + seconds
  repeat
    job.wake = wake
    give_way(job)
  until core.now() >= wake
end

--- Give other requests of an OpenResty worker their turn if this work has gone on for long. Called
--- between two pieces of the work, where nothing is half done that others could see; never in a
--- transaction, which would keep the database locked. Like a wait, it raises what tickers raise.
function jobs.breathe()
  if wait.is_long() then
    tick(current() or place_of[running()])
    wait.rest()
  end
end

-- ---------------------------------------------------------------- the scheduler

local function add(scheduler, work, parent, group)
  local job = { scheduler = scheduler, parent = parent, group = group,
    step = parent and parent.step or nil, thread = coroutine.create(work) }
  job_of[job.thread] = job
  scheduler.jobs[#scheduler.jobs + 1] = job
  return job
end

local function end_job(job, ok, value)
  job.ended, job.scheduler.moved = true, true
  job_of[job.thread] = nil -- LuaJIT's weak tables keep a key that its value leads to
  if job.group then
    job.group:take_end(ok, value)
  else
    job.ok, job.value = ok, value
  end
end

local function resume(job)
  if job.cancelled and not job.begun then
    return end_job(job, true)
  end
  job.begun = true
  local ok, value = coroutine.resume(job.thread)
  if not ok or coroutine.status(job.thread) == "dead" then
    end_job(job, ok, value)
  end
end

-- A job that waits for its group need not look itself.
local function is_due(job)
  local group = job.until_ended
  return not group or group.ended or job.cancelled
    or job.wake ~= nil and core.now() >= job.wake
end

-- Every job that is due goes on until it waits again. Jobs that begin meanwhile go on, too.
local function round(scheduler)
  local list, left = scheduler.jobs, {}
  local i = 1
  while i <= #list do
    if is_due(list[i]) then
      resume(list[i])
    end
    i = i + 1
  end
  for _, job in ipairs(list) do
    left[#left + 1] = not job.ended and job or nil
  end
  scheduler.jobs = left
end

-- What the jobs wait for: transports, each once, and for how many seconds at most.
local function waits_of(scheduler)
  local transports, seen, wake = {}, {}, nil
  for _, job in ipairs(scheduler.jobs) do
    local transport = job.transport
    if transport and not seen[transport] then
      seen[transport], transports[#transports + 1] = true, transport
    end
    wake = job.wake and math.min(wake or job.wake, job.wake) or wake
  end
  return transports, wake and wake - core.now()
end

local function run_scheduler(work)
  local scheduler = { jobs = {}, idle = 0, waited = 0 }
  local first = add(scheduler, work, current() or place_of[running()])
  while true do
    scheduler.moved = false
    round(scheduler)
    if first.ended then
      break
    end
    local transports, most = waits_of(scheduler)
    if scheduler.moved then
      scheduler.idle, scheduler.waited = 0, 0
      wait.poll(transports)
      if wait.is_long() then
        wait.rest()
      end
    else
      local began = core.now()
      wait.drive(transports, scheduler.idle, most)
      scheduler.idle, scheduler.waited = scheduler.idle + 1, core.now() - began
    end
  end
  if not first.ok then
    error(first.value, 0)
  end
  return first.value
end

--- Do some work as a job.
---@param work fun(): any
---@return any result the work's first result; what it raises is raised
function jobs.run(work)
  local job = current()
  if job and can_leave() then
    return (work())
  end
  return run_scheduler(work)
end

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
  local job = add(self.owner.scheduler, work, self.owner, self)
  self.count = self.count + 1
  self.members[job] = true
  job.scheduler.moved = true
  return job
end

--- Take note that one of the group's jobs has ended; the scheduler calls it.
---@param ok boolean whether the job raised nothing
---@param value any what it raised
function methods:take_end(ok, value)
  self.count, self.ended = self.count - 1, true
  if not ok and value ~= CANCELLED and not self.failed then
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
    give_way(owner, cleans_up)
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
  local group = setmetatable({ owner = current(), count = 0, members = {}, lets_end = lets_end },
    group_mt)
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
  local job = current()
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
