-- A sync that goes on where an earlier one was interrupted knows what has happened in between, also
-- to what that one had read; and full reads that were interrupted take nothing for deleted that is
-- there, however they mix with others.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"
local DAY = 86400

describe("a continued sync", function()
  local e, box, shops, open, sync, entry_of, assert_like_whole

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
    shops = shops_at(e, box, KEY)
    open, sync, entry_of = shops.open, shops.sync, shops.entry_of
    assert_like_whole = shops.assert_like_whole
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 300, compact = true }
  end)

  local function fail(path, pages)
    e:control("faults", { match = { path = path, after = pages }, action = { type = "html500" } })
  end

  -- A sync whose reading of a list breaks off after so many pages.
  local function break_off(shop, path, pages, options)
    local all = { page_size = 20, ranges = 1 }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    fail(path, pages)
    assert.is_false(assert(shop:sync(all)).complete)
    e:control("faults", { clear = true })
  end

  local function deleted(path, name)
    return rows.sql(path, ("SELECT id FROM %s WHERE metadata_is_deleted IS TRUE"):format(name))
  end

  it("finds what became visible late in the part that had been read", function()
    local shop, path = open { retries = 0 }
    e:mutate { op = "insert", type = "customer", key = KEY, lag = 300 }
    e:mutate { op = "insert", type = "customer", key = KEY }
    break_off(shop, "/v1/customers", 2)
    e:advance(1000)
    e:mutate { op = "insert", type = "customer", key = KEY }
    sync(shop)
    assert_like_whole(path)
    shop:close()
  end)

  it("looks again at transactions that were pending when they were read", function()
    local shop, path = open { retries = 0 }
    break_off(shop, "/v1/balance_transactions", 3)
    assert.is_true(rows.number(path, "SELECT count(*) FROM transactions "
      .. "WHERE data LIKE '%\"status\":\"pending\"%'") > 0)
    e:advance(10 * DAY)
    sync(shop)
    assert_like_whole(path)
    shop:close()
  end)

  it("knows the changes since a beginning where the feed could not be read", function()
    for _, broken in ipairs { false, "/v1/customers" } do
      e:reset { charges = 300, compact = true }
      local shop, path = open { retries = 0 }
      fail("/v1/events", 0)
      if broken then
        fail(broken, 2)
      end
      assert.equal(not broken, assert(shop:sync { page_size = 20 }).complete)
      e:control("faults", { clear = true })
      e:advance(DAY)
      e:mutate { op = "update", id = rows.fetch(e, "customers")[5].id, fields = { name = "Ada" },
        key = KEY }
      sync(shop)
      assert_like_whole(path)
      shop:close()
    end
  end)

  it("is not continued, but read whole, as long as the feed cannot be read", function()
    e:reset { charges = 300, compact = true }
    local shop, path = open { retries = 0 }
    fail("/v1/events", 0)
    assert.is_true(assert(shop:sync()).complete)
    e:advance(DAY)
    e:mutate { op = "update", id = rows.fetch(e, "customers")[60].id, fields = { name = "Ada" },
      key = KEY }
    assert.is_true(assert(shop:sync()).complete)
    assert_like_whole(path)
    e:control("faults", { clear = true })
    shop:close()
  end)

  it("takes nothing for deleted that another full read has counted in between", function()
    local shop, path = open { retries = 0 }
    sync(shop)
    e:mutate { op = "delete", id = rows.fetch(e, "customers")[7].id, events = false, key = KEY }
    break_off(shop, "/v1/charges", 3, { full = true })
    sync(shop, { types = { "payments" }, full = true })
    sync(shop)
    for _, name in ipairs { "payments", "payment_methods", "transactions" } do
      assert.equal("", deleted(path, name))
    end
    assert_like_whole(path)
    shop:close()
  end)

  it("does not take what an earlier full read has seen for what this one did", function()
    local shop, path = open { retries = 0 }
    sync(shop)
    break_off(shop, "/v1/customers", 2, { full = true })
    local doomed = rows.fetch(e, "customers")[10].id
    e:mutate { op = "delete", id = doomed, events = false, key = KEY }
    break_off(shop, "/v1/customers", 0, { full = true })
    sync(shop)
    assert.equal(doomed .. "\n", deleted(path, "customers"))
    shop:close()
  end)

  it("finds what was deleted though the lists of a type were read by two runs", function()
    for _, list in ipairs { "/v1/prices", "/v1/products" } do
      e:reset { charges = 300, compact = true }
      local shop, path = open { retries = 0 }
      sync(shop)
      local product, price = rows.fetch(e, "products")[30].id, rows.fetch(e, "prices")[40].id
      for _, id in ipairs { product, price } do
        e:mutate { op = "delete", id = id, events = false, key = KEY }
      end
      break_off(shop, list, 1, { full = true })
      local added = e:mutate { op = "insert", type = "product", key = KEY }.ids[1]
      local report = sync(shop)
      assert.equal(1, entry_of(report, "products").deleted)
      assert.equal(product .. "\n", deleted(path, "products"))
      assert.equal(1, rows.number(path, ("SELECT count(*) FROM products WHERE id = '%s'")
        :format(added)))
      assert_like_whole(path)
      assert.equal("0\n", rows.sql(path, "SELECT count(*) FROM seen"))
      shop:close()
    end
  end)
end)
