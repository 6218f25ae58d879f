-- The outbox: webhook consumers, events that are kept in the transaction of what they tell of, and
-- a delivery for each consumer that wants the event. So nothing is told that did not happen, and
-- nothing that happened is forgotten.
--
-- Any number of workers may deliver. A consumer is served by one worker at a time, which has it for
-- some seconds; what a worker leaves that dies is sent again when they are over.

local core = require "commerce.core"
local event_rules = require "commerce.store.event_rules"
local json = require "commerce.base.json"
local statements = require "commerce.store.sql.statements"
local time = require "commerce.base.time"

local unpack = require("commerce.base.compat").unpack

---@class commerce.sql.Store
local outbox = {}

-- ---------------------------------------------------------------- events

local ERRORS = "SELECT at, status_code, status_text, message FROM connection_errors "
  .. "WHERE connection_id = ? AND resolved IS NULL ORDER BY "

-- As it is now; later it may be another, or gone. An event about the client is about no company.
local function facts_of(db, given)
  if given.client then
    return { client = given.client }, {}
  end
  local row = given.connection
  local company = given.company
    or row and db:all("SELECT * FROM companies WHERE id = ?", row.company_id)[1]
    or { id = row.company_id }
  local tags = company.tags and json.stored(company.tags) or {}
  local facts = { reason = given.reason, reads = given.reads, since = given.since,
    connection = row, company = { id = company.id, name = company.name,
      description = company.description, created = company.created,
      tags = next(tags) and tags or nil } }
  if given.company and company.id then
    facts.company.last_sync = db:all("SELECT max(last_sync) AS at FROM connections "
      .. "WHERE company_id = ?", company.id)[1].at
  end
  if given.errors then
    facts.errors = given.errors
  elseif row and row.status ~= "Linked" then -- what was wrong is over once it is linked
    facts.errors = db:all(ERRORS .. db.dialect.INSERTED, row.id)
  end
  return facts, tags
end

local MOST_FORGOTTEN = 10 -- at a time: more than come, so that a backlog goes, too

-- Deletes old events without deliveries, since it is possible that no worker runs. The worker
-- deletes the events with deliveries.
local function forget_old(db, setting, seconds)
  local before = event_rules.kept_since(setting, seconds)
  if not before then
    return
  end
  db:run("DELETE FROM webhook_events WHERE number IN (SELECT number FROM webhook_events e "
    .. "WHERE at < ? AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event = e.number) "
    .. "ORDER BY at LIMIT " .. MOST_FORGOTTEN .. ")", before)
end

-- Numbers come in the order of commits, as those of changes do: the row is locked until the
-- transaction ends.
local NUMBER = "INSERT INTO event_numbers (name, last) VALUES ('events', 1) "
  .. "ON CONFLICT (name) DO UPDATE SET last = event_numbers.last + 1 RETURNING %s"

--- Keep an event, in the transaction of what it tells of.
---@param db commerce.sql.Database
---@param type_name string "connection.created", …
---@param given commerce.NewEvent
function outbox.append(db, type_name, given)
  local retention = db:ask("SELECT value FROM settings WHERE name = ?", event_rules.RETENTION)
  local facts, tags = facts_of(db, given)
  local now, seconds = time.now(), os.time()
  local setting = retention()[1]
  forget_old(db, setting and setting.value, seconds)
  local number = db:all(NUMBER:format(db.dialect.whole("last", "number")))[1].number
  db:run("INSERT INTO webhook_events (number, id, type, at, tags, facts) "
    .. "VALUES (?, ?, ?, ?, ?, ?)", number, given.id or core.uuid(), type_name, now,
    json.encode(tags), json.encode(facts))
  for _, consumer in ipairs(db:all("SELECT id, event_types, company_tags FROM webhook_consumers "
    .. "WHERE " .. db.dialect.not_true "disabled")) do
    consumer.event_types = json.stored(consumer.event_types)
    consumer.company_tags = json.stored(consumer.company_tags)
    if event_rules.wanted(consumer, type_name, tags) then
      db:run("INSERT INTO webhook_deliveries (event, consumer_id, status, attempts, due) "
        .. "VALUES (?, ?, 'waiting', 0, ?)", number, consumer.id, seconds)
    end
  end
end

function outbox:tell_client(id, type_name, facts)
  local db = self.db
  return db:transaction(function()
    if db:all("SELECT 1 AS found FROM webhook_events WHERE id = ?", id)[1] then
      return false
    end
    outbox.append(db, type_name, { client = facts, id = id })
    return true
  end)
end

-- ---------------------------------------------------------------- delivery

local NEXT = [[
  SELECT %s, d.consumer_id, d.attempts, c.url, e.id, e.type, e.at, e.facts
  FROM webhook_deliveries AS d
  JOIN webhook_consumers AS c ON c.id = d.consumer_id
  JOIN webhook_events AS e ON e.number = d.event
  WHERE d.status = 'waiting' AND (d.due <= ? OR d.due > ?) AND %s
    AND (c.busy_until <= ? OR c.busy_until > ?)
  ORDER BY d.due, d.event LIMIT 1]]

function outbox:take_delivery(worker, now, seconds)
  local db = self.db
  local sql = NEXT:format(db.dialect.whole("d.event", "event"), db.dialect.not_true "c.disabled")
  local times = { now, now + event_rules.LONGEST_DELAY, now, now + 2 * seconds }
  if not db:all(sql, unpack(times))[1] then -- most polls find nothing and need no lock
    return nil
  end
  return db:transaction(function()
    local delivery = db:all(sql, unpack(times))[1]
    if delivery then
      db:run("UPDATE webhook_consumers SET busy_by = ?, busy_until = ? WHERE id = ?", worker,
        now + seconds, delivery.consumer_id)
      delivery.facts = json.stored(delivery.facts)
    end
    return delivery
  end)
end

local function count(db, name)
  db:later(statements.ADD_COUNT, name, 1)
end

-- Since when a consumer has failed, counted from the first failure after the last success.
local function note_reach(db, id, reached, now, patience)
  if reached then
    db:run("UPDATE webhook_consumers SET failing_since = NULL WHERE id = ?", id)
    return false
  end
  db:run("UPDATE webhook_consumers SET failing_since = coalesce(failing_since, ?) WHERE id = ?",
    now + 0.0, id) -- LuaDBI cuts whole numbers to 32 bits
  local dialect = db.dialect
  return db:run(("UPDATE webhook_consumers SET disabled = ? WHERE id = ? AND %s "
    .. "AND failing_since <= ?"):format(dialect.not_true "disabled"), statements.boolean(true), id,
    now - patience) > 0
end

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

function outbox:release_consumers(worker)
  self.db:run("UPDATE webhook_consumers SET busy_by = NULL, busy_until = 0 WHERE busy_by = ?",
    worker)
  return true
end

function outbox:webhook_senders(now)
  local workers = {}
  for i, row in ipairs(self.db:all("SELECT DISTINCT busy_by FROM webhook_consumers "
    .. "WHERE busy_until > ?", now)) do
    workers[i] = row.busy_by
  end
  return workers
end

function outbox:webhook_queues()
  local queues = {}
  for _, row in ipairs(self.db:all("SELECT c.id, "
    .. "sum(CASE WHEN d.status = 'waiting' THEN 1 ELSE 0 END) AS waiting, "
    .. "sum(CASE WHEN d.status = 'failed' THEN 1 ELSE 0 END) AS failed, "
    .. "min(CASE WHEN d.status = 'waiting' THEN e.at END) AS oldest FROM webhook_consumers c "
    .. "LEFT JOIN webhook_deliveries d ON d.consumer_id = c.id AND d.status <> 'delivered' "
    .. "LEFT JOIN webhook_events e ON e.number = d.event GROUP BY c.id")) do
    queues[row.id] = { waiting = row.waiting or 0, failed = row.failed or 0, oldest = row.oldest }
  end
  return queues
end

function outbox:webhook_messages(consumer_id, options)
  options = options or {}
  return self.db:all("SELECT " .. self.db.dialect.whole("e.number", "number") .. ", e.id, e.type, "
    .. "e.at, d.status, d.attempts, d.due, "
    .. "d.attempted, d.http_status, d.error FROM webhook_deliveries d "
    .. "JOIN webhook_events e ON e.number = d.event WHERE d.consumer_id = ? "
    .. "AND d.status = coalesce(?, d.status) ORDER BY d.event DESC LIMIT ?", consumer_id,
    options.status, options.limit or 100)
end

local function consumer_of(db, id)
  local row = db:all("SELECT id, event_types, company_tags FROM webhook_consumers WHERE id = ?",
    id)[1]
  if row then
    row.event_types = json.stored(row.event_types)
    row.company_tags = json.stored(row.company_tags)
  end
  return row
end

-- The events that may be meant, each with what has become of it for the consumer.
local FROM = "SELECT %s, e.type, e.tags, d.status FROM webhook_events e "
  .. "LEFT JOIN webhook_deliveries d ON d.event = e.number AND d.consumer_id = ? WHERE %s "
  .. "ORDER BY e.number"

function outbox:replay_webhooks(consumer_id, given, now)
  local db = self.db
  return db:transaction(function()
    local consumer, queued = consumer_of(db, consumer_id), 0
    if not consumer then
      return false
    end
    for _, event in ipairs(db:all(FROM:format(db.dialect.whole("e.number", "number"),
      given.id and "e.id = ?" or "e.at >= ?"), consumer_id, given.id or given.since)) do
      local missing = event.status ~= "delivered" and event.status ~= "waiting"
      if given.id or (missing or given.all and event.status ~= "waiting")
        and event_rules.wanted(consumer, event.type, json.stored(event.tags)) then
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

local OLD = "SELECT number FROM webhook_events e WHERE at < ? AND NOT EXISTS (SELECT 1 "
  .. "FROM webhook_deliveries d JOIN webhook_consumers c ON c.id = d.consumer_id "
  .. "WHERE d.event = e.number AND d.status = 'waiting' AND %s)"

function outbox:forget_webhooks(date)
  local db = self.db
  local old = OLD:format(db.dialect.not_true "c.disabled")
  if not db:all(old .. " LIMIT 1", date)[1] then
    return 0
  end
  return db:transaction(function()
    db:run("DELETE FROM webhook_deliveries WHERE event IN (" .. old .. ")", date)
    return db:run("DELETE FROM webhook_events WHERE number IN (" .. old .. ")", date)
  end)
end

-- ---------------------------------------------------------------- consumers

function outbox:add_webhook_consumer(consumer, most)
  return self.db:run("INSERT INTO webhook_consumers (id, url, disabled, event_types, company_tags, "
    .. "created) SELECT ?, ?, ?, ?, ?, ? "
    .. "WHERE (SELECT count(*) FROM webhook_consumers) < ?", consumer.id, consumer.url,
    statements.boolean(consumer.disabled == true),
    json.encode(json.array(consumer.event_types)), json.encode(json.array(consumer.company_tags)),
    consumer.created, most) > 0
end

function outbox:webhook_consumers()
  local rows = self.db:all("SELECT id, url, disabled, event_types, company_tags, created, "
    .. "failing_since FROM webhook_consumers ORDER BY created, " .. self.db.dialect.INSERTED)
  for _, row in ipairs(rows) do
    row.disabled = self.db.dialect.to_boolean(row.disabled)
    row.event_types = json.stored(row.event_types)
    row.company_tags = json.stored(row.company_tags)
  end
  return rows
end

function outbox:disable_webhook_consumer(id, disabled)
  return self.db:run("UPDATE webhook_consumers SET disabled = ?, failing_since = NULL "
    .. "WHERE id = ?", statements.boolean(disabled), id) > 0
end

function outbox:delete_webhook_consumer(id)
  local db = self.db
  return db:transaction(function()
    db:run("DELETE FROM webhook_deliveries WHERE consumer_id = ?", id)
    return db:run("DELETE FROM webhook_consumers WHERE id = ?", id) > 0
  end)
end

return outbox
