-- `commerce sync`: read accounts into the store: the one of the key that was given, or that is
-- named; else all that are linked and whose keys are kept.

local common = require "commerce.cli.kit.common"
local connect = require "commerce.cli.kit.connect"
local errors = require "commerce.base.errors"
local many = require "commerce.cli.kit.sync_many"
local progress = require "commerce.cli.kit.progress"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local sync = parser:command("sync", "Read the account's data into the store. Without a key in "
    .. "the environment: all linked connections of the present mode whose keys are kept.")
  sync:option("--connection", "Only this connection."):argname "ID"
  sync:option("--company", "Only this company's connections."):argname "COMPANY"
  sync:flag("--due", "What the sync settings say is due: see `commerce settings`.")
  sync:flag("--keep-key", "Keep the key, sealed under COMMERCE_MASTER_KEY: the next sync needs "
    .. "none.")
  sync:option("--type", "Data types, separated by commas (default: all)."):argname "T"
    :count "*"
  sync:option("--since", "Only what was created from this day on: YYYY-MM-DD."):argname "DATE"
  sync:option("--before", "Only what was created before this day: YYYY-MM-DD."):argname "DATE"
  sync:flag("--full", "Read everything, not only what is new or has changed.")
  sync:flag("--keep-source", "Keep every object of Stripe's beside its record, from now on: "
    .. "`commerce remap` makes the records anew from them.")
  sync:flag("--drop-source", "Keep them no longer.")
  sync:flag("--json", "One JSON object a line: events, then the report.")
  common.store_options(sync)
end

local function check_arguments(args)
  if args.due and (args.type[1] or args.since or args.before or args.full) then
    return errors.fail("usage", "--due: which types and since when is in the settings (`commerce "
      .. "settings`); leave out --type, --since, --before and --full")
  elseif args.keep_source and args.drop_source then
    return errors.fail("usage", "--keep-source or --drop-source, not both")
  elseif args.company and args.connection then
    return errors.fail("usage", "--company or --connection, not both")
  end
  return true
end

local function keep_source(args)
  if args.keep_source then
    return true
  elseif args.drop_source then
    return false
  end
end

local function sync_options(args)
  return { types = common.names(args.type), since = args.since, before = args.before,
    full = args.full, keep_source = keep_source(args), progress = progress.choose(args.json) }
end

local function sync_one(app, args)
  local shop, message, details = connect.one(app, args.connection, { keep_key = args.keep_key })
  if not shop then
    return nil, message, details
  elseif args.due then
    return many.due(app, args, { id = shop.id }, shop)
  end
  local status
  status, message, details = many.once(shop, args, sync_options(args))
  shop:close()
  return status, message, details
end

local function run(app, args)
  local key, message, details = connect.key()
  if message then
    return nil, message, details
  elseif args.connection or key and not args.company then
    return sync_one(app, args)
  end
  local filter
  filter, message, details = many.filter(app, args)
  if not filter then
    return nil, message, details
  elseif args.due then
    return many.due(app, args, filter)
  end
  return many.all(app, args, filter, sync_options)
end

local with_app = common.with_app(run, { create = true })

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  local ok, message, details = check_arguments(args)
  if not ok then
    return nil, message, details
  end
  return with_app(args)
end

return command
