--- Pending money that becomes available as the clock passes `available_on`, without an event, and
--- what balance transactions move in the balance.
local json = require "emulator.json"
local transactions = require "emulator.data.balance_transactions"

local settle = {}

--- Add (sign 1) or take away (-1) the effect of a balance transaction's document on the balance.
function settle.move(ds, doc, sign)
  local status = doc.map.status == "pending" and "pending" or "available"
  local net = sign * json.to_lua(doc.map.net)
  if doc.map.balance_type == "payments" then
    return settle.add(ds, doc.map.currency, status, net, sign)
  end
  settle.add(ds, doc.map.currency, status, 0, sign)
  -- `issuing` has no pending part
  settle.add_beside(ds, doc, doc.map.balance_type == "issuing" and "available" or status, net)
end

--- Add to what is held beside the payments balance.
function settle.add_beside(ds, doc, status, net)
  local beside = ds.overlay.beside
  local kind = beside[doc.map.balance_type] or { available = {}, pending = {} }
  beside[doc.map.balance_type] = kind
  kind[status][doc.map.currency] = (kind[status][doc.map.currency] or 0) + net
end

--- Add to the balance of a currency.
---@param status string "available" or "pending"
function settle.add(ds, currency, status, net, count)
  local moved = ds.overlay.moved
  local m = moved[currency] or { available = 0, pending = 0, sum_net = 0, count = 0 }
  moved[currency] = m
  m[status], m.sum_net, m.count = m[status] + net, m.sum_net + net, m.count + count
end

--- Remember a pending balance transaction's document: its time will come.
function settle.watch(ds, doc)
  if doc.map.status ~= "pending" then return end
  local o = ds.overlay
  o.watched[#o.watched + 1] = doc
  o.due = math.min(o.due, json.to_lua(doc.map.available_on))
end

-- Documents: those inserted and those made of generated objects that were changed.
local function documents(ds)
  local o = ds.overlay
  if ds.now < o.due then return end
  local list = o.watched
  o.watched, o.due = {}, math.huge
  for _, doc in ipairs(list) do
    if json.to_lua(doc.map.available_on) > ds.now then
      settle.watch(ds, doc)
    elseif doc.map.status == "pending" then
      local deleted = o.deleted.balance_transactions
      local counts = not (deleted and deleted[doc.map.id])
      if counts then settle.move(ds, doc, -1) end
      doc:set("status", "available")
      if counts then settle.move(ds, doc, 1) end
    end
  end
end

-- Generated ones: their status follows from the clock, only the balance has to be told. They
-- become available at midnights.
local function generated(ds)
  if ds.now < ds.next_midnight then return end
  local ledger, o = ds.ledger, ds.overlay
  local patched = o.patched.balance_transactions or {}
  local deleted = o.deleted.balance_transactions or {}
  local next_midnight = math.huge
  for j = ledger:first_from("entries", ledger.pending_after + 1), ledger.counts.entries - 1 do
    local fact, block = ledger:find("entries", j)
    if not fact.pending and ledger:is_pending(fact, block) then
      local _, due = transactions.pending(ds, fact, block, ledger:created(block, fact.slot))
      if due > ds.now then
        next_midnight = math.min(next_midnight, due)
      elseif due > ds.settled_until and not patched[j] and not deleted[transactions.id(ds, j)] then
        settle.add(ds, fact.currency, "pending", -fact.net, 0)
        settle.add(ds, fact.currency, "available", fact.net, 0)
      end
    end
  end
  ds.next_midnight, ds.settled_until = next_midnight, ds.now
end

--- Settle what is due at the data set's present.
function settle.run(ds)
  documents(ds)
  generated(ds)
end

return settle
