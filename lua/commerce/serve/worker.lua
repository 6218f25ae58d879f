-- The worker: does the pulls that were requested and those that are due, applies the events of
-- webhooks, and delivers webhooks meanwhile.
--
-- Any number of workers may run on one store, on any number of hosts. Each takes one connection at
-- a time, or a few side by side, each under a lease that it renews while it works. If a worker
-- dies, another one takes its connections over when their leases have run out, and continues from
-- the last checkpoints.

local backoff = require "commerce.runtime.backoff"
local core = require "commerce.core"
local delivery = require "commerce.webhooks.delivery"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local process = require "commerce.runtime.process"
local schedule = require "commerce.serve.schedule"
local store = require "commerce.store"
local time = require "commerce.base.time"
local work = require "commerce.serve.work"

local worker = {}

local LEASE = 60 -- seconds without a renewal after which another worker may take a connection
local IDLE = 1 -- seconds between two looks at an empty queue, give or take a quarter
local MOST_AT_ONCE = 64 -- connections
local FIRST_PAUSE, LONGEST_PAUSE = 1, 60 -- seconds between two tries after a failure
local MOST_FAILURES = 5 -- in a row, of a kind that does not pass by itself

---@class commerce.Worker
---@field app commerce.App
---@field store commerce.Store
---@field id string the name of this process
---@field lease number seconds
---@field log fun(event: table<string, any>)
---@field connection_options commerce.SessionOptions
---@field public_url string?
---@field concurrency integer connections at once
---@field private schedule commerce.serve.Schedule
---@field private kept commerce.serve.Taken[] what could not be given back, since the store failed
---@field private applied table<string, { at: number, left: integer }> see `serve.work`
---@field private next_look number by core.now: until then the queue is taken for empty
local methods = {}
local worker_mt = { __name = "commerce.Worker", __index = methods }

--- Whether a worker can work on so many connections at once.
---@param count any
---@return boolean
function worker.is_concurrency(count)
  return type(count) == "number" and count >= 1 and count <= MOST_AT_ONCE and count % 1 == 0
end

---@class commerce.WorkerOptions
---@field concurrency integer? how many connections at once (1, at most 64)
---@field lease number? seconds (60)
---@field log (fun(event: table<string, any>))? gets events, tables with `event` ("sync", "failed",
---  "internal_error", "retried", "lost", "stopped", and those of `webhooks.delivery`),
---  connection_id and further facts, without secrets
---@field connection commerce.SessionOptions? how to talk to Stripe, see `app:connection`
---@field public_url string? see `webhooks.delivery`

--- Make a worker.
---@param app commerce.App
---@param options commerce.WorkerOptions?
---@return commerce.Worker raises "usage" if other processes cannot open the store
function worker.new(app, options)
  options = options or {}
  errors.check_options(options, { concurrency = "number", lease = "number", log = "function",
    connection = "table", public_url = "string" })
  if not worker.is_concurrency(options.concurrency or 1) then
    errors.refuse("bad option 'concurrency': a whole number from 1 to %d expected", MOST_AT_ONCE)
  end
  errors.must(store.check_shared(app.url, "no other process could give a worker anything to do"))
  return setmetatable({ app = app, store = app.store, id = process.name(),
    lease = options.lease or LEASE, log = options.log or function() end,
    connection_options = options.connection or {}, public_url = options.public_url,
    concurrency = options.concurrency or 1, schedule = schedule.new(app), applied = {}, kept = {},
    next_look = 0 }, worker_mt)
end

local function never()
  return false
end

-- Renews the lease of a connection as long as it is called.
local function keep_lease(self, taken, stopping)
  local renewed = core.now()
  return function()
    if stopping() then
      error(work.STOPPED, 0)
    end
    if core.now() - renewed < self.lease / 3 then
      return
    end
    renewed = core.now()
    local held = errors.catch(self.store.renew_lease, self.store, taken.connection_id,
      taken.worker)
    if held == false then
      self.log { event = "lost", connection_id = taken.connection_id,
        message = "another worker has taken the connection over" }
    end
  end
end

-- Gives the connection back with what was not finished, unless another worker has it by now.
local function give_back(self, taken)
  local id = taken.connection_id
  if self.store:renew_lease(id, taken.worker) then
    work.requeue(self.store, taken.pulls)
    self.store:end_killed_pulls(id, time.now()) -- those that the run has begun besides
    self.store:release(id, taken.worker)
  end
  return true
end

-- If the store fails at this moment too, a later step does it, or another worker does when the
-- lease has run out.
local function try_give_back(self, taken)
  if not errors.catch(give_back, self, taken) then
    table.insert(self.kept, taken)
  end
end

local function give_back_kept(self)
  while self.kept[1] do
    give_back(self, self.kept[1])
    table.remove(self.kept, 1)
  end
end

local function do_pulls(self, taken, stopping)
  local stop = jobs.every_second(keep_lease(self, taken, stopping))
  local ran, raised = pcall(work.pulls, self, taken)
  stop()
  if ran then
    errors.catch(self.store.release, self.store, taken.connection_id, taken.worker)
  elseif work.is_taken_over(raised) then
    self.log { event = "lost", connection_id = taken.connection_id, message = raised.message }
  else
    try_give_back(self, taken)
    if raised ~= work.STOPPED then
      error(raised, 0)
    end
    self.log { event = "stopped", connection_id = taken.connection_id }
  end
end

local function step(self, stopping)
  give_back_kept(self)
  self.schedule:look()
  local name = process.run_name()
  local taken = self.store:take_pulls(name, nil, self.lease)
  if not taken then
    return work.events(self, self.applied)
  end
  self.next_look = 0 -- there may be more
  taken.worker = name
  do_pulls(self, taken, stopping)
  return true
end

-- Run several parts at once. If one of them raises, `is_over` tells the others to end.
local function together(stopping, parts)
  local over, guarded = false, {}
  local function is_over()
    return over or stopping()
  end
  for i, run in ipairs(parts) do
    guarded[i] = function()
      local ran, raised = pcall(run, is_over)
      if not ran then
        over = true
        error(raised, 0)
      end
    end
  end
  jobs.together(guarded)
end

--- Do what there is to do for one connection.
---@param stopping (fun(): any)? called once a second; true ends the work at the next page, and puts
---  the pulls back into the queue, from where they continue later
---@return boolean? worked false if there is nothing to do; nil if the store failed
---@return string? message
---@return commerce.Failure? failure
function methods:step(stopping)
  return step(self, stopping or never)
end

-- ---------------------------------------------------------------- the loop

local function sleep(seconds, stopping)
  local left = seconds
  while left > 0 and not stopping() do
    jobs.sleep(math.min(IDLE, left))
    left = left - IDLE
  end
end

-- Ctrl-C, and the end of the job that this is.
local function must_end(raised)
  return errors.is_interrupt(raised) or errors.is_failure(raised) and raised.kind == "cancelled"
end

-- Counts failures in a row, and gives the pause after this one. Raises the fifth in a row that is
-- not a passing one of the store: a new process, with a new handle, may do better.
local function note_failure(self, raised, trouble)
  local passes = work.passes(raised)
  trouble.lasting = passes and 0 or trouble.lasting + 1
  if must_end(raised) or trouble.lasting >= MOST_FAILURES then
    error(raised, 0)
  end
  local pause = trouble.pauses:next()
  self.log { event = "retried", seconds = pause, message = core.scrub(tostring(raised)) }
  return pause
end

-- A number from 0 to 1. LuaJIT's math.random gives every process the same ones.
local function chance()
  return tonumber(core.uuid():sub(1, 8), 16) / 2 ^ 32
end

-- The jobs of one process look at an empty queue in turn, and those of several processes not at the
-- same moment.
local function wait_for_turn(self)
  local now = core.now()
  if now < self.next_look then
    jobs.sleep(self.next_look - now)
    return false
  end
  self.next_look = now + IDLE * (0.75 + 0.5 * chance())
  return true
end

local function sync(self, stopping)
  local trouble = { pauses = backoff.new(FIRST_PAUSE, LONGEST_PAUSE), lasting = 0 }
  while not stopping() do
    if wait_for_turn(self) then
      local ok, worked = pcall(step, self, stopping)
      if not ok then
        sleep(note_failure(self, worked, trouble), stopping)
      else
        trouble.pauses:reset()
        trouble.lasting = 0
      end
      if worked == true then
        self.next_look = 0
      end
    end
  end
end

-- Calls the delivery's method, if the store has an outbox.
local function deliver(self, method, stopping)
  if (self.store.lacking or {}).outbox then
    return
  end
  local found = delivery.new(self.store, { log = self.log, public_url = self.public_url })
  errors.finally(function()
    errors.must(found[method](found, stopping))
  end, function()
    found:close()
  end)
end

--- Do what there is to do now, and deliver the webhooks that are due then.
---@param stopping (fun(): any)? see `step`
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Failure? failure
function methods:drain(stopping)
  local parts = {}
  for i = 1, self.concurrency do
    parts[i] = function(is_over)
      while step(self, is_over) and not is_over() do -- luacheck: ignore (each step does some work)
      end
    end
  end
  together(stopping or never, parts)
  deliver(self, "drain", stopping or never)
  return true
end

--- Deliver the webhooks that are due now, each once.
---@param stopping (fun(): any)? true: webhooks that are not sent by then stay in the outbox
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Failure? failure
function methods:deliver(stopping)
  deliver(self, "drain", stopping or never)
  return true
end

--- Work until told to stop: sync, and deliver webhooks meanwhile. After a failure of the store that
--- may pass (locked, the disk full) both try again, with growing pauses. If one of the two fails
--- for good, the other one ends, too.
---@param stopping (fun(): any)? see `step`
---@return boolean? ok nil if the store failed, several times in a row
---@return string? message
---@return commerce.Failure? failure
function methods:run(stopping)
  local parts = { function(is_over)
    deliver(self, "run", is_over)
  end }
  for i = 1, self.concurrency do
    parts[i + 1] = function(is_over)
      sync(self, is_over)
    end
  end
  together(stopping or never, parts)
  return true
end

errors.protect_methods(methods)

return worker
