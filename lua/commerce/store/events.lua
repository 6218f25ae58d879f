-- What webhooks tell of: each event is kept in the transaction of what has happened, with a
-- delivery for each consumer that wants it. So nothing is told that did not happen, and nothing
-- that happened is forgotten. Called by the parts of the SQL stores that change what is told of.

local core = require "commerce.core"
local json = require "commerce.base.json"
local time = require "commerce.base.time"

local events = {}

--- How long events are kept, so that who missed them can be told yet: seconds.
events.KEPT = 30 * 86400

local function set_of(list)
  local set = {}
  for _, item in ipairs(list) do
    set[item] = true
  end
  return set
end

--- Whether a consumer is to be told of an event.
---@param consumer table event_types, company_tags: lists; an empty one asks for everything
---@param type_name string the event's
---@param tags table<string, string> of the company that it is about
---@return boolean
function events.wanted(consumer, type_name, tags)
  if #consumer.event_types > 0 and not set_of(consumer.event_types)[type_name] then
    return false
  elseif #consumer.company_tags == 0 then
    return true
  end
  for _, tag in ipairs(consumer.company_tags) do
    local name, value = tag:match "^([^:]*):(.*)$"
    if tags[name] == value and value then
      return true -- one that fits is enough
    end
  end
  return false
end

local ERRORS = "SELECT at, status_code, status_text, message FROM connection_errors "
  .. "WHERE connection_id = ? AND resolved IS NULL ORDER BY rowid"

-- As it is now; later it may be another, or gone.
local function facts_of(db, given)
  local row = given.connection
  local company = given.company
    or row and db:all("SELECT * FROM companies WHERE id = ?", row.company_id)[1]
    or { id = row.company_id }
  local tags = company.tags and json.decode(company.tags) or {}
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
    facts.errors = db:all(ERRORS, row.id)
  end
  return facts, tags
end

local MOST_FORGOTTEN = 10 -- at a time: more than come, so that a backlog goes, too

-- Where no worker runs, old ones must go as well. What somebody was told is tidied by who tells.
local function forget_old(db, seconds)
  db:run("DELETE FROM webhook_events WHERE number IN (SELECT number FROM webhook_events e "
    .. "WHERE at < ? AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event = e.number) "
    .. "ORDER BY at LIMIT " .. MOST_FORGOTTEN .. ")", time.format(seconds - events.KEPT))
end

--- Keep an event, in the transaction of what it tells of.
---@param db table see connection.lua
---@param type_name string "connection.created", …
---@param given table company or connection: a row of the store; reason: why; errors: a
---  connection's, if not those that the store has; reads: { data_type, status, modified,
---  message }; since: when all that was read had been read before
function events.append(db, type_name, given)
  local facts, tags = facts_of(db, given)
  local now, seconds = time.now(), os.time()
  forget_old(db, seconds)
  db:run("INSERT INTO webhook_events (id, type, at, tags, facts) VALUES (?, ?, ?, ?, ?)",
    core.uuid(), type_name, now, json.encode(tags), json.encode(facts))
  local number = db:all "SELECT last_insert_rowid() AS number"[1].number
  for _, consumer in ipairs(db:all("SELECT id, event_types, company_tags FROM webhook_consumers "
    .. "WHERE disabled = 0")) do
    consumer.event_types = json.decode(consumer.event_types)
    consumer.company_tags = json.decode(consumer.company_tags)
    if events.wanted(consumer, type_name, tags) then
      db:run("INSERT INTO webhook_deliveries (event, consumer_id, status, attempts, due) "
        .. "VALUES (?, ?, 'waiting', 0, ?)", number, consumer.id, seconds)
    end
  end
end

return events
