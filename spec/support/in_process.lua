-- Runs `commerce` in the process of the spec. A process of its own takes 60 ms, nearly all of it to
-- load; where the process itself is not what a spec is about, this does the same in a few: the same
-- command line, environment, output and exit status.

local programs = require "programs"
local shell = require "spec.support.shell"

local in_process = {}

-- Commands that are in charge of their process.
local ALONE = { serve = true, worker = true }

-- The next word of a line from a position on, and the position after it; nil if a shell is needed
-- to read it.
local function next_word(line, at)
  local word = ""
  repeat
    local plain, after = line:match("^([%w_./:,=@%%+-]*)()", at)
    word, at = word .. plain, after
    local quoted = line:match("^'([^']*)'", at) or line:match('^"([^"$`\\]*)"', at)
    if quoted then
      word, at = word .. quoted, at + #quoted + 2
    end
  until not quoted
  if line:find("^%S", at) then
    return nil
  end
  return word, at
end

--- The words of a command line of `commerce` that can be run here.
---@param line string
---@return string[]? words nil if it wants a shell or a process
function in_process.words(line)
  local words, at = {}, line:find "%S"
  while at do
    words[#words + 1], at = next_word(line, at)
    if not at then
      return nil
    end
    at = line:find("%S", at)
  end
  return not ALONE[words[1]] and words or nil
end

--- Whether a running program can be given an environment: some variables are read at the start.
---@param environment table<string, string|false>
---@return boolean
function in_process.suits(environment)
  for name, value in pairs(environment) do
    local is_mine = name == "LUA_INIT" and value == os.getenv "LUA_INIT"
    if value and not is_mine
      and (name:find "^LD_" or name:find "^LUA_" or name:find "SAN_OPTIONS$") then
      return false
    end
  end
  return true
end

local function replace(f)
  local kept = { stdout = io.stdout, stderr = io.stderr, print = print, arg = arg, exit = os.exit,
    input = io.input() }
  f()
  return function()
    rawset(io, "stdout", kept.stdout)
    rawset(io, "stderr", kept.stderr)
    rawset(_G, "print", kept.print)
    rawset(_G, "arg", kept.arg)
    rawset(os, "exit", kept.exit)
    io.input():close()
    io.input(kept.input)
  end
end

-- Call a function in an environment, with streams of its own; gives what it printed and returned.
local function captured(environment, f, ...)
  local output, errors = shell.new_file(), shell.new_file()
  local variables = { "PATH=" .. os.getenv "PATH" }
  for name, value in pairs(environment) do
    if value then
      variables[#variables + 1] = name .. "=" .. value
    end
  end
  local before = programs.environment(variables)
  local out, err = assert(io.open(output, "wb")), assert(io.open(errors, "wb"))
  local arguments = { ... }
  local restore = replace(function()
    rawset(io, "stdout", out)
    rawset(io, "stderr", err)
    io.input "/dev/null"
    rawset(_G, "arg", arguments[1])
    rawset(os, "exit", function() error("os.exit was called: run it in a process", 2) end)
    rawset(_G, "print", function(...)
      local texts = {}
      for i = 1, select("#", ...) do
        texts[i] = tostring((select(i, ...)))
      end
      out:write(table.concat(texts, "\t"), "\n")
    end)
  end)
  local ok, result = xpcall(f, debug.traceback, arguments[1])
  restore()
  out:close()
  err:close()
  programs.environment(before)
  if not ok then
    error(result, 0)
  end
  return result, shell.take(output), shell.take(errors)
end

local ENDS = { ["-h"] = true, ["--help"] = true, ["--version"] = true }

local function main(words)
  local run = require("commerce.cli").main
  for _, word in ipairs(words) do
    if ENDS[word] then -- prints, and ends the process in the midst of it
      rawset(os, "exit", coroutine.yield)
      return select(2, assert(coroutine.resume(coroutine.create(run), words)))
    end
  end
  return run(words)
end

--- Run `commerce`.
---@param words string[]
---@param environment table<string, string|false> all its variables but PATH
---@return integer status
---@return string output
---@return string errors
function in_process.run(words, environment)
  return captured(environment, main, words)
end

--- Run a Lua script, which must not call os.exit.
---@param text string
---@param environment table<string, string|false> all its variables but PATH
---@param ... string its arguments
---@return string output
function in_process.script(text, environment, ...)
  local chunk = assert((loadstring or load)(text)) -- luacheck: ignore (LuaJIT has the first)
  return (select(2, captured(environment, chunk, { ... })))
end

return in_process
