-- `commerce status`: what is stored, and how fresh it is.

local common = require "commerce.cli.kit.common"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local mode = require "commerce.account.mode"
local stripe = require "commerce.stripe"
local output = require "commerce.cli.kit.output"
local reached = require "commerce.sync.reached"
local terminal = require "commerce.cli.kit.terminal"
local time = require "commerce.base.time"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local status = parser:command("status", "What is stored, and how fresh it is.")
  status:flag("--json", "One JSON object a connection.")
  common.store_options(status)
end

-- How far each list has been read, with dates as people write them.
local function lists_of(store, row)
  local list, message, details = reached.list(store, row.id)
  if not list then
    return nil, message, details
  end
  for _, entry in ipairs(list) do
    entry.newest = entry.newest and time.format(entry.newest) or nil
    entry.at = entry.at and time.format(entry.at) or nil
  end
  return list
end

local function facts_of(store, row)
  local pulls, message, details = store:latest_pulls(row.id)
  if not pulls then
    return nil, message, details
  end
  local known
  known, message, details = store:types()
  if not known then
    return nil, message, details
  end
  local types = {}
  for _, data_type in ipairs(known) do
    local pull = pulls[data_type.name]
    if pull then
      local count, reason, why = store:count(data_type, row.id)
      if not count then
        return nil, reason, why
      end
      types[#types + 1] = { type = data_type.name, records = count, status = pull.status,
        requested = pull.requested, completed = pull.completed, error = pull.error_message }
    end
  end
  local lists
  lists, message, details = lists_of(store, row)
  if not lists then
    return nil, message, details
  end
  local waiting
  waiting, message, details = store:waiting_counts()
  if not waiting then
    return nil, message, details
  end
  return { connection = row.id, integration = row.integration, account = row.account,
    mode = mode.of_integration(row.integration),
    status = row.status, lastSync = row.last_sync, types = types,
    resources = lists, waitingEvents = waiting[row.id] or 0 }
end

local function print_lists(facts)
  local rows = {}
  for i, entry in ipairs(facts.resources) do
    local share = entry.fraction and ("%d %%"):format(math.floor(entry.fraction * 100))
    rows[i] = { entry.resource, entry.finished and "all" or share or "some", entry.newest,
      entry.at }
  end
  if #rows > 0 then
    output.write("\n")
    output.line(format.table({ "Stripe list", "read", "up to", "by the sync of" }, rows,
      terminal.width()))
  end
  if facts.waitingEvents > 0 then
    output.line(("%d events of webhooks wait for the next sync"):format(facts.waitingEvents))
  end
end

local function print_facts(facts)
  output.line(("%s, %s mode, %s, connection %s (%s)"):format(
    stripe.integrations[facts.integration].title, facts.mode,
    facts.account and "account " .. facts.account or "no account yet", facts.connection,
    facts.status))
  local rows = {}
  for i, entry in ipairs(facts.types) do
    rows[i] = { entry.type, entry.records, entry.status, entry.completed or entry.requested,
      entry.error }
  end
  output.line(format.table({ "type", "records", "last sync", "at", "error" }, rows,
    terminal.width()))
  print_lists(facts)
end

local function print_none(current, others)
  output.line(("no connections in %s mode yet: run `commerce sync`"):format(current))
  if others > 0 then
    output.line(("(there are some in %s mode: `commerce mode` tells how to switch)")
      :format(current == "test" and "live" or "test"))
  end
end

local function print_all(app, current, args)
  local rows, message, details = app.store:connections()
  if not rows then
    return nil, message, details
  end
  local shown = 0
  for _, row in ipairs(rows) do
    if mode.of_integration(row.integration) == current then
      local facts, reason, why = facts_of(app.store, row)
      if not facts then
        return nil, reason, why
      elseif args.json then
        output.line(json.encode(facts))
      else
        output.write(shown > 0 and "\n" or "")
        print_facts(facts)
      end
      shown = shown + 1
    end
  end
  if shown == 0 and not args.json then
    print_none(current, #rows)
  end
  return 0
end

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  local app, message, details = common.open_existing(args)
  if not app then
    return nil, message, details
  end
  local current, status
  current, message, details = app:mode()
  if current then
    status, message, details = print_all(app, current, args)
  end
  app:close()
  return status, message, details
end

return command
