-- The exchange of a merchant's code for access to an account. The account is verified before the
-- connection is "Linked".

local errors = require "commerce.base.errors"
local grant = require "commerce.account.grant"
local keys = require "commerce.account.keys"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"

local exchange = {}

local function refuse(code, message)
  errors.throw("auth", message, { code = code })
end

--- Raise the failure of a code's exchange. If the answer is lost or unreadable, it is unknown
--- whether Stripe accepted the code.
---@param failure commerce.Failure
---@param hint string what to do if Stripe refuses the key that the code was sent with
function exchange.failed(failure, hint)
  local definite = failure.status and failure.status >= 400 and failure.status < 500
  if failure.status == 401 then
    failure.hint = hint
  end
  errors.rethrow(failure, definite and "Stripe refuses the merchant's code, begin a new link"
    or "it is not known whether Stripe took the merchant's code, so it is not sent again: begin a "
    .. "new link")
end

--- Refuse an answer of the other mode.
---@param livemode boolean of Stripe's answer
---@param facts commerce.StripeIntegration the integration, see commerce.stripe
function exchange.check_mode(livemode, facts)
  if livemode ~= facts.livemode then
    refuse("wrong_mode", ("Stripe's answer is of %s mode, %s is for %s mode: nothing was linked")
      :format(livemode and "live" or "test", facts.title, facts.mode))
  end
end

--- The platform's own account. Asked for before the code is exchanged, so that a platform key that
--- Stripe refuses does not cost the merchant's code.
---@param app commerce.App
---@param key commerce.core.Secret the platform's secret key
---@param facts commerce.StripeIntegration the integration, see commerce.stripe
---@param options commerce.SessionOptions see `commerce.account.session`
---@return string account "acct_..."
function exchange.platform_account(app, key, facts, options)
  local parts, _, failure = errors.catch(sessions.open, app, key, facts, {}, options)
  if failure then
    if failure.status == 401 then
      failure.hint = keys.platform_hint(facts.name)
    end
    errors.rethrow(failure, ("%s's secret key"):format(facts.title))
  end
  parts.close()
  return parts.account.id
end

-- Exchange the code; it cannot be used again.
local function spend(app, given, options)
  local client = grant.client(app, given.integration.name, options)
  return errors.finally(function()
    given.take()
    local answer, _, failure = errors.catch(client.token, client, given.code)
    if failure then
      exchange.failed(failure, "client id and secret key must be the same platform's, of the same "
        .. "mode")
    end
    return answer
  end, function()
    client:close()
  end)
end

local KINDS = { express = "an Express account", custom = "a Custom account" }

--- Verify the account: it must answer to the platform's key with its own id, and must be a Standard
--- account.
---@param app commerce.App
---@param key commerce.core.Secret the platform's secret key
---@param facts commerce.StripeIntegration the integration, see commerce.stripe
---@param id string "acct_..."
---@param options commerce.SessionOptions see `commerce.account.session`
---@return commerce.StripeObject account
function exchange.prove(app, key, facts, id, options)
  local parts = sessions.open(app, key, facts, { account = id, header = true }, options)
  parts.close()
  if parts.account.type ~= "standard" then
    refuse("not_standard", ("%s is %s: only Standard accounts can be linked, which their owners "
      .. "control themselves"):format(id, KINDS[parts.account.type] or "not a Standard account"))
  end
  return parts.account
end

--- Turn an account away that does not belong in the connection: end the access that its owner has
--- given, and raise the reason.
---@param failure commerce.Failure the reason
---@param remains string what remains if the access cannot be ended: "...; the app stays in %s (%s)"
---  of the account and why
---@param account string "acct_..."
---@param release function ends the access; gives or raises as `commerce.account.grant.release`
---@param ... any its arguments
function exchange.turn_away(failure, remains, account, release, ...)
  local released, why = errors.catch(release, ...)
  failure.released = released
  if not released then
    failure.message = failure.message .. remains:format(account, why)
  end
  errors.rethrow(failure)
end

local function link_account(app, row, given, answer, own, options)
  local id = answer.stripe_user_id
  if id == own then
    refuse("own_account", ("%s is the platform's own account, which cannot be linked: choose "
      .. "another one"):format(id))
  end
  local account = exchange.prove(app, given.key, stripe.integrations[row.integration], id, options)
  keys.link(app, row, { account = id, auth = "connect", scope = answer.scope,
    name = stripe.account_name(account), sync_on_link = given.integration.sync_on_link })
  return true
end

---@class commerce.Exchange
---@field code string
---@field key commerce.core.Secret? the platform's secret key; nil if an app's code is exchanged
---@field integration commerce.Integration
---@field take fun() called right before the code is sent; raises if another process has sent it

--- Exchange a code and link the connection.
---@param app commerce.App
---@param row commerce.ConnectionRow the connection's, as the store gives it; "Linked" afterwards
---@param given commerce.Exchange with the platform's secret key
---@param options commerce.SessionOptions see `commerce.account.session`
function exchange.run(app, row, given, options)
  local facts = stripe.integrations[row.integration]
  local own = exchange.platform_account(app, given.key, facts, options)
  local answer = spend(app, given, options)
  exchange.check_mode(answer.livemode, facts)
  local _, _, failure = errors.catch(link_account, app, row, given, answer, own, options)
  if failure then
    exchange.turn_away(failure, "; the platform's access to %s could not be ended (%s), its owner "
      .. "can end it in Stripe's dashboard", answer.stripe_user_id, grant.release, app,
      row.integration, answer.stripe_user_id, options)
  end
end

return exchange
