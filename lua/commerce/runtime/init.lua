-- Waiting: the one place that knows whether this is a script or an OpenResty worker.
-- Called by sync and connection; requires a leaf helper.

local errors = require "commerce.base.errors"

local runtime = {}

local SCRIPT_WAIT = 1 -- seconds at most in one transport:run; it returns as soon as a request ends
local FIRST_SLEEP, LONGEST_SLEEP = 0.001, 0.008 -- seconds between looks in an OpenResty worker

-- ngx.sleep yields the request; elsewhere (init phases, plain scripts) there is nothing to yield
-- to.
local function can_yield()
  local phase = ngx and ngx.get_phase and ngx.get_phase()
  return phase == "rewrite" or phase == "access" or phase == "content" or phase == "timer"
end

local steps_of = setmetatable({}, { __mode = "k" }) -- coroutine -> true: where it waits, it yields

--- Whether this is one of several steps that go on together.
---@return boolean
function runtime.is_step()
  local running = coroutine.running()
  return running ~= nil and steps_of[running] ~= nil
end

local tickers = {}

local function myself()
  return coroutine.running() or "main" -- LuaJIT has none there
end

--- Have a function called about once a second while the caller waits for something, whatever it is:
--- who works for long has to say that it is still there. What it raises is raised there.
---@param tick fun()
---@return fun() stop ends it
function runtime.every_second(tick)
  tickers[tick] = { last = os.time(), owner = myself() }
  return function()
    tickers[tick] = nil
  end
end

local function call_tickers()
  local now, me = os.time(), nil
  for tick, ticker in pairs(tickers) do
    me = me or myself()
    if ticker.last ~= now and ticker.owner == me then
      ticker.last = now
      tick()
    end
  end
end

-- ---------------------------------------------------------------- in turn with others

local LONGEST_TURN = 0.001 -- seconds of work in an OpenResty worker before others have theirs
local REST = 0.001 -- seconds; nginx without OpenResty's patches warns of ngx.sleep(0)

local turn_began -- by the clock of `breathe`; nil: since the last yield nobody has looked at it

local function yield(seconds)
  ngx.sleep(seconds)
  turn_began = nil
end

--- Work goes on for long: in an OpenResty worker, other requests are served now and then. Called
--- between two pieces of the work, where nothing is half done that others could see; never in a
--- transaction, which would keep the database locked. Like a wait, it may raise what a function of
--- `every_second` raises.
---@param now fun(): number a clock, in seconds
function runtime.breathe(now)
  if not can_yield() then
    return
  end
  local time = now()
  turn_began = turn_began or time
  if time - turn_began < LONGEST_TURN then
    return
  end
  call_tickers()
  yield(REST)
end

-- A script serves nobody, and its records are many.
if not ngx then
  function runtime.breathe() end
end

--- Wait without anything to wait for.
---@param seconds number
---@param block fun(seconds: number) what waits where nothing else can be done meanwhile
---@param now fun(): number seconds of a clock that never goes back
function runtime.sleep(seconds, block, now)
  if runtime.is_step() then
    local sleeper = { wake = now() + seconds, block = block, now = now }
    repeat
      coroutine.yield(sleeper)
    until now() >= sleeper.wake
  elseif can_yield() then
    yield(seconds)
  else
    block(seconds)
  end
end

-- ---------------------------------------------------------------- stopping

local signals, holders = nil, 0

--- Let Ctrl-C stop what is under way at a good moment: what is read is stored first. For programs
--- that are in charge of their process.
---@param core table `commerce.core`
function runtime.stop_cleanly(core)
  signals = core
end

--- Work begins that should end at a good moment only.
function runtime.hold()
  holders = holders + 1
  if signals then
    signals.hold_interrupts()
  end
end

--- It is over. If it was to be stopped, that is raised now, as the interpreter's own answer to
--- Ctrl-C is.
function runtime.release()
  holders = holders - 1
  if signals then
    local interrupted = signals.interrupted()
    signals.release_interrupts()
    if interrupted then
      error("interrupted!", 0)
    end
  end
end

--- Whether to go on with what is held: a good moment to stop is now.
---@return boolean? go_on nil if not
---@return string? message
---@return commerce.Details? details
function runtime.go_on()
  if signals and holders > 0 and signals.interrupted() then
    return errors.fail("cancelled", "interrupted", { fatal = true })
  end
  return true
end

-- ---------------------------------------------------------------- together

local SLICE = 0.01 -- seconds of waiting, shared by all transports that are waited for

local behind = setmetatable({}, { __mode = "k" }) -- transport -> true

--- Have others that are waited for at the same time not slowed down by a transport: it is driven
--- when they have been.
---@param transport userdata a `commerce.core` transport
function runtime.behind(transport)
  behind[transport] = true
end

-- Who only sleeps, and who waits for a transport, those behind last; and how long at most to wait.
local function divide(waited)
  local front, back, rest, block = {}, {}, SCRIPT_WAIT, nil
  for _, each in ipairs(waited) do
    if type(each) == "table" then
      rest, block = math.min(rest, math.max(each.wake - each.now(), 0)), each.block
    else
      local list = behind[each] and back or front
      list[#list + 1] = each
    end
  end
  if #front == 0 then
    front, back = back, front
  end
  return front, back, rest, block
end

local function run_all(transports, seconds)
  for _, transport in ipairs(transports) do
    transport:run(seconds)
  end
end

-- Wait for any of some transports. A script can wait for one at a time: of several, each gets its
-- share, and is looked at often.
local function drive(waited, idle)
  call_tickers()
  local front, back, rest, block = divide(waited)
  if can_yield() then
    run_all(front, 0)
    run_all(back, 0)
    yield(#front == 0 and math.max(rest, FIRST_SLEEP)
      or math.min(FIRST_SLEEP * 2 ^ math.min(idle or 0, 10), LONGEST_SLEEP))
  elseif #front == 0 then
    block(rest)
  else
    run_all(front, #front + #back == 1 and rest or SLICE / #front)
    run_all(back, 0)
  end
end

-- Go on with a step until it waits again. Gives what it waits for; nil when it has ended.
local function resume(step, results, failures)
  local ok, value, idle = coroutine.resume(step.thread)
  if not ok then
    failures[#failures + 1] = value
    if errors.is_interrupt(value) and not signals then
      error(value, 0) -- Ctrl-C, and nothing is held for a better moment
    end
  elseif coroutine.status(step.thread) ~= "dead" then
    return value, idle
  else
    results[step.key] = value
  end
end

-- One round over all steps. Gives those that are left, and what they wait for.
local function round(running, results, failures)
  local left, transports, seen, idle = {}, {}, {}, math.huge
  for _, step in ipairs(running) do
    local transport, its_idle = resume(step, results, failures)
    if transport then
      left[#left + 1], idle = step, math.min(idle, its_idle or 0)
      if not seen[transport] then
        seen[transport], transports[#transports + 1] = true, transport
      end
    end
  end
  return left, transports, idle
end

--- Run several functions at once: while one waits for an answer, the others go on. Each runs to its
--- end; what the first of them raised is raised then.
---@param steps table<any, fun(): any> a list, or by names
---@return table<any, any> results each function's first result, under its key
function runtime.together(steps)
  local running, results, failures = {}, {}, {}
  if runtime.is_step() then
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
    running[#running + 1] = { key = key, thread = coroutine.create(run) }
    steps_of[running[#running].thread] = true
  end
  while #running > 0 do
    local left, transports, idle = round(running, results, failures)
    if #left > 0 and #left == #running then
      drive(transports, idle)
    end
    running = left
  end
  if #failures > 0 then
    error(failures[1], 0)
  end
  return results
end

-- ---------------------------------------------------------------- waiting

--- Drive the transport until something may have happened.
---@param transport userdata a `commerce.core` transport
---@param idle integer? how many times in a row this caller has waited without finding anything
function runtime.wait(transport, idle)
  if runtime.is_step() then
    call_tickers()
    coroutine.yield(transport, idle)
  else
    drive({ transport }, idle)
  end
end

--- Wait for one pollable (a call or a pager) and give what it gives.
---@param transport userdata
---@param pollable userdata
---@return any? value nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function runtime.await(transport, pollable)
  local idle = 0
  while true do
    local value, message, details = pollable:poll()
    if value ~= false then
      return value, message, details
    end
    value, message, details = runtime.go_on()
    if not value then
      return nil, message, details
    end
    runtime.wait(transport, idle)
    idle = idle + 1
  end
end

return runtime
