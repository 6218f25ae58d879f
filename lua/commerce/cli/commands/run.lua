-- `commerce run`: a script of the user's own. It runs under plain lua5.4 and luajit as well; here
-- it finds `commerce` in scope, sees the progress of its syncs, and Ctrl-C stops it cleanly.

local compat = require "commerce.base.compat"
local commerce = require "commerce"
local errors = require "commerce.base.errors"
local files = require "commerce.base.files"
local output = require "commerce.cli.kit.output"
local progress = require "commerce.cli.kit.progress"
local runtime = require "commerce.runtime"
local sync = require "commerce.sync"

local command = {}

local HELP = { ["--help"] = true, ["-h"] = true }

local help -- a function that gives it

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local run = parser:command("run", "Run a Lua script of your own, with `commerce` in scope and "
    .. "its arguments in `arg` and `...`. Exit status: 0 if it ends, 1 if it raises an error.")
  run:argument("script", "The file."):argname "SCRIPT.lua"
  run:argument("arguments", "Its arguments."):args "*":argname "ARG"
  run:handle_options(false) -- they are the script's
  function help()
    return run:get_help()
  end
end

-- Bars are for one sync at a time; several at once tell whose line it is.
local function tell()
  if not runtime.is_step() then
    return progress.choose(false)
  end
  local plain
  return function(event)
    plain = plain or progress.plain(event.account)
    plain(event)
  end
end

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  if HELP[args.script] then
    output.line(help())
    return 0
  end
  local chunk, message = loadfile(args.script)
  if not chunk then
    local found = io.open(args.script)
    if found then
      found:close()
      return errors.fail("script", message .. (message:find("near 'until'", 1, true)
        and "; until is a word of Lua's own: write before = … instead" or ""))
    end
    return errors.fail("usage", message)
  end
  _G.commerce = commerce -- luacheck: ignore 122
  _G.arg = { [0] = args.script } -- luacheck: ignore 122
  for i, argument in ipairs(args.arguments) do
    _G.arg[i] = argument
  end
  sync.progress = tell
  local ok, raised = errors.try(chunk, compat.unpack(args.arguments))
  if ok then
    local forgotten = files.forgotten()
    if forgotten then
      return errors.fail("script", forgotten)
    end
    return 0
  end
  local details = type(raised) == "table" and raised.kind and raised or nil
  return errors.fail("script", tostring(raised), { cause = details })
end

return command
