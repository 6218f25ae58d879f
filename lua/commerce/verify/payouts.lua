-- Per automatic payout: its transactions, as they are stored, against its amount. If the payout's
-- stored links already show that they agree, nothing is asked of Stripe. Otherwise Stripe lists the
-- payout's transactions, one request each.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"
local plan = require "commerce.sync.plan"
local compare = require "commerce.verify.compare"
local records = require "commerce.verify.records"
local source = require "commerce.sync.source"

local payouts = {}

local AT_ONCE = 10 -- payouts looked at side by side
local LINKS = 500 -- linked transactions taken from the store at once

-- The paths that are read from a payout.
local PATHS = { "id", "livemode", "object", "amount", "currency", "automatic", "status",
  "reconciliation_status" }

-- Stripe knows the transactions of automatic payouts only, and all of them only when it is paid.
local function is_settled(payout)
  local known = payout.reconciliation_status
  return payout.automatic == true and payout.status == "paid"
    and (type(known) ~= "string" or known == "completed")
end

---@class commerce.verify.PayoutsCheck
---@field found commerce.verify.Findings
---@field task commerce.Task of the transactions of a payout
---@field consumer commerce.sync.Consumer maps them
---@field list commerce.Task of the payouts
---@field wrong commerce.StripeObject[] payouts that did not agree
---@field checked integer
---@field agreeing integer

--- The state of a run's check.
---@param run commerce.VerifyRun
---@param found commerce.verify.Findings
---@return commerce.verify.PayoutsCheck state
function payouts.new(run, found)
  local resources = run.connection.mappings.resources
  local whole = run.connection.mappings:find("transactions")
  local task = plan.make(resources, { mapping.narrow(whole, compare.fields(whole.type)) },
    { session_for = run.session_for })[1]
  task.paths[#task.paths + 1] = "source"
  task.projection = core.projection(task.paths)
  return { found = found, consumer = task.consumers[1], task = task, wrong = {}, checked = 0,
    agreeing = 0,
    list = { name = "payouts", resource = resources.payouts, session = run.session,
      expand = {}, complete = {}, paths = PATHS } }
end

local function add_page(run, state, payout, page, sums)
  local entries = {}
  for object in page:each(function(message)
    errors.throw("mapping", message)
  end) do
    if object.source ~= payout.id then -- the payout's own transaction takes the money out
      local ok, wrong = records.entries({ deep = false }, state.consumer, object, entries)
      if not ok then
        errors.throw("mapping", wrong)
      end
    end
  end
  local ids, suspects = {}, records.suspects(run, state.consumer, entries)
  for i, entry in ipairs(entries) do
    ids[i] = entry.id
    sums.listed:add(decimal.tostring(entry.record.totalAmount or 0))
  end
  for _, data in pairs(run.store:find(state.consumer.data_type, run.connection.id, ids)) do
    sums.stored:add((compare.money(data)))
  end
  for _, suspect in ipairs(suspects) do
    suspect.payout = payout.id
    sums.suspects[#sums.suspects + 1] = suspect
  end
end

-- As a text; a payout whose amount is not a number differs from every stored one.
local function amount_of(payout)
  local code = type(payout.currency) == "string" and ascii.upper(payout.currency) or "XXX"
  if type(payout.amount) ~= "number" then
    return "no amount", code
  end
  return decimal.tostring(v.major(payout.amount, code)), code
end

-- Whether every linked transaction is stored, and all of them add up to the payout's amount. The
-- transactions themselves are compared with Stripe's list of all of them.
local function agrees_by_links(run, payout)
  local id = run.connection.id
  local totals = run.store:payout_totals(id, { payout.id })[payout.id]
  if not totals then
    return false
  end
  local sum, stored, after = decimal.sum(), 0, ""
  repeat
    local batch = run.store:paid_transactions(id, payout.id, after, LINKS)
    for _, transaction in ipairs(batch) do
      stored, after = stored + (#transaction.records > 0 and 1 or 0), transaction.id
      for _, data in ipairs(transaction.records) do
        sum:add((compare.money(data)))
      end
    end
    jobs.breathe()
  until #batch < LINKS
  return stored == totals.transaction_count and tostring(sum) == (amount_of(payout))
end

-- The suspects of one payout: its sum first, then its transactions.
local function suspects_of(run, state, payout)
  local sums = { listed = decimal.sum(), stored = decimal.sum(), suspects = {} }
  local part = source.part(state.task, { { "payout", payout.id } })
  for page in source.pages(run, state.task, part) do
    add_page(run, state, payout, page, sums)
  end
  local expected, currency = amount_of(payout)
  local stored, listed = tostring(sums.stored), tostring(sums.listed)
  if stored ~= expected then
    table.insert(sums.suspects, 1, { id = payout.id, kind = "different", type = "transactions",
      currency = currency, expected = expected, found = stored,
      listed = listed ~= expected and listed or nil })
  end
  return sums.suspects
end

-- As `suspects_of`; nil if the payout cannot be read, which fails the check.
local function try_suspects(run, state, payout)
  local suspects, failure = records.try(suspects_of, run, state, payout)
  if failure then
    state.found:fail(records.reason(run, state.task.resource, failure))
  end
  return suspects
end

local function check(run, state, payout)
  local suspects = agrees_by_links(run, payout) and {} or try_suspects(run, state, payout)
  if suspects then
    state.checked = state.checked + 1
    state.agreeing = state.agreeing + (#suspects == 0 and 1 or 0)
    state.wrong[#state.wrong + 1] = #suspects > 0 and payout or nil
    run.tell("payouts", state.checked)
  end
end

local function check_all(run, state)
  for page in source.pages(run, state.list) do
    local settled = {}
    for payout in page:each(function(message)
      state.found:fail(message)
    end) do
      settled[#settled + 1] = is_settled(payout) and payout or nil
    end
    jobs.each(settled, AT_ONCE, function(payout)
      check(run, state, payout)
    end)
    if state.found.facts.error then
      break
    end
  end
end

--- Check every payout, in a job.
---@param run commerce.VerifyRun
---@param state commerce.verify.PayoutsCheck from `payouts.new`
function payouts.check(run, state)
  local _, failure = records.try(check_all, run, state)
  if failure then
    state.found:fail(records.reason(run, state.list.resource, failure))
  end
end

local MOST_AGAIN = 100 -- payouts that are read a second time

--- Check once more those that did not agree, in a job; what is wrong then is a difference.
---@param run commerce.VerifyRun
---@param state commerce.verify.PayoutsCheck
function payouts.recheck(run, state)
  local again = {}
  for i = 1, math.min(#state.wrong, MOST_AGAIN) do
    again[i] = state.wrong[i]
  end
  jobs.each(again, AT_ONCE, function(payout)
    local suspects = try_suspects(run, state, payout)
    state.agreeing = state.agreeing + (suspects and #suspects == 0 and 1 or 0)
    for _, suspect in ipairs(suspects or {}) do
      state.found:suspect(suspect)
    end
  end)
  state.found.more = state.found.more + #state.wrong - #again
  if not state.found.facts.error then
    state.found.facts.expected, state.found.facts.found = state.checked, state.agreeing
  end
end

return payouts
