-- The reports about the money at Stripe: fees, payouts and the balance, in the currencies that the
-- account settles in.

local arithmetic = require "commerce.base.arithmetic"
local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local time = require "commerce.base.time"

local cash = {}

local DAY = 86400 -- seconds
local LACKING = "transactions without an amount are stored"

-- Transactions by currency, then period, then type: sums. Period 0 is all before.
local function transactions_of(input)
  local found = {}
  for _, row in ipairs(input:transactions()) do
    if row.amounts < row.count then
      return nil, LACKING
    end
    local currency, period = row.currency or "XXX", row.period - 1
    found[currency] = found[currency] or {}
    found[currency][period] = found[currency][period] or {}
    input.add(found[currency][period], row.type or "", row.sum)
  end
  return found
end

local function sum_of(sums, ...)
  local total = decimal.sum()
  for _, name in ipairs { ... } do
    if sums and sums[name] then
      total:add(tostring(sums[name]))
    end
  end
  return tostring(total)
end

local function negated(text)
  return text == "0" and text or text:sub(1, 1) == "-" and text:sub(2) or "-" .. text
end

--- Fill the report `fees`: what Stripe kept of what was paid, both in the currency of settlement.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function cash.fees(report, input)
  local found, lacking = transactions_of(input)
  if not found then
    return report:lack(lacking, "volume", "fees", "share")
  end
  for currency, by_period in pairs(found) do
    for i = 1, #input.periods do
      local where, volume = { period = i, currency = currency }, sum_of(by_period[i], "Payment")
      local fees = negated(sum_of(by_period[i], "PaymentFee", "PaymentFeeRefund"))
      report:put(where, "volume", volume)
      report:put(where, "fees", fees)
      report:put(where, "share", arithmetic.quotient(arithmetic.product("100", fees), volume, 2))
    end
  end
end

--- Fill the report `balance`: what the account held when a period ended, available and pending
--- together, and by how much that changed.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function cash.balance(report, input)
  local found, lacking = transactions_of(input)
  if not found then
    return report:lack(lacking, "balance", "change")
  end
  for currency, by_period in pairs(found) do
    local balance = decimal.sum()
    for i = 0, #input.periods do
      local change = decimal.sum()
      for _, sum in pairs(by_period[i] or {}) do
        change:add(tostring(sum))
      end
      balance:add(tostring(change))
      if i > 0 then
        local where = { period = i, currency = currency }
        report:put(where, "balance", tostring(balance))
        report:put(where, "change", tostring(change))
      end
    end
  end
end

-- ---------------------------------------------------------------- payouts

local function new_period()
  return { count = 0, failed = 0, value = decimal.sum(), gaps = 0, days = 0, longest = 0 }
end

local function add_payout(found, row, periods)
  local currency = row.currency or "XXX"
  if not found[currency] then
    found[currency] = { days = {} }
    for i = 0, #periods do
      found[currency][i] = new_period()
    end
  end
  local period = found[currency][row.period - 1]
  if row.status == "Paid" then
    period.count = period.count + row.count
    period.value:add(row.sum)
    found[currency].days[row.arrivalDate:sub(1, 10)] = row.period - 1
  elseif row.status == "Failed" or row.status == "Cancelled" then
    period.failed = period.failed + row.count
  end
end

-- The days between a payout and the one before it belong to the period of the later one.
local function add_gaps(of_currency)
  local before
  for _, day in ipairs(ascii.keys(of_currency.days)) do
    local at, period = time.parse(day), of_currency[of_currency.days[day]]
    if before then
      local gap = math.floor((at - before) / DAY)
      period.gaps, period.days = period.gaps + 1, period.days + gap
      period.longest = math.max(period.longest, gap)
    end
    before = at
  end
end

-- Why the payouts cannot be added up.
local function lacking_of(input, rows)
  for _, row in ipairs(rows) do
    if row.status == nil or row.amounts < row.count then
      return "payouts without a status or an amount are stored"
    end
  end
  return input:left_out(input.store:find_type "payouts", "arrivalDate")
end

--- Fill the report `payouts`: those that arrived in a period, and how regularly.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function cash.payouts(report, input)
  local rows, found = input:payouts(), {}
  local lacking = lacking_of(input, rows)
  if lacking then
    return report:lack(lacking, "payouts", "value", "failed", "averageGap", "longestGap")
  end
  for _, row in ipairs(rows) do
    add_payout(found, row, input.periods)
  end
  for currency, of_currency in pairs(found) do
    add_gaps(of_currency)
    for i = 1, #input.periods do
      local where, period = { period = i, currency = currency }, of_currency[i]
      report:put(where, "payouts", period.count)
      report:put(where, "value", tostring(period.value))
      report:put(where, "failed", period.failed)
      report:put(where, "averageGap", arithmetic.quotient(decimal.tostring(period.days),
        decimal.tostring(period.gaps), 2))
      report:put(where, "longestGap", period.gaps > 0 and period.longest or nil)
    end
  end
end

return cash
