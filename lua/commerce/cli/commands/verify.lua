-- `commerce verify`: compares the stored records with Stripe.

local batch = require "commerce.cli.kit.batch"
local console = require "commerce.cli.kit.console"
local decimal = require "commerce.base.decimal"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local lookup = require "commerce.cli.kit.lookup"
local options = require "commerce.cli.kit.options"
local progress = require "commerce.cli.kit.progress"
local report = require "commerce.verify.report"

local function arguments(sub)
  sub:flag("--deep", "Compare every record completely, not only its id and amounts.")
  options.types(sub, "those that were synced")
  sub:flag("--mark-deleted", "Mark the records that Stripe no longer has as deleted.")
  sub:option("--connection", "This connection, with the key in the environment or the stored key.")
    :argname "ID"
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

local function print_json(result)
  for _, check in ipairs(result.checks) do
    local line = { event = "check" }
    for name, value in pairs(check) do
      line[name] = value
    end
    -- an empty list would look like an empty object
    line.differences = #check.differences > 0 and check.differences or nil
    console.json(line)
  end
  console.json { event = "end", agrees = result.agrees, connection = result.connection,
    account = result.account, mode = result.mode, deep = result.deep, requests = result.requests,
    seconds = result.seconds }
end

-- A sum as a number that keeps all its digits, so that the table aligns it.
local function number_of(sum)
  if type(sum) == "string" and sum:find "^%-?%d+%.?%d*$" then
    return decimal.value(sum)
  end
  return sum or "-"
end

local function print_table(result)
  local rows = {}
  console.line(("%s mode, account %s"):format(result.mode, result.account))
  for i, check in ipairs(result.checks) do
    rows[i] = { check.check, report.subject(check), number_of(check.expected),
      number_of(check.found), report.result(check) }
  end
  format.print({ "check", "of", "Stripe", "stored", "result" }, rows)
  for _, check in ipairs(result.checks) do
    for _, line in ipairs(report.details(check)) do
      console.line(line)
    end
  end
  console.line(report.summary(result))
end

local function verify_one(shop, args)
  local counter = progress.counter()
  local result, message, details = shop:verify { deep = args.deep,
    types = options.names(args.type), mark_deleted = args.mark_deleted, progress = counter }
  counter { event = "end" }
  errors.must(result, message, details)
  if args.store then
    name_store(result.checks, args.store)
  end
  if args.json then
    print_json(result)
  else
    print_table(result)
  end
  return result.agrees and 0 or 1
end

local function run(app, args)
  if not args.connection and not environment.key() then
    return batch.each(app, "verify", nil, function(shop)
      return verify_one(shop, args)
    end)
  end
  local shop = environment.open(app, args.connection and lookup.connection(app, args.connection))
  return errors.finally(function()
    return verify_one(shop, args)
  end, function()
    shop:close()
  end)
end

---@type commerce.cli.Command
return {
  name = "verify",
  help = "Compare the stored records with Stripe: the balance, payouts, and the records of every "
    .. "type. Exit status 1 if anything differs. Without a key in the environment: all linked "
    .. "connections of the present mode that have a stored key.",
  arguments = arguments, json = "One JSON object per line: checks, then the result.",
  store = "existing", run = run,
}
