-- Shared cases of the store contract: what many records add up to, by period.

local assert = require "luassert"
local busted = require "busted"
local decimal = require "commerce.base.decimal"
local model = require "commerce.model"
local query = require "commerce.query"
local tables = require "commerce.base.tables"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local NOW = "2026-03-01T08:00:00Z"
local PAYMENTS = model.find "payments"
local JANUARY, FEBRUARY, MARCH = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z",
  "2026-03-01T00:00:00Z"
local PERIODS = { JANUARY, FEBRUARY, MARCH }

-- Rows as lines "period group… count amounts sum", sorted.
local function lines_of(rows, by, names)
  local lines = {}
  for i, row in ipairs(rows) do
    local words = { tostring(row.period) }
    for _, field in ipairs(by or {}) do
      words[#words + 1] = tostring(row[field])
    end
    for _, name in ipairs(names) do
      words[#words + 1] = type(row[name]) == "number" and ("%.0f"):format(row[name])
        or tostring(row[name])
    end
    lines[i] = table.concat(words, " ")
  end
  table.sort(lines)
  return lines
end

--- Declare the cases about figures.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
return function(db)
  local function write(data_type, list, connection)
    local entries = {}
    for i, values in ipairs(list) do
      entries[i] = { id = values.id, body = assert(model.encode(data_type, values)) }
    end
    assert(db():write_page(connection or "c1", { records = { [data_type.name] = entries } }, NOW))
  end

  local number
  local function payment(date, amount, currency, more)
    number = number + 1
    return tables.merged({ id = ("ch_%03d"):format(number), createdDate = date, currency = currency,
      amount = amount and decimal.value(amount), status = "Paid" }, more)
  end

  local function by(customer, more)
    local content = tables.merged({ customer = customer }, more)
    return { supplementalData = { content = { stripe = content } } }
  end

  local function sums(asked)
    asked.periods, asked.sum = asked.periods or PERIODS, asked.sum or "amount"
    return lines_of(assert(db():sums(PAYMENTS, "c1", asked)), asked.by,
      { "count", "amounts", "sum" })
  end

  describe("sums", function()
    before_each(function()
      number = 0
    end)

    it("are exact in each currency, whatever its exponent", function()
      local list = {}
      for i = 1, 10 do
        list[#list + 1] = payment(JANUARY, "0.1", "EUR")
        list[#list + 1] = payment(JANUARY, "0.001", "KWD")
        list[#list + 1] = payment(JANUARY, tostring(i), "JPY")
      end
      list[#list + 1] = payment(JANUARY, "-0.05", "EUR")
      list[#list + 1] = payment(JANUARY, "9007199254740993.25", "IDR")
      list[#list + 1] = payment(JANUARY, "9007199254740993.50", "IDR")
      list[#list + 1] = payment(JANUARY, "-0.000000000001", "IDR")
      write(PAYMENTS, list)
      assert.same({ "1 EUR 11 11 0.95", "1 IDR 3 3 18014398509481986.749999999999",
        "1 JPY 10 10 55", "1 KWD 10 10 0.01" }, sums { by = { "currency" } })
    end)

    it("of large and of tiny amounts keep every digit", function()
      local list = {}
      for i = 1, 50 do
        list[i] = payment(JANUARY, "999999999999999.99", "IDR")
        list[50 + i] = payment(JANUARY, "-0.999999999999", "IDR")
      end
      write(PAYMENTS, list)
      assert.same({ "1 100 100 49999999999999949.50000000005" }, sums {})
    end)

    it("belong to the period that a record's date lies in, to the second", function()
      write(PAYMENTS, { payment("2025-12-31T23:59:59Z", "1", "EUR"), payment(JANUARY, "2", "EUR"),
        payment("2026-01-31T23:59:59Z", "4", "EUR"), payment(FEBRUARY, "8", "EUR"),
        payment("2026-02-28T23:59:59Z", "16", "EUR"), payment(MARCH, "32", "EUR"),
        payment(nil, "64", "EUR") })
      assert.same({ "1 2 2 6", "2 2 2 24" }, sums {})
      assert.same({ "1 1 1 1" }, sums { periods = { "0001-01-01T00:00:00Z", JANUARY } })
      assert.same({}, sums { periods = { "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z" } })
    end)

    it("are of the records that a query finds, grouped by fields and facts", function()
      write(PAYMENTS, { payment(JANUARY, "1", "EUR", { status = "Failed",
        supplementalData = { content = { stripe = { failure_code = "card_declined" } } } }),
        payment(JANUARY, "2", "EUR", { status = "Failed" }), payment(JANUARY, "4", "EUR") })
      assert.same({ "1 Failed card_declined 1 1 1", "1 Failed nil 1 1 2", "1 Paid nil 1 1 4" },
        sums { by = { "status", "failureCode" } })
      assert.same({ "1 2 2 3" }, sums { query = assert(query.parse(PAYMENTS, "status=failed")) })
    end)

    it("leave out deleted records and other connections, and follow what is written", function()
      write(PAYMENTS, { payment(JANUARY, "1", "EUR"), payment(JANUARY, "2", "EUR") })
      write(PAYMENTS, { payment(JANUARY, "4", "EUR") }, "c2")
      assert.same({ "1 2 2 3" }, sums {})
      assert(db():write_page("c1", { deleted = { payments = { "ch_001" } } }, NOW))
      assert.same({ "1 1 1 2" }, sums {})
      number = 1
      write(PAYMENTS, { payment(JANUARY, "2.5", "EUR") })
      assert.same({ "1 1 1 2.5" }, sums {})
    end)

    it("tell how many records have no amount", function()
      write(PAYMENTS, { payment(JANUARY, nil, "EUR"), payment(JANUARY, "2", "EUR"),
        payment(FEBRUARY, nil, "EUR") })
      assert.same({ "1 2 1 2", "2 1 0 nil" }, sums {})
    end)

    it("are apart for negative amounts if this is asked for", function()
      write(PAYMENTS, { payment(JANUARY, "-1.5", "EUR"), payment(JANUARY, "-2", "EUR"),
        payment(JANUARY, "0", "EUR"), payment(JANUARY, "4", "EUR"), payment(JANUARY, nil, "EUR") })
      assert.same({ "1 EUR false 2 2 4", "1 EUR nil 1 0 nil", "1 EUR true 2 2 -3.5" },
        lines_of(assert(db():sums(PAYMENTS, "c1", { periods = PERIODS, sum = "amount",
        by = { "currency" }, signs = true })), { "currency", "negative" },
        { "count", "amounts", "sum" }))
    end)

    it("go by another date if one is named", function()
      local payouts = model.find "payouts"
      write(payouts, { { id = "po_1", amount = 5, currency = "EUR", createdDate = JANUARY,
        arrivalDate = FEBRUARY } })
      assert.same({ "2 2026-02-01T00:00:00Z 1 1 5" }, lines_of(assert(db():sums(payouts, "c1",
        { periods = PERIODS, sum = "amount", date = "arrivalDate", by = { "arrivalDate" } })),
        { "arrivalDate" }, { "count", "amounts", "sum" }))
    end)
  end)

  describe("customers", function()
    local paid = query.parse(PAYMENTS, "status=Paid&&amount>=0")

    before_each(function()
      number = 0
      write(PAYMENTS, {
        payment("2025-12-01T10:00:00Z", "1", "EUR", by "cus_old"),
        payment("2026-01-02T10:00:00Z", "10", "EUR", by "cus_old"),
        payment("2026-01-03T10:00:05Z", "20", "USD", by "cus_old"),
        payment("2026-01-31T23:59:59Z", "5", "EUR", by "cus_new"),
        payment("2026-02-10T00:00:00Z", "5", "EUR", by "cus_new"),
        payment("2026-02-11T00:00:00Z", "7", "EUR", { status = "Failed",
          supplementalData = by("cus_never").supplementalData }),
        payment("2026-02-12T00:00:00Z", "3", "EUR"),
        payment("2026-02-13T00:00:00Z", "-5", "EUR", by(nil, { charge = "ch_004" })),
      })
    end)

    it("are counted once in each period, with their records and their time between", function()
      assert.same({ "1 2 3 86405", "2 1 1 0" }, lines_of(assert(db():customers(PAYMENTS, "c1",
        { periods = PERIODS, customer = "customer", query = paid })), nil,
        { "customers", "records", "seconds" }))
      assert.same({ "1 EUR 2 2 0", "1 USD 1 1 0", "2 EUR 1 1 0" }, lines_of(
        assert(db():customers(PAYMENTS, "c1", { periods = PERIODS, customer = "customer",
        query = paid, by = { "currency" } })), { "currency" },
        { "customers", "records", "seconds" }))
    end)

    it("are new in the period of their first record of all", function()
      assert.same({ 1, 0 }, db():new_customers(PAYMENTS, "c1",
        { periods = PERIODS, customer = "customer", query = paid }))
      assert.same({ 1 }, db():new_customers(PAYMENTS, "c1",
        { periods = { "2025-12-01T00:00:00Z", JANUARY }, customer = "customer", query = paid }))
    end)

    it("are ranked by their payments without what was refunded", function()
      local function top(limit, text)
        local lines = {}
        for i, row in ipairs(assert(db():top_customers("c1", { periods = { JANUARY, MARCH },
          limit = limit, query = assert(query.parse(PAYMENTS, text)) }))) do
          lines[i] = ("%s %d %s"):format(row.customer, row.count, row.sum)
        end
        return lines
      end
      assert.same({ "cus_old 1 10", "cus_new 3 5" }, top(5, "status=Paid&&currency=EUR"))
      assert.same({ "cus_old 1 10" }, top(1, "status=Paid&&currency=EUR"))
      assert.same({ "cus_old 1 20" }, top(5, "currency=USD"))
    end)
  end)

  describe("the lines of orders", function()
    it("add up to quantity times price, exactly", function()
      local orders = model.optional "orders"
      assert(db():define_type(orders))
      local function order(id, date, currency, lines)
        return { id = id, createdDate = date, currency = currency, orderLineItems = lines }
      end
      write(orders, {
        order("o1", JANUARY, "EUR", { { id = "1", quantity = 3, unitPrice = 0.1 },
          { id = "2", quantity = 0.5, unitPrice = decimal.value "0.000000000002" } }),
        order("o2", JANUARY, "EUR", { { id = "1", quantity = 3, unitPrice = 0.1 },
          { id = '"2\\', quantity = 3, totalAmount = 10 }, { id = "3", quantity = 3 } }),
        order("o3", FEBRUARY, "JPY", { { id = "1", quantity = 2, unitPrice = 500 } }),
        order("o4", FEBRUARY, "JPY", {}),
      })
      assert.same({ "1 EUR 5 10.600000000001", "2 JPY 1 1000" }, lines_of(
        assert(db():line_sums(orders, "c1", { periods = PERIODS })), { "currency" },
        { "count", "sum" }))
    end)
  end)
end
