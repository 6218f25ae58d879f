-- Running commands from specs, the same under both runtimes.

local programs = require "programs"
local socket = require "socket"

local shell = {}

--- Quote a text as one word of the shell.
---@param text string
---@return string
function shell.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Where the output of commands goes while they run. It is removed when the interpreter ends.
local scratch, calls = programs.make_folder(), 0

--- What runs a function when it is collected, at the latest when the interpreter ends.
---@param f fun()
---@return any guard to be kept
function shell.at_exit(f)
  -- a table has a finalizer under Lua 5.4 only, a proxy under LuaJIT only
  local new_proxy = rawget(_G, "newproxy")
  if new_proxy then
    local proxy = new_proxy(true)
    getmetatable(proxy).__gc = f
    return proxy
  end
  return setmetatable({}, { __gc = f })
end
shell.guard = shell.at_exit(function() programs.remove_folder(scratch) end)

--- All of a file, "" if there is none.
---@param path string
---@return string
function shell.read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a" or ""
  if file then
    file:close()
  end
  return text
end

--- The path of a file that is not there yet.
---@return string
function shell.new_file()
  calls = calls + 1
  return ("%s/%d"):format(scratch, calls)
end

--- All of a file, which is removed.
---@param path string
---@return string
function shell.take(path)
  local text = shell.read(path)
  os.remove(path)
  return text
end

--- Start a program for which `await` is called later. What it prints goes into files.
---@param words string[] its name and arguments
---@param input string? see programs.start
---@return table program { pid, socket, output, errors }
function shell.start(words, input)
  local program = { output = shell.new_file(), errors = shell.new_file() }
  program.pid, program.socket = programs.start(words, { input = input, output = program.output,
    errors = program.errors })
  return program
end

--- Wait for a program's end.
---@param program table from `start`
---@param status integer? if it has been waited for
---@return integer status
---@return string output
---@return string errors
function shell.await(program, status)
  status = status or programs.wait(program.pid)
  return status, shell.take(program.output), shell.take(program.errors)
end

--- Run a command line; its standard output and error come back as one text each.
---@param command string
---@return integer status
---@return string output
---@return string errors
function shell.run(command)
  return shell.await(shell.start { "sh", "-c", command })
end

--- Wait until a process has ended, whether or not somebody has asked for its end.
---@param pid string
function shell.wait_for_end(pid)
  local path = ("/proc/%s/status"):format(pid)
  local status = shell.read(path)
  while status ~= "" and not status:find "\nState:%s*Z" do
    socket.sleep(0.02)
    status = shell.read(path)
  end
end

--- Make an empty folder; the caller removes it.
---@return string path
function shell.temporary_folder()
  return programs.make_folder()
end

--- Remove a folder of `temporary_folder` and all that is in it.
---@param path string
function shell.remove_folder(path)
  assert(path:find("^/tmp/") or path:find("^/var/") or path:find("^/dev/shm/"),
    "not a temporary folder: " .. path)
  programs.remove_folder(path)
end

return shell
