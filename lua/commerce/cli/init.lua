-- The command line: parses arguments, runs one command, turns its failure into one line.
-- Called by cli.main. Each command is a module with `define(parser)` and `run(args, out)`.

local argparse = require "argparse"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local explain = require "commerce.cli.kit.explain"
local output = require "commerce.cli.kit.output"
local runtime = require "commerce.runtime"

local cli = {}

local SIGINT = 2 -- the signal of Ctrl-C

-- Commands that Ctrl-C ends when the page in hand is stored.
local STOPS_CLEANLY = { sync = true, run = true }

local COMMANDS = { "sync", "run", "show", "status", "verify", "remap", "coverage", "companies",
  "connections", "link", "integrations", "mode", "rekey", "settings", "keys", "webhooks", "worker",
  "serve" }

local EPILOG = [[
Environment:
  STRIPE_SECRET_KEY    the key to read with (sk_..., rk_...); never given as an argument
  STRIPE_ACCOUNT       act on this connected account (acct_...)
  STRIPE_API_BASE      another server: an emulator, a proxy
  STRIPE_CONNECT_BASE  the same for what linking asks of connect.stripe.com
  COMMERCE_STORE       where the records are kept (default sqlite:commerce.db)
  COMMERCE_MASTER_KEY  seals the secrets that are stored (openssl rand -base64 32)
  NO_COLOR             no colours

Exit status: 0 all done, 1 something failed or does not agree, 2 wrong usage.]]

local function new_parser()
  local parser = argparse("commerce", "A Stripe account's commerce data in your own database.")
    :epilog(EPILOG)
  parser:command_target "command"
  parser:flag("--version", "Print the version and exit."):action(function()
    print("lua-commerce " .. core.version)
    os.exit(0)
  end)
  local modules = {}
  for _, name in ipairs(COMMANDS) do
    modules[name] = require("commerce.cli.commands." .. name)
    modules[name].define(parser)
  end
  return parser, modules
end

-- The deepest command that was named, so that its own usage is shown.
local function usage_of(parser, arguments)
  local deepest = parser
  for _, argument in ipairs(arguments) do
    for _, command in ipairs(deepest._commands) do
      if command._name == argument then
        deepest = command
        break
      end
    end
  end
  return deepest:get_usage()
end

local function print_failure(message, details)
  io.stderr:write("commerce: ", explain.failure(message, details), "\n")
end

-- "--order-by -amount", "--order -1": argparse takes a value with a dash in front for an option of
-- its own.
local DASHED = { ["--order-by"] = "^%-%a", ["--order"] = "^%-%d" }

local function join_dashed(arguments)
  local joined, skip = {}, false
  if arguments[1] == "run" then
    return arguments -- of a script's own
  end
  for i, argument in ipairs(arguments) do
    local value = arguments[i + 1]
    if skip then
      skip = false
    elseif DASHED[argument] and value and value:find(DASHED[argument]) then
      joined[#joined + 1], skip = argument .. "=" .. value, true
    else
      joined[#joined + 1] = argument
    end
  end
  return joined
end

local function run(command, parsed)
  local status, message, details = command.run(parsed)
  output.flush()
  return status, message, details
end

--- Run the command line.
---@param arguments string[]
---@return integer status 0 all done, 1 something failed, 2 wrong usage
function cli.main(arguments)
  local parser, modules = new_parser()
  local ok, parsed = parser:pparse(join_dashed(arguments))
  if not ok then
    io.stderr:write(usage_of(parser, arguments), "\n\ncommerce: ", core.scrub(tostring(parsed)),
      "\n")
    return 2
  end
  if STOPS_CLEANLY[parsed.command] then
    runtime.stop_cleanly(core)
  end
  local ran, status, message, details = pcall(run, modules[parsed.command], parsed)
  if not ran then
    -- a raised failure, an interruption, or a mistake of ours: one line in any case
    local raised = status
    if errors.is_interrupt(raised) then
      io.stderr:write("\ncommerce: interrupted; run the same command again to go on\n")
      return 128 + (core.interrupted() or SIGINT)
    elseif type(raised) == "table" and raised.kind then
      print_failure(raised.message, raised)
      return raised.kind == "usage" and 2 or 1
    end
    io.stderr:write("commerce: internal error: ", core.scrub(tostring(raised)), "\n")
    return 1
  elseif message then
    print_failure(message, details)
    return type(details) == "table" and details.kind == "usage" and 2 or 1
  end
  return status
end

return cli
