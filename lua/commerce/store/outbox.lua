-- The outbox: what webhook consumers are still to be told, and what they have been told. Methods
-- of a store, part of its contract. Called by the SQL stores; failures are raised as in
-- connection.lua.
--
-- Events get in together with what they tell of (events.lua). Any number of workers may deliver: a
-- consumer is sent to by one at a time, who has it for some seconds; what a worker leaves that dies
-- is sent again when they are over.

local events = require "commerce.store.events"
local json = require "commerce.base.json"

local outbox = {}

local NEXT = [[
  SELECT d.event, d.consumer_id, d.attempts, c.url, e.id, e.type, e.at, e.facts
  FROM webhook_deliveries AS d
  JOIN webhook_consumers AS c ON c.id = d.consumer_id
  JOIN webhook_events AS e ON e.number = d.event
  WHERE d.status = 'waiting' AND d.due <= ? AND c.disabled = 0 AND c.busy_until <= ?
  ORDER BY d.due, d.event LIMIT 1]]

--- Take what is to be sent next, to a consumer that nobody sends to; those that have waited longest
--- come first, each consumer's in their order.
---@param worker string who takes it
---@param now number unix seconds
---@param seconds number how long the consumer is this worker's
---@return table? delivery { event = its number, consumer_id, url, attempts = so far, id, type, at,
---  facts }; nil if there is nothing to send now
---@return string? message
---@return commerce.Details? details
function outbox:take_delivery(worker, now, seconds)
  local db = self.db
  if not db:all(NEXT, now, now)[1] then -- most looks find nothing, and need no lock
    return nil
  end
  return db:transaction(function()
    local delivery = db:all(NEXT, now, now)[1]
    if delivery then
      db:run("UPDATE webhook_consumers SET busy_by = ?, busy_until = ? WHERE id = ?", worker,
        now + seconds, delivery.consumer_id)
      delivery.facts = json.decode(delivery.facts)
    end
    return delivery
  end)
end

local function count(db, name)
  db:run("INSERT INTO counters (name, value) VALUES (?, 1) "
    .. "ON CONFLICT (name) DO UPDATE SET value = value + 1", name)
end

-- Since when a consumer has failed, counted from the first failure after the last success.
local function note_reach(db, id, reached, now, patience)
  if reached then
    db:run("UPDATE webhook_consumers SET failing_since = NULL WHERE id = ?", id)
    return false
  end
  db:run("UPDATE webhook_consumers SET failing_since = coalesce(failing_since, ?) WHERE id = ?",
    now + 0.0, id) -- LuaDBI cuts whole numbers to 32 bits
  return db:run("UPDATE webhook_consumers SET disabled = 1 WHERE id = ? AND disabled = 0 "
    .. "AND failing_since <= ?", id, now - patience) > 0
end

--- Keep what became of an attempt, and let others send to the consumer again.
---@param worker string who took it
---@param delivery table as `take_delivery` gave it
---@param outcome table status: "delivered", "waiting" (until `due`, unix seconds) or "failed" (for
---  good); now: unix seconds; at: the same as a date; http_status?; error?: without secrets;
---  patience: a consumer that nothing has reached for so many seconds is disabled
---@return boolean? disabled whether the consumer is disabled from now on; nil on failure
---@return string? message
---@return commerce.Details? details
function outbox:settle_delivery(worker, delivery, outcome)
  local db = self.db
  return db:transaction(function()
    -- not where a worker that stood still for too long comes after another one
    db:run("UPDATE webhook_deliveries SET status = ?, attempts = attempts + 1, due = ?, "
      .. "attempted = ?, http_status = ?, error = ? WHERE consumer_id = ? AND event = ? "
      .. "AND status = 'waiting' AND attempts = ?",
      outcome.status, outcome.due or outcome.now, outcome.at, outcome.http_status, outcome.error,
      delivery.consumer_id, delivery.event, delivery.attempts)
    db:run("UPDATE webhook_consumers SET busy_by = NULL, busy_until = 0 WHERE id = ? "
      .. "AND busy_by = ?", delivery.consumer_id, worker)
    count(db, "webhook_attempts")
    if outcome.status ~= "delivered" then
      count(db, "webhook_attempts_failed")
    end
    if outcome.status == "failed" then
      count(db, "webhooks_given_up")
    end
    local disabled = note_reach(db, delivery.consumer_id, outcome.status == "delivered",
      outcome.now, outcome.patience)
    if disabled then
      count(db, "webhook_consumers_disabled")
    end
    return disabled
  end)
end

--- Let others send to the consumers that a worker has.
---@param worker string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function outbox:release_consumers(worker)
  self.db:run("UPDATE webhook_consumers SET busy_by = NULL, busy_until = 0 WHERE busy_by = ?",
    worker)
  return true
end

--- Who sends to consumers just now.
---@param now number unix seconds
---@return string[]? workers nil on failure
---@return string? message
---@return commerce.Details? details
function outbox:webhook_senders(now)
  local workers = {}
  for i, row in ipairs(self.db:all("SELECT DISTINCT busy_by FROM webhook_consumers "
    .. "WHERE busy_until > ?", now)) do
    workers[i] = row.busy_by
  end
  return workers
end

--- How much waits for each consumer.
---@return table<string, table>? queues by consumer id: { waiting, failed, oldest = the date of the
---  oldest that waits }; nil on failure
---@return string? message
---@return commerce.Details? details
function outbox:webhook_queues()
  local queues = {}
  for _, row in ipairs(self.db:all("SELECT c.id, sum(d.status = 'waiting') AS waiting, "
    .. "sum(d.status = 'failed') AS failed, "
    .. "min(CASE WHEN d.status = 'waiting' THEN e.at END) AS oldest FROM webhook_consumers c "
    .. "LEFT JOIN webhook_deliveries d ON d.consumer_id = c.id AND d.status <> 'delivered' "
    .. "LEFT JOIN webhook_events e ON e.number = d.event GROUP BY c.id")) do
    queues[row.id] = { waiting = row.waiting or 0, failed = row.failed or 0, oldest = row.oldest }
  end
  return queues
end

--- What a consumer has been, or is to be told, newest first.
---@param consumer_id string
---@param options table? status: only those; limit (100)
---@return table[]? messages { number, id, type, at, status, attempts, due, attempted, http_status,
---  error }; nil on failure
---@return string? message
---@return commerce.Details? details
function outbox:webhook_messages(consumer_id, options)
  options = options or {}
  return self.db:all("SELECT e.number, e.id, e.type, e.at, d.status, d.attempts, d.due, "
    .. "d.attempted, d.http_status, d.error FROM webhook_deliveries d "
    .. "JOIN webhook_events e ON e.number = d.event WHERE d.consumer_id = ? "
    .. "AND d.status = coalesce(?, d.status) ORDER BY d.event DESC LIMIT ?", consumer_id,
    options.status, options.limit or 100)
end

local function consumer_of(db, id)
  local row = db:all("SELECT id, event_types, company_tags FROM webhook_consumers WHERE id = ?",
    id)[1]
  if row then
    row.event_types = json.decode(row.event_types)
    row.company_tags = json.decode(row.company_tags)
  end
  return row
end

-- The events that may be meant, each with what has become of it for the consumer.
local FROM = "SELECT e.number, e.type, e.tags, d.status FROM webhook_events e "
  .. "LEFT JOIN webhook_deliveries d ON d.event = e.number AND d.consumer_id = ? WHERE %s "
  .. "ORDER BY e.number"

--- Send again, from the first attempt on, what a consumer wants and has not got: what was given up,
--- and what happened while it was disabled, or before there was the consumer.
---@param consumer_id string
---@param given table id: of one event, which is sent whatever became of it; or since: a date; all =
---  true: what it has got, too
---@param now number unix seconds
---@return integer|false|nil count how many wait now for this; false if there is no such consumer;
---  nil on failure
---@return string? message
---@return commerce.Details? details
function outbox:replay_webhooks(consumer_id, given, now)
  local db = self.db
  return db:transaction(function()
    local consumer, queued = consumer_of(db, consumer_id), 0
    if not consumer then
      return false
    end
    for _, event in ipairs(db:all(FROM:format(given.id and "e.id = ?" or "e.at >= ?"), consumer_id,
      given.id or given.since)) do
      local missing = event.status ~= "delivered" and event.status ~= "waiting"
      if given.id or (missing or given.all and event.status ~= "waiting")
        and events.wanted(consumer, event.type, json.decode(event.tags)) then
        db:run("INSERT INTO webhook_deliveries (event, consumer_id, status, attempts, due) "
          .. "VALUES (?, ?, 'waiting', 0, ?) ON CONFLICT (consumer_id, event) DO UPDATE SET "
          .. "status = 'waiting', attempts = 0, due = excluded.due, error = NULL", event.number,
          consumer_id, now)
        queued = queued + 1
      end
    end
    return queued
  end)
end

--- Forget events from before a date that no enabled consumer waits for. (Those that nobody was ever
--- to be told go by themselves.)
---@param date string
---@return integer? forgotten nil on failure
---@return string? message
---@return commerce.Details? details
function outbox:forget_webhooks(date)
  local db = self.db
  local OLD = "SELECT number FROM webhook_events e WHERE at < ? AND NOT EXISTS (SELECT 1 "
    .. "FROM webhook_deliveries d JOIN webhook_consumers c ON c.id = d.consumer_id "
    .. "WHERE d.event = e.number AND d.status = 'waiting' AND c.disabled = 0)"
  if not db:all(OLD .. " LIMIT 1", date)[1] then
    return 0
  end
  return db:transaction(function()
    db:run("DELETE FROM webhook_deliveries WHERE event IN (" .. OLD .. ")", date)
    return db:run("DELETE FROM webhook_events WHERE number IN (" .. OLD .. ")", date)
  end)
end

return outbox
