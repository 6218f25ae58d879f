-- Syncs connections one after the other: all that are linked, or those that are due. A connection
-- that fails does not stop the others.

local console = require "commerce.cli.kit.console"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local failure = require "commerce.cli.kit.failure"
local lease = require "commerce.sync.lease"
local lookup = require "commerce.cli.kit.lookup"
local progress = require "commerce.cli.kit.progress"
local settings = require "commerce.account.settings"

local must = errors.must

local batch = {}

local function finish(report, args)
  progress.report(report, args.json)
  return report.complete and 0 or 1
end

--- Sync a connection and print the report. Raises if the sync could not begin.
---@param shop commerce.Connection
---@param args commerce.cli.Arguments parsed arguments
---@param options commerce.SyncOptions
---@return integer status exit status
function batch.once(shop, args, options)
  return finish(must(shop:sync(options)), args)
end

-- Prints a failure instead of raising it, so that the other connections have their turn, too.
local function attempt(shop, work)
  local status, message, details = errors.catch(work, shop)
  if not status then
    failure.print(("connection %s: %s"):format(shop.id, message), details)
  end
  return status
end

-- ---------------------------------------------------------------- all

local function nothing_to(what, app, company_id)
  if not company_id and #lookup.connections(app) == 0 then
    environment.no_key()
  end
  errors.throw("usage", ("nothing to %s in %s mode: no connection%s is Linked and has a stored "
    .. "key; `commerce connections list` lists them, and STRIPE_SECRET_KEY may contain a key")
    :format(what, must(app:mode()), company_id and " of this company" or ""))
end

--- Do something with every linked connection that has a stored key.
---@param app commerce.App
---@param what string the verb, for the message that there is no such connection
---@param company_id string? only this company's
---@param work fun(shop: commerce.Connection): integer gives an exit status; may raise a failure
---@return integer status exit status
function batch.each(app, what, company_id, work)
  local worst
  for _, shop in ipairs(lookup.connections(app, { status = "Linked", company_id = company_id })) do
    if must(shop:has_key()) then
      local status = attempt(shop, work)
      shop:close()
      worst = math.max(worst or 0, status or 1)
    end
  end
  return worst or nothing_to(what, app, company_id)
end

--- Sync every linked connection that has a stored key.
---@param app commerce.App
---@param args commerce.cli.Arguments parsed arguments
---@param company_id string? only this company's
---@param options_of fun(args: commerce.cli.Arguments): commerce.SyncOptions
---@return integer status exit status
function batch.all(app, args, company_id, options_of)
  return batch.each(app, "sync", company_id, function(shop)
    return batch.once(shop, args, options_of(args))
  end)
end

-- ---------------------------------------------------------------- due

local function sync_parts(shop, parts, args, worker)
  local worst = 0
  for _, part in ipairs(parts) do
    local status = attempt(shop, function()
      return batch.once(shop, args, { types = part.types, since = part.since,
        progress = progress.choose(args.json), worker = worker })
    end)
    if not status then
      return 1
    end
    worst = math.max(worst, status)
  end
  return worst
end

-- Several runs under one lease, so that no other process syncs in between.
local function sync_leased(shop, parts, args)
  local held, message, details = errors.catch(lease.take, shop.store, shop.id)
  if not held and details.code == "busy" then
    console.note(message)
    return 0
  end
  must(held, message, details)
  return errors.finally(function()
    return sync_parts(shop, parts, args, held.worker)
  end, function()
    held:release()
  end)
end

-- The parts that are due by connection, and the connections in the order of their first parts.
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

--- Sync what is due, of every linked connection that has a stored key, or of one connection.
---@param app commerce.App
---@param args commerce.cli.Arguments parsed arguments
---@param filter commerce.ConnectionFilter of `settings.due`
---@param own commerce.Connection? the connection, if it is open already
---@return integer status exit status
function batch.due(app, args, filter, own)
  local mode = must(app:mode())
  local worst
  local order, parts = by_connection(must(settings.due(app.store, os.time(), filter)))
  for _, id in ipairs(order) do
    local shop = own or app:connection(id) -- nil if it was deleted in between
    if shop and shop.integration.mode == mode and (own or must(shop:has_key())) then
      local status = sync_leased(shop, parts[id], args)
      shop:close()
      worst = math.max(worst or 0, status)
    end
  end
  if not worst and not args.json then
    console.line(("nothing is due in %s mode"):format(mode))
  end
  return worst or 0
end

return batch
