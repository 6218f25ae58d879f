-- What can be asked of connect and sync, and how a mistake in it is answered.

local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local ACCOUNT = "acct_1CommerceShop001"

describe("connecting", function()
  local e, box, app

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
    app = assert(commerce.open { store = "sqlite:" .. box:path "connect.db" })
  end)

  teardown(function()
    app:close()
    e:stop()
    box:close()
  end)

  local function connect(key, options)
    local all = { secret_key = key, base_url = e.base, retries = 0 }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    return app:connect(all)
  end

  -- The connection must be refused; gives the message and the details.
  local function refused(key, options)
    local shop, message, details = connect(key, options)
    assert.is_nil(shop)
    assert.equal("string", type(message))
    assert.equal(1, select(2, (message .. "\n"):gsub("\n", "")), "one line: " .. message)
    if type(key) == "string" then
      assert.is_nil(sandbox.leak(message, key))
    end
    return message, details
  end

  it("takes a string or a secret, and gives the same connection for both", function()
    local first = assert(connect "sk_test_emulator")
    local second = assert(connect(core.secret "sk_test_emulator"))
    local third = assert(connect("rk_test_emulator_readonly", { integration = "stripe-test" }))
    assert.equal(ACCOUNT, first.account)
    assert.matches("^%x+%-%x+%-4%x+%-%x+%-%x+$", first.id)
    assert.equal(first.id, second.id)
    assert.equal(first.id, third.id)
    first:close()
    second:close()
    third:close()
  end)

  it("keeps the connection between two openings of the store", function()
    local path = box:path "kept.db"
    local ids = {}
    for i = 1, 2 do
      local other = assert(commerce.open { store = "sqlite:" .. path })
      local shop = assert(other:connect { secret_key = "sk_test_emulator", base_url = e.base,
        name = "My shop" })
      ids[i] = shop.id
      shop:close()
      other:close()
    end
    assert.equal(ids[1], ids[2])
    assert.equal(ids[1] .. "|stripe-test|" .. ACCOUNT .. "|My shop|Linked\n", rows.sql(path,
      "SELECT id, integration, account, name, status FROM connections"))
  end)

  it("refuses what is no key, before anything is sent", function()
    e:control("stats", { clear = true })
    assert.matches("no secret key", refused(nil), 1, true)
    assert.matches("publishable", refused "pk_test_Planted0123456789abcdef", 1, true)
    assert.matches("not a Stripe secret key", refused "whsec_Planted0123456789abcdef", 1, true)
    assert.matches("space or a line end", refused "sk_test_Planted0123456789abcdef\n", 1, true)
    assert.matches("no secret key given", refused "", 1, true)
    assert.equal(0, e:control("stats").requests)
  end)

  it("refuses a key of the other mode than asked for", function()
    local message = refused("sk_test_emulator", { integration = "stripe" })
    assert.matches("test mode", message, 1, true)
    assert.matches("live mode", message, 1, true)
    message = refused("sk_live_emulator", { integration = "stripe-test" })
    assert.matches("live mode", message, 1, true)
    assert.matches("unknown integration 'paypal'",
      refused("sk_test_emulator", { integration = "paypal" }), 1, true)
  end)

  it("tells a wrong key, an expired key and an account out of reach", function()
    local message, details = refused "sk_test_Planted0123456789abcdef"
    assert.matches("HTTP 401", message, 1, true)
    assert.same({ "auth", 401, false }, { details.kind, details.status, details.retryable })
    message, details = refused "sk_test_emulator_expired"
    assert.equal("api_key_expired", details.code)
    assert.matches("Expired API Key", message, 1, true)
    message, details = refused("sk_test_emulator", { account = "acct_1NotConnected" })
    assert.same({ "auth", 403 }, { details.kind, details.status })
    assert.matches("acct_1NotConnected", message, 1, true)
    assert.equal("0\n", rows.sql(box:path "connect.db",
      "SELECT count(*) FROM connections WHERE account = 'acct_1NotConnected'"))
  end)

  it("refuses to act on another account than asked for", function()
    e:control("faults", { { match = { path = "/v1/account", times = 1 },
      action = { status = 200, body = '{"id":"acct_1Other","object":"account"}' } } })
    local message = refused("sk_test_emulator", { account = ACCOUNT })
    assert.matches("acct_1Other", message, 1, true)
    assert.matches(ACCOUNT, message, 1, true)
  end)

  it("tells an answer that is no account", function()
    for _, body in ipairs { "{}", "[]", "not JSON", '{"id":7}', "" } do
      e:control("faults", { { match = { path = "/v1/account", times = 1 },
        action = { status = 200, body = body } } })
      assert.matches("GET /v1/account", refused "sk_test_emulator", 1, true)
    end
  end)

  it("tells a server that is not there", function()
    local message, details = refused("sk_test_emulator", { base_url = "http://127.0.0.1:1" })
    assert.same({ "transport", true }, { details.kind, details.retryable })
    assert.matches("could not connect to 127.0.0.1", message, 1, true)
  end)

  it("raises for mistakes of the program", function()
    assert.error_matches(function()
      connect("sk_test_emulator", { secretkey = "x" })
    end, "unknown option 'secretkey'", 1, true)
    assert.error_matches(function()
      connect("sk_test_emulator", { rate = "fast" })
    end, "bad option 'rate': number expected, got string", 1, true)
    assert.error_matches(function()
      connect("sk_test_emulator", { base_url = "http://api.example.com" })
    end, "must use https", 1, true)
    assert.error_matches(function()
      connect("sk_test_emulator", { account = "cus_123" })
    end, "not an account id", 1, true)
    assert.error_matches(function()
      commerce.open { stores = "x" }
    end, "unknown option 'stores'", 1, true)
  end)
end)

describe("the options of sync", function()
  local e, box, app, shop, path

  setup(function()
    e = emulator.start { charges = 250, compact = true }
    box = sandbox.new()
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    path = box:path "options.db"
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base, rate = 0,
      endpoint_rate = 0 })
    e:control("stats", { clear = true })
  end)

  after_each(function()
    shop:close()
    app:close()
    os.remove(path)
  end)

  local function requested()
    local list = {}
    for endpoint in pairs(e:control("stats").endpoints) do
      list[#list + 1] = endpoint:gsub("^GET /v1/", "")
    end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("types: reads those alone, under any of their names", function()
    for _, case in ipairs {
      { { "payments" }, "charges events refunds", { "payments" } },
      { { "commerce-paymentMethods" }, "charges events", { "payment_methods" } },
      { { "tax_components", "disputes", "disputes" }, "disputes events tax_rates",
        { "disputes", "tax_components" } },
      -- the account is known from a moment ago, when the connection was made
      { { "companyInfo" }, "balance", { "company_info" } },
      { { "products" }, "events prices products", { "products" } },
    } do
      e:control("stats", { clear = true })
      local report = assert(shop:sync { types = case[1] })
      assert.is_true(report.complete)
      local names = {}
      for i, entry in ipairs(report.types) do
        names[i] = entry.type
      end
      assert.same(case[3], names)
      assert.equal(case[2], requested())
    end
    local _, _, customers = rows.records(path, "customers")
    assert.equal(0, customers)
  end)

  it("types one by one give what all at once give", function()
    for i = #rows.TYPES, 1, -1 do
      assert.is_true(assert(shop:sync { types = { rows.TYPES[i] } }).complete)
    end
    -- A sync of payouts alone sees the newest event about them, which dates its payout. Among the
    -- events of all types this one is too old to be looked at.
    local exact, undated = {}, { "payouts" }
    for _, name in ipairs(rows.TYPES) do
      exact[#exact + 1] = name ~= "payouts" and name or nil
    end
    local one_by_one = rows.dump(path, { types = exact })
    local payouts = rows.contents(path, undated)
    local other = box:path "at_once.db"
    local second = assert(commerce.open { store = "sqlite:" .. other })
    local again = assert(second:connect { secret_key = "sk_test_emulator", base_url = e.base,
      rate = 0, endpoint_rate = 0 })
    assert(again:sync())
    again:close()
    second:close()
    assert.equal("", rows.difference(rows.dump(other, { types = exact }), one_by_one))
    assert.equal("", rows.difference(rows.contents(other, undated), payouts))
  end)

  it("types: an unknown one is refused with the names of those there are", function()
    local report, message, details = shop:sync { types = { "payments", "orders" } }
    assert.is_nil(report)
    assert.equal("usage", details.kind)
    local expected = "unknown data type 'orders' (known: " .. table.concat(rows.TYPES, ", ") .. ")"
    assert.equal(expected, message:sub(1, #expected))
    assert.equal("usage", select(3, shop:sync { types = {} }).kind)
    assert.equal("", requested())
    assert.equal(0, rows.number(path, "SELECT count(*) FROM pulls"))
  end)

  it("since: reads what was created from then on", function()
    local charges, refunds = rows.fetch(e, "charges"), rows.fetch(e, "refunds",
      { query = "expand[]=data.charge&expand[]=data.balance_transaction" })
    local since = charges[60].created
    local expected, stored = {}, {}
    for _, charge in ipairs(charges) do
      expected[charge.id] = charge.created >= since or nil
    end
    for _, refund in ipairs(refunds) do
      local transaction = refund.balance_transaction
      local released = type(transaction) == "table"
        and transaction.reporting_category == "partial_capture_reversal"
      expected[refund.id] = refund.created >= since and refund.charge.captured and not released
        and refund.reason ~= "expired_uncaptured_charge" or nil
    end
    for _, given in ipairs { since, os.date("!%Y-%m-%dT%H:%M:%SZ", since) } do
      assert.is_true(assert(shop:sync { types = { "payments" }, since = given }).complete)
      for id in pairs(rows.records(path, "payments")) do
        stored[id] = true
      end
      assert.equal("", rows.difference(rows.text(expected), rows.text(stored)))
    end
    assert.is_true(expected[charges[60].id] and not expected[charges[70].id])
  end)

  it("since: takes a day as its first second in UTC", function()
    assert(shop:sync { types = { "customers" }, since = "2026-06-01" })
    local expected = 0
    for _, customer in ipairs(rows.fetch(e, "customers")) do
      expected = expected + (customer.created >= 1780272000 and 1 or 0)
    end
    local _, _, count = rows.records(path, "customers")
    assert.equal(expected, count)
    assert.is_true(expected > 0 and expected < 62)
  end)

  local function assert_stored(charges)
    local stored = rows.records(path, "payments")
    for _, charge in ipairs(charges) do
      assert.is_table(stored[charge.id], charge.id)
    end
  end

  it("since: a sync without it afterwards reads the rest", function()
    assert(shop:sync { types = { "payments" }, since = "2026-09-01" })
    local _, _, before = rows.records(path, "payments")
    assert(shop:sync { types = { "payments" } })
    local _, _, after = rows.records(path, "payments")
    assert.is_true(before < after)
    assert_stored(rows.fetch(e, "charges"))
  end)

  for name, given in pairs { ["before: reads what was created before then"] = { before = 40 },
    ["until: is the same"] = { ["until"] = 40 },
    ["before: with since the time between"] = { since = 90, before = 40 } } do
    it(name, function()
      local charges, options, expected = rows.fetch(e, "charges"), {}, {}
      for option, at in pairs(given) do
        options[option] = charges[at].created
      end
      for _, charge in ipairs(charges) do
        if charge.created < charges[40].created and charge.created >= (options.since or 0) then
          expected[charge.id] = true
        end
      end
      options.types, options.page_size = { "payments" }, 10
      assert.is_true(assert(shop:sync(options)).complete)
      local stored = {}
      for id in pairs(rows.records(path, "payments")) do
        stored[id] = not id:find "^p?y?re?_" and not id:find "^pyr_" or nil
      end
      assert.equal("", rows.difference(rows.text(expected), rows.text(stored)))
      -- a whole sync afterwards reads the rest
      assert.is_true(assert(shop:sync { types = { "payments" } }).complete)
      assert_stored(charges)
    end)
  end

  it("strict: gives the reasons where not everything could be read", function()
    e:control("faults", { { match = { path = "/v1/disputes" }, action = { type = "html500",
      status = 502, headers = { ["Stripe-Should-Retry"] = "false" } } } })
    local report, message, details = shop:sync { types = { "disputes", "customers" },
      strict = true }
    e:control("faults", { clear = true })
    assert.is_nil(report)
    assert.matches("^disputes: GET /v1/disputes: HTTP 502", message)
    assert.equal("incomplete", details.kind)
    assert.equal("complete", details.report.types[1].status)
    assert.is_true(assert(shop:sync { types = { "disputes" }, strict = true }).complete)
  end)

  it("before: what is no date is refused", function()
    local report, message = shop:sync { before = "soon" }
    assert.is_nil(report)
    assert.matches("before: expected YYYY-MM-DD", message, 1, true)
  end)

  it("since: what is no date is refused", function()
    for _, since in ipairs { "yesterday", "2026-02-30", "2026-13-01", "01.02.2026", "2026-1-1" } do
      local report, message, details = shop:sync { since = since }
      assert.is_nil(report)
      assert.equal("usage", details.kind)
      assert.matches("since: expected YYYY-MM-DD", message, 1, true)
      assert.matches("'" .. since .. "'", message, 1, true)
    end
  end)

  it("page_size: sets how many objects a request asks for", function()
    assert(shop:sync { types = { "customers" }, page_size = 13, ranges = 1 })
    local pages = 0
    for _, line in ipairs(e:control("stats?lines=1").lines) do
      if line:find("/v1/customers", 1, true) then
        pages = pages + 1
        assert.matches("[?&]limit=13[& ]", line)
      end
    end
    assert.equal(5, pages) -- 62 customers
  end)

  it("page_size: is checked before anything is begun", function()
    for _, size in ipairs { 0, 101, 1.5, -1 } do
      assert.error_matches(function()
        shop:sync { types = { "customers" }, page_size = size }
      end, "page_size", 1, true)
    end
    assert.equal(0, rows.number(path, "SELECT count(*) FROM pulls WHERE status = 'Fetching'"))
  end)

  it("raises for options there are not", function()
    assert.error_matches(function()
      shop:sync { type = "payments" }
    end, "unknown option 'type'", 1, true)
    assert.error_matches(function()
      shop:sync { types = "payments" }
    end, "bad option 'types': table expected, got string", 1, true)
  end)

  it("progress: tells the start, the way and the end of every type", function()
    local events = {}
    local report = assert(shop:sync { progress = function(event)
      events[#events + 1] = event
    end })
    assert.equal("start", events[1].event)
    assert.same(rows.TYPES, events[1].types)
    assert.same({ ACCOUNT, "test", shop.id }, { events[1].account, events[1].mode,
      events[1].connection })
    local ended, fractions, reads = {}, {}, {}
    for i = 2, #events do
      local event = events[i]
      assert.is_nil(ended[event.type], "told after its end")
      if event.event == "type" then
        ended[event.type] = event
      else
        assert.equal("progress", event.event)
        assert.is_true(event.fraction >= (fractions[event.type] or 0) and event.fraction <= 1)
        assert.is_true(event.read >= (reads[event.type] or 0))
        fractions[event.type], reads[event.type] = event.fraction, event.read
      end
    end
    for i, name in ipairs(rows.TYPES) do
      assert.equal(1, fractions[name], name)
      assert.equal("complete", ended[name].status)
      assert.equal(report.types[i].read, ended[name].read)
    end
  end)
end)
