-- Webhook consumers, events, and the deliveries of events to consumers.

local core = require "commerce.core"
local event_rules = require "commerce.store.event_rules"
local json = require "commerce.base.json"
local tables = require "commerce.store.memory.tables"
local time = require "commerce.base.time"

local outbox = {}

local copy = tables.copy

local function consumers(self)
  return self.db:table "webhook_consumers"
end

local function events(self)
  return self.db:table "webhook_events"
end

local function deliveries(self)
  return self.db:table "webhook_deliveries"
end

local function delivery_key(consumer_id, event)
  return ("%s %d"):format(consumer_id, event)
end

-- ---------------------------------------------------------------- events

local function last_sync_of(self, company_id)
  local last
  for _, row in self.db:table("connections"):each() do
    if row.company_id == company_id and row.last_sync and (not last or row.last_sync > last) then
      last = row.last_sync
    end
  end
  return last
end

local function open_errors(self, connection_id)
  local list = {}
  for _, row in self.db:table("errors", connection_id):each() do
    if not row.resolved then
      list[#list + 1] = row
    end
  end
  return list
end

-- As it is now; later it may be another, or gone. An event about the client is about no company.
local function facts_of(self, given)
  if given.client then
    return { client = given.client }, {}
  end
  local row = given.connection
  local company = given.company or self.db:table("companies"):get(row.company_id)
    or { id = row.company_id }
  local tags = company.tags and json.stored(company.tags) or {}
  local facts = { reason = given.reason, reads = given.reads, since = given.since,
    connection = row, company = { id = company.id, name = company.name,
      description = company.description, created = company.created,
      tags = next(tags) and tags or nil } }
  if given.company then
    facts.company.last_sync = last_sync_of(self, company.id)
  end
  if given.errors then
    facts.errors = given.errors
  elseif row and row.status ~= "Linked" then -- once it is linked, the errors are over
    facts.errors = json.array(open_errors(self, row.id))
  end
  return facts, tags
end

-- Events without deliveries; `forget_webhooks` deletes the others.
local function forget_old(self, seconds)
  local before = event_rules.kept_since(self.db:table("settings"):get(event_rules.RETENTION),
    seconds)
  for number, event in events(self):each() do
    if not before or event.at >= before then
      break
    elseif #deliveries(self):where("event", number) == 0 then
      events(self):remove(number)
    end
  end
end

--- Keep an event with a delivery for each consumer that wants it.
---@param self commerce.MemoryStore the store
---@param type_name string
---@param given commerce.NewEvent
function outbox.append(self, type_name, given)
  local facts, tags = facts_of(self, given)
  local seconds = os.time()
  forget_old(self, seconds)
  local number = self.db:number()
  events(self):put(number, { number = number, id = given.id or core.uuid(), type = type_name,
    at = time.now(), tags = tags, facts = json.encode(facts) })
  for id, consumer in consumers(self):each() do
    if not consumer.disabled and event_rules.wanted(consumer, type_name, tags) then
      deliveries(self):put(delivery_key(id, number), { event = number, consumer_id = id,
        status = "waiting", attempts = 0, due = seconds })
    end
  end
end

function outbox.tell_client(self, id, type_name, facts)
  for _, event in events(self):each() do
    if event.id == id then
      return false
    end
  end
  outbox.append(self, type_name, { client = facts, id = id })
  return true
end

-- ---------------------------------------------------------------- consumers

local CONSUMER = { "id", "url", "disabled", "event_types", "company_tags", "created",
  "failing_since" }

function outbox.add_webhook_consumer(self, consumer, most)
  if consumers(self).size >= most then
    return false
  end
  local row = { busy_until = 0 }
  for _, name in ipairs(CONSUMER) do
    row[name] = copy(consumer[name])
  end
  consumers(self):put(consumer.id, row)
  return true
end

function outbox.webhook_consumers(self)
  local list = {}
  for i, row in ipairs(consumers(self):list()) do
    list[i] = {}
    for _, name in ipairs(CONSUMER) do
      list[i][name] = copy(row[name])
    end
    list[i].disabled = row.disabled == true
  end
  table.sort(list, function(a, b)
    if a.created ~= b.created then
      return a.created < b.created
    end
    return consumers(self).places[a.id] < consumers(self).places[b.id]
  end)
  return list
end

function outbox.disable_webhook_consumer(self, id, disabled)
  local known = consumers(self):get(id) ~= nil
  if known then
    consumers(self):change(id, { disabled = disabled, failing_since = false })
  end
  return known
end

function outbox.delete_webhook_consumer(self, id)
  for _, delivery in ipairs(deliveries(self):where("consumer_id", id)) do
    deliveries(self):remove(delivery_key(id, delivery.event))
  end
  return consumers(self):remove(id)
end

-- ---------------------------------------------------------------- deliveries

-- A time beyond the longest possible one was written by a clock that was ahead.
local function is_over(at, now, longest)
  return at <= now or at > now + longest
end

local function next_delivery(self, now, seconds)
  local first
  for _, delivery in deliveries(self):each() do
    local consumer = consumers(self):get(delivery.consumer_id)
    if delivery.status == "waiting" and not consumer.disabled
      and is_over(delivery.due, now, event_rules.LONGEST_DELAY)
      and is_over(consumer.busy_until, now, 2 * seconds) and (not first or delivery.due < first.due
        or delivery.due == first.due and delivery.event < first.event) then
      first = delivery
    end
  end
  return first
end

function outbox.take_delivery(self, worker, now, seconds)
  local delivery = next_delivery(self, now, seconds)
  if not delivery then
    return nil
  end
  local event = events(self):get(delivery.event)
  local consumer = consumers(self):change(delivery.consumer_id, { busy_by = worker,
    busy_until = now + seconds })
  return { event = delivery.event, consumer_id = delivery.consumer_id, url = consumer.url,
    attempts = delivery.attempts, id = event.id, type = event.type, at = event.at,
    facts = json.stored(event.facts) }
end

local function count(self, name)
  local counters = self.db:table "counters"
  counters:put(name, (counters:get(name) or 0) + 1)
end

-- Since when a consumer has failed, counted from the first failure after the last success. Whether
-- it is disabled now.
local function note_reach(self, id, outcome)
  local consumer = consumers(self):get(id)
  if not consumer then
    return false
  elseif outcome.status == "delivered" then
    consumers(self):change(id, { failing_since = false })
    return false
  end
  local since = consumer.failing_since or outcome.now
  local disabled = not consumer.disabled and since <= outcome.now - outcome.patience
  consumers(self):change(id, { failing_since = since, disabled = consumer.disabled or disabled })
  return disabled
end

function outbox.settle_delivery(self, worker, delivery, outcome)
  local id = delivery.consumer_id
  local key = delivery_key(id, delivery.event)
  local stored, consumer = deliveries(self):get(key), consumers(self):get(id)
  -- a worker that stood still for too long must not overwrite what another one did
  if stored and stored.status == "waiting" and stored.attempts == delivery.attempts then
    deliveries(self):change(key, { status = outcome.status, attempts = stored.attempts + 1,
      due = outcome.due or outcome.now, attempted = outcome.at,
      http_status = outcome.http_status or false, error = outcome.error or false })
  end
  if consumer and consumer.busy_by == worker then
    consumers(self):change(id, { busy_by = false, busy_until = 0 })
  end
  count(self, "webhook_attempts")
  if outcome.status ~= "delivered" then
    count(self, "webhook_attempts_failed")
  end
  if outcome.status == "failed" then
    count(self, "webhooks_given_up")
  end
  local disabled = note_reach(self, id, outcome)
  if disabled then
    count(self, "webhook_consumers_disabled")
  end
  return disabled
end

function outbox.release_consumers(self, worker)
  for id, consumer in consumers(self):each() do
    if consumer.busy_by == worker then
      consumers(self):change(id, { busy_by = false, busy_until = 0 })
    end
  end
  return true
end

function outbox.webhook_senders(self, now)
  local workers, known = {}, {}
  for _, consumer in consumers(self):each() do
    if consumer.busy_until > now and not known[consumer.busy_by] then
      known[consumer.busy_by] = true
      workers[#workers + 1] = consumer.busy_by
    end
  end
  return workers
end

-- ---------------------------------------------------------------- what was told

function outbox.webhook_queues(self)
  local queues = {}
  for id in consumers(self):each() do
    local queue = { waiting = 0, failed = 0 }
    for _, delivery in ipairs(deliveries(self):where("consumer_id", id)) do
      local status = delivery.status
      if queue[status] then
        queue[status] = queue[status] + 1
      end
      local at = events(self):get(delivery.event).at
      if status == "waiting" and (not queue.oldest or at < queue.oldest) then
        queue.oldest = at
      end
    end
    queues[id] = queue
  end
  return queues
end

local function newest_first(a, b)
  return a.number > b.number
end

function outbox.webhook_messages(self, consumer_id, options)
  options = options or {}
  local list = {}
  for _, row in ipairs(deliveries(self):where("consumer_id", consumer_id)) do
    if not options.status or options.status == row.status then
      local event = events(self):get(row.event)
      list[#list + 1] = { number = row.event, id = event.id, type = event.type, at = event.at,
        status = row.status, attempts = row.attempts, due = row.due, attempted = row.attempted,
        http_status = row.http_status, error = row.error }
    end
  end
  table.sort(list, newest_first)
  for i = #list, (options.limit or 100) + 1, -1 do
    list[i] = nil
  end
  return list
end

-- Whether an event is sent again: what was given up, and what happened while the consumer was
-- disabled or before it existed.
local function is_wanted_again(consumer, event, delivery, given)
  if given.id then
    return event.id == given.id
  end
  local status = delivery and delivery.status
  local missing = status ~= "delivered" and status ~= "waiting"
  return event.at >= given.since and (missing or given.all and status ~= "waiting")
    and event_rules.wanted(consumer, event.type, event.tags)
end

function outbox.replay_webhooks(self, consumer_id, given, now)
  local consumer, queued = consumers(self):get(consumer_id), 0
  if not consumer then
    return false
  end
  for number, event in events(self):each() do
    local key = delivery_key(consumer_id, number)
    local delivery = deliveries(self):get(key)
    if is_wanted_again(consumer, event, delivery, given) then
      deliveries(self):put(key, { event = number, consumer_id = consumer_id, status = "waiting",
        attempts = 0, due = now, attempted = delivery and delivery.attempted,
        http_status = delivery and delivery.http_status })
      queued = queued + 1
    end
  end
  return queued
end

function outbox.forget_webhooks(self, date)
  local forgotten = 0
  for number, event in events(self):each() do
    local waits = false
    for _, delivery in ipairs(deliveries(self):where("event", number)) do
      waits = waits or delivery.status == "waiting"
        and not consumers(self):get(delivery.consumer_id).disabled
    end
    if event.at < date and not waits then
      for _, delivery in ipairs(deliveries(self):where("event", number)) do
        deliveries(self):remove(delivery_key(delivery.consumer_id, number))
      end
      events(self):remove(number)
      forgotten = forgotten + 1
    end
  end
  return forgotten
end

return outbox
