-- The exchange of a merchant's code for the tokens of a Stripe App. They are on disk before the
-- first of them is used, and then the connection is "Linked".

local app_grant = require "commerce.account.app_grant"
local apps = require "commerce.account.apps"
local errors = require "commerce.base.errors"
local exchange = require "commerce.account.link.exchange"
local jobs = require "commerce.runtime.jobs"
local keys = require "commerce.account.keys"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"

local app_exchange = {}

-- Exchange the code, which cannot be used again, and keep what comes of it.
local function spend(app, row, given, options)
  local facts = stripe.integrations[row.integration]
  given.take()
  local asked = os.time()
  local tokens, _, failure = errors.catch(apps.with_client, app, facts.name, options, nil,
    function(client)
      return client:exchange(given.code)
    end)
  if failure then
    exchange.failed(failure, "the secret key must be of the account that has made the app, of the "
      .. "same mode")
  end
  local _, _, other_mode = errors.catch(exchange.check_mode, tokens.livemode, facts)
  if other_mode then
    tokens.access:close()
    tokens.refresh:close()
    errors.rethrow(other_mode)
  end
  return { account = tokens.account, scope = tokens.scope,
    row = app_grant.keep(app, facts.name, tokens, asked) }
end

-- The account's name. Stripe may refuse the account's object to an app, whose account is known from
-- the exchange.
local function name_of(app, row, granted, options)
  local facts, account = stripe.integrations[row.integration], granted.account
  local token, grant = app_grant.open(app, facts.name, account, options)
  local parts, _, failure = errors.catch(sessions.open, app, token, facts, { account = account,
    tend = function(transport, list)
      app_grant.tend(app, grant, transport, list, options)
    end }, options)
  token:close()
  if failure and failure.code == "other_account" then
    errors.rethrow(failure)
  elseif failure then
    return nil
  end
  parts.close()
  return stripe.account_name(parts.account)
end

local function link_account(app, row, given, granted, options)
  keys.link(app, row, { account = granted.account, auth = "app", scope = granted.scope,
    name = name_of(app, row, granted, options), sync_on_link = given.integration.sync_on_link })
  return true
end

--- Exchange a code and link the connection.
---@param app commerce.App
---@param row commerce.ConnectionRow the connection's, as the store gives it; "Linked" afterwards
---@param given commerce.Exchange
---@param options commerce.SessionOptions see `commerce.account.session`
function app_exchange.run(app, row, given, options)
  jobs.hold()
  local granted, message, failure = errors.catch(spend, app, row, given, options)
  jobs.release()
  errors.must(granted, message, failure)
  local _, _, other = errors.catch(link_account, app, row, given, granted, options)
  if other then
    exchange.turn_away(other, "; the app stays installed in %s (%s)", granted.account,
      app_grant.release, app, row.integration, granted.account, options)
  end
end

return app_exchange
