-- Work in a thread of nginx's own: in a Lua state of its own, with nothing of this one but the
-- arguments. The nginx worker serves others meanwhile. Called by openresty.

local errors = require "commerce.base.errors"

local threads = {}

--- Raises, at the caller's caller, where this nginx gives no work to threads.
function threads.check()
  if not ngx.run_worker_thread then
    error("bad option 'thread_pool': this nginx runs no Lua in threads; leave the option out", 3)
  end
end

-- nginx's words, with what to do about it.
local function explain(pool, message)
  message = tostring(message)
  if message:find("not found", 1, true) and message:find("thread pool", 1, true) then
    return ("%s: nginx.conf lacks `thread_pool %s threads=4;` at its top level"):format(message,
      pool)
  end
  return message
end

-- nginx makes a Lua state for each piece of work that is given to it, also while that waits for a
-- thread. So few are given to it at once: the states are used again, and the others wait here.
local MOST = 4
local PATIENCE = 30 -- seconds in which a piece of work must have begun
local LONGEST = 60 -- seconds after which one counts as over: who waited for it may have gone
local PAUSE = 0.002 -- seconds

local began = {} -- when, by the places from 1 to MOST; of this nginx worker

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

--- Call a module's function in a thread, and wait for it; a few at a time.
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
    return errors.fail("store", ("too much is asked for at once: %d others took all of %d seconds")
      :format(MOST, PATIENCE))
  end
  local ran, value, message, details = pcall(threads.keep, pool, module, name, ...)
  began[place] = nil
  if not ran then
    error(value, 0)
  end
  return value, message, details
end

--- The same for work that goes on for as long as nginx does: it is not one of those few.
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
