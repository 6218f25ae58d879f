-- Webhook consumers: who is told of what happens. Methods of a store, part of its contract. Called
-- by the SQL stores; failures are raised as in connection.lua.

local json = require "commerce.json"

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
---@return table[]? consumers as they were added; nil on failure
---@return string? message
---@return commerce.Details? details
function webhook_consumers:webhook_consumers()
  local rows = self.db:all("SELECT * FROM webhook_consumers ORDER BY created, rowid")
  for _, row in ipairs(rows) do
    row.disabled = row.disabled == 1
    row.event_types = json.decode(row.event_types)
    row.company_tags = json.decode(row.company_tags)
  end
  return rows
end

--- Delete a consumer.
---@param id string
---@return boolean? deleted false if there was none; nil on failure
---@return string? message
---@return commerce.Details? details
function webhook_consumers:delete_webhook_consumer(id)
  return self.db:run("DELETE FROM webhook_consumers WHERE id = ?", id) > 0
end

return webhook_consumers
