-- The portal's overview of a merchant, and its payouts.

local client = require "spec.support.api_client"
local portal_browser = require "spec.support.portal_browser"

local BASE = ("/portal/test/companies/%s/connections/%s/"):format(client.COMPANY, client.CONNECTION)
local SPACE = "\226\128\175"

describe("the portal's overview", function()
  local made, browser

  before_each(function()
    made = client.new()
    browser = portal_browser.new(made.app)
  end)

  after_each(function()
    made:close()
    assert.same({}, browser.logged)
  end)

  local function page(address, status)
    local response = browser:get(BASE .. address)
    assert.equal(status or 200, response.status, response.body)
    return response.body
  end

  local number = 0

  local function payment(day, amount, currency, fields)
    number = number + 1
    local record = { id = ("ch_%04d"):format(number), amount = amount, currency = currency,
      status = "Paid", createdDate = day .. "T10:00:00Z",
      supplementalData = { content = { stripe = { customer = "cus_1",
        balance_transaction = ("txn_%04d"):format(number) } } } }
    for name, value in pairs(fields or {}) do
      record[name] = value
    end
    return record
  end

  local function stripe(fields)
    return { content = { stripe = fields } }
  end

  local function give()
    made:give("company_info", { { companyName = "One", baseCurrency = "KWD",
      accountBalances = { { currency = "KWD", available = 7.125, pending = 1, reserved = 0 },
        { currency = "JPY", available = 500, pending = 0, reserved = 0 } } } })
    made:give("payments", { payment("2026-03-01", 10.125, "KWD"), payment("2026-03-02", 5, "KWD"),
      payment("2026-02-02", 10, "KWD"), payment("2026-03-03", 1200, "JPY"),
      payment("2026-03-04", -2.5, "KWD"), payment("2025-12-02", 20, "KWD"),
      payment("2026-03-05", 9, "KWD", { status = "Failed",
        supplementalData = stripe { failure_code = "card_<declined>" } }),
      payment("2026-03-06", 9, "KWD", { status = "Failed",
        supplementalData = stripe { failure_code = "expired_card" } }) })
    made:give("disputes", { { id = "du_1", totalAmount = 5, currency = "KWD", status = "Lost",
      createdDate = "2026-03-04T00:00:00Z" } })
    made:give("transactions", { { id = "txn_a", totalAmount = 10, currency = "KWD",
      type = "Payment",
      createdDate = "2026-03-01T10:00:00Z",
      transactionSourceRef = { id = "ch_a", type = "Payment" } },
      { id = "txn_a:fee", totalAmount = -0.4, currency = "KWD", type = "PaymentFee",
        createdDate = "2026-03-01T10:00:00Z" },
      { id = "txn_b", totalAmount = -1.475, currency = "KWD", type = "Payout",
        createdDate = "2026-03-08T10:00:00Z" } })
    made:give("payouts", { { id = "po_1", amount = 9.6, currency = "KWD", status = "Paid",
      automatic = true, arrivalDate = "2026-03-10T00:00:00Z",
      createdDate = "2026-03-08T10:00:00Z" } })
  end

  local RANGE = "overview?date=2026-03-31&count=2"

  it("shows sales with their growth, by currency and never added together", function()
    give()
    local text = page(RANGE)
    assert.matches(">25.125" .. SPACE .. "KWD<", text, 1, true) -- 10.125 + 5 + 10
    assert.matches('"up">▲ 25.6%', text, 1, true) -- after 20
    assert.matches(">8.375" .. SPACE .. "KWD<", text, 1, true) -- the average of three
    assert.matches(">1,200" .. SPACE .. "JPY</td>", text, 1, true)
    assert.matches("All 2 currencies", text, 1, true)
    assert.is_nil(text:find("1,225", 1, true))
    local yen = page(RANGE .. "&currency=JPY")
    assert.matches('<p class="value">1,200' .. SPACE .. "JPY</p>", yen, 1, true)
    assert.is_nil(page(RANGE .. "&compare=none"):find('class="up"', 1, true))
  end)

  it("shows refunds, disputes and failures with their reasons", function()
    give()
    local text = page(RANGE)
    assert.matches('Refund rate</h3><p class="value">25.0%', text, 1, true) -- 1 of 4
    assert.matches(">2.500" .. SPACE .. "KWD<", text, 1, true)
    assert.matches('Failure rate</h3><p class="value">33.3%', text, 1, true)
    assert.matches('Dispute rate</h3><p class="value">25.0%', text, 1, true)
    assert.matches("card &lt;declined&gt;</bdi>", text, 1, true)
    assert.matches("50.0%</td>", text, 1, true)
  end)

  it("shows fees, customers, payouts and the balance against what Stripe said", function()
    give()
    local text = page(RANGE)
    assert.matches('Fees of the volume</h3><p class="value">4.00%', text, 1, true)
    assert.matches("of 10.000" .. SPACE .. "KWD that settled", text, 1, true)
    assert.matches('New customers</h3><p class="value">0<', text, 1, true)
    assert.matches('Paid out, KWD</h3><p class="value">9.600' .. SPACE .. "KWD", text, 1, true)
    assert.matches('<th scope="row">KWD</th><td class="number">8.125' .. SPACE
      .. 'KWD</td><td class="number">7.125' .. SPACE .. 'KWD</td><td class="number">1.000' .. SPACE
      .. 'KWD</td><td class="number"><span class="pill good">none</span>', text, 1, true)
    assert.matches('<th scope="row">JPY</th><td class="number">0' .. SPACE .. "JPY", text, 1, true)
    assert.matches("−500" .. SPACE .. "JPY", text, 1, true)
    assert.matches("Compare with Stripe now", text, 1, true)
    local viewer = portal_browser.new(made.app, { role = "viewer" })
    assert.is_nil(viewer:get(BASE .. RANGE).body:find("Compare with Stripe now", 1, true))
    assert.equal(403, viewer:post(BASE .. RANGE).status)
  end)

  it("computes the rest later where it takes long", function()
    give()
    local real, clock = require("commerce.core").now, 0
    require("commerce.core").now = function()
      clock = clock + 2
      return clock
    end
    finally(function()
      require("commerce.core").now = real
    end)
    local text = page(RANGE)
    local later = assert(text:match 'data%-later="([^"]+)"'):gsub("&amp;", "&")
    assert.matches("part=sales", later, 1, true)
    assert.is_nil(text:find("<svg", 1, true))
    text = page(later:sub(#BASE + 1))
    assert.matches('<svg aria%-labelledby="revenue%-title', text)
    assert.is_nil(text:find("part=sales", 1, true))
    assert.is_nil(text:find('id="rates"', 1, true))
  end)

  it("says what has not been read, and refuses impossible ranges", function()
    assert.matches("have not been read completely", page "overview", 1, true)
    made:give("payments", { payment("2026-03-01", 1, "USD") })
    local text = page "overview"
    assert.matches("The transactions have not been read completely yet.", text, 1, true)
    page("overview?count=0", 400)
    page("overview?date=tomorrow", 400)
    page("overview?unit=Year&count=183", 400)
    assert.matches("Days", page "overview?unit=Day&count=7", 1, true)
  end)

  local function link_payout()
    assert(made.store:write_page(client.CONNECTION, { payout_links = { payout = "po_1", anew = true,
      transactions = { "txn_a" }, totals = { transaction_count = 1, gross_amount = "10",
        fees = "0.4" } } }, "2026-03-09T00:00:00Z"))
  end

  it("shows payouts with their transactions", function()
    give()
    assert.matches("is not known", page "payouts/po_1", 1, true)
    link_payout()
    local text = page "payouts"
    assert.matches('/payouts/po_1">10 Mar 2026</a>', text, 1, true)
    text = page "payouts/po_1"
    assert.matches("9.600" .. SPACE .. "KWD", text, 1, true)
    assert.matches("−0.400" .. SPACE .. "KWD", text, 1, true)
    assert.matches("/data/payments/records/ch_a", text, 1, true)
    page("payouts/po_2", 404)
  end)

  it("finds the payout of a payment", function()
    give()
    link_payout()
    made:give("payments", { payment("2026-03-01", 10, "KWD", { id = "ch_a",
      supplementalData = stripe { balance_transaction = "txn_a" } }),
      payment("2026-03-01", 10, "KWD", { id = "ch_b", supplementalData = stripe {} }) })
    local function find(id)
      return browser:get(BASE .. "payouts?find=" .. id)
    end
    local response = find "ch_a"
    assert.equal(BASE .. "payouts/po_1?find=txn_a#found", response.headers.Location)
    assert.matches('<tr class="found" id="found">', page "payouts/po_1?find=txn_a", 1, true)
    assert.equal(303, find("txn_a").status)
    assert.equal(303, find("po_1").status)
    assert.matches("It has not been paid out", find("txn_b").body, 1, true)
    assert.matches("No money has moved", find("ch_b").body, 1, true)
    assert.matches("There is no payment", find("ch_none").body, 1, true)
  end)
end)
