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

local TRANSACTIONS = "balance_transactions"

local function task_of(run)
  local name = TRANSACTIONS
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
local function tell(run, payout_id, message, failure)
  if stripe.lacks_permission(failure) then
    run.progress:note("transactions are not linked to their payouts: "
      .. stripe.lacking(message, run.mappings.resources[TRANSACTIONS].permission, run.auth))
  else
    run.progress:fail("payouts", ("the transactions of %s could not be read: %s"):format(payout_id,
      message), failure)
  end
end

---@class commerce.sync.Linking links the payouts of one run
---@field private run commerce.sync.Run
---@field private task commerce.Task
---@field private link_one fun(run: commerce.sync.Run, task: commerce.Task, payout_id: string)
---@field private linked table<string, boolean> ids of the payouts that this run has linked
---@field private count integer payouts that are being read
---@field private failed boolean?
local methods = {}
local linking_mt = { __name = "commerce.sync.payouts", __index = methods }

--- Make what links the payouts of a run.
---@param run commerce.sync.Run
---@param link_one fun(run: commerce.sync.Run, task: commerce.Task, payout_id: string)? reads and
---  stores the transactions of one payout
---@return commerce.sync.Linking
function payouts.new(run, link_one)
  return setmetatable({ run = run, task = task_of(run), link_one = link_one or link, linked = {},
    count = 0 }, linking_mt)
end

-- Transactions that nobody has asked for are not linked.
local function is_wanted(run)
  return run.types.payouts ~= nil and run.progress:is_complete "payouts"
    and (run.types.transactions ~= nil or run.store:is_complete(run.id, "transactions"))
end

-- The ids of the payouts to link, one by one: those reconciled since the last sync; all reconciled
-- ones in a full sync.
local function each_linkable(self)
  local run, ids, at, after = self.run, {}, 0, ""
  return function()
    repeat
      at = at + 1
      if at > #ids then
        if after == nil then
          return nil
        end
        ids, at = run.store:linkable_payouts(run.id, after, BATCH, run.options.full == true), 1
        after = #ids == BATCH and ids[#ids] or nil
      end
    until not self.linked[ids[at]]
    return ids[at]
  end
end

-- Gives nothing, or the message and the failure.
local function try(self, payout_id)
  self.count = self.count + 1
  local _, message, failure = errors.finally(function()
    return errors.catch(self.link_one, self.run, self.task, payout_id)
  end, function()
    self.count = self.count - 1
  end)
  if not message then
    self.linked[payout_id] = true
  elseif failure.kind == "store" or failure.fatal then
    errors.rethrow(failure)
  else
    self.failed = true
  end
  return message, failure
end

-- Whether the endpoint's limit allows another request, after those of the transactions' own list,
-- whose pages go first.
local function has_room(self)
  return self.count < AT_ONCE
    and self.run.limiter:own_room("GET " .. self.task.resource.path) >= 1
end

--- Link payouts while lists are being read: each takes a request, all of them of one endpoint, so
--- that its limit alone would hold up the end of the sync. Begins when the payouts' own list has
--- been read, and ends with the lists, or with a failure: `finish` tries again and tells.
---@param lists commerce.sync.Backfill[] that are being read; one that has ended is taken off
---@param begin fun(work: fun()) begins a job
function methods:beside(lists, begin)
  local run = self.run
  while #lists > 0 and not run.checkpoints:is_finished "payouts" do
    jobs.wait(run.transport)
  end
  if #lists == 0 or not is_wanted(run) then
    return
  end
  for payout_id in each_linkable(self) do
    while #lists > 0 and not has_room(self) do
      jobs.wait(run.transport)
    end
    if #lists == 0 or self.failed then
      return
    end
    begin(function()
      try(self, payout_id)
    end)
    jobs.pause(run.transport) -- its request waits for its turn
  end
end

--- Link the payouts that are left when all lists have been read.
function methods:finish()
  local run = self.run
  if not is_wanted(run) then
    return
  end
  self.failed = false
  local next_id = each_linkable(self)
  local function work()
    local payout_id = not self.failed and next_id()
    while payout_id do
      local failed_before = self.failed
      local message, failure = try(self, payout_id)
      if message and not failed_before then
        tell(run, payout_id, message, failure)
      end
      payout_id = not self.failed and next_id()
    end
  end
  jobs.group(function(group)
    for _ = 1, AT_ONCE do
      group:add(work)
    end
  end)
end

return payouts
