-- Routes: the integrations, Stripe and Stripe Test.

local errors = require "commerce.base.errors"
local integration = require "commerce.codat.integration"
local page = require "commerce.api.page"
local query = require "commerce.query"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"

local must = errors.must

local DATASET = query.dataset("Integration", { key = "string", name = "string",
  enabled = "boolean", integrationId = "string", sourceId = "string", sourceType = "enum",
  isOfflineConnector = "boolean", isBeta = "boolean", dataProvidedBy = "string" })

local function list(context)
  local asked, views = page.filtered(context, DATASET), {}
  for i, settings in ipairs(must(context.app:integrations())) do
    views[i] = integration.view(settings)
  end
  return page.of_values(context, asked, views)
end

local function one(context)
  return response.value(integration.view(scope.integration(context)))
end

local function branding(context)
  return response.value(integration.branding(scope.integration(context)))
end

---@type commerce.api.Route[]
return {
  { method = "GET", path = "/integrations", id = "list-integrations", run = list,
    tag = "Integrations", summary = "List integrations", paged = true,
    answer = { status = 200, list = "Integration" }, errors = { 400 }, embedded = true },
  { method = "GET", path = "/integrations/{platformKey}", id = "get-integration", run = one,
    tag = "Integrations", summary = "Get integration",
    answer = { status = 200, schema = "Integration" }, errors = { 404 },
    embedded = true },
  { method = "GET", path = "/integrations/{platformKey}/branding",
    id = "get-integrations-branding", run = branding, tag = "Integrations",
    summary = "Get branding for an integration", answer = { status = 200, schema = "Branding" },
    errors = { 404 }, embedded = true },
}
