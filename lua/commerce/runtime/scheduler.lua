-- The one scheduler: jobs are coroutines that give way while an answer is still coming, so that
-- each reads like a plain sequence and many requests travel at once. Jobs that are begun together,
-- as `commerce.runtime.jobs` begins them, are a group, which hears of the end of each.
--
-- The first job of a coroutine that is not a job (a script, a request of OpenResty) runs the
-- scheduler until it has ended; a job's own jobs join the scheduler that it runs under. In every
-- round each job goes on until it waits again, so that none starves the others.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local interrupts = require "commerce.runtime.interrupts"
local wait = require "commerce.runtime.wait"

local scheduler = {
  behind = wait.behind, is_among_requests = wait.is_among_requests,
}

---@class commerce.Ticker what is called about once a second during waits
---@field call fun()
---@field last integer unix seconds of the last call
---@field stopped boolean?

---@class commerce.Root a coroutine that is not a job
---@field tickers commerce.Ticker[]?

---@class commerce.Job
---@field thread thread
---@field scheduler commerce.Scheduler
---@field parent commerce.Job|commerce.Root|nil the job, or the place outside of all jobs, that
---  began this one
---@field group commerce.JobGroup? whose member it is
---@field step boolean? whether it is a step of `jobs.together`, or was begun by one
---@field transport commerce.core.Transport? what it waits for
---@field wake number? by core.now: when it goes on at the latest
---@field until_ended commerce.JobGroup? it goes on when one of this group's jobs has ended
---@field cancelled boolean? its next wait raises
---@field ended boolean?
---@field tickers commerce.Ticker[]?
---@field held integer? how many pieces of its work a signal ends at a good moment only

---@class commerce.Scheduler
---@field jobs commerce.Job[] that have not ended
---@field moved boolean? whether anything happened in this round
---@field idle integer rounds in a row in which nothing happened
---@field waited number seconds of the last wait; 0 if anything has happened since

local job_of = setmetatable({}, { __mode = "k" }) -- coroutine -> job
local place_of = setmetatable({}, { __mode = "k" }) -- coroutine that is not a job -> { tickers }

-- Raised where a cancelled job waits. Fatal: no failure of the job's own work.
scheduler.CANCELLED = select(3, errors.fail("cancelled", "cancelled", { fatal = true }))

local function running()
  return coroutine.running() or "main" -- LuaJIT has no coroutine there
end

--- The job that runs.
---@return commerce.Job? job nil outside of all jobs
function scheduler.current()
  return job_of[running()]
end

local current = scheduler.current

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
function scheduler.every_second(tick)
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
function scheduler.hold()
  local owner = owner_here()
  owner.held = (owner.held or 0) + 1
  interrupts.hold()
end

--- End such work. Raises the interpreter's own answer to Ctrl-C if a signal came meanwhile.
function scheduler.release()
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

--- Let the other jobs go on until what the running job waits for may have happened.
---@param job commerce.Job the one that runs, with what it waits for
---@param cleans_up boolean? whether it cleans up after its own jobs: then it may be cancelled, but
---  is not interrupted by that
function scheduler.give_way(job, cleans_up)
  tick(job)
  coroutine.yield()
  job.transport, job.wake, job.until_ended = nil, nil, nil
  if job.cancelled and not cleans_up then
    error(scheduler.CANCELLED, 0)
  end
end

local give_way = scheduler.give_way

local keepers = setmetatable({}, { __mode = "k" }) -- transport -> { work, busy }

--- Have a function called before every wait for a transport, by any job; not while an
--- earlier call still waits for something itself. What it raises is raised in that wait.
---@param transport commerce.core.Transport
---@param work fun()
function scheduler.tend(transport, work)
  keepers[transport] = { work = work }
end

local function keep(keeper)
  keeper.busy = true
  local ok, raised = pcall(keeper.work)
  keeper.busy = false
  if not ok then
    error(raised, 0)
  end
end

--- Wait until something may have happened on a transport.
---@param transport commerce.core.Transport
---@param idle integer? outside of all jobs: how many times in a row nothing had happened
---@param sees_through boolean? a job that is cancelled meanwhile is not interrupted here
---@return number waited seconds for which nothing happened anywhere
function scheduler.wait(transport, idle, sees_through)
  local keeper = keepers[transport]
  if keeper and not keeper.busy then
    keep(keeper)
  end
  local job = current()
  if job and can_leave() then
    job.transport = transport
    give_way(job, sees_through)
    return job.scheduler.waited
  end
  tick(job or place_of[running()])
  local began = core.now()
  wait.drive({ transport }, idle or 0)
  return core.now() - began
end

--- Let the other jobs go on, without anything to wait for; what has arrived meanwhile is taken.
---@param transport commerce.core.Transport?
function scheduler.pause(transport)
  local job = current()
  if job and can_leave() then
    job.transport, job.scheduler.moved = transport, true
    give_way(job)
  elseif transport then
    wait.poll { transport }
  end
end

local function await(transport, pollable, is_cut_short, sees_through)
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
    scheduler.wait(transport, idle, sees_through)
    idle = idle + 1
  end
end

---@class commerce.Pollable a call, a pager, or anything with this method
---@field poll fun(self): any, string?, commerce.Details? a value; false while it is still coming;
---  nil at the end, or with a message and details

--- Wait for a pollable (a call, a pager, anything whose `poll` gives false until it has something)
--- and give what it gives.
---@param transport commerce.core.Transport
---@param pollable commerce.Pollable
---@return any? value nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function scheduler.await(transport, pollable)
  return await(transport, pollable, true)
end

--- Wait for a pollable as `scheduler.await` does, in the middle of held work: a signal does not end
--- the work here.
---@param transport commerce.core.Transport
---@param pollable commerce.Pollable
---@return any? value nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function scheduler.finish(transport, pollable)
  return await(transport, pollable, false)
end

--- Wait for a pollable whose answer must not be lost, even if the job is cancelled: neither a
--- signal nor the end of the job's group interrupts it here.
---@param transport commerce.core.Transport
---@param pollable commerce.Pollable
---@return any? value nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function scheduler.see_through(transport, pollable)
  return await(transport, pollable, false, true)
end

--- Let time pass.
---@param seconds number
function scheduler.sleep(seconds)
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
---@param more number? seconds that the next piece takes, if that is long: others go first
function scheduler.breathe(more)
  if wait.is_long(more) then
    tick(current() or place_of[running()])
    wait.rest()
  end
end

-- ---------------------------------------------------------------- the scheduler

local function add(self, work, parent, group)
  local job = { scheduler = self, parent = parent, group = group,
    step = parent and parent.step or nil, thread = coroutine.create(work) }
  job_of[job.thread] = job
  self.jobs[#self.jobs + 1] = job
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
local function round(self)
  local list, left = self.jobs, {}
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
  self.jobs = left
end

-- What the jobs wait for: transports, each once, and for how many seconds at most.
local function waits_of(self)
  local transports, seen, wake = {}, {}, nil
  for _, job in ipairs(self.jobs) do
    local transport = job.transport
    if transport and not seen[transport] then
      seen[transport], transports[#transports + 1] = true, transport
    end
    wake = job.wake and math.min(wake or job.wake, job.wake) or wake
  end
  return transports, wake and wake - core.now()
end

--- Begin a member of a group, beside the job that owns the group.
---@param owner commerce.Job
---@param group commerce.JobGroup
---@param work fun()
---@return commerce.Job
function scheduler.begin(owner, group, work)
  owner.scheduler.moved = true
  return add(owner.scheduler, work, owner, group)
end

-- Other requests of an OpenResty worker have their turn before a piece of work of so many seconds.
local function rest_before(seconds)
  if wait.is_long(seconds) then
    wait.rest()
  end
end

local function run_scheduler(work)
  local self = { jobs = {}, idle = 0, waited = 0 }
  local first = add(self, work, current() or place_of[running()])
  while true do
    self.moved = false
    round(self)
    if first.ended then
      break
    end
    local transports, most = waits_of(self)
    if self.moved then
      self.idle, self.waited = 0, 0
      rest_before(wait.STEP)
      wait.poll(transports)
      rest_before(0)
    else
      local began = core.now()
      wait.drive(transports, self.idle, most)
      self.idle, self.waited = self.idle + 1, core.now() - began
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
function scheduler.run(work)
  local job = current()
  if job and can_leave() then
    return (work())
  end
  return run_scheduler(work)
end

return scheduler
