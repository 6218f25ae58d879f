-- `commerce sync`: read the account into the store.

local commerce = require "commerce"
local common = require "commerce.cli.common"
local connect = require "commerce.cli.connect"
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
  shop, message, details = connect(app, args.connection)
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
