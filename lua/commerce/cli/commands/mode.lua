-- `commerce mode`: which mode commands work in, and switching it.

local common = require "commerce.cli.kit.common"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local mode = parser:command("mode", "Show or switch the mode that commands work in: test, to "
    .. "begin with, or live. What is of the other mode is not seen. A key in STRIPE_SECRET_KEY "
    .. "carries its own mode, which comes first.")
  mode:argument("mode", "The mode to switch to: test or live."):args "?":choices { "test", "live" }
  mode:flag("--json", "As a JSON object.")
  common.store_options(mode)
end

local function print_mode(args, set, by)
  local key = common.key_mode()
  if args.json then
    output.line(json.encode { mode = key or set, by = key and "key" or by, switchedTo = set })
  elseif key then
    output.line(("%s mode, as the key in STRIPE_SECRET_KEY has it; without a key: %s mode"):format(
      key, set))
  elseif args.mode then
    output.line(set .. " mode from now on")
  else
    output.line(("%s mode; `commerce mode %s` switches"):format(set,
      set == "test" and "live" or "test"))
  end
  return 0
end

local switch = common.with_app(function(app, args)
  local ok, message, details = app:set_mode(args.mode)
  if not ok then
    return nil, message, details
  end
  return print_mode(args, args.mode, "setting")
end, { create = true })

local show = common.with_app(function(app, args)
  local set, by, details = app:stored_mode()
  if not set then
    return nil, by, details
  end
  return print_mode(args, set, by == "set" and "setting" or by)
end)

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  if args.mode then
    return switch(args)
  end
  local status, message, details = show(args)
  if type(details) == "table" and details.code == "no_database" then
    return print_mode(args, "test", "default")
  end
  return status, message, details
end

return command
