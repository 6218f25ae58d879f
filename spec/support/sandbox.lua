-- A folder for one spec, in which commands run with an environment of their own: the caller's
-- settings (keys, stores, terminal size) do not apply. The output of every run is searched for the
-- keys that the run was given: a command must not print a secret.

local in_process = require "spec.support.in_process"
local programs = require "programs"
local shell = require "spec.support.shell"
local socket = require "socket"
local tables = require "commerce.base.tables"

local sandbox = {}

--- The runtime that commands are run with.
sandbox.lua = os.getenv "COMMERCE_TEST_LUA" or "lua5.4"
sandbox.runtime = os.getenv "COMMERCE_TEST_RUNTIME" or "lua5.4"

local methods = {}
local sandbox_mt = { __index = methods }

local LONGEST_JOB = 60 -- seconds to wait for a command in the background
local LEAST_SECRET = 12 -- characters; shorter keys are no secrets but words of the test

--- Make a sandbox.
---@param environment table<string, string>? variables of all its commands
---@param options table? in_process = true: `commerce` runs in the spec's process where it can
---@return table box { folder, environment }
function sandbox.new(environment, options)
  return setmetatable({ folder = shell.temporary_folder(), environment = environment or {},
    in_process = options and options.in_process }, sandbox_mt)
end

--- A path inside the folder.
function methods:path(name)
  return self.folder .. "/" .. name
end

--- Write a file; returns its path.
function methods:write(name, text)
  local path = self:path(name)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- Read a file.
function methods:read(name)
  local file = assert(io.open(self:path(name), "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

-- A start of `commerce serve` ends what a killed one has left in TMPDIR: not another spec's.
local function environment_of(box, more)
  return tables.merged({ HOME = box.folder, TMPDIR = box.folder, LUA = sandbox.lua,
    LUA_INIT = os.getenv "LUA_INIT" }, box.environment,
    more or {})
end

--- A command line with this sandbox's environment in front of it. A variable set to false is left
--- out.
---@param command string words of the shell
---@param more table<string, string|false>? further variables
---@return string
function methods:command(command, more)
  local words = { 'env -i PATH="$PATH"' }
  for name, value in pairs(environment_of(self, more)) do
    if value then
      words[#words + 1] = shell.quote(name .. "=" .. value)
    end
  end
  words[#words + 1] = command
  return table.concat(words, " ")
end

--- What of a text gives a key away: the key itself, or most of it.
---@param text string
---@param key string
---@return string? found
function sandbox.leak(text, key)
  local core = key:gsub("^%a+_%a+_", ""):gsub("%s+$", "")
  if #core >= LEAST_SECRET and text:find(core:sub(1, #core - 4), 1, true) then
    return core
  end
end

local function exists(path)
  local file = io.open(path)
  if file then
    file:close()
  end
  return file ~= nil
end

local function check_leaks(box, more, ...)
  for name, value in pairs(environment_of(box, more)) do
    for _, text in ipairs { ... } do
      if name:find "KEY$" and value and sandbox.leak(text, value) then
        error(name .. " was printed: " .. text, 3)
      end
    end
  end
end

--- Run a command line in the environment, without a terminal.
---@param command string
---@param more table<string, string|false>?
---@return integer status
---@return string output
---@return string errors
function methods:run(command, more)
  local status, output, errors = shell.run(self:command(command, more) .. " </dev/null")
  check_leaks(self, more, output, errors)
  return status, output, errors
end

--- Run `commerce`.
---@param arguments string words of the shell
---@param more table<string, string|false>?
---@return integer status
---@return string output
---@return string errors
function methods:commerce(arguments, more)
  local words, environment = self.in_process and in_process.words(arguments),
    environment_of(self, more)
  if not words or environment.LUA ~= sandbox.lua or not in_process.suits(environment) then
    return self:run("build/commerce " .. arguments, more)
  end
  local status, output, errors = in_process.run(words, environment)
  check_leaks(self, more, output, errors)
  return status, output, errors
end

--- Run `commerce` on a terminal; what it writes to both streams comes as one text.
---@param arguments string words of the shell
---@param width integer the terminal's columns
---@param more table<string, string|false>?
---@return integer status
---@return string output
function methods:terminal(arguments, width, more)
  local command = self:command("build/commerce " .. arguments, tables.merged({ LANG = "C.UTF-8",
    TERM = "xterm", COLUMNS = tostring(width) }, more or {}))
  local status, output = shell.run(("script -qec %s /dev/null </dev/null")
    :format(shell.quote(command)))
  output = output:gsub("\r\n", "\n")
  check_leaks(self, more, output)
  return status, output
end

-- Runs `commerce` several times in one process: each line of a file is a command line.
local SEVERAL = [[
local cli = require "commerce.cli"
for line in io.lines(arg[1]) do
  local words = {}
  for word in line:gmatch "%S+" do
    words[#words + 1] = word
  end
  local status = cli.main(words)
  io.stdout:write("\1", status, "\n")
end
]]

--- Run `commerce` several times on a terminal, in one process.
---@param lines string[] arguments, words without quotes
---@param width integer the terminal's columns
---@return { status: integer, output: string }[] results
function methods:terminal_of_several(lines, width)
  local script, file = self:write("several.lua", SEVERAL),
    self:write("several.txt", table.concat(lines, "\n"))
  local _, output = shell.run(("script -qec %s /dev/null </dev/null"):format(shell.quote(
    self:script(script, { LANG = "C.UTF-8", TERM = "xterm", COLUMNS = tostring(width) })
    .. " " .. file)))
  check_leaks(self, nil, output)
  local results = {}
  for text, status in output:gsub("\r\n", "\n"):gmatch "([^\1]*)\1(%d+)\n" do
    results[#results + 1] = { status = tonumber(status), output = text }
  end
  assert(#results == #lines, output)
  return results
end

--- Start a command line beside the specs; what it gives is asked for later.
---@param command string
---@param more table<string, string|false>?
---@return fun(): integer, string, string wait gives status, output and errors when it has ended
---@return fun(): boolean ended whether it has
---@return fun(): string output_so_far
function methods:background(command, more)
  self.jobs = (self.jobs or 0) + 1
  local names = {}
  for i, kind in ipairs { "out", "err", "code" } do
    names[i] = ("job%d.%s"):format(self.jobs, kind)
  end
  local code = self:path(names[3])
  shell.run(("{ %s >%s 2>%s </dev/null; echo $? >%s.new; mv %s.new %s; } &"):format(
    self:command(command, more), self:path(names[1]), self:path(names[2]), code, code, code))
  return function()
    local deadline = socket.gettime() + LONGEST_JOB
    while not exists(code) do
      assert(socket.gettime() < deadline, "it does not end: " .. command)
      socket.sleep(0.02)
    end
    local output, errors = self:read(names[1]), self:read(names[2])
    check_leaks(self, more, output, errors)
    return tonumber(self:read(names[3])), output, errors
  end, function() return exists(code) end, function()
    return exists(self:path(names[1])) and self:read(names[1]) or ""
  end
end

--- The command line of a Lua script that may require the library.
function methods:script(path, more)
  local compile_less = sandbox.runtime == "luajit" and " -Ohotloop=300,hotexit=100 " or " "
  return self:command(shell.quote(sandbox.lua) .. compile_less .. shell.quote(path), tables.merged({
    LUA_PATH = "./?.lua;lua/?.lua;lua/?/init.lua;;",
    LUA_CPATH = ("build/%s/?.so;;"):format(sandbox.runtime),
  }, more or {}))
end

--- Start a command line and send it a signal, some time after a pattern was found in its output.
---@param command string from `command` or `script`
---@param pattern string of Lua
---@param seconds number how long to let it go on
---@param signal string? KILL if left out
---@return integer status 137 if SIGKILL ended it, else the status with which it had ended before
---@return string output
---@return string errors
function methods:kill_after(command, pattern, seconds, signal)
  local program = shell.start { "sh", "-c", "exec " .. command }
  local status
  repeat
    socket.sleep(0.005)
    status = programs.wait(program.pid, true)
  until status or shell.read(program.output):find(pattern)
  if not status then
    socket.sleep(seconds)
    programs.signal(program.pid, signal or "KILL")
  end
  return shell.await(program, status)
end

--- The files of the folder that hold a text.
---@param text string
---@return string names one a line, "" if there are none
function methods:files_with(text)
  local _, names = shell.run(("grep -rlaF -e %s %s"):format(shell.quote(text),
    shell.quote(self.folder)))
  return names
end

--- Remove the folder.
function methods:close()
  shell.remove_folder(self.folder)
end

return sandbox
