-- The portal's settings: integrations, data, API keys, webhooks, profile, users, the log.

local ascii = require "commerce.base.ascii"
local commerce = require "commerce"
local consumers = require "commerce.webhooks.consumers"
local core = require "commerce.core"
local master_key = require "spec.support.master_key"
local passwords = require "commerce.account.passwords"
local portal = require "commerce.portal"
local portal_browser = require "spec.support.portal_browser"
local profile = require "commerce.account.profile"
local retention = require "commerce.account.retention"
local sync_settings = require "commerce.account.settings"
local users = require "commerce.account.users"

describe("the portal's settings", function()
  master_key.use(master_key.ONE)
  local app, browser, viewer

  before_each(function()
    app = assert(commerce.open { store = "memory:" })
    browser = portal_browser.new(app)
    viewer = portal_browser.new(app, { role = "viewer", pages = browser.pages })
  end)

  after_each(function()
    assert.same({}, browser.logged)
    app:close()
  end)

  local function page(path, code)
    local response = browser:get("/portal/settings/" .. path)
    assert.equal(code or 200, response.status, response.body:sub(-600))
    return response.body
  end

  local function post(path, fields, code)
    local response = browser:post("/portal/settings/" .. path, fields)
    assert.equal(code or 200, response.status, response.body:match "<main.*")
    return response.body
  end

  local function last_action()
    local entry = app.store:audit({ limit = 1 })[1]
    return entry and entry.action .. " " .. (entry.target or "")
  end

  it("are one page each, which a viewer sees without a form", function()
    assert.equal("/portal/settings/integrations", browser:get("/portal/settings").headers.Location)
    for _, route in ipairs(portal.routes()) do
      if route.method == "GET" and route.path:find "^/portal/settings/"
        and not route.path:find "{" and not route.path:find "account" then
        local text = viewer:get(route.path).body
        assert.matches("An administrator can change them", text, 1, true)
        for _, control in ipairs { "<button class=\"primary", "<button class=\"compact danger" } do
          assert.is_nil(text:find(control, 1, true), route.path)
        end
        page(route.path:match "^/portal/settings/(.*)")
      end
    end
  end)

  it("set up an integration, whose secrets are never shown", function()
    local key = "sk_test_" .. ("k"):rep(24)
    local text = post("integrations/stripe-test", { client_id = "ca_1", secret_key = key,
      enabled = "yes", restricted_keys = "yes", scope = "read_write",
      sync_on_link = "continuous" })
    assert.matches("Saved.", text, 1, true)
    assert.is_nil(text:find(key, 1, true))
    assert.matches("set; leave empty to keep it", text, 1, true)
    local integration = app:integration "stripe-test"
    assert.same({ true, true, "ca_1", "read_write", true }, { integration.enabled,
      integration.restricted_keys, integration.client_id, integration.scope,
      integration.has_secret_key })
    post("integrations/stripe-test", { client_id = "ca_1", scope = "read_only" })
    integration = app:integration "stripe-test"
    assert.same({ false, true }, { integration.enabled, integration.has_secret_key })
    assert.equal("integration.change Stripe Test", last_action())
  end)

  it("say what is wrong with an integration, without the secret", function()
    local key = "sk_live_" .. ("k"):rep(24)
    local text = post("integrations/stripe-test", { secret_key = key }, 400)
    assert.matches('role="alert"', text, 1, true)
    assert.is_nil(text:find(key, 1, true))
    assert.matches("cannot be enabled", post("integrations/stripe", { enabled = "yes" }, 400), 1,
      true)
    post("integrations/stripe/app", { install_link = "https://example.com" }, 400)
    page("integrations/other", 404)
  end)

  it("keep signing secrets of Stripe's webhooks, and forget them", function()
    local secret = "whsec_" .. ("s"):rep(32)
    local text = post("integrations/stripe-test/webhookSecrets", { secret = secret,
      account = "acct_1" })
    assert.is_nil(text:find(secret, 1, true))
    local id = app:integration("stripe-test").webhook_secrets[1].id
    assert.matches(id, text, 1, true)
    post("integrations/stripe-test/webhookSecrets/remove", { id = id })
    assert.same({}, app:integration("stripe-test").webhook_secrets)
    assert.matches("charge_read", page "integrations/stripe-test/manifest", 1, true)
  end)

  it("say when data types of one company are read, which else follows all", function()
    local company = assert(app:create_company { name = "Toys" })
    local path = ("/portal/test/companies/%s/schedules"):format(company.id)
    local function fields(changes)
      local list = {}
      for _, setting in ipairs(sync_settings.get(app.store, { company = company.id })) do
        list[setting.type .. ".first"], list[setting.type .. ".schedule"] = "yes", "24"
        list[setting.type .. ".months"] = ""
      end
      for name, value in pairs(changes) do
        list[name] = value
      end
      return list
    end
    assert.matches("follows the schedules of all companies", browser:get(path).body, 1, true)
    assert.is_nil(viewer:get(path).body:find("<button class=\"primary", 1, true))
    local answer = browser:post(path, fields { ["payments.schedule"] = "6" })
    assert.matches("has schedules of its own", answer.body, 1, true)
    assert.same({ "payments" }, ascii.keys(app.store:sync_settings("company:" .. company.id)))
    assert.equal(400, browser:post(path, fields { ["payments.months"] = "x" }).status)
    sync_settings.set(app.store, {}, { "customers" }, { sync_schedule = 1 })
    local hours = {}
    for _, setting in ipairs(sync_settings.get(app.store, { company = company.id })) do
      hours[setting.type] = setting.sync_schedule
    end
    assert.same({ 6, 1, 24 }, { hours.payments, hours.customers, hours.disputes })
    browser:post(path .. "/reset")
    assert.same({}, app.store:sync_settings("company:" .. company.id))
  end)

  it("say when data types are read", function()
    assert.matches("every day", page "data", 1, true)
    local fields = {}
    for _, setting in ipairs(sync_settings.get(app.store, {})) do
      fields[setting.type .. ".first"], fields[setting.type .. ".schedule"] = "yes", "24"
      fields[setting.type .. ".months"] = ""
    end
    fields["payments.schedule"], fields["payments.months"] = "1", "12"
    fields["customers.first"] = nil
    post("data", fields)
    for _, setting in ipairs(sync_settings.get(app.store, {})) do
      if setting.type == "payments" then
        assert.same({ 1, 12 }, { setting.sync_schedule, setting.sync_from_window })
      elseif setting.type == "customers" then
        assert.is_false(setting.fetch_on_first_link)
      end
    end
    fields["payments.months"] = "x"
    post("data", fields, 400)
    post("data/retention", { days = "30" })
    post("data/retention", { days = "no" }, 400)
  end)

  it("tell what is kept of the log of changes, and who reads it", function()
    local empty = page "data"
    assert.matches("<dt>Oldest change</dt><dd>none</dd>", empty, 1, true)
    assert.matches("<dt>Older ones last removed</dt><dd>never</dd>", empty, 1, true)
    local company = assert(app:create_company { name = "Shop" })
    assert(app.store:add_connection { id = "c1", company_id = company.id, account = "acct_1",
      auth = "key", integration = "stripe", status = "Linked", created = "2026-03-01T08:00:00Z" })
    app.store:write_page("c1", { records = { payments = { { id = "p1",
      body = '{"id":"p1","amount":1' } } } }, "2026-03-01T08:00:00Z")
    app.store:acknowledge("c1", "queue", nil, 0)
    assert.is_true(app:set_changes_retention(90))
    retention.note_pruning(app.store, os.time())
    local full = page "data"
    assert.matches("<dd>90 days, and until all consumers have read them</dd>", full, 1, true)
    assert.matches("2026-03-01", full, 1, true)
    assert.is_nil(full:find("<dd>never</dd>", 1, true))
    assert.matches("all but 1", full, 1, true)
  end)

  it("leave fields out of what is stored", function()
    post("data/fields", { fields = "customers.phone, customers.emailAddress", how = "leave_out" })
    assert.same({ "customers.emailAddress", "customers.phone" }, app:fields().leave_out)
    post("data/fields", { keep = "customers.phone" })
    assert.same({ "customers.emailAddress" }, app:fields().leave_out)
    assert.matches("customers.fone", post("data/fields", { fields = "customers.fone",
      how = "hash" }, 400), 1, true)
  end)

  it("make API keys that are shown once, and keep the last one", function()
    local text = post("keys", { name = "<b>Shop</b>", read_only = "yes" })
    local key = text:match 'id="new%-key"[^>]*value="([^"]+)"'
    assert.is_string(key)
    assert.is_nil(page("keys"):find(key, 1, true))
    assert.matches("&lt;b&gt;Shop&lt;/b&gt;", page "keys", 1, true)
    local row = app.store:api_key_of(core.sha256(key))
    assert.is_true(row.read_only)
    assert.matches("last valid key", post("keys/remove", { id = row.id }, 400), 1, true)
    post("keys", { name = "second" })
    post("keys/remove", { id = row.id })
    post("keys", { name = "old", expires = "2020-01-01" }, 400)
    assert.equal(1, #app.store:api_keys())
  end)

  it("add webhook consumers, show deliveries and send them again", function()
    assert.matches("Url must be https", post("webhooks", { url = "http://example.com" }, 400), 1,
      true)
    local text = post("webhooks", { url = "https://example.com/hook", events = "company.created" })
    assert.matches("whsec_", text, 1, true)
    local row = app.store:webhook_consumers()[1]
    assert(app:create_company { name = "Toys" })
    text = page("webhooks/" .. row.id)
    assert.matches("<code>company.created</code>", text, 1, true)
    assert.matches('<span class="pill wait">waiting</span>', text, 1, true)
    post("webhooks/" .. row.id .. "/replay", {
      event = app.store:webhook_messages(row.id)[1].id })
    post("webhooks/" .. row.id .. "/replay", {})
    post("webhooks/" .. row.id .. "/replay", { event = core.uuid() }, 400)
    assert.matches("whsec_", post("webhooks/" .. row.id .. "/secret"), 1, true)
    post("webhooks/" .. row.id .. "/state", { disabled = "yes" })
    assert.is_true(app.store:webhook_consumers()[1].disabled)
    post("webhooks/" .. row.id .. "/remove", {}, 303)
    page("webhooks/" .. row.id, 404)
    assert.equal("public", consumers.reach(app.store))
  end)

  it("change the profile, and keep it if something is wrong", function()
    post("profile", { name = "Lender <Ltd>", redirectUrl = "https://example.com/done",
      oneTimeLinks = "yes", origins = "https://APP.example.com/" })
    local value = profile.read(app.store)
    assert.same({ "Lender <Ltd>", true }, { value.name, value.oneTimeLinks })
    assert.matches("https://app.example.com</textarea>", page "profile", 1, true)
    post("profile", { name = "" }, 400)
    post("profile", { name = "L", logoUrl = "javascript:alert(1)" }, 400)
    post("profile", { name = "L", origins = "https://a.example.com/path" }, 400)
    assert.equal("Lender <Ltd>", profile.read(app.store).name)
  end)

  it("invite users, give them roles and remove them", function()
    local text = post("users", { name = "Bob <b>", role = "viewer" })
    local token = text:match "/portal/welcome%?token=([%w%-_]+)"
    local bob = users.invited(app.store, token)
    assert.equal("Bob <b>", bob.name)
    assert.is_nil(page("users"):find(token, 1, true))
    post("users", { name = "bob <b>" , role = "viewer" }, 400)
    post("users/" .. bob.id .. "/role", { role = "admin" }, 303)
    assert.equal("admin", users.find(app.store, bob.id).role)
    local again = post("users/" .. bob.id .. "/invite"):match "token=([%w%-_]+)"
    assert.is_nil(users.invited(app.store, token))
    assert.equal(bob.id, users.invited(app.store, again).id)
    post("users/" .. bob.id .. "/remove", {}, 303)
    post("users/" .. browser.user.id .. "/remove", {}, 400)
    post("users/" .. browser.user.id .. "/role", { role = "viewer" }, 400)
    post("users/" .. core.uuid() .. "/remove", {}, 404)
    assert.equal("user.remove Bob <b>", last_action())
  end)

  it("show the log, page by page", function()
    for i = 1, 130 do
      app.store:add_audit({ at = "2026-01-01T00:00:00Z", actor = "<i>", action = "a" .. i },
        "2020-01-01")
    end
    local text = page "log"
    assert.matches("&lt;i&gt;", text, 1, true)
    local older = text:match 'href="/portal/settings/(log%?before=%d+)"'
    assert.matches("<code>a1</code>", page(older), 1, true)
    page("log?before=x", 400)
  end)

  describe("of one's own account", function()
    local cost

    before_each(function()
      cost, passwords.COST = passwords.COST, { ln = 10, r = 8, p = 1 }
      users.set_password(app.store, viewer.user, passwords.hash "present password",
        core.sha256(viewer.cookie:match "commerce_session=(.*)"))
    end)

    after_each(function()
      passwords.COST = cost
    end)

    it("change the password of whoever knows the present one", function()
      local form = { current = "wrong", password = "another password",
        again = "another password" }
      local path = "/portal/settings/account"
      assert.equal(400, viewer:post(path, form).status)
      form.current, form.again = "present password", "other"
      assert.equal(400, viewer:post(path, form).status)
      form.password, form.again = "short", "short"
      assert.equal(400, viewer:post(path, form).status)
      form.password, form.again = "another password", "another password"
      assert.equal(200, viewer:post(path, form).status)
      assert.is_true(passwords.matches("another password",
        users.find(app.store, viewer.user.id).password))
      for _ = 1, 10 do
        viewer:post(path, { current = "wrong" })
      end
      assert.equal(429, viewer:post(path, form).status)
    end)

    it("end other sessions", function()
      local now = os.time()
      app.store:add_session({ hash = "h", id = "other", user_id = viewer.user.id, mode = "test",
        created = now, seen = now, expires = now + 60, agent = "<b>", address = "192.0.2.1" }, now)
      local text = viewer:get("/portal/settings/account").body
      assert.matches("&lt;b&gt;", text, 1, true)
      assert.equal(303, viewer:post("/portal/settings/account/sessions", { id = "other" }).status)
      assert.equal(1, #app.store:sessions(viewer.user.id))
    end)
  end)
end)
