-- Moving a connection from its account's own key to Stripe Connect, with its id and its data.
-- Called by commerce (init).

local errors = require "commerce.base.errors"
local exchange = require "commerce.account.link.exchange"
local grant = require "commerce.account.grant"
local integrations = require "commerce.account.integrations"
local link = require "commerce.account.link"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"

local migrate = {}

local function check(shop)
  if shop.auth == "connect" then
    return errors.fail("state", ("connection %s is by Stripe Connect already"):format(shop.id),
      { code = "by_connect" })
  elseif not shop.account then
    return errors.fail("state", ("connection %s was never linked: link it with `commerce link`")
      :format(shop.id), { code = "not_linked" })
  end
  return true
end

-- The scope that the platform has: Stripe does not tell, but another connection of the account may.
local function scope_of(app, shop, integration)
  local users, message, details = grant.users(app, integration.name, shop.account, shop.id)
  if not users then
    return nil, message, details
  end
  for _, user in ipairs(users) do
    if user.scope then
      return user.scope
    end
  end
  return integration.scope
end

-- The same account must answer to the platform's key: then its owner has let the platform in.
local function prove(app, shop, integration, options)
  local facts = stripe.integrations[integration.name]
  local key, message, details = integrations.secret_key(app.store, integration.name)
  if not key then
    return nil, message, details
  end
  local own, account
  own, message, details = exchange.platform_account(app, key, facts, options)
  if own and own ~= shop.account then
    account, message, details = exchange.prove(app, key, facts, shop.account, options)
  end
  key:close()
  if own and own == shop.account then
    return errors.fail("auth", ("%s is the platform's own account, which cannot be linked to it")
      :format(own), { code = "own_account" })
  end
  if not account and stripe.is_revoked(details, "connect") then
    return errors.fail("auth", ("%s has not let the platform in yet: its owner has to consent")
      :format(shop.account), { code = "no_access" })
  end
  return account, message, details
end

--- Move a connection to Stripe Connect, if the same account answers to the platform's key. A key
--- that is kept for it is forgotten.
---@param app commerce.App
---@param shop commerce.Connection by its own key
---@param options table? see `commerce.account.session`: base_url, timeout, ...
---@return commerce.Connection? shop "Linked", by Connect; nil on failure, and nothing has changed.
---  details.code is "no_access" if the account's owner has to consent first: begin a link of this
---  connection, and its end moves it; "by_connect", "not_linked", "not_enabled", "own_account",
---  "not_standard"
---@return string? message
---@return commerce.Details? details
function migrate.run(app, shop, options)
  errors.check_options(options or {}, sessions.OPTIONS)
  local integration, account, scope
  local ok, message, details = check(shop)
  if ok then
    integration, message, details = link.usable(app, shop.integration.name)
  end
  if integration then
    account, message, details = prove(app, shop, integration, options or {})
  end
  if account then
    scope, message, details = scope_of(app, shop, integration)
  end
  if scope then
    ok, message, details = shop:link { account = account.id, auth = "connect", scope = scope,
      name = stripe.account_name(account), sync_on_link = integration.sync_on_link }
  end
  if not scope or not ok then
    return nil, message, details
  end
  return shop
end

return migrate
