-- `commerce remap`: make the records anew from the kept source objects, without the network.

local common = require "commerce.cli.kit.common"
local errors = require "commerce.base.errors"
local find = require "commerce.cli.kit.find"
local output = require "commerce.cli.kit.output"
local progress = require "commerce.cli.kit.progress"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local remap = parser:command("remap", "Make the records anew from the source objects that "
    .. "`commerce sync --keep-source` kept, without the network: after a new version, say.")
  remap:option("--connection", "Only this connection."):argname "ID"
  remap:option("--type", "Data types, separated by commas (default: all that were synced).")
    :argname "T":count "*"
  remap:flag("--json", "One JSON object a line: events, then the report.")
  common.store_options(remap)
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

local function connections_of(app, args)
  if args.connection then
    local one, message, details = find.connection(app, args.connection)
    return one and { one }, message, details
  end
  local list, message, details = find.connections(app, { status = "Linked" })
  if list and #list == 0 then
    return errors.fail("usage", "nothing is stored: run `commerce sync --keep-source` first")
  end
  return list, message, details
end

local function run(app, args)
  local list, message, details = connections_of(app, args)
  if not list then
    return nil, message, details
  end
  local status = 0
  for _, shop in ipairs(list) do
    local report
    report, message, details = shop:remap { types = common.names(args.type),
      progress = progress.choose(args.json) }
    if not report then
      return nil, #list > 1 and ("connection %s: %s"):format(shop.id, message) or message, details
    end
    print_report(report, args.json)
    status = report.complete and status or 1
  end
  return status
end

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
command.run = common.with_app(run)

return command
