-- Erasing one customer's data: nothing of the person is in the database's file afterwards, a full
-- sync does not bring it back, and the money still adds up. And the removal of records that Stripe
-- deleted long ago.

local commerce = require "commerce"
local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local KEY = "sk_test_emulator"
local TYPES = { "customers", "payments", "disputes", "transactions" }

describe("erasing", function()
  local e, box, path, app, shop

  setup(function()
    e = emulator.start { charges = 50, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 50, compact = true }
    box = sandbox.new { STRIPE_API_BASE = e.base }
    path = box:path "shop.db"
    box.environment.COMMERCE_STORE = "sqlite:" .. path
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connect { secret_key = KEY, base_url = e.base, rate = 0,
      endpoint_rate = 0 })
  end)

  after_each(function()
    shop:close()
    app:close()
    box:close()
  end)

  local function sync(options)
    local all = { types = TYPES }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    local report = assert(shop:sync(all))
    assert.is_true(report.complete, tostring(report))
    return report
  end

  local function number(sql)
    return rows.number(path, sql)
  end

  -- A customer with the most charges.
  local function someone()
    local counts, best = {}, nil
    for _, charge in ipairs(rows.fetch(e, "charges")) do
      local id = charge.customer
      if type(id) == "string" then
        counts[id] = (counts[id] or 0) + 1
        best = (not best or counts[id] > counts[best]) and id or best
      end
    end
    for _, customer in ipairs(rows.fetch(e, "customers")) do
      if customer.id == best then
        return customer, counts[best]
      end
    end
  end

  local function traces(text)
    local found = {}
    for _, name in ipairs { "customers", "payments", "disputes", "transactions", "source_objects" }
    do
      local count = number(("SELECT count(*) FROM %s WHERE instr(data, '%s') > 0"):format(name,
        text))
      found[#found + 1] = count > 0 and name .. " " .. count or nil
    end
    return table.concat(found, ", ")
  end

  local function file_has(text)
    local file = assert(io.open(path, "rb"))
    local bytes = file:read "*a"
    file:close()
    return bytes:find(text, 1, true) ~= nil
  end

  local function sums()
    return rows.sql(path, "SELECT currency, count(*), sum(total_amount) FROM transactions "
      .. "GROUP BY 1 ORDER BY 1") .. rows.sql(path, "SELECT currency, status, count(*), "
      .. "sum(amount) FROM payments GROUP BY 1, 2 ORDER BY 1, 2")
  end

  it("a customer leaves the money, and nothing of the person, also after a full sync", function()
    local customer, charges = someone()
    sync { keep_source = true }
    assert.not_equal("", traces(customer.id))
    local before, count = sums(), number "SELECT count(*) FROM customers"
    local done = assert(shop:erase_customer(customer.id))
    assert.equal(1, done.removed)
    assert.is_true(done.reduced >= charges)
    assert.is_true(done.objects > charges)
    assert.is_true(done.changes >= 1)
    for round = 1, 2 do
      assert.equal("", traces(customer.id), "round " .. round)
      assert.equal(before, sums())
      assert.equal(count - 1, number "SELECT count(*) FROM customers")
      if type(customer.email) == "string" then
        assert.is_false(file_has(customer.email))
      end
      sync { full = true }
    end
    local entries = {}
    for change in shop:changes {} do
      if change.id == customer.id then
        entries[#entries + 1] = change.kind
      end
    end
    assert.same({ "deleted" }, entries)
    local verified = assert(shop:verify { types = TYPES, deep = true })
    assert.is_true(verified.agrees, tostring(verified))
    assert.same({ 0, 0 }, { shop:erase_customer(customer.id).removed,
      shop:erase_customer(customer.id).reduced })
    assert.is_true(assert(shop:remap()).types[1] ~= nil)
    assert.equal("", traces(customer.id))
  end)

  it("a customer covers what comes later: new charges, updates, a hook's additions", function()
    local customer = someone()
    sync {}
    assert(shop:erase_customer(customer.id))
    e:mutate { op = "charge", amount = 4321, currency = "usd", customer = customer.id,
      description = "for that person alone" }
    e:mutate { op = "update", id = customer.id, fields = { name = "Changed Since" } }
    shop:on("payments", function(payment)
      payment.supplementalData.content.shop = { note = "a hook's " .. payment.id }
    end)
    local report = sync()
    assert.equal("", traces(customer.id))
    assert.equal("", traces "for that person alone")
    assert.equal("", traces "Changed Since")
    local new = rows.sql(path, "SELECT data FROM payments WHERE amount = 43.21")
    assert.truthy(new:find('"status":"', 1, true), new)
    assert.is_nil(new:find("a hook's", 1, true))
    for _, entry in ipairs(report.types) do
      if entry.type == "customers" then
        assert.same({ ["of customers that were erased"] = 1 }, entry.reasons)
      end
    end
    assert.is_false(file_has "for that person alone")
  end)

  it("a customer covers webhooks", function()
    local customer = someone()
    sync { types = { "customers" } }
    assert(shop:erase_customer(customer.id))
    local core = require "commerce.core"
    local real = core.verify_signature
    core.verify_signature = function()
      return true
    end
    local kept = {}
    for i, object in ipairs { { id = customer.id, object = "customer", name = "In An Event" },
      { id = "ch_x", object = "charge", customer = customer.id, amount = 5,
        receipt_email = "in-an-event@example.com" } } do
      local received = assert(app:receive_webhook(cjson.encode { id = "evt_" .. i,
        object = "event", type = object.object .. ".updated", livemode = false,
        created = os.time(),
        data = { object = object, previous_attributes = { name = "Before" } } }, "t=1,v1=x", {
          integration = "stripe-test", secrets = { "whsec_" .. ("x"):rep(24) },
          account = shop.account }))
      kept[i] = received.kept
    end
    core.verify_signature = real
    assert.same({ 1, 1 }, kept)
    local bodies = rows.sql(path, "SELECT body FROM inbox ORDER BY id")
    for _, text in ipairs { "In An Event", "in-an-event", "Before" } do
      assert.is_nil(bodies:find(text, 1, true), bodies)
    end
    assert.truthy(bodies:find('"id":"ch_x"', 1, true), bodies)
    assert(shop:apply_events())
    assert.equal(0, number("SELECT count(*) FROM customers WHERE id = '" .. customer.id .. "'"))
  end)

  it("a guest's payment covers its refunds, and nobody else", function()
    local id = e:mutate { op = "charge", amount = 4321, currency = "usd",
      description = "for a guest alone", fields = { receipt_email = "guest@example.com" } }.id
    local refund = e:mutate({ op = "refund", charge = id, amount = 321 }).id
    sync { keep_source = true }
    local before, others = sums(), number "SELECT count(*) FROM customers"
    local status, out, err = box:commerce("erase payment --yes --json " .. id)
    assert.equal(0, status, err)
    local done = cjson.decode(out)
    assert.equal(id, done.payment)
    assert.equal(0, done.removed)
    assert.is_true(done.objects >= 2)
    assert.equal("data.erase|\n", rows.sql(path, "SELECT action, target FROM portal_audit"))
    for _ = 1, 2 do
      assert.is_false(file_has "for a guest alone" or file_has "guest@example.com")
      assert.equal(before, sums())
      assert.equal(others, number "SELECT count(*) FROM customers")
      assert.equal("", rows.sql(path, "SELECT id FROM source_objects WHERE id IN ('" .. id
        .. "', '" .. refund .. "')"))
      sync { full = true }
    end
    status, out, err = box:commerce "erase payment --yes cus_1"
    assert.equal(2, status, out)
    assert.truthy(err:find("a payment's id expected, such as ch_123", 1, true), err)
  end)

  it("is a command that asks first", function()
    local customer = someone()
    sync { types = { "customers" } }
    local status, out, err = box:commerce("erase customer " .. customer.id)
    assert.equal(2, status, out)
    assert.truthy(err:find("give --yes", 1, true), err)
    status, out, err = box:commerce("erase customer cus_nobody --yes")
    assert.equal(2, status, out)
    assert.truthy(err:find("no connection has a customer cus_nobody", 1, true), err)
    status, out, err = box:commerce("erase customer --yes --json " .. customer.id)
    assert.equal(0, status, err)
    assert.equal(1, cjson.decode(out).removed)
    assert.equal("", traces(customer.id))
    status, out, err = box:commerce("erase customer --yes --json " .. customer.id)
    assert.equal(0, status, err) -- as after a killed one
    assert.equal(0, cjson.decode(out).removed)
  end)

  it("covers records that Stripe deleted longer ago than they are to be kept", function()
    sync { types = { "customers" }, keep_source = true }
    local ids = {}
    for id in rows.sql(path, "SELECT id FROM customers ORDER BY id LIMIT 2"):gmatch "[%w_]+" do
      ids[#ids + 1] = id
    end
    local now = "2020-01-01T00:00:00Z"
    assert(app.store:write_page(shop.id, { deleted = { customers = { ids[1] } } }, now))
    assert(app.store:write_page(shop.id, { deleted = { customers = { ids[2] } } },
      os.date "!%Y-%m-%dT%H:%M:%SZ"))
    local function kept()
      local found = rows.sql(path, ("SELECT id FROM source_objects WHERE id IN ('%s', '%s') "
        .. "ORDER BY id"):format(ids[1], ids[2]))
      return found
    end
    assert.equal(ids[1] .. "\n" .. ids[2] .. "\n", kept())
    local status, out = box:commerce "settings retention 30"
    assert.same({ 0, "records that Stripe deleted are removed after 30 days\n" }, { status, out })
    assert.equal(30, app:deleted_retention())
    local report = sync { types = { "payments" } }
    assert.truthy(table.concat(report.notes, "\n"):find("1 records that Stripe deleted more than "
      .. "30 days ago have been removed", 1, true), table.concat(report.notes, "\n"))
    assert.equal(0, number("SELECT count(*) FROM customers WHERE id = '" .. ids[1] .. "'"))
    assert.equal(1, number("SELECT count(*) FROM customers WHERE id = '" .. ids[2] .. "'"))
    assert.equal(ids[2] .. "\n", kept())
    assert(app.store:write_page(shop.id, { deleted = { customers = { rows.sql(path,
      "SELECT id FROM customers ORDER BY id DESC LIMIT 1"):match "%S+" } } }, now))
    report = sync { types = { "payments" } } -- it was looked for a moment ago
    assert.equal("", table.concat(report.notes, "\n"))
    assert.is_true(app:set_deleted_retention(31))
    report = sync { types = { "payments" } }
    assert.truthy(report.notes[1]:find("31 days", 1, true), report.notes[1])
    local ok, message = app:set_deleted_retention(0.5)
    assert.is_nil(ok)
    assert.truthy(message:find("whole days from 1", 1, true))
    assert.is_true(app:set_deleted_retention(nil))
    assert.is_nil((app:deleted_retention()))
  end)
end)
