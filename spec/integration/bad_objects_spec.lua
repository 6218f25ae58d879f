-- One object that cannot be read is one failed record, named by its id: its list goes on, and so do
-- later runs.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local sandbox = require "spec.support.sandbox"
local sync = require "commerce.sync"

local FAST = 1000 -- requests a second
local NOW = os.time() - 3600

local function customer(id, more)
  return ('{"id":"%s","object":"customer","livemode":false,"created":%d,"name":"N"%s}'):format(id,
    NOW - 86400, more or "")
end

local DEEP = (',"metadata":%s1%s'):format(('{"a":'):rep(70), ("}"):rep(70))

local OTHER_MODE = '{"id":"cus_live","object":"customer","livemode":true,"created":1}'

local BAD = {
  { "of the other mode", OTHER_MODE, "cus_live", "live mode object" },
  { "nested too deep", customer("cus_deep", DEEP), "cus_deep", "nested too deep" },
  { "that is not JSON", '{"x":01,"y":{"id":"no"},"id":"cus_odd"}', "cus_odd", "leading zero" },
  { "that is no object", "null", "an object without an id", "object expected" },
}

describe("an object", function()
  local e, box, app, shop

  local function open(options)
    app = assert(commerce.open { store = "sqlite:" .. box:path "store.db" })
    local all = { secret_key = "sk_test_emulator", base_url = e.base, rate = FAST,
      endpoint_rate = FAST, backoff = 0.002, backoff_cap = 0.01 }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    shop = assert(app:connect(all))
  end

  local function answer(path, body, match)
    local rule = { path = path }
    for name, value in pairs(match or {}) do
      rule[name] = value
    end
    e:control("faults", { { match = rule, action = { type = "status", status = 200,
      headers = { ["Content-Type"] = "application/json" }, body = body } } })
  end

  local function list_of(elements, has_more)
    return ('{"object":"list","url":"/v1/x","has_more":%s,"data":[%s]}'):format(
      tostring(has_more or false), table.concat(elements, ","))
  end

  local function stored(data_type)
    local ids = {}
    for record in shop:records(data_type) do
      ids[#ids + 1] = record.id
    end
    table.sort(ids)
    return table.concat(ids, " ")
  end

  local function oldest()
    local all = e:read_all "/v1/customers"
    return all[#all].id
  end

  before_each(function()
    e = emulator.start { charges = 3, customers = 2, now = NOW, compact = true }
    box = sandbox.new()
    open()
  end)

  after_each(function()
    shop:close()
    app:close()
    e:stop()
    box:close()
  end)

  for _, case in ipairs(BAD) do
    local title, text, name, reason = case[1], case[2], case[3], case[4]

    it(title .. " fails alone in its list", function()
      answer("/v1/customers", list_of { customer "cus_1", text, customer "cus_3" })
      local report = assert(shop:sync { types = { "customers" } })
      local entry = report.types[1]
      assert.equal("failed", entry.status)
      assert.equal(1, entry.failed)
      assert.equal(3, entry.read)
      assert.equal("MapError", entry.reason)
      assert.match(name, entry.error, 1, true)
      assert.match(reason, entry.error, 1, true)
      assert.equal("cus_1 cus_3", stored "customers")
      assert.is_true(sync.reached(shop.store, shop.id)[1].finished)
    end)

    it(title .. " fails its type's verification, with its name", function()
      answer("/v1/customers", list_of { customer "cus_1", customer "cus_3" }, { times = 1 })
      assert(assert(shop:sync { types = { "customers" } }).complete)
      answer("/v1/customers", list_of { customer "cus_1", text, customer "cus_3" })
      local report = assert(shop:verify { types = { "customers" } })
      assert.is_false(report.agrees)
      assert.match(name, tostring(report), 1, true)
    end)
  end

  it("of which one of two data types cannot be made fails for that one alone", function()
    local v = commerce.values
    shop:define("counted", { from = { resource = "customers",
      where = v.switch("name", { None = v.constant(false) }, v.constant(true)),
      excluded = "nameless" }, id = "id", count = v.integer "balance" })
    local function with_balance(id, balance)
      return customer(id, (',"balance":%s'):format(balance))
    end
    answer("/v1/customers", list_of { with_balance("cus_1", 1), with_balance("cus_2", '"x"'),
      with_balance("cus_3", 3), (with_balance("cus_4", 4):gsub('"N"', '"None"')) })
    local report = assert(shop:sync { types = { "customers", "counted" } })
    local entry, counted = report.types[1], report.types[2]
    assert.same({ 4, 4, 0 }, { entry.read, entry.created, entry.failed })
    assert.same({ 4, 2, 1, 1 }, { counted.read, counted.created, counted.failed,
      counted.left_out })
    assert.matches("cus_2", counted.error, 1, true)
    assert.equal("cus_1 cus_2 cus_3 cus_4", stored "customers")
    assert.equal("cus_1 cus_3", stored "counted")
  end)

  it("with half a surrogate pair has U+FFFD there, be it the account itself", function()
    answer("/v1/account", [[{"id":"acct_1CommerceShop001","object":"account","country":"US",
      "default_currency":"usd","business_profile":{"name":"Toys \ud83d"},"x":"\udc00\u0000"}]])
    answer("/v1/customers", list_of { customer("cus_1", [[,"email":"a\ud83d@example.com"]]) })
    shop:close()
    app:close()
    open() -- a new connection asks for the account
    local report = assert(shop:sync { types = { "company_info", "customers" } })
    assert.is_true(report.complete, tostring(report))
    local info, person
    for record in shop:records "company_info" do info = record end
    for record in shop:records "customers" do person = record end
    assert.equal("Toys \239\191\189", info.companyName)
    assert.equal("a\239\191\189@example.com", person.emailAddress)
  end)

  it("without an id at the end of a page does not end the list", function()
    answer("/v1/customers", list_of({ customer "cus_1", "null" }, true), { nth = 1 })
    answer("/v1/customers", list_of { "null", customer "cus_3" }, { query = "cus_1" })
    local entry = assert(shop:sync { types = { "customers" } }).types[1]
    assert.equal(1, entry.failed)
    assert.equal("cus_1 cus_3", stored "customers")
  end)

  it("that failed keeps full reads from marking its record as deleted", function()
    local page = list_of { customer "cus_1", customer "cus_2", customer "cus_3" }
    answer("/v1/customers", page, { times = 1 })
    assert(assert(shop:sync { types = { "customers" } }).complete)
    e:control("faults", { clear = true })
    answer("/v1/customers", list_of { customer "cus_1", customer("cus_2", DEEP) })
    assert.equal(1, assert(shop:sync { types = { "customers" }, full = true }).types[1].failed)
    assert.equal("cus_1 cus_2 cus_3", stored "customers")
  end)

  it("that failed in an earlier run keeps its record, when another list ends later", function()
    assert(assert(shop:sync { types = { "payments" } }).complete)
    local before = stored "payments"
    local charges = e:json("/v1/charges?limit=100").data
    answer("/v1/charges", list_of { ('{"id":"%s","created":%d,"x":01}'):format(charges[1].id,
      charges[1].created) })
    e:control("faults", { { match = { path = "/v1/refunds" }, action = { status = 400 } } })
    local report = assert(shop:sync { types = { "payments" }, full = true })
    assert.equal(1, report.types[1].failed)
    e:control("faults", { clear = true })
    report = assert(shop:sync { types = { "payments" } })
    assert.is_true(report.complete, tostring(report))
    assert.equal(before, stored "payments")
  end)

  it("that changed and cannot be read fails alone", function()
    local id = oldest()
    assert(assert(shop:sync { types = { "customers" } }).complete)
    e:mutate { op = "update", id = id, fields = { name = "New" } }
    answer("/v1/customers/" .. id, customer(id, DEEP))
    local entry = assert(shop:sync { types = { "customers" } }).types[1]
    assert.equal(1, entry.failed)
    assert.match(id, entry.error, 1, true)
    assert.match("cannot be read", entry.error, 1, true)
    assert.is_true(sync.reached(shop.store, shop.id)[1].finished)
    e:control("faults", { clear = true })
    assert.is_true(assert(shop:sync { types = { "customers" } }).complete)
  end)

  it("that failed in a list is asked for again by each later sync, until it can be read", function()
    local id = oldest()
    answer("/v1/customers", list_of { customer "cus_1", customer(id, DEEP) }, { times = 1 })
    answer("/v1/customers/" .. id, customer(id, DEEP), { times = 1 })
    for _ = 1, 2 do
      local entry = assert(shop:sync { types = { "customers" } }).types[1]
      assert.equal(1, entry.failed)
      assert.match(id, entry.error, 1, true)
    end
    local before = #e:control("stats?lines=1").lines
    assert.is_true(assert(shop:sync { types = { "customers" } }).complete)
    assert.match(id, stored "customers", 1, true)
    assert.is_true(assert(shop:sync { types = { "customers" } }).complete)
    local asked = 0
    for i, line in ipairs(e:control("stats?lines=1").lines) do
      asked = asked + (i > before and line:find("/v1/customers/" .. id, 1, true) and 1 or 0)
    end
    assert.equal(1, asked) -- not any more once it is stored
  end)

  it("that was kept and cannot be read fails alone in a remap", function()
    assert(assert(shop:sync { types = { "customers" }, keep_source = true }).complete)
    local id = oldest()
    shop.app.store:write_page(shop.id, { resource = "customers",
      sources = { { id = id, data = customer(id, DEEP) } } })
    local report = assert(shop:remap { types = { "customers" } })
    assert.equal(1, report.types[1].failed, tostring(report))
    assert.match(id, report.types[1].error, 1, true)
    assert.equal(1, report.types[1].unchanged)
  end)

  describe("with a nested list", function()
    local function line(id)
      return ('{"id":"%s","object":"line_item","amount":100,"currency":"usd","quantity":1}'):format(
        id)
    end

    local function invoice(id, has_more)
      return ([[{"id":"%s","object":"invoice","livemode":false,"created":%d,"status":"paid",
        "currency":"usd","total":200,"subtotal":200,"amount_due":200,"amount_paid":200,
        "amount_remaining":0,"lines":{"object":"list","has_more":%s,"url":"/v1/invoices/%s/lines",
        "data":[%s]},"metadata":{}}]]):format(id, NOW - 1000, tostring(has_more), id,
        line(id:gsub("in", "il") .. "a"))
    end

    before_each(function()
      local orders = require "commerce.stripe.orders"
      shop:define("orders", orders)
    end)

    -- After the rule for an invoice's lines: the first rule that matches wins.
    local function sync_orders()
      answer("/v1/checkout/sessions", list_of {})
      answer("/v1/invoices", list_of { invoice("in_1", true), invoice("in_2", false) })
      return assert(shop:sync { types = { "orders" } })
    end

    it("that is gone is left out", function()
      e:control("faults", { { match = { path = "/v1/invoices/in_1/lines" },
        action = { type = "status", status = 404, code = "resource_missing" } } })
      local report = sync_orders()
      assert.is_true(report.complete, tostring(report))
      assert.equal("in_2", stored "orders")
    end)

    for i = 2, #BAD do -- lines have no mode of their own
      local case = BAD[i]
      local text, reason = case[2], case[4]
      it("in which one is " .. case[1] .. " fails alone", function()
        answer("/v1/invoices/in_1/lines", list_of { line "il_1b", text })
        local report = sync_orders()
        assert.equal(1, report.types[1].failed, tostring(report))
        assert.match("invoices: in_1 cannot be read", report.types[1].error, 1, true)
        assert.match(reason, report.types[1].error, 1, true)
        assert.equal("in_2", stored "orders")
      end)
    end
  end)
end)
