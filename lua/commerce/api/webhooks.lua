-- Webhook consumers: who wants to be told what. Called by api.

local answer = require "commerce.api.answer"
local core = require "commerce.core"
local input = require "commerce.api.input"
local json = require "commerce.json"
local scope = require "commerce.api.scope"
local time = require "commerce.time"

local must = answer.must

local webhooks = {}

local MOST_CONSUMERS, MOST_TAGS, LONGEST_TAG = 50, 10, 128 -- Codat's limits

-- Codat's event types; only those that can happen here are ever sent.
local EVENTS = {}
for _, name in ipairs { "company.created", "company.deleted", "company.product.added",
  "company.product.removed", "connection.created", "connection.connected",
  "connection.disconnected", "connection.reconnected", "connection.failed", "connection.deleted",
  "read.completed", "read.completed.initial", "client.rateLimit.reached",
  "client.rateLimit.reset" } do
  EVENTS[name] = true
end

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
  url = { type = "string", required = true, min = 1, max = 2000 },
  disabled = { type = "boolean" },
  eventTypes = { type = "array", max = 100, each = { type = "string", max = 100 } },
  companyTags = { type = "array", max = MOST_TAGS,
    each = { type = "string", max = LONGEST_TAG } },
} }

local function on_this_machine(host)
  local name = host:gsub(":%d+$", "")
  return name == "localhost" or name:find "^127%.%d+%.%d+%.%d+$" ~= nil
end

local function check_url(url)
  local scheme, rest = url:match "^(https?)://([%w%-%._~:/%?#%[%]@!%$&'%(%)%*%+,;=%%]+)$"
  local host = rest and rest:match "^([^/%?#]*)"
  if not host or host == "" or host:find("@", 1, true) then
    answer.refuse(400, "url must be an address such as https://example.com/webhooks, without user "
      .. "and password.")
  elseif scheme == "http" and not on_this_machine(host) then
    answer.refuse(400, "url must be https; http is for this machine alone.")
  end
end

local function check_events(types)
  for _, name in ipairs(types) do
    -- writes do not exist here; who asks for them is told nothing, as Codat does for this source
    if not EVENTS[name] and not name:find "^[%w%-%*]+%.write%.%a+$" then
      answer.refuse(400, ("eventTypes: '%s' is no event type."):format(name))
    end
  end
end

local function create(context)
  local body = input.body(context.request.body, CREATE)
  check_url(body.url)
  check_events(body.eventTypes or {})
  for _, tag in ipairs(body.companyTags or {}) do
    if not tag:find "^[^:]+:." then
      answer.refuse(400, ("companyTags: '%s' is not of the form name:value."):format(tag))
    end
  end
  local row = { id = core.uuid(), url = body.url, disabled = body.disabled == true,
    event_types = body.eventTypes or {}, company_tags = body.companyTags or {},
    created = time.now() }
  if not must(context.store:add_webhook_consumer(row, MOST_CONSUMERS)) then
    answer.refuse(409, ("There are %d webhook consumers already; delete one first.")
      :format(MOST_CONSUMERS))
  end
  return answer.value(shown(row), 201)
end

local function delete(context)
  local id = scope.uuid(context.values.webhookId)
  if not (id and must(context.store:delete_webhook_consumer(id))) then
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
