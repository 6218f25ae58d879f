-- Webhook consumers: who is told of what happens. Methods of a store, part of its contract. Called
-- by the SQL stores; failures are raised as in connection.lua.

local json = require "commerce.base.json"

local webhook_consumers = {}

--- Keep a consumer, unless there are too many.
---@param consumer table { id, url, disabled, event_types: list of texts, company_tags: list of
---  texts, created }
---@param most integer how many there may be, this one included
---@return boolean? kept false if there were too many; nil on failure
---@return string? message
---@return commerce.Details? details
function webhook_consumers:add_webhook_consumer(consumer, most)
  return self.db:run("INSERT INTO webhook_consumers (id, url, disabled, event_types, company_tags, "
    .. "created) SELECT ?, ?, ?, ?, ?, ? "
    .. "WHERE (SELECT count(*) FROM webhook_consumers) < ?", consumer.id, consumer.url,
    consumer.disabled and 1 or 0, json.encode(json.array(consumer.event_types)),
    json.encode(json.array(consumer.company_tags)), consumer.created, most) > 0
end

--- All consumers, oldest first.
---@return table[]? consumers as they were added, and failing_since: unix seconds, since when
---  nothing has reached it; nil on failure
---@return string? message
---@return commerce.Details? details
function webhook_consumers:webhook_consumers()
  local rows = self.db:all("SELECT id, url, disabled, event_types, company_tags, created, "
    .. "failing_since FROM webhook_consumers ORDER BY created, rowid")
  for _, row in ipairs(rows) do
    row.disabled = row.disabled == 1
    row.event_types = json.decode(row.event_types)
    row.company_tags = json.decode(row.company_tags)
  end
  return rows
end

--- Enable a consumer, or disable it. What waits for it is kept, and sent when it is enabled; what
--- happens while it is disabled is not kept for it (see `replay_webhooks`).
---@param id string
---@param disabled boolean
---@return boolean? changed false if there is none; nil on failure
---@return string? message
---@return commerce.Details? details
function webhook_consumers:disable_webhook_consumer(id, disabled)
  return self.db:run("UPDATE webhook_consumers SET disabled = ?, failing_since = NULL "
    .. "WHERE id = ?", disabled and 1 or 0, id) > 0
end

--- Delete a consumer, and what waits for it.
---@param id string
---@return boolean? deleted false if there was none; nil on failure
---@return string? message
---@return commerce.Details? details
function webhook_consumers:delete_webhook_consumer(id)
  local db = self.db
  return db:transaction(function()
    db:run("DELETE FROM webhook_deliveries WHERE consumer_id = ?", id)
    return db:run("DELETE FROM webhook_consumers WHERE id = ?", id) > 0
  end)
end

return webhook_consumers
