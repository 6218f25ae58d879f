-- The report of a sync adds up: every object that was read is a record that was created, changed or
-- unchanged, or is left out, with the reason, or failed. A type of which one object gives several
-- records, or many objects one, says so.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"
local RELATIONS = { transactions = "1:n", payment_methods = "n:1" }

describe("the report of a sync", function()
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

  before_each(function()
    e:reset { charges = 300, compact = true }
  end)

  local function assert_adds_up(report)
    for _, entry in ipairs(report.types) do
      local records = entry.created + entry.changed + entry.unchanged
      assert.equal(RELATIONS[entry.type], entry.relation)
      if not entry.relation then
        assert.equal(entry.read, records + entry.left_out + entry.skipped + entry.failed,
          entry.type .. "\n" .. tostring(report))
      end
      local reasons = 0
      for _, count in pairs(entry.reasons or {}) do
        reasons = reasons + count
      end
      assert.equal(entry.left_out, reasons)
    end
  end

  it("adds up: first, later, and full", function()
    local shop, path = shops.open()
    local report = shops.sync(shop)
    assert_adds_up(report)
    local payments = shops.entry_of(report, "payments")
    assert.is_true(payments.left_out > 0)
    assert.equal(#rows.fetch(e, "charges") + #rows.fetch(e, "refunds"), payments.read)
    assert.equal(rows.number(path, "SELECT count(*) FROM payments"),
      payments.read - payments.left_out)
    assert.matches(("payments: %d left out: released authorisations"):format(payments.left_out),
      tostring(report), 1, true)
    local transactions = shops.entry_of(report, "transactions")
    assert.matches(("transactions: %d objects gave %d records: an object may give several")
      :format(#rows.fetch(e, "balance_transactions"), transactions.created), tostring(report), 1,
      true)
    assert.matches("payment_methods: %d+ objects gave %d+ records: many objects give one",
      tostring(report))
    e:control("churn", { changes = 60, key = KEY })
    assert_adds_up(shops.sync(shop))
    assert_adds_up(shops.sync(shop, { full = true }))
    shop:close()
  end)

  it("adds up where hooks and mappings leave out, and where objects fail", function()
    local shop = shops.open()
    local seen = 0
    shop:on("customers", function()
      seen = seen + 1
      if seen % 5 == 0 then
        return false
      elseif seen % 7 == 0 then
        error "no"
      end
    end)
    shop:define("large", { from = { resource = "charges", where = function(charge)
      return charge.amount > 5000
    end }, id = "id", amount = "amount" })
    e:mutate { op = "update", id = rows.fetch(e, "disputes")[2].id, fields = { amount = "x" },
      key = KEY }
    local report = assert(shop:sync())
    assert_adds_up(report)
    assert.equal(1, shops.entry_of(report, "disputes").failed)
    assert.is_true(shops.entry_of(report, "customers").skipped > 0)
    assert.is_true(shops.entry_of(report, "customers").failed > 0)
    assert.is_true(shops.entry_of(report, "large").left_out > 0)
    assert.matches("large: %d+ left out: excluded by `where`", tostring(report))
    shop:close()
  end)

  it("has a joined type made as soon as its two lists have ended", function()
    for _, list in ipairs { "/v1/charges", "/v1/refunds" } do
      e:control("faults", { match = { path = list }, action = { type = "delay", seconds = 0.5 } })
    end
    local shop, path = shops.open()
    local listed, stored = 0, nil
    local report = shops.sync(shop, { types = { "payments", "products" }, progress = function(event)
      if event.event == "progress" and event.type == "products" and not stored then
        listed = math.max(listed, event.read)
      elseif event.event == "progress" and event.type == "payments" and event.read > 0 then
        stored = stored or rows.number(path, "SELECT count(*) FROM products")
      end
    end })
    e:control("faults", { clear = true })
    assert_adds_up(report)
    local products = #rows.fetch(e, "products")
    -- the bar shows what is read, and the products are there when the first page of charges comes
    assert.is_true(listed >= products, tostring(listed))
    assert.equal(products, shops.entry_of(report, "products").created)
    assert.equal(products, stored)
    shop:close()
  end)

  it("has changed parts of a joined type in it, and deletes what is gone", function()
    local shop, path = shops.open()
    shops.sync(shop)
    local list = rows.fetch(e, "products")
    e:mutate { op = "update", id = list[50].id, fields = { name = "Another" }, key = KEY }
    e:mutate { op = "delete", id = list[40].id, key = KEY }
    assert_adds_up(shops.sync(shop))
    shops.assert_like_whole(path)
    e:mutate { op = "delete", id = list[30].id, key = KEY, events = false }
    assert_adds_up(shops.sync(shop, { full = true }))
    shops.assert_like_whole(path)
    shop:close()
  end)
end)
