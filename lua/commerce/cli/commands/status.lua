-- `commerce status`: the stored records and how fresh they are.

local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local mode = require "commerce.account.mode"
local rates = require "commerce.account.rates"
local read_allocation = require "commerce.account.read_allocation"
local stripe = require "commerce.stripe"
local sync = require "commerce.sync"
local time = require "commerce.base.time"
local views = require "commerce.cli.kit.views"

local must = errors.must

-- How far each list has been read, with dates as texts.
local function lists_of(store, row)
  local list = sync.reached(store, row.id)
  for _, entry in ipairs(list) do
    entry.newest = entry.newest and time.format(entry.newest) or nil
    entry.at = entry.at and time.format(entry.at) or nil
  end
  return list
end

local function types_of(store, row)
  local pulls, types = must(store:latest_pulls(row.id)), {}
  for _, data_type in ipairs(must(store:types())) do
    local pull = pulls[data_type.name]
    if pull then
      types[#types + 1] = { type = data_type.name, records = must(store:count(data_type, row.id)),
        status = pull.status, requested = pull.requested, completed = pull.completed,
        error = pull.error_message }
    end
  end
  return types
end

local function reads_of(use)
  return use and { days = read_allocation.DAYS, reads = use.reads,
    transactions = use.transactions, allocation = use.allocation, used = use.used,
    platform = use.platform, warning = read_allocation.warning(use) }
end

local function view_of(store, row, uses)
  return { connection = row.id, integration = row.integration, account = row.account,
    mode = mode.of_integration(row.integration), status = row.status, lastSync = row.last_sync,
    types = types_of(store, row), resources = lists_of(store, row),
    waitingEvents = must(store:waiting_counts())[row.id] or 0,
    stripeReads = reads_of(uses[row.id]),
    rates = views.rates(rates.of(store, row.id, stripe.integrations[row.integration])) }
end

local function print_lists(view)
  local rows = {}
  for i, entry in ipairs(view.resources) do
    local share = entry.fraction and ("%d %%"):format(math.floor(entry.fraction * 100))
    rows[i] = { entry.resource, entry.finished and "all" or share or "some",
      format.minutes(entry.newest), format.minutes(entry.at) }
  end
  if #rows > 0 then
    console.write("\n")
    format.print({ "Stripe list", "read", "up to", "by the sync of" }, rows)
  end
  if view.waitingEvents > 0 then
    console.line(("%d webhook events wait for the next sync"):format(view.waitingEvents))
  end
end

-- Beside the transactions, since these decide how many reads Stripe allows.
local function print_reads(reads)
  if not reads or reads.used == 0 then
    return
  end
  console.write("\n")
  format.print({ ("reads, %d days"):format(reads.days), "transactions", "reads allowed", "used" },
    { { reads.reads, reads.transactions or "-", reads.allocation, ("%d %%%s"):format(
      math.floor(reads.used / reads.allocation * 100),
      reads.platform and " by all connected accounts" or "") } })
  if reads.warning then
    console.note("warning: " .. reads.warning)
  end
end

local function print_connection(view)
  console.line(("%s, %s mode, %s, connection %s (%s)"):format(
    stripe.integrations[view.integration].title, view.mode,
    view.account and "account " .. view.account or "no account yet", view.connection,
    view.status))
  local rows = {}
  for i, entry in ipairs(view.types) do
    rows[i] = { entry.type, entry.records, entry.status,
      format.minutes(entry.completed or entry.requested), entry.error }
  end
  format.print({ "type", "records", "last sync", "at", "error" }, rows)
  print_lists(view)
  print_reads(view.stripeReads)
  if view.rates.setBy ~= "stripe" then
    console.line(views.rates_line(view.rates))
  end
end

local function print_none(current, others)
  console.line(("no connections in %s mode yet: run `commerce sync`"):format(current))
  if others > 0 then
    console.line(("(there are connections in %s mode: `commerce mode` says how to switch)")
      :format(current == "test" and "live" or "test"))
  end
end

local function run(app, args)
  local current, rows, shown = must(app:mode()), must(app.store:connections()), 0
  local uses = read_allocation.uses(app.store, os.time())
  for _, row in ipairs(rows) do
    if mode.of_integration(row.integration) == current then
      local view = view_of(app.store, row, uses)
      if args.json then
        console.json(view)
      else
        console.write(shown > 0 and "\n" or "")
        print_connection(view)
      end
      shown = shown + 1
    end
  end
  if shown == 0 and not args.json then
    print_none(current, #rows)
  end
end

---@type commerce.cli.Command
return {
  name = "status", help = "Show the stored records of each connection and how fresh they are.",
  json = "One JSON object per connection.", store = "existing", run = run,
}
