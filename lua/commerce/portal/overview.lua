-- What the overview of a merchant is made of: the periods that were asked for, the reports of them,
-- each once, and figures over the whole range.
--
-- The reports have twice as many periods as are shown: the earlier half is the comparison. So all
-- reports of one page share the store's sums.

local amounts = require "commerce.portal.amounts"
local arithmetic = require "commerce.base.arithmetic"
local decimal = require "commerce.base.decimal"
local figures = require "commerce.figures"
local input = require "commerce.http.input"
local model = require "commerce.model"
local periods = require "commerce.figures.periods"
local response = require "commerce.http.response"

local overview = {}

---@class commerce.portal.Overview
---@field context commerce.portal.Context
---@field connection commerce.Connection
---@field unit "Day"|"Week"|"Month"|"Year"
---@field length integer units in a period
---@field count integer periods that are shown
---@field date string? the range ends with the period of this day
---@field compared boolean whether the reports have the range before
---@field currency string
---@field currencies { code: string, orders: number }[] those with sales in the range
---@field periods commerce.figures.Periods
---@field is_large boolean whether the reports take long
---@field private known table<string, commerce.figures.Report>
local methods = {}
local overview_mt = { __index = methods }

local PAYMENTS = model.find "payments"
local LARGE = 30000 -- payments: the reports of so many take about a second

local MOST = 183 -- periods: the range before has as many, and a report has 366 at most
local UNITS = { Day = 30, Week = 13, Month = 12, Year = 5 } -- periods if no number is asked for

local WHOLE = { topCustomers = true } -- reports of one period, which has no comparison

local function date_of(text)
  if not text or text == "" then
    return nil
  end
  return text:match "^%d%d%d%d%-%d%d%-%d%d$"
    or response.refuse(400, "The last day must be a date such as 2026-09-29.")
end

--- Read the address of an overview.
---@param context commerce.portal.Context
---@param connection commerce.Connection
---@return commerce.portal.Overview
function overview.new(context, connection)
  local asked = context.query
  local unit = UNITS[asked.unit] and asked.unit or "Month"
  local self = setmetatable({ context = context, connection = connection, unit = unit, known = {},
    length = input.whole(asked, "length", 1, 366),
    count = input.whole(asked, "count", UNITS[unit], MOST), date = date_of(asked.date),
    compared = asked.compare ~= "none" }, overview_mt)
  self.periods = periods.new(self:asked(true))
  self.is_large = context.store:count_upto(PAYMENTS, connection.id, LARGE) == LARGE
  return self
end

--- The periods that a report is asked for.
---@param compared boolean whether with those of the range before
---@return commerce.figures.Asked
function methods:asked(compared)
  return { date = self.date, unit = self.unit, length = self.length,
    count = compared and self.compared and 2 * self.count or self.count }
end

--- The number of the first period that is shown.
---@return integer
function methods:first()
  return self.compared and self.count + 1 or 1
end

--- The number of the last one.
---@return integer
function methods:last()
  return self:first() + self.count - 1
end

--- A report over the range, and the one before it.
---@param name string
---@return commerce.figures.Report
function methods:report(name)
  if not self.known[name] then
    self.known[name] = figures.report(self.context.store, self.connection.id, name,
      self:asked(not WHOLE[name]))
  end
  return self.known[name]
end

--- The values of a metric in the periods that are shown, or in those of the range before.
---@param name string the report's
---@param metric string
---@param currency string?
---@param before boolean?
---@return (string|false)[]
function methods:points(name, metric, currency, before)
  local report, list = self:report(name), {}
  local from = before and self:first() - self.count or self:first()
  for i = 1, self.count do
    list[i] = report:value(from + i - 1, metric, currency) or false
  end
  return list
end

--- The sum of a metric over the range, or over the range before.
---@param name string
---@param metric string
---@param currency string?
---@param before boolean?
---@return string? sum nil if no period has a value
function methods:sum(name, metric, currency, before)
  local sum, has = decimal.sum(), false
  for _, point in ipairs(self:points(name, metric, currency, before)) do
    if point then
      sum:add(point)
      has = true
    end
  end
  return has and tostring(sum) or nil
end

--- One sum as a share of another one, in percent.
---@param part string?
---@param whole string?
---@param places integer?
---@return string? percentage nil if the whole is 0 or not known
function overview.share(part, whole, places)
  return part and whole and arithmetic.quotient(arithmetic.product("100", part), whole, places or 2)
end

--- The growth from one sum to another, in percent.
---@param before string?
---@param now string?
---@return string? percentage nil if there was nothing before
function overview.growth(before, now)
  return before and now and overview.share(arithmetic.difference(now, before), before)
end

-- ---------------------------------------------------------------- currencies

--- Find the currencies of the range's sales, and choose the one that is shown.
function methods:choose_currency()
  if self.currencies then
    return
  end
  local report, counts, list = self:report "orders", {}, {}
  for _, row in ipairs(report.rows) do
    if row.currency and row.period >= self:first() then
      counts[row.currency] = (counts[row.currency] or 0) + tonumber(row.values.orders or 0)
    end
  end
  for code, count in pairs(counts) do
    if count > 0 then
      list[#list + 1] = { code = code, orders = count }
    end
  end
  table.sort(list, function(a, b)
    if a.orders ~= b.orders then
      return a.orders > b.orders
    end
    return a.code < b.code
  end)
  local wanted = self.context.query.currency
  self.currencies = list
  self.currency = wanted and counts[wanted] and wanted
    or (counts[report.currency] or 0) > 0 and report.currency
    or list[1] and list[1].code or report.currency
end

--- The currency of a report whose figures are in currencies of settlement: the one that is shown if
--- the report has it.
---@param name string
---@return string
function methods:settled(name)
  local report, main = self:report(name), nil
  for _, row in ipairs(report.rows) do
    if row.currency == self.currency then
      return self.currency
    end
    main = main or row.currency
  end
  return main or report.currency
end

-- ---------------------------------------------------------------- words

--- The labels of the periods that are shown.
---@return string[]
function methods:labels()
  local list = {}
  for i = 1, self.count do
    local year, month, day = self.periods[self:first() + i - 1].start:match "(%d+)-(%d+)-(%d+)"
    local name = amounts.month(month)
    list[i] = self.unit == "Year" and year or self.unit == "Month" and name .. " " .. year:sub(3)
      or ("%d %s"):format(tonumber(day), name)
  end
  return list
end

local WORDS = { Day = "day", Week = "week", Month = "month", Year = "year" }

--- The range in words: "12 months".
---@return string
function methods:range()
  local count = self.count * self.length
  return ("%s %s%s"):format(amounts.count(count), WORDS[self.unit], count == 1 and "" or "s")
end

--- The first and the last day of the range.
---@return string
---@return string
function methods:days()
  return self.periods[self:first()].start, self.periods[self:last()].finish
end

return overview
