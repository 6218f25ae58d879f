-- What there is to watch, in Prometheus' text format. Called by openresty.

local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local metrics = {}

local STATUSES = { "Queued", "Fetching", "Complete", "FetchError", "MapError", "InternalError",
  "AuthError", "RateLimitError", "PermissionsError", "Cancelled", "NotSupported" }

local COUNTERS = {
  stripe_requests = "Requests sent to Stripe by syncs.",
  stripe_rate_limited = "Answers of Stripe that said too fast (429).",
  syncs = "Syncs that workers have done.",
  syncs_failed = "Syncs of which some data type failed.",
  webhook_attempts = "Attempts to deliver a webhook.",
  webhook_attempts_failed = "Attempts to deliver a webhook that failed.",
  webhooks_given_up = "Webhooks given up after the last attempt.",
  webhook_consumers_disabled = "Webhook consumers disabled since nothing reached them.",
}

local function add(lines, name, kind, help, samples)
  lines[#lines + 1] = ("# HELP commerce_%s %s"):format(name, help)
  lines[#lines + 1] = ("# TYPE commerce_%s %s"):format(name, kind)
  for _, sample in ipairs(samples) do
    lines[#lines + 1] = ("commerce_%s%s %s"):format(name, sample[1] and "{" .. sample[1] .. "}"
      or "", ("%.14g"):format(sample[2]))
  end
end

local function label(name, value)
  return ('%s="%s"'):format(name, tostring(value):gsub('[\\"\n]', "\\%0"))
end

local function pulls(store)
  local counts, message, details = store:pull_counts(STATUSES)
  if not counts then
    return nil, message, details
  end
  local samples = {}
  for _, status in ipairs(STATUSES) do
    samples[#samples + 1] = { label("status", status), counts[status] or 0 }
  end
  return samples
end

-- How old the data of each connection is that can be synced.
local function lags(store, now)
  local rows, message, details = store:connections { status = "Linked" }
  if not rows then
    return nil, message, details
  end
  local samples = {}
  for _, row in ipairs(rows) do
    local synced = row.last_sync or row.linked or row.created
    samples[#samples + 1] = { label("connection", row.id), now - time.parse(synced) }
  end
  return samples
end

-- How much waits for each webhook consumer, and since when.
local function queues(store, now)
  local found, message, details = {}, nil, nil
  if not (store.lacking or {}).outbox then
    found, message, details = store:webhook_queues()
  end
  if not found then
    return nil, message, details
  end
  local waiting, ages = {}, {}
  for id, queue in pairs(found) do
    waiting[#waiting + 1] = { label("consumer", id), queue.waiting }
    ages[#ages + 1] = { label("consumer", id),
      queue.oldest and math.max(now - time.parse(queue.oldest), 0) or 0 }
  end
  return { waiting = waiting, ages = ages }
end

--- Everything there is to watch.
---@param store commerce.Store
---@param requests table<string, number> requests answered, by status
---@param now number unix seconds
---@return string? text nil if the store failed
---@return string? message
---@return commerce.Details? details
local function text(store, requests, now)
  local lines, samples = {}, {}
  for status, count in pairs(requests) do
    samples[#samples + 1] = { label("status", status), count }
  end
  table.sort(samples, function(a, b)
    return a[1] < b[1]
  end)
  add(lines, "requests_total", "counter", "Requests answered, by HTTP status.", samples)
  local message, details, counts
  samples, message, details = pulls(store)
  if samples then
    add(lines, "pulls", "gauge", "Pulls by status.", samples)
    samples, message, details = lags(store, now)
  end
  if samples then
    add(lines, "connection_lag_seconds", "gauge", "Time since the last sync of a connection.",
      samples)
    samples, message, details = queues(store, now)
  end
  if samples then
    add(lines, "webhooks_waiting", "gauge", "Webhooks that wait for a consumer.", samples.waiting)
    add(lines, "webhooks_waiting_seconds", "gauge", "Age of the oldest webhook that waits.",
      samples.ages)
    counts, message, details = store:counts()
  end
  if not counts then
    return nil, message, details
  end
  local names = {}
  for name in pairs(COUNTERS) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    add(lines, name .. "_total", "counter", COUNTERS[name], { { nil, counts[name] or 0 } })
  end
  return table.concat(lines, "\n") .. "\n"
end

metrics.text = errors.protect(text)

return metrics
