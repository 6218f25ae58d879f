-- A sync after another in which nothing happened writes nothing, whatever the one before read:
-- whole lists or their newest parts.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"

describe("a sync where nothing has happened since the last one", function()
  local e, box, shops

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
    shops = shops_at(e, box, KEY)
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function assert_quiet(report)
    for _, entry in ipairs(report.types) do
      assert.same({ 0, 0, 0 }, { entry.created, entry.changed, entry.deleted }, entry.type)
    end
  end

  -- Customers, counted from the oldest: lists are read again from where the newest are.
  local function rename(from, to, spacing)
    local customers = rows.fetch(e, "customers")
    for i = from, to do
      e:control("mutate", { op = "update", id = customers[#customers + 1 - i].id,
        fields = { name = "Name " .. e:advance(spacing) }, key = KEY })
    end
  end

  local function date_of(path, id)
    return rows.sql(path, ("SELECT json_extract(data, '$.sourceModifiedDate') FROM customers "
      .. "WHERE id = '%s'"):format(id)):gsub("%s+$", "")
  end

  it("changes nothing after a first one, in whose last second something changed", function()
    e:reset { charges = 100, compact = true }
    rename(1, 1, 3600)
    local shop, path = shops.open()
    shops.sync(shop)
    local customers = rows.fetch(e, "customers")
    local now = e:control("clock", { advance = 0 }).now
    assert.equal(os.date("!%Y-%m-%dT%H:%M:%SZ", now), date_of(path, customers[#customers].id))
    assert_quiet(shops.sync(shop))
    shop:close()
  end)

  it("changes nothing after a first one, when more changed than a page of events tells", function()
    e:reset { charges = 1000, compact = true }
    rename(1, 130, 1)
    local shop = shops.open()
    shops.sync(shop)
    assert_quiet(shops.sync(shop))
    shop:close()
  end)

  it("changes nothing after a full one", function()
    e:reset { charges = 100, compact = true }
    local shop = shops.open()
    shops.sync(shop)
    rename(1, 20, 10)
    shops.sync(shop, { full = true })
    assert_quiet(shops.sync(shop))
    shop:close()
  end)

  it("changes nothing where one type was read later than the others", function()
    e:reset { charges = 100, compact = true }
    local shop = shops.open()
    shops.sync(shop)
    rename(1, 5, 10)
    e:advance(3600)
    shops.sync(shop, { types = { "customers" }, full = true })
    assert_quiet(shops.sync(shop, { types = { "customers", "products" } }))
    shop:close()
  end)
end)
