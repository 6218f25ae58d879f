-- Stripe's read allocation: on average at most 500 read requests a transaction over 30 days, and
-- at least 10,000 a month. An account has one; a Connect platform has one of its own, for all
-- connected accounts together (Stripe's documentation, "Rate limits", API read request
-- allocations). Stripe tells no numbers in its answers, so requests are counted here: by connection
-- and day, with one write after each sync.

local errors = require "commerce.base.errors"
local model = require "commerce.model"
local query = require "commerce.query"
local time = require "commerce.base.time"

local allocation = {
  DAYS = 30,
  PER_TRANSACTION = 500,
  LEAST = 10000,
  --- The share of an allocation from which on a user is warned.
  WARNING = 0.8,
}

local DAY = 86400 -- seconds
local CHEAP = 10000 -- transactions that are counted whenever new ones came; more once a day

---@class commerce.ReadUse the read requests of a connection's account over 30 days
---@field reads integer of the connection
---@field transactions integer? payments of the account; nil if it is not known
---@field allocation integer the reads that Stripe allows, of the account or of the platform
---@field used integer the reads that count against it: of all its connections
---@field platform boolean whether all connected accounts share it

local function day_of(seconds)
  return time.format(seconds):sub(1, 10)
end

-- The first of the days that count, today being the last.
local function first_day(now)
  return day_of(now - (allocation.DAYS - 1) * DAY)
end

-- ---------------------------------------------------------------- counting

local function count_transactions(store, connection_id, now)
  local data_type = model.find "transactions"
  if not store:latest_pulls(connection_id)[data_type.name] then
    return nil
  end
  return store:count(data_type, connection_id, assert(query.parse(data_type,
    ("createdDate>=%s&&type=Payment"):format(time.format(now - allocation.DAYS * DAY)))))
end

local function brought_transactions(report)
  for _, entry in ipairs(report.types) do
    if entry.type == "transactions" then
      return entry.created + entry.deleted > 0
    end
  end
  return false
end

-- Whether a sync is followed by a new count of transactions.
local function is_due(store, connection_id, report, now)
  local known = store:stripe_reads(first_day(now), connection_id)[connection_id] or {}
  return known.counted ~= day_of(now)
    or (known.transactions or 0) < CHEAP and brought_transactions(report)
end

local function add(connection, reads, report, now)
  local store, id, transactions = connection.store, connection.id, nil
  if report and is_due(store, id, report, now) then
    transactions = count_transactions(store, id, now)
  end
  return store:add_stripe_reads({ connection_id = id, day = day_of(now), reads = reads,
    transactions = transactions }, first_day(now))
end

--- Write down the requests that a connection has sent since the last time. A failure is left: it
--- must not end a sync.
---@param connection commerce.Connection
---@param report commerce.Report? of the sync that has ended: the transactions are counted, too,
---  if they are not known
---@param failure commerce.Failure? of the sync: a store that has failed is not written to again,
---  since a locked one would be waited for twice
function allocation.count(connection, report, failure)
  local sent = connection.requests_sent and connection.requests_sent() or 0
  local reads = sent - (connection.reads_counted or 0)
  if reads > 0 and not (connection.store.lacking or {}).stripe_reads then
    connection.reads_counted = sent
    if failure and failure.kind == "store" then
      return
    end
    errors.catch(add, connection, reads, report, os.time())
  end
end

-- ---------------------------------------------------------------- the use

-- Whose allocation a connection's reads count against.
local function holder(row)
  return row.integration .. " " .. (row.auth == "connect" and "platform" or row.account or row.id)
end

-- Adds a connection to its holder's sums. Several connections may have the same account, whose
-- transactions count once.
local function take(holders, row, sum)
  local name = holder(row)
  local found = holders[name] or { reads = 0, transactions = 0, accounts = {} }
  holders[name] = found
  found.reads = found.reads + sum.reads
  local account, transactions = row.account or row.id, sum.transactions or 0
  local known = found.accounts[account] or 0
  if transactions > known then
    found.accounts[account] = transactions
    found.transactions = found.transactions + transactions - known
  end
end

local function sums_of(store, rows, now, some)
  if not some then
    return store:stripe_reads(first_day(now))
  end
  local sums = {}
  for _, row in ipairs(rows) do
    sums[row.id] = store:stripe_reads(first_day(now), row.id)[row.id]
  end
  return sums
end

--- The use of Stripe's read allocations.
---@param store commerce.Store
---@param now number unix seconds
---@param some commerce.ConnectionFilter? of these connections only
---@return table<string, commerce.ReadUse> uses by connection id; empty if the store keeps no such
---  counts
function allocation.uses(store, now, some)
  if (store.lacking or {}).stripe_reads then
    return {}
  end
  local rows = store:connections(some)
  local sums, holders, uses = sums_of(store, rows, now, some), {}, {}
  for _, row in ipairs(rows) do
    take(holders, row, sums[row.id] or { reads = 0 })
  end
  for _, row in ipairs(rows) do
    local found, sum = holders[holder(row)], sums[row.id] or { reads = 0 }
    uses[row.id] = { reads = sum.reads, transactions = sum.transactions, used = found.reads,
      allocation = math.max(allocation.LEAST, allocation.PER_TRANSACTION * found.transactions),
      platform = row.auth == "connect" }
  end
  return uses
end

--- The warning about an allocation that is used up, or nearly so.
---@param use commerce.ReadUse
---@return string? warning nil below the share `WARNING`
function allocation.warning(use)
  local share = use.used / use.allocation
  if share > allocation.WARNING then
    return ("%d reads in %d days are %d %% of the %d that Stripe allocates to %s (%d for each "
      .. "transaction, at least %d): sync less often, receive webhooks, or ask Stripe for more")
      :format(use.used, allocation.DAYS, math.floor(share * 100), use.allocation,
        use.platform and "all connected accounts together" or "the account",
        allocation.PER_TRANSACTION, allocation.LEAST)
  end
end

--- The warning after a sync of an account by its own key. The allocation of all connected accounts
--- is the matter of `commerce status` and of the metrics: adding it up after each sync costs too
--- much.
---@param connection commerce.Connection
---@return string? warning
function allocation.warning_after(connection)
  if connection.auth == "connect" then
    return nil
  end
  local uses = errors.catch(allocation.uses, connection.store, os.time(),
    { integration = connection.integration.name, account = connection.account })
  local use = uses and uses[connection.id]
  return use and allocation.warning(use)
end

return allocation
