-- The reports about customers: retention, lifetime value, and the share of the largest ones.

local arithmetic = require "commerce.base.arithmetic"
local decimal = require "commerce.base.decimal"
local query = require "commerce.query"
local sales = require "commerce.figures.sales"

local customers = {}

local DAY = "86400" -- seconds
local UNKNOWN = "no sale that is stored names its customer"

local text, quotient, product = decimal.tostring, arithmetic.quotient, arithmetic.product

local function percentage(part, whole)
  return quotient(product("100", part), whole, 2)
end

-- The rows of `store:customers`; nil, and the report says so, if sales are stored and none names a
-- customer: that is unknown, and not 0.
local function counts(report, input, by, found, ...)
  local data_type, asked = sales.customers_asked(input)
  asked.periods, asked.by = input.periods.bounds, by
  local rows, known, sold = input.store:customers(data_type, input.connection_id, asked), 0, 0
  for _, row in ipairs(rows) do
    known = known + row.customers
  end
  for i = 0, #found.periods do
    sold = sold + sales.total(found.periods[i], "count")
  end
  local reason = found.source == "payments" and found.lacking
    or input:left_out(data_type, asked.customer) or sold > 0 and known == 0 and UNKNOWN
  if not reason then
    return rows
  end
  report:lack(reason, ...)
end

--- Fill the report `customerRetention`. Customers are counted over all currencies.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function customers.retention(report, input)
  local found = sales.of(input)
  report.source = found.source
  local rows = counts(report, input, nil, found, "existing", "new", "total", "retention",
    "repeat")
  if not rows then
    return
  end
  local data_type, asked = sales.customers_asked(input)
  asked.periods = input.periods.bounds
  local new, totals = input.store:new_customers(data_type, input.connection_id, asked), {}
  for _, row in ipairs(rows) do
    totals[row.period] = row.customers
  end
  for i = 1, #input.periods do
    local where, total, before = { period = i }, totals[i + 1] or 0, totals[i] or 0
    local existing = total - new[i + 1]
    report:put(where, "existing", existing)
    report:put(where, "new", new[i + 1])
    report:put(where, "total", total)
    report:put(where, "retention", percentage(text(existing), text(before)))
    report:put(where, "repeat", percentage(text(existing), text(total)))
  end
end

-- The average order, times the orders of a customer, times the days between a customer's first and
-- last order of the period: (value / orders) * (records / customers) * (seconds / day / customers).
local function lifetime_value(sale, row, currency)
  if sale.count == 0 or not row then
    return "0"
  end
  local above = product(product(sale.value, text(row.records)), text(row.seconds))
  local below = product(product(text(sale.count), DAY),
    product(text(row.customers), text(row.customers)))
  return quotient(above, below, sales.exponent(currency))
end

--- Fill the report `lifetimeValue`.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function customers.lifetime(report, input)
  local found, by_period = sales.of(input), {}
  report.source = found.source
  if found.lacking then
    return report:lack(found.lacking, "lifetimeValue")
  end
  local rows = counts(report, input, { "currency" }, found, "lifetimeValue")
  if not rows then
    return
  end
  for i = 1, #input.periods do
    by_period[i] = {}
  end
  for _, row in ipairs(rows) do
    if row.period > 1 then
      by_period[row.period - 1][row.currency or "XXX"] = row
    end
  end
  for i, period in ipairs(found.periods) do
    for _, currency in ipairs(found.currencies) do
      report:put({ period = i, currency = currency }, "lifetimeValue",
        lifetime_value(period[currency], by_period[i][currency], currency))
    end
  end
end

local MOST = 10 -- customers

-- The sum of all payments of a currency, minus refunds.
local function volumes(found)
  local list = {}
  for i = 1, #found.periods do
    for currency, sale in pairs(found.periods[i]) do
      list[currency] = list[currency] or decimal.sum()
      list[currency]:add(sale.value)
      list[currency]:add(sale.refunded == "0" and "0" or "-" .. sale.refunded)
    end
  end
  return list
end

local function largest(input, currency)
  local bounds, payments = input.periods.bounds, input.store:find_type "payments"
  return input.store:top_customers(input.connection_id, { limit = MOST,
    periods = { bounds[2], bounds[#bounds] },
    query = assert(query.parse(payments, "status=Paid&&currency=" .. currency)) })
end

--- Fill the report `topCustomers`: one period, which is all that was asked for. It is made of
--- payments, since a refund is taken off its customer's payments.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function customers.top(report, input)
  local found = sales.of_payments(input)
  if found.lacking then
    return report:lack(found.lacking, "volume", "share")
  end
  local sums, reason = volumes(found), input:left_out(input.store:find_type "payments", "customer",
    "charge")
  if reason then
    report:lack(reason, "share")
  end
  for _, currency in ipairs(found.currencies) do
    local where, top, total = { period = 1, currency = currency }, decimal.sum(),
      tostring(sums[currency])
    local list = reason and {} or largest(input, currency)
    for _, row in ipairs(list) do
      top:add(row.sum)
    end
    report:put(where, "volume", total)
    if #list > 0 then
      report:put(where, "topVolume", tostring(top))
      report:put(where, "share", percentage(tostring(top), total))
    elseif total ~= "0" and not reason then
      report:lack(UNKNOWN .. " (" .. currency .. ")", "share")
    end
    for _, row in ipairs(list) do
      local of_one = { period = 1, currency = currency, item = row.customer }
      report:put(of_one, "topVolume", row.sum)
      report:put(of_one, "share", percentage(row.sum, total))
    end
  end
end

return customers
