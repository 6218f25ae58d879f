-- LuaJIT's compiler. A sync is many calls of C functions with little Lua between them: compiling it
-- takes a quarter of its time and saves less (measured with 10,000 and with 45,000 objects).

local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"

local compiler = {}

local jit = rawget(_G, "jit")
local works, compiles = 0, false -- works that go on; whether LuaJIT compiled before the first

--- Run work that LuaJIT interprets. Among the requests of an OpenResty worker, which need the
--- compiler, and under Lua itself, nothing changes.
---@param work fun(): any ...
---@return any ... results of the function
function compiler.without(work)
  if not jit or jobs.is_among_requests() then
    return work()
  elseif works == 0 then
    compiles = jit.status()
    jit.off()
  end
  works = works + 1
  return errors.finally(work, function()
    works = works - 1
    if works == 0 and compiles then
      jit.on()
    end
  end)
end

return compiler
