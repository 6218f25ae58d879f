-- The endpoint that is made at Stripe: once, with the event types that records depend on, and its
-- secret is stored and never shown.

local commerce = require "commerce"
local commands = require "spec.support.commands"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local master_key = require "spec.support.master_key"
local sandbox = require "spec.support.sandbox"
local webhook_sink = require "spec.support.webhook_sink"

local KEY, LIVE, ACCOUNT = "sk_test_emulator", "sk_live_emulator", "acct_1CommerceShop001"
local READ_ONLY = "rk_test_emulator_readonly"
local PUBLIC = "https://data.example.com/codat/"
local URL = "https://data.example.com/codat/webhooks/stripe-test"

describe("an endpoint at Stripe", function()
  local set = master_key.use(master_key.ONE)
  local e, app

  setup(function()
    e = emulator.start { charges = 20, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 20, compact = true }
    app = assert(commerce.open { store = "memory:" })
  end)

  after_each(function()
    app:close()
    set(master_key.ONE)
  end)

  local function create(options, name)
    local all = { public_url = PUBLIC, base_url = e.base, retries = 0 }
    for field, value in pairs(options or {}) do
      all[field] = value
    end
    return app:create_webhook_endpoint(name or "stripe-test", all)
  end

  local function platform(key)
    assert(app:set_integration("stripe-test", { secret_key = key or KEY }))
  end

  local function at_stripe(path)
    return e:json(path or "/v1/webhook_endpoints?limit=100").data
  end

  local function count(path)
    return e:control("stats").endpoints["POST " .. (path or "/v1/webhook_endpoints")] or 0
  end

  it("is the platform's for connected accounts, and is made once", function()
    platform()
    local made = assert(create())
    assert.same({ URL, false, true, {}, false, true }, { made.url, made.existed, made.enabled,
      made.lacking, made.thin, made.secret_stored })
    local endpoint = at_stripe()[1]
    assert.same({ made.id, URL, "enabled", core.stripe_version, made.events },
      { endpoint.id, endpoint.url, endpoint.status, endpoint.api_version,
        endpoint.enabled_events })
    assert.is_nil(endpoint.secret)
    assert.is_true(e:control("webhooks").webhooks[1].connect)
    local again = assert(create())
    assert.same({ made.id, true, {}, true },
      { again.id, again.existed, again.lacking, again.secret_stored })
    assert.equal(1, count())
    assert.equal(1, #app:integration("stripe-test").webhook_secrets)
    assert.is_nil(app:integration("stripe-test").webhook_secrets[1].account)
  end)

  it("sends the event types that records depend on, and no other", function()
    platform()
    local function has(made, name)
      return (" " .. table.concat(made.events, " ") .. " "):find(" " .. name .. " ", 1, true) ~= nil
    end
    local made = assert(create())
    for name, wanted in pairs { ["charge.succeeded"] = true, ["product.deleted"] = true,
      ["charge.dispute.closed"] = true, ["payout.reconciliation_completed"] = true,
      ["account.application.deauthorized"] = true, ["invoice.paid"] = false,
      ["customer.subscription.deleted"] = false, ["balance.available"] = false } do
      assert.equal(wanted, has(made, name), name)
    end
    app:define("my_invoices", { from = { resource = "invoices" }, id = "id" })
    made = assert(create())
    assert.is_true(has(made, "invoice.paid"))
    assert.is_true(made.existed)
    assert.equal("invoice.created", made.lacking[1]) -- the endpoint was made before
  end)

  it("is an account's own, by its key, beside the platform's", function()
    platform()
    assert(create())
    local made = assert(create { account = ACCOUNT, secret_key = KEY })
    assert.is_false(made.existed)
    assert.equal(ACCOUNT, made.account)
    assert.is_nil(table.concat(made.events, " "):find "deauthorized")
    assert.equal(2, count())
    local again = assert(create { account = ACCOUNT, secret_key = KEY })
    assert.same({ made.id, true }, { again.id, again.existed })
    assert.same(ACCOUNT, app:integration("stripe-test").webhook_secrets[2].account
      or app:integration("stripe-test").webhook_secrets[1].account)
    local _, message = create { account = "acct_1Another", secret_key = KEY }
    assert.matches("asked for account acct_1Another", message)
  end)

  it("is that of a Stripe App's developer", function()
    assert(app:set_stripe_app("stripe-test", { secret_key = KEY }))
    local made = assert(create())
    assert.is_nil(made.account)
    assert.is_truthy(table.concat(made.events, " "):find("apps.install.deleted", 1, true))
    assert.is_true(assert(create { app = true }).existed)
    local thin = assert(create { app = true, thin = true })
    assert.is_nil(table.concat(thin.events, " "):find("apps.install", 1, true))
    assert.matches("not both", select(2, create { app = true, account = ACCOUNT }))
  end)

  it("is of the key's account if there is no platform", function()
    assert.equal(ACCOUNT, assert(create { secret_key = KEY }).account)
  end)

  it("is made by the stored key of an account", function()
    local shop = assert(app:connect { secret_key = KEY, base_url = e.base, keep_key = true })
    shop:close()
    assert.equal(ACCOUNT, assert(create { account = ACCOUNT }).account)
    local _, message = create { account = "acct_1Another" }
    assert.matches("no linked connection of Stripe Test has account acct_1Another", message)
    assert(app.store:change_connection(shop.id, { auth = "connect" }))
    _, message = create { account = ACCOUNT }
    assert.matches("is linked by Connect: the endpoint for connected accounts", message)
    assert(app.store:change_connection(shop.id, { auth = "app" }))
    _, message = create { account = ACCOUNT }
    assert.matches("is linked by a Stripe App: the endpoint for connected accounts", message)
  end)

  it("is a destination of thin events if asked for", function()
    platform()
    local path = "/v2/core/event_destinations?limit=1&include[0]=webhook_endpoint.url"
    for i = 1, 2 do
      local made = assert(create { thin = true })
      assert.same({ i == 2, {}, true, true },
        { made.existed, made.lacking, made.enabled, made.secret_stored })
    end
    assert.equal(1, count "/v2/core/event_destinations")
    local destination = at_stripe(path)[1]
    assert.same({ URL, { "@accounts" }, "thin", "webhook_endpoint" },
      { destination.webhook_endpoint.url, destination.events_from, destination.event_payload,
        destination.type })
    assert.matches("^v1%.", destination.enabled_events[1])
    -- found on a later page, too
    local transport = core.transport {}
    local session = core.session { transport = transport, key = assert(core.secret(KEY)),
      base_url = e.base, json = true }
    for i = 1, 25 do
      local call = session:request { method = "POST", path = "/v2/core/event_destinations",
        body = json.encode { name = "x", type = "webhook_endpoint", event_payload = "thin",
        enabled_events = json.array { "v1.charge.failed" },
        webhook_endpoint = { url = "https://other.example.com/" .. i } } }
      assert(jobs.await(transport, call))
    end
    session:close()
    transport:close()
    assert.is_true(assert(create { thin = true }).existed)
  end)

  it("delivers what the receiver then takes", function()
    local sink = webhook_sink.new()
    local base = sink.url:match "^http://[^/]+"
    local shop = assert(app:connect { secret_key = KEY, base_url = e.base })
    for _, thin in ipairs { false, true } do
      assert(create { public_url = base, secret_key = KEY, account = ACCOUNT, thin = thin })
    end
    e:mutate { op = "insert", type = "customer" }
    for _, request in ipairs(sink:receive(2)) do
      assert.equal("POST /webhooks/stripe-test HTTP/1.1", request.line)
      assert.equal(1, assert(app:receive_webhook(request.body, request.headers["stripe-signature"],
        { integration = "stripe-test" })).kept)
    end
    assert.equal(2, app.store:waiting_counts()[shop.id])
    shop:close()
    sink:close()
  end)

  it("is made by an organisation's key, for one of its accounts", function()
    local key = "sk_org_test_emulator"
    assert.equal(ACCOUNT, assert(create { account = ACCOUNT, secret_key = key }).account)
    assert.matches("has no account of its own", select(2, create { secret_key = key }))
  end)

  it("may have been made where the answer was lost, and is found then", function()
    platform()
    e:control("faults", { match = { method = "POST", path = "/v1/webhook_endpoints" },
      action = { type = "reset_body", bytes = 5 } })
    local none, _, failure = create()
    assert.is_nil(none)
    assert.matches("it is not known whether Stripe made the endpoint", failure.hint)
    local found = assert(create())
    assert.same({ true, false, 1 }, { found.existed, found.secret_stored, #at_stripe() })
  end)

  it("is not made by a key without the permission, and it is said what else can be done", function()
    platform(READ_ONLY)
    local none, message, failure = create()
    assert.is_nil(none)
    assert.equal("auth", failure.kind)
    for _, part in ipairs { "'Webhook Endpoints' (write)", "Stripe App", URL,
      "add-webhook-secret stripe-test" } do
      assert.is_truthy(message:find(part, 1, true), message)
    end
    assert.equal(0, #at_stripe())
  end)

  it("is not made where its secret could not be stored", function()
    platform()
    set(nil)
    assert.matches("COMMERCE_MASTER_KEY is not set", select(2, create()))
    set(master_key.ONE)
    for i = 1, 16 do
      assert(app:add_webhook_secret("stripe-test", ("whsec_0123456789abcdef%d"):format(i)))
    end
    assert.matches("has 16 webhook secrets already", select(2, create()))
    assert.equal(0, count())
  end)

  it("that was made is named if its secret is lost after all", function()
    platform()
    app.store.save_secret = function()
      return nil, "the disk is full", { kind = "store", message = "the disk is full" }
    end
    local _, message = create()
    assert.matches("endpoint we_%w+ was made at Stripe, but its secret could not be stored",
      message)
    app.store.save_secret = nil
    local again = assert(create())
    assert.same({ true, false }, { again.existed, again.secret_stored })
  end)

  it("needs an address that Stripe takes", function()
    platform()
    assert(app:set_integration("stripe", { secret_key = LIVE }))
    for _, url in ipairs { "data.example.com", "ftp://data.example.com", "https://",
      "https://data.example.com/?a=1" } do
      assert.matches("public URL", select(2, create { public_url = url }))
    end
    assert.matches("https addresses only",
      select(2, create({ public_url = "http://data.example.com" }, "stripe")))
    assert.matches("no address: give the public URL",
      select(2, app:create_webhook_endpoint("stripe-test", {})))
    assert.equal("https://data.example.com/webhooks/stripe",
      assert(create({ public_url = "https://data.example.com" }, "stripe")).url)
  end)

  it("is made by the command line, which never shows the secret", function()
    local box = sandbox.new {}
    box.environment = { COMMERCE_STORE = "sqlite:" .. box:path "endpoint.db",
      STRIPE_API_BASE = e.base, COMMERCE_MASTER_KEY = master_key.ONE, STRIPE_SECRET_KEY = KEY }
    local command = "integrations create-endpoint stripe-test --public-url "
      .. "https://data.example.com"
    local status, output, errors = box:commerce(command)
    assert.equal(0, status, errors)
    assert.matches("made webhook endpoint we_%w+ of account " .. ACCOUNT .. " at Stripe: "
      .. "https://data.example.com/webhooks/stripe%-test, %d+ event types; its secret is stored",
      output)
    local again, text = box:commerce(command .. " --json")
    assert.equal(0, again)
    local view = json.decode(text)
    assert.same({ true, true, {}, ACCOUNT }, { view.existed, view.secretStored, view.lacking,
      view.account })
    local _, thin = box:commerce(command .. " --thin")
    assert.matches("made webhook endpoint ed_%w+ of account .* types, thin events; its secret",
      thin)
    for _, printed in ipairs { output, errors, text, thin } do
      assert.is_nil(printed:find "whsec_")
    end
    box:close()
  end)

  it("has secrets that the command line keeps, lists and removes", function()
    local box = sandbox.new({}, { in_process = true })
    box.environment = { COMMERCE_STORE = "sqlite:" .. box:path "secrets.db",
      COMMERCE_MASTER_KEY = master_key.ONE, OLD_KEY = "whsec_spec_0123456789abcdef",
      NEXT_KEY = "whsec_spec_after_its_rotation", STRIPE_SECRET_KEY = KEY }
    local cli = commands.new(box)
    local function keep(name)
      return cli:json("integrations add-webhook-secret stripe-test --account " .. ACCOUNT
        .. " --secret-env " .. name).webhookSecrets
    end
    local old = keep "OLD_KEY"[1].id
    assert.equal(2, #keep "NEXT_KEY")
    cli:ok("integrations remove-webhook-secret stripe-test " .. old)
    cli:fails("Stripe Test has no webhook secret " .. old,
      "integrations remove-webhook-secret stripe-test " .. old)
    cli:fails("no secret: give", "integrations add-webhook-secret stripe-test")
    cli:fails("not a signing secret", "integrations add-webhook-secret stripe-test "
      .. "--secret-env STRIPE_SECRET_KEY")
    assert.matches("accepts webhooks to /webhooks/stripe%-test that secret %x+ signs %(endpoint of "
      .. ACCOUNT .. ", since ", (cli:ok "integrations list"))
    cli:assert_no_secrets { box.environment.OLD_KEY, box.environment.NEXT_KEY }
    box:close()
  end)
end)
