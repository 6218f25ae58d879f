-- Verification: do the stored records agree with Stripe? Compares the stored transactions with the
-- balance, by currency; the transactions of each automatic payout with its amount; every type's
-- records with Stripe's lists. It only reads, unless it is asked to mark what Stripe no longer has.

local balance = require "commerce.verify.balance"
local choice = require "commerce.verify.choice"
local compare = require "commerce.verify.compare"
local core = require "commerce.core"
local erasures = require "commerce.account.erasures"
local errors = require "commerce.base.errors"
local findings = require "commerce.verify.findings"
local hooks = require "commerce.hooks.registry"
local jobs = require "commerce.runtime.jobs"
local mapping = require "commerce.mapping"
local payouts = require "commerce.verify.payouts"
local plan = require "commerce.sync.plan"
local protections = require "commerce.account.protection"
local recheck = require "commerce.verify.recheck"
local records = require "commerce.verify.records"
local report = require "commerce.verify.report"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local verify = {}

---@class commerce.VerifyOptions
---@field deep boolean? compare every record in full
---@field types string[]? names of data types (what has been synced if left out)
---@field progress fun(event: { event: "progress", type: string, read: integer })?
---@field mark_deleted boolean? mark as deleted what Stripe no longer has
---@field balance boolean? only the balance, which takes one request or two

local OPTIONS = { deep = "boolean", types = "table", progress = "function",
  mark_deleted = "boolean", balance = "boolean" }

local EXTRAS = 100 -- stored records that were not listed, looked at in one go

-- ---------------------------------------------------------------- the run

local function read_as(mappings, deep)
  local list = {}
  for i, whole in ipairs(mappings) do
    list[i] = deep and whole or mapping.narrow(whole, compare.fields(whole.type))
  end
  return list
end

local function add_type(run, data_type, refusal)
  local name = data_type.name
  run.order[#run.order + 1], run.consumers[name] = data_type, {}
  run.findings[name] = findings.new { check = run.deep and "records" or "count", type = name,
    expected = 0 }
  local hook = run.connection.hooks:altering(name)
  if refusal or hook then
    run.findings[name]:refuse(refusal
      or ("%s may change records before they are stored"):format(hooks.title(hook)))
  end
end

local function new_run(connection, mappings, chosen, options)
  local run = { connection = connection, session = connection.session, store = connection.store,
    livemode = connection.integration.livemode, deep = options.deep or false, id = core.uuid(),
    app_account = connection.auth == "app" and connection.account or nil,
    transport = connection.transport, findings = {}, users = {}, consumers = {},
    order = {}, erasures = erasures.of(connection.store, connection.id),
    protection = protections.of(connection.store, connection.id, connection.mappings,
      not options.deep) }
  function run.session_for()
    return run.session
  end
  function run.tell(name, read)
    if options.progress then
      options.progress { event = "progress", type = name, read = read }
    end
  end
  for _, each in ipairs(mappings) do
    local name = each.type.name
    add_type(run, each.type)
    for _, resource in ipairs(stripe.resources_of(each)) do
      run.users[resource] = run.users[resource] or {}
      table.insert(run.users[resource], name)
    end
    for _, source in ipairs(each.sources) do
      table.insert(run.consumers[name], { type = name, data_type = each.type, source = source,
        seen = {} })
    end
  end
  for _, each in ipairs(chosen.left_out) do
    add_type(run, each.type, each.reason)
  end
  return run
end

-- ---------------------------------------------------------------- what was not listed

-- All of them are checked again; the records that Stripe does not have are marked.
local function mark_extras(run, data_type, found)
  local after, marked = "", 0
  repeat
    local extras, ids = records.extras(run, data_type, after, EXTRAS), {}
    recheck.all(run, extras)
    for _, suspect in ipairs(extras) do
      after = suspect.id
      if suspect.unsure and not suspect.withdrawn then
        found:suspect(suspect)
      elseif not suspect.withdrawn then
        ids[#ids + 1] = suspect.id
      end
    end
    marked = marked + run.store:write_page(run.connection.id,
      { deleted = { [data_type.name] = ids } }, time.now())[data_type.name].deleted
  until #extras < EXTRAS
  found.facts.marked = marked
end

local function find_extras(run, data_type, found)
  local extras = records.extras(run, data_type, "", EXTRAS)
  for _, suspect in ipairs(extras) do
    found:suspect(suspect)
  end
  while #extras == EXTRAS do -- the rest is only counted
    extras = records.extras(run, data_type, extras[EXTRAS].id, EXTRAS)
    found.more = found.more + #extras
  end
end

local function settle(run, joins, mark)
  records.joins(run, joins)
  for _, data_type in ipairs(run.order) do
    local found = run.findings[data_type.name]
    if not found.facts.error then
      if mark then
        mark_extras(run, data_type, found)
      else
        find_extras(run, data_type, found)
      end
      recheck.all(run, found.suspects)
    end
    records.forget(run, data_type.name)
  end
end

-- ---------------------------------------------------------------- the report

local function close_type(run, data_type)
  local found = run.findings[data_type.name]
  -- a type that could never be read has no table
  found.facts.found = data_type.scalars and run.store:count(data_type, run.connection.id) or 0
  if found.facts.error then
    found.facts.expected = nil -- what was counted is not all
  end
  return found:close()
end

local function new_report(run, checks, started, before)
  local connection, agrees = run.connection, true
  for _, check in ipairs(checks) do
    agrees = agrees and check.agrees
  end
  return report.new { connection = connection.id, account = connection.account,
    mode = run.livemode and "live" or "test", deep = run.deep, agrees = agrees, checks = checks,
    requests = connection.session:stats().requests - before.requests,
    seconds = core.now() - started }
end

local function run_checks(run, tasks, joins, mark)
  local money, paid = nil, nil
  jobs.group(function(group)
    records.start(run, tasks, group)
    if run.findings.transactions then
      paid = payouts.new(run, findings.new { check = "payouts", type = "transactions" })
      group:add(function()
        money = balance.compare(run)
      end)
      group:add(function()
        payouts.check(run, paid)
      end)
    end
  end)
  settle(run, joins, mark)
  if paid then
    payouts.recheck(run, paid)
  end
  if paid and not balance.agrees(money) then
    local earlier = money
    money = balance.compare(run)
    balance.merge(money, earlier)
  end
  local checks, types = {}, {}
  for i, data_type in ipairs(run.order) do
    types[i] = close_type(run, data_type)
  end
  if paid then
    balance.explain(money, run.findings.transactions)
    for _, check in ipairs(money) do
      checks[#checks + 1] = check
    end
    checks[#checks + 1] = paid.found:close()
  end
  for _, check in ipairs(types) do
    checks[#checks + 1] = check
  end
  return checks
end

-- Money may move between the two readings, so a difference is looked at again.
local function balance_alone(connection, started, before)
  local run = { connection = connection, session = connection.session, store = connection.store,
    transport = connection.transport, livemode = connection.integration.livemode, deep = false }
  local money
  local function compare_once()
    jobs.group(function(group)
      group:add(function()
        money = balance.compare(run)
      end)
    end)
  end
  compare_once()
  if not balance.agrees(money) then
    local earlier = money
    compare_once()
    balance.merge(money, earlier)
  end
  return new_report(run, money, started, before)
end

--- Compare what is stored with Stripe. Raises where nothing can be done (bad arguments, the store).
---@param connection commerce.Connection
---@param options commerce.VerifyOptions?
---@return commerce.VerifyReport report
function verify.run(connection, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local started, before = core.now(), connection.session:stats()
  if options.balance then
    return balance_alone(connection, started, before)
  end
  local chosen = choice.make(connection, options.types)
  local mappings = read_as(chosen.mappings, options.deep)
  local run = new_run(connection, mappings, chosen, options)
  local tasks, joins = plan.make(connection.mappings.resources, mappings,
    { session_for = run.session_for, paths = run.erasures and run.erasures.PATHS })
  local checks = run_checks(run, tasks, joins, options.mark_deleted)
  return new_report(run, checks, started, before)
end

return verify
