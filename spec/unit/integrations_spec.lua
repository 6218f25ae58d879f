local commerce = require "commerce"
local core = require "commerce.core"
local integrations = require "spec.support.returning" "commerce.account.integrations"
local master_key = require "spec.support.master_key"

local TEST_KEY = "sk_test_plantedplantedplanted1234"
local LIVE_KEY = "sk_live_plantedplantedplanted1234"

describe("a refusal", function()
  it("names who lacks the permission: the key, or the app", function()
    local stripe = require "commerce.stripe"
    assert.equal("no; the key needs the permission 'Disputes' (read)",
      stripe.lacking("no.", "Disputes", "key"))
    assert.equal("no; the app needs the permission 'Disputes' (read)",
      stripe.lacking("no.", "Disputes", "app"))
    assert.equal("no.", stripe.lacking("no.", nil, "app"))
  end)
end)

describe("integrations", function()
  local set = master_key.use(master_key.ONE)
  local app

  before_each(function()
    app = assert(commerce.open { store = "sqlite::memory:" })
  end)

  after_each(function()
    app:close()
  end)

  -- The failure's message; nothing of the integration has changed.
  local function refuses(name, options)
    local before = app.store:integrations()
    local result, message, details = app:set_integration(name, options)
    assert.is_nil(result)
    assert.equal(message, tostring(details))
    assert.is_nil(message:find("planted", 1, true))
    assert.same(before, app.store:integrations())
    return message
  end

  it("are two, and not set up to begin with", function()
    assert.same({
      { name = "stripe", key = "exgd", title = "Stripe", mode = "live", scope = "read_only",
        sync_on_link = "continuous", enabled = false, has_secret_key = false,
        restricted_keys = false, webhook_secrets = {} },
      { name = "stripe-test", key = "yzth", title = "Stripe Test", mode = "test",
        scope = "read_only", sync_on_link = "continuous", enabled = false,
        has_secret_key = false, restricted_keys = false, webhook_secrets = {} },
    }, app:integrations())
  end)

  it("are found by their name or Codat's key", function()
    for name, key in pairs { stripe = "exgd", ["stripe-test"] = "yzth" } do
      assert.equal(name, app:integration(name).name)
      assert.equal(name, app:integration(key).name)
    end
    local _, message, details = app:integration "paypal"
    assert.equal("integration 'paypal' does not exist; use stripe or stripe-test", message)
    assert.equal("usage", details.kind)
  end)

  it("keep what is set, and leave the rest", function()
    assert(app:set_integration("stripe-test", { client_id = "ca_test1", secret_key = TEST_KEY }))
    assert(app:set_integration("yzth", { scope = "read_write" }))
    assert(app:set_integration("stripe-test", { sync_on_link = "once", enabled = true }))
    local expected = { name = "stripe-test", key = "yzth", title = "Stripe Test", mode = "test",
      client_id = "ca_test1", scope = "read_write", sync_on_link = "once", enabled = true,
      has_secret_key = true, restricted_keys = true, webhook_secrets = {} }
    assert(app:set_integration("stripe-test", { restricted_keys = true }))
    assert.same(expected, app:integration "stripe-test")
    assert.same(expected, app:set_integration("stripe-test", {}))
    assert.is_false(app:integration("stripe").enabled)
    assert.is_false(app:set_integration("stripe-test", { enabled = false }).enabled)
  end)

  it("give their secret key as a secret", function()
    local _, message = integrations.secret_key(app.store, "stripe")
    assert.equal("Stripe has no secret key: set one with `commerce integrations set`", message)
    assert(app:set_integration("stripe", { secret_key = core.secret(LIVE_KEY) }))
    local key = assert(integrations.secret_key(app.store, "stripe"))
    assert.equal(core.sha256(LIVE_KEY), core.sha256(key))
  end)

  it("take keys of their own mode only", function()
    assert.equal("the key is a live mode key, integration 'stripe-test' needs a test mode key",
      refuses("stripe-test", { secret_key = LIVE_KEY }))
    assert.equal("the key is a test mode key, integration 'stripe' needs a live mode key",
      refuses("stripe", { secret_key = TEST_KEY, client_id = "ca_1" }))
    assert.matches("^this is a publishable key",
      refuses("stripe", { secret_key = "pk_live_plantedplanted" }))
    assert.matches("^not a Stripe secret key", refuses("stripe", { secret_key = "planted" }))
    assert.matches("^secret ends with a space", refuses("stripe", { secret_key = LIVE_KEY .. " " }))
  end)

  it("refuse what is no client id, scope or sync on link, without repeating a key", function()
    assert.matches("^this is not a client id: one starts with ca_",
      refuses("stripe", { client_id = LIVE_KEY }))
    assert.matches("^this is not a client id", refuses("stripe", { client_id = "ca_" }))
    assert.equal("scope 'write': expected read_only or read_write",
      refuses("stripe", { scope = "write" }))
    assert.equal("scope 'sk_live_…': expected read_only or read_write",
      refuses("stripe", { scope = LIVE_KEY }))
    assert.equal("sync_on_link 'never': expected continuous or once",
      refuses("stripe", { sync_on_link = "never" }))
    assert.equal("integration 'sk_live_…' does not exist; use stripe or stripe-test",
      refuses(LIVE_KEY, {}))
    assert.error_matches(function() app:set_integration("stripe", { key = LIVE_KEY }) end,
      "unknown option 'key'")
    assert.error_matches(function() app:set_integration("stripe", { enabled = "yes" }) end,
      "bad option 'enabled'")
  end)

  it("are enabled only with client id and secret key", function()
    assert.equal("Stripe cannot be enabled: its client id is not set",
      refuses("stripe", { enabled = true }))
    assert.equal("Stripe cannot be enabled: its client id is not set",
      refuses("stripe", { enabled = true, secret_key = LIVE_KEY }))
    assert.is_nil(app.store:secret "integration:stripe") -- not even the key was kept
    assert(app:set_integration("stripe", { client_id = "ca_1" }))
    assert.equal("Stripe cannot be enabled: its secret key is not set",
      refuses("stripe", { enabled = true }))
    assert.is_true(app:set_integration("stripe", { enabled = true,
      secret_key = LIVE_KEY }).enabled)
  end)

  it("keep nothing at all of a change whose secret cannot be sealed", function()
    set(nil)
    assert.matches("^COMMERCE_MASTER_KEY is not set",
      refuses("stripe", { client_id = "ca_1", secret_key = LIVE_KEY }))
    assert(app:set_integration("stripe", { client_id = "ca_1" })) -- what is no secret needs none
  end)
end)
