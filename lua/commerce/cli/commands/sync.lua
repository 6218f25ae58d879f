-- `commerce sync`: reads accounts into the store: the account of the key that was given, or the
-- connection that was named; else all linked connections with stored keys.

local batch = require "commerce.cli.kit.batch"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local lookup = require "commerce.cli.kit.lookup"
local options = require "commerce.cli.kit.options"
local progress = require "commerce.cli.kit.progress"

local function arguments(sub)
  sub:option("--connection", "Only this connection."):argname "ID"
  sub:option("--company", "Only this company's connections."):argname "COMPANY"
  environment.account_option(sub)
  sub:flag("--due", "What is due by the sync settings: see `commerce settings`.")
  sub:flag("--keep-key", "Store the key, sealed under COMMERCE_MASTER_KEY, so that the next sync "
    .. "needs none.")
  options.types(sub, "all")
  sub:option("--since", "Only objects created on this day or later: YYYY-MM-DD."):argname "DATE"
  sub:option("--before", "Only objects created before this day: YYYY-MM-DD."):argname "DATE"
  sub:flag("--full", "Read everything, not only new and changed objects.")
  sub:flag("--keep-source", "Store every Stripe object beside its record, in this and later syncs, "
    .. "so that `commerce remap` can map it again.")
  sub:flag("--drop-source", "Stop storing Stripe objects.")
end

local function check(args)
  if args.due and (args.type[1] or args.since or args.before or args.full) then
    errors.throw("usage", "--due: the settings say which types and since when (`commerce "
      .. "settings`); leave out --type, --since, --before and --full")
  elseif args.keep_source and args.drop_source then
    errors.throw("usage", "--keep-source or --drop-source, not both")
  elseif args.company and args.connection then
    errors.throw("usage", "--company or --connection, not both")
  elseif args.account[1] and (args.company or args.connection) then
    errors.throw("usage", "--account names the accounts to sync: leave out --company and "
      .. "--connection")
  end
end

local function keep_source(args)
  if args.keep_source then
    return true
  elseif args.drop_source then
    return false
  end
end

local function sync_options(args)
  return { types = options.names(args.type), since = args.since, before = args.before,
    full = args.full, keep_source = keep_source(args), progress = progress.choose(args.json) }
end

-- A key in the environment may act for an account that has no connection yet; a stored key has one.
local function opened(app, args, account)
  local named = args.connection or not environment.key() and account
  return environment.open(app, named and lookup.connection(app, named) or nil,
    { keep_key = args.keep_key, account = account })
end

local function sync_one(app, args, account)
  local shop = opened(app, args, account)
  if args.due then
    return batch.due(app, args, { id = shop.id }, shop)
  end
  local status = batch.once(shop, args, sync_options(args))
  shop:close()
  return status
end

local function run(app, args)
  if args.connection or args.account[1] or environment.key() and not args.company then
    return environment.each_account(args.account, function(account)
      return sync_one(app, args, account)
    end)
  end
  local company_id = args.company and lookup.company(app, args.company).id
  if args.due then
    return batch.due(app, args, { company_id = company_id })
  end
  return batch.all(app, args, company_id, sync_options)
end

---@type commerce.cli.Command
return {
  name = "sync",
  help = "Read the account's data into the store. Without a key in the environment: all linked "
    .. "connections of the present mode that have a stored key.",
  arguments = arguments, json = "One JSON object per line: events, then the report.",
  store = "create", check = check, run = run, stops_cleanly = true,
}
