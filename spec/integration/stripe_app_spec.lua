-- The life of a connection by a Stripe App: installed, read with tokens that are renewed, and ended
-- from either side.

local cjson = require "cjson"
local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local link_pages = require "commerce.link"
local master_key = require "spec.support.master_key"
local memory = require "spec.support.memory"
local shell = require "spec.support.shell"

local MAIN, SHOP, OTHER = "acct_1CommerceShop001", "acct_1MerchantShop", "acct_1Second"
local BACK = "https://platform.example.com/oauth/callback"
local INSTALL = "https://marketplace.stripe.com/oauth/v2/chnlink_Emulator/authorize"
  .. "?client_id=ca_EmulatorAppTest"
local unpack = table.unpack or unpack -- luacheck: ignore

local READS = { "charges", "refunds", "disputes", "customers", "products", "prices", "balance",
  "balance_transactions", "payouts", "events", "tax_rates" }

describe("a connection by a Stripe App", function()
  local e, app
  master_key.use(master_key.ONE)

  setup(function() e = emulator.start { charges = 5, compact = true } end)
  teardown(function() e:stop() end)

  local function open(store)
    app = assert(commerce.open { store = store })
    assert(app:set_stripe_app("stripe-test", { secret_key = "sk_test_emulator",
      install_link = INSTALL, redirect_uri = BACK, app_id = "app_Emulator", enabled = true }))
  end

  before_each(function()
    e:reset { charges = 5, compact = true }
    e:control("accounts", { { id = SHOP, name = "Merchant Shop", charges = 5, connected = false },
      { id = OTHER, name = "Second Shop", charges = 5, connected = false } })
    open "sqlite::memory:"
  end)
  after_each(function() app:close() end)

  local function network(options)
    local all = { base_url = e.base, connect_base = e.base, backoff = 0.001, backoff_cap = 0.002,
      rate = 0, endpoint_rate = 0 }
    for name, value in pairs(options or {}) do all[name] = value end
    return all
  end

  local function new_connection(name)
    local company = assert(app:create_company { name = name or "Merchant" })
    return assert(company:create_connection { integration = "stripe-test" })
  end

  local function answer_for(shop, account, options)
    local all = { connect_base = e.base }
    for name, value in pairs(options or {}) do all[name] = value end
    local begun = assert(app:begin_link(shop, all))
    return (e:consent(begun.url, "allow", account or SHOP)), begun
  end

  local function link(shop, account)
    return assert(app:finish_link((answer_for(shop, account)), network()))
  end

  local function linked(account, name)
    return link(new_connection(name), account).connection
  end

  local function row_of(shop) return assert(app.store:connections { id = shop.id })[1] end

  local function opened(shop)
    return assert(assert(app:connection(shop.id, network())):open())
  end

  local function calls(endpoint) return e:control("stats").endpoints[endpoint] or 0 end

  local function grant(account) return app.store:app_grant("stripe-test", account or SHOP) end

  -- As if the hour were over on our side alone.
  local function expire(seconds)
    local row = grant()
    row.expires = os.time() + (seconds or 0)
    assert(app.store:save_app_grant(row,
      app.store:secret("app-access:stripe-test:" .. row.account),
      app.store:secret("app-refresh:stripe-test:" .. row.account)))
  end

  -- ---------------------------------------------------------------- linking

  it("is linked by the install link, and synced with the app's token", function()
    local shop = new_connection()
    local answer, begun = answer_for(shop)
    local query = emulator.query(begun.url)
    assert.equal(e.base .. "/oauth/v2/chnlink_Emulator/authorize", begun.url:match "^[^?]+")
    assert.same({ "ca_EmulatorAppTest", BACK }, { query.client_id, query.redirect_uri })
    assert.is_nil(query.scope)
    local done = assert(app:finish_link(answer, network()))
    assert.same({ SHOP, {} }, { done.account, done.shared_with })
    local row = row_of(shop)
    assert.same({ "Linked", SHOP, "app", "stripe_apps", "Merchant Shop" },
      { row.status, row.account, row.auth, row.scope, row.name })
    local report = assert(opened(shop):sync())
    assert.is_true(report.complete, tostring(report))
    assert.equal(1, calls "POST /v1/oauth/token")
    assert.is_true(assert(app:connection(shop.id)):has_key())
  end)

  it("is linked once with an address", function()
    local shop = new_connection()
    local answer = answer_for(shop)
    assert(app:finish_link(answer, network()))
    local done, _, details = app:finish_link(answer, network())
    assert.same({ "used_state" }, { details.code, done })
  end)

  describe("on the Link pages", function()
    local getenv = os.getenv

    before_each(function()
      os.getenv = function(name) -- luacheck: ignore
        local ours = name == "STRIPE_API_BASE" or name == "STRIPE_CONNECT_BASE"
        return ours and e.base or getenv(name)
      end
    end)
    after_each(function() os.getenv = getenv end) -- luacheck: ignore

    it("is linked by the merchant's browser alone", function()
      local shop = new_connection()
      local pages = link_pages.new(app, { public_url = "https://platform.example.com",
        log = function(message) error(message) end })
      local function send(method, path, more)
        local request = { method = method, path = path, query = "", scheme = "https",
          headers = { host = "platform.example.com" }, address = "192.0.2.1" }
        for name, value in pairs(more or {}) do request[name] = value end
        return pages:handle(request)
      end
      local begun = send("POST", "/link/start/" .. shop.row.link_id, { body = "answer=yes" })
      local back = e:consent(begun.headers.Location, "allow", SHOP)
      local query = back:match "^https://platform%.example%.com/oauth/callback%?(.*)$"
      local cookie = begun.headers["Set-Cookie"]:match "^[^;]+"
      send("GET", "/oauth/callback", { query = query,
        headers = { host = "platform.example.com", cookie = cookie } })
      assert.same({ "Linked", "app" }, { row_of(shop).status, row_of(shop).auth })
    end)
  end)

  it("stays as it was if the merchant declines, or takes another account", function()
    local shop = new_connection()
    local begun = assert(app:begin_link(shop, { connect_base = e.base }))
    local _, _, details = app:finish_link((e:consent(begun.url, "deny")), network())
    assert.equal("access_denied", details.code)
    link(shop, SHOP)
    _, _, details = app:finish_link((answer_for(shop, OTHER)), network())
    assert.equal("other_account", details.code)
    assert.equal("ended", details.released)
    assert.is_nil(grant(OTHER))
    assert.equal(SHOP, row_of(shop).account)
    assert.is_true(opened(shop):sync({ types = { "customers" } }).complete)
  end)

  it("has no tokens in its row, in what is stored or in what is said", function()
    app:close()
    local folder = shell.temporary_folder()
    local path = folder .. "/store.db"
    open("sqlite:" .. path)
    local shop = linked()
    app:close()
    for _, name in ipairs { path, path .. "-wal" } do
      local file = io.open(name, "rb")
      local text = file and file:read "*a" or ""
      if file then file:close() end
      assert.is_nil(text:find("rt_%w%w%w%w%w%w%w%w"))
      assert.is_nil(text:find("sk_test_%w%w%w%w%w%w%w%w"))
    end
    app = assert(commerce.open { store = "sqlite:" .. path })
    assert.equal("Linked", row_of(shop).status)
    shell.remove_folder(folder)
  end)

  it("takes redirect URIs over https alone, and an install link of Stripe's", function()
    for _, case in ipairs { { { redirect_uri = "http://localhost:8000/" }, "https" },
      { { install_link = "https://evil.example.com/oauth/v2/authorize" }, "not an install link" },
      { { install_link = INSTALL, client_id = "ca_Other" }, "is of client id" },
      { { client_id = "sk_test_emulator" }, "not a client id" },
      { { app_id = "ca_1" }, "not an app's id" },
      { { secret_key = "sk_live_emulator" }, "live mode" },
      { { secret_key = "rk_test_emulator_readonly" }, "restricted key" } } do
      local ok, message = app:set_stripe_app("stripe-test", case[1])
      assert.is_nil(ok)
      assert.matches(case[2], message, 1, true)
      assert.is_nil(message:find("sk_test_emulator", 1, true))
    end
    local _, message = app:set_stripe_app("stripe", { enabled = true })
    assert.matches("its client id is not set", message, 1, true)
    local shop = new_connection()
    local _, told = app:begin_link(shop, { redirect_uri = "http://localhost:8000/" })
    assert.matches("https", told)
    local _, why, details = app:begin_link(shop, { way = "connect" })
    assert.equal("not_enabled", details.code, why)
  end)

  it("can take the place of Connect and of a key, and not the other way round", function()
    assert(app:set_integration("stripe-test", { client_id = "ca_EmulatorTest",
      secret_key = "sk_test_emulator", enabled = true }))
    local shop = new_connection()
    local begun = assert(app:begin_link(shop, { connect_base = e.base, way = "connect",
      redirect_uri = BACK }))
    assert(app:finish_link((e:consent(begun.url, "allow", SHOP)), network()))
    assert.equal("connect", row_of(shop).auth)
    local answer = answer_for(shop, SHOP, { way = "app" })
    assert(app:finish_link(answer, network()))
    assert.equal("app", row_of(shop).auth)
    assert.is_true(opened(shop):sync({ types = { "customers" } }).complete)
    local _, _, details = app:begin_link(assert(app:connection(shop.id)), { way = "connect" })
    assert.equal("by_app", details.code)
    _, _, details = app:link_by_key(assert(app:connection(shop.id)),
      assert(core.secret "rk_test_emulator_readonly"), network())
    assert.equal("by_app", details.code)
  end)

  -- ---------------------------------------------------------------- renewal

  it("renews the token before its end", function()
    local shop = linked()
    expire()
    local before = grant().number
    opened(shop):close()
    assert.equal(before + 1, grant().number)
    assert.is_true(grant().expires > os.time() + 3000)
    assert.equal(2, calls "POST /v1/oauth/token")
    opened(shop):close()
    assert.equal(2, calls "POST /v1/oauth/token")
  end)

  it("renews a token that Stripe has refused, once for all requests under way", function()
    local shop = opened(linked())
    e:advance(3600)
    local report = assert(shop:sync())
    assert.is_true(report.complete, tostring(report))
    assert.equal(2, calls "POST /v1/oauth/token")
    assert.equal(200, calls "GET /v1/account" > 0 and 200)
    shop:close()
  end)

  it("renews it again and again while a session lasts", function()
    local shop = opened(linked())
    for i = 1, 3 do
      e:advance(3600)
      assert.equal(SHOP, assert(shop:get "/v1/account").id)
      assert.equal(i + 1, calls "POST /v1/oauth/token")
    end
    shop:close()
  end)

  it("is renewed once, by whichever of two sessions comes first", function()
    local one = linked()
    local first, second = opened(one), opened(one)
    e:advance(3600)
    local results = require("commerce.runtime.jobs").together {
      function() return assert(first:get "/v1/account").id end,
      function() return assert(second:get "/v1/account").id end,
    }
    assert.same({ SHOP, SHOP }, results)
    assert.equal(2, calls "POST /v1/oauth/token")
    first:close()
    second:close()
  end)

  it("shares its tokens with another company's connection of the account", function()
    local one = linked(SHOP, "One")
    local done = link(new_connection "Two", SHOP)
    assert.equal(1, #done.shared_with)
    for _, shop in ipairs { one, done.connection } do
      assert.is_true(assert(opened(shop):sync { types = { "customers" } }).complete)
    end
    assert(assert(app:connection(one.id, network())):unlink())
    assert.is_true(assert(opened(done.connection):sync { types = { "customers" } }).complete)
  end)

  it("is Deauthorized when Stripe does not take the refresh token, which is tried once", function()
    local shop = linked()
    e:control("uninstall", { account = SHOP })
    expire()
    local opened_shop, message, details = assert(app:connection(shop.id, network())):open()
    assert.is_nil(opened_shop)
    assert.equal("invalid_grant", details.code)
    assert.matches("commerce link", details.hint, 1, true)
    assert.is_nil(message:find("rt_%w%w%w%w%w%w%w%w"))
    assert.equal("Deauthorized", row_of(shop).status)
    assert.is_nil(grant())
    assert.equal(2, calls "POST /v1/oauth/token")
    link(shop, SHOP)
    assert.is_true(assert(opened(shop):sync { types = { "customers" } }).complete)
  end)

  it("is Deauthorized in the middle of a session, too", function()
    local shop = opened(linked())
    e:control("uninstall", { account = SHOP })
    local report, _, details = shop:sync()
    assert.is_true(details ~= nil or not report.complete, _)
    assert.equal("Deauthorized", row_of(shop).status)
    assert.equal("Deauthorized", shop.status)
    shop:close()
  end)

  it("stays Linked when the renewal fails for another reason", function()
    local shop = linked()
    for _, status in ipairs { 500, 401 } do
      expire()
      e:control("faults", { { match = { path = "/v1/oauth/token" },
        action = { type = "status", status = status } } })
      local opened_shop = assert(app:connection(shop.id, network())):open()
      assert.is_nil(opened_shop)
      assert.equal("Linked", row_of(shop).status)
      e:control("faults", { clear = true })
    end
    opened(shop):close()
  end)

  it("goes on with a token that still lives if it cannot be renewed now", function()
    local shop = linked()
    expire(60)
    assert.is_true(app.store:lease_app_grant("stripe-test", SHOP, "another", os.time(), 60))
    local working = opened(shop)
    assert.equal(SHOP, assert(working:get "/v1/account").id)
    assert.equal(1, calls "POST /v1/oauth/token")
    assert.is_true(app.store:release_app_grant("stripe-test", SHOP, "another"))
    e:control("faults", { { match = { path = "/v1/oauth/token" }, times = 1,
      action = { type = "status", status = 500 } } })
    opened(shop):close()
    assert.equal("Linked", row_of(shop).status)
    working:close()
  end)

  it("leaves no token in memory when the connection is closed", function()
    local shop = linked()
    collectgarbage()
    collectgarbage()
    local before = memory.undumped()
    local working = opened(shop)
    assert.is_true(memory.undumped() > before)
    e:advance(3600)
    assert.is_true(assert(working:sync()).complete)
    working:close()
    collectgarbage()
    collectgarbage()
    assert.equal(before, memory.undumped())
  end)

  it("does not wait for a process that died while it renewed", function()
    local shop = linked()
    expire()
    assert.is_true(app.store:lease_app_grant("stripe-test", SHOP, "dead", os.time() - 61, 60))
    opened(shop):close()
    assert.equal(2, calls "POST /v1/oauth/token")
  end)

  -- ---------------------------------------------------------------- permissions

  it("is read as far as the app may read, without the account's object", function()
    e:control("apps", { account = MAIN, permissions = READS })
    local shop = linked()
    local row = row_of(shop)
    assert.same({ "Linked", SHOP }, { row.status, row.account })
    assert.is_nil(row.name)
    local report = assert(opened(shop):sync())
    assert.is_true(report.complete, tostring(report))
    assert.matches("company_info: made without the account", tostring(report), 1, true)
    assert.matches("Connect / Accounts", tostring(report), 1, true)
    local info
    for record in assert(app:connection(shop.id)):records "company_info" do info = record end
    assert.equal(SHOP, info.commercePlatformRef)
    assert.is_true(#info.accountBalances > 0)
    assert.is_true(assert(opened(shop):verify()).agrees)
    -- the merchant grants what a new version of the app asks for
    e:control("apps", { account = MAIN, permissions = { "account", unpack(READS) } })
    link(assert(app:connection(shop.id)), SHOP)
    report = assert(opened(shop):sync())
    assert.is_nil(tostring(report):find("made without the account", 1, true))
    assert.equal("Merchant Shop", row_of(shop).name)
  end)

  -- ---------------------------------------------------------------- the end

  it("ends the installation when it is unlinked", function()
    local shop = linked()
    assert(assert(app:connection(shop.id, network())):unlink())
    assert.equal("Unlinked", row_of(shop).status)
    assert.equal(1, calls "POST /v1/apps/installs/{id}/uninstall")
    assert.is_nil(grant())
    assert.is_nil(app.store:secret("app-refresh:stripe-test:" .. SHOP))
    link(shop, SHOP)
    assert.equal("Linked", row_of(shop).status)
  end)

  it("leaves the app installed if it is told to", function()
    local shop = linked()
    assert(assert(app:connection(shop.id, network())):unlink(nil, { keep_access = true }))
    assert.equal(0, calls "POST /v1/apps/installs/{id}/uninstall")
    assert.is_nil(grant())
  end)

  local function receive(fields, options)
    local event = { id = "evt_1", object = "event", livemode = false, created = os.time() + 1 }
    for name, value in pairs(fields) do event[name] = value end
    local body = cjson.encode(event)
    local signature = e:control("sign", { secret = "whsec_1", t = os.time(), body = body }).header
    local all = { integration = "stripe-test", secrets = { "whsec_1" } }
    for name, value in pairs(options or {}) do all[name] = value end
    return assert(app:receive_webhook(body, signature, all))
  end

  local function uninstalled(fields)
    local object = { id = "appinst_1", object = "apps.install", account = SHOP,
      app = "app_Emulator" }
    for name, value in pairs(fields or {}) do object[name] = value end
    return { type = "apps.install.deleted", data = { object = object } }
  end

  it("is ended by the event that the app was uninstalled", function()
    local shop = linked()
    assert.same({ shop.id }, receive(uninstalled()).connections)
    assert.equal("Deauthorized", row_of(shop).status)
    assert.is_nil(grant())
  end)

  it("is ended by the event that its application was deauthorized", function()
    local shop = linked()
    assert.same({ shop.id }, receive({ type = "account.application.deauthorized", account = SHOP,
      data = { object = { id = "ca_EmulatorAppTest", object = "application" } } }).connections)
    assert.equal("Deauthorized", row_of(shop).status)
  end)

  it("is not ended by events about others, from before, or of another's endpoint", function()
    local shop = linked()
    local old = uninstalled()
    old.created = os.time() - 3600
    assert.matches("older", receive(old).ignored)
    assert.matches("another", receive(uninstalled { app = "app_Another" }).ignored)
    assert.matches("no linked connection", receive(uninstalled { account = OTHER }).ignored)
    assert.matches("another account", receive(uninstalled(), { account = OTHER }).ignored)
    receive { type = "account.application.deauthorized", account = SHOP,
      data = { object = { id = "ca_OurPlatform", object = "application" } } }
    assert.equal("Linked", row_of(shop).status)
    assert.is_not_nil(grant())
  end)

  it("says what is missing if it cannot end the installation", function()
    app:close()
    app = assert(commerce.open { store = "sqlite::memory:" })
    assert(app:set_stripe_app("stripe-test", { secret_key = "sk_test_emulator",
      install_link = INSTALL, redirect_uri = BACK, enabled = true }))
    local shop = linked()
    local ok, message, details = assert(app:connection(shop.id, network())):unlink()
    assert.is_nil(ok)
    assert.equal("no_app_id", details.code)
    assert.matches("--app-id", message, 1, true)
    assert.equal("Linked", row_of(shop).status)
  end)
end)
