-- What wrk asks for and what it tells of it, for spec/bench/serve.lua. Arguments: the kind of
-- requests, the Authorization header, and a file with what differs from one to the next: ids, or
-- webhooks as "signature body" a line.

local PAUSE = 10 -- milliseconds at most between an answer and the next request: `trivial` alone

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do
    lines[#lines + 1] = line
  end
  return lines
end

local number = 0
local seeds = 0

function setup(thread)
  seeds = seeds + 1
  thread:set("offset", seeds * 7919)
end

-- In turn, each thread from a place of its own, so that little is asked for twice.
local function next_of(list)
  number = number + 1
  return list[(offset + number) % #list + 1]
end

function init(arguments)
  local kind, authorization, path = arguments[1], arguments[2], arguments[3]
  local list = path and lines_of(path)
  wrk.headers.Authorization = authorization
  if kind == "id" then
    local base = wrk.path
    function request()
      return wrk.format("GET", base .. next_of(list))
    end
  elseif kind == "webhook" then
    wrk.method = "POST"
    function request()
      local signature, body = next_of(list):match "^(%S+) (.*)$"
      return wrk.format("POST", nil, { ["Stripe-Signature"] = signature }, body)
    end
  elseif kind == "trivial" then
    -- not as fast as the answers come: then a stop would delay few requests and hide among them
    math.randomseed(offset)
    function delay()
      return math.random(0, PAUSE)
    end
  end
end

-- requests a second, the median, the 99th percentile and the longest (microseconds), and failures
function done(summary, latency)
  local errors = summary.errors
  io.write(("%.0f %.0f %.0f %.0f %d\n"):format(summary.requests / summary.duration * 1e6,
    latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
