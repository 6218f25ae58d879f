-- `commerce sync`: read the account into the store.

local commerce = require "commerce"
local common = require "commerce.cli.common"
local core = require "commerce.core"
local errors = require "commerce.errors"
local output = require "commerce.cli.output"
local progress = require "commerce.cli.progress"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local sync = parser:command("sync", "Read the account's data into the store.")
  sync:option("--connection", "Only if the key belongs to this connection."):argname "ID"
  sync:option("--type", "Data types, separated by commas (default: all)."):argname "T"
    :count "*"
  sync:option("--since", "Only what was created from this day on: YYYY-MM-DD."):argname "DATE"
  sync:flag("--full", "Read everything, not only what is new or has changed.")
  sync:flag("--json", "One JSON object a line: events, then the report.")
  common.store_options(sync)
end

local function read_key()
  local key, message, details = core.secret_from_env "STRIPE_SECRET_KEY"
  if key then
    return key
  elseif message then
    return nil, "STRIPE_SECRET_KEY: " .. message, details
  end
  return errors.fail("usage", "no key: set STRIPE_SECRET_KEY to your Stripe secret key "
    .. "(Stripe's dashboard, Developers, API keys)")
end

-- A wrong option is a mistake of the program, except that these come from the environment.
local VARIABLES = {
  account = "STRIPE_ACCOUNT must be an account id (acct_...)",
  base_url = "STRIPE_API_BASE must be a server's address (https://...)",
}

local function connect_with_environment(app, key)
  local account, shop, message, details = os.getenv "STRIPE_ACCOUNT", nil, nil, nil
  local ok, raised = pcall(function()
    shop, message, details = app:connect { secret_key = key,
      account = account ~= "" and account or nil }
  end)
  if ok then
    return shop, message, details
  end
  local option, wrong = tostring(raised):match("bad option '([%w_]+)': (.*)")
  if not VARIABLES[option] then
    error(raised, 0)
  end
  return errors.fail("usage", ("%s: %s"):format(VARIABLES[option], wrong))
end

local function connect(app, args)
  local key, message, details = read_key()
  if not key then
    return nil, message, details
  end
  local shop
  shop, message, details = connect_with_environment(app, key)
  if shop and args.connection and shop.id ~= args.connection then
    shop:close()
    return errors.fail("usage", ("the key belongs to connection %s, not to %s")
      :format(shop.id, args.connection))
  end
  return shop, message, details
end

local function print_report(report, as_json)
  if as_json then
    local event = { event = "end" }
    for name, value in pairs(report) do
      event[name] = value
    end
    progress.json()(event)
  else
    output.line(report)
  end
end

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  local app, message, details = commerce.open { store = args.store }
  if not app then
    return nil, message, details
  end
  local shop
  shop, message, details = connect(app, args)
  if not shop then
    app:close()
    return nil, message, details
  end
  local report
  report, message, details = shop:sync { types = common.names(args.type), since = args.since,
    full = args.full, progress = progress.choose(args.json) }
  shop:close()
  app:close()
  if not report then
    return nil, message, details
  end
  print_report(report, args.json)
  return report.complete and 0 or 1
end

return command
