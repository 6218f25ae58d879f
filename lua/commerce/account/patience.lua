-- Tells of requests that take long while they last: a server that sends an answer byte by byte, or
-- asks to wait, must not look like a program that hangs.

local jobs = require "commerce.runtime.jobs"

local patience = {
  --- Gets what `patience.watch` tells, if the caller gives no function. Set by the command line.
  ---@type (fun(message: string))?
  tell = nil,
}

local LONG = 10 -- seconds
local GROWTH = 2 -- each message comes when the wait is so many times as long as at the last one

local function whole(seconds)
  return math.floor(seconds + 0.5)
end

--- What a request waits for, in one line.
---@param oldest commerce.core.Oldest
---@return string
function patience.describe(oldest)
  local what = "no complete answer"
  if oldest.status then
    what = oldest.status < 300 and "an answer that cannot be used"
      or ("HTTP %d"):format(oldest.status)
  end
  if oldest.retry_in and (oldest.retry_after or 0) > 0 then
    what = ("%s, Stripe asks to wait %d s"):format(what, whole(oldest.retry_after))
  end
  local next_step = ("attempt %d"):format(oldest.attempts)
  if oldest.retry_in then
    next_step = ("attempt %d in %d s"):format(oldest.attempts + 1, whole(oldest.retry_in))
  end
  return ("%s has been waiting for %d s: %s; %s"):format(oldest.request, whole(oldest.seconds),
    what, next_step)
end

--- Watch a transport while the caller, or a job that it has begun, waits.
---@param transport commerce.core.Transport
---@param tell (fun(message: string))? gets a message when a request takes long, and again at
---  growing intervals
---@return fun() stop ends it
function patience.watch(transport, tell)
  tell = tell or patience.tell
  if not tell then
    return function() end
  end
  local due = LONG
  return jobs.every_second(function()
    local oldest = transport:oldest()
    if not oldest or oldest.seconds < LONG then
      due = LONG
    elseif oldest.seconds >= due then
      due = oldest.seconds * GROWTH
      tell(patience.describe(oldest))
    end
  end)
end

return patience
