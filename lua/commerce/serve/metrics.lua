-- The metrics of a server and its workers, in Prometheus' text format.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local read_allocation = require "commerce.account.read_allocation"
local retention = require "commerce.account.retention"
local time = require "commerce.base.time"

local metrics = {}

local STATUSES = { "Queued", "Fetching", "Complete", "FetchError", "MapError", "InternalError",
  "AuthError", "RateLimitError", "PermissionsError", "Cancelled", "NotSupported" }

local COUNTERS = {
  { "stripe_rate_limited", "Requests that Stripe rejected with 429." },
  { "stripe_requests", "Requests that syncs sent to Stripe." },
  { "syncs", "Syncs that workers ran." },
  { "syncs_failed", "Syncs in which at least one data type failed." },
  { "webhook_attempts", "Attempts to deliver a webhook." },
  { "webhook_attempts_failed", "Failed attempts to deliver a webhook." },
  { "webhook_consumers_disabled", "Webhook consumers disabled because they could not be reached." },
  { "webhooks_given_up", "Webhooks given up after the last attempt." },
}

local function add(lines, name, kind, help, samples)
  lines[#lines + 1] = ("# HELP commerce_%s %s"):format(name, help)
  lines[#lines + 1] = ("# TYPE commerce_%s %s"):format(name, kind)
  for _, sample in ipairs(samples) do
    lines[#lines + 1] = ("commerce_%s%s %s"):format(name, sample[1] and "{" .. sample[1] .. "}"
      or "", decimal.tostring(sample[2]))
  end
end

local function label(name, value)
  return ('%s="%s"'):format(name, tostring(value):gsub('[\\"\n]', "\\%0"))
end

local function requests_by_status(requests)
  local samples = {}
  for status, count in pairs(requests) do
    samples[#samples + 1] = { label("status", status), count }
  end
  table.sort(samples, function(a, b)
    return ascii.before(a[1], b[1])
  end)
  return samples
end

local function pulls(store)
  local counts, samples = store:pull_counts(STATUSES), {}
  for i, status in ipairs(STATUSES) do
    samples[i] = { label("status", status), counts[status] or 0 }
  end
  return samples
end

local function lags(store, now)
  local samples = {}
  for i, row in ipairs(store:connections { status = "Linked" }) do
    local synced = row.last_sync or row.linked or row.created
    samples[i] = { label("connection", row.id), now - time.parse(synced) }
  end
  return samples
end

-- The pulls that wait for a worker, and those that workers have taken.
local function add_queue(lines, store, now)
  if (store.lacking or {}).workers then
    return
  end
  local state, held, over = store:queue_state(), 0, 0
  for _, lease in ipairs(state.leases) do
    held = held + (lease.remaining > 0 and 1 or 0)
    over = over + (lease.remaining > 0 and 0 or 1)
  end
  add(lines, "queue_connections", "gauge", "Connections with pulls that wait for a worker.",
    { { nil, state.connections } })
  add(lines, "queue_first_links", "gauge", "Those of them that were never read completely.",
    { { nil, state.first_links } })
  add(lines, "queue_lag_seconds", "gauge", "Age of the oldest pull that waits.",
    { { nil, state.oldest and math.max(now - time.parse(state.oldest), 0) or 0 } })
  add(lines, "leases", "gauge", "Connections that a worker has; over: that one has left behind.",
    { { label("state", "held"), held }, { label("state", "over"), over } })
end

-- The number of waiting webhooks of each consumer, and the age of the oldest.
local function queues(store, now)
  local waiting, ages = {}, {}
  for id, queue in pairs((store.lacking or {}).outbox and {} or store:webhook_queues()) do
    waiting[#waiting + 1] = { label("consumer", id), queue.waiting }
    ages[#ages + 1] = { label("consumer", id),
      queue.oldest and math.max(now - time.parse(queue.oldest), 0) or 0 }
  end
  return waiting, ages
end

-- Each linked connection's reads, its account's transactions, and the share of its allocation that
-- is used, over 30 days.
local function add_reads(lines, store, now)
  local reads, transactions, shares = {}, {}, {}
  local uses = read_allocation.uses(store, now)
  for _, row in ipairs(store:connections { status = "Linked" }) do
    local use, name = uses[row.id], label("connection", row.id)
    if use then
      reads[#reads + 1] = { name, use.reads }
      transactions[#transactions + 1] = use.transactions and { name, use.transactions } or nil
      shares[#shares + 1] = { name, math.floor(use.used / use.allocation * 1000) / 1000 }
    end
  end
  add(lines, "stripe_reads_30_days", "gauge", "Requests sent to Stripe in 30 days.", reads)
  add(lines, "stripe_transactions_30_days", "gauge",
    "Transactions of 30 days of the connection's account.", transactions)
  add(lines, "stripe_read_allocation_ratio", "gauge", "Share of Stripe's read allocation that is "
    .. "used, of the account or of all connected accounts together.", shares)
end

local CURRENT = 60 -- seconds: with 100,000 connections, a look at their logs takes half a second
local looks = setmetatable({}, { __mode = "k" }) -- by store: { at = unix seconds, state }

local function change_log_of(store, now)
  local look = looks[store]
  if not look or now < look.at or now - look.at >= CURRENT then
    look = { at = now, state = retention.change_log(store) }
    looks[store] = look
  end
  return look.state
end

-- What is kept of the log of changes, and what each of its consumers has not read.
local function add_change_log(lines, store, now)
  if (store.lacking or {}).change_log then
    return
  end
  local state, unread = change_log_of(store, now), {}
  for i, consumer in ipairs(state.consumers) do
    unread[i] = { label("consumer", consumer.name), consumer.unread }
  end
  local function age(at)
    return math.max(now - time.parse(at), 0)
  end
  add(lines, "change_log_seconds", "gauge", "Age of the oldest change that is kept.",
    { { nil, state.oldest and age(state.oldest) or 0 } })
  add(lines, "change_log_pruned_seconds", "gauge", "Time since a sync last looked for changes that "
    .. "are no longer kept, and removed them.", { state.pruned and { nil, age(state.pruned) } })
  add(lines, "change_log_unread", "gauge", "Changes that a consumer has not read.", unread)
end

-- The headers that proxies add (RFC 7239, RFC 9110, 7.6.3): the request may come from anywhere.
local FORWARDED = { "forwarded", "x-forwarded-for", "via" }

--- Whether a request for the metrics needs an API key. One of this machine does not, unless it came
--- through a proxy.
---@param request commerce.http.Request
---@return boolean
function metrics.needs_key(request)
  for _, name in ipairs(FORWARDED) do
    if request.headers[name] then
      return true
    end
  end
  local address = request.address or ""
  return not (address:find "^127%." or address == "::1" or address == "unix:")
end

--- All metrics.
---@param store commerce.Store
---@param requests table<string, number> the number of answered requests, by HTTP status
---@param now number unix seconds
---@return string? text nil if the store failed
---@return string? message
---@return commerce.Failure? failure
metrics.text = errors.protect(function(store, requests, now)
  local lines, waiting, ages = {}, queues(store, now)
  add(lines, "requests_total", "counter", "Answered requests by HTTP status.",
    requests_by_status(requests))
  add(lines, "pulls", "gauge", "Pulls by status.", pulls(store))
  add(lines, "connection_lag_seconds", "gauge", "Time since the last sync of a connection.",
    lags(store, now))
  add_queue(lines, store, now)
  add_reads(lines, store, now)
  add_change_log(lines, store, now)
  add(lines, "webhooks_waiting", "gauge", "Webhooks that wait to be delivered to a consumer.",
    waiting)
  add(lines, "webhooks_waiting_seconds", "gauge", "Age of the oldest webhook that waits.", ages)
  local counts = store:counts()
  for _, counter in ipairs(COUNTERS) do
    local name, help = counter[1], counter[2]
    add(lines, name .. "_total", "counter", help, { { nil, counts[name] or 0 } })
  end
  return table.concat(lines, "\n") .. "\n"
end)

return metrics
