-- Runs busted in this interpreter. Its own launcher starts another one, which the sanitizers and
-- valgrind would not see, and which `timeout` would not end.

-- A spec runs most code a few times: LuaJIT compiles less than by default (56 and 10).
local jit = rawget(_G, "jit")
if jit then
  jit.opt.start("hotloop=300", "hotexit=100")
end

require "busted.runner" { standalone = false }
