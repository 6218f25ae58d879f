-- `commerce webhooks`: the consumers of webhooks and the messages that were sent to them.

local ascii = require "commerce.base.ascii"
local console = require "commerce.cli.kit.console"
local consumers = require "commerce.webhooks.consumers"
local deletion = require "commerce.cli.kit.deletion"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local lookup = require "commerce.cli.kit.lookup"
local options = require "commerce.cli.kit.options"
local payload = require "commerce.webhooks.payload"
local retention = require "commerce.account.retention"
local time = require "commerce.base.time"

local must = errors.must

-- ---------------------------------------------------------------- consumers

local function state_of(row)
  return row.disabled and "disabled" or row.failing_since and "failing" or "enabled"
end

local function view_of(row, queue)
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
    rows[i] = { lookup.short(each.id), each.url, words(each.eventTypes, "all"),
      words(each.companyTags, "all"), each.state, each.waiting, each.failed }
  end
  format.print({ "id", "url", "events", "tags", "state", "waiting", "failed" }, rows)
  for _, each in ipairs(list) do
    if each.failingSince then
      console.line(("%s: could not be reached since %s%s"):format(lookup.short(each.id),
        format.minutes(each.failingSince), each.disabled
          and "; `commerce webhooks enable` enables it again" or ""))
    end
  end
end

local function list(app, args)
  local queues, views = must(app.store:webhook_queues()), {}
  for i, row in ipairs(must(app.store:webhook_consumers())) do
    views[i] = view_of(row, queues[row.id])
    if args.json then
      console.json(views[i])
    end
  end
  if not args.json and #views == 0 then
    console.line "no webhook consumers yet: `commerce webhooks add URL` adds one"
  elseif not args.json then
    print_table(views)
  end
end

-- The only place that prints a secret: it was created a moment ago for the person who asked.
local function print_secret(id, secret, args)
  if args.json then
    console.json { id = id, secret = secret }
    return
  end
  console.note "this secret is shown once; the consumer checks the header webhook-signature with it"
  console.line(secret)
end

local function add(app, args)
  local row, secret = must(consumers.add(app.store, { url = args.url,
    event_types = options.names(args.event), company_tags = args.tag }))
  if not args.json then
    console.line("consumer " .. row.id)
  end
  print_secret(row.id, secret, args)
end

local function renew_secret(app, args)
  local row = lookup.consumer(app, args.consumer)
  print_secret(row.id, must(consumers.renew_secret(app.store, row.id)), args)
end

local function delete(app, args)
  local row = lookup.consumer(app, args.consumer)
  deletion.confirm(args, ("Delete the webhook consumer %s with its waiting messages?")
    :format(row.url))
  must(consumers.remove(app.store, row.id))
  console.line(args.json and json.encode { id = row.id, deleted = true } or "deleted " .. row.id)
end

local function switch(disabled)
  return function(app, args)
    local row = lookup.consumer(app, args.consumer)
    must(app.store:disable_webhook_consumer(row.id, disabled))
    row.disabled, row.failing_since = disabled, nil
    local view = view_of(row, must(app.store:webhook_queues())[row.id])
    console.line(args.json and json.encode(view)
      or ("%s is %s; %d waiting"):format(row.id, view.state, view.waiting))
  end
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

local function print_messages(views)
  local cells, problems = {}, {}
  for i, view in ipairs(views) do
    cells[i] = { short(view.webhookId), view.eventType, format.minutes(view.generatedDate),
      view.status, view.attempts }
    if view.error then
      problems[#problems + 1] = ("%s: %s%s"):format(short(view.webhookId), view.error,
        view.nextAttempt and "; next attempt " .. format.minutes(view.nextAttempt) or "")
    end
  end
  format.print({ "message", "event", "happened", "status", "attempts" }, cells)
  for _, line in ipairs(problems) do
    console.line(line)
  end
end

local function list_messages(app, args)
  local consumer, views = lookup.consumer(app, args.consumer), {}
  for i, row in ipairs(must(app.store:webhook_messages(consumer.id,
    { status = args.status, limit = args.limit }))) do
    views[i] = message_of(row)
    if args.json then
      console.json(views[i])
    end
  end
  if not args.json and #views == 0 then
    console.line "no messages"
  elseif not args.json then
    print_messages(views)
  end
end

local MOST_MESSAGES = 100000 -- searched for the beginning of an id

local function refuse_message(text, why)
  errors.throw("usage", ("--message %s: %s"):format(text, why))
end

-- The event of the message that a text names: by its complete id, or by the beginning of the id of
-- a message to this consumer.
local function event_named(app, consumer, text)
  local id, found = payload.event_id(text), nil
  local wanted = ascii.lower(text):gsub("~$", "")
  if id then
    return id
  elseif not wanted:find "^msg_%x%x%x%x" then
    refuse_message(text, "expected msg_... as `commerce webhooks messages` shows it")
  end
  for _, row in ipairs(must(app.store:webhook_messages(consumer.id, { limit = MOST_MESSAGES }))) do
    if payload.webhook_id(row.id):sub(1, #wanted) == wanted then
      if found then
        refuse_message(text, "several messages begin like this; --json shows complete ids")
      end
      found = row.id
    end
  end
  return found or refuse_message(text, "no message to this consumer begins like this; give the "
    .. "complete id")
end

local function selection_of(app, args, consumer)
  if (args.message ~= nil) == (args.since ~= nil) then
    errors.throw("usage", "give --message MSG, or --since DATE for all messages that failed or "
      .. "were missed from then on")
  elseif args.message then
    return { id = event_named(app, consumer, args.message) }
  end
  local since, wrong = time.parse(args.since)
  if not since then
    errors.throw("usage", "--since: " .. wrong)
  end
  return { since = time.format(since), all = args.all }
end

local function replay(app, args)
  local row = lookup.consumer(app, args.consumer)
  local selection = selection_of(app, args, row)
  local count = must(app.store:replay_webhooks(row.id, selection, os.time()))
  if count == 0 and selection.id then
    errors.throw("usage", ("message %s no longer exists; %s after they were sent or given up, "
      .. "see `commerce settings webhook-events`"):format(args.message,
      retention.of_webhooks_in_words(app.store)))
  end
  console.line(args.json and json.encode { id = row.id, queued = count }
    or ("%s %s sent again%s"):format(format.count(count), count == 1 and "message is"
      or "messages are", row.disabled and " once the consumer is enabled" or ""))
end

-- ---------------------------------------------------------------- reach

local function reach(app, args)
  if args.addresses then
    must(consumers.set_reach(app.store, args.addresses))
  end
  local name = must(consumers.reach(app.store))
  console.line(args.json and json.encode { reach = name } or name)
end

-- ---------------------------------------------------------------- the actions

local function consumer_argument(sub)
  sub:argument("consumer", "Its id, the beginning of the id, or its address.")
end

local function add_arguments(sub)
  sub:argument("url", "The address that webhooks are posted to.")
  sub:option("--event", "Only these events: read.completed, connection.connected, ... "
    .. "(default: all)."):argname "EVENT":count "*"
  sub:option("--tag", "Only events of companies with one of these tags, such as region:eu.")
    :argname "NAME:VALUE":count "*"
end

local function messages_arguments(sub)
  sub:option("--status", "Only messages with this status: waiting, delivered or failed (given up).")
    :choices { "waiting", "delivered", "failed" }
  sub:option("--limit", "The maximum number of messages.", "50")
  consumer_argument(sub)
end

local function replay_arguments(sub)
  sub:option("--message", "This message, in any status."):argname "MSG"
  sub:option("--since", "All messages that failed or were missed from then on."):argname "DATE"
  sub:flag("--all", "With --since: delivered messages, too.")
  consumer_argument(sub)
end

local JSON = "As a JSON object."

---@type commerce.cli.Command
return {
  name = "webhooks",
  help = "Manage webhook consumers, and list the messages that were sent to them.",
  actions = {
    { name = "list", help = "List the consumers, with their events and waiting messages.",
      json = "One JSON object per consumer.", store = "existing", run = list },
    { name = "add", help = "Add a consumer. Its secret is printed, once.",
      arguments = add_arguments, json = JSON, store = "create",
      audit = "webhook.create", run = add },
    { name = "delete", help = "Delete a consumer with its waiting messages.",
      arguments = function(sub)
        deletion.yes_option(sub)
        consumer_argument(sub)
      end,
      json = JSON, store = "existing", audit = "webhook.delete", run = delete },
    { name = "enable", help = "Send to a consumer again; waiting messages go first.",
      arguments = consumer_argument, json = JSON, store = "existing", audit = "webhook.enable",
      run = switch(false) },
    { name = "disable", help = "Send nothing to a consumer. Waiting messages stay; later events "
        .. "are not queued.",
      arguments = consumer_argument, json = JSON, store = "existing", audit = "webhook.disable",
      run = switch(true) },
    { name = "messages", help = "List a consumer's messages, newest first.",
      arguments = messages_arguments, json = "One JSON object per message.", store = "existing",
      check = options.check_limit, run = list_messages },
    { name = "replay", help = "Send messages again: those that a consumer missed (while disabled, "
        .. "or before it was added) and those that were given up.",
      arguments = replay_arguments, json = JSON, store = "existing", audit = "webhook.replay",
      run = replay },
    { name = "secret", help = "Replace a consumer's secret. The new secret is printed, once; the "
        .. "old one signs, too, for one day.",
      arguments = consumer_argument, json = JSON, store = "existing", audit = "webhook.secret",
      run = renew_secret },
    { name = "reach", help = "Show or change which addresses webhooks may be sent to.",
      arguments = function(sub)
        sub:argument("addresses", "public (the default): only https addresses on the internet; "
          .. "network: also this machine and private networks, and http."):args "?"
          :choices { "public", "network" }
      end,
      json = JSON, store = "create", audit = "webhook.reach", run = reach },
  },
}
