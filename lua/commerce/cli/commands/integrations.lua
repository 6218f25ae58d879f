-- `commerce integrations`: how merchants link with Stripe and Stripe Test.

local configured = require "commerce.mapping.configured"
local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local secret_option = require "commerce.cli.kit.secret_option"

local must = errors.must

local KEY, KEY_MEANING = "--secret-key", "the platform's secret key"

local WEBHOOK_KEY, WEBHOOK_MEANING = "--secret", "the endpoint's signing secret"

local function view_of(integration)
  local secrets = json.array {}
  for i, secret in ipairs(integration.webhook_secrets) do
    secrets[i] = { id = secret.id, account = secret.account, added = secret.added }
  end
  return { webhookSecrets = secrets, integration = integration.name, key = integration.key,
    mode = integration.mode, enabled = integration.enabled, clientId = integration.client_id,
    hasSecretKey = integration.has_secret_key, scope = integration.scope,
    syncOnLink = integration.sync_on_link, redirectUri = integration.redirect_uri,
    restrictedKeys = integration.restricted_keys }
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
  local options = { client_id = args.client_id,
    secret_key = secret_option.read(args, KEY, KEY_MEANING), scope = args.scope,
    sync_on_link = args.sync_on_link, redirect_uri = args.redirect_uri,
    restricted_keys = ANSWERS[args.restricted_keys] }
  if not next(options) then
    errors.throw("usage", "nothing to set: give --client-id, --secret-key-env or "
      .. "--secret-key-file, --redirect-uri, --scope, --sync-on-link or --restricted-keys")
  end
  return options
end

local function set(app, args)
  must(app:set_integration(args.integration, options_of(args)))
  show(app, args)
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
  local all = configured.get(app.store, integration)
  local kind = args.supplemental and "supplemental" or "custom"
  if not all[kind][args.id] then
    errors.throw("missing", ("no %s data type '%s' is configured; `commerce integrations "
      .. "data-types %s` lists them"):format(kind, args.id, integration))
  end
  all[kind][args.id] = nil
  must(configured.save(app.store, integration, all))
end

-- ---------------------------------------------------------------- the actions

local function name_argument(sub)
  sub:argument("integration", "stripe (live mode) or stripe-test (a sandbox, or test mode).")
end

local function set_arguments(sub)
  name_argument(sub)
  sub:option("--client-id", "The platform's client id in this mode (ca_...): Stripe's "
    .. "dashboard, Settings, Connect, Onboarding options, OAuth."):argname "ID"
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

local JSON = "One JSON object per integration."

local function switch(name, help, enabled)
  return { name = name, help = help, arguments = name_argument, json = JSON, store = "create",
    run = function(app, args)
      must(app:set_integration(args.integration, { enabled = enabled }))
      show(app, args)
    end }
end

---@type commerce.cli.Command
return {
  name = "integrations",
  help = "Stripe and Stripe Test: how merchants link with them.",
  actions = {
    { name = "list", help = "List both with their settings.", json = JSON, store = "create",
      run = function(app, args)
        print_list(must(app:integrations()), args.json)
      end },
    { name = "set", help = "Set one up; settings not named stay as they are.",
      arguments = set_arguments, json = JSON, store = "create", run = set },
    { name = "add-webhook-secret",
      help = "Accept webhooks that one more secret signs: of another endpoint, or the new one of "
        .. "an endpoint while its old one is still in use.",
      arguments = secret_arguments, json = JSON, store = "create", run = add_webhook_secret },
    { name = "remove-webhook-secret", help = "Reject webhooks that this secret signs.",
      arguments = function(sub)
        name_argument(sub)
        sub:argument("id", "The secret's id, as `integrations list` shows it.")
      end,
      json = JSON, store = "create", run = remove_webhook_secret },
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
      store = "existing", run = remove_data_type },
    switch("enable", "Allow merchants to link with it.", true),
    switch("disable", "Do not allow merchants to link with it; linked connections stay linked.",
      false),
  },
}
