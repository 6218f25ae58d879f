-- What a merchant's code is good for: it is exchanged, and the account that it stands for must
-- prove itself before the connection is "Linked". Called by link.

local connection = require "commerce.app.connection"
local errors = require "commerce.base.errors"
local grant = require "commerce.account.grant"
local keys = require "commerce.account.keys"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"

local exchange = {}

local function refuse(code, message)
  return errors.fail("auth", message, { code = code })
end

-- A code's answer may be lost, or say nothing: then nobody knows whether it was taken.
local function failed(message, details)
  local definite = details.status and details.status >= 400 and details.status < 500
  if details.status == 401 then
    details.hint = "client id and secret key must be the same platform's, of the same mode"
  end
  if definite then
    return errors.prefix("Stripe refuses the merchant's code, begin a new link", message, details)
  end
  return errors.prefix("it is not known whether Stripe took the merchant's code, so it is not sent "
    .. "again: begin a new link", message, details)
end

--- Whose key the platform's is. Asked before a code is spent: a platform whose own key is refused
--- has no use for it.
---@param app commerce.App
---@param key userdata the platform's secret key
---@param facts table the integration, see commerce.stripe
---@param options table see `commerce.account.session`
---@return string? account "acct_..."; nil on failure
---@return string? message
---@return commerce.Details? details
function exchange.platform_account(app, key, facts, options)
  local parts, message, details = sessions.open(app, key, facts, {}, options)
  if not parts then
    if details.status == 401 then
      details.hint = keys.platform_hint(facts.name)
    end
    return errors.prefix(("%s's secret key"):format(facts.title), message, details)
  end
  parts.transport:close()
  return parts.account.id
end

-- The code, spent: what Stripe gives for it.
local function spend(app, given, options)
  local client, message, details = grant.client(app, given.integration.name, options)
  local answer, taken
  if client then
    taken, message, details = given.take()
    if taken then
      answer, message, details = client:token(given.code)
    end
    client:close()
  end
  if taken and not answer then
    return failed(message, details)
  end
  return answer, message, details
end

local KINDS = { express = "an Express account", custom = "a Custom account" }

--- The account must answer to the platform's key, as itself, and be its owner's own.
---@param app commerce.App
---@param key userdata the platform's secret key
---@param facts table the integration, see commerce.stripe
---@param id string "acct_..."
---@param options table see `commerce.account.session`
---@return table? account Stripe's object; nil on failure
---@return string? message
---@return commerce.Details? details
function exchange.prove(app, key, facts, id, options)
  local parts, message, details = sessions.open(app, key, facts, { account = id, header = true },
    options)
  if not parts then
    return nil, message, details
  end
  parts.transport:close()
  if parts.account.type ~= "standard" then
    return refuse("not_standard", ("%s is %s: only Standard accounts can be linked, which their "
      .. "owners control themselves"):format(id, KINDS[parts.account.type] or "no Standard one"))
  end
  return parts.account
end

-- The account is not one for this connection: what its owner has given is given back.
local function turn_away(app, row, account, options, message, details)
  local released, why = errors.catch(grant.release, app, row.integration, account, options)
  details.released = released
  if not released then
    message = ("%s; the platform's access to %s could not be ended (%s), its owner can end it in "
      .. "Stripe's dashboard"):format(message, account, why)
  end
  return nil, message, details
end

--- Exchange a code and link the connection.
---@param app commerce.App
---@param row table the connection's, as the store gives it
---@param given table code; key: the platform's secret key; integration, as it was set up; take:
---  called right before the code is sent, gives nil, message, details if somebody else has sent it
---@param options table see `commerce.account.session`
---@return commerce.Connection? shop "Linked"; nil on failure
---@return string? message
---@return commerce.Details? details
function exchange.run(app, row, given, options)
  local facts = stripe.integrations[row.integration]
  local own, message, details = exchange.platform_account(app, given.key, facts, options)
  local answer
  if own then
    answer, message, details = spend(app, given, options)
  end
  if not answer then
    return nil, message, details
  elseif answer.livemode ~= facts.livemode then
    return refuse("wrong_mode", ("Stripe's answer is of %s mode, %s is for %s mode: nothing was "
      .. "linked"):format(answer.livemode and "live" or "test", facts.title, facts.mode))
  end
  local id, account, ok, _ = answer.stripe_user_id, nil, nil, nil
  if id == own then
    _, message, details = refuse("own_account", ("%s is the platform's own account, which "
      .. "cannot be linked: choose another one"):format(id))
  else
    account, message, details = exchange.prove(app, given.key, facts, id, options)
  end
  local shop = account and connection.wrap(app, row, options)
  if shop then
    ok, message, details = shop:link { account = id, auth = "connect", scope = answer.scope,
      name = stripe.account_name(account), sync_on_link = given.integration.sync_on_link }
  end
  if not ok then
    return turn_away(app, row, id, options, message, details)
  end
  return shop
end

return exchange
