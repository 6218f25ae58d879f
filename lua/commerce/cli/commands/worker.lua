-- `commerce worker`: the background process that syncs and delivers webhooks. Called by cli.

local common = require "commerce.cli.kit.common"
local core = require "commerce.core"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"
local time = require "commerce.base.time"
local worker = require "commerce.serve.worker"

local command = {}

--- Declare the command.
---@param parser table argparse parser
function command.define(parser)
  local found = parser:command("worker", "Sync in the background what is asked for over the API "
    .. "and what the settings say is due, and deliver webhooks. Any number may run on one store.")
  common.store_options(found)
  found:option("--public-url", "How merchants reach the server; it stands in webhooks "
    .. "(default: where `commerce serve` listens, http://127.0.0.1:8080)."):argname "URL"
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
  local ok, message, details = common.check_public_url(args)
  local app
  if ok then
    app, message, details = common.open_existing(args)
  end
  if not app then
    return nil, message, details
  end
  local it = worker.new(app, { log = log, public_url = args.public_url })
  core.hold_interrupts() -- Ctrl-C, or a supervisor's SIGTERM: what is not finished is given back
  local worked
  if args.once then
    repeat
      worked, message, details = it:step(core.interrupted)
    until not worked or core.interrupted()
    ok = worked ~= nil
    if ok then
      ok, message, details = it:deliver(core.interrupted)
    end
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
