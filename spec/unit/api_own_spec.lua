-- Codat's commerce metrics in Codat's form, and what is served under /commerce/v1.

local client = require "spec.support.api_client"
local json = require "commerce.base.json"

local CONNECTION = ("/companies/%s/connections/%s/"):format(client.COMPANY, client.CONNECTION)
local METRICS = "/data" .. CONNECTION .. "assess/commerceMetrics/"
local OWN = "/commerce/v1" .. CONNECTION
local PERIODS = "?reportDate=29-02-2024&periodLength=1&numberOfPeriods=2&periodUnit=Month"

local function payment(id, date, amount, currency, customer, more)
  local values = { id = id, createdDate = date .. "T10:00:00Z", amount = amount,
    currency = currency, status = "Paid",
    supplementalData = customer and { content = { stripe = { customer = customer } } } }
  for name, value in pairs(more or {}) do
    values[name] = value
  end
  return values
end

describe("commerce metrics", function()
  local api

  setup(function()
    api = client.new()
    api:give("company_info", { { companyName = "Shop", baseCurrency = "GBP" } })
    api:give("payments", {
      payment("ch_0", "2023-12-05", 10, "GBP", "cus_1"),
      payment("ch_1", "2024-01-05", 20.5, "GBP", "cus_1"),
      payment("ch_2", "2024-02-01", 30, "GBP", "cus_2"),
      payment("ch_3", "2024-02-29", 11.01, "GBP", "cus_2"),
      payment("ch_4", "2024-02-29", 700, "JPY", "cus_1"),
      payment("re_1", "2024-02-29", -0.5, "GBP"),
      payment("ch_5", "2024-02-29", 9, "GBP", "cus_3", { status = "Failed" }),
    })
    api:give("payments", { payment("theirs", "2024-02-29", 99, "GBP") }, client.OTHER_CONNECTION)
  end)

  teardown(function()
    api:close()
  end)

  local function get(target)
    local status, body = api:get(target)
    assert.equal(200, status, json.encode(body))
    return body
  end

  local PERIOD_ITEMS = { { index = 0, displayName = "Period 0", start = "2024-01-01",
    ["end"] = "2024-01-31" }, { index = 1, displayName = "Period 1", start = "2024-02-01",
    ["end"] = "2024-02-29" } }

  it("are revenue in Codat's form, further currencies apart", function()
    local report = get(METRICS .. "revenue" .. PERIODS)
    assert.same({ name = "revenue", displayName = "Revenue", source = "payments" },
      report.reportInfo)
    assert.same({ { index = 0, displayName = "Period", type = "datespan", items = PERIOD_ITEMS },
      { index = 1, displayName = "Revenue metrics", type = "string", items = {
        { index = 0, value = "Revenue" }, { index = 1, value = "Revenue growth" } } } },
      report.dimensions)
    assert.same({ { index = 0, displayName = "Value", type = "currency", units = "GBP" },
      { index = 1, displayName = "Percentage change vs. previous period", type = "percentage",
        units = "%" },
      { index = 2, displayName = "Value (JPY)", type = "currency", units = "JPY" },
      { index = 3, displayName = "Percentage change vs. previous period (JPY)",
        type = "percentage", units = "%" } }, report.measures)
    assert.same({
      { dimension = 0, item = 0, components = {
        { dimension = 1, item = 0, measures = { { index = 0, value = 20.5 },
          { index = 2, value = 0 } } },
        { dimension = 1, item = 1, measures = { { index = 1, value = 105 } } } } },
      { dimension = 0, item = 1, components = {
        { dimension = 1, item = 0, measures = { { index = 0, value = 41.01 },
          { index = 2, value = 700 } } },
        { dimension = 1, item = 1, measures = { { index = 1, value = 100.05 } } } } },
    }, report.reportData)
    assert.same({}, report.errors)
  end)

  it("name what they show if this is asked for", function()
    local report = get(METRICS .. "orders" .. PERIODS .. "&includeDisplayNames=true")
    assert.same({ dimension = 0, dimensionDisplayName = "Period", item = 1,
      itemDisplayName = "Period 1", components = {
        { dimension = 1, dimensionDisplayName = "Order metrics", item = 0,
          itemDisplayName = "Number of orders",
          measures = { { index = 0, measureDisplayName = "Count", value = 3 } } },
        { dimension = 1, dimensionDisplayName = "Order metrics", item = 1,
          itemDisplayName = "Total value",
          measures = { { index = 1, measureDisplayName = "Value", value = 41.01 },
            { index = 2, measureDisplayName = "Value (JPY)", value = 700 } } },
        { dimension = 1, dimensionDisplayName = "Order metrics", item = 2,
          itemDisplayName = "Average order value",
          measures = { { index = 1, measureDisplayName = "Value", value = 20.51 },
            { index = 2, measureDisplayName = "Value (JPY)", value = 700 } } },
      } }, report.reportData[2])
    assert.same({ { index = 0, displayName = "Count", type = "int" },
      { index = 1, displayName = "Value", type = "currency", units = "GBP" },
      { index = 2, displayName = "Value (JPY)", type = "currency", units = "JPY" } },
      report.measures)
  end)

  it("are refunds, retention and lifetime value", function()
    local function values(name, period)
      local list = {}
      for i, component in ipairs(get(METRICS .. name .. PERIODS).reportData[period].components) do
        list[i] = component.measures[1] and component.measures[1].value or false
      end
      return list
    end
    assert.same({ 1, 0.5, 0.3333 }, values("refunds", 2))
    assert.same({ 1, 0, 1, 100, 100 }, values("customerRetention", 1))
    assert.same({ 1, 1, 2, 100, 50 }, values("customerRetention", 2))
    assert.same({ 0 }, values("lifetimeValue", 1))
    -- cus_2: 41.01 / 2 orders, 2 orders, 28 days
    assert.same({ 1148.28 }, values("lifetimeValue", 2))
    assert.equal("customer_retention", get(METRICS .. "customerRetention" .. PERIODS)
      .reportInfo.name)
  end)

  it("are refused with what is wrong", function()
    for _, case in ipairs {
      { "", "reportDate is required." },
      { "?reportDate=29-02-2024&periodLength=1&numberOfPeriods=2", "periodUnit is required." },
      { PERIODS:gsub("29%-02%-2024", "29.02.2024"),
        "reportDate must be a date such as 29-09-2020." },
      { PERIODS:gsub("29%-02%-2024", "30-02-2024"),
        "report date: expected a date such as 2026-09-29, got '2024-02-30'" },
      { PERIODS:gsub("Month", "Quarter"), "periodUnit must be Day, Week, Month or Year." },
      { PERIODS:gsub("numberOfPeriods=2", "numberOfPeriods=0"),
        "numberOfPeriods must be a whole number from 1 to 366." },
      { PERIODS .. "&includeDisplayNames=maybe", "includeDisplayNames must be true or false." },
    } do
      local status, body = api:get(METRICS .. "revenue" .. case[1])
      assert.same({ 400, case[2] }, { status, body.error })
    end
    assert.equal(404, (api:get(METRICS .. "profit" .. PERIODS)))
    assert.equal(404, (api:get(("/data/companies/%s/connections/%s/assess/commerceMetrics/revenue")
      :format(client.COMPANY, client.OTHER_CONNECTION) .. PERIODS)))
    local status, body = api:get("/data/companies/" .. client.OTHER_COMPANY .. "/connections/"
      .. client.OTHER_CONNECTION .. "/assess/commerceMetrics/revenue" .. PERIODS)
    assert.equal(200, status)
    assert.equal(99, body.reportData[2].components[1].measures[1].value)
  end)

  it("say what they lack", function()
    local bare = client.new()
    bare:give("payments", { payment("ch_1", "2024-02-01", 5, "EUR") })
    local status, report = bare:get(METRICS .. "customerRetention" .. PERIODS)
    assert.equal(200, status)
    assert.same({ type = "DataNotStored", details = { metrics = { "existing" } },
      message = "no sale that is stored names its customer" }, report.errors[1])
    assert.same({}, report.reportData[1].components[1].measures)
    bare:pulled("disputes", "Fetching")
    status, report = bare:get(OWN .. "reports/disputes")
    assert.equal(409, status)
    assert.equal("The data set is not available yet: its last pull is Fetching.", report.error)
    bare:close()
  end)
end)

describe("what is served under /commerce/v1", function()
  local api

  setup(function()
    api = client.new()
    api:give("payments", { payment("ch_1", "2024-02-01", 5, "EUR", nil, { status = "Failed",
      supplementalData = { content = { stripe = { failure_code = "expired_card" } } } }) })
    local payouts, transactions = {}, {}
    for i = 1, 3 do
      payouts[i] = { id = "po_" .. i, amount = i, currency = "EUR", status = "Paid",
        arrivalDate = ("2024-02-%02dT00:00:00Z"):format(i), createdDate = client.CREATED }
      transactions[i] = { id = "txn_" .. i, totalAmount = i, currency = "EUR", type = "Payment" }
    end
    api:give("payouts", payouts)
    api:give("transactions", transactions)
    assert(api.store:write_page(client.CONNECTION, { payout_links = { payout = "po_1",
      transactions = { "txn_1", "txn_2", "txn_3" }, anew = true,
      totals = { transaction_count = 3, gross_amount = "6", fees = "0.5" } } }, client.CREATED))
    assert(api.store:write_page(client.CONNECTION, { resource = "charges", sources = {
      { id = "ch_1", data = '{"id":"ch_1","amount":500}' },
      { id = "ch_2", data = '{"id":"ch_2"}' } } }, client.CREATED))
  end)

  teardown(function()
    api:close()
  end)

  local function get(target)
    local status, body = api:get(target)
    assert.equal(200, status, json.encode(body))
    return body
  end

  it("is every report", function()
    local names = {}
    for i, each in ipairs(get("/commerce/v1/reports").results) do
      names[i] = each.name
    end
    assert.equal("revenue orders refunds customerRetention lifetimeValue disputes failures fees "
      .. "payouts topCustomers balance", table.concat(names, " "))
    local report = get(OWN .. "reports/failures?reportDate=2024-02-10&numberOfPeriods=1")
    assert.same({ { index = 0, start = "2024-02-01", ["end"] = "2024-02-29" } }, report.periods)
    assert.same({ { period = 0, figures = { attempts = 1, failed = 1, rate = 100 } },
      { period = 0, item = "expired_card", figures = { failed = 1, share = 100 } } }, report.rows)
    assert.equal("payments", report.source)
    assert.equal(12, #get(OWN .. "reports/revenue").periods)
    local status, body = api:get(OWN .. "reports/revenue?months=3")
    assert.equal(400, status)
    assert.is_truthy(body.error:find("There is no parameter months; a report has: reportDate", 1,
      true), body.error)
    status, body = api:get(OWN .. "reports/profit")
    assert.equal(404, status)
    assert.is_truthy(body.error:find("There is no report profit; the reports are: revenue", 1,
      true))
  end)

  it("is payouts with their transactions", function()
    local list = get(OWN .. "payouts?query=amount>1&orderBy=amount")
    assert.equal(2, list.totalResults)
    assert.equal("po_2", list.results[1].id)
    local one = get(OWN .. "payouts/po_1")
    assert.same({ 3, 6, 0.5 }, { one.transactionCount, one.grossAmount, one.fees })
    local first = get(OWN .. "payouts/po_1/transactions?pageSize=2")
    assert.same({ "txn_1", "txn_2" }, { first.results[1].id, first.results[2].id })
    assert.equal(1, first.results[1].records[1].totalAmount)
    local rest = get(first._links.next.href)
    assert.equal(1, #rest.results)
    assert.is_nil(rest._links.next)
    assert.equal(404, (api:get(OWN .. "payouts/po_9")))
    assert.equal(404, (api:get(OWN .. "payouts/po_9/transactions")))
    assert.equal(400, (api:get(OWN .. "payouts/po_1/transactions?pageSize=1001")))
  end)

  it("is source objects that are kept", function()
    assert.same({ { id = "ch_1", object = { id = "ch_1", amount = 500 } },
      { id = "ch_2", object = { id = "ch_2" } } }, get(OWN .. "sourceObjects/charges").results)
    assert.equal("ch_2", get(OWN .. "sourceObjects/charges/ch_2").object.id)
    assert.same({}, get(OWN .. "sourceObjects/refunds").results)
    local status, body = api:get(OWN .. "sourceObjects/charges/ch_9")
    assert.same({ 404, "No source object ch_9 of charges is kept." }, { status, body.error })
    assert.equal(404, (api:get(("/commerce/v1/companies/%s/connections/%s/sourceObjects/charges")
      :format(client.COMPANY, client.OTHER_CONNECTION))))
  end)

  it("is verification, of a connection that has a key", function()
    local status, body = api:call("POST", OWN .. "verify", { types = { "payments" } })
    assert.equal(409, status, json.encode(body))
    assert.is_truthy(body.error:find("no key is kept for connection", 1, true), body.error)
    assert.equal(409, (api:call("POST", OWN .. "verify")))
    status, body = api:call("POST", OWN .. "verify", { types = "payments" })
    assert.equal(400, status, json.encode(body))
    assert.equal(405, (api:get(OWN .. "verify")))
  end)
end)
