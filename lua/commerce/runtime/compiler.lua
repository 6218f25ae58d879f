-- LuaJIT's compiler. It takes longer than it saves where little Lua runs once, or between many
-- calls of C functions: at the start of a server, in a sync (measured with 10,000 and 45,000
-- objects).

local errors = require "commerce.base.errors"

local compiler = {}

local works, compiles = 0, false -- works that go on; whether LuaJIT compiled before the first

--- Run work that LuaJIT interprets. Under Lua itself nothing changes.
---@param work fun(): any ...
---@return any ... results of the function
function compiler.without(work)
  if not jit then
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
