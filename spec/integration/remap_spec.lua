-- keep_source and remap: every object of Stripe's is there as it was sent, and the records are made
-- anew from it, while nobody listens at the other end.

local cjson = require "cjson"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local KEY = "sk_test_emulator"

describe("kept sources", function()
  local e, box, path, app, shop

  setup(function()
    e = emulator.start { charges = 200, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 200, compact = true }
    box = sandbox.new({ STRIPE_API_BASE = e.base }, { in_process = true })
    path = box:path "shop.db"
    box.environment.COMMERCE_STORE = "sqlite:" .. path
  end)

  local function open(declare, options)
    app = assert(commerce.open { store = "sqlite:" .. path })
    local all = { secret_key = KEY, base_url = e.base, rate = 0, endpoint_rate = 0 }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    shop = assert(app:connect(all))
    if declare then
      declare(shop)
    end
  end

  local function close()
    if app then
      shop:close()
      app:close()
      app = nil
    end
  end

  -- The same connection, opened by its id: there is no key, so nothing can be asked of Stripe.
  local function offline(declare)
    local id = shop.id
    close()
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connection(id, { base_url = "http://127.0.0.1:1" }))
    if declare then
      declare(shop)
    end
  end

  after_each(function()
    close()
    box:close()
  end)

  local function by_type(report)
    local types = {}
    for _, entry in ipairs(report.types) do
      types[entry.type] = entry
    end
    return types, report
  end

  local function sync(options)
    local report = assert(shop:sync(options))
    assert.is_true(report.complete, tostring(report))
    return by_type(report)
  end

  local function remap(options)
    local given = { shop:remap(options) }
    local report = assert(given[1], given[2])
    assert.equal(1, #given)
    assert.is_true(report.complete, tostring(report))
    assert.equal(0, report.requests)
    return by_type(report)
  end

  local function kept(resource)
    return rows.number(path, ("SELECT count(*) FROM source_objects WHERE resource = '%s'")
      :format(resource))
  end

  local function with_channel(of)
    of:extend("payments", { supplementalData = { channel = "metadata.channel" } })
  end

  local function channels()
    return rows.number(path, "SELECT count(*) FROM payments WHERE "
      .. "json_extract(data, '$.supplementalData.content.stripe.channel') = 'web'")
  end

  it("are whole, as Stripe sent them", function()
    open()
    sync { keep_source = true }
    for _, resource in ipairs { "charges", "customers", "balance_transactions", "tax_rates" } do
      local objects = {}
      for _, object in ipairs(rows.fetch(e, resource)) do
        objects[object.id] = object
      end
      local count = 0
      for id, data in rows.sql(path, ("SELECT id, data FROM source_objects WHERE resource = '%s'")
        :format(resource)):gmatch "(.-)|({[^\n]*})\n" do
        assert.same(objects[id], cjson.decode(data))
        count = count + 1
      end
      local there = 0
      for _ in pairs(objects) do
        there = there + 1
      end
      assert.equal(there, count, resource)
    end
    assert.equal(1, kept "account")
    assert.equal(1, kept "balance")
  end)

  it("are no more than joins need, unless asked for", function()
    open()
    sync()
    assert.equal(0, kept "charges")
    assert.is_true(kept "products" > 0)
    local report, message, details = shop:remap()
    assert.is_nil(report)
    assert.equal("usage", details.kind)
    assert.truthy(message:find("--keep-source", 1, true), message)
  end)

  it("give the same records again", function()
    open()
    sync { keep_source = true }
    local before = rows.dump(path, { dates = true })
    offline()
    local types = remap()
    for name, entry in pairs(types) do
      assert.equal(0, entry.changed + entry.created + entry.deleted + entry.failed, name)
      assert.is_true(entry.unchanged > 0, name)
    end
    assert.equal(#rows.TYPES, #shop:remap().types)
    assert.equal("", rows.difference(before, rows.dump(path, { dates = true })))
  end)

  it("give records by a changed mapping, which the next sync need not read again", function()
    open()
    sync { keep_source = true }
    offline(with_channel)
    local types, report = remap { types = { "payments" } }
    assert.is_true(channels() > 10)
    assert.equal(channels(), types.payments.changed)
    assert.same({}, report.notes)
    close()
    open(with_channel)
    types, report = sync()
    assert.equal(0, types.payments.changed)
    assert.is_true(types.payments.read < 20)
    assert.same({}, report.notes)
  end)

  it("know joins, splits and types of one's own", function()
    local function declare(of, suffix)
      of:define("orders", require "commerce.stripe.orders")
      of:define("subscriptions", { from = { resource = "subscriptions" }, id = "id",
        status = function(subscription)
          return subscription.status .. suffix
        end })
      of:extend("products", { description = function(product)
        return product.name .. suffix .. #product.prices
      end })
      of:extend("transactions", { supplementalData = {
        suffix = commerce.values.constant(suffix) } })
    end
    local types = { "orders", "subscriptions", "products", "transactions" }
    open(function(of)
      declare(of, "-1")
    end)
    sync { types = types, keep_source = true }
    offline(function(of)
      declare(of, "-2")
    end)
    local made = remap { types = types }
    assert.equal(0, made.orders.changed)
    assert.is_true(made.orders.unchanged > 40)
    assert.equal(rows.number(path, "SELECT count(*) FROM subscriptions"),
      made.subscriptions.changed)
    assert.equal(made.subscriptions.changed, rows.number(path,
      "SELECT count(*) FROM subscriptions WHERE json_extract(data, '$.status') LIKE '%-2'"))
    assert.equal(made.products.changed, rows.number(path,
      "SELECT count(*) FROM products WHERE description LIKE name || '-2%'"))
    assert.equal(made.transactions.changed, rows.number(path, "SELECT count(*) FROM transactions"))
    assert.is_true(made.transactions.changed > 200)
  end)

  it("follow changes and deletions; what was deleted stays so", function()
    open()
    sync { keep_source = true, types = { "customers", "payments" } }
    local customers = rows.fetch(e, "customers")
    e:mutate { op = "delete", id = customers[3].id }
    e:mutate { op = "update", id = customers[20].id, fields = { name = "Anew" } }
    sync { types = { "customers", "payments" } }
    assert.equal("", rows.sql(path, ("SELECT id FROM source_objects WHERE id = '%s'")
      :format(customers[3].id)))
    -- a mark without a deleted source, as verify sets it
    assert(app.store:write_page(shop.id, { deleted = { customers = { customers[5].id } } },
      "2026-01-01T00:00:00Z"))
    offline(function(of)
      of:extend("customers", { note = commerce.values.constant "noted" })
    end)
    local types = remap { types = { "customers" } }
    assert.equal(#customers - 1, types.customers.changed)
    local stored = rows.records(path, "customers")
    assert.equal("Anew", stored[customers[20].id].customerName)
    assert.is_true(stored[customers[3].id].metadata.isDeleted)
    assert.are_not.equal("noted", stored[customers[3].id].note)
    assert.is_true(stored[customers[5].id].metadata.isDeleted)
    assert.equal("noted", stored[customers[5].id].note)
  end)

  it("are kept from then on, and all of them: the lists are read again once", function()
    open()
    sync { types = { "customers" } }
    local types, report = sync { types = { "customers" }, keep_source = true }
    assert.equal(50, types.customers.unchanged)
    assert.truthy(report.notes[1]:find("kept", 1, true), report.notes[1])
    assert.equal(50, kept "customers")
    e:mutate { op = "insert", type = "customer" }
    types, report = sync { types = { "customers" } } -- it need not be said again
    assert.equal(1, types.customers.created)
    assert.same({}, report.notes)
    assert.equal(51, kept "customers")
    sync { types = { "customers" }, keep_source = false }
    assert.equal(0, kept "customers")
    sync { types = { "customers" } }
    assert.equal(0, kept "customers")
  end)

  it("can be asked for when connecting", function()
    open(nil, { keep_source = true })
    sync { types = { "tax_components" } }
    assert.equal(12, kept "tax_rates")
  end)

  it("that lack what a mapping wants inlined are not made poorer", function()
    open()
    sync { keep_source = true, types = { "payments" } }
    local before = rows.dump(path, { dates = true, types = { "payments" } })
    offline(function(of)
      of:extend("payments", { supplementalData = { email = "customer.email" } },
        { resource = "charges", expand = { "data.customer" } })
    end)
    local report = assert(shop:remap { types = { "payments" } })
    assert.is_false(report.complete)
    assert.truthy(report.types[1].error:find("data.customer", 1, true), report.types[1].error)
    assert.is_true(report.types[1].failed > 50)
    -- guests have no customer to inline: theirs could be made
    assert.equal("", rows.difference(before, rows.dump(path, { dates = true,
      types = { "payments" } })))
  end)

  describe("commerce remap", function()
    local function run(arguments, key)
      return box:commerce(arguments, { STRIPE_SECRET_KEY = key or false })
    end

    it("needs no key and no network", function()
      assert.equal(0, (run("sync --keep-source", KEY)))
      rows.sql(path, "UPDATE customers SET data = json_set(json_remove(data, '$.modifiedDate'), "
        .. "'$.note', 'changed by hand', '$.modifiedDate', '2020-01-01T00:00:00Z') "
        .. "WHERE note IS NOT NULL")
      e:control("stats", { clear = true })
      box.environment.STRIPE_API_BASE = "http://127.0.0.1:1"
      local status, output, errors = run "remap"
      assert.equal("", errors:gsub("^remaking[^\n]*\n", ""):gsub("%l+_?%l*: [^\n]*\n", ""))
      assert.equal(0, status)
      assert.truthy(output:find("customers +complete +50 +0 +[1-9]"), output)
      assert.truthy(output:find("0 requests", 1, true), output)
      assert.equal(0, rows.number(path, "SELECT count(*) FROM customers WHERE note LIKE '%hand'"))
      status, output = run "remap --type payments --json"
      assert.equal(0, status)
      assert.truthy(output:find('"event":"end"', 1, true), output)
    end)

    it("leaves alone what a script made, and says so", function()
      open(function(of)
        with_channel(of)
        of:define("subscriptions", { from = { resource = "subscriptions" }, id = "id" })
      end)
      sync { keep_source = true, types = { "payments", "customers", "subscriptions" } }
      close()
      local before = channels()
      local status, output = run "remap"
      assert.equal(0, status)
      assert.equal(before, channels())
      for _, name in ipairs { "payments", "subscriptions" } do
        assert.truthy(output:find(name .. ": made by a script's own mappings", 1, true), output)
      end
      assert.truthy(output:find("customers +complete"), output)
      status, output = run "remap --type payments" -- but what is asked for is done
      assert.equal(0, status, output)
      assert.equal(0, channels())
    end)

    it("says what to do where nothing is kept", function()
      assert.equal(0, (run("sync --type customers", KEY)))
      local status, _, errors = run "remap"
      assert.equal(2, status)
      assert.truthy(errors:find("commerce sync --keep-source", 1, true), errors)
      status, _, errors = run "sync --keep-source --drop-source"
      assert.equal(2, status)
      assert.truthy(errors:find("not both", 1, true), errors)
    end)
  end)
end)
