-- The integrations: Stripe and Stripe Test, as Codat's API calls them. Called by api and the groups
-- that name a connection's integration.

local answer = require "commerce.http.response"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local model = require "commerce.model"
local page = require "commerce.api.page"
local query = require "commerce.query"
local scope = require "commerce.api.scope"
local stripe = require "commerce.stripe"

local must = answer.must

local integrations = {}

-- What Codat's documentation says of its Stripe integration. It publishes no ids of Stripe Test;
-- those are ours.
local IDS = {
  stripe = { integrationId = "43b64770-a953-46d6-ab30-46c21094a276",
    sourceId = "9a96f326-226a-4e0f-923a-6758fdba40cc" },
  ["stripe-test"] = { integrationId = "5c6f2ab0-3c1e-4d8e-9b77-0f3f1c1d9a21",
    sourceId = "7d0c9e64-15b2-4f0a-8a5e-5be0c2f7a3d8" },
}

--- What a connection's or a list's entry says of its integration.
---@param name string "stripe" or "stripe-test"
---@return table facts { key, integrationId, sourceId }
function integrations.facts(name)
  local ids = IDS[name]
  return { key = stripe.integrations[name].key, integrationId = ids.integrationId,
    sourceId = ids.sourceId }
end

--- The integration with one of Codat's keys.
---@param key string
---@return string? name nil if there is none
function integrations.name_of(key)
  for name, facts in pairs(stripe.integrations) do
    if facts.key == key then
      return name
    end
  end
end

-- A picture of our own making, so that no page asks another server for one.
local function logo(title)
  return "data:image/svg+xml," .. ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 120 40'>"
    .. "<text x='60' y='27' font-family='sans-serif' font-size='20' text-anchor='middle'>%s</text>"
    .. "</svg>"):format(title):gsub("[^%w%-%._~]", function(char)
      return ("%%%02X"):format(char:byte())
    end)
end

local function shown(context, integration)
  local facts, features = integrations.facts(integration.name), json.array {}
  for _, data_type in ipairs(model.types()) do
    if context.mappings[data_type.name] then
      features[#features + 1] = { dataType = data_type.key, supportedFeatures = {
        { featureType = "Get", featureState = "Release" } } }
    end
  end
  return { key = facts.key, name = integration.title, enabled = integration.enabled,
    integrationId = facts.integrationId, sourceId = facts.sourceId, sourceType = "Commerce",
    logoUrl = logo(integration.title), isOfflineConnector = false, isBeta = false,
    dataProvidedBy = "Stripe", datatypeFeatures = features }
end

local DATASET = query.dataset("Integration", { key = "string", name = "string",
  enabled = "boolean", integrationId = "string", sourceId = "string", sourceType = "enum",
  isOfflineConnector = "boolean", isBeta = "boolean", dataProvidedBy = "string" })

local function list(context)
  local asked, filter = input.page(context.parameters), scope.filter(context, DATASET)
  local values = {}
  for i, integration in ipairs(must(context.app:integrations())) do
    values[i] = shown(context, integration)
  end
  local found = must(context.store:find_values(values, { query = filter.query,
    order_by = filter.order_by, limit = asked.size, offset = asked.offset }))
  return page.answer(context, asked, found.rows, found.total)
end

local function integration_of(context)
  local key = context.values.platformKey
  for _, integration in ipairs(must(context.app:integrations())) do
    if integration.key == key then
      return integration
    end
  end
  answer.refuse(404, ("No integration was found with the key %s"):format(key:sub(1, 100)))
end

local function one(context)
  return answer.value(shown(context, integration_of(context)))
end

local function branding(context)
  local integration = integration_of(context)
  local image = { image = { src = logo(integration.title), alt = integration.title } }
  return answer.value { logo = { full = image, square = image },
    button = { default = image, hover = image },
    sourceId = integrations.facts(integration.name).sourceId }
end

--- The routes of the group.
---@return commerce.api.Route[]
function integrations.routes()
  return {
    { method = "GET", path = "/integrations", id = "list-integrations", run = list,
      tag = "Integrations", summary = "List integrations", paged = true,
      answer = { status = 200, list = "Integration" }, errors = { 400 } },
    { method = "GET", path = "/integrations/{platformKey}", id = "get-integration", run = one,
      tag = "Integrations", summary = "Get integration",
      answer = { status = 200, schema = "Integration" }, errors = { 404 } },
    { method = "GET", path = "/integrations/{platformKey}/branding",
      id = "get-integrations-branding", run = branding, tag = "Integrations",
      summary = "Get branding for an integration", answer = { status = 200, schema = "Branding" },
      errors = { 404 } },
  }
end

return integrations
