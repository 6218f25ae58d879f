-- `commerce worker`: the background process that syncs and delivers webhooks.

local console = require "commerce.cli.kit.console"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local keys = require "commerce.account.keys"
local logger = require "commerce.serve.log"
local options = require "commerce.cli.kit.options"
local time = require "commerce.base.time"
local worker = require "commerce.serve.worker"

local must = errors.must

local function arguments(sub)
  sub:option("--public-url", "The server's address as merchants reach it, used in webhooks "
    .. "(default: that of `commerce serve`, http://127.0.0.1:8080)."):argname "URL"
  sub:flag("--once", "Do what is due now, then end.")
  sub:option("--concurrency", "How many connections are read at once, 1 to 64 (default: 1).")
    :argname "N"
end

-- One JSON object a line, as log collectors read it. The work waits for no reader, unless it is
-- done once, by a person or a script that wants every line.
local function log_to(once)
  return function(event)
    event.time = time.now()
    if once then
      console.json(event)
      console.flush()
    else
      logger.write(event)
    end
  end
end

-- Such connections look linked, and nothing would say why their data stays as it is.
local function tell_missing_keys(app, log)
  for _, row in ipairs(keys.missing(app)) do
    log { event = "no_key", connection = row.id, account = row.account,
      message = "its data is not read and its webhooks wait, since no key of it is kept: keep it "
        .. "once with `commerce connections add --keep-key`" }
  end
end

local function work(app, it, once)
  tell_missing_keys(app, it.log)
  if once then
    return must(it:drain(core.interrupted))
  end
  it.log { event = "started", worker = it.id, concurrency = it.concurrency }
  must(it:run(core.interrupted))
end

local function run(app, args)
  local it = worker.new(app, { log = log_to(args.once), public_url = args.public_url,
    concurrency = args.concurrency })
  if not args.once then
    core.own_output() -- a reader that stalls or ends must not stop the work
  end
  core.hold_interrupts() -- after Ctrl-C or SIGTERM, unfinished work goes back to the queue
  errors.finally(function()
    work(app, it, args.once)
  end, core.release_interrupts)
end

local function check(args)
  options.check_public_url(args)
  local count = args.concurrency and tonumber(args.concurrency)
  if args.concurrency and not worker.is_concurrency(count) then
    errors.throw("usage", ("--concurrency: expected a whole number from 1 to 64, got '%s'"):format(
      args.concurrency))
  end
  args.concurrency = count
end

---@type commerce.cli.Command
return {
  name = "worker",
  help = "Run the syncs that the API requested and those that are due by the settings, and deliver "
    .. "webhooks. Any number of workers may run on one store.",
  arguments = arguments, store = "existing", check = check, run = run,
}
