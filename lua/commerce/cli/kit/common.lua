-- What the commands share: their options, and opening the store they name.
-- Called by the commands.

local commerce = require "commerce"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local mode = require "commerce.account.mode"

local common = {}

--- Add the options that every command over a store has.
---@param command table an argparse command
function common.store_options(command)
  command:option("--store", "Where the records are kept, as sqlite:PATH "
    .. "(default: COMMERCE_STORE, then sqlite:commerce.db).")
    :argname "URL"
end

--- Check --limit, where it was given, and make it a number.
---@param args table changed
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function common.check_limit(args)
  local limit = args.limit and tonumber(args.limit)
  if args.limit and (not limit or limit < 0 or limit % 1 ~= 0) then
    return errors.fail("usage", ("--limit: a whole number expected, got '%s'"):format(args.limit))
  end
  args.limit = limit
  return true
end

--- Check --public-url, where it was given.
---@param args table
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function common.check_public_url(args)
  if args.public_url and not args.public_url:find "^https?://[%w%.%-:/_~%[%]]+$" then
    return errors.fail("usage", ("--public-url %s: expected an address such as "
      .. "https://data.example.com"):format(args.public_url))
  end
  return true
end

--- The mode of the key in the environment, which it carries by its prefix.
---@return "test"|"live"|nil mode nil without a key; what is none is told by who uses it
function common.key_mode()
  local key = core.secret_from_env "STRIPE_SECRET_KEY"
  return key and mode.of_key(key)
end

-- The application works in the mode of the key in the environment; without one in that which the
-- store is switched to.
local function open(args, create)
  return commerce.open { store = args.store, create = create, mode = common.key_mode() }
end

--- Open the store that the arguments name, for reading: it must exist.
---@param args table
---@return commerce.App? app nil on failure
---@return string? message
---@return commerce.Details? details
function common.open_existing(args)
  return open(args, false)
end

--- Refuse what belongs to a connection of the other mode.
---@param app commerce.App
---@param connection commerce.Connection
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function common.check_mode(app, connection)
  local current, message, details = app:mode()
  if not current then
    return nil, message, details
  end
  local own = connection.integration.mode
  if own == current then
    return true
  end
  local switch = common.key_mode() and ", as the key in STRIPE_SECRET_KEY has it"
    or (": `commerce mode %s` switches"):format(own)
  return errors.fail("usage", ("connection %s is in %s mode, and commands work in %s mode now%s")
    :format(connection.id, own, current, switch))
end

--- A command's work with the store open; it is closed whatever happens.
---@param work fun(app: commerce.App, args: table): integer?, string?, commerce.Details?
---@param options table? create = true: the store is made if it does not exist yet
---@return fun(args: table): integer?, string?, commerce.Details? run
function common.with_app(work, options)
  return function(args)
    local app, message, details = open(args, options and options.create or false)
    if not app then
      return nil, message, details
    end
    local ok, status, reason, why = pcall(work, app, args)
    app:close()
    if not ok then
      error(status, 0)
    end
    return status, reason, why
  end
end

--- "a,b" and repeated options as one list.
---@param texts string[]?
---@return string[]? names nil if the option was not given
function common.names(texts)
  local names = texts and #texts > 0 and {} or nil
  for _, text in ipairs(texts or {}) do
    for name in text:gmatch("[^,%s]+") do
      names[#names + 1] = name
    end
  end
  return names
end

return common
