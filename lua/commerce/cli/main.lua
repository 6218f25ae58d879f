-- The program `commerce`: calls commerce.cli with the shell's arguments.

require("commerce.core").private_process()

-- LuaJIT compiles a loop after 56 rounds by default. A short command loses more by that than it
-- gains; what has many records to go through reaches 1000 rounds soon.
local jit = rawget(_G, "jit")
if jit then
  jit.opt.start "hotloop=1000"
end

os.exit(require("commerce.cli").main(arg), true)
