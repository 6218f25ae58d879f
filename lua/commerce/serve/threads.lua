-- Calls a function in a thread of nginx: in a Lua state of its own, which shares nothing with the
-- caller but the arguments. The nginx worker serves other requests meanwhile.

local errors = require "commerce.base.errors"

local threads = {}

--- Raise, at the caller's caller, if this nginx does not run Lua in threads.
function threads.check()
  if not ngx.run_worker_thread then
    error("bad option 'thread_pool': this nginx does not run Lua in threads; leave it out", 3)
  end
end

-- nginx's message, with the cure.
local function explain(pool, message)
  message = tostring(message)
  if message:find("not found", 1, true) and message:find("thread pool", 1, true) then
    return ("%s: nginx.conf lacks `thread_pool %s threads=4;` at its top level"):format(message,
      pool)
  end
  return message
end

-- nginx makes a Lua state for each call, even while the call waits for a thread, and uses finished
-- states again. So only a few calls are given to nginx at once, and the others wait here.
local MOST = 4
local PATIENCE = 30 -- seconds in which a call must have begun
local LONGEST = 60 -- seconds after which a call counts as over: its request may have been aborted
local PAUSE = 0.002 -- seconds

local began = {} -- when each call of this nginx worker began, by place from 1 to MOST

local function free_place()
  for place = 1, MOST do
    if not began[place] or ngx.now() - began[place] > LONGEST then
      return place
    end
  end
end

local function take_place()
  local deadline, place = ngx.now() + PATIENCE, free_place()
  while not place and ngx.now() < deadline do
    ngx.sleep(PAUSE)
    place = free_place()
  end
  if place then
    began[place] = ngx.now()
  end
  return place
end

-- An nginx worker that is told to end (a reload) stays as long as a timer is left. A call in a
-- thread is not a timer, so nginx would close the request without an answer.
local function stay()
  return ngx.thread.spawn(function()
    ngx.sleep(LONGEST)
  end)
end

--- Call a module's function in a thread, and wait for it. At most a few calls run at once.
---@param pool string the name of a `thread_pool`
---@param module string
---@param name string the function's
---@param ... any plain values: texts, numbers, booleans, tables of them
---@return any? value the function's first result; nil on failure
---@return string? message
---@return commerce.Details? details
function threads.run(pool, module, name, ...)
  local place = take_place()
  if not place then
    return errors.fail("store", ("too many long reads at once: %d others took all of %d seconds")
      :format(MOST, PATIENCE))
  end
  local staying = stay()
  local ran, value, message, details = pcall(threads.keep, pool, module, name, ...)
  ngx.thread.kill(staying)
  began[place] = nil
  if not ran then
    error(value, 0)
  end
  return value, message, details
end

--- The same for work that runs as long as nginx does. It does not count as one of those few.
---@param pool string the name of a `thread_pool`
---@param module string
---@param name string the function's
---@param ... any plain values: texts, numbers, booleans, tables of them
---@return any? value the function's first result; nil on failure
---@return string? message
---@return commerce.Details? details
function threads.keep(pool, module, name, ...)
  local ran, value, message = ngx.run_worker_thread(pool, module, name, ...)
  if not ran then
    return errors.fail("store", explain(pool, value))
  elseif value == nil then
    return errors.fail("store", tostring(message))
  end
  return value
end

return threads
