-- `commerce worker`: the background process that syncs and delivers webhooks.

local ascii = require "commerce.base.ascii"
local console = require "commerce.cli.kit.console"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local keys = require "commerce.account.keys"
local logger = require "commerce.serve.log"
local options = require "commerce.cli.kit.options"
local process = require "commerce.runtime.process"
local time = require "commerce.base.time"
local worker = require "commerce.serve.worker"

local must = errors.must

local function arguments(sub)
  sub:option("--public-url", "The server's address as merchants reach it, used in webhooks "
    .. "(default: that of `commerce serve`, http://127.0.0.1:8080)."):argname "URL"
  sub:flag("--once", "Do what is due now, then end.")
  sub:flag("--status", "Print what waits, and which connections are being read by whom; then end.")
  options.concurrency(sub)
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

-- ---------------------------------------------------------------- what waits, and who works

local function age_of(date, now)
  return date and math.max(now - time.parse(date), 0)
end

local function lease_view(row)
  return { connection = row.connection_id, company = row.company_id, worker = row.worker,
    heldSeconds = row.held and math.floor(row.held), endsInSeconds = math.floor(row.remaining) }
end

local function state_of(app)
  local now, leases, consumers = os.time(), json.array {}, json.array {}
  local state = app.store:queue_state()
  for i, row in ipairs(state.leases) do
    leases[i] = lease_view(row)
  end
  local queues = (app.store.lacking or {}).outbox and {} or app.store:webhook_queues()
  for _, id in ipairs(ascii.keys(queues)) do
    local queue = queues[id]
    consumers[#consumers + 1] = { consumer = id, waiting = queue.waiting, failed = queue.failed,
      oldestSeconds = age_of(queue.oldest, now) }
  end
  return { waitingPulls = state.pulls, waitingConnections = state.connections,
    neverRead = state.first_links, oldestSeconds = age_of(state.oldest, now), leases = leases,
    webhooks = consumers }
end

local function print_state(state)
  console.line(("%s wait, of %s (%d never read)%s"):format(
    format.plural(state.waitingPulls, "pull"),
    format.plural(state.waitingConnections, "connection"), state.neverRead,
    state.oldestSeconds and (", the oldest for %d s"):format(state.oldestSeconds) or ""))
  local rows = {}
  for i, lease in ipairs(state.leases) do
    rows[i] = { lease.connection, process.label(lease.worker), lease.heldSeconds or "-",
      lease.endsInSeconds > 0 and lease.endsInSeconds or "over" }
  end
  if rows[1] then
    console.write "\n"
    format.print({ "connection", "read by", "for s", "lease ends in s" }, rows)
  else
    console.line "no connection is being read"
  end
  for _, queue in ipairs(state.webhooks) do
    if queue.waiting > 0 then
      console.line(("consumer %s: %s, the oldest for %d s"):format(queue.consumer,
        format.plural(queue.waiting, "webhook") .. " wait", queue.oldestSeconds or 0))
    end
  end
end

local function tell_state(app, args)
  local state = state_of(app)
  if args.json then
    console.json(state)
  else
    print_state(state)
  end
end

-- ---------------------------------------------------------------- the work

local function run(app, args)
  if args.status then
    return tell_state(app, args)
  end
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
  options.check_concurrency(args)
end

---@type commerce.cli.Command
return {
  name = "worker",
  help = "Run the syncs that the API requested and those that are due by the settings, and deliver "
    .. "webhooks. Any number of workers may run on one store.",
  json = "With --status: as a JSON object.",
  arguments = arguments, store = "existing", check = check, run = run,
}
