--- The events of the generated objects. Nothing is stored: each stream is a sequence of events in
--- the order of time, event `k` of it is computed when asked for, and `emulator.events` merges the
--- streams. A stream has
---   count(ds), first_from(ds, t)   how many, and the first one at `t` or later
---   peek(ds, k)                    its type, or nothing when there is no event in this place
---   time(ds, k)                    when it happened
---   describe(ds, k)                { resource, index, before? } and, of the objects, the view of
---                                  the data set as it was then
local charges = require "emulator.data.charges"
local payouts = require "emulator.data.payouts"
local products = require "emulator.data.products"
local scenarios = require "emulator.data.scenarios"

local SIZE = scenarios.SIZE

-- The data set as it was at time `now`, when the first `count` charges had been made.
local function view(ds, now, count)
  local ledger = setmetatable({ count = count }, { __index = ds.ledger })
  return setmetatable({ ledger = ledger, now = now }, { __index = ds })
end

local function view_at(ds, t)
  return view(ds, t, ds.ledger.series:first_from(t + 1))
end

-- Whether an object was changed by a test before `t`: its own course ended there.
local function changed_before(ds, resource, i, t)
  local docs = ds.overlay.patched[resource]
  local doc = docs and docs[i]
  return doc and doc.frozen_at < t
end

-- What happens at the charges' own pace: most of what there is.
local ledger = { types = { "charge.succeeded", "charge.failed", "charge.pending",
  "charge.captured", "charge.expired", "charge.refunded", "charge.refund.updated",
  "refund.created", "refund.updated", "refund.failed", "charge.dispute.created",
  "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn",
  "charge.dispute.funds_reinstated", "payout.created", "payout.paid", "payout.failed",
  "payout.canceled" } }

function ledger.count(ds) return ds.ledger.counts.events end
function ledger.first_from(ds, t) return ds.ledger:first_from("events", t) end
function ledger.peek(ds, k) return ds.ledger:find("events", k).type end

function ledger.time(ds, k)
  local event, block = ds.ledger:find("events", k)
  return ds.ledger:created(block, event.slot)
end

function ledger.describe(ds, k)
  local event, block = ds.ledger:find("events", k)
  local index
  if event.resource == "charges" then
    index = block * SIZE + event.fact.slot
  else
    index = ds.ledger:number(event.resource, block, event.fact)
  end
  return { resource = event.resource, index = index, before = event.before },
    view(ds, ds.ledger:created(block, event.slot), block * SIZE + event.slot + 1)
end

-- Bank debits: confirmed some days after the charge.
local debits = { types = { "charge.succeeded" }, automatic = true }

local function debit(ds, k)
  local fact, block = ds.ledger:find("debits", k)
  return block * SIZE + fact.slot, fact, block
end

function debits.count(ds) return ds.ledger.counts.debits end
function debits.first_from(ds, t) return ds.ledger:first_from("debits", t - charges.DEBIT) end
function debits.time(ds, k) return charges.created(ds, (debit(ds, k))) + charges.DEBIT end

function debits.peek(ds, k)
  return not changed_before(ds, "charges", (debit(ds, k)), debits.time(ds, k))
    and "charge.succeeded" or nil
end

function debits.describe(ds, k)
  return { resource = "charges", index = (debit(ds, k)) }, view_at(ds, debits.time(ds, k))
end

-- Standard payouts that end well: on their way after a while and then, when automatic, reconciled;
-- paid days later.
local function moving(ds, j, t)
  local payout = ds.ledger:find("payouts", j)
  if payout.ends or payout.method == "instant" then return nil end
  return not changed_before(ds, "payouts", j, t) and payout or nil
end

local sent = { types = { "payout.updated", "payout.reconciliation_completed" }, automatic = true }
function sent.count(ds) return 2 * payouts.count(ds) end
function sent.first_from(ds, t) return 2 * payouts.first_from(ds, t - payouts.WAIT) end
function sent.time(ds, k) return payouts.created(ds, math.floor(k / 2)) + payouts.WAIT end
function sent.peek(ds, k)
  local payout = moving(ds, math.floor(k / 2), sent.time(ds, k))
  if not payout then return nil end
  if k % 2 == 0 then return "payout.updated" end
  return payout.automatic and "payout.reconciliation_completed" or nil
end
function sent.describe(ds, k)
  return { resource = "payouts", index = math.floor(k / 2),
    before = k % 2 == 0 and '{"status":"pending"}' or nil }, view_at(ds, sent.time(ds, k))
end

local paid = { types = { "payout.paid" }, automatic = true, count = payouts.count }
function paid.first_from(ds, t)
  local day = math.ceil(t / 86400) * 86400
  return payouts.first_from(ds, day - 2 * 86400)
end
function paid.time(ds, k) return payouts.arrival(payouts.created(ds, k)) end
function paid.peek(ds, k) return moving(ds, k, paid.time(ds, k)) and "payout.paid" or nil end
function paid.describe(ds, k)
  return { resource = "payouts", index = k }, view_at(ds, paid.time(ds, k))
end

-- The making of what has no course of its own.
local function made(name, type)
  local stream = { types = { type } }
  function stream.count(ds) return ds.resources[name].count(ds) end
  function stream.first_from(ds, t) return ds.resources[name].first_from(ds, t) end
  function stream.time(ds, k) return ds.resources[name].created(ds, k) end
  function stream.peek() return type end
  function stream.describe(ds, k)
    return { resource = name, index = k }, view_at(ds, stream.time(ds, k))
  end
  return stream
end

-- Products changed after they were made, sorted once: there are few.
local updated = { types = { "product.updated" } }

local function changes(ds)
  if not ds.product_changes then
    local list = {}
    for i = 0, products.count(ds) - 1 do
      local t = products.updated(ds, i)
      if t > products.created(ds, i) then list[#list + 1] = { index = i, time = t } end
    end
    table.sort(list, function(a, b)
      if a.time ~= b.time then return a.time < b.time end
      return a.index < b.index
    end)
    ds.product_changes = list
  end
  return ds.product_changes
end

function updated.count(ds) return #changes(ds) end
function updated.time(ds, k) return changes(ds)[k + 1].time end
function updated.peek() return "product.updated" end
function updated.first_from(ds, t)
  local list = changes(ds)
  local k = 0
  while list[k + 1] and list[k + 1].time < t do k = k + 1 end
  return k
end
function updated.describe(ds, k)
  local i = changes(ds)[k + 1].index
  return { resource = "products", index = i,
    before = ('{"updated":%d}'):format(products.created(ds, i)) }, view_at(ds, updated.time(ds, k))
end

--- All streams. Their order is that of events in the same second, and part of the events' ids.
return { ledger, debits, sent, paid, made("customers", "customer.created"),
  made("products", "product.created"), made("prices", "price.created"),
  made("tax_rates", "tax_rate.created"), updated,
  made("subscriptions", "customer.subscription.created"), made("invoices", "invoice.created"),
  made("application_fees", "application_fee.created") }
