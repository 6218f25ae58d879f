-- Which automatic payout each transaction was paid out in, and what each payout adds up to. Both
-- lie beside the records, so that rewriting a record does not lose them.

local ascii = require "commerce.base.ascii"
local json = require "commerce.base.json"
local tables = require "commerce.store.memory.tables"

local payouts = {}

local function links_of(self, connection_id)
  return self.db:table("payout_links", connection_id)
end

local function totals_of(self, connection_id)
  return self.db:table("payout_totals", connection_id)
end

-- The ids of a payout's transactions, in their order.
local function transactions_of(self, connection_id, payout_id)
  local ids = {}
  for id, payout in pairs(links_of(self, connection_id).rows) do
    ids[#ids + 1] = payout == payout_id and id or nil
  end
  ascii.sort(ids)
  return ids
end

--- Write a page of a payout's transactions.
---@param self commerce.MemoryStore the store
---@param connection_id string
---@param links commerce.PayoutLinks
function payouts.write(self, connection_id, links)
  local kept, totals = links_of(self, connection_id), totals_of(self, connection_id)
  if links.anew then
    for _, id in ipairs(transactions_of(self, connection_id, links.payout)) do
      kept:remove(id)
    end
    totals:remove(links.payout)
  end
  for _, id in ipairs(links.transactions) do
    kept:put(id, links.payout)
  end
  if links.totals then
    totals:put(links.payout, tables.copy(links.totals))
  end
end

function payouts.payouts_of(self, connection_id, transaction_ids)
  local found, links = {}, links_of(self, connection_id)
  for _, id in ipairs(transaction_ids) do
    found[id] = links:get(id)
  end
  return found
end

function payouts.payout_totals(self, connection_id, payout_ids)
  local found, totals = {}, totals_of(self, connection_id)
  for _, id in ipairs(payout_ids) do
    found[id] = tables.copy(totals:get(id))
  end
  return found
end

function payouts.linkable_payouts(self, connection_id, after, limit, all)
  local totals = totals_of(self, connection_id)
  return self.db:table("records", connection_id, "payouts"):after(after, limit, function(row, id)
    local payout = not row.deleted and (all or not totals:get(id)) and json.stored(row.data)
    return payout and payout.automatic == true and payout.reconciliationStatus == "completed"
  end)
end

function payouts.paid_transactions(self, connection_id, payout_id, after, limit)
  local batch, by_id = {}, {}
  for _, id in ipairs(transactions_of(self, connection_id, payout_id)) do
    if ascii.before(after, id) and #batch < limit then
      batch[#batch + 1] = { id = id, records = {} }
      by_id[id] = batch[#batch]
    end
  end
  for id, row in pairs(self.db:table("records", connection_id, "transactions").rows) do
    local transaction = not row.deleted and by_id[id:match "^[^:]*"]
    if transaction then
      table.insert(transaction.records, row.data)
    end
  end
  return batch
end

return payouts
