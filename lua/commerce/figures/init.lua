-- A merchant's numbers: reports over the stored records of one connection. Nothing is asked of
-- Stripe, and nothing is written.

local Input = require "commerce.figures.input"
local Report = require "commerce.figures.report"
local ascii = require "commerce.base.ascii"
local cash = require "commerce.figures.cash"
local customers = require "commerce.figures.customers"
local errors = require "commerce.base.errors"
local periods = require "commerce.figures.periods"
local risk = require "commerce.figures.risk"
local sales = require "commerce.figures.sales"
local suggest = require "commerce.base.suggest"

local figures = {}

local function money(name, title)
  return { name = name, title = title, kind = "money" }
end

local function count(name, title)
  return { name = name, title = title, kind = "count" }
end

local function percentage(name, title)
  return { name = name, title = title, kind = "percentage" }
end

local function days(name, title)
  return { name = name, title = title, kind = "days" }
end

---@class commerce.figures.Kind
---@field name string
---@field title string
---@field help string
---@field source string the data type that the figures are made of
---@field needs string[] data types that must have been read completely
---@field metrics commerce.figures.Metric[]
---@field fill fun(report: commerce.figures.Report, input: commerce.figures.Input)
---@field whole boolean? the report has one period: all that was asked for

--- The reports, Codat's commerce metrics first.
---@type commerce.figures.Kind[]
figures.KINDS = {
  { name = "revenue", title = "Revenue", help = "Revenue and its growth.",
    source = "payments", needs = { "payments" }, fill = sales.revenue,
    metrics = { money("revenue", "Revenue"), percentage("growth", "Revenue growth") } },
  { name = "orders", title = "Orders", help = "Number, value and average value of orders.",
    source = "payments", needs = { "payments" }, fill = sales.orders,
    metrics = { count("orders", "Number of orders"), money("value", "Total value"),
      money("average", "Average order value") } },
  { name = "refunds", title = "Refunds", help = "Number and value of refunds, and their rate.",
    source = "payments", needs = { "payments" }, fill = sales.refunds,
    metrics = { count("refunds", "Number of refunds"), money("value", "Value of refunds"),
      { name = "rate", title = "Refund rate", kind = "ratio" } } },
  { name = "customerRetention", title = "Customer Retention",
    help = "Existing and new customers, retention rate and repeat rate.",
    source = "payments", needs = { "payments" }, fill = customers.retention,
    metrics = { count("existing", "Existing customers"), count("new", "New customers"),
      count("total", "Total customers"), percentage("retention", "Retention rate"),
      percentage("repeat", "Repeat rate") } },
  { name = "lifetimeValue", title = "Lifetime Value",
    help = "What a customer is expected to pay over the time as a customer.",
    source = "payments", needs = { "payments" }, fill = customers.lifetime,
    metrics = { money("lifetimeValue", "Lifetime value") } },
  { name = "disputes", title = "Disputes", help = "Disputes and their share of the payments.",
    source = "disputes", needs = { "disputes", "payments" }, fill = risk.disputes,
    metrics = { count("disputes", "Number of disputes"), money("value", "Disputed amount"),
      count("payments", "Number of payments"), percentage("rate", "Dispute rate") } },
  { name = "failures", title = "Failed Payments", help = "Failed payments by their reasons.",
    source = "payments", needs = { "payments" }, fill = risk.failures,
    metrics = { count("attempts", "Paid and failed payments"), count("failed", "Failed payments"),
      percentage("rate", "Failure rate"), percentage("share", "Share of the failed") } },
  { name = "fees", title = "Fees", help = "Stripe's fees as a share of the volume.",
    source = "transactions", needs = { "transactions" }, fill = cash.fees,
    metrics = { money("volume", "Volume"), money("fees", "Fees"),
      percentage("share", "Fees of volume") } },
  { name = "payouts", title = "Payouts", help = "Payouts that arrived, and how regularly.",
    source = "payouts", needs = { "payouts" }, fill = cash.payouts,
    metrics = { count("payouts", "Number of payouts"), money("value", "Paid out"),
      count("failed", "Failed payouts"), days("averageGap", "Average days between"),
      days("longestGap", "Most days between") } },
  { name = "topCustomers", title = "Top Customers",
    help = "The share of the ten customers who pay most.",
    source = "payments", needs = { "payments" }, fill = customers.top, whole = true,
    metrics = { money("volume", "Volume"), money("topVolume", "Of the top customers"),
      percentage("share", "Share of volume") } },
  { name = "balance", title = "Balance", help = "The balance at the end of each period.",
    source = "transactions", needs = { "transactions" }, fill = cash.balance,
    metrics = { money("balance", "Balance"), money("change", "Change") } },
}

--- The names of the reports.
---@return string[]
function figures.names()
  local names = {}
  for i, kind in ipairs(figures.KINDS) do
    names[i] = kind.name
  end
  return names
end

local function plain(name)
  return (ascii.lower(name):gsub("[%-_]", ""))
end

--- A report by its name; "customer-retention" and "customerRetention" are the same.
---@param name string
---@return commerce.figures.Kind? kind nil if there is none
---@return string? message names the reports
function figures.find(name)
  for _, kind in ipairs(figures.KINDS) do
    if plain(kind.name) == plain(name) then
      return kind
    end
  end
  local names = figures.names()
  return nil, ("unknown report '%s' (known: %s)%s"):format(name, table.concat(names, ", "),
    suggest.text(name, names))
end

local OPTIONS = { date = "string", unit = "string", length = "number", count = "number" }

local function whole(of_periods)
  local first, last = of_periods[1], of_periods[#of_periods]
  return { { start = first.start, finish = last.finish, from = first.from, to = last.to } }
end

--- Make a report. Raises kind "usage" for an unknown name or impossible periods, and "state" for a
--- data type that has not been read.
---@param store commerce.Store its methods raise their failures
---@param connection_id string
---@param name string see `figures.names`
---@param asked commerce.figures.Asked?
---@return commerce.figures.Report
function figures.report(store, connection_id, name, asked)
  errors.check_options(asked or {}, OPTIONS)
  local kind, message = figures.find(name)
  if not kind then
    errors.throw("usage", message)
  end
  local of_periods = periods.new(asked or {})
  local input = Input.new(store, connection_id, of_periods)
  for _, data_type in ipairs(kind.needs) do
    input:need(data_type)
  end
  local report = Report.new { name = kind.name, title = kind.title, source = kind.source,
    currency = input:currency(), metrics = kind.metrics,
    periods = kind.whole and whole(of_periods) or of_periods }
  kind.fill(report, input)
  return report:close()
end

return figures
