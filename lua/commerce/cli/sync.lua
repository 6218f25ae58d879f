-- `commerce sync`: read accounts into the store: the one of the key that was given, else those that
-- are linked and whose keys are kept.

local common = require "commerce.cli.common"
local connect = require "commerce.cli.connect"
local core = require "commerce.core"
local errors = require "commerce.errors"
local explain = require "commerce.cli.explain"
local find = require "commerce.cli.find"
local output = require "commerce.cli.output"
local progress = require "commerce.cli.progress"
local settings = require "commerce.settings"

local command = {}

local LEASE = 900 -- seconds for which a connection is taken; renewed while its sync goes on

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local sync = parser:command("sync", "Read the account's data into the store.")
  sync:option("--connection", "Only this connection."):argname "ID"
  sync:option("--company", "All linked connections of this company."):argname "COMPANY"
  sync:flag("--due", "What the sync settings say is due: see `commerce settings`.")
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

local function sync_once(shop, args, options)
  local report, message, details = shop:sync(options)
  if not report then
    return nil, message, details
  end
  print_report(report, args.json)
  return report.complete and 0 or 1
end

local function sync_one(shop, args)
  local status, message, details = sync_once(shop, args, { types = common.names(args.type),
    since = args.since, full = args.full, progress = progress.choose(args.json) })
  shop:close()
  return status, message, details
end

local function complain(shop, message, details)
  io.stderr:write(("commerce: connection %s: %s\n"):format(shop.id,
    explain.failure(message, details)))
end

-- ---------------------------------------------------------------- many

local function company_of(app, args)
  if not args.company then
    return nil
  end
  return find.company(app, args.company)
end

-- Every linked connection whose key is kept. One that fails does not keep the others from it.
local function sync_all(app, args)
  local company, message, details = company_of(app, args)
  local list
  if not message then
    list, message, details = find.connections(app, { status = "Linked",
      company_id = company and company.id })
  end
  if not list then
    return nil, message, details
  end
  local status, tried = 0, 0
  for _, shop in ipairs(list) do
    if shop:has_key() then
      tried = tried + 1
      local code, failure, why = sync_one(shop, args)
      if failure then
        complain(shop, failure, why)
      end
      status = math.max(status, code or 1)
    end
  end
  if tried > 0 then
    return status
  elseif company then
    return errors.fail("usage", ("%s has no linked connection in %s mode whose key is kept")
      :format(company.name, app:mode()))
  end
  return connect.no_key()
end

-- ---------------------------------------------------------------- what is due

-- Keep a connection while its sync goes on, so that no other process works on it.
local function keeping(store, id, worker, tell)
  local renewed = core.now()
  return function(event)
    if core.now() - renewed > LEASE / 3 then
      store:lease(id, worker, os.time(), LEASE)
      renewed = core.now()
    end
    return tell(event)
  end
end

local function sync_due_parts(shop, parts, args, worker)
  local status = 0
  for _, part in ipairs(parts) do
    local code, message, details = sync_once(shop, args, { types = part.types, since = part.since,
      progress = keeping(shop.store, shop.id, worker, progress.choose(args.json)) })
    if message then
      complain(shop, message, details)
    end
    status = math.max(status, code or 1)
    if not code then
      break
    end
  end
  return status
end

local function sync_due_connection(shop, parts, args)
  local worker = core.uuid()
  local held, message, details = shop.store:lease(shop.id, worker, os.time(), LEASE)
  if held == nil then
    return nil, message, details
  elseif not held then
    io.stderr:write(("connection %s is being synced by another process\n"):format(shop.id))
    return 0
  end
  local ok, status = pcall(sync_due_parts, shop, parts, args, worker)
  shop.store:release(shop.id, worker)
  if not ok then
    error(status, 0)
  end
  return status
end

-- The parts that are due, by connection, in their order.
local function due_by_connection(app, given)
  local list, message, details = settings.due(app.store, os.time(), given)
  if not list then
    return nil, message, details
  end
  local order, parts = {}, {}
  for _, part in ipairs(list) do
    local id = part.connection_id
    if not parts[id] then
      parts[id], order[#order + 1] = {}, id
    end
    table.insert(parts[id], part)
  end
  return order, parts
end

local function sync_due(app, args, own)
  local company, message, details = company_of(app, args)
  local mode
  if not message then
    mode, message, details = app:mode()
  end
  if not mode then
    return nil, message, details
  end
  local order, parts, why = due_by_connection(app, { id = own and own.id,
    company_id = company and company.id })
  if not order then
    return nil, parts, why
  end
  local status, done = 0, 0
  for _, id in ipairs(order) do
    local shop = own or app:connection(id)
    if shop and shop.integration.mode == mode and (own or shop:has_key()) then
      done = done + 1
      local code
      code, message, details = sync_due_connection(shop, parts[id], args)
      shop:close()
      if not code then
        return nil, message, details
      end
      status = math.max(status, code)
    end
  end
  if done == 0 and not args.json then
    output.line(("nothing is due in %s mode"):format(mode))
  end
  return status
end

local function check_arguments(args)
  if args.due and (args.type[1] or args.since or args.full) then
    return errors.fail("usage", "--due: which types and since when is in the settings (`commerce "
      .. "settings`); leave out --type, --since and --full")
  elseif args.company and args.connection then
    return errors.fail("usage", "--company or --connection, not both")
  end
  return true
end

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
  return common.with_app(function(app)
    local key, wrong, why = connect.key()
    if wrong then
      return nil, wrong, why
    elseif args.company or not key and not args.connection then
      return (args.due and sync_due or sync_all)(app, args)
    end
    local shop
    shop, wrong, why = connect.one(app, args.connection)
    if not shop then
      return nil, wrong, why
    end
    if args.due then
      return sync_due(app, args, shop)
    end
    return sync_one(shop, args)
  end, { create = true })(args)
end

return command
