-- Programs in the background: started, killed, and looked at when they have ended.

local shell = require "spec.support.shell"
local socket = require "socket"

local processes = {}

local methods = {}
local processes_mt = { __index = methods }

--- None yet.
---@param box table a sandbox, for what they print
---@return table
function processes.new(box)
  return setmetatable({ box = box, alive = {}, started = 0 }, processes_mt)
end

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a"
  if file then
    file:close()
  end
  return text
end

--- Start one.
---@param command string a line for the shell, of one program
---@param facts table what to know it by: `command` is added, `pid`, `since`
---@return table process the facts
function methods:start(command, facts)
  self.started = self.started + 1
  local base = self.box:path("process" .. self.started)
  os.execute(([[{ %s >%s.out 2>%s.err </dev/null & pid=$!; echo $pid >%s.new; mv %s.new %s.pid
    wait $pid; echo $? >%s.new; mv %s.new %s.code; } >/dev/null 2>&1 &]]):format(command, base,
    base, base, base, base, base, base, base))
  facts.command, facts.base, facts.since = command, base, socket.gettime()
  while not read(base .. ".pid") do
    socket.sleep(0.002)
  end
  facts.pid = read(base .. ".pid"):match "%d+"
  self.alive[#self.alive + 1] = facts
  return facts
end

--- Send a signal to one, if it has not ended by itself.
---@param process table
---@param signal string
function methods:signal(process, signal)
  if not read(process.base .. ".code") then
    shell.run(("kill -%s %s"):format(signal, process.pid))
  end
end

--- Kill one, if it has not ended by itself.
---@param process table
function methods:kill(process)
  if not read(process.base .. ".code") then
    process.was_killed = true
    shell.run("kill -9 " .. process.pid)
  end
end

-- What it printed is kept only of those that somebody wants to look at.
local function finish(process, code)
  process.status = tonumber(code)
  process.output, process.errors = read(process.base .. ".out"), read(process.base .. ".err")
  for _, suffix in ipairs { ".out", ".err", ".pid", ".code" } do
    os.remove(process.base .. suffix)
  end
  return process
end

--- Those that have ended since the last call, with their `status`, `output` and `errors`.
---@return table[]
function methods:ended()
  local list = {}
  for i = #self.alive, 1, -1 do
    local code = read(self.alive[i].base .. ".code")
    if code then
      list[#list + 1] = finish(table.remove(self.alive, i), code)
    end
  end
  return list
end

--- Wait until one has ended.
---@param process table
---@param seconds number how long at most
---@return boolean ended
function methods:wait(process, seconds)
  local deadline = socket.gettime() + seconds
  while not read(process.base .. ".code") do
    if socket.gettime() > deadline then
      return false
    end
    socket.sleep(0.01)
  end
  return true
end

--- Kill all of them.
function methods:kill_all()
  for _, process in ipairs(self.alive) do
    self:kill(process)
    self:wait(process, 10)
  end
end

return processes
