-- A merchant's numbers, compared with an independent computation: in whole minor units, record by
-- record, over random payments in currencies of every exponent, in both stores.

local catalog = require "commerce.catalog.currencies"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local figures = require "commerce.figures"
local handle = require "commerce.store.handle"
local json = require "commerce.base.json"
local model = require "commerce.model"
local optional_orders = model.optional "orders"
local store = require "commerce.store"

local NOW = "2026-12-01T00:00:00Z"
local CURRENCIES = { "USD", "JPY", "KWD", "EUR" }
local ASKED = { date = "2026-08-15", unit = "Month", length = 1, count = 6 } -- March to August

local function open(url)
  local db = handle(assert(store.open(url)))
  db:save_company { id = "m1", name = "Shop", created = NOW }
  db:add_connection({ id = "c1", company_id = "m1", integration = "stripe-test",
    account = "acct_1", status = "Linked", created = NOW }, "m1")
  return db
end

local function write(db, data_type, list)
  local entries = {}
  for i, values in ipairs(list) do
    entries[i] = { id = values.id or data_type.name,
      body = assert(model.encode(data_type, values)) }
  end
  db:write_page("c1", { records = { [data_type.name] = entries } }, NOW)
  db:save_pull { id = data_type.name, connection_id = "c1", data_type = data_type.name,
    status = "Complete", requested = NOW, completed = NOW, read = #list, created = #list,
    changed = 0, unchanged = 0, progress = 100 }
end

-- ---------------------------------------------------------------- the data

local function amount_of(minor, currency)
  return decimal.from_minor(minor, catalog[currency] or 2)
end

-- Whole minor units as the shortest text in major units.
local function major(minor, currency)
  local exponent, sign = catalog[currency] or 2, minor < 0 and "-" or ""
  local digits = ("%.0f"):format(math.abs(minor))
  digits = ("0"):rep(exponent + 1 - #digits) .. digits
  local whole, fraction = digits:sub(1, #digits - exponent), digits:sub(#digits - exponent + 1)
  fraction = fraction:gsub("0+$", "")
  return sign .. whole .. (fraction ~= "" and "." .. fraction or "")
end

local function random_date()
  return ("2026-%02d-%02dT%02d:%02d:%02dZ"):format(math.random(1, 9), math.random(1, 28),
    math.random(0, 23), math.random(0, 59), math.random(0, 59))
end

local function supplemental(values)
  return { content = { stripe = values } }
end

local CODES = { "card_declined", "expired_card", "insufficient_funds" }

-- Payments as plain facts, with amounts in minor units: what the expectations are made of.
local function random_payments()
  local list = {}
  for i = 1, 900 do
    local currency = CURRENCIES[math.random(#CURRENCIES)]
    local status = ({ "Paid", "Paid", "Paid", "Failed", "Pending" })[math.random(5)]
    local payment = { id = ("ch_%04d"):format(i), currency = currency, status = status,
      minor = math.random(1, 9999999), date = random_date(), month = nil,
      customer = math.random(4) > 1 and "cus_" .. math.random(40) or nil,
      code = status == "Failed" and math.random(5) > 1 and CODES[math.random(3)] or nil }
    list[i] = payment
    if status == "Paid" and math.random(6) == 1 then
      payment.refund = { id = ("re_%04d"):format(i), currency = currency, status = "Paid",
        minor = -math.random(1, payment.minor), date = random_date(), charge = payment.id }
    end
  end
  for i = 1, 900 do
    list[#list + 1] = list[i].refund
  end
  for _, payment in ipairs(list) do
    payment.month = tonumber(payment.date:sub(6, 7))
  end
  return list
end

local function payment_record(payment)
  return { id = payment.id, amount = amount_of(payment.minor, payment.currency),
    currency = payment.currency, status = payment.status, createdDate = payment.date,
    supplementalData = supplemental { customer = payment.customer, failure_code = payment.code,
      charge = payment.charge } }
end

-- ---------------------------------------------------------------- the independent computation

local function is_sale(payment)
  return payment.status == "Paid" and payment.minor > 0
end

local function is_refund(payment)
  return payment.status == "Paid" and payment.minor < 0
end

-- Adds up what a function gives for each payment of a month (and of a currency).
local function total(payments, month, currency, value)
  local sum = 0
  for _, payment in ipairs(payments) do
    if payment.month == month and (not currency or payment.currency == currency) then
      sum = sum + (value(payment) or 0)
    end
  end
  return sum
end

local function sold(payment)
  return is_sale(payment) and payment.minor
end

local function one_sale(payment)
  return is_sale(payment) and 1
end

-- The quotient of whole numbers as text with so many decimals, a half away from zero; exact, since
-- the numbers here are small.
local function ratio(above, below, places)
  if below == 0 then
    return nil
  end
  local scaled = math.floor(math.abs(above) * 10 ^ places * 2 / below + 1) / 2
  local text = ("%.0f"):format(math.floor(scaled))
  text = ("0"):rep(places + 1 - #text) .. text
  local fraction = text:sub(#text - places + 1):gsub("0+$", "")
  text = text:sub(1, #text - places) .. (fraction ~= "" and "." .. fraction or "")
  return above < 0 and text ~= "0" and "-" .. text or text
end

-- customer -> list of dates of sales, in a month (nil: all), of a currency (nil: all)
local function buyers(payments, month, currency)
  local found = {}
  for _, payment in ipairs(payments) do
    if is_sale(payment) and payment.customer and (not month or payment.month == month)
      and (not currency or payment.currency == currency) then
      found[payment.customer] = found[payment.customer] or {}
      table.insert(found[payment.customer], payment.date)
    end
  end
  for _, dates in pairs(found) do
    table.sort(dates)
  end
  return found
end

local function size(set)
  local count = 0
  for _ in pairs(set) do
    count = count + 1
  end
  return count
end

local function seconds_between(first, last)
  local function seconds(date)
    local month, day, hour, minute, second = date:match "^2026%-(%d+)%-(%d+)T(%d+):(%d+):(%d+)Z$"
    return ((tonumber(day) + tonumber(month) * 31) * 24 + tonumber(hour)) * 3600
      + tonumber(minute) * 60 + tonumber(second)
  end
  return seconds(last) - seconds(first) -- both in one month
end

for _, url in ipairs { "memory:", "sqlite::memory:" } do
  describe("a merchant's numbers in " .. url, function()
    local db, payments

    setup(function()
      math.randomseed(20261127)
      payments = random_payments()
      db = open(url)
      local records = {}
      for i, payment in ipairs(payments) do
        records[i] = payment_record(payment)
      end
      write(db, model.find "payments", records)
      write(db, model.find "company_info", { { companyName = "Shop", baseCurrency = "EUR" } })
    end)

    teardown(function()
      db:close()
    end)

    local function report(name, asked)
      return figures.report(db, "c1", name, asked or ASKED)
    end

    it("are revenue and growth in each currency", function()
      local made = report "revenue"
      assert.equal("payments", made.source)
      assert.equal("EUR", made.currency)
      assert.same({}, made.absent)
      for period = 1, 6 do
        for _, currency in ipairs(CURRENCIES) do
          local now = total(payments, period + 2, currency, sold)
          local before = total(payments, period + 1, currency, sold)
          assert.equal(major(now, currency), made:value(period, "revenue", currency))
          assert.equal(ratio((now - before) * 100, before, 2),
            made:value(period, "growth", currency))
        end
      end
    end)

    it("are the number, value and average of orders", function()
      local made = report "orders"
      for period = 1, 6 do
        local month = period + 2
        assert.equal(("%d"):format(total(payments, month, nil, one_sale)),
          made:value(period, "orders"))
        for _, currency in ipairs(CURRENCIES) do
          local value, count = total(payments, month, currency, sold),
            total(payments, month, currency, one_sale)
          assert.equal(("%d"):format(count), made:value(period, "orders", currency))
          assert.equal(major(value, currency), made:value(period, "value", currency))
          assert.equal(major(tonumber(ratio(value, count, 0)), currency),
            made:value(period, "average", currency))
        end
      end
    end)

    it("are the number, value and rate of refunds", function()
      local made, seen = report "refunds", 0
      for period = 1, 6 do
        local month = period + 2
        local function one(payment)
          return is_refund(payment) and 1
        end
        local refunds = total(payments, month, nil, one)
        assert.equal(("%d"):format(refunds), made:value(period, "refunds"))
        assert.equal(ratio(refunds, total(payments, month, nil, one_sale), 4),
          made:value(period, "rate"))
        for _, currency in ipairs(CURRENCIES) do
          local value = total(payments, month, currency, function(payment)
            return is_refund(payment) and -payment.minor
          end)
          seen = seen + value
          assert.equal(major(value, currency), made:value(period, "value", currency))
        end
      end
      assert.is_true(seen > 0)
    end)

    it("are new and existing customers, retention and repeat rate", function()
      local made, firsts = report "customerRetention", {}
      for customer, dates in pairs(buyers(payments)) do
        firsts[customer] = tonumber(dates[1]:sub(6, 7))
      end
      for period = 1, 6 do
        local month, new = period + 2, 0
        local here = buyers(payments, month)
        for customer in pairs(here) do
          new = new + (firsts[customer] == month and 1 or 0)
        end
        local all, before = size(here), size(buyers(payments, month - 1))
        assert.equal(("%d"):format(new), made:value(period, "new"))
        assert.equal(("%d"):format(all - new), made:value(period, "existing"))
        assert.equal(("%d"):format(all), made:value(period, "total"))
        assert.equal(ratio((all - new) * 100, before, 2), made:value(period, "retention"))
        assert.equal(ratio((all - new) * 100, all, 2), made:value(period, "repeat"))
      end
    end)

    it("are the lifetime value, to the last digit of the currency", function()
      local made = report "lifetimeValue"
      for period = 1, 6 do
        for _, currency in ipairs(CURRENCIES) do
          local here, seconds, records = buyers(payments, period + 2, currency), 0, 0
          for _, dates in pairs(here) do
            seconds = seconds + seconds_between(dates[1], dates[#dates])
            records = records + #dates
          end
          local orders = total(payments, period + 2, currency, one_sale)
          local average = total(payments, period + 2, currency, sold) / orders
          local expected = average * (records / size(here)) * (seconds / 86400 / size(here))
          local value = tonumber(made:value(period, "lifetimeValue", currency))
          local exponent = catalog[currency] or 2
          assert.near(expected / 10 ^ exponent, value, 0.51 / 10 ^ exponent)
          assert.equal(major(math.floor(value * 10 ^ exponent + 0.5), currency),
            made:value(period, "lifetimeValue", currency))
        end
      end
    end)

    it("are failed payments by reason", function()
      local made = report "failures"
      for period = 1, 6 do
        local month, codes = period + 2, {}
        local failed = total(payments, month, nil, function(payment)
          if payment.status == "Failed" then
            local code = payment.code or "unknown"
            codes[code] = (codes[code] or 0) + 1
            return 1
          end
        end)
        local paid = total(payments, month, nil, one_sale)
        assert.equal(("%d"):format(failed + paid), made:value(period, "attempts"))
        assert.equal(ratio(failed * 100, failed + paid, 4), made:value(period, "rate"))
        for code, count in pairs(codes) do
          assert.equal(("%d"):format(count), made:value(period, "failed", nil, code))
          assert.equal(ratio(count * 100, failed, 4), made:value(period, "share", nil, code))
        end
      end
    end)

    it("are the share of the ten largest customers, refunds taken off", function()
      local made, by_charge = report "topCustomers", {}
      assert.same({ "2026-03-01", "2026-08-31" },
        { made.periods[1].start, made.periods[1].finish })
      for _, payment in ipairs(payments) do
        by_charge[payment.id] = payment.customer
      end
      for _, currency in ipairs(CURRENCIES) do
        local sums, all, list, top = {}, 0, {}, 0
        for _, payment in ipairs(payments) do
          local customer = payment.customer or by_charge[payment.charge]
          if payment.status == "Paid" and payment.currency == currency and payment.month >= 3
            and payment.month <= 8 then
            all = all + payment.minor
            if customer then
              sums[customer] = (sums[customer] or 0) + payment.minor
            end
          end
        end
        for customer, sum in pairs(sums) do
          list[#list + 1] = { customer, sum }
        end
        table.sort(list, function(a, b)
          return a[2] > b[2]
        end)
        for i = 1, 10 do
          top = top + list[i][2]
          assert.equal(major(list[i][2], currency), made:value(1, "topVolume", currency,
            list[i][1]))
        end
        assert.equal(major(all, currency), made:value(1, "volume", currency))
        assert.equal(major(top, currency), made:value(1, "topVolume", currency))
        assert.equal(ratio(top * 100, all, 2), made:value(1, "share", currency))
      end
    end)
  end)

  describe("the numbers about money at Stripe in " .. url, function()
    local db

    before_each(function()
      db = open(url)
    end)

    after_each(function()
      db:close()
    end)

    local function values_of(name, metrics, asked)
      local made, lines = figures.report(db, "c1", name, asked
        or { date = "2026-02-10", count = 2 }), {}
      for i, row in ipairs(made.rows) do
        local words = { ("%d %s %s"):format(row.period, row.currency or "-", row.item or "-") }
        for j, metric in ipairs(metrics) do
          words[j + 1] = row.values[metric] or "nil"
        end
        lines[i] = table.concat(words, " ")
      end
      return lines, made
    end

    local function payment(id, date, amount, more)
      local values = { id = id, createdDate = date, amount = amount, currency = "EUR",
        status = "Paid" }
      for name, value in pairs(more or {}) do
        values[name] = value
      end
      return values
    end

    it("are fees of the volume, and the balance, in each currency of settlement", function()
      local number = 0
      local function transaction(date, kind, amount, currency, balance_type)
        number = number + 1
        return { id = "txn_" .. number, createdDate = date, type = kind, currency = currency,
          totalAmount = amount, supplementalData = supplemental { balance_type = balance_type } }
      end
      write(db, model.find "transactions", {
        transaction("2025-06-01T00:00:00Z", "Payment", 50, "EUR"),
        transaction("2026-01-05T00:00:00Z", "Payment", 100.10, "EUR", "payments"),
        transaction("2026-01-05T00:00:00Z", "PaymentFee", -3.3, "EUR", "payments"),
        transaction("2026-01-06T00:00:00Z", "PaymentFeeRefund", 0.3, "EUR", "payments"),
        transaction("2026-01-06T00:00:00Z", "Payment", 1000, "JPY"),
        transaction("2026-01-31T23:59:59Z", "Payout", -120.2, "EUR"),
        transaction("2026-02-05T00:00:00Z", "Payment", 7, "EUR", "issuing"),
        transaction("2026-02-05T00:00:00Z", "PaymentFee", -0.1, "KWD"),
      })
      assert.same({ "1 EUR - 100.1 3 3", "1 JPY - 1000 0 0", "1 KWD - 0 0 nil", "2 EUR - 0 0 nil",
        "2 JPY - 0 0 nil", "2 KWD - 0 0.1 nil" },
        (values_of("fees", { "volume", "fees", "share" })))
      assert.same({ "1 EUR - 26.9 -23.1", "1 JPY - 1000 1000", "1 KWD - 0 0", "2 EUR - 26.9 0",
        "2 JPY - 1000 0", "2 KWD - -0.1 -0.1" }, (values_of("balance", { "balance", "change" })))
    end)

    it("are payouts and the days between them", function()
      local number = 0
      local function payout(date, amount, status)
        number = number + 1
        return { id = "po_" .. number, arrivalDate = date .. "T00:00:00Z", amount = amount,
          currency = "EUR", status = status or "Paid", createdDate = "2025-01-01T00:00:00Z" }
      end
      write(db, model.find "payouts", { payout("2025-12-30", 5), payout("2026-01-02", 10.5),
        payout("2026-01-02", 1), payout("2026-01-09", 20), payout("2026-01-12", 9, "Failed"),
        payout("2026-02-01", 7), payout("2026-02-08", 7, "InTransit") })
      assert.same({ "1 EUR - 3 31.5 1 5 7", "2 EUR - 1 7 0 23 23" },
        (values_of("payouts", { "payouts", "value", "failed", "averageGap", "longestGap" })))
    end)

    it("are disputes of the payments, without inquiries", function()
      write(db, model.find "disputes", {
        { id = "dp_1", currency = "EUR", totalAmount = 10, status = "Lost",
          createdDate = "2026-01-10T00:00:00Z" },
        { id = "dp_2", currency = "EUR", totalAmount = 5.5, status = "InquiryClosed",
          createdDate = "2026-01-10T00:00:00Z" },
        { id = "dp_3", currency = "USD", totalAmount = 3, status = "Won",
          createdDate = "2026-01-10T00:00:00Z" } })
      write(db, model.find "payments", { payment("ch_1", "2026-01-01T00:00:00Z", 10),
        payment("ch_2", "2026-01-02T00:00:00Z", 10), payment("ch_3", "2026-01-03T00:00:00Z", 10),
        payment("re_1", "2026-01-03T00:00:00Z", -10), payment("ch_4", "2026-01-03T00:00:00Z", 10,
        { status = "Failed" }) })
      assert.same({ "1 - - 2 3 66.6667 nil", "1 EUR - 1 3 33.3333 10", "1 USD - 1 0 nil 3",
        "2 - - 0 0 nil nil" }, (values_of("disputes", { "disputes", "payments", "rate", "value" })))
    end)

    it("are absent, not 0, if what they are made of is not stored", function()
      write(db, model.find "payments", { { id = "ch_1", createdDate = "2026-01-01T00:00:00Z",
        currency = "EUR", status = "Paid" }, payment("ch_2", "2026-01-02T00:00:00Z", 5,
        { status = "Failed" }) })
      for _, name in ipairs { "revenue", "orders", "refunds", "customerRetention",
        "lifetimeValue" } do
        local lines, made = values_of(name, {})
        assert.same({}, lines)
        assert.equal(made.metrics[1].name, made.absent[1].metric)
        assert.equal("payments without an amount are stored", made.absent[1].reason)
      end
      local _, failures = values_of("failures", {})
      assert.same({ { metric = "share",
        reason = "no failed payment that is stored tells its reason" } }, failures.absent)
      write(db, model.find "payments", { payment("ch_1", "2026-01-01T00:00:00Z", 5) })
      local _, retention = values_of("customerRetention", {})
      assert.equal("no sale that is stored names its customer", retention.absent[1].reason)
      assert.same({ "1 EUR - 5", "2 EUR - 0" }, (values_of("revenue", { "revenue" })))
      write(db, model.find "payments", { { id = "ch_3", createdDate = "2026-01-01T00:00:00Z",
        currency = "EUR", amount = 5 } })
      local _, revenue = values_of("revenue", {})
      assert.equal("payments without a status are stored", revenue.absent[1].reason)
    end)

    it("are absent, not 0, if a setting leaves out what they are made of", function()
      write(db, model.find "payments", { payment("ch_1", "2026-01-01T00:00:00Z", 5,
        { supplementalData = supplemental { customer = "cus_1" } }),
        payment("ch_2", "2026-01-01T00:00:00Z", 5, { status = "Failed",
        supplementalData = supplemental { failure_code = "expired_card" } }) })
      write(db, model.find "payouts", {})
      local STRIPE = "payments.supplementalData.content.stripe"
      local function reason(name)
        local _, made = values_of(name, {})
        return made.absent[1] and made.absent[1].reason
      end
      for _, name in ipairs { "customerRetention", "lifetimeValue", "topCustomers", "failures",
        "payouts" } do
        assert.is_nil(reason(name))
      end
      db:save_setting("fields", json.encode { leave_out = json.array { STRIPE .. ".customer",
        "payouts.arrivalDate" }, hash = json.array {} })
      for _, name in ipairs { "customerRetention", "lifetimeValue", "topCustomers" } do
        assert.equal(STRIPE .. ".customer is left out by a setting", reason(name))
      end
      assert.is_nil(reason "failures")
      assert.is_nil(reason "revenue")
      assert.equal("payouts.arrivalDate is left out by a setting", reason "payouts")
      db:save_setting("fields", json.encode { leave_out = json.array { STRIPE },
        hash = json.array {} })
      assert.equal(STRIPE .. " is left out by a setting", reason "failures")
    end)

    it("are of orders where a script defines them", function()
      write(db, model.find "payments", { payment("ch_1", "2026-01-01T00:00:00Z", 999) })
      db:define_type(optional_orders)
      local function order(id, date, customer, total_amount, refund)
        return { id = id, createdDate = date, currency = "EUR", totalAmount = total_amount,
          totalRefund = refund, customerRef = customer and { id = customer },
          orderLineItems = { { id = "1", quantity = 3, unitPrice = 0.1 } } }
      end
      write(db, optional_orders, { order("o1", "2026-01-01T00:00:00Z", "cus_1", 10, 0),
        order("o2", "2026-01-11T00:00:00Z", "cus_1", 20, -2.5),
        order("o3", "2026-02-01T00:00:00Z", nil, 1) })
      local lines, made = values_of("revenue", { "revenue", "growth" })
      assert.equal("orders", made.source)
      assert.same({ "1 EUR - 0.6 nil", "2 EUR - 0.3 -50" }, lines)
      assert.same({ "1 - - 2 nil nil", "1 EUR - 2 30 15", "2 - - 1 nil nil", "2 EUR - 1 1 1" },
        (values_of("orders", { "orders", "value", "average" })))
      assert.same({ "1 - - 1 nil 0.5", "1 EUR - 1 2.5 0.5", "2 - - 0 nil 0", "2 EUR - 0 0 0" },
        (values_of("refunds", { "refunds", "value", "rate" })))
      assert.same({ "1 - - 1 1 nil", "2 - - 0 0 0" },
        (values_of("customerRetention", { "new", "total", "retention" })))
      -- 15 an order, 2 orders a customer, 10 days
      assert.same({ "1 EUR - 300", "2 EUR - 0" }, (values_of("lifetimeValue", { "lifetimeValue" })))
    end)

    it("need what they are made of to have been read", function()
      local _, message = errors.catch(figures.report, db, "c1", "fees")
      assert.equal("transactions: the data type has not been read completely yet, so a report "
        .. "would be wrong; sync it first", message)
    end)
  end)
end

describe("the periods of a report", function()
  local periods = require "commerce.figures.periods"

  local function spans(asked)
    local made, texts = periods.new(asked), {}
    for i, period in ipairs(made) do
      texts[i] = period.start .. " " .. period.finish
    end
    return texts, made
  end

  it("are whole months, across years and leap days", function()
    assert.same({ "2023-12-01 2023-12-31", "2024-01-01 2024-01-31", "2024-02-01 2024-02-29" },
      (spans { date = "2024-02-10", count = 3 }))
    assert.same({ "2023-11-01 2024-01-31", "2024-02-01 2024-04-30" },
      (spans { date = "2024-04-30", count = 2, length = 3 }))
    assert.same({ "2023-03-01 2024-02-29" }, (spans { date = "2024-02-01", count = 1,
      unit = "Year" }))
  end)

  it("are days and weeks that end with the date", function()
    local texts, made = spans { date = "2024-03-01", count = 2, unit = "Day" }
    assert.same({ "2024-02-29 2024-02-29", "2024-03-01 2024-03-01" }, texts)
    assert.same({ "2024-02-28T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z",
      "2024-03-02T00:00:00Z" }, made.bounds)
    assert.same({ "2024-02-17 2024-03-01" }, (spans { date = "2024-03-01", count = 1, length = 2,
      unit = "Week" }))
  end)

  it("are refused with what was wrong", function()
    for _, case in ipairs {
      { { unit = "month" }, "period unit: expected Day, Week, Month or Year, got 'month'" },
      { { count = 0 }, "number of periods: expected a whole number from 1 to 366, got '0'" },
      { { length = 1.5 }, "period length: expected a whole number from 1 to 366, got '1.5'" },
      { { date = "2024-02-30" }, "report date: expected a date such as 2026-09-29, "
        .. "got '2024-02-30'" },
      { { date = "2024-02-28T00:00:00Z" }, "report date: expected a date such as 2026-09-29, "
        .. "got '2024-02-28T00:00:00Z'" },
      { { date = "2026-01-01", unit = "Year", count = 60 },
        "the periods begin before the year 1971: ask for fewer or for shorter ones" },
    } do
      local made, message = errors.catch(periods.new, case[1])
      assert.is_nil(made)
      assert.equal(case[2], message)
    end
  end)

  it("are refused for an unknown report", function()
    local kind, message = figures.find "revenu"
    assert.is_nil(kind)
    assert.is_truthy(message:find("unknown report 'revenu'", 1, true))
    assert.is_truthy(message:find("did you mean", 1, true))
    assert.equal("customerRetention", figures.find("customer-retention").name)
  end)
end)
