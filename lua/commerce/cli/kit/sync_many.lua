-- Syncing connections one after the other: all, or what is due. One that fails does not keep the
-- others from it. Called by cli.sync.

local connect = require "commerce.cli.kit.connect"
local errors = require "commerce.base.errors"
local explain = require "commerce.cli.kit.explain"
local find = require "commerce.cli.kit.find"
local lease = require "commerce.sync.lease"
local output = require "commerce.cli.kit.output"
local progress = require "commerce.cli.kit.progress"
local settings = require "commerce.account.settings"

local many = {}

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

--- Sync a connection and print the report.
---@param shop commerce.Connection
---@param args table parsed arguments
---@param options table of `shop:sync`
---@return integer? status nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function many.once(shop, args, options)
  local report, message, details = shop:sync(options)
  if not report then
    return nil, message, details
  end
  print_report(report, args.json)
  return report.complete and 0 or 1
end

local function complain(shop, message, details)
  io.stderr:write(("commerce: connection %s: %s\n"):format(shop.id,
    explain.failure(message, details)))
end

--- Which connections the arguments mean, of those of the mode that is worked in.
---@param app commerce.App
---@param args table parsed arguments
---@return table? filter nil on failure
---@return string? message
---@return commerce.Details? details
function many.filter(app, args)
  if not args.company then
    return {}
  end
  local company, message, details = find.company(app, args.company)
  return company and { company_id = company.id }, message, details
end

-- ---------------------------------------------------------------- all

local function nothing_to_sync(app, filter)
  local list, message, details = find.connections(app, filter)
  if not list then
    return nil, message, details
  elseif #list == 0 and not filter.company_id then
    return connect.no_key()
  end
  return errors.fail("usage", ("nothing to sync in %s mode: no connection%s is Linked with a key "
    .. "that is kept; `commerce connections list` shows them, and STRIPE_SECRET_KEY may hold a key")
    :format(app:mode(), filter.company_id and " of this company" or ""))
end

--- Sync every linked connection whose key is kept.
---@param app commerce.App
---@param args table parsed arguments
---@param filter table from `many.filter`
---@param sync_options fun(args: table): table options of `shop:sync`
---@return integer? status nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function many.all(app, args, filter, sync_options)
  local list, message, details = find.connections(app, { status = "Linked",
    company_id = filter.company_id })
  if not list then
    return nil, message, details
  end
  local worst
  for _, shop in ipairs(list) do
    if shop:has_key() then
      local status, failure, why = many.once(shop, args, sync_options(args))
      shop:close()
      if failure then
        complain(shop, failure, why)
      end
      worst = math.max(worst or 0, status or 1)
    end
  end
  if worst then
    return worst
  end
  return nothing_to_sync(app, filter)
end

-- ---------------------------------------------------------------- what is due

local function sync_parts(shop, parts, args, worker)
  local worst = 0
  for _, part in ipairs(parts) do
    local status, message, details = many.once(shop, args, { types = part.types,
      since = part.since, progress = progress.choose(args.json), worker = worker })
    worst = math.max(worst, status or 1)
    if not status then
      complain(shop, message, details)
      break
    end
  end
  return worst
end

-- Several runs under one lease: nobody comes in between.
local function sync_leased(shop, parts, args)
  local held, message, details = lease.take(shop.store, shop.id)
  if not held and details.code == "busy" then
    io.stderr:write(message, "\n")
    return 0
  elseif not held then
    return nil, message, details
  end
  local ok, status = pcall(sync_parts, shop, parts, args, held.worker)
  held:release()
  if not ok then
    error(status, 0)
  end
  return status
end

-- The parts that are due, by connection, each connection's in their order.
local function by_connection(list)
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

--- Sync what is due, of every linked connection whose key is kept, or of one.
---@param app commerce.App
---@param args table parsed arguments
---@param filter table of `settings.due`
---@param own commerce.Connection? the one that is open already
---@return integer? status nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function many.due(app, args, filter, own)
  local mode, message, details = app:mode()
  local list
  if mode then
    list, message, details = settings.due(app.store, os.time(), filter)
  end
  if not list then
    return nil, message, details
  end
  local worst
  local order, parts = by_connection(list)
  for _, id in ipairs(order) do
    local shop = own or app:connection(id)
    if shop and shop.integration.mode == mode and (own or shop:has_key()) then
      local status
      status, message, details = sync_leased(shop, parts[id], args)
      shop:close()
      if not status then
        return nil, message, details
      end
      worst = math.max(worst or 0, status)
    end
  end
  if not worst and not args.json then
    output.line(("nothing is due in %s mode"):format(mode))
  end
  return worst or 0
end

return many
