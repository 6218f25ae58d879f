-- Connecting by what the environment says: the key, the account, the server.
-- Called by the commands that talk to Stripe.

local core = require "commerce.core"
local errors = require "commerce.errors"

local function read_key()
  local key, message, details = core.secret_from_env "STRIPE_SECRET_KEY"
  if key then
    return key
  elseif message then
    return nil, "STRIPE_SECRET_KEY: " .. message, details
  end
  return errors.fail("usage", "no key: set STRIPE_SECRET_KEY to your Stripe secret key "
    .. "(Stripe's dashboard, Developers, API keys)")
end

-- A wrong option is a mistake of the program, except that these come from the environment.
local VARIABLES = {
  account = "STRIPE_ACCOUNT must be an account id (acct_...)",
  base_url = "STRIPE_API_BASE must be a server's address (https://...)",
}

local function connect_with_environment(app, key)
  local account, shop, message, details = os.getenv "STRIPE_ACCOUNT", nil, nil, nil
  local ok, raised = pcall(function()
    shop, message, details = app:connect { secret_key = key,
      account = account ~= "" and account or nil }
  end)
  if ok then
    return shop, message, details
  end
  local option, wrong = tostring(raised):match("bad option '([%w_]+)': (.*)")
  if not VARIABLES[option] then
    error(raised, 0)
  end
  return errors.fail("usage", ("%s: %s"):format(VARIABLES[option], wrong))
end

--- Connect the account of the key in the environment.
---@param app commerce.App
---@param connection_id string? fail unless the key belongs to this connection
---@return commerce.Connection? shop nil on failure
---@return string? message
---@return commerce.Details? details
return function(app, connection_id)
  local key, message, details = read_key()
  if not key then
    return nil, message, details
  end
  local shop
  shop, message, details = connect_with_environment(app, key)
  if shop and connection_id and shop.id ~= connection_id then
    shop:close()
    return errors.fail("usage", ("the key belongs to connection %s, not to %s")
      :format(shop.id, connection_id))
  end
  return shop, message, details
end
