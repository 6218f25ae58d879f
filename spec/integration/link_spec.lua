-- The Link flow, from the address a merchant is sent to, to the connection that is Linked; and all
-- that is refused on the way. The emulator is Stripe, its consent page the merchant's browser.

local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local memory = require "spec.support.memory"
local shell = require "spec.support.shell"

local MAIN, SHOP = "acct_1CommerceShop001", "acct_1MerchantShop"
local BACK = "https://platform.example.com/oauth/callback"

describe("linking", function()
  local e, folder, app, number
  local set_master = master_key.use(master_key.ONE)

  setup(function()
    e = emulator.start { charges = 5 }
    folder = shell.temporary_folder()
    number = 0
  end)
  teardown(function()
    e:stop()
    shell.remove_folder(folder)
  end)
  before_each(function()
    e:reset { charges = 5 }
    e:control("accounts", { { id = SHOP, name = "Merchant Shop", charges = 5, connected = false },
      { id = "acct_1Second", name = "Second Shop", charges = 5, connected = false } })
    number = number + 1
    app = assert(commerce.open { store = ("sqlite:%s/%d.db"):format(folder, number) })
    assert(app:set_integration("stripe-test", { client_id = "ca_EmulatorTest",
      secret_key = "sk_test_emulator", enabled = true }))
    assert(app:set_integration("stripe", { client_id = "ca_EmulatorLive",
      secret_key = "sk_live_emulator", scope = "read_write", sync_on_link = "once",
      enabled = true }))
  end)
  after_each(function() app:close() end)

  local function new_connection(integration, name)
    local company = assert(app:create_company { name = name or "Merchant" })
    return assert(company:create_connection { integration = integration or "stripe-test" })
  end

  local function network(options)
    local all = { base_url = e.base, connect_base = e.base, backoff = 0.001, backoff_cap = 0.002 }
    for name, value in pairs(options or {}) do all[name] = value end
    return all
  end

  local function begin(shop, options)
    local all = { connect_base = e.base, redirect_uri = BACK }
    for name, value in pairs(options or {}) do all[name] = value end
    return assert(app:begin_link(shop, all))
  end

  local function come_back(shop, account)
    return (e:consent(begin(shop).url, "allow", account or SHOP))
  end

  local function finish(answer, options)
    return app:finish_link(answer, network(options))
  end

  local function linked(integration, account, name)
    local shop = new_connection(integration, name)
    return assert(finish(come_back(shop, account))).connection
  end

  local function refused(code, answer, options)
    local done, message, details = finish(answer, options)
    assert.is_nil(done, "this should have been refused: " .. code)
    assert.equal(code, details.code, message)
    assert.is_nil(message:find("ac_%w%w%w%w%w%w"), message)
    return message, details
  end

  local function status_of(shop)
    local row = assert(app.store:connections { id = shop.id })[1]
    return row.status, row
  end

  local function reachable(account, key)
    return e:get("/v1/account", key, { ["Stripe-Account"] = account }) == 200
  end

  local function calls(endpoint)
    return e:control("stats").endpoints[endpoint] or 0
  end

  -- ---------------------------------------------------------------- what works

  it("ends with a connection that is Linked and synced with the platform's key", function()
    local shop = new_connection()
    local begun = begin(shop)
    assert.equal(shop.id, begun.connection_id)
    local query = emulator.query(begun.url)
    assert.same({ "code", "ca_EmulatorTest", "read_only", BACK },
      { query.response_type, query.client_id, query.scope, query.redirect_uri })
    assert.equal("PendingAuth", (status_of(shop)))
    local done = assert(finish((e:consent(begun.url, "allow", SHOP))))
    assert.same({ SHOP, {} }, { done.account, done.shared_with })
    local status, row = status_of(shop)
    assert.same({ "Linked", SHOP, "connect", "read_only", "continuous", "Merchant Shop" },
      { status, row.account, row.auth, row.scope, row.sync_on_link, row.name })
    assert.is_nil(row.last_sync)
    e:control("stats", { clear = true })
    local report = assert(done.connection:sync())
    assert.is_true(report.complete, tostring(report))
    done.connection:close()
    local opened = assert(assert(app:connection(shop.id, network())):open())
    assert.equal(SHOP, opened.account)
    opened:close()
  end)

  it("leaves no key in memory when the connection is closed", function()
    local answer = come_back(new_connection())
    collectgarbage()
    collectgarbage()
    local before = memory.undumped()
    local shop = assert(finish(answer)).connection
    assert(shop:open())
    assert.is_true(memory.undumped() > before)
    assert.is_true(assert(shop:sync()).complete)
    shop:close()
    local closed = memory.undumped()
    collectgarbage()
    collectgarbage()
    assert.equal(before, memory.undumped())
    assert.equal(before, closed)
    shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base })
    shop:close()
    assert.equal(before, memory.undumped())
  end)

  it("asks for what the integration says, and remembers what was given", function()
    local shop = linked "stripe"
    local _, row = status_of(shop)
    assert.same({ "read_write", "once", "stripe" },
      { row.scope, row.sync_on_link, row.integration })
    assert.is_true(reachable(SHOP, "sk_live_emulator"))
    assert.is_false(reachable(SHOP))
  end)

  it("takes the address, its query or its parameters", function()
    local shop = new_connection()
    local address = come_back(shop)
    assert(finish("  " .. address .. "#top\r\n"))
    assert(finish(come_back(shop):match "%?(.*)$"))
    assert(finish(emulator.query(come_back(shop))))
  end)

  it("sends merchants back to where the integration says", function()
    local shop = new_connection()
    assert(app:set_integration("stripe-test",
      { redirect_uri = "http://localhost:8000/oauth/callback" }))
    local begun = assert(app:begin_link(shop, { connect_base = e.base }))
    local address = e:consent(begun.url, "allow", SHOP)
    assert.matches("^http://localhost:8000/oauth/callback%?code=", address)
    assert(finish(address))
    for uri, name in pairs { ["localhost"] = "stripe-test", ["http://a.example/"] = "stripe",
      ["https://a b/"] = "stripe", ["https://a/#x"] = "stripe" } do
      local ok, message = app:set_integration(name, { redirect_uri = uri })
      assert.is_nil(ok)
      assert.matches("redirect URI", message)
    end
  end)

  it("says which other companies have the account", function()
    local first = linked(nil, nil, "First company")
    local second = new_connection(nil, "Second company")
    local done = assert(finish(come_back(second)))
    assert.same({ { company = "First company", company_id = first.company_id,
      connection_id = first.id } }, done.shared_with)
  end)

  it("links again what was unlinked, denied or revoked, keeping its id", function()
    local shop = linked()
    assert(shop:unlink())
    assert.equal("Unlinked", (status_of(shop)))
    assert(finish(come_back(shop)))
    e:control("deauthorize", { account = SHOP })
    local again = assert(app:connection(shop.id, network()))
    local report, message = again:sync()
    assert.is_nil(report)
    assert.matches("Application access may have been revoked", message)
    assert.equal("Deauthorized", (status_of(shop)))
    assert(finish(come_back(shop)))
    assert.equal("Linked", (status_of(shop)))
    assert(finish(come_back(shop)), "a link that is there may be renewed")
  end)

  it("shares one limiter of the platform among its connections", function()
    local one, two = linked(), linked(nil, "acct_1Second")
    local live = linked "stripe"
    local opened = {}
    for k, shop in ipairs { one, two, live } do
      opened[k] = assert(assert(app:connection(shop.id, network())):open())
    end
    assert.are_not.equal(opened[1].limiter, opened[2].limiter)
    local test, its_live = app.limiters["stripe-test"], app.limiters.stripe
    assert.are_not.equal(test, its_live)
    -- a platform's limiter that another connection has cut counts for both
    local before = test:stats().rate
    e:control("faults", { { match = { account = SHOP, path = "/v1/balance", times = 1 },
      action = { type = "rate_limit", reason = "global-rate" } } })
    local call = opened[1].session:request { path = "/v1/balance" }
    assert(require("commerce.runtime.jobs").await(opened[1].transport, call))
    assert.is_true(test:stats().rate < before)
    assert.equal(opened[3].integration.rate, its_live:stats().rate)
    for _, shop in ipairs(opened) do shop:close() end
  end)

  -- ---------------------------------------------------------------- the state

  describe("refuses", function()
    it("an answer that is none", function()
      local shop = new_connection()
      local address = come_back(shop)
      refused("bad_callback", "")
      refused("bad_callback", "hello")
      refused("bad_callback", "two words")
      refused("bad_callback", "https://platform.example.com/")
      refused("bad_callback", address .. "&state=x")
      refused("bad_callback", { code = { "a", "b" }, state = "x" })
      refused("bad_callback", ("x"):rep(9000))
      refused("no_state", (address:gsub("&state=.*$", "")))
      local _, details = refused("no_code", (address:gsub("code=ac_", "code=")))
      assert.equal("auth", details.kind)
      assert(finish(address), "none of these has spent the state")
    end)

    it("a state that was forged, in any part of it", function()
      local shop, other = new_connection(), new_connection()
      local query = emulator.query(come_back(shop))
      local parts = {}
      for part in query.state:gmatch "[^.]+" do parts[#parts + 1] = part end
      local changes = { "stripe", other.company_id, other.id, tostring(parts[4] + 1),
        parts[5]:reverse(), parts[6]:reverse() }
      assert.equal(#changes, #parts)
      for k, changed in ipairs(changes) do
        local forged = { (table.unpack or unpack)(parts) } -- luacheck: ignore
        forged[k] = changed
        refused("forged_state", { code = query.code, state = table.concat(forged, ".") })
      end
      for _, state in ipairs { "x", "....", query.state .. "A", query.state:sub(1, -2),
        query.state .. ("."):rep(600), "\0" } do
        refused("forged_state", { code = query.code, state = state })
      end
      set_master(master_key.TWO)
      refused("forged_state", query)
      set_master(master_key.ONE)
      assert.equal(0, calls "POST /oauth/token")
      assert(finish(query))
    end)

    it("a state that has expired, was used, or is for another connection", function()
      local shop = new_connection()
      local begun = begin(shop, { lifetime = 0 })
      refused("expired_state", (e:consent(begun.url, "allow", SHOP)))
      local address = come_back(shop)
      refused("other_connection", address, { connection = new_connection().id })
      assert(finish(address, { connection = shop.id }))
      refused("used_state", address)
      assert.equal(1, calls "POST /oauth/token", "the code is not sent a second time")
      assert.is_true(reachable(SHOP))
      local fresh = emulator.query(come_back(shop))
      refused("used_state", { code = fresh.code, state = emulator.query(address).state })
    end)

    it("a code that was sent under another state, before Stripe would end the access", function()
      local first, second = new_connection(nil, "One"), new_connection(nil, "Two")
      local address = come_back(first)
      assert(finish(address))
      local other = emulator.query(begin(second).url).state
      local code = emulator.query(address).code
      refused("used_code", { code = code, state = other })
      refused("used_state", { code = code, state = other })
      assert.equal(1, calls "POST /oauth/token")
      assert.is_true(reachable(SHOP))
      assert.equal("PendingAuth", (status_of(second)))
      assert(finish(come_back(second)))
    end)

    it("the answer to a link of another browser, or of none", function()
      local shop = new_connection()
      local begun = begin(shop, { browser = "token-of-a-browser" })
      local answer = e:consent(begun.url, "allow", SHOP)
      for _, browser in ipairs { "", "token-of-another", false } do
        refused("other_browser", answer, { browser = browser or nil })
      end
      refused("forged_state", (answer:gsub("(%d+)b%x+%.", "%1.")))
      assert.equal(0, calls "POST /oauth/token")
      assert(finish(answer, { browser = "token-of-a-browser" }))
      assert(finish(come_back(shop), { browser = "any" }))
    end)

    it("a state of a connection or a company that is gone", function()
      local shop = new_connection()
      local address = come_back(shop)
      assert(shop:delete())
      refused("connection_gone", address)
      assert.equal(0, calls "POST /oauth/token")
    end)

    it("a second answer while the first is on its way", function()
      local shop = new_connection()
      local address = come_back(shop)
      local real, second = core.session, nil
      -- in the middle of the first one: its code is about to be sent
      core.session = function(options) -- luacheck: ignore
        local session = real(options)
        if options.base_url == e.base and options.retries == 0 and not second then
          second = {}
          second.done, second.message, second.details = finish(address)
        end
        return session
      end
      local done, message, details = finish(address)
      core.session = real -- luacheck: ignore
      assert.is_true((done ~= nil) ~= (second.done ~= nil))
      assert.equal("used_state", done and second.details.code or details.code, message)
      assert.equal(1, calls "POST /oauth/token")
    end)
  end)

  -- ---------------------------------------------------------------- what Stripe says

  it("takes a merchant's no for an answer", function()
    local shop = new_connection()
    local address = e:consent(begin(shop).url, "deny")
    local message = refused("access_denied", address)
    assert.matches("declined", message)
    assert.equal("PendingAuth", (status_of(shop)))
    refused("used_state", address)
    assert(finish(come_back(shop)), "and may be asked again")
  end)

  it("names every error of the redirect", function()
    for _, code in ipairs { "invalid_scope", "invalid_redirect_uri", "invalid_request",
      "unsupported_response_type", "server_error<b>" } do
      local shop = new_connection()
      local state = emulator.query(begin(shop).url).state
      local message = refused(code:find "<" and "oauth_error" or code, { error = code,
        state = state, error_description = "because\27[31m sk_test_abcdefghijklmnop" })
      assert.is_nil(message:find("abcdefghijklmnop", 1, true))
      assert.is_nil(message:find "%c")
      refused("used_state", { error = code, state = state })
    end
    e:control("platforms", { account = MAIN, scopes = { "read_write" } })
    local shop = new_connection()
    local _, _, headers = e:get(begin(shop).url:sub(#e.base + 1), false)
    assert.matches("Stripe's support", refused("invalid_scope", headers.location))
  end)

  it("tells a code that Stripe refuses from one whose fate is unknown", function()
    local shop = new_connection()
    local address = come_back(shop)
    e:advance(400)
    assert.matches("begin a new link", refused("invalid_grant", address))
    for _, action in ipairs { { type = "reset" }, { type = "status", status = 500 },
      { type = "truncate" }, { type = "status", status = 200, body = "{}" } } do
      e:control("faults", { { match = { path = "/oauth/token" }, action = action } })
      address = come_back(shop)
      local done, message = finish(address)
      assert.is_nil(done)
      assert.matches("not known whether Stripe took", message)
      e:control("faults", { clear = true })
      refused("used_state", address)
      assert.equal("PendingAuth", (status_of(shop)))
    end
  end)

  it("may be finished later where Stripe could not be asked at all", function()
    local shop = new_connection()
    local address = come_back(shop)
    e:control("faults", { { match = { path = "/v1/account" }, action = { type = "reset" } } })
    local done, _, details = finish(address)
    assert.same({ nil, "transport" }, { done, details.kind })
    assert.equal(0, calls "POST /oauth/token")
    e:control("faults", { clear = true })
    assert(finish(address))
  end)

  -- ---------------------------------------------------------------- accounts that are refused

  it("refuses the platform's own account", function()
    local shop = new_connection()
    local message, details = refused("own_account", come_back(shop, MAIN))
    assert.matches(MAIN, message)
    assert.equal("ended", details.released)
    assert.equal("PendingAuth", (status_of(shop)))
    assert.is_nil(e:control("grants?client_id=ca_EmulatorTest").grants[MAIN])
  end)

  it("refuses accounts that are not Standard, and gives them back", function()
    e:control("accounts", { id = "acct_1Express", type = "express", connected = false })
    local shop = new_connection()
    local url = begin(shop).url:gsub("/oauth/authorize", "/express/oauth/authorize")
    local message = refused("not_standard", (e:consent(url, "allow", "acct_1Express")))
    assert.matches("Express account", message)
    assert.is_false(reachable "acct_1Express")
    e:control("mutate", { op = "account_update", account = SHOP, fields = { type = "custom" } })
    assert.matches("Custom account", refused("not_standard", come_back(shop)))
    assert.is_false(reachable(SHOP))
    assert.equal("PendingAuth", (status_of(shop)))
  end)

  it("refuses another account than the connection has, and gives it back", function()
    local shop = linked()
    assert(shop:unlink())
    local message, details = refused("other_account", come_back(shop, "acct_1Second"))
    assert.matches("acct_1Second", message)
    assert.equal("ended", details.released)
    assert.is_false(reachable "acct_1Second")
    assert.equal("Unlinked", (status_of(shop)))
  end)

  it("refuses an account that the company has already, and leaves it alone", function()
    local shop = linked()
    local company = assert(app:company(shop.company_id))
    local second = assert(company:create_connection { integration = "stripe-test" })
    local _, details = refused("account_taken", come_back(second))
    assert.same({ shop.id, "shared" }, { details.connection_id, details.released })
    assert.is_true(reachable(SHOP))
  end)

  it("refuses an account that answers as another one", function()
    local shop = new_connection()
    e:control("faults", { { match = { path = "/v1/account", account = SHOP },
      action = { type = "status", status = 200,
        body = '{"id":"acct_1Second","object":"account","type":"standard"}' } } })
    assert.matches("asked for account acct_1MerchantShop, Stripe answered as acct_1Second",
      (refused("other_account", come_back(shop))))
    assert.equal("PendingAuth", (status_of(shop)))
  end)

  it("says so where an account cannot be given back", function()
    local shop = new_connection()
    e:control("faults", { { match = { path = "/oauth/deauthorize" },
      action = { type = "status", status = 500 } } })
    local message, details = refused("own_account", come_back(shop, MAIN))
    assert.matches("could not be ended", message)
    assert.is_nil(details.released)
  end)

  -- ---------------------------------------------------------------- modes and integrations

  it("lets nothing cross between test and live", function()
    local shop, live = new_connection(), new_connection "stripe"
    local test_query, live_query = emulator.query(come_back(shop)), emulator.query(come_back(live))
    assert.equal(403, (e:get("/v1/account", nil, { ["Stripe-Account"] = SHOP })))
    refused("invalid_grant", { state = test_query.state, code = live_query.code })
    refused("invalid_grant", { state = live_query.state, code = test_query.code })
    assert.same({ "PendingAuth", "PendingAuth" }, { (status_of(shop)), (status_of(live)) })
    local answer = '{"stripe_user_id":"acct_1MerchantShop","livemode":true,"scope":"read_only"}'
    e:control("faults", { { match = { path = "/oauth/token" },
      action = { type = "status", status = 200, body = answer } } })
    assert.matches("live mode, Stripe Test is for test mode",
      (refused("wrong_mode", come_back(shop))))
    assert.equal(0, calls "POST /oauth/deauthorize")
    for name, key in pairs { ["stripe-test"] = "sk_live_emulator", stripe = "sk_test_emulator" } do
      assert.is_nil((app:set_integration(name, { secret_key = key })))
    end
  end)

  it("needs an integration that is enabled, and a master key", function()
    local shop = new_connection()
    local address = come_back(shop)
    assert(app:set_integration("stripe-test", { enabled = false }))
    local begun, message, details = app:begin_link(shop)
    assert.same({ nil, "not_enabled", "usage" }, { begun, details.code, details.kind })
    assert.matches("commerce integrations enable stripe%-test", message)
    refused("not_enabled", address)
    assert(app:set_integration("stripe-test", { enabled = true }))
    set_master(nil)
    begun, message = app:begin_link(shop)
    assert.is_nil(begun)
    assert.matches("COMMERCE_MASTER_KEY is not set", message)
    set_master(master_key.ONE)
    assert(finish(address))
  end)

  it("says it when the platform's key has been revoked", function()
    local shop = new_connection()
    local address = come_back(shop)
    e:control("keys", { key = "sk_test_emulator", revoked = true })
    local message, details = refused("api_key_expired", address)
    assert.matches("Stripe Test's secret key", message)
    assert.equal(401, details.status)
    assert.equal(0, calls "POST /oauth/token")
  end)

  it("refuses option names it does not know", function()
    assert.has_error(function() app:begin_link(new_connection(), { redirect_url = "x" }) end)
    assert.error_matches(function()
      app:begin_link(new_connection(), { parameters = { ref = 42 } })
    end, "texts by name expected, got %[ref%] = number")
    assert.has_error(function() app:finish_link("x", { connexion = "x" }) end)
  end)

  -- ---------------------------------------------------------------- the end of it

  describe("unlinking", function()
    it("ends the platform's access, and is content where there is none any more", function()
      local shop = linked()
      assert(shop:unlink())
      assert.is_false(reachable(SHOP))
      shop = linked(nil, nil, "Another")
      e:control("deauthorize", { account = SHOP })
      assert(shop:unlink())
      assert.equal("Unlinked", (status_of(shop)))
    end)

    it("leaves the access to another company that needs it", function()
      local one, two = linked(nil, nil, "One"), linked(nil, nil, "Two")
      assert(one:unlink())
      assert.is_true(reachable(SHOP))
      assert(two:unlink())
      assert.is_false(reachable(SHOP))
    end)

    it("stays Linked where Stripe could not be told, unless told not to tell", function()
      local shop = linked()
      e:control("faults", { { match = { path = "/oauth/deauthorize" },
        action = { type = "reset" } } })
      local ok, message = shop:unlink()
      assert.is_nil(ok)
      assert.matches("could not be ended at Stripe", message)
      assert.equal("Linked", (status_of(shop)))
      assert(shop:unlink(nil, { keep_access = true }))
      assert.equal("Unlinked", (status_of(shop)))
      assert.is_true(reachable(SHOP))
      assert.has_error(function() shop:unlink(nil, { keep_acess = true }) end)
    end)

    it("comes before deleting", function()
      local shop = linked()
      assert(shop:delete())
      assert.is_false(reachable(SHOP))
      assert.same({}, assert(app.store:connections { id = shop.id }))
      shop = linked(nil, nil, "Another")
      assert(assert(app:company(shop.company_id)):delete { keep_access = true })
      assert.is_true(reachable(SHOP))
      assert.same({}, assert(app.store:connections { id = shop.id }))
    end)
  end)

  it("leaves no code, key or token in the store", function()
    local shop = new_connection()
    local address, query = e:consent(begin(shop).url, "allow", SHOP)
    assert(finish(address))
    local path = ("%s/%d.db"):format(folder, number)
    for _, secret in ipairs { query.code, query.code:sub(4), query.state, "sk_test_emulator",
      "sk_test_", "rt_" } do
      local _, found = shell.run(("grep -laF -e %s %s*"):format(shell.quote(secret), path))
      assert.equal("", found, secret)
    end
  end)
end)
