-- A merchant links by a restricted key on the pages, in a real nginx. From Lua and on the command
-- line: restricted_key_spec. The pages themselves and the way over Stripe Connect: pages_spec.
-- Runs under one runtime: the subject runs in nginx.

local client = require "spec.support.api_client"
local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local keys = require "spec.support.restricted_keys"
local master_key = require "spec.support.master_key"
local nginx = require "spec.support.nginx"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local SHOP = keys.SHOP
local ALL, NEXT, PART = keys.ALL, keys.NEXT, keys.PART
local NOTHING, OTHERS, SECRET, LIVE = keys.NOTHING, keys.OTHERS, keys.SECRET, keys.LIVE
local UNKNOWN, ORGANISATION, SENT = keys.UNKNOWN, keys.ORGANISATION, keys.SENT

describe("a restricted key on the Link pages", function()
  local e, folder, server, made, number, cookie, path
  master_key.use(master_key.ONE)

  setup(function()
    e, number = emulator.start { charges = 5 }, 0
    folder = shell.temporary_folder()
  end)

  teardown(function()
    e:stop()
    shell.remove_folder(folder)
  end)

  before_each(function()
    keys.prepare(e)
    number, cookie = number + 1, nil
    path = ("%s/%d.db"):format(folder, number)
    made = client.new({}, "sqlite:" .. path)
    server = nginx.start("examples/nginx.conf", { COMMERCE_STORE = "sqlite:" .. path,
      COMMERCE_MASTER_KEY = master_key.ONE, STRIPE_API_BASE = e.base,
      STRIPE_CONNECT_BASE = e.base }, function(text)
      return text:gsub("env COMMERCE_STORE;", "env STRIPE_API_BASE;\nenv STRIPE_CONNECT_BASE;\n%0",
        1)
    end)
  end)

  after_each(function()
    server:stop()
    made:close()
  end)

  local function allow(value)
    assert(made.app:set_integration("stripe-test", { restricted_keys = value ~= false }))
  end

  local function send(method, address, body)
    local status, text, headers = server:request(method, (address:gsub("^http://[^/]+", "")),
      { cookie = cookie, ["content-type"] = body and "application/x-www-form-urlencoded" }, body)
    cookie = (headers["set-cookie"] or ""):match "^[^;]+" or cookie
    return status, text, headers
  end

  local function start()
    local status, _, headers = send("POST", "/codat/link/company/" .. client.COMPANY,
      "integration=yzth")
    assert.equal(303, status)
    return headers.location
  end

  -- The form that takes a key: its address and its state.
  local function form_of(body)
    return assert(body:match 'action="([^"]+/link/key/[^"]+)"', body),
      assert(body:match 'name="state" value="([^"]+)"', body)
  end

  local function form(address)
    local status, body = send("POST", address or start(), "answer=key")
    assert.equal(200, status, body)
    local action, state = form_of(body)
    return action, state, body
  end

  local function paste(action, state, key)
    return send("POST", action, ("state=%s&key=%s"):format(state, key))
  end

  local function row()
    return assert(made.store:connections { company_id = client.COMPANY })[2]
  end

  local function secrets()
    return #assert(made.store.db:all "SELECT owner FROM secrets")
  end

  -- No key that was sent stands in a file: database, logs, temporary files.
  local function assert_nothing_leaked(...)
    for _, key in ipairs(SENT) do
      for _, text in ipairs { ... } do
        assert.is_nil(sandbox.leak(text, key))
      end
      local _, found = shell.run(("grep -rlF '%s' '%s' '%s'"):format(key, folder, server.folder))
      assert.equal("", found)
    end
  end

  it("is not asked for unless it is allowed", function()
    assert(made.app:set_integration("stripe-test", { client_id = "ca_EmulatorTest",
      secret_key = "sk_test_emulator", enabled = true }))
    local address = start()
    local _, body = send("GET", address)
    assert.is_nil(body:find("restricted key", 1, true))
    local status
    status, body = send("POST", address, "answer=key")
    assert.equal(200, status)
    assert.is_truthy(body:find("Linking is not set up completely", 1, true), body)
    allow()
    local action, state = form(address)
    allow(false)
    status, body = paste(action, state, ALL)
    assert.equal(200, status)
    assert.is_truthy(body:find("Linking is not set up completely", 1, true), body)
    assert.equal("PendingAuth", row().status)
  end)

  it("is explained, tried, sealed and shown", function()
    allow()
    local _, body = send("GET", start())
    assert.is_nil(body:find("Continue to Stripe", 1, true)) -- Connect is not set up
    assert.is_truthy(body:find("Nothing can be changed in your account", 1, true))
    local action, state
    action, state, body = form()
    for _, permission in ipairs { "Charges and Refunds", "Balance transaction sources", "Disputes",
      "Prices", "Tax Rates", "Events", "Connect / Accounts" } do
      assert.is_truthy(body:find("<li>" .. permission .. "</li>", 1, true), permission)
    end
    local link = assert(body:match 'href="(https://dashboard%.stripe%.com/[^"]+)"')
    assert.matches("^https://dashboard%.stripe%.com/test/apikeys/create%?name=lua%-commerce&amp;",
      link)
    for _, name in ipairs { "rak_charge_read", "rak_plan_read", "rak_event_read",
      "rak_balance_transaction_source_read", "rak_connected_account_read" } do
      assert.equal(1, select(2, link:gsub("permissions%%5B%%5D=" .. name .. "%f[^%w_]", "")), name)
    end
    local input = assert(body:match '<input id="key"[^>]*>')
    assert.matches('type="password"', input)
    assert.matches('autocomplete="off"', input)
    assert.is_nil(input:find(" value=", 1, true))
    local status, page, headers = paste(action, state, " " .. ALL .. "%0A")
    assert.equal(200, status, page)
    assert.equal("no-store", headers["cache-control"])
    assert.is_truthy(page:find("<h1>Connected</h1>", 1, true), page)
    assert.is_truthy(page:find("<li>Payments and refunds</li>", 1, true), page)
    assert.is_nil(page:find("cannot read", 1, true))
    local linked = row()
    assert.same({ "Linked", SHOP, "key", "Merchant Shop", "continuous" }, { linked.status,
      linked.account, linked.auth, linked.name, linked.sync_on_link })
    local onward = assert(page:match 'class="button" href="([^"]+)"')
    status, body = send("GET", onward)
    assert.equal(200, status)
    assert.is_truthy(body:find("Replace the restricted key", 1, true), body)
    local shop = assert(made.app:connection(linked.id, { base_url = e.base }))
    assert(shop:sync { types = { "payments" }, strict = true })
    shop:close()
    -- the form's reload
    assert.equal(400, (paste(action, state, ALL)))
    assert.equal(200, (send("GET", action)))
    assert_nothing_leaked(page, body)
    assert.equal(1, secrets())
  end)

  it("goes on to where the operator wants, and takes the link's parameters along", function()
    allow()
    assert(made.store:save_setting("profile", json.encode { name = "Lender & Co",
      redirectUrl = "https://lender.example/done?s={statusCode}&r={ref}" }))
    local address = start() .. "?ref=a%26b"
    local action, state, body = form(address)
    assert.is_truthy(body:find("name=Lender%20%26%20Co&amp;", 1, true), body)
    local _, page = paste(action, state, ALL)
    assert.is_truthy(page:find('href="https://lender.example/done?s=200&amp;r=a%26b"', 1, true),
      page)
    assert_nothing_leaked(page)
  end)

  it("that lacks permissions links, says what it cannot read, and can be replaced", function()
    allow()
    local address = start()
    local action, state = form(address)
    local _, page = paste(action, state, PART)
    assert.is_truthy(page:find("<li>Payments and refunds</li>", 1, true), page)
    assert.is_truthy(page:find("Disputes: the key needs the permission Disputes (Read)", 1, true),
      page)
    assert.is_truthy(page:find("Changes as they happen: the key needs the permission Events", 1,
      true), page)
    assert.equal("Linked", row().status)
    local again = assert(page:match '<form method="post" action="([^"]+)"')
    action, state = form(again)
    _, page = paste(action, state, OTHERS)
    assert.is_truthy(page:find("Another account was connected here before", 1, true), page)
    action, state = form_of(page)
    _, page = paste(action, state, NEXT)
    assert.is_truthy(page:find("<li>Disputes</li>", 1, true), page)
    e:control("keys", { key = PART, account = SHOP, revoked = true })
    local shop = assert(made.app:connection(row().id, { base_url = e.base }))
    assert(shop:sync { types = { "payments", "disputes" }, strict = true })
    shop:close()
    local status, _, headers = send("POST", again, "answer=no") -- a cancelled replacement
    assert.equal(303, status)
    assert.is_truthy(headers.location:find("/link/done/", 1, true))
    assert_nothing_leaked(page)
  end)

  it("that is none, or can do too much, is refused with the reason, and not kept", function()
    allow()
    local action, state = form()
    local pages = {}
    for _, case in ipairs { { SECRET, "can do everything in your account" },
      { ORGANISATION, "reaches other accounts" }, { LIVE, "This is a key of live mode" },
      { "pk_test_publishable0000001", "publishable key" }, { "hello", "not a restricted key" },
      { "", "not a restricted key" }, { "rk_test_two+words", "not a restricted key" },
      { UNKNOWN, "Stripe does not know this key" }, { NOTHING, "can read none of the data" } } do
      local status, page = paste(action, state, case[1])
      assert.equal(400, status)
      assert.is_truthy(page:find(case[2], 1, true), case[1] .. page)
      action, state = form_of(page)
      pages[#pages + 1] = page
    end
    assert.equal("PendingAuth", row().status)
    assert.equal(0, secrets())
    e:control("faults", { { match = { path = "/v1" }, action = { status = 500 } } })
    local _, page = paste(action, state, ALL)
    assert.is_truthy(page:find("Stripe could not be asked", 1, true), page)
    e:control("faults", { clear = true })
    action, state = form_of(page)
    assert.equal(200, (paste(action, state, ALL)))
    assert_nothing_leaked((table.unpack or unpack)(pages)) -- luacheck: ignore
  end)

  it("is taken once from the browser that asked, over a form only", function()
    allow()
    local action, state = form()
    local own = cookie
    for _, other in ipairs { "", "commerce_link=x", own .. "x" } do
      cookie = other
      local status, page = paste(action, state, ALL)
      assert.equal(400, status)
      assert.is_truthy(page:find("begun in another browser", 1, true), page)
    end
    cookie = own
    for _, wrong in ipairs { "", "x", state .. "x" } do
      local status, page = paste(action, wrong, ALL)
      assert.equal(400, status)
      assert.is_truthy(page:find("has expired", 1, true), page)
    end
    assert.equal("PendingAuth", row().status)
    assert.equal(303, (send("GET", action .. "?state=" .. state .. "&key=" .. ALL)))
    assert.equal("PendingAuth", row().status)
    assert.equal(200, (paste(action, state, ALL)))
    local status, page = paste(action, state, NEXT)
    assert.equal(400, status)
    assert.is_truthy(page:find("sent already", 1, true), page)
    local company = "/codat/link/company/" .. client.COMPANY -- the same account once more
    local _, _, headers = send("POST", company, "integration=yzth")
    action, state = form(headers.location)
    _, page = paste(action, state, ALL)
    assert.is_truthy(page:find("This account is connected already", 1, true), page)
  end)
end)
