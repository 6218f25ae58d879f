-- `commerce integrations`: Stripe and Stripe Test, as the operator sets them up.

local actions = require "commerce.cli.kit.actions"
local common = require "commerce.cli.kit.common"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"
local secret_option = require "commerce.cli.kit.secret_option"
local terminal = require "commerce.cli.kit.terminal"

local KEY, WHAT = "--secret-key", "the platform's secret key"

local WEBHOOK_KEY, WEBHOOK_WHAT = "--secret", "the endpoint's signing secret"

local function facts_of(integration)
  local secrets = json.array {}
  for i, secret in ipairs(integration.webhook_secrets) do
    secrets[i] = { id = secret.id, account = secret.account, added = secret.added }
  end
  return { webhookSecrets = secrets, integration = integration.name, key = integration.key,
    mode = integration.mode, enabled = integration.enabled, clientId = integration.client_id,
    hasSecretKey = integration.has_secret_key, scope = integration.scope,
    syncOnLink = integration.sync_on_link, redirectUri = integration.redirect_uri }
end

-- What no column has room for.
local function print_more(integration)
  if integration.redirect_uri then
    output.line(("%s: merchants come back to %s"):format(integration.name,
      integration.redirect_uri))
  end
  for _, secret in ipairs(integration.webhook_secrets) do
    output.line(("%s: webhooks to /webhooks/%s are taken in if they are signed with secret %s (%s, "
      .. "since %s)"):format(integration.name, integration.name, secret.id,
      secret.account and "of " .. secret.account .. "'s own endpoint" or "of a Connect endpoint",
      secret.added:sub(1, 10)))
  end
end

local function print_list(list, as_json)
  local rows = {}
  for i, integration in ipairs(list) do
    if as_json then
      output.line(json.encode(facts_of(integration)))
    end
    rows[i] = { integration.name, integration.mode, integration.enabled and "yes" or "no",
      integration.client_id or "-", integration.has_secret_key and "kept, sealed" or "-",
      integration.scope, integration.sync_on_link }
  end
  if not as_json then
    output.line(format.table({ "integration", "mode", "enabled", "client id", "secret key", "scope",
      "sync on link" }, rows, terminal.width()))
    for _, integration in ipairs(list) do
      print_more(integration)
    end
  end
  return 0
end

local function change(options_of)
  return common.with_app(function(app, args)
    local options, integration, message, details
    options, message, details = options_of(args)
    if options then
      integration, message, details = app:set_integration(args.integration, options)
    end
    if not integration then
      return nil, message, details
    end
    return print_list({ integration }, args.json)
  end, { create = true })
end

-- What changes one integration's webhook secrets; then it is shown.
local function change_webhooks(work)
  return common.with_app(function(app, args)
    local ok, message, details = work(app, args)
    local integration
    if ok then
      integration, message, details = app:integration(args.integration)
    end
    if not integration then
      return nil, message, details
    end
    return print_list({ integration }, args.json)
  end, { create = true })
end

local function add_webhook_secret(app, args)
  local secret, message, details = secret_option.read(args, WEBHOOK_KEY, WEBHOOK_WHAT)
  if secret then
    return app:add_webhook_secret(args.integration, secret, { account = args.account })
  elseif message then
    return nil, message, details
  end
  return errors.fail("usage", "where is the secret? Give --secret-env or --secret-file")
end

local function options_of_set(args)
  local key, message, details = secret_option.read(args, KEY, WHAT)
  if message then
    return nil, message, details
  end
  local options = { client_id = args.client_id, secret_key = key, scope = args.scope,
    sync_on_link = args.sync_on_link, redirect_uri = args.redirect_uri }
  if not next(options) then
    return errors.fail("usage", "nothing to set: give --client-id, --secret-key-env or "
      .. "--secret-key-file, --redirect-uri, --scope or --sync-on-link")
  end
  return options
end

local function json_flag(sub)
  sub:flag("--json", "One JSON object an integration.")
  common.store_options(sub)
end

local function name_argument(sub)
  sub:argument("integration", "stripe (live mode) or stripe-test (test mode).")
end

local function switch(name, help, enabled)
  return { name = name, help = help,
    define = function(sub)
      name_argument(sub)
      json_flag(sub)
    end,
    run = change(function()
      return { enabled = enabled }
    end) }
end

local ACTIONS = {
  { name = "list", help = "Both, and how they are set up.", define = json_flag,
    run = common.with_app(function(app, args)
      local list, message, details = app:integrations()
      if not list then
        return nil, message, details
      end
      return print_list(list, args.json)
    end, { create = true }) },
  { name = "set", help = "Set one up; what is not named stays as it is.",
    define = function(sub)
      name_argument(sub)
      sub:option("--client-id", "The platform's client id in this mode (ca_...): Stripe's "
        .. "dashboard, Settings, Connect, Onboarding options, OAuth."):argname "ID"
      secret_option.define(sub, KEY, WHAT)
      sub:option("--redirect-uri", "Where Stripe sends merchants back to, to the letter as in the "
        .. "platform's settings there (default: the first of those)."):argname "URI"
      sub:option("--scope", "What merchants are asked for: read_only (as it is to begin with) or "
        .. "read_write."):choices { "read_only", "read_write" }
      sub:option("--sync-on-link", "Whether merchants let their data be read once, or continuously "
        .. "(as it is to begin with)."):choices { "once", "continuous" }
      json_flag(sub)
    end,
    run = change(options_of_set) },
  { name = "add-webhook-secret",
    help = "Take in what Stripe signs with one more secret: of another endpoint, or the new one "
      .. "while the old one is still in use.",
    define = function(sub)
      name_argument(sub)
      secret_option.define(sub, WEBHOOK_KEY, WEBHOOK_WHAT)
      sub:option("--account", "Whose own endpoint it is (default: it is a Connect endpoint of the "
        .. "platform's, whose events name their accounts)."):argname "ACCT"
      json_flag(sub)
    end,
    run = change_webhooks(add_webhook_secret) },
  { name = "remove-webhook-secret", help = "Take in nothing any more that is signed with a secret.",
    define = function(sub)
      name_argument(sub)
      sub:argument("id", "The secret's id, as `integrations list` shows it.")
      json_flag(sub)
    end,
    run = change_webhooks(function(app, args)
      return app:remove_webhook_secret(args.integration, args.id)
    end) },
  switch("enable", "Let merchants link with it.", true),
  switch("disable", "Let no merchant link with it; what is linked stays.", false),
}

return actions.command("integrations", "Stripe and Stripe Test, as merchants link with them.",
  ACTIONS)
