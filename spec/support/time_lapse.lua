-- A clock that sleeping moves on, so that a spec which waits for minutes takes no time.

local compat = require "commerce.base.compat"
local core = require "commerce.core"

local time_lapse = {}

--- Call a function during which every sleep ends at once, and the clock says that it has passed.
---@param call function
---@param ... any its arguments
---@return any ... its results
function time_lapse.during(call, ...)
  local now, sleep, ahead = core.now, core.sleep, 0
  function core.now()
    return now() + ahead
  end
  function core.sleep(seconds)
    ahead = ahead + seconds
  end
  local results = { pcall(call, ...) }
  core.now, core.sleep = now, sleep
  if not results[1] then
    error(results[2], 0)
  end
  return compat.unpack(results, 2, 4)
end

return time_lapse
