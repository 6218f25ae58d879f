-- What the commands share: their options, and opening the store they name.
-- Called by the commands.

local commerce = require "commerce"

local common = {}

--- Add the options that every command over a store has.
---@param command table an argparse command
function common.store_options(command)
  command:option("--store", "Where the records are kept, as sqlite:PATH "
    .. "(default: COMMERCE_STORE, then sqlite:commerce.db).")
    :argname "URL"
end

--- Open the store that the arguments name, for reading: it must exist.
---@param args table
---@return commerce.App? app nil on failure
---@return string? message
---@return commerce.Details? details
function common.open_existing(args)
  return commerce.open { store = args.store, create = false }
end

--- A command's work with the store open; it is closed whatever happens.
---@param work fun(app: commerce.App, args: table): integer?, string?, commerce.Details?
---@param options table? create = true: the store is made if it does not exist yet
---@return fun(args: table): integer?, string?, commerce.Details? run
function common.with_app(work, options)
  return function(args)
    local app, message, details = commerce.open { store = args.store,
      create = options and options.create or false }
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
