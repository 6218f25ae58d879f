-- `commerce verify`: does what is stored agree with Stripe?

local common = require "commerce.cli.kit.common"
local connect = require "commerce.cli.kit.connect"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"
local progress = require "commerce.cli.kit.progress"
local report = require "commerce.verify.report"
local terminal = require "commerce.cli.kit.terminal"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local verify = parser:command("verify", "Compare what is stored with Stripe: the balance, "
    .. "payouts, and every type's records. Exit status 1 if anything does not agree.")
  verify:flag("--deep", "Compare every record in full, not only its id and money.")
  verify:option("--type", "Data types, separated by commas (default: those that were synced).")
    :argname "T":count "*"
  verify:flag("--mark-deleted", "Mark as deleted the records that Stripe no longer has.")
  verify:option("--connection", "This connection, with the key that is kept if none is given.")
    :argname "ID"
  verify:flag("--json", "One JSON object a line: checks, then the result.")
  common.store_options(verify)
end

-- The commands that a report prints must reach the store that was named.
local function name_store(checks, url)
  local option = " --store " .. (url:find("^[%w_:/%.%-]+$") and url
    or "'" .. url:gsub("'", "'\\''") .. "'")
  for _, check in ipairs(checks) do
    if check.repair then
      check.repair = check.repair:gsub(" && ", option .. " && ") .. option
    end
  end
end

local function print_json(facts)
  for _, check in ipairs(facts.checks) do
    local line = { event = "check" }
    for name, value in pairs(check) do
      line[name] = value
    end
    -- an empty list would look like an empty object
    line.differences = #check.differences > 0 and check.differences or nil
    output.line(json.encode(line))
  end
  output.line(json.encode { event = "end", agrees = facts.agrees, connection = facts.connection,
    account = facts.account, mode = facts.mode, deep = facts.deep, requests = facts.requests,
    seconds = facts.seconds })
end

local function print_table(facts)
  local rows = {}
  output.line(("%s mode, account %s"):format(facts.mode, facts.account))
  for i, check in ipairs(facts.checks) do
    rows[i] = { check.check, report.subject(check), check.expected or "-", check.found or "-",
      report.result(check) }
  end
  output.line(format.table({ "check", "of", "Stripe", "stored", "result" }, rows,
    terminal.width()))
  for _, check in ipairs(facts.checks) do
    for _, line in ipairs(report.details(check)) do
      output.line(line)
    end
  end
  output.line(report.summary(facts))
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
  local shop, facts
  shop, message, details = connect.one(app, args.connection)
  if shop then
    local tell = progress.counter()
    facts, message, details = shop:verify { deep = args.deep, types = common.names(args.type),
      mark_deleted = args.mark_deleted, progress = tell }
    tell { event = "end" }
    shop:close()
  end
  app:close()
  if not facts then
    return nil, message, details
  end
  if args.store then
    name_store(facts.checks, args.store)
  end
  if args.json then
    print_json(facts)
  else
    print_table(facts)
  end
  return facts.agrees and 0 or 1
end

return command
