-- Stripe Apps: the install link, tokens that are replaced at each exchange and expire, permissions,
-- and the Install API.
-- Runs under one runtime: the emulator runs in nginx.
local cjson = require "cjson"
local emulator = require "spec.support.emulator"

local CLIENT, BACK = "ca_EmulatorAppTest", "https://platform.example.com/oauth/callback"
local SHOP, APP = "acct_1MerchantShop", "app_Emulator"

describe("the emulator's Stripe Apps", function()
  local e
  setup(function() e = emulator.start { charges = 20 } end)
  teardown(function() e:stop() end)
  before_each(function()
    e:reset { charges = 20 }
    e:control("accounts", { id = SHOP, name = "Merchant Shop", charges = 30, connected = false })
  end)

  local function link(path, client)
    return e.base .. (path or "/oauth/v2/authorize") .. "?client_id=" .. (client or CLIENT)
      .. "&state=s&redirect_uri=" .. BACK
  end

  local function token(form, key)
    local status, body = e:post("/v1/oauth/token", form, key)
    return status, cjson.decode(body)
  end

  local function install(path)
    local _, query = e:consent(link(path), "allow", SHOP)
    assert.equal("s", query.state)
    local status, answer = token { grant_type = "authorization_code", code = query.code }
    assert.equal(200, status, answer.error_description)
    return answer, query.code
  end

  local function refresh(given)
    return token { grant_type = "refresh_token", refresh_token = given.refresh_token }
  end

  local function reads(given, path) return (e:get(path or "/v1/charges", given.access_token)) end

  it("gives tokens for a code, once, that read the account", function()
    local given, code = install()
    assert.same({ SHOP, "stripe_apps", false },
      { given.stripe_user_id, given.scope, given.livemode })
    assert.is_nil(given.expires_in)
    assert.equal(SHOP, e:json("/v1/account", given.access_token).id)
    local status, answer = token { grant_type = "authorization_code", code = code }
    assert.same({ 400, "invalid_grant" }, { status, answer.error })
    assert.equal(401, reads(given))
  end)

  it("takes an unpublished app's channel link alone", function()
    e:control("apps", { account = "acct_1CommerceShop001", published = false })
    assert.equal(400, (e:get(link():sub(#e.base + 1), false)))
    install "/oauth/v2/chnlink_Emulator/authorize"
    assert.equal(400, (e:get(link("/oauth/v2/chnlink_Other/authorize"):sub(#e.base + 1), false)))
  end)

  it("knows its redirect URIs alone, over https", function()
    local path = "/oauth/v2/authorize?client_id=" .. CLIENT .. "&redirect_uri="
    assert.equal(400, (e:get(path .. "https://evil.example.com/", false)))
    e:control("apps", { account = "acct_1CommerceShop001",
      redirect_uris = { "http://localhost:8000/" } })
    assert.equal(400, (e:get(path .. "http://localhost:8000/", false)))
  end)

  it("replaces the refresh token at each exchange", function()
    local first = install()
    local status, second = refresh(first)
    assert.equal(200, status)
    assert.are_not.equal(first.refresh_token, second.refresh_token)
    assert.equal(200, reads(second))
    local again, answer = refresh(first)
    assert.same({ 400, "invalid_grant" }, { again, answer.error })
    assert.equal(200, (refresh(second)))
  end)

  it("lets an access token live an hour, and a refresh token a year", function()
    local first = install()
    e:advance(3599)
    assert.equal(200, reads(first))
    e:advance(1)
    local status, body = e:get("/v1/charges", first.access_token)
    assert.same({ 401, "api_key_expired" }, { status, cjson.decode(body).error.code })
    local _, second = refresh(first)
    assert.equal(200, reads(second))
    e:advance(365 * 86400)
    assert.equal(400, (refresh(second)))
  end)

  it("wants the developer's secret key of the mode", function()
    local _, query = e:consent(link(), "allow", SHOP)
    local form = { grant_type = "authorization_code", code = query.code }
    assert.equal(401, (token(form, "rk_test_emulator_charges")))
    assert.equal(400, (token(form, "sk_live_emulator")))
    assert.equal(200, (token(form)))
  end)

  it("gives the permissions that were granted, until the next consent", function()
    local app = { account = "acct_1CommerceShop001", permissions = { "charges", "events" } }
    e:control("apps", app)
    local given = install()
    assert.equal(200, reads(given))
    local status, body = e:get("/v1/account", given.access_token)
    assert.same({ 403, "more_permissions_required_for_application" },
      { status, cjson.decode(body).error.code })
    app.permissions = { "charges", "events", "account" }
    e:control("apps", app)
    assert.equal(403, reads(given, "/v1/account"))
    assert.equal(200, reads(install(), "/v1/account"))
    assert.equal(401, reads(given))
  end)

  it("lists its installations and ends them", function()
    local given = install()
    local headers = { ["Stripe-Account"] = SHOP }
    local list = e:json("/v1/apps/installs?app=" .. APP, nil, headers)
    assert.same({ 1, SHOP, APP, "installed" }, { #list.data, list.data[1].account,
      list.data[1].app, list.data[1].status })
    assert.equal(404, (e:get("/v1/apps/installs?app=" .. APP, nil,
      { ["Stripe-Version"] = "2026-08-26.dahlia" })))
    e:control("uninstall", { account = SHOP })
    assert.equal(401, reads(given))
    assert.equal(400, (refresh(given)))
    assert.equal(0, #e:json("/v1/apps/installs?app=" .. APP, nil, headers).data)
  end)

  it("tells the merchant's event feed", function()
    install()
    e:control("uninstall", { account = SHOP })
    e:control("keys", { { key = "sk_test_shop", account = SHOP } })
    local list = e:json("/v1/events?type=apps.install.*", "sk_test_shop").data
    assert.same({ "apps.install.deleted", "apps.install.created", SHOP, APP },
      { list[1].type, list[2].type, list[1].data.object.account, list[1].data.object.app })
  end)
end)
