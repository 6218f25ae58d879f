-- `commerce settings`: what is synced when, in which order, and how far back.

local actions = require "commerce.cli.kit.actions"
local common = require "commerce.cli.kit.common"
local errors = require "commerce.base.errors"
local find = require "commerce.cli.kit.find"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"
local settings = require "commerce.account.settings"
local terminal = require "commerce.cli.kit.terminal"

local SCHEDULES = { none = 0, hourly = 1, daily = 24, weekly = 168, monthly = 720 }
local NAMES = { [0] = "never again", [1] = "hourly", [24] = "daily", [168] = "weekly",
  [720] = "monthly" }

-- Whose settings are meant, and what that is called.
local function whose_of(app, args)
  if args.company and args.integration then
    return errors.fail("usage", "--company or --integration, not both")
  elseif args.company then
    local company, message, details = find.company(app, args.company)
    return company and { company = company.id }, message, details
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

local function print_settings(list, as_json)
  local rows = {}
  for i, entry in ipairs(list) do
    if as_json then
      output.line(json.encode { type = entry.type, fetchOnFirstLink = entry.fetch_on_first_link,
        syncSchedule = entry.sync_schedule, syncOrder = entry.sync_order,
        syncFromUtc = entry.sync_from_utc, syncFromWindow = entry.sync_from_window })
    end
    rows[i] = { entry.type, entry.fetch_on_first_link and "yes" or "no",
      NAMES[entry.sync_schedule] or ("every %d hours"):format(entry.sync_schedule),
      tostring(entry.sync_order), reach(entry) }
  end
  if not as_json then
    output.line(format.table({ "type", "at first link", "then", "order", "how far back" }, rows,
      terminal.width()))
  end
  return 0
end

local function show_settings(app, args)
  local whose, message, details = whose_of(app, args)
  local list
  if whose then
    list, message, details = settings.get(app.store, whose)
  end
  if not list then
    return nil, message, details
  end
  return print_settings(list, args.json)
end

local function number_of(option, text, words)
  local number = words and words[text] or tonumber(text)
  if not number then
    return errors.fail("usage", ("%s: a number expected, got '%s'"):format(option, text))
  end
  return number
end

local YES = { yes = true, no = false }
local ALL = { all = 0 }

local function fields_of(args)
  local fields = { sync_from_utc = args.from }
  if args.first_link then
    fields.fetch_on_first_link = YES[args.first_link]
  end
  for _, option in ipairs { { "schedule", "sync_schedule", SCHEDULES }, { "order", "sync_order" },
    { "window", "sync_from_window", ALL } } do
    local text = args[option[1]]
    if text then
      local number, message, details = number_of("--" .. option[1], text, option[3])
      if not number then
        return nil, message, details
      end
      fields[option[2]] = number
    end
  end
  if next(fields) == nil then
    return errors.fail("usage", "nothing to set: name --first-link, --schedule, --order, --from or "
      .. "--window")
  end
  return fields
end

local function changed_settings(change)
  return function(app, args)
    local whose, message, details = whose_of(app, args)
    local ok
    if whose then
      ok, message, details = change(app, args, whose)
    end
    if not ok then
      return nil, message, details
    end
    return show_settings(app, args)
  end
end

local function whose_options(sub)
  sub:option("--company", "Of this company."):argname "COMPANY"
  sub:option("--integration", "Of stripe (live) or stripe-test (default: of all)."):argname "I"
    :choices { "stripe", "stripe-test" }
  sub:flag("--json", "One JSON object a data type.")
  common.store_options(sub)
end

local function type_option(sub)
  sub:option("--type", "Data types, separated by commas (default: all)."):argname "T":count "*"
end

local ACTIONS = {
  { name = "show", help = "What applies.", define = whose_options,
    run = common.with_app(show_settings, { create = true }) },
  { name = "set", help = "Set something; the rest stays as it is.",
    define = function(sub)
      sub:option("--first-link", "Read it as soon as an account is linked: yes or no.")
        :choices { "yes", "no" }
      sub:option("--schedule", "Hours from one sync to the next, or hourly, daily, weekly, "
        .. "monthly, none."):argname "HOURS"
      sub:option("--order", "Lower numbers are read first."):argname "N"
      sub:option("--from", "Only what was created from this day on: YYYY-MM-DD."):argname "DATE"
      sub:option("--window", "Only what was created so many months before the connection was, and "
        .. "later; all for everything."):argname "MONTHS"
      type_option(sub)
      whose_options(sub)
    end,
    run = common.with_app(changed_settings(function(app, args, whose)
      local fields, message, details = fields_of(args)
      if not fields then
        return nil, message, details
      end
      return settings.set(app.store, whose, common.names(args.type), fields)
    end), { create = true }) },
  { name = "reset", help = "Take back what is set here: what is set above applies again.",
    define = function(sub)
      type_option(sub)
      whose_options(sub)
    end,
    run = common.with_app(changed_settings(function(app, args, whose)
      return settings.reset(app.store, whose, common.names(args.type))
    end), { create = true }) },
}

return actions.command("settings", "What is synced when, and how far back: for all, for an "
  .. "integration, for a company; what is nearer counts.", ACTIONS)
