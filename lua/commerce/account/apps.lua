-- The operator's Stripe App of an integration: its client id, the developer's key and the install
-- link.

local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local stripe = require "commerce.stripe"
local stripe_apps = require "commerce.stripe.apps"

local apps = {}

---@class commerce.StripeApp
---@field integration "stripe"|"stripe-test"
---@field client_id string? "ca_…" of the mode
---@field app_id string? "app_…": needed to end an installation
---@field install_link string? as Stripe's dashboard shows it
---@field redirect_uri string? one of the manifest's allowed_redirect_uris
---@field enabled boolean whether merchants may link with it
---@field has_secret_key boolean

---@class commerce.StripeAppOptions what is left out is not changed
---@field client_id string? default: the install link's
---@field secret_key string|commerce.core.Secret|nil the app developer's, of the integration's mode
---  (for sandboxes that of the app's managed sandbox)
---@field app_id string?
---@field install_link string?
---@field redirect_uri string?
---@field enabled boolean?

local FIELDS = { "client_id", "app_id", "install_link", "redirect_uri", "enabled" }

local OPTIONS = { client_id = "string", secret_key = "any", app_id = "string",
  install_link = "string", redirect_uri = "string", enabled = "boolean" }

local function owner_of(integration)
  return "app:" .. integration
end

--- The app of an integration.
---@param store commerce.Store
---@param integration string its name
---@return commerce.StripeApp? app nil if none was ever set up
function apps.find(store, integration)
  if (store.lacking or {}).apps then
    return nil
  end
  return store:apps()[integration]
end

--- Check an address that Stripe is to send merchants back to: https, in both modes (Stripe's
--- documentation, "App manifest").
---@param uri string
function apps.check_redirect_uri(uri)
  if not uri:find "^https://[^%s/?#]+[^%s#]*$" then
    errors.throw("usage", ("redirect URI '%s': a Stripe App takes https://... alone, without a "
      .. "fragment, also in test mode"):format(core.scrub(uri)))
  end
end

-- The messages must not repeat the values: one may be the secret key, put into the wrong field.
local function check_texts(options)
  if options.client_id and not options.client_id:find "^ca_%w+$" then
    errors.throw("usage", "this is not a client id: an app's begins with ca_, and the install link "
      .. "has it")
  elseif options.app_id and not options.app_id:find "^app_%w+$" then
    errors.throw("usage", "this is not an app's id: one begins with app_ (Stripe's dashboard, "
      .. "Developers, Created apps, the app)")
  elseif options.redirect_uri then
    apps.check_redirect_uri(options.redirect_uri)
  end
end

local function check_link(app, link, given_client)
  local ok, client = stripe_apps.check_link(link)
  if not ok then
    errors.throw("usage", "this is not an install link: paste the whole of what Stripe's dashboard "
      .. "shows, https://marketplace.stripe.com/oauth/v2/.../authorize?client_id=ca_...")
  elseif client and given_client and client ~= given_client then
    errors.throw("usage", ("the install link is of client id %s, not of %s"):format(
      core.scrub(client), given_client))
  end
  app.client_id = client or app.client_id
end

local NEEDED = { { "client_id", "client id" }, { "has_secret_key", "secret key" },
  { "install_link", "install link" } }

local function check_enabled(app, title)
  for _, need in ipairs(NEEDED) do
    if app.enabled and not app[need[1]] then
      errors.throw("usage", ("%s's app cannot be enabled: its %s is not set"):format(title,
        need[2]))
    end
  end
end

local function sealed_key(integration, given)
  local key = type(given) == "string" and errors.must(core.secret(given)) or given
  stripe.integration_of(key, integration)
  if stripe.is_restricted(key) then
    errors.throw("usage", "an app's tokens are exchanged with the secret key (sk_...) of the "
      .. "account that has made the app: a restricted key or an organisation's key cannot do it")
  end
  return credentials.seal(owner_of(integration), key)
end

--- Set up the app of an integration. Options that are left out are not changed. Stores all or
--- nothing.
---@param store commerce.Store
---@param integration commerce.Integration
---@param options commerce.StripeAppOptions
---@return commerce.StripeApp app as it is now
function apps.set(store, integration, options)
  errors.check_options(options, OPTIONS, 4)
  check_texts(options)
  local app = apps.find(store, integration.name)
    or { integration = integration.name, enabled = false, has_secret_key = false }
  local secret = options.secret_key and sealed_key(integration.name, options.secret_key) or nil
  for _, field in ipairs(FIELDS) do
    if options[field] ~= nil then
      app[field] = options[field]
    end
  end
  if options.install_link then
    check_link(app, options.install_link, options.client_id)
  end
  app.has_secret_key = app.has_secret_key or secret ~= nil
  check_enabled(app, integration.title)
  store:save_app(app, secret)
  return app
end

--- The secret key of an app's developer.
---@param store commerce.Store
---@param integration string its name
---@return commerce.core.Secret key raises if it is not set; the caller must close it
function apps.secret_key(store, integration)
  local key = credentials.open(store, owner_of(integration))
  if not key then
    errors.throw("usage", ("%s's app has no secret key: set one with `commerce integrations set %s "
      .. "--app`"):format(stripe.integrations[integration].title, integration))
  end
  return key
end

--- Work with a client that calls as an app's developer.
---@param app commerce.App
---@param integration string its name
---@param options commerce.SessionOptions see `commerce.account.session`
---@param account string? for calls about the installation in this account
---@param work fun(client: commerce.AppClient): any
---@return any result
function apps.with_client(app, integration, options, account, work)
  local key = apps.secret_key(app.store, integration)
  local client = errors.finally(function()
    return stripe_apps.open(key, { base_url = options.base_url, timeout = options.timeout,
      connect_timeout = options.connect_timeout, ca_file = options.ca_file, account = account })
  end, function()
    key:close()
  end)
  return errors.finally(function()
    return work(client)
  end, function()
    client:close()
  end)
end

return apps
