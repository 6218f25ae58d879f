-- Opens the store that a command works on, and always closes it, also after a failure.

local commerce = require "commerce"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local store = require "commerce.store"

local must = errors.must

local opener = {}

--- Add the option that names the store.
---@param sub commerce.cli.Parser an argparse command
function opener.option(sub)
  sub:option("--store", "The database, as sqlite:PATH or postgres://… (default: "
    .. "COMMERCE_STORE, then sqlite:commerce.db)."):argname "URL"
end

--- Work with the store open. The application works in the mode of the key in STRIPE_SECRET_KEY;
--- without a key, in the mode that the store is switched to. Raises on failure.
---@param args commerce.cli.Arguments parsed arguments
---@param how "existing"|"create" whether a missing database is an error or is created
---@param work fun(app: commerce.App, args: commerce.cli.Arguments): any
---@return any result of the work
function opener.with(args, how, work)
  must(store.check_shared(args.store or commerce.store_url(), ("`commerce %s` cannot use it")
    :format(args.command)))
  local app = must(commerce.open { store = args.store, create = how == "create",
    mode = environment.key_mode() })
  return errors.finally(function()
    return work(app, args)
  end, function()
    app:close()
  end)
end

return opener
