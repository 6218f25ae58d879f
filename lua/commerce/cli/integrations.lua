-- `commerce integrations`: Stripe and Stripe Test, as the operator sets them up.

local actions = require "commerce.cli.actions"
local common = require "commerce.cli.common"
local errors = require "commerce.errors"
local format = require "commerce.cli.format"
local json = require "commerce.json"
local output = require "commerce.cli.output"
local secret_option = require "commerce.cli.secret_option"
local terminal = require "commerce.cli.terminal"

local KEY, WHAT = "--secret-key", "the platform's secret key"

local function facts_of(integration)
  return { integration = integration.name, key = integration.key, mode = integration.mode,
    enabled = integration.enabled, clientId = integration.client_id,
    hasSecretKey = integration.has_secret_key, scope = integration.scope,
    syncOnLink = integration.sync_on_link, redirectUri = integration.redirect_uri }
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
      if integration.redirect_uri then
        output.line(("%s: merchants come back to %s"):format(integration.name,
          integration.redirect_uri))
      end
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
  switch("enable", "Let merchants link with it.", true),
  switch("disable", "Let no merchant link with it; what is linked stays.", false),
}

return actions.command("integrations", "Stripe and Stripe Test, as merchants link with them.",
  ACTIONS)
