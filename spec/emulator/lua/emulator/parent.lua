--- An emulator started by a test must not outlive it: it looks now and then whether its parent
--- still runs.
local parent = {}

local INTERVAL = 2

--- Watch process EMULATOR_PARENT, if set; when it is gone, remove the working directory and exit.
---@param dir string
function parent.watch(dir)
  local pid = os.getenv "EMULATOR_PARENT"
  if not pid or not pid:find "^%d+$" then return end
  ngx.timer.every(INTERVAL, function()
    local f = io.open("/proc/" .. pid .. "/stat")
    if f then return f:close() end
    os.execute("rm -rf '" .. dir .. "'")
    os.exit(0)
  end)
end

return parent
