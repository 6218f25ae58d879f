-- Secrets for a command: from an environment variable, a file or standard input, never from an
-- argument, which everybody on the machine can see. Called by the commands.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local terminal = require "commerce.cli.kit.terminal"

local secret_option = {}

local STDIN = 0

--- Add the options that tell where a secret is.
---@param command table an argparse command
---@param name string of the option, such as "--secret-key"
---@param what string what it is, such as "the platform's secret key"
function secret_option.define(command, name, what)
  command:option(name .. "-env", ("The environment variable that holds %s."):format(what))
    :argname "NAME"
  command:option(name .. "-file", ("The file that holds %s, or - for standard input."):format(what))
    :argname "FILE"
end

-- A key where its place is wanted: said without it.
local function check_no_key(option, given, what)
  if core.scrub(given) == given then
    return true
  end
  return errors.fail("usage", ("%s takes the name of %s, not the key itself: others can see "
    .. "arguments, so replace that key"):format(option, what))
end

local function from_env(option, variable)
  local ok, wrong, why = check_no_key(option, variable, "an environment variable")
  if not ok then
    return nil, wrong, why
  elseif not variable:find("^[%a_][%w_]*$") then
    return errors.fail("usage", option .. ": this is no name of an environment variable")
  end
  local secret, message, details = core.secret_from_env(variable)
  if secret then
    return secret
  elseif message then
    return nil, ("%s: %s"):format(option, message), details
  end
  return errors.fail("usage", ("%s: the variable %s is not set"):format(option, variable))
end

local function from_file(option, path, what)
  local ok, wrong, why = check_no_key(option, path, "a file")
  if not ok then
    return nil, wrong, why
  end
  local asked = path == "-" and terminal.is_terminal(STDIN)
  if asked then
    io.stderr:write(("Type or paste %s; it is not shown: "):format(what))
    io.stderr:flush()
  end
  local secret, message, details = core.secret_from_file(path)
  if asked then
    io.stderr:write("\n")
  end
  if secret then
    return secret
  end
  return nil, ("%s: %s"):format(option, message), details
end

--- Read the secret.
---@param args table parsed arguments
---@param name string as it was defined
---@param what string as it was defined
---@return commerce.core.Secret? secret nil, alone, if neither option was given
---@return string? message
---@return commerce.Details? details
function secret_option.read(args, name, what)
  local target = name:gsub("^%-%-", ""):gsub("%-", "_")
  local variable, path = args[target .. "_env"], args[target .. "_file"]
  if variable and path then
    return errors.fail("usage", ("give %s-env or %s-file, not both"):format(name, name))
  elseif variable then
    return from_env(name .. "-env", variable)
  elseif path then
    return from_file(name .. "-file", path, what)
  end
end

return secret_option
