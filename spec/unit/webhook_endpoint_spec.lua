-- The endpoint without a server: what is answered to whom, and which secrets count.

local commerce = require "commerce"
local core = require "commerce.core"
local endpoint = require "commerce.api.stripe_webhooks"
local json = require "commerce.base.json"
local master_key = require "spec.support.master_key"

local ACCOUNT, OTHER = "acct_1WebhookOne", "acct_1WebhookTwo"
local CONNECT, OLD, OWN = "whsec_connectconnectconnect1234", "whsec_beforebeforebefore1234",
  "whsec_ownownownownownownown1234"

-- As Stripe signs.
local function sign(body, secret, t)
  t = ("%d"):format(t or os.time())
  local pipe = assert(io.popen(("printf %%s '%s.%s' | openssl dgst -sha256 -hmac %s -r"):format(t,
    body, secret)))
  local digest = pipe:read(64)
  pipe:close()
  return ("t=%s,v1=%s"):format(t, digest)
end

describe("the webhook endpoint", function()
  local set = master_key.use(master_key.ONE)
  local app, server, logged

  before_each(function()
    app = assert(commerce.open { store = "sqlite::memory:" })
    logged = {}
    server = endpoint.new(app, { log = function(message)
      logged[#logged + 1] = message
    end })
    for i, account in ipairs { ACCOUNT, OTHER } do
      assert(app.store:add_connection({ id = "c" .. i, company_id = "m" .. i, account = account,
        integration = "stripe-test", name = "One", status = "Linked", auth = "connect",
        created = "2026-01-01T00:00:00Z" }, { company = { id = "m" .. i, name = "One",
        created = "2026-01-01T00:00:00Z" } }))
    end
  end)

  after_each(function()
    app:close()
  end)

  local function event(fields)
    local all = { id = "evt_1", object = "event", type = "charge.succeeded", livemode = false,
      created = os.time(), account = ACCOUNT, data = { object = { id = "ch_1",
        object = "charge" } } }
    for name, value in pairs(fields or {}) do
      all[name] = value or nil
    end
    return json.encode(all)
  end

  local function post(body, signature, path, method)
    local response = server:handle { method = method or "POST", body = body,
      path = path or "/webhooks/stripe-test", headers = { ["stripe-signature"] = signature } }
    assert.equal("application/json; charset=utf-8", response.headers["Content-Type"])
    assert.is_nil(response.body:find("whsec_%w"))
    return response.status, json.decode(response.body), response.headers
  end

  local function waiting()
    local count = 0
    for _, number in pairs(app.store:waiting_counts()) do
      count = count + number
    end
    return count
  end

  it("is one path an integration, and no other", function()
    for path, served in pairs { ["/webhooks/stripe"] = true, ["/webhooks/stripe-test"] = true,
      ["/webhooks"] = false, ["/webhooks/paypal"] = false, ["/webhooks/stripe/x"] = false,
      ["/webhooks/Stripe"] = false, ["/x/webhooks/stripe"] = false } do
      assert.equal(served, endpoint.serves(path), path)
    end
  end)

  it("keeps what is signed, once, before it says so", function()
    assert(app:add_webhook_secret("stripe-test", CONNECT))
    local body = event()
    for _ = 1, 2 do
      local status, answer = post(body, sign(body, CONNECT))
      assert.same({ 200, { received = true } }, { status, answer })
      assert.equal(1, waiting())
    end
    assert.equal(body, app.store:waiting_events("c1", 1)[1].body) -- byte for byte
  end)

  it("acknowledges what is for nobody here", function()
    assert(app:add_webhook_secret("stripe-test", CONNECT))
    for why, fields in pairs { ["of live mode"] = { livemode = true },
      ["no linked connection"] = { account = "acct_1Nobody" },
      ["names no account"] = { account = false } } do
      local body = event(fields)
      local status, answer = post(body, sign(body, CONNECT))
      assert.equal(200, status)
      assert.is_truthy(answer.ignored:find(why, 1, true), answer.ignored)
    end
    assert.equal(0, waiting())
  end)

  it("acknowledges every signed body, and says why it is not used", function()
    assert(app:add_webhook_secret("stripe-test", CONNECT))
    local thin = '{"id":"evt_9","object":"v2.core.event","type":"v1.billing.meter.no_meter",'
      .. '"livemode":false,"created":"2026-11-27T06:20:52.246Z"}'
    for body, why in pairs {
      [event { type = "balance.available", data = { object = { object = "balance" } } }] =
        "balance.available: its object has no id",
      [event { type = "invoice.upcoming", data = { object = { object = "invoice" } } }] =
        "invoice.upcoming: its object has no id",
      [event { type = "capability.updated", data = { object = { id = 5 } } }] =
        "capability.updated: its object has no id",
      [event { data = { object = json.null } }] = "charge.succeeded: it has no object",
      [event { data = json.null }] = "not a Stripe event",
      [event { created = 1.5 }] = "not a Stripe event",
      [thin] = "v1.billing.meter.no_meter: it names no object",
      [(thin:gsub("v1.billing", "v2.billing"))] = "v2.billing.meter.no_meter: no data type",
      ["{}"] = "not a Stripe event", ["[1]"] = "not a Stripe event", ["1"] = "not a Stripe event",
      ["null"] = "not a Stripe event", ["{"] = "not JSON", [("["):rep(5000)] = "not JSON",
    } do
      local status, answer = post(body, sign(body, CONNECT))
      assert.equal(200, status, body)
      assert.is_truthy(answer.ignored:find(why, 1, true), answer.ignored)
    end
    assert.same({ 0, {} }, { waiting(), logged })
  end)

  it("keeps thin events beside snapshot ones, for the account that their context names", function()
    assert(app:add_webhook_secret("stripe-test", CONNECT))
    local function thin(context)
      return json.encode { id = "evt_thin_" .. context:gsub("%W", ""), object = "v2.core.event",
        type = "v1.charge.succeeded", livemode = false, created = "2026-11-27T06:20:52.246Z",
        context = context, related_object = { id = "ch_1", type = "charge",
          url = "/v1/charges/ch_1" } }
    end
    for _, case in ipairs { { ACCOUNT, nil, 1 }, { "acct_1Platform/" .. ACCOUNT, nil, 2 },
      { "acct_1Nobody", "no linked connection has account acct_1Nobody", 2 },
      { "org_1", "it names no account", 2 } } do
      local body = thin(case[1])
      local status, answer = post(body, sign(body, CONNECT))
      assert.equal(200, status)
      assert.equal(case[2], answer.ignored and answer.ignored:sub(1, #(case[2] or "x")))
      assert.equal(case[3], waiting())
    end
    assert.equal(1795760452, app.store:waiting_events("c1", 1)[1].at)
    -- an organisation's destination names the account of a snapshot event there, too
    local body = event { account = false, context = "org_1/" .. OTHER }
    assert.equal(200, (post(body, sign(body, CONNECT))))
    assert.equal(body, app.store:waiting_events("c2", 1)[1].body)
  end)

  it("believes an account's own endpoint about no other account's thin event", function()
    assert(app:add_webhook_secret("stripe-test", OWN, { account = ACCOUNT }))
    for context, count in pairs { [OTHER] = 0, [ACCOUNT] = 1 } do
      local body = json.encode { id = "evt_" .. context, object = "v2.core.event",
        type = "v1.charge.succeeded", livemode = false, created = "2026-11-27T06:20:52.246Z",
        context = context, related_object = { id = "ch_1", type = "charge",
          url = "/v1/charges/ch_1" } }
      local before = waiting()
      assert.equal(200, (post(body, sign(body, OWN))))
      assert.equal(before + count, waiting())
    end
  end)

  it("ends the access that a merchant took back, by a thin event, too", function()
    assert(app:add_webhook_secret("stripe-test", CONNECT))
    assert(app:set_integration("stripe-test", { client_id = "ca_OurPlatform" }))
    local body = json.encode { id = "evt_end", object = "v2.core.event",
      type = "v1.account.application.deauthorized", livemode = false, context = OTHER,
      created = os.date "!%Y-%m-%dT%H:%M:%S.000Z" }
    local status, answer = post(body, sign(body, CONNECT))
    assert.same({ 200, { received = true } }, { status, answer })
    assert.same({ "Deauthorized", "Linked" }, { app:connection("c2").status,
      app:connection("c1").status })
  end)

  it("ends no access of which a thin event does not tell whose it is", function()
    assert(app:add_webhook_secret("stripe-test", CONNECT))
    assert(app.store:add_connection({ id = "c3", company_id = "m1", account = OTHER,
      integration = "stripe-test", status = "Linked", auth = "app",
      created = "2026-01-01T00:00:00Z" }))
    local body = json.encode { id = "evt_end", object = "v2.core.event",
      type = "v1.account.application.deauthorized", livemode = false, context = OTHER,
      created = os.date "!%Y-%m-%dT%H:%M:%S.000Z" }
    local status, answer = post(body, sign(body, CONNECT))
    assert.equal(200, status)
    assert.matches("whether the platform's or the app's", answer.ignored)
    assert.same({ "Linked", "Linked" }, { app:connection("c2").status,
      app:connection("c3").status })
  end)

  it("names a secret that cannot be one, and calls it a fault of this side", function()
    local body = event()
    local function receive(secrets)
      return app:receive_webhook(body, sign(body, CONNECT),
        { integration = "stripe-test", secrets = secrets })
    end
    local none, said, details = receive { OLD, CONNECT .. "\n" }
    assert.is_nil(none)
    assert.equal("webhook: secrets: 2: the secret ends with a space or a line end", said)
    assert.equal("usage", details.kind)
    assert.is_nil(said:find("whsec_%w"))
    assert.equal(1, assert(receive { OLD, CONNECT }).kept)
  end)

  it("refuses what is not signed or was signed long ago", function()
    assert(app:add_webhook_secret("stripe-test", CONNECT))
    local body = event()
    for why, case in pairs {
      ["no v1 signature"] = { body, nil },
      ["empty body"] = { "", sign("", CONNECT) },
      ["no signature matches"] = { body, sign(body, OLD) },
      ["signed too long ago"] = { body, sign(body, CONNECT, os.time() - 301) },
      ["signed in the future"] = { body, sign(body, CONNECT, os.time() + 400) },
    } do
      local status, answer = post(case[1], case[2])
      assert.equal(400, status)
      assert.is_truthy(answer.error:find(why, 1, true), answer.error)
    end
    assert.same({ 0, {} }, { waiting(), logged })
  end)

  it("knows its method and its limit", function()
    local status, _, headers = post(nil, nil, nil, "GET")
    assert.same({ 405, "POST" }, { status, headers.Allow })
    assert.equal(413, (post(("x"):rep(1024 * 1024 + 1), "t=1,v1=00")))
    assert.equal(400, (function()
      assert(app:add_webhook_secret("stripe-test", CONNECT))
      return (post(("x"):rep(1024 * 1024), "t=1,v1=00"))
    end)())
  end)

  it("takes in what any secret has signed, and nothing of one that was removed", function()
    local body = event()
    local old = assert(app:add_webhook_secret("stripe-test", OLD))
    assert(app:add_webhook_secret("stripe-test", core.secret(CONNECT)))
    assert.equal(old.id, app:add_webhook_secret("stripe-test", OLD).id) -- and not twice
    assert.equal(2, #app:integration("stripe-test").webhook_secrets)
    for _, secret in ipairs { OLD, CONNECT } do
      assert.equal(200, (post(body, sign(body, secret))))
    end
    assert.equal(200, (post(body, sign(body, OLD) .. "," .. sign(body, CONNECT):match "v1=.*")))
    assert.is_true(app:remove_webhook_secret("stripe-test", old.id))
    assert.equal(400, (post(body, sign(body, OLD))))
    assert.equal(200, (post(body, sign(body, CONNECT))))
    -- it is not of that one
    assert.equal(503, (post(body, sign(body, CONNECT), "/webhooks/stripe")))
  end)

  it("believes an account's own endpoint about that account alone", function()
    assert(app:add_webhook_secret("stripe-test", OWN, { account = ACCOUNT }))
    for _, case in ipairs { { false, 1 }, { ACCOUNT, 1 }, { OTHER, 0 } } do
      local body = event { account = case[1], id = "evt_" .. tostring(case[1]) }
      local before = waiting()
      assert.equal(200, (post(body, sign(body, OWN))))
      assert.equal(before + case[2], waiting())
    end
    assert.is_nil(app.store:waiting_events("c2", 1)[1])
  end)

  it("acknowledges nothing that it cannot verify or store", function()
    local body = event()
    local function unavailable(message)
      local status, answer, headers = post(body, sign(body, CONNECT))
      assert.same({ 503, "5", "the event cannot be received now; send it again" },
        { status, headers["Retry-After"], answer.error })
      assert.is_truthy(logged[#logged]:find(message, 1, true), logged[#logged])
    end
    unavailable "Stripe Test has no webhook secret"
    assert(app:add_webhook_secret("stripe-test", CONNECT))
    set(master_key.TWO)
    unavailable "sealed with master key"
    set(master_key.ONE)
    app.store.keep_events = function()
      return nil, "the disk is full", { kind = "store", message = "the disk is full" }
    end
    unavailable "the disk is full"
    app.store.keep_events = function()
      error "a mistake"
    end
    unavailable "a mistake"
    app.store.keep_events = nil
    assert.equal(200, (post(body, sign(body, CONNECT))))
  end)

  it("secrets are kept sealed, and refused if they are none", function()
    local kept = assert(app:add_webhook_secret("yzth", OWN, { account = ACCOUNT }))
    assert.same({ kept }, app:integration("stripe-test").webhook_secrets)
    local row = app.store:secrets_of("webhook:")[1]
    assert.equal("webhook:stripe-test:" .. ACCOUNT .. ":" .. kept.id, row.owner)
    -- put in another account's place, it does not open
    assert(app.store:drop_secret(row.owner))
    row.owner = row.owner:gsub(ACCOUNT, OTHER)
    assert(app.store:save_secret(row))
    local body = event()
    assert.equal(503, (post(body, sign(body, OWN))))
    assert.is_truthy(logged[1]:find(row.owner, 1, true), logged[1])
    for message, case in pairs {
      ["not a signing secret"] = { "stripe-test", "sk_test_plantedplantedplanted1234" },
      ["account 'x': expected"] = { "stripe-test", CONNECT, { account = "x" } },
      ["integration 'paypal' does not exist"] = { "paypal", CONNECT },
    } do
      local none, said, details = app:add_webhook_secret(case[1], case[2], case[3])
      assert.is_nil(none)
      assert.is_truthy(said:find(message, 1, true), said)
      assert.equal("usage", details.kind)
    end
    local _, said = app:remove_webhook_secret("stripe-test", "00000000")
    assert.is_truthy(said:find("has no webhook secret 00000000", 1, true), said)
    set(nil)
    assert.is_truthy(select(2, app:add_webhook_secret("stripe-test", CONNECT))
      :find("openssl rand -base64 32", 1, true))
  end)

  it("has no room for more secrets than can be tried with every webhook", function()
    for i = 1, 16 do
      assert(app:add_webhook_secret("stripe-test", CONNECT .. i))
    end
    local _, said = app:add_webhook_secret("stripe-test", OLD)
    assert.is_truthy(said:find("has 16 webhook secrets already", 1, true), said)
  end)
end)
