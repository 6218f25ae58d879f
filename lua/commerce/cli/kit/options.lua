-- Values of options that several commands take.

local errors = require "commerce.base.errors"

local options = {}

--- Check --limit if it was given, and turn it into a number. Raises on failure.
---@param args commerce.cli.Arguments parsed arguments; changed
function options.check_limit(args)
  local limit = args.limit and args.limit:find "^%d+$" and tonumber(args.limit)
  if args.limit and (not limit or limit > 2 ^ 53) then
    errors.throw("usage", ("--limit: expected a whole number, got '%s'"):format(args.limit))
  end
  args.limit = limit or nil
end

--- Check --public-url if it was given. Raises on failure.
---@param args commerce.cli.Arguments parsed arguments
function options.check_public_url(args)
  if args.public_url and not args.public_url:find "^https?://[%w%.%-:/_~%[%]]+$" then
    errors.throw("usage", ("--public-url %s: expected an address such as "
      .. "https://data.example.com"):format(args.public_url))
  end
end

--- Check --page: the address of a server, of which a command prints a page. Raises on failure.
---@param args commerce.cli.Arguments parsed arguments
function options.check_page(args)
  if args.page and not args.page:find "^https?://[^%s?#]+$" then
    errors.throw("usage", "--page: expected the server's address, such as https://data.example.com")
  end
end

--- Add the option that says how many connections a worker reads at once; read it with
--- `options.check_concurrency`.
---@param sub commerce.cli.Parser an argparse command
function options.concurrency(sub)
  sub:option("--concurrency", "How many connections the worker reads at once, 1 to 64 (default: "
    .. "COMMERCE_CONCURRENCY, then 1)."):argname "N"
end

--- Check --concurrency, or else the variable COMMERCE_CONCURRENCY, and turn it into a number.
--- Raises on failure.
---@param args commerce.cli.Arguments parsed arguments; changed
function options.check_concurrency(args)
  local name, given = "--concurrency", args.concurrency
  if not given then
    name, given = "COMMERCE_CONCURRENCY", os.getenv "COMMERCE_CONCURRENCY"
  end
  if not given or given == "" then
    return
  end
  args.concurrency = given:find "^%d+$" and tonumber(given)
  if not require("commerce.serve.worker").is_concurrency(args.concurrency) then
    errors.throw("usage", ("%s: expected a whole number from 1 to 64, got '%s'"):format(name,
      given))
  end
end

--- "a,b" and repeated options as one list.
---@param texts string[]?
---@return string[]? names nil if the option was not given
function options.names(texts)
  local names = texts and #texts > 0 and {} or nil
  for _, text in ipairs(texts or {}) do
    for name in text:gmatch("[^,%s]+") do
      names[#names + 1] = name
    end
  end
  return names
end

--- Add the option that limits a command to some data types; read it with `options.names`.
---@param sub commerce.cli.Parser an argparse command
---@param default string the types used if the option is missing, such as "all"
function options.types(sub, default)
  sub:option("--type", ("Data types, separated by commas (default: %s)."):format(default))
    :argname "T":count "*"
end

return options
