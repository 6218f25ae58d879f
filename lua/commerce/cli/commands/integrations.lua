-- `commerce integrations`: how merchants link with Stripe and Stripe Test.

local app_manifest = require "commerce.stripe.app_manifest"
local apps = require "commerce.account.apps"
local configured = require "commerce.mapping.configured"
local console = require "commerce.cli.kit.console"
local coverage = require "commerce.account.coverage"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local mappings = require "commerce.mapping.registry"
local options = require "commerce.cli.kit.options"
local secret_option = require "commerce.cli.kit.secret_option"
local stripe = require "commerce.stripe"

local must = errors.must

local KEY, KEY_MEANING = "--secret-key", "the platform's secret key"

local WEBHOOK_KEY, WEBHOOK_MEANING = "--secret", "the endpoint's signing secret"

local function app_view(app)
  return app and { enabled = app.enabled, clientId = app.client_id, appId = app.app_id,
    hasSecretKey = app.has_secret_key, installLink = app.install_link,
    redirectUri = app.redirect_uri } or nil
end

local function view_of(integration)
  local secrets = json.array {}
  for i, secret in ipairs(integration.webhook_secrets) do
    secrets[i] = { id = secret.id, account = secret.account, added = secret.added }
  end
  return { webhookSecrets = secrets, integration = integration.name, key = integration.key,
    mode = integration.mode, enabled = integration.enabled, clientId = integration.client_id,
    hasSecretKey = integration.has_secret_key, scope = integration.scope,
    syncOnLink = integration.sync_on_link, redirectUri = integration.redirect_uri,
    restrictedKeys = integration.restricted_keys, app = app_view(integration.app) }
end

-- Facts that are too long for a column.
local function print_more(integration)
  if integration.redirect_uri then
    console.line(("%s: merchants come back to %s"):format(integration.name,
      integration.redirect_uri))
  end
  if integration.restricted_keys then
    console.line(("%s: merchants may link by a restricted key on the Link pages"):format(
      integration.name))
  end
  local app = integration.app
  if app then
    console.line(("%s: Stripe App %s, %s, secret key %s%s"):format(integration.name,
      app.client_id or "without a client id", app.enabled and "enabled" or "not enabled",
      app.has_secret_key and "stored, sealed" or "not set",
      app.redirect_uri and ", merchants come back to " .. app.redirect_uri or ""))
  end
  for _, secret in ipairs(integration.webhook_secrets) do
    console.line(("%s: accepts webhooks to /webhooks/%s that secret %s signs (%s, since %s)")
      :format(integration.name, integration.name, secret.id,
        secret.account and "endpoint of " .. secret.account or "Connect endpoint",
        secret.added:sub(1, 10)))
  end
end

local function print_list(list, as_json)
  local rows = {}
  for i, integration in ipairs(list) do
    if as_json then
      console.json(view_of(integration))
    end
    rows[i] = { integration.name, integration.mode, integration.enabled and "yes" or "no",
      integration.client_id or "-", integration.has_secret_key and "stored, sealed" or "-",
      integration.scope, integration.sync_on_link }
  end
  if as_json then
    return
  end
  format.print({ "integration", "mode", "enabled", "client id", "secret key", "scope",
    "sync on link" }, rows)
  for _, integration in ipairs(list) do
    print_more(integration)
  end
end

local function show(app, args)
  print_list({ must(app:integration(args.integration)) }, args.json)
end

local ANSWERS = { yes = true, no = false }

local function options_of(args)
  local given = { client_id = args.client_id,
    secret_key = secret_option.read(args, KEY, KEY_MEANING), scope = args.scope,
    sync_on_link = args.sync_on_link, redirect_uri = args.redirect_uri,
    restricted_keys = ANSWERS[args.restricted_keys] }
  if not next(given) then
    errors.throw("usage", "nothing to set: give --client-id, --secret-key-env or "
      .. "--secret-key-file, --redirect-uri, --scope, --sync-on-link or --restricted-keys")
  end
  return given
end

-- The options that are of Connect alone, and of an app alone.
local OF_CONNECT = { "scope", "sync_on_link", "restricted_keys" }
local OF_APP = { "install_link", "app_id" }

local function check_set(args)
  for _, name in ipairs(args.app and OF_CONNECT or OF_APP) do
    if args[name] then
      errors.throw("usage", ("--%s %s --app"):format(name:gsub("_", "-"),
        args.app and "is not for" or "needs"))
    end
  end
end

local function app_options(args)
  local given = { client_id = args.client_id, app_id = args.app_id,
    secret_key = secret_option.read(args, KEY, KEY_MEANING), install_link = args.install_link,
    redirect_uri = args.redirect_uri }
  if not next(given) then
    errors.throw("usage", "nothing to set: give --install-link, --secret-key-env or "
      .. "--secret-key-file, --app-id, --redirect-uri or --client-id")
  end
  return given
end

local function set(app, args)
  if args.app then
    must(app:set_stripe_app(args.integration, app_options(args)))
  else
    must(app:set_integration(args.integration, options_of(args)))
  end
  show(app, args)
end

-- ---------------------------------------------------------------- an app's manifest

local PLACEHOLDERS = { id = "com.example.my-app", name = "My App",
  redirect_uri = "https://example.com/oauth/callback" }

local function print_manifest(args)
  local permissions = coverage.permissions(mappings.new(stripe.mappings))
  args.redirect_uri = args.redirect_uri[1] and args.redirect_uri or nil
  for _, uri in ipairs(args.redirect_uri or {}) do
    apps.check_redirect_uri(uri)
  end
  io.stdout:write(app_manifest.text {
    id = args.id or PLACEHOLDERS.id, name = args.name or PLACEHOLDERS.name,
    redirect_uris = args.redirect_uri or { PLACEHOLDERS.redirect_uri },
    permissions = permissions }, "\n")
  for name, value in pairs(PLACEHOLDERS) do
    if not args[name] then
      console.note(("%s is a placeholder: give --%s"):format(value, (name:gsub("_", "-"))))
    end
  end
end

local function add_webhook_secret(app, args)
  local secret = secret_option.read(args, WEBHOOK_KEY, WEBHOOK_MEANING)
  if not secret then
    errors.throw("usage", "no secret: give --secret-env or --secret-file")
  end
  must(app:add_webhook_secret(args.integration, secret, { account = args.account }))
  show(app, args)
end

local function remove_webhook_secret(app, args)
  must(app:remove_webhook_secret(args.integration, args.id))
  show(app, args)
end

-- ---------------------------------------------------------------- the endpoint at Stripe

local function print_endpoint(made, integration)
  local kind = made.account and "of account " .. made.account or "for connected accounts"
  if not made.existed then
    console.line(("made webhook endpoint %s %s at Stripe: %s, %d event types%s; its secret is "
      .. "stored, sealed"):format(made.id, kind, made.url, #made.events,
      made.thin and ", thin events" or ""))
    return
  end
  console.line(("webhook endpoint %s for %s exists already; nothing was changed"):format(made.id,
    made.url))
  if not made.enabled then
    console.line("it is disabled: enable it in Stripe's dashboard (Developers, Webhooks)")
  end
  if #made.lacking > 0 then
    console.line("it does not send these event types, which records depend on; add them in "
      .. "Stripe's dashboard: " .. table.concat(made.lacking, ", "))
  end
  if not made.secret_stored then
    console.line(("no secret is stored for it: copy the signing secret from Stripe's dashboard and "
      .. "run `commerce integrations add-webhook-secret %s --secret-file -%s`, or delete the "
      .. "endpoint there and run this command again"):format(integration,
      made.account and " --account " .. made.account or ""))
  end
end

local function create_endpoint(app, args)
  local made = must(app:create_webhook_endpoint(args.integration, { public_url = args.public_url,
    account = args.account, app = args.app or nil, thin = args.thin or nil,
    secret_key = environment.key() }))
  if args.json then
    console.json { id = made.id, url = made.url, existed = made.existed, enabled = made.enabled,
      account = made.account, thin = made.thin, events = json.array(made.events),
      lacking = json.array(made.lacking), secretStored = made.secret_stored }
  else
    print_endpoint(made, args.integration)
  end
  return made.enabled and made.secret_stored and #made.lacking == 0 and 0 or 1
end

-- ---------------------------------------------------------------- configured data types

-- One line for each custom data type, and for each data type with supplemental data.
local function configured_types(app, integration)
  local all, list = configured.get(app.store, integration), {}
  for _, entry in ipairs(configured.custom_types(all)) do
    list[#list + 1] = { kind = "custom", id = entry.identifier, problem = entry.problem,
      source = entry.given.dataSource }
  end
  for name in pairs(all.supplemental) do
    list[#list + 1] = { kind = "supplemental", id = name }
  end
  table.sort(list, function(a, b)
    return a.kind .. a.id < b.kind .. b.id
  end)
  return list
end

local function list_data_types(app, args)
  local rows = {}
  for i, entry in ipairs(configured_types(app, must(app:integration(args.integration)).name)) do
    if args.json then
      console.json(entry)
    end
    rows[i] = { entry.kind, entry.id, entry.source or "-", entry.problem or "-" }
  end
  if not args.json then
    format.print({ "kind", "id", "source", "problem" }, rows)
  end
end

local function remove_data_type(app, args)
  local integration = must(app:integration(args.integration)).name
  local kind = args.supplemental and "supplemental" or "custom"
  configured.change(app.store, integration, function(all)
    if not all[kind][args.id] then
      errors.throw("missing", ("no %s data type '%s' is configured; `commerce integrations "
        .. "data-types %s` lists them"):format(kind, args.id, integration))
    end
    all[kind][args.id] = nil
  end)
end

-- ---------------------------------------------------------------- the actions

local function name_argument(sub)
  sub:argument("integration", "stripe (live mode) or stripe-test (a sandbox, or test mode).")
end

local APP = "--app"

local function set_arguments(sub)
  name_argument(sub)
  sub:flag(APP, "Set up the Stripe App in place of Connect: its client id, secret key, install "
    .. "link, app id and redirect URI.")
  sub:option("--install-link", "With --app: the whole link that Stripe's dashboard shows to "
    .. "install the app (https://marketplace.stripe.com/oauth/v2/...)."):argname "LINK"
  sub:option("--app-id", "With --app: the app's id (app_...), which is needed to uninstall it when "
    .. "a connection is unlinked."):argname "ID"
  sub:option("--client-id", "The platform's client id in this mode (ca_...): Stripe's "
    .. "dashboard, Settings, Connect, Onboarding options, OAuth. With --app: the app's (default: "
    .. "the install link's)."):argname "ID"
  secret_option.define(sub, KEY, KEY_MEANING)
  sub:option("--redirect-uri", "Where Stripe sends merchants back to: exactly as in the "
    .. "platform's settings (default: the first URI there)."):argname "URI"
  sub:option("--scope", "The access that merchants grant: read_only (the default) or read_write.")
    :choices { "read_only", "read_write" }
  sub:option("--sync-on-link", "Whether merchants allow one read, or continuous reads (the "
    .. "default)."):choices { "once", "continuous" }
  sub:option("--restricted-keys", "Whether merchants may link by a restricted key of theirs on the "
    .. "Link pages: yes or no (the default)."):choices { "yes", "no" }
end

local function secret_arguments(sub)
  name_argument(sub)
  secret_option.define(sub, WEBHOOK_KEY, WEBHOOK_MEANING)
  sub:option("--account", "The account that owns the endpoint (default: the endpoint is a Connect "
    .. "endpoint of the platform, whose events name their accounts)."):argname "ACCT"
end

local function endpoint_arguments(sub)
  name_argument(sub)
  sub:option("--public-url", "The server's address as Stripe reaches it, with its prefix; the "
    .. "endpoint's address is this and /webhooks/INTEGRATION."):argname "URL"
  sub:option("--account", "Make the endpoint of this account, by its stored key or by "
    .. "STRIPE_SECRET_KEY (default: the platform's Connect endpoint, by the integration's secret "
    .. "key; without one, the endpoint of the account of STRIPE_SECRET_KEY)."):argname "ACCT"
  sub:flag(APP, "Make the Connect endpoint of the Stripe App's developer, by the app's key.")
  sub:flag("--thin", "Have thin events sent in place of snapshot events.")
end

local JSON = "One JSON object per integration."

local function switch_arguments(sub)
  name_argument(sub)
  sub:flag(APP, "Its Stripe App, in place of Connect.")
end

local function manifest_arguments(sub)
  sub:option("--id", "The app's id of your choice (com.example.my-app)."):argname "ID"
  sub:option("--name", "The name that merchants see."):argname "NAME"
  sub:option("--redirect-uri", "Where Stripe sends merchants back to (https://...); may be "
    .. "repeated."):argname "URI":count "*"
end

local function switch(name, help, enabled)
  return { name = name, help = help, arguments = switch_arguments, json = JSON, store = "create",
    audit = "integration." .. name,
    run = function(app, args)
      if args.app then
        must(app:set_stripe_app(args.integration, { enabled = enabled }))
      else
        must(app:set_integration(args.integration, { enabled = enabled }))
      end
      show(app, args)
    end }
end

---@type commerce.cli.Command
return {
  name = "integrations",
  help = "Set up how merchants link with Stripe and Stripe Test.",
  actions = {
    { name = "list", help = "List both with their settings.", json = JSON, store = "create",
      run = function(app, args)
        print_list(must(app:integrations()), args.json)
      end },
    { name = "set", help = "Set one up; settings not named stay as they are.",
      arguments = set_arguments, json = JSON, store = "create", audit = "integration.change",
      check = check_set, run = set },
    { name = "app-manifest",
      help = "Print what stripe-app.json needs so that a Stripe App may read every data type.",
      arguments = manifest_arguments,
      run = function(_, args)
        print_manifest(args)
      end },
    { name = "add-webhook-secret",
      help = "Accept webhooks that one more secret signs: of another endpoint, or the new one of "
        .. "an endpoint while its old one is still in use.",
      arguments = secret_arguments, json = JSON, store = "create",
      audit = "integration.secret", run = add_webhook_secret },
    { name = "create-endpoint",
      help = "Make the webhook endpoint at Stripe, with the event types that records depend on, "
        .. "and store its signing secret. An endpoint that exists is not changed.",
      arguments = endpoint_arguments, json = "One JSON object.", store = "create",
      audit = "integration.endpoint",
      check = options.check_public_url, run = create_endpoint },
    { name = "remove-webhook-secret", help = "Reject webhooks that this secret signs.",
      arguments = function(sub)
        name_argument(sub)
        sub:argument("id", "The secret's id, as `integrations list` shows it.")
      end,
      json = JSON, store = "create", audit = "integration.forget", run = remove_webhook_secret },
    { name = "data-types", help = "List the data types that are configured over the API.",
      arguments = name_argument, json = "One JSON object per data type.", store = "existing",
      run = list_data_types },
    { name = "remove-data-type",
      help = "Remove a data type that is configured over the API; its records stay.",
      arguments = function(sub)
        name_argument(sub)
        sub:argument("id", "Its identifier, as `integrations data-types` shows it.")
        sub:flag("--supplemental", "Remove the supplemental data of a data type instead.")
      end,
      store = "existing", audit = "data.type", run = remove_data_type },
    switch("enable", "Allow merchants to link with it.", true),
    switch("disable", "Do not allow merchants to link with it; linked connections stay linked.",
      false),
  },
}
