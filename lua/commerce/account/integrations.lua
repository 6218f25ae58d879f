-- The operator's settings of the integrations, Stripe and Stripe Test: each has the client id and
-- the secret key of a Connect platform.

local apps = require "commerce.account.apps"
local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local stripe = require "commerce.stripe"
local tables = require "commerce.base.tables"
local webhook_secrets = require "commerce.account.webhook_secrets"

local integrations = {}

---@class commerce.Integration
---@field name "stripe"|"stripe-test"
---@field key string Codat's name for it
---@field title string the display name
---@field mode "test"|"live"
---@field client_id string? the platform's, "ca_…"
---@field has_secret_key boolean `integrations.secret_key` gives the key itself
---@field scope "read_only"|"read_write" the access that merchants are asked for
---@field sync_on_link "once"|"continuous" whether the data is read once or continuously
---@field redirect_uri string? the address that Stripe sends merchants back to: one of those in the
---  platform's settings at Stripe (default: the first of them)
---@field enabled boolean whether merchants may link with it by Stripe Connect
---@field restricted_keys boolean whether merchants may link by a restricted key on the Link pages
---@field app commerce.StripeApp? the operator's Stripe App
---@field webhook_secrets commerce.WebhookSecret[] its webhooks' signing secrets, by id only

local ORDER = { "stripe", "stripe-test" }

-- Codat's integration asks for read_only unless the operator changes it.
local DEFAULTS = { scope = "read_only", sync_on_link = "continuous", enabled = false,
  has_secret_key = false, restricted_keys = false }

local CHOICES = {
  scope = { read_only = true, read_write = true },
  sync_on_link = { once = true, continuous = true },
}

---@class commerce.IntegrationOptions what is left out is not changed
---@field client_id string?
---@field secret_key string|commerce.core.Secret|nil of the integration's mode
---@field scope "read_only"|"read_write"|nil
---@field sync_on_link "once"|"continuous"|nil
---@field redirect_uri string? exactly as in the platform's settings at Stripe
---@field enabled boolean? needs client id and secret key
---@field restricted_keys boolean? whether the Link pages take a merchant's restricted key

local OPTIONS = { client_id = "string", secret_key = "any", scope = "string",
  sync_on_link = "string", redirect_uri = "string", enabled = "boolean",
  restricted_keys = "boolean" }

local function owner_of(name)
  return "integration:" .. name
end

local function facts_of(name, row)
  local known = stripe.integrations[name]
  return tables.merged({ name = name, key = known.key, title = known.title, mode = known.mode },
    DEFAULTS, row or {})
end

--- All integrations, whether they were set up or not.
---@param store commerce.Store
---@return commerce.Integration[] list
function integrations.list(store)
  local rows = store:integrations()
  local list = {}
  for i, name in ipairs(ORDER) do
    list[i] = facts_of(name, rows[name])
    list[i].app = apps.find(store, name)
    list[i].webhook_secrets = webhook_secrets.list(store, name)
  end
  return list
end

--- An integration by its name or key.
---@param store commerce.Store
---@param name string its name, or Codat's key
---@return commerce.Integration integration
function integrations.find(store, name)
  for _, integration in ipairs(integrations.list(store)) do
    if integration.name == name or integration.key == name then
      return integration
    end
  end
  errors.throw("usage", ("integration '%s' does not exist; use %s")
    :format(core.scrub(tostring(name)), table.concat(ORDER, " or ")))
end

--- Whether merchants may link with an integration at Stripe: by its Stripe App, or by Connect.
---@param integration commerce.Integration
---@return boolean
function integrations.by_consent(integration)
  return integration.enabled or integration.app ~= nil and integration.app.enabled
end

local function check_texts(options)
  for field, allowed in pairs(CHOICES) do
    local value = options[field]
    if value and not allowed[value] then
      errors.throw("usage", ("%s '%s': expected %s"):format(field, core.scrub(value),
        table.concat(ascii.keys(allowed), " or ")))
    end
  end
  -- the message must not repeat the value: it may be the secret key, put into the wrong field
  if options.client_id and not options.client_id:find("^ca_%w+$") then
    errors.throw("usage", "this is not a client id: one starts with ca_ (Stripe's dashboard, "
      .. "Settings, Connect, Onboarding options, OAuth)")
  end
end

--- Check an address that Stripe is to send merchants back to: https, and in test mode http as well
--- (Stripe's reference, "GET /oauth/authorize").
---@param integration commerce.Integration
---@param uri string
function integrations.check_redirect_uri(integration, uri)
  local scheme = uri:match("^(https?)://[^%s/?#]+[^%s#]*$")
  if scheme ~= "https" and not (scheme == "http" and integration.mode == "test") then
    errors.throw("usage", ("redirect URI '%s': expected an address (https://...%s) without a "
      .. "fragment"):format(core.scrub(uri), integration.mode == "test" and ", http://..." or ""))
  end
end

-- The sealed key as a row for the store.
local function sealed_key(name, given)
  local key = type(given) == "string" and errors.must(core.secret(given)) or given
  stripe.integration_of(key, name)
  return credentials.seal(owner_of(name), key)
end

--- Set up an integration. Options that are left out are not changed. Stores all or nothing.
---@param store commerce.Store
---@param name string its name, or Codat's key
---@param options commerce.IntegrationOptions
---@return commerce.Integration integration as it is now
function integrations.set(store, name, options)
  errors.check_options(options, OPTIONS, 4)
  local integration = integrations.find(store, name)
  check_texts(options)
  if options.redirect_uri then
    integrations.check_redirect_uri(integration, options.redirect_uri)
  end
  local secret = options.secret_key and sealed_key(integration.name, options.secret_key) or nil
  for _, field in ipairs { "client_id", "scope", "sync_on_link", "redirect_uri", "enabled",
    "restricted_keys" } do
    if options[field] ~= nil then
      integration[field] = options[field]
    end
  end
  integration.has_secret_key = integration.has_secret_key or secret ~= nil
  if integration.enabled and not (integration.client_id and integration.has_secret_key) then
    errors.throw("usage", ("%s cannot be enabled: its %s is not set"):format(
      integration.title, integration.client_id and "secret key" or "client id"))
  end
  store:save_integration(integration, secret)
  return integration
end

--- Store another signing secret of an integration's webhooks.
---@param store commerce.Store
---@param name string its name, or Codat's key
---@param secret commerce.core.Secret|string "whsec_…"
---@param options { account: string? }? the account ("acct_…") that the endpoint belongs to; left
---  out: it is a Connect endpoint
---@return commerce.WebhookSecret kept
function integrations.add_webhook_secret(store, name, secret, options)
  options = options or {}
  errors.check_options(options, { account = "string" }, 4)
  local integration = integrations.find(store, name)
  return webhook_secrets.add(store, integration.name, secret, options.account)
end

--- Delete a signing secret of an integration's webhooks.
---@param store commerce.Store
---@param name string its name, or Codat's key
---@param id string as `webhook_secrets` of the integration has it
---@return boolean ok raises if there is no secret with this id
function integrations.remove_webhook_secret(store, name, id)
  local integration = integrations.find(store, name)
  return webhook_secrets.remove(store, integration.name, id)
end

--- The platform's secret key of an integration.
---@param store commerce.Store
---@param name string the integration's name
---@return commerce.core.Secret key raises if it is not set
function integrations.secret_key(store, name)
  local key = credentials.open(store, owner_of(name))
  if not key then
    errors.throw("usage", ("%s has no secret key: set one with `commerce integrations set`")
      :format(stripe.integrations[name].title))
  end
  return key
end

--- The organisation's key that is stored as an integration's secret key.
---@param store commerce.Store
---@param name string the integration's name
---@return commerce.core.Secret? key nil if none is stored, or one that is not an organisation's;
---  the caller must close it
function integrations.organisation_key(store, name)
  local key = credentials.open(store, owner_of(name))
  if key and not stripe.is_organisation(key) then
    key:close()
    return nil
  end
  return key
end

return integrations
