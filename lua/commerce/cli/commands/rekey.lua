-- `commerce rekey`: seal all stored secrets with a new master key.

local common = require "commerce.cli.kit.common"
local credentials = require "commerce.account.credentials"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local rekey = parser:command("rekey", "Seal all stored secrets, of both modes, with a new master "
    .. "key: put the old one in COMMERCE_OLD_MASTER_KEY, the new one in COMMERCE_MASTER_KEY. It "
    .. "may be killed at any moment, and run again.")
  rekey:flag("--json", "As a JSON object.")
  common.store_options(rekey)
end

--- Run it.
---@type fun(args: table): integer?, string?, commerce.Details?
command.run = common.with_app(function(app, args)
  local result, message, details = credentials.rekey(app.store)
  if not result then
    return nil, message, details
  elseif args.json then
    output.line(json.encode { keyId = result.key_id, changed = result.changed,
      unchanged = result.unchanged })
    return 0
  end
  output.line(("both modes: %d sealed anew, %d already sealed with master key %s"):format(
    result.changed, result.unchanged, result.key_id))
  if result.changed > 0 then
    output.line("the old master key is not needed any more, except for older copies of the "
      .. "database")
  end
  return 0
end)

return command
