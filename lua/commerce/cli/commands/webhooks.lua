-- `commerce webhooks`: who is told of what happens, and what they have been told.

local actions = require "commerce.cli.kit.actions"
local common = require "commerce.cli.kit.common"
local confirm = require "commerce.cli.kit.confirm"
local consumers = require "commerce.webhooks.consumers"
local errors = require "commerce.base.errors"
local find = require "commerce.cli.kit.find"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"
local payload = require "commerce.webhooks.payload"
local terminal = require "commerce.cli.kit.terminal"
local time = require "commerce.base.time"

-- ---------------------------------------------------------------- consumers

local function state_of(row)
  return row.disabled and "disabled" or row.failing_since and "failing" or "enabled"
end

local function facts_of(row, queue)
  return { id = row.id, url = row.url, disabled = row.disabled, state = state_of(row),
    eventTypes = json.array(row.event_types), companyTags = json.array(row.company_tags),
    created = row.created, failingSince = time.format(row.failing_since),
    waiting = queue and queue.waiting or 0, failed = queue and queue.failed or 0,
    oldestWaiting = queue and queue.oldest or nil }
end

local function words(list, none)
  return #list > 0 and table.concat(list, ", ") or none
end

local function print_table(list)
  local rows = {}
  for i, each in ipairs(list) do
    rows[i] = { find.short(each.id), each.url, words(each.eventTypes, "all"),
      words(each.companyTags, "all"), each.state, each.waiting, each.failed }
  end
  output.line(format.table({ "id", "url", "events", "tags", "state", "waiting", "failed" }, rows,
    terminal.width()))
  for _, each in ipairs(list) do
    if each.failingSince then
      output.line(("%s: nothing has reached it since %s%s"):format(find.short(each.id),
        format.minutes(each.failingSince), each.disabled
          and "; `commerce webhooks enable` sends to it again" or ""))
    end
  end
end

local function list_consumers(app, args)
  local rows, message, details = app.store:webhook_consumers()
  local queues
  if rows then
    queues, message, details = app.store:webhook_queues()
  end
  if not queues then
    return nil, message, details
  end
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = facts_of(row, queues[row.id])
    if args.json then
      output.line(json.encode(list[i]))
    end
  end
  if not args.json and #list == 0 then
    output.line "nobody is told anything yet: `commerce webhooks add URL`"
  elseif not args.json then
    print_table(list)
  end
  return 0
end

-- The one place where a secret is printed: it was made a moment ago, for whoever asked for it.
local function print_secret(id, secret, args)
  if args.json then
    output.line(json.encode { id = id, secret = secret })
    return 0
  end
  io.stderr:write("this secret is shown once; the consumer checks the header webhook-signature "
    .. "with it\n")
  output.line(secret)
  return 0
end

local function add(app, args)
  local row, secret, details = consumers.add(app.store, { url = args.url,
    event_types = common.names(args.event), company_tags = args.tag })
  if not row then
    return nil, secret, details
  end
  if not args.json then
    output.line("consumer " .. row.id)
  end
  return print_secret(row.id, secret, args)
end

local function on_consumer(work)
  return find.with(find.consumer, "consumer", work)
end

local function exchange(row, args, app)
  local secret, message, details = consumers.renew_secret(app.store, row.id)
  if not secret then
    return nil, message, details
  end
  return print_secret(row.id, secret, args)
end

local function delete(row, args, app)
  local ok, message, details = confirm.ask(args, ("Delete the webhook consumer %s with what waits "
    .. "for it?"):format(row.url))
  if ok then
    ok, message, details = consumers.remove(app.store, row.id)
  end
  if ok == nil then
    return nil, message, details
  end
  output.line(args.json and json.encode { id = row.id, deleted = true } or "deleted " .. row.id)
  return 0
end

local function switch(disabled)
  return on_consumer(function(row, args, app)
    local ok, message, details = app.store:disable_webhook_consumer(row.id, disabled)
    if ok == nil then
      return nil, message, details
    end
    row.disabled, row.failing_since = disabled, nil
    local queues
    queues, message, details = app.store:webhook_queues()
    if not queues then
      return nil, message, details
    end
    local all = facts_of(row, queues[row.id])
    output.line(args.json and json.encode(all) or ("%s is %s; %d waiting"):format(row.id,
      all.state, all.waiting))
    return 0
  end)
end

-- ---------------------------------------------------------------- messages

local SHORT = #"msg_" + 12 -- characters of a message's id in a table, enough to name it by

local function short(webhook_id)
  return webhook_id:sub(1, SHORT)
end

local function message_of(row)
  return { id = row.id, webhookId = payload.webhook_id(row.id), eventType = row.type,
    generatedDate = row.at, status = row.status, attempts = row.attempts,
    lastAttempt = row.attempted, httpStatus = row.http_status, error = row.error,
    nextAttempt = row.status == "waiting" and time.format(row.due) or nil }
end

local function list_messages(consumer, args, app)
  local ok, message, details = common.check_limit(args)
  local rows
  if ok then
    rows, message, details = app.store:webhook_messages(consumer.id,
      { status = args.status, limit = args.limit })
  end
  if not rows then
    return nil, message, details
  end
  local cells, trouble = {}, {}
  for i, row in ipairs(rows) do
    local all = message_of(row)
    if args.json then
      output.line(json.encode(all))
    end
    cells[i] = { short(all.webhookId), all.eventType, format.minutes(all.generatedDate), all.status,
      all.attempts }
    if all.error then
      trouble[#trouble + 1] = ("%s: %s%s"):format(short(all.webhookId), all.error, all.nextAttempt
        and "; sent again " .. format.minutes(all.nextAttempt) or "")
    end
  end
  if not args.json and #cells == 0 then
    output.line "no messages"
  elseif not args.json then
    output.line(format.table({ "message", "event", "happened", "status", "tries" }, cells,
      terminal.width()))
    for _, line in ipairs(trouble) do
      output.line(line)
    end
  end
  return 0
end

local MOST_MESSAGES = 100000 -- to look through for the beginning of an id

-- The event whose message is meant: by its whole id, or by the beginning of that of one that the
-- consumer was told of.
local function event_named(app, consumer, text)
  local id, found = payload.event_id(text), nil
  local wanted = text:lower():gsub("~$", "")
  if id then
    return id
  elseif not wanted:find "^msg_%x%x%x%x" then
    return errors.fail("usage", ("--message %s: expected msg_... as `commerce webhooks messages` "
      .. "shows it"):format(text))
  end
  local rows, message, details = app.store:webhook_messages(consumer.id, { limit = MOST_MESSAGES })
  if not rows then
    return nil, message, details
  end
  for _, row in ipairs(rows) do
    if payload.webhook_id(row.id):sub(1, #wanted) == wanted then
      if found then
        return errors.fail("usage", ("--message %s: there are several; --json shows whole ids")
          :format(text))
      end
      found = row.id
    end
  end
  if found then
    return found
  end
  return errors.fail("usage", ("--message %s: the consumer was never told of it; name it by its "
    .. "whole id"):format(text))
end

-- What is to be sent again.
local function asked(app, args, consumer)
  if (args.message ~= nil) == (args.since ~= nil) then
    return errors.fail("usage", "say what: --message MSG, or --since DATE for all that failed or "
      .. "was missed from then on")
  elseif args.message then
    local id, message, details = event_named(app, consumer, args.message)
    if not id then
      return nil, message, details
    end
    return { id = id }
  end
  local since, wrong = time.parse(args.since)
  if not since then
    return errors.fail("usage", "--since: " .. wrong)
  end
  return { since = time.format(since), all = args.all }
end

local function replay(row, args, app)
  local given, message, details = asked(app, args, row)
  local count
  if given then
    count, message, details = app.store:replay_webhooks(row.id, given, os.time())
  end
  if not count then
    return nil, message, details
  elseif count == 0 and given.id then
    return errors.fail("usage", ("there is no message %s any more; those of the last 30 days can "
      .. "be sent again"):format(args.message))
  end
  output.line(args.json and json.encode { id = row.id, queued = count }
    or ("%s %s sent again%s"):format(format.count(count), count == 1 and "message is"
      or "messages are", row.disabled and " once the consumer is enabled" or ""))
  return 0
end

-- ---------------------------------------------------------------- reach

local function reach(app, args)
  local ok, message, details = true, nil, nil
  if args.addresses then
    ok, message, details = consumers.set_reach(app.store, args.addresses)
  end
  local name
  if ok then
    name, message, details = consumers.reach(app.store)
  end
  if not name then
    return nil, message, details
  end
  output.line(args.json and json.encode { reach = name } or name)
  return 0
end

-- ---------------------------------------------------------------- the command

local function json_flag(sub, help)
  sub:flag("--json", help or "As a JSON object.")
  common.store_options(sub)
end

local function consumer_argument(sub, help)
  sub:argument("consumer", "Its id, the beginning of it, or its address.")
  json_flag(sub, help)
end

local ACTIONS = {
  { name = "list", help = "Who is told of what, and how much waits for them.",
    define = function(sub)
      json_flag(sub, "One JSON object a consumer.")
    end,
    run = common.with_app(list_consumers) },
  { name = "add", help = "Add a consumer. Its secret is printed, once.",
    define = function(sub)
      sub:argument("url", "The address that webhooks are posted to.")
      sub:option("--event", "Only these events: read.completed, connection.connected, ... "
        .. "(default: all)."):argname "EVENT":count "*"
      sub:option("--tag", "Only of companies with one of these tags, as region:eu.")
        :argname "NAME:VALUE":count "*"
      json_flag(sub)
    end,
    run = common.with_app(add, { create = true }) },
  { name = "delete", help = "Delete a consumer, with what waits for it.",
    define = function(sub)
      confirm.option(sub)
      consumer_argument(sub)
    end,
    run = on_consumer(delete) },
  { name = "enable", help = "Send to it again, what waits first.", define = consumer_argument,
    run = switch(false) },
  { name = "disable", help = "Send nothing to it. What waits is kept, what happens from now on is "
      .. "not kept for it.", define = consumer_argument, run = switch(true) },
  { name = "messages", help = "What it has been, or is to be told, newest first.",
    define = function(sub)
      sub:option("--status", "Only these: waiting, delivered or failed (given up).")
        :choices { "waiting", "delivered", "failed" }
      sub:option("--limit", "How many at most.", "50")
      consumer_argument(sub, "One JSON object a message.")
    end,
    run = on_consumer(list_messages) },
  { name = "replay", help = "Send again what it missed (while it was disabled, or before it was "
      .. "added) and what was given up.",
    define = function(sub)
      sub:option("--message", "This one, whatever became of it."):argname "MSG"
      sub:option("--since", "All that failed or was missed from then on."):argname "DATE"
      sub:flag("--all", "With --since: also what was delivered.")
      consumer_argument(sub)
    end,
    run = on_consumer(replay) },
  { name = "secret", help = "Exchange its secret. The new one is printed, once; the old one signs, "
      .. "too, for a day.", define = consumer_argument, run = on_consumer(exchange) },
  { name = "reach", help = "Which addresses webhooks may be sent to, or (with an argument) change "
      .. "that.",
    define = function(sub)
      sub:argument("addresses", "public: over https alone, as it is to begin with; network: also "
        .. "of this machine and of private networks, over http as well."):args "?"
        :choices { "public", "network" }
      json_flag(sub)
    end,
    run = common.with_app(reach, { create = true }) },
}

return actions.command("webhooks", "Who is told of what happens here: webhook consumers, and what "
  .. "they have been told.", ACTIONS)
