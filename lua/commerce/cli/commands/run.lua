-- `commerce run`: runs a user's script. Scripts run under plain lua5.4 and luajit as well; here
-- they find `commerce` in scope, their syncs print progress, and Ctrl-C stops them cleanly.

local compat = require "commerce.base.compat"
local commerce = require "commerce"
local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local files = require "commerce.base.files"
local jobs = require "commerce.runtime.jobs"
local progress = require "commerce.cli.kit.progress"
local sync = require "commerce.sync"

local HELP = { ["--help"] = true, ["-h"] = true }

local help -- a function that returns the help text

local function arguments(sub)
  sub:argument("script", "The file."):argname "SCRIPT.lua"
  sub:argument("arguments", "The script's arguments."):args "*":argname "ARG"
  sub:handle_options(false) -- options belong to the script
  function help()
    return sub:get_help()
  end
end

-- Bars are for one sync at a time; lines of several syncs at once are labelled.
local function reader()
  if not jobs.is_step() then
    return progress.choose(false)
  end
  local plain
  return function(event)
    plain = plain or progress.plain(event.account)
    plain(event)
  end
end

local function load_script(path)
  local chunk, message = loadfile(path)
  if chunk then
    return chunk
  end
  local file = io.open(path)
  if not file then
    errors.throw("usage", message)
  end
  file:close()
  errors.throw("script", message .. (message:find("near 'until'", 1, true)
    and "; until is a keyword of Lua: write before = … instead" or ""))
end

local function run(_, args)
  if HELP[args.script] then
    console.line(help())
    return
  end
  local chunk = load_script(args.script)
  _G.commerce = commerce -- luacheck: ignore 122
  _G.arg = { [0] = args.script } -- luacheck: ignore 122
  for i, argument in ipairs(args.arguments) do
    _G.arg[i] = argument
  end
  sync.progress = reader
  local ok, raised = errors.try(chunk, compat.unpack(args.arguments))
  if not ok then
    errors.throw("script", tostring(raised),
      { cause = errors.is_failure(raised) and raised or nil })
  end
  local forgotten = files.forgotten()
  if forgotten then
    errors.throw("script", forgotten)
  end
end

---@type commerce.cli.Command
return {
  name = "run",
  help = "Run a Lua script of your own, with `commerce` in scope and its arguments in `arg` and "
    .. "`...`. Exit status: 0 if it ends, 1 if it raises an error.",
  arguments = arguments, run = run, stops_cleanly = true,
}
