-- What Stripe's lists and its feed should not hold, and a run must get past: empty pages that say
-- that more objects follow, events that cannot be used, and long waits.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local patience = require "commerce.account.patience"
local sandbox = require "spec.support.sandbox"
local sync = require "commerce.sync"

local FAST = 1000 -- requests a second
local NOW = os.time() - 3600
local EMPTY = '{"object":"list","url":"/v1/x","has_more":true,"data":[]}'

describe("a run gets past", function()
  local e, box, app, shop

  local function answer(body, match)
    e:control("faults", { { match = match, action = { type = "status", status = 200,
      headers = { ["Content-Type"] = "application/json" }, body = body } } })
  end

  local function customers()
    return assert(shop:sync { types = { "customers" } })
  end

  local function is_finished()
    return sync.reached(shop.store, shop.id)[1].finished
  end

  setup(function()
    e = emulator.start { charges = 3, customers = 4, now = NOW, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 3, customers = 4, now = NOW, compact = true }
    box = sandbox.new()
    app = assert(commerce.open { store = "sqlite:" .. box:path "store.db" })
    shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base, rate = FAST,
      endpoint_rate = FAST, backoff = 0.002, backoff_cap = 0.01 })
  end)

  after_each(function()
    shop:close()
    app:close()
    box:close()
  end)

  it("empty pages at the top of a list, which goes on below them", function()
    answer(EMPTY, { path = "/v1/customers", times = 2 })
    local report = customers()
    assert.is_true(report.complete)
    assert.equal(4, report.types[1].created)
    assert.match("customers: Stripe sent empty pages", tostring(report), 1, true)
    assert.is_true(is_finished())
    assert.is_nil(tostring(customers()):find("empty pages", 1, true))
  end)

  it("a list of empty pages", function()
    answer(EMPTY, { path = "/v1/customers" })
    local report = customers()
    assert.is_true(report.complete)
    assert.match("customers: Stripe sent empty pages", tostring(report), 1, true)
    assert.is_true(is_finished())
    assert.is_true(report.requests < 40)
  end)

  it("a gap in a full read, without taking what it hides for deleted", function()
    customers()
    answer(EMPTY, { path = "/v1/customers" })
    local report = assert(shop:sync { types = { "customers" }, full = true })
    assert.equal(0, report.types[1].deleted)
    local count = 0
    for _ in shop:records "customers" do
      count = count + 1
    end
    assert.equal(4, count)
    assert.match("customers: Stripe sent empty pages",
      tostring(assert(shop:verify { types = { "customers" } })), 1, true)
  end)

  it("empty pages of the feed", function()
    customers()
    answer(EMPTY, { path = "/v1/events", times = 2 })
    local id = e:read_all("/v1/customers")[4].id
    e:mutate { op = "update", id = id, fields = { name = "New" } }
    local report = customers()
    assert.is_true(report.complete)
    assert.match("events: Stripe sent empty pages", tostring(report), 1, true)
    local changed = report.types[1].changed
    report = customers()
    assert.is_nil(tostring(report):find("empty pages", 1, true))
    assert.equal(1, changed + report.types[1].changed)
  end)

  local ODD = {
    ["an event without an object"] = '{"data":{"object":null}',
    ["an event whose object's id is no text"] = '{"data":{"object":{"object":"customer","id":5}}',
    ["an event whose object has no id"] = '{"data":{"object":{"object":"customer"}}',
    ["an event of no type"] = '{"type":{},"data":{"object":{"object":"customer","id":"cus_1"}}',
    ["an event whose object is a text"] = '{"data":{"object":"cus_1"}',
    ["an event without data"] = '{"data":null',
    ["an event with odd fields"] = '{"data":{"object":{"object":"customer","id":"cus_none",'
      .. '"created":"x","charge":[],"fee":{},"payment_intent":7}},"api_version":[]',
    ["an event that is no JSON"] = '{"data":{"x":01}',
    ["a charge's event without a payment intent"] = '{"type":"charge.refunded","data":{"object":'
      .. '{"object":"charge","id":"ch_none","payment_intent":null}}',
  }

  for title, text in pairs(ODD) do
    it(title, function()
      customers()
      local id = e:read_all("/v1/customers")[4].id
      e:mutate { op = "update", id = id, fields = { name = "New" } }
      local event = e:json("/v1/events?limit=1").data[1]
      local odd = ('%s%s,"id":"evt_odd","object":"event","livemode":false,"created":%d}'):format(
        text, text:find('"type"', 1, true) and "" or ',"type":"customer.updated"', event.created)
      local good = ([[{"id":"%s","object":"event","livemode":false,"created":%d,
        "type":"customer.updated","api_version":"2020-08-27",
        "data":{"object":{"object":"customer","id":"%s"}}}]]):format(event.id, event.created, id)
      answer(('{"object":"list","url":"/v1/events","has_more":false,"data":[%s,%s]}'):format(odd,
        good), { path = "/v1/events" })
      local report = customers()
      assert.is_true(report.complete, tostring(report))
      assert.equal(1, report.types[1].changed)
      assert.is_true(is_finished())
    end)
  end

  it("a delivered event whose object cannot be asked for by its id, and drops it", function()
    shop:sync { types = { "products" } }
    app.store:keep_events { { connection_id = shop.id, id = "evt_1", at = NOW,
      body = [[{"id":"evt_1","object":"event","type":"product.updated","livemode":false,
        "created":1,"data":{"object":{"object":"product","id":"12\" vinyl"}}}]] } }
    local report = assert(shop:apply_events())
    assert.match('products: an event names an object that cannot be asked for by its id (12" vinyl',
      tostring(report), 1, true)
    assert.equal(0, #app.store:waiting_events(shop.id, 10))
  end)

  it("a long wait, which its pull and its listener tell while it lasts", function()
    local watch, tell, heard, message = patience.watch, nil, nil, nil
    patience.watch = function(_, listener) -- luacheck: ignore (put back below)
      tell = listener or tell
      return function() end
    end
    local report = shop:sync { types = { "customers" }, progress = function(event)
      if event.event == "start" then
        tell "GET /v1/customers has been waiting for 10 s"
        message = app.store:latest_pulls(shop.id).customers.error_message
      elseif event.event == "waiting" then
        heard = event.message
      end
    end }
    patience.watch = watch -- luacheck: ignore
    assert.is_true(report.complete)
    assert.equal("GET /v1/customers has been waiting for 10 s", heard)
    assert.equal(heard, message)
    local pull = app.store:latest_pulls(shop.id).customers
    assert.equal("Complete", pull.status)
    assert.is_nil(pull.error_message)
  end)
end)
