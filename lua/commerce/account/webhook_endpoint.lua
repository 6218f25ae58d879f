-- Makes the endpoint at Stripe that sends an integration's events here, and keeps its signing
-- secret. Apart from ending access, this is the only thing that is ever written at Stripe, and only
-- when told.

local apps = require "commerce.account.apps"
local ascii = require "commerce.base.ascii"
local configured = require "commerce.mapping.configured"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local event_endpoints = require "commerce.stripe.event_endpoints"
local integrations = require "commerce.account.integrations"
local keys = require "commerce.account.keys"
local mappings = require "commerce.mapping.registry"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"
local webhook_secrets = require "commerce.account.webhook_secrets"

local webhook_endpoint = {}

local APP_REMOVED = "apps.install.deleted"

---@class commerce.MadeEndpoint
---@field id string Stripe's, "we_…" or "ed_…"
---@field url string
---@field existed boolean whether it was there already; then nothing was changed
---@field enabled boolean
---@field events string[] the event types that records depend on, by the names of snapshot events
---@field lacking string[] those of them that it does not send
---@field account string? the account that it belongs to; nil: it gets events of connected accounts
---@field thin boolean
---@field secret_stored boolean whether a signing secret is stored for it

---@class commerce.WebhookEndpointOptions: commerce.SessionOptions
---@field public_url string the server's address as Stripe reaches it
---@field account string? the endpoint of this account, by its stored key or by `secret_key`
---  (default: the Connect endpoint of the platform, by the integration's key)
---@field app boolean? the Connect endpoint of the Stripe App's developer, by the app's key; also
---  the default if only the app has a key
---@field secret_key string|commerce.core.Secret|nil an account's key
---@field thin boolean? thin events in place of snapshot ones

local OPTIONS = { public_url = "string", account = "string", app = "boolean", secret_key = "any",
  thin = "boolean" }
for name, kind in pairs(sessions.OPTIONS) do
  OPTIONS[name] = kind
end

-- ---------------------------------------------------------------- what is wanted

--- The address of an integration's endpoint.
---@param integration commerce.Integration
---@param public_url string the server's address as Stripe reaches it, with its prefix
---@return string url raises if Stripe would not take it
function webhook_endpoint.url(integration, public_url)
  local scheme, host = public_url:match "^(https?)://([^%s/?#]+)[^%s?#]*$"
  if not host then
    errors.throw("usage", ("public URL '%s': expected an address such as "
      .. "https://data.example.com"):format(core.scrub(public_url)))
  elseif scheme == "http" and integration.mode == "live" then
    errors.throw("usage", "public URL: Stripe sends live mode events to https addresses only")
  end
  return ("%s/webhooks/%s"):format(public_url:gsub("/+$", ""), integration.name)
end

-- The event types on which a record of any data type depends, and those of an end of access. The
-- one of an app has no thin form.
local function event_types(app, integration, wanted)
  local own, seen = mappings.new(stripe.mappings, app.mappings), {}
  configured.apply(app.store, integration.name, own)
  for _, mapping in ipairs(own:all()) do
    for _, name in ipairs(stripe.resources_of(mapping)) do
      for _, event_type in ipairs(own.resources[name].events or {}) do
        seen[event_type] = true
      end
    end
  end
  own:close()
  if wanted.connect then
    seen[stripe.webhook_body.DEAUTHORIZED] = true
    seen[APP_REMOVED] = integration.app ~= nil and not wanted.thin or nil
  end
  return ascii.keys(seen)
end

-- ---------------------------------------------------------------- whose endpoint

-- The key of an account that is linked by its own.
local function own_key(app, integration, account)
  local found
  for _, row in ipairs(app.store:connections { integration = integration.name,
    account = account, status = "Linked" }) do
    found = row.auth == "key" and row or found or row
  end
  if not found then
    errors.throw("missing", ("no linked connection of %s has account %s: give the account's key "
      .. "in STRIPE_SECRET_KEY"):format(integration.title, core.scrub(account)))
  elseif found.auth ~= "key" then
    errors.throw("usage", ("account %s is linked by %s: the endpoint for connected accounts, which "
      .. "is made without an account, gets its events"):format(account,
      found.auth == "app" and "a Stripe App" or "Connect"))
  end
  return keys.stored(app, found)
end

-- The key that makes the endpoint, and whether that gets events of connected accounts.
local function choose(app, integration, options)
  local given = options.secret_key and sessions.secret(options.secret_key)
  local own_app = integration.app
  if options.account then
    return given or own_key(app, integration, options.account), false
  elseif options.app or own_app and own_app.has_secret_key and not integration.has_secret_key then
    return apps.secret_key(app.store, integration.name), true
  elseif integration.has_secret_key or not given then
    return integrations.secret_key(app.store, integration.name), true
  end
  return given, false
end

-- ---------------------------------------------------------------- at Stripe

-- A refusal for want of a permission, with what else can be done.
local function explain(failure, integration, url)
  if stripe.lacks_permission(failure) then
    errors.throw("auth", ("%s; the key needs the permission '%s' (write), which the key of a "
      .. "Stripe App does not have. Or add the endpoint %s in Stripe's dashboard (Developers, "
      .. "Webhooks), and store its secret with `commerce integrations add-webhook-secret %s`")
      :format(tostring(failure.message), event_endpoints.permission, url, integration.name),
      { code = failure.code, status = failure.status })
  end
  errors.rethrow(failure)
end

local function stored_for(app, name, account)
  for _, secret in ipairs(webhook_secrets.list(app.store, name)) do
    if secret.account == account then
      return true
    end
  end
  return false
end

local function lacking(endpoint, wanted)
  local sent, list = {}, {}
  for _, name in ipairs(endpoint.events) do
    sent[wanted.thin and name:gsub("^v1%.", "") or name] = true
  end
  for _, name in ipairs(wanted.events) do
    list[#list + 1] = not sent["*"] and not sent[name] and name or nil
  end
  return list
end

local function result(app, integration, endpoint, wanted, existed)
  return { id = endpoint.id, url = wanted.url, existed = existed, enabled = endpoint.enabled,
    events = wanted.events, lacking = lacking(endpoint, wanted), account = wanted.account,
    thin = wanted.thin, secret_stored = stored_for(app, integration.name, wanted.account) }
end

-- The secret is shown once. If it cannot be stored, the user must know of the endpoint.
local function keep(app, integration, endpoint, account)
  errors.within(("endpoint %s was made at Stripe, but its secret could not be stored: delete it in "
    .. "Stripe's dashboard and run the command again"):format(endpoint.id), function()
    if not endpoint.secret then
      errors.throw("decode", "Stripe's answer has no secret")
    end
    webhook_secrets.add(app.store, integration.name, endpoint.secret, account)
  end)
end

local function find_or_create(app, integration, parts, wanted)
  local found, _, failure = errors.catch(event_endpoints.find, parts.session, parts.transport,
    wanted)
  if failure then
    explain(failure, integration, wanted.url)
  elseif found then
    return result(app, integration, found, wanted, true)
  end
  local made
  made, _, failure = errors.catch(event_endpoints.create, parts.session, parts.transport, wanted)
  if failure then
    if not failure.status then
      failure.hint = "it is not known whether Stripe made the endpoint: run this again, which "
        .. "looks for it first"
    end
    explain(failure, integration, wanted.url)
  end
  return errors.finally(function()
    keep(app, integration, made, wanted.account)
    return result(app, integration, made, wanted, false)
  end, function()
    if made.secret then
      made.secret:close()
    end
  end)
end

--- Make an integration's webhook endpoint at Stripe, unless one with its address exists, and store
--- its signing secret. A second call changes nothing.
---@param app commerce.App
---@param name string the integration's name, or Codat's key
---@param options commerce.WebhookEndpointOptions
---@return commerce.MadeEndpoint endpoint
function webhook_endpoint.create(app, name, options)
  errors.check_options(options, OPTIONS, 4)
  local integration = integrations.find(app.store, name)
  if not options.public_url then
    errors.throw("usage", "no address: give the public URL of the server that gets the webhooks")
  end
  if options.account and options.app then
    errors.throw("usage", "give an account or the app, not both")
  end
  local wanted = { url = webhook_endpoint.url(integration, options.public_url),
    thin = options.thin == true }
  credentials.check_master()
  webhook_secrets.check_room(app.store, integration.name)
  local key, is_platform = choose(app, integration, options)
  return errors.finally(function()
    stripe.integration_of(key, integration.name)
    local parts = sessions.open(app, key, stripe.integrations[integration.name],
      { account = options.account, json = wanted.thin }, options)
    return errors.finally(function()
      wanted.connect, wanted.account = is_platform, not is_platform and parts.account.id or nil
      wanted.events = event_types(app, integration, wanted)
      return find_or_create(app, integration, parts, wanted)
    end, parts.close)
  end, function()
    if key ~= options.secret_key then
      key:close()
    end
  end)
end

return webhook_endpoint
