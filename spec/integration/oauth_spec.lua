-- The two calls of Connect OAuth and the address before them, against the emulator.

local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local returning = require "spec.support.returning"

local oauth = returning "commerce.stripe.oauth"

local CLIENT, SHOP = "ca_EmulatorTest", "acct_1MerchantShop"
local BACK = "http://localhost:8000/oauth/callback"

describe("Connect OAuth", function()
  local e, clients
  setup(function() e = emulator.start { charges = 5 } end)
  teardown(function() e:stop() end)
  before_each(function()
    clients = {}
    e:reset { charges = 5 }
    e:control("accounts", { id = SHOP, charges = 5, connected = false })
  end)
  after_each(function()
    for _, client in ipairs(clients) do client:close() end
  end)

  local function client(key, options)
    options = options or {}
    options.base_url = options.base_url or e.base
    local made = assert(oauth.open(core.secret(key or "sk_test_emulator"), options))
    clients[#clients + 1] = made
    return returning(made)
  end

  local function authorize(state, scope)
    return oauth.authorize_url { client_id = CLIENT, scope = scope or "read_only",
      state = state or "s", redirect_uri = BACK, base_url = e.base .. "/" }
  end

  local function code()
    local _, query = e:consent(authorize(), "allow", SHOP)
    return query.code
  end

  local function sent(endpoint)
    return e:control("stats").endpoints[endpoint] or 0
  end

  it("sends a merchant to Stripe with all that is needed, encoded", function()
    assert.equal("https://connect.stripe.com/oauth/authorize?response_type=code&client_id=ca_1"
      .. "&scope=read_only&redirect_uri=https%3A%2F%2Fme%2Fcb%3Fa%3D1&state=a.b-c_~%20%26%2B",
      oauth.authorize_url { client_id = "ca_1", scope = "read_only", state = "a.b-c_~ &+",
        redirect_uri = "https://me/cb?a=1" })
    assert.is_nil(oauth.authorize_url({ client_id = "ca_1", scope = "read_write", state = "s" })
      :find("redirect_uri", 1, true))
    local _, query = e:consent(authorize("a.b-c_~ &+", "read_write"), "allow", SHOP)
    assert.same({ "a.b-c_~ &+", "read_write" }, { query.state, query.scope })
  end)

  it("gets access for a code, and of the answer only what it needs", function()
    local grant = assert(client():token(code()))
    assert.same({ stripe_user_id = SHOP, livemode = false, scope = "read_only" }, grant)
    assert.equal(200, (e:get("/v1/account", nil, { ["Stripe-Account"] = SHOP })))
  end)

  it("tells why there is none, without code or key", function()
    for _, case in ipairs {
      { "sk_test_emulator", "ac_notThereAtAll123", "invalid_grant", "does not exist" },
      { "sk_live_emulator", code(), "invalid_grant", "does not belong to you" },
      { "sk_test_nobodyKnowsThis", code(), "invalid_client", "No such API key" },
    } do
      local grant, message, details = client(case[1]):token(case[2])
      assert.same({ nil, case[3] }, { grant, details.code })
      assert.is_truthy(message:find(case[4], 1, true), message)
      assert.is_nil(message:find(case[1], 1, true))
      assert.is_nil(message:find(case[2], 1, true))
    end
  end)

  it("never sends a code again, whatever becomes of it", function()
    for _, action in ipairs { { type = "status", status = 500 }, { type = "html500" },
      { type = "status", status = 429 }, { type = "reset" }, { type = "close" },
      { type = "reset_body" }, { type = "truncate" }, { type = "close_after" },
      { type = "status", status = 409, headers = { ["Stripe-Should-Retry"] = "true" } } } do
      e:control("faults", { { match = { path = "/oauth/token" }, action = action } })
      e:control("stats", { clear = true })
      local grant, message, details = client():token(code())
      e:control("faults", { clear = true })
      if action.type == "close_after" then -- whole, but the connection is gone
        assert.equal(SHOP, grant.stripe_user_id)
      else
        assert.is_nil(grant)
        assert.is_string(details.kind, message)
      end
      assert.equal(1, sent "POST /oauth/token" + sent "other", action.type)
    end
  end)

  it("refuses an answer that is none", function()
    for body, words in pairs { ["[]"] = "no 'stripe_user_id'", ['"sk_test_x"'] = "not an object",
      ['{"stripe_user_id":1,"scope":"read_only","livemode":false}'] = "no 'stripe_user_id'",
      ['{"stripe_user_id":"acct_1","scope":"read_only","livemode":"no"}'] = "no 'livemode'",
      ["<html>"] = "not JSON" } do
      e:control("faults", { clear = true })
      e:control("faults", { { match = { path = "/oauth/token" },
        action = { type = "status", status = 200, body = body } } })
      local grant, message, details = client():token "ac_any"
      assert.same({ nil, "decode" }, { grant, details.kind })
      assert.is_truthy(message:find(words, 1, true), message)
    end
  end)

  it("ends access, and is content where there is none any more", function()
    assert(client():token(code()))
    assert.is_true(client():deauthorize(CLIENT, SHOP))
    assert.equal(403, (e:get("/v1/account", nil, { ["Stripe-Account"] = SHOP })))
    assert.is_false(client():deauthorize(CLIENT, SHOP))
    for _, case in ipairs { { nil, "ca_another" }, { "sk_live_emulator", CLIENT },
      { "sk_test_nobodyKnowsThis", CLIENT } } do
      local ended, message, details = client(case[1]):deauthorize(case[2], SHOP)
      assert.same({ nil, "invalid_client" }, { ended, details.code })
      assert.is_string(message)
    end
  end)

  it("says what is wrong with the server's address", function()
    assert.has_error(function() client(nil, { base_url = "ftp://x" }) end)
    assert.has_error(function() client(nil, { retries = 3 }) end)
  end)
end)
