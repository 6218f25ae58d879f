-- The command line: parses arguments, runs one command, and prints its failure as one line.

local argparse = require "argparse"
local command = require "commerce.cli.kit.command"
local console = require "commerce.cli.kit.console"
local core = require "commerce.core"
local failure = require "commerce.cli.kit.failure"
local manual = require "commerce.cli.kit.manual"
local interrupts = require "commerce.runtime.interrupts"
local patience = require "commerce.account.patience"

local cli = {}

-- The commands in the order of --help: each is a file in commands/.
local COMMANDS = {
  "sync",
  "run",
  "show",
  "status",
  "doctor",
  "report",
  "verify",
  "remap",
  "coverage",
  "companies",
  "connections",
  "link",
  "integrations",
  "profile",
  "mode",
  "rekey",
  "backup",
  "store",
  "settings",
  "erase",
  "keys",
  "users",
  "webhooks",
  "worker",
  "serve",
}

local EPILOG = [[
Environment:
  STRIPE_SECRET_KEY    the key to read with (sk_..., rk_...); never an argument
  STRIPE_ACCOUNT       act on this account (acct_...): of the key's organisation
                       (sk_org_...), or connected to the key's platform
  STRIPE_API_BASE      another server for Stripe's API, such as an emulator
  STRIPE_CONNECT_BASE  another server for connect.stripe.com (linking)
  STRIPE_RATE          requests a second of an account, if Stripe has raised its
                       limits, or if other programs use the same key
  STRIPE_ENDPOINT_RATE the same of each endpoint
  COMMERCE_STORE       the database: sqlite:PATH or postgres://… (default
                       sqlite:commerce.db)
  COMMERCE_STORE_REPLICA
                       a PostgreSQL server that lists are read from
  COMMERCE_CONCURRENCY connections that a worker reads at once (default 1)
  COMMERCE_NGINX       the nginx or openresty that `serve` starts
  COMMERCE_MASTER_KEY  seals the stored secrets (openssl rand -base64 32)
  STRIPE_SECRET_KEY_FILE, COMMERCE_MASTER_KEY_FILE
                       files with these two keys, in place of the variables
  SSL_CERT_FILE        PEM file of the CA certificates to trust
  HTTPS_PROXY          the proxy to use; NO_PROXY: hosts without it
  NO_COLOR             no colours

Exit status: 0 success, 1 something failed or differs, 2 wrong usage.]]

-- The commands that a call needs: the one that it names first, else all (help, a misspelt name). A
-- start that loads one command takes less time than one that loads them all.
local function needed(arguments)
  for _, name in ipairs(COMMANDS) do
    if name == arguments[1] then
      return { name }
    end
  end
  return COMMANDS
end

local MOST_HELP_COLUMNS = 100

-- The terminal is asked for its width only where help is wanted.
local function help_width(arguments)
  for _, argument in ipairs(arguments) do
    if argument == "-h" or argument == "--help" then
      return math.min(console.width(), MOST_HELP_COLUMNS)
    end
  end
  return console.FALLBACK_WIDTH
end

local function new_parser(names, arguments)
  local width = help_width(arguments)
  local parser = argparse("commerce", "A Stripe account's commerce data in your own database.")
    :epilog(EPILOG):help_max_width(width):usage_max_width(width)
  parser:command_target "command"
  parser:flag("--version", "Print the version and exit."):action(function()
    print("lua-commerce " .. core.version)
    os.exit(0)
  end)
  parser:option("--completion", "Print a script that completes commands and options in a shell, "
    .. "and exit."):argname "SHELL":choices { "bash", "zsh", "fish" }:action(function(_, _, shell)
    console.write(parser[("get_%s_complete"):format(shell)](parser))
    os.exit(0)
  end)
  parser:flag("--manual", "Print the man page and exit."):action(function()
    console.write(manual.page(parser, core.version))
    os.exit(0)
  end)
  local entries = {}
  for _, name in ipairs(names) do
    entries[name] = require("commerce.cli.commands." .. name)
    command.declare(parser, entries[name])
  end
  return parser, entries
end

-- What to show after a mistake: the usage of the deepest command that was named; if its action is
-- missing, its help, which lists the actions.
local function usage_of(parser, arguments, message)
  local deepest = parser
  for _, argument in ipairs(arguments) do
    for _, sub in ipairs(deepest._commands) do
      if sub._name == argument then
        deepest = sub
        break
      end
    end
  end
  return message:find("command is required", 1, true) and deepest:get_help() or deepest:get_usage()
end

-- Options whose value may begin with a dash ("--order-by -amount", "--order -1"), which argparse
-- takes for an option.
local DASHED = { ["--order-by"] = "^%-%a", ["--order"] = "^%-%d" }

local function join_dashed(arguments)
  local joined, skip = {}, false
  if arguments[1] == "run" then
    return arguments -- they belong to the script
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

-- What argparse says of a mistake. It takes a negative number for an option.
local function mistake_of(message)
  local number = message:match "^unknown option '(%-%d+)'"
  return number and ("%s: a negative number is not expected here"):format(number) or message
end

local function run(entry, parsed)
  local status = command.run(entry, parsed)
  console.flush()
  return status
end

--- Run the command line.
---@param arguments string[]
---@return integer status 0 success, 1 something failed or differs, 2 wrong usage
function cli.main(arguments)
  local parser, entries = new_parser(needed(arguments), arguments)
  local ok, parsed = parser:pparse(join_dashed(arguments))
  if not ok then
    io.stderr:write(usage_of(parser, arguments, tostring(parsed)), "\n\n")
    return failure.report_usage(mistake_of(tostring(parsed)))
  end
  local entry = entries[parsed.command]
  if entry.stops_cleanly then
    interrupts.stop_cleanly(core)
  end
  patience.tell = console.note
  local ran, status = pcall(run, entry, parsed)
  return ran and status or failure.report(status)
end

return cli
