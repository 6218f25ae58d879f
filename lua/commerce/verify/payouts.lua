-- Per automatic payout: its transactions, as they are stored, against its amount. Stripe lists them
-- by payout, one request each. Called by verify.

local core = require "commerce.core"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"
local convert = require "commerce.sync.convert"
local plan = require "commerce.sync.plan"
local compare = require "commerce.verify.compare"
local records = require "commerce.verify.records"

local payouts = {}

local AT_ONCE = 10 -- payouts looked at side by side
local PAGE = 100

-- What is read of a payout.
local PATHS = { "id", "livemode", "object", "amount", "currency", "automatic", "status",
  "reconciliation_status" }

-- Only of an automatic payout does Stripe know the transactions, and of one under way not yet all.
local function is_settled(payout)
  local known = payout.reconciliation_status
  return payout.automatic == true and payout.status == "paid"
    and (type(known) ~= "string" or known == "completed")
end

--- What the check of a run needs.
---@param run commerce.VerifyRun
---@param found table findings
---@return table state
function payouts.new(run, found)
  local platform = run.connection.platform
  local whole = run.connection.mappings:find("transactions")
  local narrow = mapping.narrow(whole, compare.fields(whole.type))
  local tasks = plan.make(platform, { narrow })
  local paths = { "source" }
  for _, path in ipairs(tasks[1].paths) do
    paths[#paths + 1] = path
  end
  return { found = found, consumer = tasks[1].consumers[1], task = tasks[1], wrong = {},
    projection = core.projection(paths), checked = 0, agreeing = 0 }
end

local function add_page(run, state, payout, page, sums)
  local entries = {}
  for i = 1, #page do
    local object, message = convert.decode(page:element(i, state.projection), run.livemode)
    if not object then
      return nil, message
    end
    if object.source ~= payout.id then -- the payout's own transaction takes the money out
      local ok, wrong = records.entries({ deep = false }, state.consumer, object, entries)
      if not ok then
        return nil, wrong
      end
    end
  end
  local ids, suspects = {}, records.suspects(run, state.consumer, entries)
  for i, entry in ipairs(entries) do
    ids[i] = entry.id
    sums.listed:add(decimal.tostring(entry.record.totalAmount or 0))
  end
  local stored = run.must(run.store:find(state.consumer.data_type, run.connection.id, ids))
  for _, data in pairs(stored) do
    sums.stored:add((compare.money(data)))
  end
  for _, suspect in ipairs(suspects) do
    suspect.payout = payout.id
    sums.suspects[#sums.suspects + 1] = suspect
  end
  return true
end

local function read(run, state, payout)
  local sums = { listed = decimal.sum(), stored = decimal.sum(), suspects = {} }
  local pager = run.session:pager { path = state.task.resource.path,
    query = { { "payout", payout.id } }, limit = PAGE }
  while true do
    local page, message, details = jobs.await(run.transport, pager)
    if not page then
      pager:close()
      return not message and sums or nil, message, details
    end
    local ok, wrong = add_page(run, state, payout, page, sums)
    page:close()
    if not ok then
      pager:close()
      return nil, wrong
    end
  end
end

local function amount_of(payout)
  local code = payout.currency:upper()
  return decimal.tostring(decimal.from_minor(payout.amount, v.exponent(code))), code
end

-- The suspects of one payout: its sum first, then its transactions. Nil if it cannot be read.
local function suspects_of(run, state, payout)
  local sums, message, details = read(run, state, payout)
  if not sums then
    return nil, message, details
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

local function fail(run, state, resource, message, details)
  local permission
  if run.connection.platform.lacks_permission(details) then
    permission = resource.permission
    message = errors.lacking(message, permission)
  end
  state.found:fail(message, permission)
end

local function check(run, state, payout)
  local suspects, message, details = suspects_of(run, state, payout)
  if not suspects then
    return fail(run, state, state.task.resource, message, details)
  end
  state.checked = state.checked + 1
  if #suspects > 0 then
    state.wrong[#state.wrong + 1] = payout
  else
    state.agreeing = state.agreeing + 1
  end
  run.tell("payouts", state.checked)
end

--- Check every payout, in a job.
---@param run commerce.VerifyRun
---@param state table from `payouts.new`
function payouts.check(run, state)
  local resource = run.connection.platform.resources.payouts
  local pager = run.session:pager { path = resource.path, limit = PAGE }
  local projection = core.projection(PATHS)
  while not state.found.facts.error do
    local page, message, details = jobs.await(run.transport, pager)
    if not page then
      if message then
        fail(run, state, resource, message, details)
      end
      break
    end
    local settled = {}
    for i = 1, #page do
      local payout, wrong = convert.decode(page:element(i, projection), run.livemode)
      if not payout then
        fail(run, state, resource, wrong)
      elseif is_settled(payout) then
        settled[#settled + 1] = payout
      end
    end
    page:close()
    jobs.each(settled, AT_ONCE, function(payout)
      check(run, state, payout)
    end)
  end
  pager:close()
end

local MOST_AGAIN = 100 -- payouts that are read a second time

--- Check once more those that did not agree, in a job; what is wrong then is a difference.
---@param run commerce.VerifyRun
---@param state table
function payouts.recheck(run, state)
  local again = {}
  for i = 1, math.min(#state.wrong, MOST_AGAIN) do
    again[i] = state.wrong[i]
  end
  jobs.each(again, AT_ONCE, function(payout)
    local suspects, message, details = suspects_of(run, state, payout)
    if not suspects then
      return fail(run, state, state.task.resource, message, details)
    end
    state.agreeing = state.agreeing + (#suspects == 0 and 1 or 0)
    for _, suspect in ipairs(suspects) do
      state.found:suspect(suspect)
    end
  end)
  state.found.more = state.found.more + #state.wrong - #again
  if not state.found.facts.error then
    state.found.facts.expected, state.found.facts.found = state.checked, state.agreeing
  end
end

return payouts
