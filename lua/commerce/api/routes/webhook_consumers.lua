-- Webhook consumers: who wants to be told what. Called by api.

local answer = require "commerce.http.response"
local consumers = require "commerce.webhooks.consumers"
local credentials = require "commerce.account.credentials"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local scope = require "commerce.api.scope"

local must = answer.must

local webhooks = {}

local function shown(row)
  return { id = row.id, url = row.url, disabled = row.disabled,
    eventTypes = json.array(row.event_types), companyTags = json.array(row.company_tags) }
end

local function list(context)
  local results = json.array {}
  for i, row in ipairs(must(context.store:webhook_consumers())) do
    results[i] = shown(row)
  end
  return answer.value { results = results }
end

local CREATE = { type = "object", fields = {
  url = { type = "string", required = true, min = 1, max = consumers.LONGEST_URL },
  disabled = { type = "boolean" },
  eventTypes = { type = "array", max = 100, each = { type = "string", max = 100 } },
  companyTags = { type = "array", max = consumers.MOST_TAGS,
    each = { type = "string", max = consumers.LONGEST_TAG } },
} }

-- Its secret is not for the API: Codat shows it to people alone, and so does `commerce webhooks`.
local function create(context)
  local body = input.body(context.request.body, CREATE)
  local master, missing = credentials.master()
  if not master then
    answer.refuse(409, missing)
  end
  local row, message, details = consumers.add(context.store, { url = body.url,
    disabled = body.disabled, event_types = body.eventTypes, company_tags = body.companyTags })
  return answer.value(shown(must(row, message, details)), 201)
end

local function delete(context)
  local id = scope.uuid(context.values.webhookId)
  if not (id and must(consumers.remove(context.store, id))) then
    answer.refuse(404, "No webhook consumer was found with this ID.")
  end
  return answer.nothing(204)
end

--- The routes of the group.
---@return commerce.api.Route[]
function webhooks.routes()
  return {
    { method = "GET", path = "/webhooks", id = "list-webhook-consumers", run = list,
      tag = "Webhooks", summary = "List webhook consumers",
      answer = { status = 200, schema = "WebhookConsumers" } },
    { method = "POST", path = "/webhooks", id = "create-webhook-consumer", run = create,
      tag = "Webhooks", summary = "Create webhook consumer", body = CREATE,
      answer = { status = 201, schema = "WebhookConsumer" }, errors = { 409 } },
    { method = "DELETE", path = "/webhooks/{webhookId}", id = "delete-webhook-consumer",
      run = delete, tag = "Webhooks", summary = "Delete webhook consumer",
      answer = { status = 204 }, errors = { 404 } },
  }
end

return webhooks
