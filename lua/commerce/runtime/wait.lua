-- Driving transports and letting time pass: the one place that knows whether this is a script or an
-- OpenResty worker. Only `runtime.jobs` waits; other rooms use that.

local core = require "commerce.core"

local wait = {}

local SCRIPT_WAIT = 1 -- seconds at most in one transport:run; it returns as soon as a request ends
local SLICE = 0.01 -- seconds of waiting, shared by all transports that a script waits for
local FIRST_SLEEP, LONGEST_SLEEP = 0.001, 0.008 -- seconds between two polls in an OpenResty worker

-- ngx.sleep yields the request. In other phases and in plain scripts, nothing can be yielded to.
local function can_yield()
  local phase = ngx and ngx.get_phase and ngx.get_phase()
  return phase == "rewrite" or phase == "access" or phase == "content" or phase == "timer"
end

-- ---------------------------------------------------------------- in turn with other requests

local LONGEST_TURN = 0.001 -- seconds of work in an OpenResty worker before other requests' turn
local JUST_BEGUN = 0.0002 -- seconds
local REST = 0.001 -- seconds; nginx without OpenResty's patches warns of ngx.sleep(0)

local turn_began -- by core.now; nil: nothing has yielded yet

local function yield(seconds)
  ngx.sleep(seconds)
  turn_began = core.now()
end

--- Whether this work has gone on for so long that other requests must have their turn.
---@param more number? seconds that its next piece takes: a long one has a turn of its own
---@return boolean
function wait.is_long(more)
  if not can_yield() then
    return false
  end
  local now = core.now()
  turn_began = turn_began or now
  return now - turn_began + math.min(more or 0, LONGEST_TURN - JUST_BEGUN) >= LONGEST_TURN
end

--- Give other requests of an OpenResty worker their turn. Only after `is_long`.
function wait.rest()
  yield(REST)
end

--- Whether this work has its turns among the requests of an OpenResty worker.
---@return boolean
function wait.is_among_requests()
  return can_yield()
end

-- A script serves no requests, and its records are many.
if not ngx then
  function wait.is_long()
    return false
  end
end

--- Let time pass.
---@param seconds number
function wait.sleep(seconds)
  if can_yield() then
    yield(seconds)
  else
    core.sleep(seconds)
  end
end

-- ---------------------------------------------------------------- transports

local behind = setmetatable({}, { __mode = "k" }) -- transport -> true

--- Have a transport driven only after all others, so that it does not slow them down.
---@param transport commerce.core.Transport
function wait.behind(transport)
  behind[transport] = true
end

local function divide(transports)
  local front, back = {}, {}
  for _, transport in ipairs(transports) do
    local list = behind[transport] and back or front
    list[#list + 1] = transport
  end
  if #front == 0 then
    front, back = back, front
  end
  return front, back
end

local function run_all(transports, seconds)
  for _, transport in ipairs(transports) do
    transport:run(seconds)
  end
end

wait.STEP = 0.001 -- seconds: what `wait.poll` takes if a page or two have arrived

--- Take what has arrived, and send what waits, without waiting.
---@param transports commerce.core.Transport[]
function wait.poll(transports)
  run_all(transports, 0)
end

--- Wait until something may have happened on any transport. A script can wait for one transport at
--- a time: each of several gets a share, and is polled often.
---@param transports commerce.core.Transport[] each once
---@param idle integer how many times in a row nothing had happened
---@param most number? seconds to wait at most
function wait.drive(transports, idle, most)
  most = math.max(math.min(most or SCRIPT_WAIT, SCRIPT_WAIT), 0)
  if #transports == 0 then
    return wait.sleep(can_yield() and math.max(most, FIRST_SLEEP) or most)
  end
  local front, back = divide(transports)
  if can_yield() then
    run_all(front, 0)
    run_all(back, 0)
    yield(math.min(FIRST_SLEEP * 2 ^ math.min(idle, 10), LONGEST_SLEEP))
  else
    run_all(front, #transports == 1 and most or SLICE / #front)
    run_all(back, 0)
  end
end

return wait
