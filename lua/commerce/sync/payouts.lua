-- Links each transaction to the automatic payout that it was paid out in. Stripe tells this only in
-- the list of a payout's transactions, which is complete once the payout is reconciled, so each
-- payout's list is read once (Stripe's documentation, "Payout reconciliation").

local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local source = require "commerce.sync.source"
local stripe = require "commerce.stripe"
local values = require "commerce.mapping.values"
local writer = require "commerce.sync.writer"

local payouts = {}

local AT_ONCE = 10 -- payouts read side by side
local BATCH = 100 -- payouts taken from the store at once

local PATHS = { "id", "object", "livemode", "amount", "currency", "fee", "source" }

local function task_of(run)
  local name = "balance_transactions"
  return { name = name, resource = run.mappings.resources[name], expand = {}, complete = {},
    paths = PATHS, session = run.progress:session_for(name) }
end

local function minor(object, name)
  local amount = object[name]
  if type(amount) ~= "number" then
    errors.throw("mapping", ("%s: '%s' must be a number"):format(tostring(object.id), name))
  end
  return amount
end

local function major(amount, currency)
  return decimal.tostring(values.major(amount, currency))
end

-- The ids of a page's transactions; adds them to the sums.
local function take(page, payout_id, sums)
  local ids = {}
  for object in page:each(function(message)
    errors.throw("mapping", message)
  end) do
    if object.source ~= payout_id then -- the payout's own transaction takes the money out
      ids[#ids + 1] = object.id
      sums.count = sums.count + 1
      sums.gross = sums.gross + minor(object, "amount")
      sums.fees = sums.fees + minor(object, "fee")
      sums.currency = object.currency
    end
  end
  return ids
end

-- The totals are written last: a payout without them is read again.
local function link(run, task, payout_id)
  local sums, links = { count = 0, gross = 0, fees = 0 },
    { payout = payout_id, transactions = {}, anew = true }
  for page in source.pages(run, task, source.part(task, { { "payout", payout_id } })) do
    if #links.transactions > 0 then
      writer.linked_page(run, links)
      links = { payout = payout_id }
    end
    links.transactions = take(page, payout_id, sums)
  end
  links.totals = { transaction_count = sums.count, gross_amount = major(sums.gross, sums.currency),
    fees = major(sums.fees, sums.currency) }
  writer.linked_page(run, links)
end

-- A failure leaves the payout to the next sync.
local function fail(run, task, payout_id, message, failure)
  if failure.kind == "store" or failure.fatal then
    errors.rethrow(failure)
  elseif stripe.lacks_permission(failure) then
    run.progress:note("transactions are not linked to their payouts: "
      .. stripe.lacking(message, task.resource.permission, run.auth))
  else
    run.progress:fail("payouts", ("the transactions of %s could not be read: %s"):format(payout_id,
      message), failure)
  end
end

-- Transactions that nobody has asked for are not linked.
local function is_wanted(run)
  return run.types.payouts ~= nil and run.progress:is_complete "payouts"
    and (run.types.transactions ~= nil or run.store:is_complete(run.id, "transactions"))
end

--- Link the transactions of the payouts that have been reconciled since the last sync; of all
--- reconciled ones in a full sync.
---@param run commerce.sync.Run
function payouts.run(run)
  if not is_wanted(run) then
    return
  end
  local task, after, failed = task_of(run), "", false
  repeat
    local ids = run.store:linkable_payouts(run.id, after, BATCH, run.options.full == true)
    jobs.each(ids, AT_ONCE, function(payout_id)
      if not failed then
        local _, message, failure = errors.catch(link, run, task, payout_id)
        if message and not failed then
          failed = true
          fail(run, task, payout_id, message, failure)
        end
      end
    end)
    after = ids[#ids]
  until failed or #ids < BATCH
end

return payouts
