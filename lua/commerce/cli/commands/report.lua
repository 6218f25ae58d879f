-- `commerce report NAME`: prints a merchant's numbers.

local ascii = require "commerce.base.ascii"
local console = require "commerce.cli.kit.console"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local figures = require "commerce.figures"
local format = require "commerce.cli.kit.format"
local lookup = require "commerce.cli.kit.lookup"

local must = errors.must

-- The options that say how many periods of which unit.
local UNITS = { days = "Day", weeks = "Week", months = "Month", years = "Year" }
local ORDER = { "days", "weeks", "months", "years" }

local function arguments(sub)
  local lines = {}
  for i, kind in ipairs(figures.KINDS) do
    lines[i] = kind.name
  end
  sub:argument("report", "The report: " .. table.concat(lines, ", ") .. ".")
  sub:option("--months", "So many calendar months, the present one included (default: 12).")
    :argname "N"
  sub:option("--days", "So many days instead."):argname "N"
  sub:option("--weeks", "So many times seven days instead."):argname "N"
  sub:option("--years", "So many times twelve months instead."):argname "N"
  sub:option("--date", "The date that the last period contains or ends with, YYYY-MM-DD in UTC "
    .. "(default: today)."):argname "DATE"
  sub:option("--connection", "The connection, if there are several."):argname "ID"
end

local function check(args)
  if not figures.find(args.report) then
    errors.throw("usage", select(2, figures.find(args.report)))
  end
  args.asked = { date = args.date }
  for _, option in ipairs(ORDER) do
    local text = args[option]
    local count = text and text:find "^%d+$" and #text < 10 and tonumber(text)
    if text and not count then
      errors.throw("usage", ("--%s: expected a whole number, got '%s'"):format(option, text))
    elseif text and args.asked.unit then
      errors.throw("usage", "name one of --days, --weeks, --months and --years")
    elseif text then
      args.asked.unit, args.asked.count = UNITS[option], count
    end
  end
end

local function connection_of(app, args)
  if args.connection then
    return lookup.connection(app, args.connection)
  end
  local list = lookup.connections(app)
  if #list == 0 then
    errors.throw("usage", ("there are no connections in %s mode; run `commerce sync` first")
      :format(must(app:mode())))
  elseif #list > 1 then
    errors.throw("usage", ("there are %d connections in %s mode: name one by --connection ID; "
      .. "`commerce connections list` lists them"):format(#list, must(app:mode())))
  end
  return list[1]
end

-- ---------------------------------------------------------------- printing

local function print_json(report, connection)
  console.json { event = "report", name = report.name, title = report.title,
    account = connection.account, source = report.source, currency = report.currency }
  for _, row in ipairs(report.rows) do
    local period, values = report.periods[row.period], {}
    for metric, value in pairs(row.values) do
      values[metric] = decimal.value(value)
    end
    console.json { event = "figures", start = period.start, ["end"] = period.finish,
      currency = row.currency, item = row.item, figures = values }
  end
  for _, absent in ipairs(report.absent) do
    console.json { event = "absent", metric = absent.metric, reason = absent.reason }
  end
end

local SUFFIX = { percentage = " %" }

-- Whether a member of some row is set.
local function some(report, name)
  for _, row in ipairs(report.rows) do
    if row[name] then
      return true
    end
  end
  return false
end

local ITEMS = { failures = "reason", topCustomers = "customer" }

local function print_table(report)
  local headings, rows = { "from", "to" }, {}
  local with_currency, with_item = some(report, "currency"), some(report, "item")
  headings[#headings + 1] = with_currency and "cur" or nil
  headings[#headings + 1] = with_item and (ITEMS[report.name] or "of") or nil
  for _, metric in ipairs(report.metrics) do
    headings[#headings + 1] = ascii.lower(metric.title) .. (SUFFIX[metric.kind] or "")
  end
  for i, row in ipairs(report.rows) do
    local period = report.periods[row.period]
    local cells = { period.start, period.finish }
    cells[#cells + 1] = with_currency and (row.currency or "all") or nil
    cells[#cells + 1] = with_item and (row.item or "all") or nil
    for _, metric in ipairs(report.metrics) do
      local value = row.values[metric.name]
      cells[#cells + 1] = value and decimal.value(value) or "-"
    end
    rows[i] = cells
  end
  if #rows > 0 then
    format.print(headings, rows)
  end
  for _, absent in ipairs(report.absent) do
    console.line(("no %s: %s"):format(absent.metric, absent.reason))
  end
end

local function run(app, args)
  local connection = connection_of(app, args)
  local report = must(connection:report(args.report, args.asked))
  if args.json then
    print_json(report, connection)
  else
    print_table(report)
    console.line(("(%s mode, %s, UTC; %s from %s)"):format(must(app:mode()),
      lookup.whose(app, connection), ascii.lower(report.title), report.source))
  end
end

---@type commerce.cli.Command
return {
  name = "report",
  help = "Print a merchant's numbers from the stored records: Codat's commerce metrics, disputes, "
    .. "failed payments, fees, payouts, the largest customers, the balance.",
  arguments = arguments, check = check,
  json = "One JSON object per line: the report, its figures, what is absent.",
  store = "existing", run = run,
}
