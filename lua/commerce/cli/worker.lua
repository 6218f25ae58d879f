-- `commerce worker`: the background process that syncs. Called by cli.

local common = require "commerce.cli.common"
local core = require "commerce.core"
local json = require "commerce.json"
local output = require "commerce.cli.output"
local time = require "commerce.time"
local worker = require "commerce.worker"

local command = {}

--- Declare the command.
---@param parser table argparse parser
function command.define(parser)
  local found = parser:command("worker", "Sync in the background: what is asked for over the API, "
    .. "and what the settings say is due. Any number may run on one store.")
  common.store_options(found)
  found:flag("--once", "Do what there is to do now, and end.")
end

-- One JSON object a line, for whoever collects logs.
local function log(event)
  event.time = time.now()
  output.line(json.encode(event))
  output.flush()
end

--- Run it.
---@param args table
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  local app, message, details = common.open_existing(args)
  if not app then
    return nil, message, details
  end
  local it = worker.new(app, { log = log })
  core.hold_interrupts() -- Ctrl-C, or a supervisor's SIGTERM: what is not finished is given back
  local worked, ok
  if args.once then
    repeat
      worked, message, details = it:step(core.interrupted)
    until not worked or core.interrupted()
    ok = worked ~= nil
  else
    log { event = "started", worker = it.id }
    ok, message, details = it:run(core.interrupted)
  end
  core.release_interrupts()
  app:close()
  if not ok then
    return nil, message, details
  end
  return 0
end

return command
