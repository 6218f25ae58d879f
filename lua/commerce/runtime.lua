-- Waiting: the one place that knows whether this is a script or an OpenResty worker.
-- Called by sync and connection; requires a leaf helper.

local errors = require "commerce.errors"

local runtime = {}

local SCRIPT_WAIT = 1 -- seconds at most in one transport:run; it returns as soon as a request ends
local FIRST_SLEEP, LONGEST_SLEEP = 0.001, 0.008 -- seconds between looks in an OpenResty worker

-- ngx.sleep yields the request; elsewhere (init phases, plain scripts) there is nothing to yield
-- to.
local function can_yield()
  local phase = ngx and ngx.get_phase and ngx.get_phase()
  return phase == "rewrite" or phase == "access" or phase == "content" or phase == "timer"
end

local tickers = {}

--- Have a function called about once a second while something is waited for, whatever it is: who
--- works for long has to say that it is still there.
---@param tick fun()
---@return fun() stop ends it
function runtime.every_second(tick)
  tickers[tick] = os.time()
  return function()
    tickers[tick] = nil
  end
end

local function call_tickers()
  local now = os.time()
  for tick, last in pairs(tickers) do
    if last ~= now then
      tickers[tick] = now
      tick()
    end
  end
end

--- Wait without anything to wait for.
---@param seconds number
---@param block fun(seconds: number) what waits where nothing else can be done meanwhile
function runtime.sleep(seconds, block)
  if can_yield() then
    ngx.sleep(seconds)
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

-- ---------------------------------------------------------------- waiting

--- Drive the transport until something may have happened.
---@param transport userdata a `commerce.core` transport
---@param idle integer? how many times in a row this caller has waited without finding anything
function runtime.wait(transport, idle)
  call_tickers()
  if can_yield() then
    transport:run(0)
    ngx.sleep(math.min(FIRST_SLEEP * 2 ^ math.min(idle or 0, 10), LONGEST_SLEEP))
  else
    transport:run(SCRIPT_WAIT)
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
