-- Secrets for a command: from an environment variable, a file or standard input, never from an
-- argument, which every user of the machine can see.

local console = require "commerce.cli.kit.console"
local core = require "commerce.core"
local errors = require "commerce.base.errors"

local must = errors.must

local secret_option = {}

--- Add the options that name the place of a secret.
---@param sub commerce.cli.Parser an argparse command
---@param name string of the option, such as "--secret-key"
---@param what string names the secret, such as "the platform's secret key"
function secret_option.define(sub, name, what)
  sub:option(name .. "-env", ("The environment variable that contains %s."):format(what))
    :argname "NAME"
  sub:option(name .. "-file", ("The file that contains %s; - for standard input."):format(what))
    :argname "FILE"
end

-- Refuses a key in place of the name of its place; the message does not contain the key.
local function check_no_key(option, given, what)
  if core.scrub(given) ~= given then
    errors.throw("usage", ("%s takes the name of %s, not the key itself; other users can see "
      .. "arguments, so replace that key"):format(option, what))
  end
end

local function from_env(option, variable)
  check_no_key(option, variable, "an environment variable")
  if not variable:find("^[%a_][%w_]*$") then
    errors.throw("usage", option .. ": not a name of an environment variable")
  end
  local secret, message, details = core.secret_from_env(variable)
  if message then
    must(nil, ("%s: %s"):format(option, message), details)
  elseif not secret then
    errors.throw("usage", ("%s: the variable %s is not set"):format(option, variable))
  end
  return secret
end

local function from_file(option, path, what)
  check_no_key(option, path, "a file")
  local asked = path == "-" and console.is_terminal(console.STDIN)
  if asked then
    console.prompt(("Type or paste %s; it is not shown: "):format(what))
  end
  local secret, message, details = core.secret_from_file(path)
  if asked then
    console.note ""
  end
  if not secret then
    must(nil, ("%s: %s"):format(option, message), details)
  end
  return secret
end

--- Read the secret. Raises on failure.
---@param args commerce.cli.Arguments parsed arguments
---@param name string as it was defined
---@param what string as it was defined
---@return commerce.core.Secret? secret nil if neither option was given
function secret_option.read(args, name, what)
  local target = name:gsub("^%-%-", ""):gsub("%-", "_")
  local variable, path = args[target .. "_env"], args[target .. "_file"]
  if variable and path then
    errors.throw("usage", ("give %s-env or %s-file, not both"):format(name, name))
  elseif variable then
    return from_env(name .. "-env", variable)
  elseif path then
    return from_file(name .. "-file", path, what)
  end
end

return secret_option
