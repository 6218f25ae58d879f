-- Connect: the consent page, codes and tokens, accounts by header, and the end of a connection.
-- Runs under one runtime: the emulator runs in nginx.
local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local webhook_sink = require "spec.support.webhook_sink"

local TEST, LIVE = "ca_EmulatorTest", "ca_EmulatorLive"
local BACK = "http://localhost:8000/oauth/callback"
local SECURE = "https://platform.example.com/oauth/callback"
local MAIN, SHOP = "acct_1CommerceShop001", "acct_1MerchantShop"

describe("the emulator's Connect", function()
  local e
  setup(function() e = emulator.start { charges = 20 } end)
  teardown(function() e:stop() end)
  before_each(function()
    e:reset { charges = 20 }
    e:control("accounts", { id = SHOP, name = "Merchant <Shop>", charges = 30, connected = false })
  end)

  local function page(changes)
    local query = { response_type = "code", client_id = TEST, scope = "read_only", state = "s 1&2",
      redirect_uri = BACK }
    for name, value in pairs(changes or {}) do query[name] = value or nil end
    local parts = {}
    for name, value in pairs(query) do
      parts[#parts + 1] = name .. "=" .. value:gsub("[^%w_%.]", function(c)
        return ("%%%02X"):format(c:byte())
      end)
    end
    return "/oauth/authorize?" .. table.concat(parts, "&")
  end

  local function code_for(account, changes)
    local _, query = e:consent(e.base .. page(changes), "allow", account)
    return query.code
  end

  local function token(form, key)
    form.grant_type = form.grant_type or "authorization_code"
    local status, body = e:post("/oauth/token", form, key)
    return status, cjson.decode(body)
  end

  local function connect(account, changes, key)
    local status, answer = token({ code = code_for(account, changes) }, key)
    assert.equal(200, status, answer.error_description)
    return answer
  end

  local function reach(account, key)
    return (e:get("/v1/account", key, { ["Stripe-Account"] = account }))
  end

  describe("consent page", function()
    it("shows the platform, the accounts and the way out", function()
      local status, body, headers = e:get(page(), false)
      assert.equal(200, status)
      assert.equal("text/html; charset=utf-8", headers["content-type"])
      assert.is_truthy(body:find("Example Platform wants to read your account's data", 1, true))
      assert.is_truthy(body:find("Merchant &lt;Shop&gt;", 1, true))
      assert.is_truthy(body:find('value="' .. SHOP .. '"', 1, true))
      for _, decision in ipairs { "allow", "deny", "skip" } do
        assert.is_truthy(body:find('name="decision" value="' .. decision .. '"', 1, true))
      end
    end)

    it("sends a code and the state back, to the letter", function()
      local location, query = e:consent(e.base .. page(), "allow", SHOP)
      assert.equal(BACK .. "?", location:sub(1, #BACK + 1))
      assert.matches("^ac_%w+$", query.code)
      assert.same({ "read_only", "s 1&2" }, { query.scope, query.state })
      assert.equal(403, reach(SHOP), "nothing is connected before the code is exchanged")
    end)

    it("tells the platform that the merchant denied", function()
      local _, query = e:consent(e.base .. page(), "deny")
      assert.same({ error = "access_denied", error_description = "The user denied your request",
        state = "s 1&2" }, query)
    end)

    it("goes to the first redirect URI when none is named", function()
      local location = e:consent(e.base .. page { redirect_uri = false }, "deny")
      assert.equal(SECURE, location:match "^[^?]+")
    end)

    it("tells nobody but the browser of a wrong client id or redirect URI", function()
      for problem, changes in pairs {
        ["No application matches"] = { client_id = "ca_unknown" },
        ["exactly matches one of the uris"] = { redirect_uri = BACK .. "/" },
        ["must use HTTPS"] = { client_id = LIVE },
      } do
        local status, body, headers = e:get(page(changes), false)
        assert.same({ 400, nil }, { status, headers.location })
        assert.is_truthy(cjson.decode(body).error.message:find(problem, 1, true), body)
      end
    end)

    it("sends other mistakes to the redirect URI", function()
      e:control("platforms", { account = MAIN, scopes = { "read_write" } })
      for _, case in ipairs {
        { "invalid_request", { response_type = false } },
        { "unsupported_response_type", { response_type = "token" } },
        { "invalid_scope", { scope = "everything" } }, { "invalid_scope", { scope = "read_only" } },
        { "invalid_request", { scope = "read_write", stripe_landing = "door" } },
        { "invalid_request", { scope = "read_write", always_prompt = "maybe" } },
      } do
        local status, _, headers = e:get(page(case[2]), false)
        local query = emulator.query(headers.location)
        assert.same({ 302, case[1], "s 1&2" }, { status, query.error, query.state })
        assert.is_string(query.error_description)
      end
    end)

    it("makes an account of its own in test mode only", function()
      local _, query = e:consent(e.base .. page(), "skip")
      local _, answer = token { code = query.code }
      assert.equal(200, reach(answer.stripe_user_id))
      assert.is_nil(answer.stripe_user_id:find(SHOP, 1, true))
      assert.has_error(function()
        e:consent(e.base .. page { client_id = LIVE, redirect_uri = SECURE }, "skip")
      end)
    end)

    it("offers standard accounts, or express ones on the express page", function()
      e:control("accounts", { { id = "acct_1Express", type = "express", connected = false },
        { id = "acct_1Custom", type = "custom", connected = false } })
      assert.has_error(function() code_for "acct_1Express" end)
      assert.has_error(function() code_for "acct_1Custom" end)
      local _, query = e:consent(e.base .. "/express" .. page(), "allow", "acct_1Express")
      local _, answer = token { code = query.code }
      assert.same({ "express", "acct_1Express" }, { answer.scope, answer.stripe_user_id })
      local account = e:json("/v1/account", nil, { ["Stripe-Account"] = "acct_1Express" })
      assert.same({ "express", "application", "express" }, { account.type,
        account.controller.type, account.controller.stripe_dashboard.type })
    end)
  end)

  describe("token", function()
    it("connects the account and says how", function()
      local answer = connect(SHOP)
      assert.same({ SHOP, "read_only", "bearer", false }, { answer.stripe_user_id, answer.scope,
        answer.token_type, answer.livemode })
      assert.equal(200, reach(SHOP))
      assert.equal(SHOP, e:json("/v1/account", answer.access_token).id)
      assert.equal(SHOP, e:json("/v1/account", nil, { ["Stripe-Account"] = SHOP }).id)
      assert.matches("^rt_", answer.refresh_token)
      assert.matches("^pk_test_", answer.stripe_publishable_key)
      assert.same({ [SHOP] = "read_only" }, e:control("grants?client_id=" .. TEST).grants)
    end)

    it("takes the key from the header or the form, and says whose it must be", function()
      assert.equal(200, (token({ code = code_for(SHOP), client_secret = "sk_test_emulator" },
        false)))
      for key, words in pairs { sk_test_nobody = "No such API key: sk_test_nobody",
        sk_test_emulator_expired = "No such API key", pk_test_emulator = "No such API key",
        rk_test_emulator_charges = "restricted" } do
        local status, answer = token({ code = code_for(SHOP) }, key)
        assert.same({ 401, "invalid_client" }, { status, answer.error })
        assert.is_truthy(answer.error_description:find(words, 1, true))
      end
      local status, answer = token({ code = code_for(SHOP) }, false)
      assert.same({ 401, "invalid_client" }, { status, answer.error })
      assert.is_truthy(answer.error_description:find("No authentication credentials", 1, true))
    end)

    it("takes a code once, and takes everything back when it comes again", function()
      local code = code_for(SHOP)
      local _, first = token { code = code }
      local status, answer = token { code = code }
      assert.same({ 400, "invalid_grant", "This authorization code has already been used. All "
        .. "tokens issued with this code have been revoked." },
        { status, answer.error, answer.error_description })
      assert.equal(401, (e:get("/v1/account", first.access_token)))
      assert.equal(403, reach(SHOP))
    end)

    it("refuses codes that are unknown, stale, of the other mode or another platform", function()
      local code = code_for(SHOP)
      e:advance(299)
      assert.equal(200, (token { code = code }))
      local stale = code_for(SHOP)
      e:advance(300)
      e:control("platforms", { account = "acct_1OtherPlatform" })
      e:control("keys", { key = "sk_test_other", account = "acct_1OtherPlatform" })
      for _, case in ipairs {
        { "ac_unknown", nil, "Authorization code does not exist: ac_unknown" },
        { stale, nil, "Authorization code expired" },
        { code_for(SHOP), "sk_live_emulator", "does not belong to you" },
        { code_for(SHOP), "sk_test_other", "does not belong to you" },
      } do
        local status, answer = token({ code = case[1] }, case[2])
        assert.same({ 400, "invalid_grant" }, { status, answer.error })
        assert.is_truthy(answer.error_description:find(case[3], 1, true))
      end
      local _, answer = token {}
      assert.equal("invalid_request", answer.error)
      _, answer = token { grant_type = "password" }
      assert.equal("unsupported_grant_type", answer.error)
    end)

    it("refreshes for the same scope or a lesser one", function()
      local wide = connect(SHOP, { scope = "read_write" })
      local function refresh(scope, from)
        local form = { grant_type = "refresh_token", refresh_token = from or wide.refresh_token,
          scope = scope }
        return token(form)
      end
      local status, narrow = refresh "read_only"
      assert.same({ 200, "read_only", SHOP }, { status, narrow.scope, narrow.stripe_user_id })
      local _, answer = refresh("read_write", narrow.refresh_token)
      assert.equal("invalid_scope", answer.error)
      _, answer = refresh(nil, "rt_unknown")
      assert.same({ "invalid_grant", "Refresh token does not exist: rt_unknown" },
        { answer.error, answer.error_description })
      e:control("deauthorize", { account = SHOP })
      _, answer = refresh()
      assert.equal("invalid_grant", answer.error)
    end)
  end)

  it("keeps test and live apart", function()
    connect(SHOP)
    assert.same({ 200, 403 }, { reach(SHOP), reach(SHOP, "sk_live_emulator") })
    local live = connect(SHOP, { client_id = LIVE, redirect_uri = SECURE }, "sk_live_emulator")
    assert.is_true(live.livemode)
    assert.equal(200, reach(SHOP, "sk_live_emulator"))
    e:control("deauthorize", { account = SHOP, livemode = true })
    assert.same({ 200, 403 }, { reach(SHOP), reach(SHOP, "sk_live_emulator") })
  end)

  it("serves several accounts by header, and the platform's own without one", function()
    e:control("accounts", { id = "acct_1Second", charges = 10, connected = false })
    connect(SHOP)
    connect "acct_1Second"
    local seen = {}
    for _, account in ipairs { SHOP, "acct_1Second", false } do
      local headers = account and { ["Stripe-Account"] = account } or {}
      assert.equal(account or MAIN, e:json("/v1/account", nil, headers).id)
      local charge = e:json("/v1/charges?limit=1", nil, headers).data[1].id
      assert.is_nil(seen[charge])
      seen[charge] = true
    end
  end)

  it("lets one platform write, and hides the account from others that want to", function()
    e:control("platforms", { account = "acct_1OtherPlatform",
      client_ids = { test = "ca_Other", live = "ca_OtherLive" } })
    connect(SHOP, { scope = "read_write" })
    local other = { client_id = "ca_Other" }
    assert.is_string(code_for(SHOP, other))
    other.scope = "read_write"
    assert.has_error(function() code_for(SHOP, other) end)
  end)

  describe("deauthorize", function()
    local function deauthorize(form, key)
      local status, body = e:post("/oauth/deauthorize", form, key)
      return status, cjson.decode(body)
    end

    it("ends the connection, its tokens, and tells the platform's webhook", function()
      local sink = webhook_sink.new()
      finally(function() sink:close() end)
      e:control("webhooks", { url = sink.url, secrets = { "whsec_x" }, connect = true })
      local answer = connect(SHOP)
      local status, told = deauthorize { client_id = TEST, stripe_user_id = SHOP }
      assert.same({ 200, { stripe_user_id = SHOP } }, { status, told })
      local status_after, body = e:get("/v1/account", nil, { ["Stripe-Account"] = SHOP })
      local problem = cjson.decode(body).error
      assert.same({ 403, "account_invalid", "invalid_request_error" },
        { status_after, problem.code, problem.type })
      assert.equal("The provided key 'sk_test_****ator' does not have access to account '" .. SHOP
        .. "' (or that account does not exist). Application access may have been revoked.",
        problem.message)
      assert.equal(401, (e:get("/v1/account", answer.access_token)))
      local got = sink:receive(2)
      local last = got[2].event
      assert.same({ "account.application.deauthorized", SHOP, TEST, "application" },
        { last.type, last.account, last.data.object.id, last.data.object.object })
    end)

    it("refuses what is not connected, or not the platform's", function()
      for _, case in ipairs {
        { { client_id = TEST, stripe_user_id = SHOP }, nil, 401, "invalid_client",
          "This application is not connected to stripe account " .. SHOP
            .. ", or that account does not exist." },
        { { client_id = "ca_nobody", stripe_user_id = SHOP }, nil, 401, "invalid_client" },
        { { client_id = TEST, stripe_user_id = SHOP }, "sk_live_emulator", 401, "invalid_client" },
        { { client_id = TEST }, nil, 400, "invalid_request" },
      } do
        local status, answer = deauthorize(case[1], case[2])
        assert.same({ case[3], case[4] }, { status, answer.error })
        assert.equal(case[5] or answer.error_description, answer.error_description)
      end
    end)
  end)
end)
