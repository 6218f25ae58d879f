-- The sales of each period, of orders where a script defines them, else of payments; and the
-- reports revenue, orders and refunds.

local EXPONENTS = require "commerce.catalog.currencies"
local Input = require "commerce.figures.input"
local arithmetic = require "commerce.base.arithmetic"
local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local query = require "commerce.query"

local sales = {}

---@class commerce.figures.Sale the sales of one currency in a period
---@field count integer
---@field value string what the customers paid; of orders: their totals
---@field revenue string of orders: quantity times price of their lines; else the value
---@field refunds integer
---@field refunded string as a positive amount

---@class commerce.figures.Sales
---@field source "payments"|"orders"
---@field currencies string[] the main one first
---@field periods table<string, commerce.figures.Sale>[] by period, then currency; [0] is the one
---  before the first
---@field lacking string? why amounts cannot be added up
---@field no_revenue string? why the revenue is not known
---@field no_refunds string? why the refunds are not known

--- An amount without its sign.
---@param text string
---@return string
local function absolute(text)
  return (text:gsub("^%-", ""))
end

local function empty()
  return { count = 0, refunds = 0, value = decimal.sum(), revenue = decimal.sum(),
    refunded = decimal.sum() }
end

local function at(found, row)
  local period = found.periods[row.period - 1]
  local currency = row.currency or "XXX"
  period[currency] = period[currency] or empty()
  return period[currency]
end

local function add_payments(found, input)
  for _, row in ipairs(input:payments()) do
    if row.status == nil then
      found.lacking = "payments without a status are stored"
    elseif row.status == "Paid" and row.negative == nil then
      found.lacking = "payments without an amount are stored"
    elseif row.status == "Paid" then
      local sale = at(found, row)
      if row.negative then
        sale.refunds = sale.refunds + row.count
        sale.refunded:add(absolute(row.sum))
      else
        sale.count = sale.count + row.count
        sale.value:add(row.sum)
        sale.revenue:add(row.sum)
      end
    end
  end
end

local function add_orders(found, input, orders)
  found.lacking = input:left_out(orders, "totalAmount", "currency")
  found.no_refunds = input:left_out(orders, "totalRefund")
  found.no_revenue = input:left_out(orders, "orderLineItems.quantity", "orderLineItems.unitPrice")
  local store, id, bounds = input.store, input.connection_id, input.periods.bounds
  for _, row in ipairs(store:sums(orders, id, { periods = bounds, by = { "currency" },
    sum = "totalAmount" })) do
    local sale = at(found, row)
    sale.count = row.count
    if row.amounts < row.count then
      found.lacking = found.lacking or "orders without a total are stored"
    else
      sale.value:add(row.sum)
    end
  end
  for _, row in ipairs(store:sums(orders, id, { periods = bounds, by = { "currency" },
    sum = "totalRefund", query = query.parse(orders, "totalRefund<0||totalRefund>0") })) do
    local sale = at(found, row)
    sale.refunds = row.count
    sale.refunded:add(absolute(row.sum))
  end
  for _, row in ipairs(store:line_sums(orders, id, { periods = bounds })) do
    at(found, row).revenue:add(row.sum)
  end
end

-- Every currency is in every period, the main one also if nothing was sold.
local function complete(found, main)
  local seen = { [main] = true }
  for i = 0, #found.periods do
    for currency in pairs(found.periods[i]) do
      seen[currency] = true
    end
  end
  for i = 0, #found.periods do
    local period = found.periods[i]
    for currency in pairs(seen) do
      local sale = period[currency] or empty()
      sale.value, sale.revenue = tostring(sale.value), tostring(sale.revenue)
      sale.refunded = tostring(sale.refunded)
      period[currency] = sale
    end
  end
  seen[main] = nil
  found.currencies = ascii.keys(seen)
  table.insert(found.currencies, 1, main)
end

local function new(input, source)
  local found = { source = source, periods = {} }
  for i = 0, #input.periods do
    found.periods[i] = {}
  end
  return found
end

--- The sales of the periods, of payments.
---@param input commerce.figures.Input
---@return commerce.figures.Sales
function sales.of_payments(input)
  local found = new(input, "payments")
  add_payments(found, input)
  complete(found, input:currency())
  return found
end

--- The sales of the periods.
---@param input commerce.figures.Input
---@return commerce.figures.Sales
function sales.of(input)
  local orders = input:orders()
  if not orders then
    return sales.of_payments(input)
  end
  local found = new(input, "orders")
  add_orders(found, input, orders)
  complete(found, input:currency())
  return found
end

--- The decimals of a currency's amounts.
---@param currency string
---@return integer
function sales.exponent(currency)
  return EXPONENTS[currency] or 2
end

-- Calls `visit(period number, currency, sale, the sale of the period before)`.
local function each(found, visit)
  for i = 1, #found.periods do
    for _, currency in ipairs(found.currencies) do
      visit(i, currency, found.periods[i][currency], found.periods[i - 1][currency])
    end
  end
end

--- How many sales or refunds a period has over all currencies.
---@param period table<string, commerce.figures.Sale>
---@param name "count"|"refunds"
---@return integer
function sales.total(period, name)
  local count = 0
  for _, sale in pairs(period) do
    count = count + sale[name]
  end
  return count
end

--- The growth from one amount to another.
---@param before string
---@param now string
---@return string? percentage nil if there was nothing before
function sales.growth(before, now)
  return arithmetic.quotient(arithmetic.product("100", arithmetic.difference(now, before)), before,
    2)
end

--- Fill the report `revenue`.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function sales.revenue(report, input)
  local found = sales.of(input)
  report.source = found.source
  local reason = found.no_revenue or found.source == "payments" and found.lacking
  if reason then
    return report:lack(reason, "revenue", "growth")
  end
  each(found, function(period, currency, sale, before)
    local where = { period = period, currency = currency }
    report:put(where, "revenue", sale.revenue)
    report:put(where, "growth", sales.growth(before.revenue, sale.revenue))
  end)
end

--- Fill the report `orders`.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function sales.orders(report, input)
  local found = sales.of(input)
  report.source = found.source
  if found.lacking and found.source == "payments" then
    return report:lack(found.lacking, "orders", "value", "average")
  elseif found.lacking then
    report:lack(found.lacking, "value", "average")
  end
  for i, period in ipairs(found.periods) do
    report:put({ period = i }, "orders", sales.total(period, "count"))
  end
  each(found, function(period, currency, sale)
    local where = { period = period, currency = currency }
    report:put(where, "orders", sale.count)
    if not found.lacking then
      report:put(where, "value", sale.value)
      report:put(where, "average", arithmetic.quotient(sale.value, decimal.tostring(sale.count),
        sales.exponent(currency)))
    end
  end)
end

local function rate(refunds, count)
  return arithmetic.quotient(decimal.tostring(refunds), decimal.tostring(count), 4)
end

--- Fill the report `refunds`.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function sales.refunds(report, input)
  local found = sales.of(input)
  report.source = found.source
  local reason = found.no_refunds or found.source == "payments" and found.lacking
  if reason then
    return report:lack(reason, "refunds", "value", "rate")
  end
  for i, period in ipairs(found.periods) do
    local refunds = sales.total(period, "refunds")
    report:put({ period = i }, "refunds", refunds)
    report:put({ period = i }, "rate", rate(refunds, sales.total(period, "count")))
  end
  each(found, function(period, currency, sale)
    local where = { period = period, currency = currency }
    report:put(where, "refunds", sale.refunds)
    report:put(where, "value", sale.refunded)
    report:put(where, "rate", rate(sale.refunds, sale.count))
  end)
end

--- How the sales' customers are asked for.
---@param input commerce.figures.Input
---@return commerce.DataType data_type
---@return commerce.FiguresAsked asked of the store: customer, query
function sales.customers_asked(input)
  local orders = input:orders()
  if orders then
    return orders, { customer = "customerRef.id" }
  end
  return input.store:find_type "payments", { customer = "customer", query = Input.SALES }
end

return sales
