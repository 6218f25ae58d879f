-- The environment variables about Stripe: the key and the account, which select the connection.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local failure = require "commerce.cli.kit.failure"
local mode = require "commerce.account.mode"
local tables = require "commerce.base.tables"

local must = errors.must

local environment = {}

--- The key in STRIPE_SECRET_KEY. Raises if its value cannot be a key.
---@return commerce.core.Secret? key nil if the variable is not set
function environment.key()
  return (must(core.secret_from_env "STRIPE_SECRET_KEY"))
end

--- The mode of the key in STRIPE_SECRET_KEY, which the key's prefix states.
---@return "test"|"live"|nil mode nil without a key, and if the key is malformed: `environment.key`
---  reports that
function environment.key_mode()
  local key = core.secret_from_env "STRIPE_SECRET_KEY"
  return key and mode.of_key(key)
end

--- Raise: the command needs a key, and there is none.
function environment.no_key()
  errors.throw("usage", "no key: set STRIPE_SECRET_KEY to your Stripe secret key "
    .. "(Stripe's dashboard, Developers, API keys)")
end

-- A wrong option is a mistake of the program, except that this one comes from the environment or
-- from the command line. With an organisation's key the account is the core's `context`.
local IS_ACCOUNT = { account = true, context = true }

--- Connect the account of a key, and of STRIPE_ACCOUNT. Raises on failure.
---@param app commerce.App
---@param key commerce.core.Secret
---@param options commerce.ConnectOptions? account is used in place of STRIPE_ACCOUNT
---@return commerce.Connection shop
function environment.connect(app, key, options)
  local account = os.getenv "STRIPE_ACCOUNT"
  local all = tables.merged({ secret_key = key, account = account ~= "" and account or nil },
    options)
  local ok, shop, message, details = pcall(app.connect, app, all)
  if ok then
    return must(shop, message, details)
  end
  local option = tostring(shop):match "bad option '([%w_]+)': "
  if not IS_ACCOUNT[option] then
    error(shop, 0)
  end
  errors.throw("usage", ("account '%s': STRIPE_ACCOUNT and --account take an account id "
    .. "(acct_...), not a path"):format(all.account))
end

--- Define the option that names accounts.
---@param sub commerce.cli.Parser an argparse command
function environment.account_option(sub)
  sub:option("--account", "An account to act on (acct_...), in place of STRIPE_ACCOUNT: one of the "
    .. "key's organisation (sk_org_...), or one that is connected to the key's platform. May be "
    .. "given several times."):argname "ACCT":count "*"
end

--- Do something for each account that --account names, or once if it names none. A failure is
--- printed, and the other accounts have their turn.
---@param accounts string[] parsed arguments
---@param work fun(account: string?): integer? gives an exit status; may raise a failure
---@return integer? status exit status
function environment.each_account(accounts, work)
  if #accounts <= 1 then
    return work(accounts[1])
  end
  local worst = 0
  for _, account in ipairs(accounts) do
    local done, message, details = errors.catch(function()
      return { status = work(account) or 0 }
    end)
    if not done then
      failure.print(("account %s: %s"):format(account, message), details)
    end
    worst = math.max(worst, done and done.status or 1)
  end
  return worst
end

--- Open one connection: with the key in the environment, else with the stored key of the connection
--- that was named. Raises on failure.
---@param app commerce.App
---@param named commerce.Connection? the key in the environment must belong to it
---@param options commerce.ConnectOptions? further options of `app:connect`
---@return commerce.Connection shop
function environment.open(app, named, options)
  local key = environment.key()
  if key then
    local all = tables.merged({ connection = named and named.id }, options)
    return environment.connect(app, key, all)
  elseif named then
    return must(named:open())
  end
  environment.no_key()
end

return environment
