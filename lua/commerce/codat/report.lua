-- Codat's view of a report: its commerce metrics. Every period is an item of dimension 0, every
-- metric one of dimension 1. Codat's reports have one currency; further ones have measures of their
-- own, after Codat's.
--
-- Names, dimensions and measures are those of Codat's reference pages (codat-docs,
-- docs/lending/metrics/commerce); period 0 is the oldest, as in their examples.

local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"

local report_view = {}

local PERCENT, NO_UNITS = "%", ""
local VALUE = { name = "Value", type = "currency" }

-- By the report's name. A measure without a unit is of a currency, or a count. An item is { its
-- name, its metric, the index of its measure, whether it is given for each currency }.
local LAYOUTS = {
  revenue = { name = "revenue", dimension = "Revenue metrics",
    measures = { VALUE, { name = "Percentage change vs. previous period", type = "percentage",
      units = PERCENT } },
    items = { { "Revenue", "revenue", 0, true }, { "Revenue growth", "growth", 1, true } } },
  orders = { name = "orders", dimension = "Order metrics",
    measures = { { name = "Count", type = "int" }, VALUE },
    items = { { "Number of orders", "orders", 0 }, { "Total value", "value", 1, true },
      { "Average order value", "average", 1, true } } },
  refunds = { name = "refunds", dimension = "Refund metrics",
    measures = { { name = "Count", type = "int" }, VALUE,
      { name = "Percentage", type = "percentage", units = PERCENT } },
    items = { { "Number of refunds", "refunds", 0 }, { "Value of refunds", "value", 1, true },
      { "Refund rate", "rate", 2 } } },
  customerRetention = { name = "customer_retention", dimension = "Customer retention metrics",
    measures = { { name = "Count", type = "int", units = NO_UNITS },
      { name = "Percentage", type = "percentage", units = NO_UNITS } },
    items = { { "Existing customers", "existing", 0 }, { "New customers", "new", 0 },
      { "Total customers", "total", 0 }, { "Retention rate", "retention", 1 },
      { "Repeat rate", "repeat", 1 } } },
  lifetimeValue = { name = "lifetime_value", dimension = "Lifetime value metrics",
    measures = { VALUE }, items = { { "Lifetime value", "lifetimeValue", 0, true } } },
}

--- The names of the reports that Codat has.
---@return table<string, true>
function report_view.names()
  local names = {}
  for name in pairs(LAYOUTS) do
    names[name] = true
  end
  return names
end

-- The currencies that a report has figures of, the main one first.
local function currencies_of(report)
  local list, seen = { report.currency }, { [report.currency] = true }
  for _, row in ipairs(report.rows) do
    if row.currency and not seen[row.currency] then
      seen[row.currency] = true
      list[#list + 1] = row.currency
    end
  end
  return list
end

-- Codat's measures, then those of the further currencies. `place` gives the index of a measure in a
-- currency.
local function measures_of(layout, currencies)
  local list, by_currency = json.array {}, {}
  for i, currency in ipairs(currencies) do
    by_currency[currency] = {}
    for _, item in ipairs(layout.items) do
      local base = item[3]
      local measure = layout.measures[base + 1]
      if i > 1 and item[4] and not by_currency[currency][base] then
        list[#list + 1] = { index = #list, displayName = ("%s (%s)"):format(measure.name, currency),
          type = measure.type, units = measure.units or currency }
        by_currency[currency][base] = #list - 1
      end
    end
    for index, measure in ipairs(i == 1 and layout.measures or {}) do
      list[index] = { index = index - 1, displayName = measure.name, type = measure.type,
        units = measure.units or measure.type == "currency" and currency or nil }
      by_currency[currency][index - 1] = index - 1
    end
  end
  return list, function(base, currency)
    return by_currency[currency][base]
  end
end

local function dimensions_of(report, layout)
  local periods, metrics = json.array {}, json.array {}
  for i, period in ipairs(report.periods) do
    periods[i] = { index = i - 1, displayName = ("Period %d"):format(i - 1), start = period.start,
      ["end"] = period.finish }
  end
  for i, item in ipairs(layout.items) do
    metrics[i] = { index = i - 1, value = item[1] }
  end
  return json.array {
    { index = 0, displayName = "Period", type = "datespan", items = periods },
    { index = 1, displayName = layout.dimension, type = "string", items = metrics },
  }
end

-- The figures of an item in a period; a figure that is absent has no measure.
local function values_of(report, period, item, context)
  local list = json.array {}
  for _, currency in ipairs(item[4] and context.currencies or { false }) do
    local value = report:value(period, item[2], currency or nil)
    if value then
      local index = currency and context.place(item[3], currency) or item[3]
      list[#list + 1] = { index = index, value = decimal.value(value),
        measureDisplayName = context.named and context.measures[index + 1].displayName or nil }
    end
  end
  return list
end

local function components_of(report, period, layout, context)
  local list = json.array {}
  for i, item in ipairs(layout.items) do
    list[i] = { dimension = 1, item = i - 1,
      dimensionDisplayName = context.named and layout.dimension or nil,
      itemDisplayName = context.named and item[1] or nil,
      measures = values_of(report, period, item, context) }
  end
  return list
end

local function errors_of(report)
  local list = json.array {}
  for i, absent in ipairs(report.absent) do
    list[i] = { type = "DataNotStored", message = absent.reason,
      details = { metrics = json.array { absent.metric } } }
  end
  return list
end

--- A report as Codat's API gives it. `reportInfo.source` says which data type it is made of.
---@param report commerce.figures.Report one of `report_view.names`
---@param named boolean whether the data repeats the display names
---@return commerce.codat.View view Codat's CommerceReport
function report_view.view(report, named)
  local layout, currencies = LAYOUTS[report.name], currencies_of(report)
  local measures, place = measures_of(layout, currencies)
  local context = { currencies = currencies, measures = measures, place = place, named = named }
  local data = json.array {}
  for period = 1, #report.periods do
    data[period] = { dimension = 0, item = period - 1,
      dimensionDisplayName = named and "Period" or nil,
      itemDisplayName = named and ("Period %d"):format(period - 1) or nil,
      components = components_of(report, period, layout, context) }
  end
  return { reportInfo = { name = layout.name, displayName = report.title, source = report.source },
    dimensions = dimensions_of(report, layout), measures = measures, reportData = data,
    errors = errors_of(report) }
end

return report_view
