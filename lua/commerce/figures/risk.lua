-- The reports about risk: disputes, and failed payments with their reasons.

local ascii = require "commerce.base.ascii"
local arithmetic = require "commerce.base.arithmetic"
local decimal = require "commerce.base.decimal"
local sales = require "commerce.figures.sales"

local risk = {}

-- A bank's question before it disputes a payment: no money moves.
local INQUIRIES = { InquiryEvidenceRequired = true, InquiryProcessing = true, InquiryClosed = true }

local RATE_PLACES = 4 -- decimals: dispute rates are a fraction of a percent

local function percentage(part, whole)
  return arithmetic.quotient(decimal.tostring(part * 100), decimal.tostring(whole), RATE_PLACES)
end

-- Disputes by period and currency; "" is all currencies.
local function disputes_of(input)
  local found, lacking = {}, nil
  for i = 0, #input.periods do
    found[i] = { [""] = { count = 0 } }
  end
  for _, row in ipairs(input:disputes()) do
    if row.status == nil then
      lacking = "disputes without a status are stored"
    elseif not INQUIRIES[row.status] then
      local period, currency = found[row.period - 1], row.currency or "XXX"
      period[currency] = period[currency] or { count = 0, value = decimal.sum() }
      period[""].count = period[""].count + row.count
      period[currency].count = period[currency].count + row.count
      if row.amounts == row.count then
        period[currency].value:add(row.sum)
      else
        period[currency].lacks_value = true
      end
    end
  end
  return found, lacking
end

--- Fill the report `disputes`: those that were opened in a period, by the payments of the period.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function risk.disputes(report, input)
  local disputes, lacking = disputes_of(input)
  local found = sales.of_payments(input)
  if lacking then
    return report:lack(lacking, "disputes", "value", "rate")
  elseif found.lacking then
    report:lack(found.lacking, "rate")
  end
  for i = 1, #input.periods do
    local function put(currency, dispute, count)
      local where = { period = i, currency = currency }
      report:put(where, "disputes", dispute.count)
      report:put(where, "value", dispute.value and not dispute.lacks_value
        and tostring(dispute.value) or nil)
      if not found.lacking then
        report:put(where, "payments", count)
        report:put(where, "rate", percentage(dispute.count, count))
      end
    end
    put(nil, disputes[i][""], sales.total(found.periods[i], "count"))
    for _, currency in ipairs(ascii.keys(disputes[i])) do
      if currency ~= "" then
        local sale = found.periods[i][currency]
        put(currency, disputes[i][currency], sale and sale.count or 0)
      end
    end
  end
end

-- Payments that were tried: how many of them failed, and for which reasons.
local function attempts_of(input)
  local found, lacking = {}, nil
  for i = 0, #input.periods do
    found[i] = { paid = 0, failed = 0, codes = {} }
  end
  for _, row in ipairs(input:payments()) do
    local period, is_refund = found[row.period - 1], row.negative
    if row.status == nil then
      lacking = "payments without a status are stored"
    elseif row.status == "Paid" and not is_refund then
      period.paid = period.paid + row.count
    elseif row.status == "Failed" and not is_refund then
      local code = row.failureCode or ""
      period.failed = period.failed + row.count
      period.codes[code] = (period.codes[code] or 0) + row.count
    end
  end
  return found, lacking
end

-- Whether some failed payment tells its reason; false if there are failed ones and none does.
local function reasons_known(found)
  local failed, known = 0, 0
  for i = 1, #found do
    for code, count in pairs(found[i].codes) do
      failed = failed + count
      known = known + (code ~= "" and count or 0)
    end
  end
  return failed == 0 or known > 0
end

local function by_count(codes)
  local list = ascii.keys(codes)
  local places = {}
  for i, code in ipairs(list) do
    places[code] = i
  end
  table.sort(list, function(a, b)
    if codes[a] ~= codes[b] then
      return codes[a] > codes[b]
    end
    return places[a] < places[b]
  end)
  return list
end

--- Fill the report `failures`. A payment that is pending, authorized or cancelled does not count.
---@param report commerce.figures.Report
---@param input commerce.figures.Input
function risk.failures(report, input)
  local found, lacking = attempts_of(input)
  if lacking then
    return report:lack(lacking, "failed", "rate")
  end
  local reason = input:left_out(input.store:find_type "payments", "failureCode")
    or not reasons_known(found) and "no failed payment that is stored tells its reason" or nil
  if reason then
    report:lack(reason, "share")
  end
  for i, period in ipairs(found) do
    local attempts = period.paid + period.failed
    report:put({ period = i }, "attempts", attempts)
    report:put({ period = i }, "failed", period.failed)
    report:put({ period = i }, "rate", percentage(period.failed, attempts))
    for _, code in ipairs(reason and {} or by_count(period.codes)) do
      local where = { period = i, item = code == "" and "unknown" or code }
      report:put(where, "failed", period.codes[code])
      report:put(where, "share", percentage(period.codes[code], period.failed))
    end
  end
end

return risk
