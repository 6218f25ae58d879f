-- A platform's access to an account, which its Connect connections share: one grant at Stripe
-- serves all connections of an account in one integration.

local errors = require "commerce.base.errors"
local integrations = require "commerce.account.integrations"
local oauth = require "commerce.stripe.oauth"
local stripe = require "commerce.stripe"

local grant = {}

--- The Linked Connect connections of an account.
---@param app commerce.App
---@param integration string its name
---@param account string
---@param except string? the id of a connection to leave out
---@return commerce.ConnectionRow[] rows
function grant.users(app, integration, account, except)
  local rows = app.store:connections { integration = integration,
    account = account, auth = "connect", status = "Linked" }
  local others = {}
  for _, row in ipairs(rows) do
    if row.id ~= except then
      others[#others + 1] = row
    end
  end
  return others
end

--- Create an OAuth client of an integration's platform.
---@param app commerce.App
---@param name string the integration's
---@param options commerce.SessionOptions see `commerce.account.session`
---@return commerce.OAuth client the caller must close it
---@return commerce.Integration integration as it was set up
function grant.client(app, name, options)
  local integration = integrations.find(app.store, name)
  if not integration.client_id then
    errors.throw("usage", ("%s has no client id: set one with `commerce integrations set`")
      :format(integration.title))
  end
  local key = integrations.secret_key(app.store, name)
  local client = errors.finally(function()
    if stripe.is_organisation(key) then
      errors.throw("usage", ("%s's secret key is an organisation key, which cannot link merchants: "
        .. "set the platform account's own key with `commerce integrations set %s`"):format(
        integration.title, name), { code = "organisation_key" })
    end
    return oauth.open(key, { base_url = options.connect_base, timeout = options.timeout,
      connect_timeout = options.connect_timeout, ca_file = options.ca_file })
  end, function()
    key:close() -- the session has its own copy
  end)
  return client, integration
end

--- End the platform's access to an account, unless a connection still needs it.
---@param app commerce.App
---@param integration string its name
---@param account string
---@param options commerce.SessionOptions see `commerce.account.session`
---@param except string? the id of a connection that no longer needs the access
---@return "ended"|"gone"|"shared" outcome gone: the platform had no access; shared: another
---  connection needs it, and Stripe was not called
function grant.release(app, integration, account, options, except)
  if grant.users(app, integration, account, except)[1] then
    return "shared"
  end
  local client, facts = grant.client(app, integration, options)
  local ended = errors.finally(function()
    return client:deauthorize(facts.client_id, account)
  end, function()
    client:close()
  end)
  return ended and "ended" or "gone"
end

return grant
