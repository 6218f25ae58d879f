-- Settings: Stripe and Stripe Test, and the ways in which merchants link. Secrets can be set, and
-- never read.

local app_manifest = require "commerce.stripe.app_manifest"
local coverage = require "commerce.account.coverage"
local errors = require "commerce.base.errors"
local h = require "commerce.portal.html"
local layout = require "commerce.portal.layout"
local response = require "commerce.http.response"
local settings = require "commerce.portal.settings"
local stripe = require "commerce.stripe"

local must = errors.must

local function address(context, name, rest)
  return settings.address(context, "integrations/" .. name .. (rest and "/" .. rest or ""))
end

local function state(is_on)
  return h.span { class = "pill " .. (is_on and "good" or "off"), is_on and "on" or "off" }
end

local function ways(integration)
  local has_app = integration.app ~= nil and integration.app.enabled
  return h.dl { class = "facts",
    h.dt "Stripe App", h.dd { state(has_app) }, h.dt "Stripe Connect",
    h.dd { state(integration.enabled) }, h.dt "Restricted keys of merchants",
    h.dd { state(integration.restricted_keys) }, h.dt "A key that you give",
    h.dd { state(true), " ", h.span { class = "quiet small",
      "on the page of a connection" } } }
end

local function list(context)
  local cards = {}
  for i, integration in ipairs(must(context.app:integrations())) do
    cards[i] = h.div { class = "card", h.div { class = "card-head", h.h2(integration.title),
      h.span { class = "quiet", integration.mode .. " mode" } }, ways(integration),
      h.div { class = "actions", h.a { class = "button", settings.may_change(context)
        and "Set up" or "Look", h.span { class = "visually-hidden", " ", integration.title },
        href = address(context, integration.name) } } }
  end
  return settings.page(context, { tab = "integrations", title = "Integrations",
    body = h.div { class = "columns", cards } })
end

-- ---------------------------------------------------------------- one integration

local function connect_form(context, integration)
  local off = not settings.may_change(context)
  local field = settings.field
  return h.div { class = "card", h.h2 "Stripe Connect and restricted keys",
    h.p { class = "quiet", "Connect: your platform's client id and secret key, from Stripe's "
      .. "dashboard. Restricted keys need nothing: the Link pages show merchants how to make "
      .. "one." },
    layout.form(context, { class = "stack", action = address(context, integration.name),
      settings.box("restricted_keys", "Merchants may link by a restricted key",
        integration.restricted_keys, off),
      settings.box("enabled", "Merchants may link by Stripe Connect", integration.enabled, off),
      field { name = "client_id", label = "Client id", value = integration.client_id,
        placeholder = "ca_…", disabled = off,
        hint = "Settings, Connect, Onboarding options, OAuth." },
      settings.secret { name = "secret_key", label = "Secret key of the platform", disabled = off,
        is_set = integration.has_secret_key, hint = "Stored sealed, never shown." },
      field { name = "redirect_uri", label = "Redirect URI", value = integration.redirect_uri,
        disabled = off, placeholder = context.links:callback() or "https://…/oauth/callback",
        hint = "One of those in the platform's settings at Stripe. Without one, the first of "
          .. "them." },
      field { name = "scope", label = "Access", value = integration.scope, disabled = off,
        choices = { { "read_only", "read only" }, { "read_write", "read and write" } } },
      field { name = "sync_on_link", label = "Data is read", value = integration.sync_on_link,
        disabled = off, choices = { { "continuous", "continuously" }, { "once", "once" } } },
      not off and h.div { class = "actions", h.button { class = "primary", "Save" } } }) }
end

local function app_form(context, integration)
  local app, off = integration.app or {}, not settings.may_change(context)
  local field = settings.field
  return h.div { class = "card", h.h2 "Stripe App",
    h.p { class = "quiet", "A Stripe App of yours, which merchants install. ", h.a {
      href = address(context, integration.name, "manifest"), "Its manifest" },
      " names the permissions that it needs." },
    layout.form(context, { class = "stack", action = address(context, integration.name, "app"),
      settings.box("enabled", "Merchants may link by the Stripe App", app.enabled, off),
      field { name = "install_link", id = "install_link", label = "Install link", disabled = off,
        value = app.install_link, hint = "The whole of what Stripe's dashboard shows." },
      settings.secret { name = "secret_key", id = "app_secret_key", label = "Secret key of the "
        .. "app's developer", is_set = app.has_secret_key == true, disabled = off },
      field { name = "app_id", label = "App id", value = app.app_id, placeholder = "app_…",
        disabled = off, hint = "Needed to uninstall the app when a connection is unlinked." },
      field { name = "redirect_uri", id = "app_redirect_uri", label = "Redirect URI",
        disabled = off, value = app.redirect_uri,
        placeholder = context.links:callback() or "https://…/oauth/callback" },
      not off and h.div { class = "actions", h.button { class = "primary", "Save" } } }) }
end

local function webhook_card(context, integration)
  local rows, off = {}, not settings.may_change(context)
  for i, secret in ipairs(integration.webhook_secrets) do
    rows[i] = { h.code(secret.id), secret.account and h.code(secret.account) or "Connect",
      layout.time(secret.added), not off and settings.button(context, address(context,
        integration.name, "webhookSecrets/remove"), "Remove", { class = "danger",
        name = secret.id, fields = { id = secret.id } }) }
  end
  return h.div { class = "card", h.h2 "Webhooks of Stripe",
    h.p { class = "quiet", "Stripe sends changes to ", h.code((context.links.base or "")
      .. "/webhooks/" .. integration.name), ". Each endpoint signs with a secret of its own." },
    #rows > 0 and settings.table("Signing secrets", { "Secret", "Endpoint", "Added", "" }, rows),
    not off and layout.form(context, { class = "stack",
      action = address(context, integration.name, "webhookSecrets"),
      settings.secret { name = "secret", label = "Signing secret (whsec_…)", is_set = false },
      settings.field { name = "account", label = "Account", placeholder = "acct_…",
        hint = "Of the endpoint; empty for a Connect endpoint." },
      h.div { class = "actions", h.button "Add the secret" } }) }
end

local function found(context)
  local name = context.params.name
  if not stripe.integrations[name] then
    response.refuse(404, "There is no such integration.")
  end
  return must(context.app:integration(name))
end

local function show(context, wrong, done)
  local integration = found(context)
  return settings.page(context, { tab = "integrations", title = integration.title, wrong = wrong,
    done = done, body = { h.div { class = "card-head", h.h2(integration.title),
      h.span { class = "quiet", integration.mode .. " mode" } },
      h.div { class = "columns", connect_form(context, integration),
        app_form(context, integration), webhook_card(context, integration) } } })
end

-- ---------------------------------------------------------------- changing

-- A text of the form; nil for an empty one.
local function text_of(context, name)
  local text = (context.form[name] or ""):gsub("^%s+", ""):gsub("%s+$", "")
  return text ~= "" and text or nil
end

local function saving(change)
  return function(context)
    local integration = found(context)
    context.target = integration.title
    return settings.try(function()
      change(context, integration)
    end, function(wrong)
      return show(context, wrong)
    end, function()
      return show(context, nil, "Saved.")
    end)
  end
end

local save = saving(function(context, integration)
  must(context.app:set_integration(integration.name, { client_id = text_of(context, "client_id"),
    secret_key = text_of(context, "secret_key"), redirect_uri = text_of(context, "redirect_uri"),
    scope = text_of(context, "scope"), sync_on_link = text_of(context, "sync_on_link"),
    enabled = context.form.enabled == "yes",
    restricted_keys = context.form.restricted_keys == "yes" }))
end)

local save_app = saving(function(context, integration)
  must(context.app:set_stripe_app(integration.name, { app_id = text_of(context, "app_id"),
    install_link = text_of(context, "install_link"), secret_key = text_of(context, "secret_key"),
    redirect_uri = text_of(context, "redirect_uri"), enabled = context.form.enabled == "yes" }))
end)

local add_secret = saving(function(context, integration)
  must(context.app:add_webhook_secret(integration.name, text_of(context, "secret") or "",
    { account = text_of(context, "account") }))
end)

local remove_secret = saving(function(context, integration)
  context.detail = context.form.id
  must(context.app:remove_webhook_secret(integration.name, context.form.id or ""))
end)

local function manifest(context)
  local integration = found(context)
  local text = app_manifest.text { id = "com.example.commerce", name = "Example",
    permissions = coverage.permissions(context.app.mappings),
    redirect_uris = { context.links:callback() or "https://example.com/oauth/callback" } }
  return settings.page(context, { tab = "integrations", title = "Manifest", body = {
    h.h2 "The app's manifest", h.p { class = "quiet", "stripe-app.json of your Stripe App. Change "
      .. "the id and the name; ", h.code "stripe apps upload", " sends it to Stripe." },
    h.pre { id = "manifest", tabindex = "0", text },
    h.div { class = "actions", h.button { type = "button", hidden = true,
      ["data-copy"] = "manifest", "Copy" }, h.a { class = "button", "Back",
      href = address(context, integration.name) } } } })
end

local ONE = "/portal/settings/integrations/{name}"

---@type commerce.portal.Route[]
return {
  { method = "GET", path = "/portal/settings", run = function(context)
    return layout.go(settings.address(context, "integrations"))
  end },
  { method = "GET", path = "/portal/settings/integrations", run = list },
  { method = "GET", path = ONE, run = function(context)
    return show(context)
  end },
  { method = "POST", path = ONE, audit = "integration.change", run = save },
  { method = "POST", path = ONE .. "/app", audit = "integration.app", run = save_app },
  { method = "POST", path = ONE .. "/webhookSecrets", audit = "integration.secret",
    run = add_secret },
  { method = "POST", path = ONE .. "/webhookSecrets/remove", audit = "integration.forget",
    run = remove_secret },
  { method = "GET", path = ONE .. "/manifest", run = manifest },
}
