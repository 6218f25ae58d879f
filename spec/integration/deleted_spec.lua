-- Deletions that the feed of changes tells at an unlucky time.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"

describe("a deletion", function()
  local e, box, shops, shop, path

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
    shops = shops_at(e, box, KEY)
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 100, compact = true }
    shop, path = shops.open()
    shops.sync(shop)
  end)

  after_each(function()
    shop:close()
  end)

  local function insert(object_type)
    return e:mutate({ op = "insert", type = object_type, count = 1, key = KEY }).ids[1]
  end

  -- Something else happens, and the time goes on.
  local function go_on(seconds)
    local customers, now = rows.fetch(e, "customers"), e:advance(5)
    e:mutate { op = "update", id = customers[#customers].id, fields = { name = "At " .. now },
      key = KEY }
    e:advance(seconds)
  end

  for _, object_type in ipairs { "customer", "price" } do
    it("of a " .. object_type .. " is found though another event of its second was known before",
      function()
        local id = insert(object_type)
        go_on(5)
        shops.sync(shop) -- it is new: from now on it is in the part of its list that is read again
        e:control("settings", { tick = 0 })
        e:mutate { op = "update", id = id, fields = { metadata = { step = "1" } }, key = KEY }
        e:mutate { op = "delete", id = id, lag = 300, key = KEY }
        go_on(5)
        shops.sync(shop)
        go_on(400)
        shops.sync(shop)
        shops.assert_like_whole(path)
      end)
  end

  it("of what is too young to be missed by a full read is found by the one after it", function()
    local id = insert "customer"
    go_on(5)
    shops.sync(shop)
    e:mutate { op = "delete", id = id, key = KEY }
    go_on(5)
    -- young by the clock of this machine, too, which is not the source's
    rows.sql(path, ("UPDATE customers SET data = json_set(data, '$.createdDate', '%s') "
      .. "WHERE id = '%s'"):format(os.date("!%Y-%m-%dT%H:%M:%SZ"), id))
    shops.sync(shop, { full = true })
    go_on(400)
    shops.sync(shop)
    shops.assert_like_whole(path)
  end)

  for _, name in ipairs { "prices", "products" } do
    local other = name == "prices" and "products" or "prices"
    it("after a run that was cut short, before there were records, is found: of " .. name,
      function()
        local first, first_path = shops.open()
        -- neither could be followed, and one of the two lists of joined records was kept
        e:control("faults", { { match = { path = "/v1/events" }, action = { status = 400 } },
          { match = { path = "/v1/" .. other }, action = { status = 400 } } })
        assert.is_false(assert(first:sync { types = { "products" } }).complete)
        assert.equal(0, rows.number(first_path, "SELECT count(*) FROM products"))
        assert.is_true(rows.number(first_path, "SELECT count(*) FROM source_objects") > 0)
        e:control("faults", { clear = true })
        local all = rows.fetch(e, name)
        e:mutate { op = "delete", id = all[#all].id, key = KEY }
        shops.sync(first)
        shops.assert_like_whole(first_path)
        first:close()
      end)
  end

  it("that no event tells is found by a full read though its record was just written", function()
    local id = rows.fetch(e, "tax_rates")[3].id
    e:mutate { op = "update", id = id, fields = { active = false }, key = KEY }
    go_on(900)
    shops.sync(shop) -- dates it anew
    e:mutate { op = "delete", id = id, events = false, key = KEY }
    shops.sync(shop, { full = true })
    shops.assert_like_whole(path)
  end)

  it("is found by a full read though this machine's clock is behind the source's", function()
    e:control("clock", { now = os.time() + 3 * 3600 })
    local id = insert "customer"
    go_on(5)
    shops.sync(shop)
    e:mutate { op = "delete", id = id, key = KEY }
    e:advance(900) -- further back than the next run will look for events
    go_on(5)
    shops.sync(shop, { full = true })
    shops.sync(shop)
    shops.assert_like_whole(path)
  end)
end)
