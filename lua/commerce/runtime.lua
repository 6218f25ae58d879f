-- Waiting: the one place that knows whether this is a script or an OpenResty worker.
-- Called by sync and connection; requires nothing.

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
    runtime.wait(transport, idle)
    idle = idle + 1
  end
end

return runtime
