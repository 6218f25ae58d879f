-- `commerce sync`: read accounts into the store: the one of the key that was given, else those that
-- are linked and whose keys are kept.

local common = require "commerce.cli.common"
local connect = require "commerce.cli.connect"
local errors = require "commerce.errors"
local find = require "commerce.cli.find"
local explain = require "commerce.cli.explain"
local output = require "commerce.cli.output"
local progress = require "commerce.cli.progress"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local sync = parser:command("sync", "Read the account's data into the store.")
  sync:option("--connection", "Only this connection."):argname "ID"
  sync:option("--company", "All linked connections of this company."):argname "COMPANY"
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

local function sync_one(shop, args)
  local report, message, details = shop:sync { types = common.names(args.type),
    since = args.since, full = args.full, progress = progress.choose(args.json) }
  shop:close()
  if not report then
    return nil, message, details
  end
  print_report(report, args.json)
  return report.complete and 0 or 1
end

-- Every linked connection whose key is kept. One that fails does not keep the others from it.
local function sync_all(app, args)
  local company, message, details
  if args.company then
    company, message, details = find.company(app, args.company)
    if not company then
      return nil, message, details
    end
  end
  local list
  list, message, details = app:connections { status = "Linked",
    company_id = company and company.id }
  if not list then
    return nil, message, details
  end
  local status, tried = 0, 0
  for _, shop in ipairs(list) do
    if shop:has_key() then
      tried = tried + 1
      local code, failure, why = sync_one(shop, args)
      if failure then
        io.stderr:write(("commerce: connection %s: %s\n"):format(shop.id,
          explain.failure(failure, why)))
      end
      status = math.max(status, code or 1)
    end
  end
  if tried == 0 then
    if company then
      return errors.fail("usage", ("%s has no linked connection whose key is kept"):format(
        company.name))
    end
    return connect.no_key()
  end
  return status
end

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  return common.with_app(function(app)
    local key, message, details = connect.key()
    if message then
      return nil, message, details
    elseif not key and not args.connection or args.company then
      return sync_all(app, args)
    end
    local shop
    shop, message, details = connect.one(app, args.connection)
    if not shop then
      return nil, message, details
    end
    return sync_one(shop, args)
  end, { create = true })(args)
end

return command
