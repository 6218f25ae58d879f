-- The name of this process among all processes of all hosts, and whether a process has ended.
--
-- A number of a process means something only within one PID namespace of one boot of one kernel.
-- Containers often share a host name and always count their processes from 1, so the host's name
-- says nothing: only a process of the same boot and the same namespace can see that another one has
-- ended. All others must wait until its lease is over.

local core = require "commerce.core"

local process = {}

local function read_line(path)
  local file = io.open(path, "r")
  local line = file and file:read "*l"
  if file then
    file:close()
  end
  return line
end

local function stat_of(pid)
  return read_line(("/proc/%s/stat"):format(pid))
end

-- "PID:START" from a line of Linux (proc(5)), so that a reused PID is told apart. Nil for a process
-- that has ended: the states Z and X are those of dead processes.
local function running(stat)
  local id = stat:match("^%d+")
  local after = stat:match("^.*%) (.*)$") -- the command's name before it may hold anything
  local field, start = 2, nil
  for text in (after or ""):gmatch("%S+") do
    field = field + 1
    if field == 22 then
      start = text
    end
  end
  return id and start and not after:find "^[ZX]" and id .. ":" .. start or nil
end

-- Whether /proc shows this process's own namespace and not an outer one, whose numbers differ: then
-- NSpid has one number (proc(5)).
local function sees_own_namespace()
  local file = io.open("/proc/self/status", "r")
  local text = file and file:read "*a" or ""
  if file then
    file:close()
  end
  return text:find "\nNSpid:%s*%d+%s*\n" ~= nil
end

-- Within which the numbers of processes can be compared: "BOOT/NAMESPACE". Nil where that is not
-- known, as on systems other than Linux.
local function space()
  local boot = read_line "/proc/sys/kernel/random/boot_id"
  local namespace = core.pid_namespace()
  return boot and namespace and sees_own_namespace() and boot .. "/" .. namespace or nil
end

local function host()
  return read_line("/proc/sys/kernel/hostname") or "?"
end

--- The name of a process, which no other process has.
---@param pid integer? this process if left out
---@return string name "HOST:BOOT/NAMESPACE:PID:START", or "?:" and a random id where the system
---  does not tell
function process.name(pid)
  local here, stat = space(), stat_of(pid or "self")
  local me = here and stat and running(stat)
  return me and ("%s:%s:%s"):format(host(), here, me) or "?:" .. core.uuid()
end

local runs = 0

--- The name of a run of this process, which no other run has: several runs of one process must not
--- take each other for themselves.
---@return string name that of the process, "#" and a number
function process.run_name()
  runs = runs + 1
  return ("%s#%d"):format(process.name(), runs)
end

-- The name of the process, from that of a run of it.
local function without_run(name)
  return (name:gsub("#%d+$", ""))
end

--- Whether two names are those of one process, or of runs of it.
---@param one string
---@param other string
---@return boolean
function process.is_same(one, other)
  return without_run(one) == without_run(other)
end

--- How messages call a process.
---@param name string from `process.name` or `process.run_name`
---@return string label "process 17 on HOST"; the name itself if it says nothing
function process.label(name)
  local where, pid = without_run(name):match "^(.*):[%x%-]+/%d+:(%d+):%d+$"
  return where and ("process %s on %s"):format(pid, where) or name
end

--- Whether a process has ended. False for a process of another boot or PID namespace, of which
--- nothing can be told.
---@param name string from `process.name` or `process.run_name`
---@return boolean
function process.is_gone(name)
  local there, pid, start = without_run(name):match "([%x%-]+/%d+):(%d+):(%d+)$"
  if not there or there ~= space() then
    return false
  end
  local stat = stat_of(pid)
  if not stat then -- another user's, if /proc hides them (hidepid), or gone
    return not core.process_exists(tonumber(pid))
  end
  return running(stat) ~= pid .. ":" .. start
end

return process
