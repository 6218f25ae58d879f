-- Nothing from the future rules: objects and events that a test clock dates ahead, and checkpoints
-- that were written while a clock was ahead, do not hide what comes in afterwards. Objects that
-- appear late with an old date are found by their events.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"
local DAY, YEAR = 86400, 365 * 86400
local TYPES = { "charge", "customer", "product" }

describe("dates ahead of now", function()
  local e, box, open, sync, entry_of, assert_like_whole

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
    local shops = shops_at(e, box, KEY)
    open, sync, entry_of = shops.open, shops.sync, shops.entry_of
    assert_like_whole = shops.assert_like_whole
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 300, compact = true, now = os.time() - 300 }
  end)

  local function insert_all(options)
    for _, name in ipairs(TYPES) do
      local op = { op = "insert", type = name, key = KEY }
      for key, value in pairs(options or {}) do
        op[key] = value
      end
      e:mutate(op)
    end
  end

  it("leave new objects to be found, in lists and in the feed", function()
    local shop, path = open()
    insert_all { created = os.time() + YEAR, test_clock = true }
    sync(shop)
    assert_like_whole(path)
    e:advance(60)
    insert_all()
    local customer = rows.fetch(e, "customers")[50]
    e:mutate { op = "update", id = customer.id, fields = { name = "Ada" }, key = KEY }
    sync(shop)
    assert_like_whole(path)
    assert.is_true(assert(shop:verify()).agrees)
    shop:close()
  end)

  it("leave new objects to be found if a killed run had read them", function()
    local shop, path = open { retries = 0 }
    insert_all { created = os.time() + YEAR, test_clock = true }
    e:control("faults", { match = { path = "/v1/charges", after = 1 },
      action = { type = "html500" } })
    assert.is_false(assert(shop:sync { page_size = 20, ranges = 1 }).complete)
    e:control("faults", { clear = true })
    e:advance(60)
    insert_all()
    sync(shop)
    assert_like_whole(path)
    e:advance(60)
    insert_all()
    sync(shop)
    assert_like_whole(path)
    shop:close()
  end)

  it("do not make an event's snapshot newer than what happened since", function()
    local customer = rows.fetch(e, "customers")[50]
    local shop, path = open()
    sync(shop)
    e:mutate { op = "update", id = customer.id, fields = { name = "First" }, key = KEY,
      created = os.time() + YEAR, test_clock = true }
    e:mutate { op = "update", id = customer.id, fields = { name = "Last" }, key = KEY }
    for _ = 1, 2 do
      sync(shop)
      assert.equal("Last\n", rows.sql(path,
        ("SELECT customer_name FROM customers WHERE id = '%s'"):format(customer.id)))
    end
    shop:close()
  end)

  it("of customers of a test clock, which no list shows, do not bring these by events", function()
    local shop, path = open()
    sync(shop)
    local id = e:mutate({ op = "insert", type = "customer", fields = { test_clock = "clock_1" },
      key = KEY, created = os.time() - 200 * DAY, imported = true }).ids[1]
    e:mutate { op = "update", id = id, fields = { name = "Ada" }, key = KEY }
    for _, options in ipairs { {}, { full = true } } do
      local report = sync(shop, options)
      assert.equal(0, entry_of(report, "customers").deleted)
      assert.equal(0, rows.number(path,
        ("SELECT count(*) FROM customers WHERE id = '%s'"):format(id)))
      assert_like_whole(path)
    end
    assert.is_true(assert(shop:verify()).agrees)
    shop:close()
  end)

  it("in a checkpoint are not believed", function()
    local shop, path = open()
    sync(shop)
    -- as an earlier version left it, which had taken an object's date and an event's for the newest
    for _, field in ipairs { "newest", "events_since", "latest_event" } do
      rows.sql(path, ("UPDATE resource_state SET state = json_set(state, '$.%s', %d) "
        .. "WHERE json_extract(state, '$.%s') IS NOT NULL"):format(field, os.time() + YEAR, field))
    end
    e:advance(60)
    insert_all()
    local customer = rows.fetch(e, "customers")[50]
    e:mutate { op = "update", id = customer.id, fields = { name = "Ada" }, key = KEY }
    sync(shop)
    assert_like_whole(path)
    shop:close()
  end)

  it("are not in a checkpoint while this machine's clock or Stripe's is ahead", function()
    for _, ahead in ipairs { -1800, 1800 } do
      local shop, path = open()
      local real = shop.stripe_now()
      assert.is_true(math.abs(real - os.time()) <= 2) -- the emulator has this machine's clock
      shop.stripe_now = function()
        return real + ahead
      end
      sync(shop)
      local at = rows.number(path, "SELECT max(json_extract(state, '$.at')) FROM resource_state")
      local expected = math.min(real, real + ahead)
      assert.is_true(math.abs(at - expected) <= 10, ("%d, not %d"):format(at, expected))
      shop:close()
    end
  end)

  it("of this machine's clock make everything be read again, once", function()
    local shop, path = open()
    local whole = sync(shop)
    rows.sql(path, ("UPDATE resource_state SET state = json_set(state, '$.at', %d, '$.newest', %d)")
      :format(os.time() + YEAR, os.time() + YEAR))
    e:advance(60)
    insert_all()
    local report = sync(shop)
    assert.is_true(entry_of(report, "customers").read > entry_of(whole, "customers").read)
    assert.matches("read whole, since the clock of the last run was ahead.*customers",
      tostring(report))
    assert_like_whole(path)
    assert.same({}, sync(shop).notes)
    shop:close()
  end)
end)

describe("objects that appear late with an old date", function()
  local e, box, shops

  setup(function()
    e = emulator.start { charges = 300, compact = true }
    box = sandbox.new()
    shops = shops_at(e, box, KEY)
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  it("are found by the events of their creation", function()
    local shop, path = shops.open()
    shops.sync(shop)
    e:advance(3600)
    local created = e:control("settings").now - 200 * DAY
    for _, name in ipairs { "customer", "product", "price", "tax_rate" } do
      -- imported: the object says when it was made elsewhere, the event when it came in
      e:mutate { op = "insert", type = name, created = created, imported = true, key = KEY }
    end
    shops.sync(shop)
    shops.assert_like_whole(path)
    -- and fetched once only
    assert.is_true(shops.sync(shop).requests <= 14)
    shop:close()
  end)
end)
