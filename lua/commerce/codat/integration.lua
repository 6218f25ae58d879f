-- Codat's view of an integration: Stripe (live mode) and Stripe Test.

local integrations = require "commerce.account.integrations"
local json = require "commerce.base.json"
local model = require "commerce.model"
local stripe = require "commerce.stripe"
local url = require "commerce.base.url"

local integration = {}

---@class commerce.codat.IntegrationIds
---@field key string Codat's platformKey, "exgd" or "yzth"
---@field integrationId string
---@field sourceId string

-- Codat's documentation gives the ids of its Stripe integration. Codat does not publish the ids of
-- Stripe Test, so those are this project's own.
local IDS = {
  stripe = { integrationId = "43b64770-a953-46d6-ab30-46c21094a276",
    sourceId = "9a96f326-226a-4e0f-923a-6758fdba40cc" },
  ["stripe-test"] = { integrationId = "5c6f2ab0-3c1e-4d8e-9b77-0f3f1c1d9a21",
    sourceId = "7d0c9e64-15b2-4f0a-8a5e-5be0c2f7a3d8" },
}

--- How Codat identifies an integration.
---@param name string "stripe" or "stripe-test"
---@return commerce.codat.IntegrationIds
function integration.ids(name)
  local ids = IDS[name]
  return { key = stripe.integrations[name].key, integrationId = ids.integrationId,
    sourceId = ids.sourceId }
end

--- Find an integration by Codat's key.
---@param key string
---@return commerce.Integration? found nil if no integration has this key
function integration.with_key(key)
  for _, candidate in pairs(stripe.integrations) do
    if candidate.key == key then
      return candidate
    end
  end
end

-- An inline picture, so that a page does not load one from another server.
local function logo(title)
  return "data:image/svg+xml," .. url.escaped(("<svg xmlns='http://www.w3.org/2000/svg' "
    .. "viewBox='0 0 120 40'><text x='60' y='27' font-family='sans-serif' font-size='20' "
    .. "text-anchor='middle'>%s</text></svg>"):format(title))
end

local function features()
  local mappings, list = stripe.mappings(), json.array {}
  for _, data_type in ipairs(model.types()) do
    if mappings[data_type.name] and not data_type.custom then
      -- Codat's answers have one name, its document the other
      list[#list + 1] = { dataType = data_type.key, datatype = data_type.key,
        supportedFeatures = { { featureType = "Get", featureState = "Release" } } }
    end
  end
  return list
end

--- An integration as Codat's API gives it.
---@param settings commerce.Integration
---@return commerce.codat.View view Codat's Integration
function integration.view(settings)
  local ids = integration.ids(settings.name)
  return { key = ids.key, name = settings.title,
    enabled = integrations.by_consent(settings) or settings.restricted_keys == true,
    integrationId = ids.integrationId, sourceId = ids.sourceId, sourceType = "Commerce",
    logoUrl = logo(settings.title), isOfflineConnector = false, isBeta = false,
    dataProvidedBy = "Stripe", datatypeFeatures = features() }
end

--- An integration's logo and button, as Codat's API gives them.
---@param settings commerce.Integration
---@return commerce.codat.View view Codat's Branding
function integration.branding(settings)
  local image = { image = { src = logo(settings.title), alt = settings.title } }
  return { logo = { full = image, square = image }, button = { default = image, hover = image },
    sourceId = integration.ids(settings.name).sourceId }
end

return integration
