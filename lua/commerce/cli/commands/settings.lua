-- `commerce settings`: which data types are synced, when, in which order, and how far back; and
-- which fields are never stored.

local ascii = require "commerce.base.ascii"
local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local lookup = require "commerce.cli.kit.lookup"
local options = require "commerce.cli.kit.options"
local protection = require "commerce.cli.kit.protection"
local settings = require "commerce.account.settings"
local time = require "commerce.base.time"
local views = require "commerce.cli.kit.views"

local must = errors.must

-- The words of the table are accepted, too.
local SCHEDULES = { none = 0, never = 0, ["never again"] = 0, hourly = 1, daily = 24, weekly = 168,
  monthly = 720 }
local ALL = { all = 0, everything = 0 }
local NAMES = { [0] = "never again", [1] = "hourly", [24] = "daily", [168] = "weekly",
  [720] = "monthly" }

-- The company or integration whose settings the arguments mean; without either: all.
local function owner_of(app, args)
  if args.company and args.integration then
    errors.throw("usage", "--company or --integration, not both")
  elseif args.company then
    return { company = lookup.company(app, args.company).id }
  end
  return { integration = args.integration }
end

local function reach(entry)
  if entry.sync_from_utc then
    return "from " .. entry.sync_from_utc:sub(1, 10)
  elseif entry.sync_from_window then
    return ("%d months"):format(entry.sync_from_window)
  end
  return "everything"
end

local function show(app, args)
  local rows = {}
  for i, entry in ipairs(must(settings.get(app.store, owner_of(app, args)))) do
    if args.json then
      console.json { type = entry.type, fetchOnFirstLink = entry.fetch_on_first_link,
        syncSchedule = entry.sync_schedule, syncOrder = entry.sync_order,
        syncFromUtc = entry.sync_from_utc, syncFromWindow = entry.sync_from_window }
    end
    rows[i] = { entry.type, entry.fetch_on_first_link and "yes" or "no",
      NAMES[entry.sync_schedule] or ("every %d hours"):format(entry.sync_schedule),
      tostring(entry.sync_order), reach(entry) }
  end
  if not args.json then
    format.print({ "type", "at first link", "then", "order", "how far back" }, rows)
  end
end

local function number_of(option, text, expected, words)
  local number = words and words[ascii.lower(text)]
    or text:find "^%-?%d+%.?%d*$" and tonumber(text)
    or words == SCHEDULES and tonumber(text:match "^every (%d+) hours$")
    or words == ALL and tonumber(text:match "^(%d+) months$")
  if not number then
    errors.throw("usage", ("%s: expected %s, got '%s'"):format(option, expected, text))
  end
  return number
end

local YES = { yes = true, no = false }

local function fields_of(args)
  local fields = { sync_from_utc = args.from }
  local seconds, wrong = time.parse(args.from or 0)
  if not seconds then
    errors.throw("usage", "--from: " .. wrong)
  elseif args.from and args.window then
    errors.throw("usage", "--from or --window, not both")
  end
  if args.first_link then
    fields.fetch_on_first_link = YES[args.first_link]
  end
  for _, option in ipairs {
    { "schedule", "sync_schedule", "hours, or hourly, daily, weekly, monthly or none", SCHEDULES },
    { "order", "sync_order", "a whole number" },
    { "window", "sync_from_window", "months, or all", ALL } } do
    local text = args[option[1]]
    if text then
      fields[option[2]] = number_of("--" .. option[1], text, option[3], option[4])
    end
  end
  if next(fields) == nil then
    errors.throw("usage", "nothing to set: give --first-link, --schedule, --order, --from or "
      .. "--window")
  end
  return fields
end

local function set(app, args)
  local owner = owner_of(app, args)
  must(settings.set(app.store, owner, options.names(args.type), fields_of(args)))
  show(app, args)
end

local function reset(app, args)
  must(settings.reset(app.store, owner_of(app, args), options.names(args.type)))
  show(app, args)
end

-- ---------------------------------------------------------------- fields that are never stored

local function connection_of(app, args)
  return args.connection and lookup.connection(app, args.connection) or nil
end

-- Connections of both modes: what is listed for all is to be nowhere.
local function concerned(app, shop)
  return shop and { shop } or must(app:connections())
end

local function show_fields(app, args)
  protection.print(app, connection_of(app, args), args.json)
end

local function change_fields(list)
  return function(app, args)
    local shop = connection_of(app, args)
    must((shop or app):protect { [list] = args.field })
    protection.print(app, shop, args.json)
    return protection.scrub(app, concerned(app, shop), args.json)
  end
end

local function connection_option(sub)
  sub:option("--connection", "Of this connection alone (default: of all)."):argname "ID"
end

local function field_arguments(sub)
  sub:argument("field", "TYPE.FIELD, such as customers.emailAddress, or source:RESOURCE.MEMBER of "
    .. "kept Stripe objects, such as source:charges.billing_details."):args "+"
  connection_option(sub)
end

local NEVER = { never = true, forever = true, none = true }

local function days_of(text)
  local days = tonumber(text)
  if not days and not NEVER[text] then
    errors.throw("usage", ("expected whole days, or never, got '%s'"):format(text))
  end
  return days
end

-- A command that shows for how many days something is kept, and sets it: by these methods of the
-- application, in a JSON object with this member, and in these words.
local function set_days(method, member, removed, kept)
  return function(app, args)
    if args.days then
      must(app["set_" .. method](app, days_of(args.days)))
    end
    local now = app[method](app)
    if args.json then
      console.json { [member] = now or json.null }
    else
      console.line(now and removed:format(now) or kept)
    end
  end
end

local function days_argument(sub)
  sub:argument("days", "Whole days, or never: nothing is removed (default: show it)."):args "?"
end

local function consumer_lines(list)
  for _, consumer in ipairs(list) do
    console.line(("  %s: %s"):format(consumer.name, consumer.behind == 0
      and "it has read all changes" or ("it has not read all changes of %d of %d %s"):format(
      consumer.behind, consumer.connections,
      consumer.connections == 1 and "connection" or "connections")))
  end
end

local function set_change_log(app, args)
  if args.days then
    must(app:set_changes_retention(days_of(args.days)))
  end
  if args.forget and must(app:forget_change_consumer(args.forget)) == 0 then
    errors.throw("usage", ("there is no consumer of changes '%s'"):format(args.forget))
  end
  local now, list = app:changes_retention(), must(app:change_consumers())
  if args.json then
    return console.json { changesRetention = now or json.null, consumers = json.array(list) }
  end
  console.line(now and ("changes are removed from the log after %d days, once all consumers have "
    .. "read them"):format(now) or "all changes are kept in the log")
  consumer_lines(list)
end

-- ---------------------------------------------------------------- requests a second

local function rate_of(option, text)
  if text == nil then
    return nil
  end
  return tonumber(text)
    or errors.throw("usage", ("%s: expected requests a second, got '%s'"):format(option, text))
end

local function set_rates(app, args)
  local shop = lookup.connection(app, args.connection)
  local given = { rate = rate_of("--rate", args.rate),
    endpoint_rate = rate_of("--endpoint-rate", args.endpoint_rate) }
  if args.default and next(given) then
    errors.throw("usage", "--default, or rates, not both")
  elseif args.default or next(given) then
    must(shop:set_rates(given))
  end
  local found = must(shop:rates())
  if args.json then
    console.json(views.rates(found))
  else
    console.line(views.rates_line(views.rates(found)))
  end
end

local function rate_arguments(sub)
  sub:argument("connection", "The connection's id, or the beginning of it.")
  sub:option("--rate", "Requests a second of the account."):argname "N"
  sub:option("--endpoint-rate", "Requests a second of each endpoint."):argname "N"
  sub:flag("--default", "As STRIPE_RATE and STRIPE_ENDPOINT_RATE say, else as Stripe documents.")
end

local function owner_options(sub)
  sub:option("--company", "Settings of this company."):argname "COMPANY"
  sub:option("--integration", "Settings of stripe (live) or stripe-test (default: of both).")
    :argname "I":choices { "stripe", "stripe-test" }
end

local function set_arguments(sub)
  sub:option("--first-link", "Whether a type is read as soon as an account is linked: yes or no.")
    :choices { "yes", "no" }
  sub:option("--schedule", "Hours between two syncs, or hourly, daily, weekly, monthly, none.")
    :argname "HOURS"
  sub:option("--order", "Types with lower numbers are read first."):argname "N"
  sub:option("--from", "Only objects created on this day or later: YYYY-MM-DD."):argname "DATE"
  sub:option("--window", "Only objects created at most so many months before the connection; all "
    .. "for everything."):argname "MONTHS"
  options.types(sub, "all")
  owner_options(sub)
end

local JSON = "One JSON object per data type."
local JSON_FIELDS = "The lists as a JSON object, then an object per connection that was scrubbed."

---@type commerce.cli.Command
return {
  name = "settings",
  help = "Show or set when each data type is synced and how far back: for all, for an "
    .. "integration, for a company. The most specific setting applies. Also: which fields are "
    .. "never stored.",
  actions = {
    { name = "show", help = "Show the settings that apply.", arguments = owner_options,
      json = JSON, store = "create", run = show },
    { name = "set", help = "Change settings; those not named stay as they are.",
      arguments = set_arguments, json = JSON, store = "create",
      audit = "data.schedule", run = set },
    { name = "reset", help = "Remove settings at this level: those of the level above apply again.",
      arguments = function(sub)
        options.types(sub, "all")
        owner_options(sub)
      end,
      json = JSON, store = "create", audit = "data.reset", run = reset },
    { name = "fields", help = "Show the fields that are left out or hashed.",
      arguments = connection_option, json = "As a JSON object.", store = "create",
      run = show_fields },
    { name = "leave-out", help = "Never store these fields again, and remove what is stored.",
      arguments = field_arguments, json = JSON_FIELDS, store = "create",
      audit = "data.fields", run = change_fields "leave_out" },
    { name = "hash", help = "Store only a keyed hash of these fields, also in place of what is "
      .. "stored.",
      arguments = field_arguments, json = JSON_FIELDS, store = "create",
      audit = "data.fields", run = change_fields "hash" },
    { name = "keep", help = "Store these fields again; `commerce sync --full` reads them.",
      arguments = field_arguments, json = JSON_FIELDS, store = "create",
      audit = "data.fields", run = change_fields "keep" },
    { name = "retention", help = "For how long records are kept that Stripe deleted.",
      arguments = function(sub)
        sub:argument("days", "Whole days, or never: they are not removed (default: show it).")
          :args "?"
      end,
      json = "As a JSON object.", store = "create", audit = "data.retention",
      run = set_days("deleted_retention", "deletedRetention", "records that Stripe deleted are "
        .. "removed after %d days", "records that Stripe deleted are kept") },
    { name = "change-log", help = "For how long the log of changes is kept, and who reads it.",
      arguments = function(sub)
        days_argument(sub)
        sub:option("--forget", "Forget a consumer that does not read any more: what it has not "
          .. "read is kept for it otherwise."):argname "CONSUMER"
      end,
      json = "As a JSON object.", store = "create", audit = "data.retention",
      run = set_change_log },
    { name = "webhook-events", help = "For how long webhook events are kept that were sent or "
      .. "given up.",
      arguments = days_argument,
      json = "As a JSON object.", store = "create", audit = "data.retention",
      run = set_days("webhooks_retention", "webhooksRetention", "webhook events that were sent or "
        .. "given up are removed after %d days", "all webhook events are kept") },
    { name = "rates", help = "Show or set how many requests a second are sent to Stripe for a "
      .. "connection.",
      arguments = rate_arguments, json = "As a JSON object.", store = "existing",
      audit = "data.rates", run = set_rates },
  },
}
