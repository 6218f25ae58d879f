-- The portal's tables: filter, order, pages, columns, saved filters, records, exports.

local client = require "spec.support.api_client"
local json = require "commerce.base.json"
local portal_browser = require "spec.support.portal_browser"
local url = require "commerce.base.url"

local BASE = ("/portal/test/companies/%s/connections/%s/data/"):format(client.COMPANY,
  client.CONNECTION)
local EVIL, LONG = '<script>alert("1")</script>', ("x"):rep(10000)
local RIGHT_TO_LEFT = "\226\128\174gnp.exe" -- begins with U+202E

describe("the portal's data", function()
  local made, browser

  before_each(function()
    made = client.new()
    browser = portal_browser.new(made.app)
  end)

  after_each(function()
    made:close()
    assert.same({}, browser.logged)
  end)

  local function give(count)
    local records = {}
    for i = 1, count do
      records[i] = { id = ("ch_%03d"):format(i), amount = i + 0.5, currency = i % 2 == 0 and "JPY"
        or "KWD", status = i % 60 == 0 and "Failed" or "Paid",
        createdDate = ("2026-01-01T%02d:%02d:00Z"):format(math.floor(i / 60), i % 60),
        supplementalData = { content = { stripe = { customer = "cus_1" } } } }
    end
    made:give("payments", records)
  end

  local function page(address, status)
    local response = browser:get(BASE .. address)
    assert.equal(status or 200, response.status, response.body)
    return response.body
  end

  -- The address of a link of a page.
  local function link(text, label)
    local address = text:match('href="([^"]*)"[^>]*>' .. label:gsub("%p", "%%%0") .. "<")
    return address and (address:gsub("&amp;", "&"):gsub("&quot;", '"'))
  end

  local function ids(text)
    local list = {}
    local rows = text:match '<tbody id="rows">(.-)</tbody>' or ""
    for id in rows:gmatch "/data/payments/records/([%w_]+)" do
      list[#list + 1] = id
    end
    return list
  end

  local function follow(text, label)
    local address = assert(link(text, label), label)
    return page(address:sub(#BASE + 1))
  end

  it("shows records, newest first, with the decimals of their currency", function()
    give(3)
    local text = page "payments"
    assert.same({ "ch_003", "ch_002", "ch_001" }, ids(text))
    assert.matches("3.500\226\128\175KWD", text, 1, true)
    assert.matches("2.5\226\128\175JPY", text, 1, true)
    assert.matches('<th aria-sort="descending" scope="col">', text, 1, true)
    assert.matches('<p class="quiet small" id="total">3 records</p>', text, 1, true)
  end)

  it("turns pages to the last one and back", function()
    give(120)
    local first = page "payments"
    assert.is_nil(link(first, "First"))
    assert.is_nil(link(first, "Previous"))
    local second = follow(first, "Next")
    assert.same({ 50, "ch_070", "ch_021" }, { #ids(second), ids(second)[1], ids(second)[50] })
    local third = follow(second, "Next")
    assert.same({ 20, "ch_020", "ch_001" }, { #ids(third), ids(third)[1], ids(third)[20] })
    assert.is_nil(link(third, "Next"))
    assert.same(ids(second), ids(follow(third, "Previous")))
    assert.same(ids(first), ids(follow(second, "First")))
    local last = follow(first, "Last")
    assert.same({ 50, "ch_050", "ch_001" }, { #ids(last), ids(last)[1], ids(last)[50] })
    assert.is_nil(link(last, "Last"))
    assert.equal("ch_100", ids(follow(last, "Previous"))[1])
  end)

  it("orders by a column, and back", function()
    give(3)
    local text = follow(page "payments", "Amount")
    assert.same({ "ch_003", "ch_002", "ch_001" }, ids(text))
    text = page "payments?sort=amount"
    assert.same({ "ch_001", "ch_002", "ch_003" }, ids(text))
    assert.matches("sort=%-amount", text)
    assert.same({ "ch_003", "ch_002", "ch_001" }, ids(page "payments?sort=nothing"))
  end)

  it("needs an index to order a long list, which an administrator can make", function()
    give(3)
    rawset(made.store, "count_upto", function(_, _, _, most)
      return most
    end)
    local text = page "payments?sort=-amount"
    assert.matches("needs an index", text, 1, true)
    assert.equal("ch_003", ids(text)[1])
    assert.matches('data%-later="[^"]+total=1"[^>]*><a href="[^"]+">More than 100,000 records<',
      text)
    assert.matches(">3 records</p>", page "payments?total=1", 1, true)
    local viewer = portal_browser.new(made.app, { role = "viewer" })
    local seen = viewer:get(BASE .. "payments?sort=-amount").body
    assert.matches("An administrator can make it", seen, 1, true)
    assert.equal(403, viewer:post(BASE .. "payments/orders", { field = "amount" }).status)
    assert.equal(400, browser:post(BASE .. "payments/orders", { field = "data" }).status)
    assert.equal(303, browser:post(BASE .. "payments/orders", { field = "amount" }).status)
    assert.is_nil(page("payments?sort=-amount"):find("needs an index", 1, true))
  end)

  it("filters, and keeps a filter that is wrong with the reason below it", function()
    give(120)
    local text = page("payments?q=" .. url.escaped "status=Failed&&amount>100")
    assert.same({ "ch_120" }, ids(text))
    assert.matches("1 record found on this page.", text, 1, true)
    text = page("payments?q=" .. url.escaped 'amout>"1"', 400)
    assert.matches('value="amout&gt;&quot;1&quot;"', text, 1, true)
    assert.matches('<p class="field-error" id="q-problem" role="alert">Could not resolve property '
      .. "amout on Payment", text, 1, true)
    assert.matches('aria-describedby="q-problem"', text, 1, true)
    assert.matches("No record matches this filter", page "payments?q=status%3DPending", 1, true)
  end)

  it("searches in portions, and can be stopped", function()
    give(3)
    local real = made.store.record_page
    rawset(made.store, "record_page", function(self, data_type, asked)
      local found = real(self, data_type, asked)
      local wait = require("commerce.core").now() + 0.3
      repeat until require("commerce.core").now() > wait -- longer than a page may take
      return { rows = {}, looked = 1, more = found.more or { id = "ch_001",
        value = "2026-01-01T00:01:00Z" } }
    end)
    local text = page "payments?q=status%3DPending"
    assert.matches("Searched 1 of 3: nothing found so far.", text, 1, true)
    local more = link(text, "Continue")
    assert.matches("seen=1", more, 1, true)
    assert.matches('<noscript><meta content="1;url=' .. more:gsub("&", "&amp;"):gsub("%p", "%%%0"),
      text)
    local stopped = page(assert(link(text, "Stop")):sub(#BASE + 1))
    assert.is_nil(stopped:find("<noscript>", 1, true))
    assert.matches("Searched 2 of 3", page(more:sub(#BASE + 1)), 1, true)
  end)

  it("remembers the columns that were chosen", function()
    give(1)
    local response = browser:get(BASE .. "payments/columns?c.id=1&c.currency=1&c.nothing=1&"
      .. "c.paymentMethodRef.name=1")
    assert.equal(303, response.status)
    local cookie = response.headers["Set-Cookie"]
    assert.matches("^columns_payments=id%-%-currency%-%-paymentMethodRef%-name; Max%-Age=%d+; "
      .. "Path=/portal; HttpOnly; SameSite=Lax$", cookie)
    local text = browser:get(BASE .. "payments", { cookie = "a=b; " .. cookie:match "^[^;]*" }).body
    local head = text:match "<thead>.-</thead>.-<thead>(.-)</thead>"
    assert.equal(3, select(2, head:gsub("<th ", "")))
    assert.matches("Currency.*Method", head)
    text = browser:get(BASE .. "payments", { cookie = "columns_payments=x----..--id;" }).body
    assert.matches("Amount", text, 1, true)
    assert.matches("^columns_payments=;", browser:get(BASE .. "payments/columns?reset=1&c.id=1")
      .headers["Set-Cookie"])
  end)

  it("saves filters for each user", function()
    give(1)
    local fields = { name = EVIL, q = "status=Paid", sort = "-createdDate" }
    assert.equal(303, browser:post(BASE .. "payments/filters", fields).status)
    local text = page "payments"
    assert.is_nil(text:find(EVIL, 1, true))
    assert.matches("q=status%3DPaid&amp;sort=-createdDate", text, 1, true)
    assert.is_nil(page("customers"):find("q=status", 1, true))
    assert.equal(400, browser:post(BASE .. "payments/filters", { name = " ", q = "status=Paid" })
      .status)
    assert.equal(400, browser:post(BASE .. "payments/filters", { name = "a", q = "x" }).status)
    assert.equal(303, browser:post(BASE .. "payments/filters/delete", { name = EVIL }).status)
    assert.is_nil(page("payments"):find("q=status%3DPaid", 1, true))
  end)

  it("exports what is filtered", function()
    give(120)
    local response = browser:get(BASE .. "payments/export?format=csv&q=status%3DFailed")
    local parts = {}
    for part in response.body do
      parts[#parts + 1] = part
    end
    local text = table.concat(parts)
    assert.equal(3, select(2, text:gsub("\r\n", "")))
    assert.matches("\r\nch_120,120.5,JPY,", text, 1, true)
    assert.equal('attachment; filename="payments.csv"', response.headers["Content-Disposition"])
    assert.equal(400, browser:get(BASE .. "payments/export?format=xls").status)
    assert.equal(400, browser:get(BASE .. "payments/export?q=x").status)
  end)

  it("shows a record with its links, its history and its page at Stripe", function()
    give(1)
    made:give("customers", { { id = "cus_1", customerName = EVIL .. RIGHT_TO_LEFT } })
    local text = page "payments/records/ch_001"
    assert.matches("https://dashboard.stripe.com/acct_One/test/payments/ch_001", text, 1, true)
    assert.matches("/data/customers/records/cus_1", text, 1, true)
    assert.matches("Stored for the first time", text, 1, true)
    assert.matches("&quot;amount&quot;: 1.5", text, 1, true)
    assert.matches("only its record is", text, 1, true)
    assert(made.store:write_page(client.CONNECTION, { resource = "charges",
      sources = { { id = "ch_001", data = '{"id":"ch_001","a":[1,{"b":"}\\"{"}],"c":{}}' } } },
      "2026-03-02T00:00:00Z"))
    text = page "payments/records/ch_001"
    assert.matches("{\n  &quot;id&quot;: &quot;ch_001&quot;,\n  &quot;a&quot;: [\n    1,\n    {\n"
      .. "      &quot;b&quot;: &quot;}\\&quot;{&quot;\n    }\n  ],\n  &quot;c&quot;: {}\n}", text,
      1, true)
    made:give("payments", { { id = "ch_002", createdDate = "2026-01-01T00:00:00Z",
      supplementalData = { content = { stripe = { balance_transaction = "txn_2" } } } } })
    assert(made.store:write_page(client.CONNECTION, { payout_links = { payout = "po_1", anew = true,
      transactions = { "txn_2" } } }, "2026-03-03T00:00:00Z"))
    assert.matches("Paid out in <a href=\"[^\"]*/payouts/po_1\">", page "payments/records/ch_002")
    assert(made.store:write_page(client.CONNECTION, { deleted = { payments = { "ch_001" } } },
      "2026-03-03T00:00:00Z"))
    text = page "payments/records/ch_001"
    assert.matches("This record was deleted at Stripe.", text, 1, true)
    assert.matches('<li class="bad">Deleted at Stripe', text, 1, true)
    page("payments/records/ch_404", 404)
    page("nothing", 404)
    page("payments/records/" .. url.escaped(EVIL), 404)
  end)

  it("shows texts of others as texts", function()
    made:give("customers", { { id = 'cus_"><', customerName = EVIL, note = "=cmd()" },
      { id = "cus_2", customerName = LONG }, { id = "cus_3", customerName = RIGHT_TO_LEFT } })
    for _, address in ipairs { "customers", "customers/records/" .. url.escaped 'cus_"><',
      "customers/records/cus_2", "customers?q=" .. url.escaped("customerName~a" .. EVIL) } do
      local text = page(address)
      assert.is_nil(text:find("<script>alert", 1, true), address)
      assert.is_nil(text:find('"><', text:find("<main", 1, true), true) and text:find('cus_"', 1,
        true), address)
    end
    assert.matches('<bdi class="clip" title="%S-">' .. RIGHT_TO_LEFT .. "</bdi>",
      (page("customers"):gsub('<bdi class="clip">', '<bdi class="clip" title="x">')))
  end)

  it("says what to do where there is nothing", function()
    assert.matches("Not read yet", page "payments", 1, true)
    made:give("payments", {})
    assert.matches("No payments", page "payments", 1, true)
    made:give("payments", { { id = "a", createdDate = "2026-01-01T00:00:00Z" } })
    local place = url.escaped(json.encode(json.array { "a", "2026-01-01T00:00:00Z" }))
    assert.matches("The list ends here", page("payments?from=" .. place), 1, true)
    for _, wrong in ipairs { "x", "[1]", '["a",{}]', "{}", '["a",true]' } do
      page("payments?from=" .. url.escaped(wrong), 400)
    end
  end)
end)
