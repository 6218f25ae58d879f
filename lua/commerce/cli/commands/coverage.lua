-- `commerce coverage`: which data types each integration gives, from which resources, and which
-- permissions a restricted key needs for them; or what one connection may read.

local common = require "commerce.cli.kit.common"
local connect = require "commerce.cli.kit.connect"
local coverage = require "commerce.account.coverage"
local errors = require "commerce.base.errors"
local facts = require "commerce.cli.kit.facts"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local mappings = require "commerce.mapping.registry"
local stripe = require "commerce.stripe"
local output = require "commerce.cli.kit.output"
local terminal = require "commerce.cli.kit.terminal"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local sub = parser:command("coverage",
    "Which data types each integration gives, and with which permission; or, of a connection, what "
    .. "it may read (exit status 1 if not everything).")
  sub:option("--connection", "Ask Stripe what this connection may read, with the key that is kept "
    .. "if none is given."):argname "ID"
  sub:flag("--json", "One JSON object a data type.")
  common.store_options(sub)
end

-- Both integrations read the same resources: they differ in mode alone.
local INTEGRATIONS = { "stripe", "stripe-test" }

local function print_types(args)
  local rows = {}
  for i, entry in ipairs(coverage.types(mappings.new(stripe))) do
    if args.json then
      entry.integrations = INTEGRATIONS
      output.line(json.encode(entry))
    end
    rows[i] = { entry.type, table.concat(INTEGRATIONS, ", "), table.concat(entry.resources, ", "),
      table.concat(entry.permissions, ", ") }
  end
  if not args.json then
    output.line(format.table({ "type", "integrations", "Stripe resources",
      "permissions (read) of a restricted key" }, rows, terminal.width()))
  end
  return 0
end

local READABLE = { [true] = "yes", [false] = "no" }

local function told(entry)
  return #entry.lacking > 0 and table.concat(entry.lacking, ", ") or entry.error
end

local function print_as_json(list, changes)
  for _, entry in ipairs(list) do
    entry.lacking, entry.readable = json.array(entry.lacking), entry.readable or false
    output.line(json.encode(entry))
  end
  output.line(json.encode { type = "changes", readable = changes.readable or false,
    lacking = json.array(changes.lacking), error = changes.error })
end

local function print_as_table(shop, list, changes)
  local rows = {}
  for i, entry in ipairs(list) do
    rows[i] = { entry.type, READABLE[entry.readable] or "not known", told(entry) }
  end
  output.line(facts.connection_line(facts.connection(shop)))
  output.line(format.table({ "type", "readable", "missing permissions (read)" }, rows,
    terminal.width()))
  if not changes.readable then
    output.line(("its changes cannot be followed, so every sync reads the lists whole: %s"):format(
      #changes.lacking > 0 and "the permission Events (read) is missing" or changes.error))
  end
end

local of_connection = common.with_app(function(app, args)
  local shop, message, details = connect.one(app, args.connection)
  if not shop then
    return nil, message, details
  end
  local list, changes
  list, changes, details = coverage.of(shop)
  shop:close()
  if not list then
    return nil, changes, details
  end
  local whole = true
  for _, entry in ipairs(list) do
    whole = whole and entry.readable == true
  end
  if args.json then
    print_as_json(list, changes)
  else
    print_as_table(shop, list, changes)
  end
  return whole and 0 or 1
end)

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  if args.connection then
    return of_connection(args)
  elseif args.store then
    return errors.fail("usage", "unknown option '--store' without --connection: what integrations "
      .. "give stands in no store")
  end
  return print_types(args)
end

return command
