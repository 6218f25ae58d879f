-- Webhooks: signed, repeated, disordered, lost, retried.
-- Runs under one runtime: the emulator runs in nginx.
local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local webhook_sink = require "spec.support.webhook_sink"
local socket = require "socket"

local SECRET = "whsec_test_secret_0123456789abcdef"
local BODY = '{"id":"evt_test_1","object":"event","account":"acct_1TEST","type":"charge.succeeded"}'

describe("the emulator's webhooks", function()
  local e, sink
  setup(function()
    e = emulator.start { charges = 200 }
    sink = webhook_sink.new()
  end)
  teardown(function()
    e:stop()
    sink:close()
  end)
  before_each(function() e:reset { charges = 200 } end)

  local function register(options)
    options.url, options.secrets = sink.url, options.secrets or { SECRET }
    return e:control("webhooks", options).ids[1]
  end

  local function idle()
    for _ = 1, 100 do
      local report = e:control("webhooks").webhooks[1]
      if report.queued == 0 and not report.busy then return report.deliveries end
      socket.sleep(0.01)
    end
  end

  local function events_of(requests)
    local list = {}
    for k, r in ipairs(requests) do list[k] = r.event.id end
    return list
  end

  it("sign as Stripe does", function()
    local function sign(t, body, ...)
      return e:control("sign", { secrets = { ... }, t = t, body = body }).header
    end
    local a = "3282fe0ee51c77d8ffe7234d13079f9f295fef963ea54a777efecc3212a36244"
    local old = "047a9a438548f621fe151899c0732fe03eec3aa6fe51325e2959f7e3c7c0b6dd"
    assert.equal("t=1700000000,v1=" .. a, sign(1700000000, BODY, SECRET))
    assert.equal("t=1700000301,v1=20afe210b8d838d9866521d96d73974ecfcfecea91bcd718d9f26260a1a99371",
      sign(1700000301, BODY, SECRET))
    assert.equal("t=1700000000,v1=c97844cdeccd7845c5b82b268273171b982af6dcec8c53550d74ab564c38f136",
      sign(1700000000, '{"name":"Zoë ☕"}', SECRET))
    assert.equal("t=1700000000,v1=49c270133df8f0b9bd465708aece6b337aa8cc95cd73fe0b4f3465450dbd0ac2",
      sign(1700000000, '{\n  "id": "evt_test_1"\n}', SECRET))
    assert.equal(("t=1700000000,v1=%s,v1=%s"):format(old, a),
      sign(1700000000, BODY, "whsec_old_rotated_secret", SECRET))
  end)

  it("post an event's raw bytes with its signature", function()
    register { events = { "charge.*", "customer.created" } }
    local charge = e:mutate { op = "charge", amount = 900 }
    e:mutate { op = "payout", amount = 1 }
    e:mutate { op = "insert", type = "customer" }
    local got = sink:receive(2)
    assert.same({ "charge.succeeded", "customer.created" },
      { got[1].event.type, got[2].event.type })
    assert.equal("POST /hook HTTP/1.1", got[1].line)
    assert.equal(charge.events[1], got[1].event.id)
    assert.equal(1, got[1].event.pending_webhooks)
    assert.is_nil(got[1].event.account)
    local header = got[1].headers["stripe-signature"]
    local t = tonumber(header:match "t=(%d+)")
    assert.is_true(math.abs(os.time() - t) <= 2)
    assert.equal(e:control("sign", { secret = SECRET, t = t, body = got[1].body }).header, header)
    local deliveries = idle()
    assert.same({ 2, 200, 1 }, { #deliveries, deliveries[1].status, deliveries[1].attempt })
    assert.equal(0, e:json("/v1/events/" .. charge.events[1]).pending_webhooks)
  end)

  it("are thin for an endpoint that asks for it, beside the others", function()
    register { payload = "thin" }
    register { events = { "price.*" } }
    local price = e:json("/v1/prices?active=true&limit=1").data[1].id
    local id = e:mutate({ op = "update", id = price, fields = { active = false } }).events[1]
    local got = {}
    for _, request in ipairs(sink:receive(3)) do
      got[request.event.type] = request.event
    end
    assert.equal(id, got["price.updated"].id)
    for _, type in ipairs { "v1.price.updated", "v1.price.deactivated" } do
      local event = got[type]
      assert.same({ "v2.core.event", cjson.null, false, { id = price, type = "price",
        url = "/v1/prices/" .. price } }, { event.object, event.context, event.livemode,
        event.related_object })
      assert.matches("^2026%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", event.created)
      assert.is_nil(event.data)
      local whole = e:json("/v2/core/events/" .. event.id)
      assert.same({ event.id, type == "v1.price.updated" and id or cjson.null },
        { whole.id, whole.snapshot_event })
      assert.equal(price, e:json(event.related_object.url).id)
    end
    e:mutate { op = "delete", id = price }
    assert.equal(404, (e:get("/v2/core/events/evt_651nothing", "sk_test_emulator")))
    local types = {}
    for _, request in ipairs(sink:receive(2)) do
      types[request.event.type] = true
    end
    assert.same({ ["price.deleted"] = true, ["v1.price.deleted"] = true }, types)
  end)

  it("name the connected account of a thin event in its context", function()
    e:control("accounts", { id = "acct_1ThinShop", charges = 10 })
    register { payload = "thin", connect = true, events = { "v1.customer.created" } }
    e:mutate { op = "insert", type = "customer", account = "acct_1ThinShop", livemode = false }
    local event = sink:receive(1)[1].event
    assert.same({ "v1.customer.created", "acct_1ThinShop" }, { event.type, event.context })
    assert.is_nil(event.account)
    e:control("deauthorize", { account = "acct_1ThinShop", livemode = false })
    local id = register { payload = "thin", connect = true }
    e:control("authorize", { account = "acct_1ThinShop", livemode = false })
    event = sink:receive(1)[1].event
    assert.same({ "v1.account.application.authorized", cjson.null, "acct_1ThinShop" },
      { event.type, event.related_object, event.context })
    assert.is_string(id)
  end)

  it("are retried until answered with 2xx, at most so often", function()
    register { retries = 2, retry_delay = 0.01 }
    sink:answer { 500, 302 }
    local id = e:mutate({ op = "charge" }).events[1]
    assert.same({ id, id, id }, events_of(sink:receive(3)))
    sink:answer { 500, 500, 500 }
    id = e:mutate({ op = "charge" }).events[1]
    assert.equal(3, #sink:receive(3))
    local deliveries = idle()
    assert.same({ 500, 3 }, { deliveries[6].status, deliveries[6].attempt })
    assert.equal(1, e:json("/v1/events/" .. id).pending_webhooks)
  end)

  it("come twice, in another order, or not at all, by the seed", function()
    local function order(options, count)
      e:reset { charges = 200 }
      register(options)
      local ids = {}
      for k, r in ipairs(e:mutate { { op = "charge" }, { op = "charge" }, { op = "charge" },
        { op = "charge" }, { op = "charge" }, { op = "charge" } }) do ids[k] = r.events[1] end
      local got = events_of(sink:receive(count or 6, 1))
      return ids, got, idle()
    end
    local ids, got = order { reorder = true, seed = 3 }
    assert.are_not.same(ids, got)
    local _, again = order { reorder = true, seed = 3 }
    assert.same(got, again)
    table.sort(got)
    table.sort(ids)
    assert.same(ids, got)
    ids, got = order({ duplicate_probability = 1 }, 12)
    assert.same({ 12, ids[1], ids[1], ids[2] }, { #got, got[1], got[2], got[3] })
    local deliveries
    e:reset { charges = 200 }
    register { drop_probability = 1 }
    e:mutate { op = "charge" }
    deliveries = idle()
    assert.same({ 1, true }, { #deliveries, deliveries[1].dropped })
    assert.same({}, sink:receive(1, 0.05))
  end)

  it("can be stale, late, and signed with two secrets in rotation", function()
    local id = register { stale = true }
    e:mutate { op = "charge" }
    local t = tonumber(sink:receive(1)[1].headers["stripe-signature"]:match "t=(%d+)")
    assert.is_true(t < os.time() - 500)
    e:control("webhooks", { id = id, stale = false, secrets = { "whsec_a", "whsec_b" },
      delay = 0.1 })
    local began = socket.gettime()
    e:mutate { op = "charge" }
    local got = sink:receive(1)[1]
    assert.is_true(socket.gettime() - began >= 0.09)
    local at = got.headers["stripe-signature"]:match "t=(%d+)"
    assert.equal(e:control("sign", { secrets = { "whsec_a", "whsec_b" }, t = tonumber(at),
      body = got.body }).header, got.headers["stripe-signature"])
    e:control("webhooks", { id = id, remove = true })
    e:mutate { op = "charge" }
    assert.same({}, sink:receive(1, 0.05))
  end)

  it("tell of connected accounts at an endpoint for those", function()
    e:control("accounts", { id = "acct_shop2", charges = 50 })
    register { connect = true }
    e:mutate { op = "charge" }
    e:mutate { op = "charge", account = "acct_shop2" }
    e:control("deauthorize", { account = "acct_shop2" })
    local got = sink:receive(2)
    assert.same({ "charge.succeeded", "acct_shop2" }, { got[1].event.type, got[1].event.account })
    assert.same({ "account.application.deauthorized", "acct_shop2" },
      { got[2].event.type, got[2].event.account })
    assert.equal("application", got[2].event.data.object.object)
  end)

  it("tell of what the clock brings about", function()
    register { events = { "payout.*", "charge.succeeded" } }
    local now = e:control("settings").now
    e:advance(6 * 86400)
    local feed = e:read_all("/v1/events?created[gt]=" .. ("%d"):format(now))
    assert.is_true(#feed > 0)
    local got = sink:receive(#feed)
    assert.same(feed[#feed].id, got[1].event.id)
    assert.same(feed[1].id, got[#feed].event.id)
  end)
end)
