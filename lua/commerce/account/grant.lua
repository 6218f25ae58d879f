-- A platform's access to an account, which its Connect connections share: one grant at Stripe
-- serves all connections of an account in one integration. Called by connection and link.

local errors = require "commerce.base.errors"
local integrations = require "commerce.account.integrations"
local oauth = require "commerce.stripe.oauth"

local grant = {}

--- The Linked Connect connections of an account.
---@param app commerce.App
---@param integration string its name
---@param account string
---@param except string? the id of one that does not count
---@return table[]? rows nil on failure
---@return string? message
---@return commerce.Details? details
function grant.users(app, integration, account, except)
  local rows, message, details = app.store:connections { integration = integration,
    account = account, auth = "connect", status = "Linked" }
  if not rows then
    return nil, message, details
  end
  local others = {}
  for _, row in ipairs(rows) do
    if row.id ~= except then
      others[#others + 1] = row
    end
  end
  return others
end

--- Make ready to call Stripe's OAuth as the platform of an integration.
---@param app commerce.App
---@param name string the integration's
---@param options table see `commerce.account.session`
---@return commerce.OAuth? client to be closed; nil on failure
---@return commerce.Integration|string integration as it was set up, or the message
---@return commerce.Details? details
function grant.client(app, name, options)
  local integration, message, details = integrations.find(app.store, name)
  if not integration then
    return nil, message, details
  elseif not integration.client_id then
    return errors.fail("usage", ("%s has no client id: set one with `commerce integrations set`")
      :format(integration.title))
  end
  local key
  key, message, details = integrations.secret_key(app.store, name)
  if not key then
    return nil, message, details
  end
  local client
  client, message, details = oauth.open(key, { base_url = options.connect_base,
    timeout = options.timeout, connect_timeout = options.connect_timeout,
    ca_file = options.ca_file })
  key:close() -- the session has its own copy
  return client, client and integration or message, details
end

--- End the platform's access to an account, unless a connection still needs it.
---@param app commerce.App
---@param integration string its name
---@param account string
---@param options table see `commerce.account.session`
---@param except string? the id of a connection that needs it no more
---@return "ended"|"gone"|"shared"|nil outcome gone: there was none any more; shared: another
---  connection needs it, and Stripe was not called; nil on failure
---@return string? message
---@return commerce.Details? details
function grant.release(app, integration, account, options, except)
  local users, message, details = grant.users(app, integration, account, except)
  if not users then
    return nil, message, details
  elseif users[1] then
    return "shared"
  end
  local client, facts
  client, facts, details = grant.client(app, integration, options)
  if not client then
    return nil, facts, details
  end
  local ended
  ended, message, details = client:deauthorize(facts.client_id, account)
  client:close()
  if ended == nil then
    return nil, message, details
  end
  return ended and "ended" or "gone"
end

return grant
