-- A sync after another reads what changed, not everything, and ends with what a whole reading
-- gives.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"
local DAY = 86400

describe("an incremental sync", function()
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

  for round = 1, 5 do
    it("ends where a whole reading ends, round " .. round, function()
      e:reset { seed = round, charges = 300, compact = true,
        visibility_lag = round % 2 == 0 and 5 or 0 }
      local shop, path = open()
      sync(shop)
      for step = 1, 4 do
        e:control("churn", { seed = round * 10 + step, changes = 40, key = KEY,
          spacing = step * 200 })
        e:control("clock", { advance = 30 })
        local report = sync(shop)
        assert.is_true(report.requests < 150, tostring(report))
        assert_like_whole(path)
      end
      local verdict = assert(shop:verify { deep = true })
      assert.is_true(verdict.agrees, tostring(verdict))
      shop:close()
    end)
  end

  it("finds what becomes visible minutes after it happened", function()
    e:reset { charges = 300, compact = true }
    local shop, path = open()
    sync(shop)
    for round = 1, 3 do
      e:control("churn", { seed = round, changes = 20, key = KEY, lag = 300 })
      e:control("churn", { seed = round + 50, changes = 20, key = KEY })
      sync(shop) -- sees only the later ones
      e:control("clock", { advance = 400 })
      sync(shop)
      assert_like_whole(path)
    end
    shop:close()
  end)

  it("costs at most 14 requests where nothing happened", function()
    e:reset { charges = 1000, compact = true }
    local shop = open()
    local whole = sync(shop).requests
    e:control("clock", { advance = 2 * DAY })
    e:control("mutate", { op = "update", id = rows.fetch(e, "customers")[200].id,
      fields = { name = "Somebody else" }, key = KEY })
    sync(shop)
    local report = sync(shop)
    assert.is_true(report.requests <= 14, tostring(report))
    assert.is_true(report.requests < whole / 2)
    for _, entry in ipairs(report.types) do
      assert.same({ 0, 0, 0 }, { entry.created, entry.changed, entry.deleted }, entry.type)
    end
    shop:close()
  end)

  it("dates a change by its event and marks what was deleted", function()
    e:reset { charges = 200, compact = true }
    local shop, path = open()
    sync(shop)
    local customers, products = rows.fetch(e, "customers"), rows.fetch(e, "products")
    e:control("clock", { advance = DAY })
    local changed = e:control("mutate", { op = "update", id = customers[20].id,
      fields = { name = "Ada" }, key = KEY })
    e:control("mutate", { op = "delete", id = customers[30].id, key = KEY })
    e:control("mutate", { op = "delete", id = products[3].id, key = KEY })
    local report = sync(shop)
    assert.equal(1, entry_of(report, "customers").deleted)
    assert.equal(1, entry_of(report, "products").deleted)
    local date = os.date("!%Y-%m-%dT%H:%M:%SZ", changed.events[1].created or changed.now)
    assert.equal(("Ada|%s\n"):format(date), rows.sql(path, ("SELECT customer_name, "
      .. "json_extract(data, '$.sourceModifiedDate') FROM customers WHERE id = '%s'"):format(
      customers[20].id)))
    assert.equal("1|1\n", rows.sql(path, ("SELECT (SELECT metadata_is_deleted FROM customers "
      .. "WHERE id = '%s'), (SELECT metadata_is_deleted FROM products WHERE id = '%s')")
      :format(customers[30].id, products[3].id)))
    for record in shop:records("customers") do
      assert.are_not.equal(customers[30].id, record.id)
    end
    -- read whole, the object does not know when it changed: the later date stays
    sync(shop, { full = true })
    assert.equal(("Ada|%s\n"):format(date), rows.sql(path, ("SELECT customer_name, "
      .. "json_extract(data, '$.sourceModifiedDate') FROM customers WHERE id = '%s'"):format(
      customers[20].id)))
    shop:close()
  end)

  it("sees pending transactions become available, which no event tells", function()
    e:reset { charges = 200, compact = true }
    local shop, path = open()
    sync(shop)
    e:control("clock", { advance = 10 * DAY })
    local report = sync(shop)
    assert.is_true(entry_of(report, "transactions").changed > 0)
    assert_like_whole(path)
    shop:close()
  end)

  it("is right about a dispute whose money was pending, which no event tells either", function()
    e:reset { charges = 100, compact = true }
    local shop, path = open()
    local disputes = {}
    for i = 1, 2 do -- the first one is not in the part of the list that is read again
      local charge = e:mutate({ op = "charge", amount = 900, key = KEY }).id
      disputes[i] = e:mutate({ op = "dispute", charge = charge, key = KEY }).id
      e:advance(3600)
    end
    local money = e:json("/v1/disputes/" .. disputes[1], KEY).balance_transactions[1]
    assert.equal("pending", money.status)
    sync(shop)
    e:control("clock", { advance = 10 * DAY })
    sync(shop)
    assert_like_whole(path)
    shop:close()
  end)

  it("is not spoilt by runs for other types or for a time in between", function()
    e:reset { charges = 300, compact = true }
    local shop, path = open()
    sync(shop)
    for round = 1, 2 do
      e:control("churn", { seed = round, changes = 20, key = KEY })
      sync(shop, { types = { "payments" } })
      sync(shop, { since = "2026-09-01" })
      assert.is_true(sync(shop).requests < 60)
      assert_like_whole(path)
    end
    assert.is_true(sync(shop, { types = { "payments" } }).requests < 10)
    shop:close()
  end)

  it("reads everything again when the feed does not reach back", function()
    e:reset { charges = 200, compact = true }
    local shop, path = open()
    local whole = sync(shop)
    -- as if that had been 26 days ago
    rows.sql(path, ("UPDATE resource_state SET state = json_set(state, '$.at', %d)")
      :format(os.time() - 26 * DAY))
    local report = sync(shop)
    assert.equal(entry_of(whole, "payments").read, entry_of(report, "payments").read)
    assert.equal(entry_of(whole, "customers").read, entry_of(report, "customers").read)
    assert.matches("read whole, since the last run was more than 25 days ago.*customers",
      tostring(report))
    assert.same({}, sync(shop).notes)
    shop:close()
  end)

  it("begins anew what was interrupted longer ago than the feed reaches back", function()
    e:reset { charges = 300, compact = true }
    local shop, path = open { retries = 0 }
    e:control("faults", { match = { path = "/v1/charges", after = 2 },
      action = { type = "html500" } })
    assert.is_false(assert(shop:sync { page_size = 50, ranges = 1 }).complete)
    e:control("faults", { clear = true })
    rows.sql(path, ("UPDATE resource_state SET state = json_set(state, '$.at', %d)")
      :format(os.time() - 26 * DAY))
    local charge = rows.fetch(e, "charges")[10]
    e:mutate { op = "update", id = charge.id, fields = { description = "anew" }, events = false,
      key = KEY }
    sync(shop)
    assert_like_whole(path)
    shop:close()
  end)

  it("reads whole what the feed has a gap for", function()
    e:reset { charges = 200, compact = true }
    local shop, path = open()
    sync(shop)
    local customer = rows.fetch(e, "customers")[30]
    e:mutate { op = "update", id = customer.id, fields = { name = "First" }, key = KEY }
    sync(shop) -- knows an event of customers now
    e:mutate { op = "update", id = customer.id, fields = { name = "Then" }, key = KEY }
    e:advance(31 * DAY) -- the feed forgets
    local report = sync(shop)
    assert.matches("read whole, since the feed of changes lacks events.*customers",
      tostring(report))
    assert_like_whole(path)
    shop:close()
  end)

  -- As if everything had been stored in January.
  local function age(path, name)
    rows.sql(path, ([[UPDATE %s SET data = replace(data,
      json_extract(data, '$.modifiedDate') || '"}', '2026-01-01T00:00:00Z"}')]]):format(name))
  end

  it("takes an event's snapshot only in the version that it reads", function()
    for _, version in ipairs { false, "2019-02-11" } do
      e:reset { charges = 200, compact = true }
      local shop, path = open()
      sync(shop)
      local customer = rows.fetch(e, "customers")[30]
      e:advance(DAY)
      e:mutate { op = "update", id = customer.id, fields = { name = "Ada" }, key = KEY,
        api_version = version or nil }
      e:control("stats", { clear = true })
      age(path, "customers")
      sync(shop)
      local asked = table.concat(e:control("stats?lines=1").lines, "\n")
        :find("/v1/customers/" .. customer.id, 1, true)
      assert.equal(version and true or false, asked ~= nil)
      assert_like_whole(path)
      shop:close()
    end
  end)

  it("takes no snapshot where something newer may be stored, or another event", function()
    e:reset { charges = 200, compact = true, tick = 0 }
    local shop, path = open()
    sync(shop)
    local customers = rows.fetch(e, "customers")
    e:advance(DAY)
    e:mutate { op = "update", id = customers[30].id, fields = { name = "Ada" }, key = KEY }
    for _, name in ipairs { "Bob", "Eve" } do -- in one second
      e:mutate { op = "update", id = customers[31].id, fields = { name = name }, key = KEY }
    end
    age(path, "customers")
    rows.sql(path, ([[UPDATE customers SET data = json_set(data, '$.modifiedDate',
      '2030-01-01T00:00:00Z') WHERE id = '%s']]):format(customers[30].id))
    e:control("stats", { clear = true })
    sync(shop)
    local asked = table.concat(e:control("stats?lines=1").lines, "\n")
    assert.truthy(asked:find("/v1/customers/" .. customers[30].id, 1, true))
    assert.truthy(asked:find("/v1/customers/" .. customers[31].id, 1, true))
    assert_like_whole(path)
    shop:close()
  end)

  it("lists the time in which much changed instead of asking for each object", function()
    e:reset { charges = 400, compact = true }
    local shop, path = open()
    sync(shop)
    e:advance(DAY)
    local customers = rows.fetch(e, "customers")
    for i = 11, 50 do
      e:mutate { op = "update", id = customers[i].id, fields = { name = "Ada " .. i }, key = KEY }
    end
    e:control("stats", { clear = true })
    local report = sync(shop)
    assert.is_true(report.requests < 20, tostring(report))
    assert.equal(40, entry_of(report, "customers").changed)
    -- dated by their events all the same
    local _, _, stored = rows.records(path, "customers")
    assert.equal(100, stored)
    assert.equal("40\n", rows.sql(path, ([[SELECT count(*) FROM customers
      WHERE source_modified_date > '%s']]):format(os.date("!%Y-%m-%dT%H:%M:%SZ",
        e:control "settings".now - 3600))))
    assert_like_whole(path)
    shop:close()
  end)

  -- Deletes without an event, so that only a full read can tell; gives the ids by resource.
  local function delete_silently()
    local doomed = { customers = rows.fetch(e, "customers")[20].id,
      prices = rows.fetch(e, "prices")[7].id, products = rows.fetch(e, "products")[30].id }
    for _, id in pairs(doomed) do
      e:mutate { op = "delete", id = id, events = false, key = KEY }
    end
    return doomed
  end

  local function deleted_ids(path, name)
    return rows.sql(path, ("SELECT id FROM %s WHERE metadata_is_deleted IS TRUE"):format(name))
  end

  it("finds by a full read what was deleted without an event", function()
    e:reset { charges = 200, compact = true }
    local shop, path = open()
    sync(shop)
    local doomed = delete_silently()
    local incremental = sync(shop)
    assert.equal(0, entry_of(incremental, "customers").deleted)
    local full = sync(shop, { full = true })
    assert.equal(1, entry_of(full, "customers").deleted)
    assert.equal(1, entry_of(full, "products").deleted)
    assert.equal(doomed.customers .. "\n", deleted_ids(path, "customers"))
    assert.equal(doomed.products .. "\n", deleted_ids(path, "products"))
    assert.equal("0\n", rows.sql(path, "SELECT count(*) FROM seen"))
    assert_like_whole(path)
    local again = sync(shop, { full = true })
    assert.equal(0, entry_of(again, "customers").deleted)
    shop:close()
  end)

  it("takes nothing for deleted that a part of a list does not show", function()
    e:reset { charges = 200, compact = true }
    local shop, path = open()
    sync(shop)
    sync(shop, { since = e:control "settings".now - 5 * DAY, full = true })
    for _, name in ipairs(rows.TYPES) do
      assert.equal("", deleted_ids(path, name))
    end
    shop:close()
  end)

  it("takes nothing for deleted that a failed read did not show", function()
    e:reset { charges = 300, compact = true }
    local shop, path = open { retries = 0 }
    sync(shop)
    delete_silently()
    e:control("faults", { match = { path = "/v1/customers", after = 2 },
      action = { type = "html500" } })
    local failed = assert(shop:sync { full = true, page_size = 20 })
    assert.equal("failed", entry_of(failed, "customers").status)
    assert.equal("", deleted_ids(path, "customers"))
    e:control("faults", { clear = true })
    assert.equal(1, entry_of(sync(shop), "customers").deleted) -- goes on with the full read
    assert_like_whole(path)
    shop:close()
  end)

  it("finds deletions without the permission to read events", function()
    e:reset { charges = 120, compact = true }
    e:control("keys", { key = "rk_test_blind", permissions = { "account", "balance", "charges",
      "refunds", "customers" } })
    local shop, path = open { secret_key = "rk_test_blind" }
    sync(shop, { types = { "customers" } })
    local doomed = delete_silently()
    assert.equal(1, entry_of(sync(shop, { types = { "customers" } }), "customers").deleted)
    assert.equal(doomed.customers .. "\n", deleted_ids(path, "customers"))
    shop:close()
  end)

  it("reads everything, and says why, with a key that may not read events", function()
    e:reset { charges = 120, compact = true }
    e:control("keys", { key = "rk_test_blind", permissions = { "account", "balance", "charges",
      "refunds", "customers" } })
    local shop = open { secret_key = "rk_test_blind" }
    local types = { "payments", "customers" }
    sync(shop, { types = types })
    local report = sync(shop, { types = types })
    assert.equal(120, entry_of(report, "payments").read - #rows.fetch(e, "refunds"))
    assert.matches("permission 'Events'", tostring(report), 1, true)
    shop:close()
  end)

  it("fails what stands on a feed that breaks, and makes up for it the next time", function()
    e:reset { charges = 200, compact = true }
    local shop, path = open { retries = 1 }
    sync(shop)
    e:control("churn", { seed = 7, changes = 30, key = KEY })
    e:control("faults", { match = { path = "/v1/events" }, action = { type = "html500" } })
    local report = assert(shop:sync())
    assert.is_false(report.complete)
    assert.equal("failed", entry_of(report, "customers").status)
    e:control("faults", { clear = true })
    sync(shop)
    assert_like_whole(path)
    shop:close()
  end)

  it("makes up for a changed object that could not be read", function()
    e:reset { charges = 200, compact = true }
    local shop, path = open { retries = 1 }
    sync(shop)
    local customer = rows.fetch(e, "customers")[30]
    e:control("clock", { advance = DAY })
    e:control("mutate", { op = "update", id = customer.id, fields = { name = "Ada" }, key = KEY })
    e:control("faults", { match = { path = "/v1/customers/" .. customer.id },
      action = { type = "html500" } })
    local report = assert(shop:sync())
    assert.equal("failed", entry_of(report, "customers").status)
    assert.equal("complete", entry_of(report, "payments").status)
    e:control("faults", { clear = true })
    sync(shop)
    assert_like_whole(path)
    shop:close()
  end)
end)
