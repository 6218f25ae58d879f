-- Moves a connection from its account's own key to Stripe Connect; its id and its data stay.

local errors = require "commerce.base.errors"
local exchange = require "commerce.account.link.exchange"
local grant = require "commerce.account.grant"
local integrations = require "commerce.account.integrations"
local keys = require "commerce.account.keys"
local link = require "commerce.account.link"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"

local migrate = {}

local function check(row)
  if row.auth == "connect" then
    errors.throw("state", ("connection %s already uses Stripe Connect"):format(row.id),
      { code = "by_connect" })
  elseif row.auth == "app" then
    errors.throw("state", ("connection %s is linked by a Stripe App: unlink it first"):format(
      row.id), { code = "by_app" })
  elseif not row.account then
    errors.throw("state", ("connection %s was never linked: link it with `commerce link`")
      :format(row.id), { code = "not_linked" })
  end
end

-- The platform's scope: Stripe has no request for it, but another connection of the account may
-- have it.
local function scope_of(app, row, integration)
  for _, user in ipairs(grant.users(app, integration.name, row.account, row.id)) do
    if user.scope then
      return user.scope
    end
  end
  return integration.scope
end

-- If the account answers to the platform's key, its owner has given the platform access.
local function prove(app, row, key, options)
  local facts = stripe.integrations[row.integration]
  if exchange.platform_account(app, key, facts, options) == row.account then
    errors.throw("auth", ("%s is the platform's own account, which cannot be linked to it")
      :format(row.account), { code = "own_account" })
  end
  local account, _, failure = errors.catch(exchange.prove, app, key, facts, row.account, options)
  if failure and stripe.is_revoked(failure, "connect") then
    errors.throw("auth", ("%s has not let the platform in yet: its owner has to consent")
      :format(row.account), { code = "no_access" })
  elseif failure then
    errors.rethrow(failure)
  end
  return account
end

--- Move a connection to Stripe Connect, if the same account answers to the platform's key. A key
--- that is kept for it is forgotten. A failure changes nothing; its code is "no_access" if the
--- account's owner has to consent first (begin a link of this connection, and its end moves it),
--- "by_connect", "not_linked", "not_enabled", "own_account" or "not_standard".
---@param app commerce.App
---@param row commerce.ConnectionRow of a connection by its own key, as the store gives it; changed
---  with the store
---@param options commerce.SessionOptions? see `commerce.account.session`: base_url, timeout, ...
function migrate.run(app, row, options)
  options = options or {}
  errors.check_options(options, sessions.OPTIONS)
  check(row)
  local integration = link.usable(app, row.integration, { way = "connect" })
  local key = integrations.secret_key(app.store, row.integration)
  local account = errors.finally(function()
    return prove(app, row, key, options)
  end, function()
    key:close()
  end)
  keys.link(app, row, { account = account.id, auth = "connect",
    scope = scope_of(app, row, integration), name = stripe.account_name(account),
    sync_on_link = integration.sync_on_link })
end

return migrate
