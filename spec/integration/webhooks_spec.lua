-- Webhooks of Stripe's: what was changed arrives without a look at any list, whatever the order,
-- and nothing that is not signed, ours and of our mode does.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new
local webhook_sink = require "spec.support.webhook_sink"

local KEY = "sk_test_emulator"
local SECRET, OLD = "whsec_spec_0123456789abcdef", "whsec_spec_before_its_rotation"
local ACCOUNT, MERCHANT = "acct_1CommerceShop001", "acct_1MerchantHooks01"
local TOLD = { "customers", "payments", "disputes", "products" } -- the types that events tell of

describe("a webhook", function()
  local e, box, sink, shops

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
    sink = webhook_sink.new()
    shops = shops_at(e, box, KEY)
  end)

  teardown(function()
    e:stop()
    sink:close()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 200, compact = true }
  end)

  local function register(options)
    local all = { url = sink.url, secrets = { SECRET } }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    e:control("webhooks", all)
  end

  local function receive(app, body, signature, changes)
    local options = { integration = "stripe-test", secrets = { SECRET }, account = ACCOUNT }
    for name, value in pairs(changes or {}) do
      options[name] = value or nil
    end
    return app:receive_webhook(body, signature, options)
  end

  local function sign(body, secret, t)
    return e:control("sign", { secret = secret or SECRET, t = t or os.time(), body = body }).header
  end

  -- An event as Stripe would send it, signed.
  local function event(fields, secret)
    local all = { id = "evt_spec_1", object = "event", type = "customer.updated",
      livemode = false, created = os.time(), api_version = "2019-02-11",
      data = { object = { id = "cus_x", object = "customer" } } }
    for name, value in pairs(fields or {}) do
      all[name] = value
    end
    local body = cjson.encode(all)
    return body, sign(body, secret)
  end

  local function is_idle()
    for _, endpoint in ipairs(e:control("webhooks").webhooks) do
      if endpoint.queued > 0 or endpoint.busy then
        return false
      end
    end
    return true
  end

  -- Hands on what the emulator delivers until it has nothing more.
  local function deliver(app)
    local kept = 0
    repeat
      local idle, requests = is_idle(), sink:receive(1000, 0.05)
      for _, request in ipairs(requests) do
        kept = kept + assert(receive(app, request.body, request.headers["stripe-signature"])).kept
      end
    until idle and #requests == 0
    return kept
  end

  local function waiting(path)
    return tonumber(rows.sql(path, "SELECT count(*) FROM inbox"))
  end

  it("is kept, and applied in any order, once or twice told", function()
    local shop, path, app = shops.open()
    shops.sync(shop)
    register { duplicate_probability = 0.3, reorder = true, seed = 5 }
    e:control("churn", { seed = 11, changes = 60, key = KEY })
    local kept = deliver(app)
    assert.is_true(kept > 40, "only " .. kept)
    assert.equal(kept, waiting(path))
    local report = assert(shop:apply_events())
    assert.is_true(report.complete, tostring(report))
    assert.equal(0, waiting(path))
    shops.assert_like_whole(path, TOLD)
    -- a pull is what a sync does
    assert.equal("9\n", rows.sql(path, "SELECT count(*) FROM pulls"))
    shop:close()
  end)

  it("that is thin is applied like a snapshot, alone and beside it", function()
    for _, case in ipairs { { seed = 21, thin_only = true }, { seed = 22 } } do
      e:reset { charges = 200, compact = true }
      local shop, path, app = shops.open()
      shops.sync(shop)
      register { payload = "thin", duplicate_probability = 0.3, reorder = true, seed = 5 }
      if not case.thin_only then
        register { reorder = true, seed = 6 }
      end
      e:control("churn", { seed = case.seed, changes = 60, key = KEY })
      assert.is_true(deliver(app) > 40)
      local report = assert(shop:apply_events())
      assert.is_true(report.complete, tostring(report))
      assert.equal(0, waiting(path))
      shops.assert_like_whole(path, TOLD)
      shop:close()
    end
  end)

  it("that is thin tells of a dispute's charge, and deletes", function()
    local shop, path, app = shops.open()
    shops.sync(shop, { types = { "payments", "products" } }) -- no disputes
    register { payload = "thin", events = { "v1.charge.dispute.created", "v1.product.deleted" } }
    local charge
    for _, each in ipairs(rows.fetch(e, "charges")) do
      if each.status == "succeeded" and not each.disputed then
        charge = each.id
      end
    end
    local product = rows.fetch(e, "products")[3].id
    e:mutate { op = "dispute", charge = charge, key = KEY }
    e:mutate { op = "delete", id = product, key = KEY }
    assert.equal(2, deliver(app))
    assert.is_true(assert(shop:apply_events()).complete)
    assert.equal(0, waiting(path))
    shops.assert_like_whole(path, { "payments", "products" })
    shop:close()
  end)

  it("that is thin is applied by a sync, too", function()
    local shop, path, app = shops.open()
    shops.sync(shop)
    register { payload = "thin" }
    e:control("churn", { seed = 23, changes = 40, key = KEY })
    assert.is_true(deliver(app) > 20)
    shops.sync(shop)
    assert.equal(0, waiting(path))
    shops.assert_like_whole(path)
    shop:close()
  end)

  it("that is thin about a charge's dispute needs no permission for disputes", function()
    e:control("keys", { key = "rk_test_thin", permissions = { "account", "charges",
      "refunds", "events" } })
    local shop, path, app = shops.open { secret_key = "rk_test_thin" }
    shops.sync(shop, { types = { "payments" } })
    register { payload = "thin", events = { "v1.charge.dispute.created" } }
    local charge = rows.fetch(e, "charges")[1].id
    e:mutate { op = "dispute", charge = charge, key = KEY }
    assert.equal(1, deliver(app))
    assert.is_true(assert(shop:apply_events()).complete)
    assert.equal(0, waiting(path))
    shop:close()
  end)

  it("that is lost is made up for by the next sync, which applies the others, too", function()
    local shop, path, app = shops.open()
    shops.sync(shop)
    register { drop_probability = 0.5, seed = 7 }
    e:control("churn", { seed = 12, changes = 60, key = KEY })
    assert.is_true(deliver(app) > 10)
    shops.sync(shop)
    assert.equal(0, waiting(path))
    shops.assert_like_whole(path)
    shop:close()
  end)

  it("of long ago does not bring back what was then", function()
    local shop, path, app = shops.open()
    shops.sync(shop)
    local id = rows.fetch(e, "customers")[20].id
    register()
    e:mutate { op = "update", id = id, fields = { name = "Before" }, key = KEY }
    e:mutate { op = "update", id = id, fields = { name = "After" }, key = KEY }
    local got = sink:receive(2)
    for _, i in ipairs { 2, 1 } do
      assert(receive(app, got[i].body, got[i].headers["stripe-signature"]))
      assert(shop:apply_events())
    end
    shops.assert_like_whole(path, TOLD)
    shop:close()
  end)

  it("of long ago does not bring back what was then, where that is so again", function()
    local shop, path, app = shops.open()
    shop:define("names", { from = { resource = "customers" }, id = "id", name = "name" })
    local only = { types = { "names" } }
    shops.sync(shop, only)
    local customer = rows.fetch(e, "customers")[20]
    e:advance(86400)
    -- as if everything had been stored long before
    rows.sql(path, [[UPDATE names SET data = replace(data,
      json_extract(data, '$.modifiedDate') || '"}', '2026-01-01T00:00:00Z"}')]])
    register()
    for _, name in ipairs { "Between", customer.name } do
      e:mutate { op = "update", id = customer.id, fields = { name = name }, key = KEY }
    end
    local got = sink:receive(2)
    for _, i in ipairs { 2, 1 } do -- the second one changes nothing that is stored
      assert(receive(app, got[i].body, got[i].headers["stripe-signature"]))
      assert.is_true(assert(shop:apply_events()).complete)
    end
    assert.equal(customer.name .. "\n", rows.sql(path,
      ("SELECT json_extract(data, '$.name') FROM names WHERE id = '%s'"):format(customer.id)))
    shop:close()
  end)

  it("waits where its object cannot be fetched", function()
    local shop, path, app = shops.open { retries = 0 }
    shops.sync(shop)
    local id = rows.fetch(e, "customers")[20].id
    register()
    e:mutate { op = "update", id = id, fields = { name = "Ada" }, key = KEY }
    deliver(app)
    e:control("faults", { match = { path = "/v1/customers/" .. id },
      action = { type = "html500" } })
    local report = assert(shop:apply_events())
    assert.is_false(report.complete)
    assert.equal(1, waiting(path))
    e:control("faults", { clear = true })
    assert.is_true(assert(shop:apply_events()).complete)
    assert.equal(0, waiting(path))
    shops.assert_like_whole(path, TOLD)
    shop:close()
  end)

  it("writes nothing of types that were never synced", function()
    local shop, path, app = shops.open()
    shops.sync(shop, { types = { "payments" } })
    register()
    e:mutate { op = "insert", type = "customer", key = KEY }
    assert.equal(1, deliver(app))
    assert(shop:apply_events())
    assert.equal("0\n", rows.sql(path, "SELECT count(*) FROM customers"))
    assert.equal(0, waiting(path))
    shop:close()
  end)

  it("is refused without a good signature, and nothing is kept", function()
    local _, path, app = shops.open()
    local body, signature = event()
    local stale = sign(body, SECRET, os.time() - 301)
    for code, case in pairs { no_signature = { body, "" }, mismatch = { body .. " ", signature },
      stale = { body, stale }, empty_body = { "", signature },
      future = { body, sign(body, SECRET, os.time() + 400) } } do
      local received, message, details = receive(app, case[1], case[2])
      assert.is_nil(received)
      assert.same({ "auth", code }, { details.kind, details.code })
      assert.is_nil(message:find("whsec_", 1, true))
    end
    assert.is_nil((receive(app, body, sign(body, OLD))))
    assert.equal(0, waiting(path))
    assert.equal(1, receive(app, body, stale, { tolerance = 0 }).kept)
    assert.equal(0, receive(app, body, sign(body, OLD), { secrets = { SECRET, OLD } }).kept)
  end)

  it("is ignored if it is signed, but no event that can be used", function()
    local _, path, app = shops.open()
    for _, body in ipairs { "{}", "[]", "nonsense", '{"object":"event","id":"evt_1"}',
      '{"object":"event","id":"evt_1","type":"x","livemode":false,"created":1,"data":{}}' } do
      local received = assert(receive(app, body, sign(body)))
      assert.equal("string", type(received.ignored))
      assert.same({ 0, {} }, { received.kept, received.connections })
    end
    assert.equal(0, waiting(path))
  end)

  it("of another mode, of an account that is not ours is ignored", function()
    local _, path, app = shops.open()
    for reason, case in pairs {
      ["it is of live mode, Stripe Test is not"] = { { livemode = true } },
      ["no linked connection has account acct_other"] = { { account = "acct_other" },
        { account = false } },
      -- whoever owns an account knows its endpoint's secret, and could sign for others
      ["it names another account than its endpoint's"] = { { account = MERCHANT } },
      ["it names no account"] = { {}, { account = false } },
    } do
      local body, signature = event(case[1])
      local received = assert(receive(app, body, signature, case[2]))
      assert.matches(reason, received.ignored, 1, true)
      assert.same({ 0, {} }, { received.kept, received.connections })
    end
    assert.equal(0, waiting(path))
  end)

  it("that tells of nothing we read is let go", function()
    local shop, path, app = shops.open()
    shops.sync(shop, { types = { "customers" } })
    local body, signature = event { type = "topup.created",
      data = { object = { id = "tu_1", object = "topup" } } }
    assert.equal(1, assert(receive(app, body, signature)).kept)
    assert.equal(0, #assert(shop:apply_events()).types)
    assert.equal(0, waiting(path))
    shop:close()
  end)

  it("says for which connections it is", function()
    local shop, _, app = shops.open()
    local body, signature = event { account = ACCOUNT }
    local received = assert(receive(app, body, signature, { account = false }))
    assert.same({ shop.id }, received.connections)
    assert.equal("customer.updated", received.type)
  end)

  describe("of a merchant's end of the access", function()
    local shop, app

    before_each(function()
      e:control("accounts", { id = MERCHANT, charges = 50 })
      local opened, _, its_app = shops.open { account = MERCHANT }
      shop, app = opened, its_app
    end)

    local function deauthorized(fields)
      local all = { type = "account.application.deauthorized", account = MERCHANT,
        data = { object = { id = "ca_OurPlatform", object = "application" } } }
      for name, value in pairs(fields or {}) do
        all[name] = value
      end
      local body, signature = event(all)
      return receive(app, body, signature, { account = false })
    end

    local function status()
      return app:connection(shop.id).status
    end

    it("ends the connection, and says it once", function()
      shops.sync(shop)
      local received = assert(deauthorized())
      assert.same({ shop.id }, received.connections)
      assert.equal("Deauthorized", status())
      assert.matches("no linked connection", assert(deauthorized()).ignored)
      assert.is_nil((shop:sync()))
      local count = 0
      for _ in shop:records "payments" do
        count = count + 1
      end
      assert.is_true(count > 40) -- what is stored stays
    end)

    it("counts only if it is newer than the link", function()
      assert.matches("older", assert(deauthorized { created = os.time() - 3600 }).ignored)
      assert.equal("Linked", status())
    end)

    it("counts only if it is about our platform", function()
      assert(app:set_integration("stripe-test", { client_id = "ca_OurPlatform" }))
      assert.matches("another platform", assert(deauthorized { data = { object = {
        id = "ca_Another", object = "application" } } }).ignored)
      assert.equal("Linked", status())
      assert(deauthorized())
      assert.equal("Deauthorized", status())
    end)
  end)
end)
