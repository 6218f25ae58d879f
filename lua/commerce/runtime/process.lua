-- The name of this process among all processes of all hosts, and whether a process has ended.

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

-- "PID:START" as Linux gives them (proc(5)), so that a reused PID is told apart. Nil on other
-- systems, and for a process that has ended: the states Z and X are those of dead processes.
local function running(pid)
  local stat = read_line("/proc/" .. pid .. "/stat")
  local id = stat and stat:match("^%d+")
  local after = stat and stat:match("^.*%) (.*)$") -- the command's name before it may hold anything
  local field, start = 2, nil
  for text in (after or ""):gmatch("%S+") do
    field = field + 1
    if field == 22 then
      start = text
    end
  end
  return id and start and not after:find "^[ZX]" and id .. ":" .. start or nil
end

local function host()
  return read_line("/proc/sys/kernel/hostname") or "?"
end

--- The name of this process, which no other process has.
---@return string name "HOST:PID:START"
function process.name()
  local me = running "self"
  return me and ("%s:%s"):format(host(), me) or "?:" .. core.uuid()
end

--- Whether a process of this host has ended. Of a process of another host, nothing can be told.
---@param name string from `process.name`
---@return boolean
function process.is_gone(name)
  local where, pid, start = name:match("^(.*):(%d+):(%d+)$")
  return where == host() and running "self" ~= nil and running(pid) ~= pid .. ":" .. start
end

return process
