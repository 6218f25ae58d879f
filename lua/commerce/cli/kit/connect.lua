-- Connecting by what the environment says: the key, the account, the server; or with the key that
-- is kept. Called by the commands that talk to Stripe.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local find = require "commerce.cli.kit.find"

local connect = {}

--- The key in STRIPE_SECRET_KEY.
---@return userdata? key a `commerce.core` secret; nil, alone, if there is none
---@return string? message
---@return commerce.Details? details
function connect.key()
  local key, message, details = core.secret_from_env "STRIPE_SECRET_KEY"
  if key or not message then
    return key
  end
  return nil, "STRIPE_SECRET_KEY: " .. message, details
end

--- There is no key, and one is needed.
---@return nil
---@return string message
---@return commerce.Details details
function connect.no_key()
  return errors.fail("usage", "no key: set STRIPE_SECRET_KEY to your Stripe secret key "
    .. "(Stripe's dashboard, Developers, API keys)")
end

-- A wrong option is a mistake of the program, except that this one comes from the environment.
local VARIABLES = {
  account = "STRIPE_ACCOUNT must be an account id (acct_...)",
}

--- Connect the account of a key, and of STRIPE_ACCOUNT.
---@param app commerce.App
---@param key userdata
---@param options table? further options of `app:connect`
---@return commerce.Connection? shop nil on failure
---@return string? message
---@return commerce.Details? details
function connect.by_key(app, key, options)
  local account, shop, message, details = os.getenv "STRIPE_ACCOUNT", nil, nil, nil
  local all = { secret_key = key, account = account ~= "" and account or nil }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  local ok, raised = pcall(function()
    shop, message, details = app:connect(all)
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

--- One connection: of the key that was given, else the one that is named, with the key that is
--- kept.
---@param app commerce.App
---@param text string? which connection; the key must belong to it
---@param options table? further options of `app:connect`
---@return commerce.Connection? shop nil on failure
---@return string? message
---@return commerce.Details? details
function connect.one(app, text, options)
  local named, message, details
  if text then
    named, message, details = find.connection(app, text)
    if not named then
      return nil, message, details
    end
  end
  local key
  key, message, details = connect.key()
  if key then
    local all = { connection = named and named.id }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    return connect.by_key(app, key, all)
  elseif message then
    return nil, message, details
  elseif named then
    return named:open()
  end
  return connect.no_key()
end

return connect
