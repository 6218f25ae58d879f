-- Routes: webhook consumers, the addresses that webhooks are sent to.

local auth = require "commerce.http.auth"
local consumers = require "commerce.webhooks.consumers"
local json = require "commerce.base.json"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local time = require "commerce.base.time"

local function view(row)
  return { id = row.id, url = row.url, disabled = row.disabled,
    eventTypes = json.array(row.event_types), companyTags = json.array(row.company_tags) }
end

local function list(context)
  local results = json.array {}
  for i, row in ipairs(context.store:webhook_consumers()) do
    results[i] = view(row)
  end
  return response.value { results = results }
end

local CREATE = { type = "object", fields = {
  url = { type = "string", required = true, min = 1, max = consumers.LONGEST_URL },
  disabled = { type = "boolean" },
  eventTypes = { type = "array", max = 100, each = { type = "string", max = 100 } },
  companyTags = { type = "array", max = consumers.MOST_TAGS,
    each = { type = "string", max = consumers.LONGEST_TAG } },
} }

-- The answer does not have the secret. As at Codat, people read it elsewhere: in the output of
-- `commerce webhooks`.
local function create(context)
  local body = context:body(CREATE)
  scope.check_master_key()
  local row = consumers.add(context.store, { url = body.url,
    disabled = body.disabled, event_types = body.eventTypes, company_tags = body.companyTags })
  return response.value(view(row), 201)
end

local ZAPIER = "Zapier integration key"

-- The key for Zapier is a read-only API key, of which there is one: another call replaces it.
local function rotate_zapier_key(context)
  for _, row in ipairs(context.store:api_keys()) do
    if row.name == ZAPIER and row.read_only then
      context.store:delete_api_key(row.id, time.now())
    end
  end
  return response.value({ key = auth.create(context.store, { name = ZAPIER,
    read_only = true }).key }, 201)
end

local function delete(context)
  local id = context:uuid "webhookId"
  if not (id and consumers.remove(context.store, id)) then
    response.refuse(404, "No webhook consumer was found with this ID.")
  end
  return response.nothing(204)
end

---@type commerce.api.Route[]
return {
  { method = "GET", path = "/webhooks", id = "list-webhook-consumers", run = list,
    tag = "Webhooks", summary = "List webhook consumers",
    answer = { status = 200, schema = "WebhookConsumers" } },
  { method = "POST", path = "/webhooks", id = "create-webhook-consumer", audit = "webhook.create",
    run = create,
    tag = "Webhooks", summary = "Create webhook consumer", body = CREATE,
    answer = { status = 201, schema = "WebhookConsumer" }, conflict = 400 },
  { method = "POST", path = "/webhooks/integrationKeys/zapier", id = "rotate-zapier-key",
    run = rotate_zapier_key, tag = "Webhooks", summary = "Create key for Zapier integration",
    answer = { status = 201, schema = "ZapierKey" }, errors = { 403 }, conflict = 403 },
  { method = "DELETE", path = "/webhooks/{webhookId}",
    id = "delete-webhook-consumer", audit = "webhook.delete",
    run = delete, tag = "Webhooks", summary = "Delete webhook consumer",
    answer = { status = 204 }, errors = { 404 } },
}
