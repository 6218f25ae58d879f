-- The portal's companies and connections: lists, links to send, keys, unlinking, deleting.

local commerce = require "commerce"
local core = require "commerce.core"
local master_key = require "spec.support.master_key"
local portal_browser = require "spec.support.portal_browser"
local status = require "commerce.account.status"

local NASTY = { "<script>alert(1)</script>", "=cmd()", ("x"):rep(10000), "شركة\226\128\174 evil",
  'a"onmouseover="x' }

describe("the portal's companies", function()
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

  local function page(address, code)
    local response = browser:get(address)
    assert.equal(code or 200, response.status, response.body)
    return response.body
  end

  local function company(name, at)
    if not at then
      return assert(app:create_company { name = name })
    end
    local id = core.uuid()
    app.store:save_company { id = id, name = name, created = at }
    return app:company(id)
  end

  local function connection(owner, integration, account)
    local made = assert(owner:create_connection { integration = integration or "stripe-test" })
    if account then
      assert(status.link(app.store, made.row, { account = account, auth = "key",
        name = "Shop " .. account }))
    end
    return made
  end

  local function names(text)
    local list = {}
    for name in text:gmatch '<td class="name%-cell"><a href="[^"]*"><bdi class="name">([^<]*)' do
      list[#list + 1] = name
    end
    return list
  end

  local function address(owner, rest)
    return "/portal/test/companies/" .. owner.id .. (rest or "")
  end

  local function connection_address(made, rest)
    return ("/portal/test/companies/%s/connections/%s%s"):format(made.company_id, made.id,
      rest or "")
  end

  it("lead from nothing to the first one", function()
    local text = page "/portal/test/companies"
    assert.matches("No companies in test mode yet", text, 1, true)
    assert.matches('href="/portal/test/companies/new">New company', text, 1, true)
    assert.equal(400, browser:post("/portal/test/companies", { name = " " }).status)
    local made = browser:post("/portal/test/companies", { name = "Toys", description = "A shop" })
    text = page(made.headers.Location)
    assert.matches('<bdi class="name">Toys</bdi>', text, 1, true)
    assert.matches("No connection in test mode", text, 1, true)
    assert.equal("company.create", app.store:audit({ limit = 1 })[1].action)
    assert.equal("Toys", app.store:audit({ limit = 1 })[1].target)
    text = viewer:get("/portal/test/companies").body
    assert.is_nil(text:find("New company", 1, true))
  end)

  it("are listed by mode, and those without a connection in both", function()
    local one, two = company "One", company "Two"
    company "Three"
    connection(one, "stripe", "acct_1")
    connection(two, "stripe-test", "acct_2")
    local test, live = names(page "/portal/test/companies"), names(page "/portal/live/companies")
    table.sort(test)
    table.sort(live)
    assert.same({ "Three", "Two" }, test)
    assert.same({ "One", "Three" }, live)
  end)

  it("show the status of their connections, three at most and how many more", function()
    local owner = company "Toys"
    for i = 1, 5 do
      connection(owner, "stripe-test", i == 1 and "acct_1" or nil)
    end
    connection(owner, "stripe") -- of the other mode
    local text = page "/portal/test/companies"
    assert.equal(1, select(2, text:gsub('class="pill good"', "")))
    assert.equal(2, select(2, text:gsub('class="pill wait"', "")))
    assert.matches(">+2</span>", text, 1, true)
  end)

  it("are ordered by name, day and last sync, those never synced last", function()
    company("Alpha", "2026-01-02T00:00:00Z")
    local beta = company("Beta", "2026-01-03T00:00:00Z")
    company("Gamma", "2026-01-01T00:00:00Z")
    local shop = connection(beta, "stripe-test", "acct_1")
    assert(shop:change { last_sync = "2026-02-01T00:00:00Z" })
    assert.same({ "Beta", "Alpha", "Gamma" }, names(page "/portal/test/companies"))
    assert.same({ "Alpha", "Beta", "Gamma" }, names(page "/portal/test/companies?sort=name"))
    assert.same({ "Gamma", "Beta", "Alpha" }, names(page "/portal/test/companies?sort=-name"))
    assert.equal("Beta", names(page "/portal/test/companies?sort=-lastSync")[1])
    assert.matches('title="never">—<', page "/portal/test/companies", 1, true)
    assert.equal(3, #names(page "/portal/test/companies?sort=nonsense'--"))
  end)

  it("are found by a part of their name, or by their id", function()
    company "Toys & Co"
    local other = company "Books"
    assert.same({ "Toys &amp; Co" }, names(page "/portal/test/companies?q=YS%20%26"))
    assert.same({ "Books" }, names(page("/portal/test/companies?q=" .. other.id)))
    local text = page "/portal/test/companies?q=%3Cscript%3E%25"
    assert.matches("No company matches", text, 1, true)
    assert.matches('value="&lt;script&gt;%"', text, 1, true)
  end)

  it("are turned page by page", function()
    for i = 1, 120 do
      company(("Shop %03d"):format(i))
    end
    assert.equal(50, #names(page "/portal/test/companies?sort=name"))
    local last = names(page "/portal/test/companies?sort=name&page=3")
    assert.same({ 20, "Shop 120" }, { #last, last[20] })
    assert.equal(400, browser:get("/portal/test/companies?page=x").status)
  end)

  it("have the columns that were chosen, also the next time", function()
    company "Toys"
    local answer = browser:get "/portal/test/companies/columns?c.tags=1&c.id=1"
    assert.equal("/portal/test/companies", answer.headers.Location)
    browser.cookie = browser.cookie .. "; " .. answer.headers["Set-Cookie"]:match "^[^;]+"
    local text = page "/portal/test/companies"
    assert.matches('<th scope="col">Id</th>', text, 1, true)
    assert.is_nil(text:find('Last data sync</a>', 1, true))
  end)

  it("stay harmless whatever they are called", function()
    for _, name in ipairs(NASTY) do
      local owner = company(name)
      local shop = connection(owner)
      for _, at in ipairs { "/portal/test/companies", address(owner), address(owner, "/edit"),
        address(owner, "/delete"), connection_address(shop), connection_address(shop,
        "/delete") } do
        local text = page(at)
        assert.is_nil(text:find("<script>alert", 1, true))
        assert.is_nil(text:find('"onmouseover', 1, true))
      end
      local typed = page(address(owner, "/delete")):match "<code class=\"name\"><bdi>(.-)</bdi>"
      typed = typed:gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&quot;", '"')
      assert.equal(303, browser:post(address(owner, "/delete"), { confirm = typed }).status)
    end
    assert.same({}, app:companies())
  end)

  it("are changed and deleted after their name was typed", function()
    local owner = company "Toys"
    assert.equal(303, browser:post(address(owner, "/edit"), { name = "Books",
      description = "x" }).status)
    assert.equal("Books", app:company(owner.id).name)
    assert.equal(400, browser:post(address(owner, "/edit"), { name = "sk_test_"
      .. ("a"):rep(24) }).status)
    assert.equal(400, browser:post(address(owner, "/delete"), { confirm = "Toys" }).status)
    assert.equal(400, browser:post(address(owner, "/delete"), {}).status)
    assert.equal(303, browser:post(address(owner, "/delete"), { confirm = " Books " }).status)
    assert.equal(404, browser:get(address(owner)).status)
  end)

  describe("connections", function()
    local owner

    before_each(function()
      owner = company "Toys"
    end)

    it("begin with an address and a QR code for the merchant", function()
      local added = browser:post(address(owner, "/connections"))
      local shop = owner:connections()[1]
      assert.equal(connection_address(shop), added.headers.Location)
      local text = page(added.headers.Location)
      assert.matches('value="http://127.0.0.1:8080/link/start/' .. shop.row.link_id .. '"', text,
        1, true)
      assert.matches('<svg aria-label="QR code of the address"', text, 1, true)
      assert.matches("is not set up for merchants yet", text, 1, true)
      assert(app:set_integration("stripe-test", { restricted_keys = true }))
      assert.is_nil(page(added.headers.Location):find("is not set up", 1, true))
    end)

    it("say that merchants come back from a Stripe App over https only", function()
      local shop = connection_address(connection(owner))
      local function set(changes)
        assert(app:set_stripe_app("stripe-test", changes))
        return page(shop):find("over https only", 1, true)
      end
      assert.is_truthy(set { enabled = true, secret_key = "sk_test_" .. ("x"):rep(24),
        install_link = "https://marketplace.stripe.com/oauth/v2/chnlink_x/authorize?client_id=ca" })
      assert.is_nil(set { redirect_uri = "https://shop.example.com/oauth/callback" })
    end)

    it("are offered by an address of the company, which may have to work once", function()
      local text = page(address(owner))
      assert.matches("/link/company/" .. owner.id .. '"', text, 1, true)
      local once = browser:post(address(owner, "/address"))
      assert.matches("/link/company/" .. owner.id .. "?otp=", once.body, 1, true)
      app.store:save_setting("profile", '{"name":"L","redirectUrl":"","oneTimeLinks":true}')
      assert.is_nil(page(address(owner)):find("/link/company/" .. owner.id, 1, true))
    end)

    it("say that merchants need the public address", function()
      browser.host = "shop.example.com"
      local text = page(connection_address(connection(owner)))
      assert.matches("which is not known", text, 1, true)
      assert.is_nil(text:find("QR code", 1, true))
      assert.is_nil(text:find("shop.example.com", 1, true))
    end)

    it("refuse what is not a key, and do not show it again", function()
      local shop = connection(owner)
      for key, why in pairs { ["pk_test_" .. ("a"):rep(24)] = "publishable", hello = "key",
        [""] = "", ["sk_live_" .. ("b"):rep(24)] = "live" } do
        local response = browser:post(connection_address(shop, "/key"), { key = key })
        assert.equal(400, response.status, key)
        assert.matches(why, response.body, 1, true)
        assert.is_truthy(key == "" or key == "hello" or not response.body:find(key, 1, true))
      end
      assert.equal("PendingAuth", app:connection(shop.id).status)
    end)

    it("are unlinked and deleted, and tell what happened", function()
      local shop = connection(owner, "stripe-test", "acct_1")
      shop:failed("Stripe says <no>", { kind = "auth", status = 403, code = "x" })
      local text = page(connection_address(shop))
      assert.matches("This connection has errors.", text, 1, true)
      assert.matches("Stripe says &lt;no&gt;", text, 1, true)
      assert.matches('href="' .. connection_address(shop, "/permissions"), text, 1, true)
      assert.equal(303, browser:post(connection_address(shop, "/unlink")).status)
      text = page(connection_address(shop))
      assert.matches('<span class="pill off">Unlinked</span>', text, 1, true)
      assert.matches("in the portal", text, 1, true)
      assert.equal(409, browser:post(connection_address(shop, "/unlink")).status)
      assert.equal(400, browser:post(connection_address(shop, "/delete"),
        { confirm = "x" }).status)
      assert.equal(303, browser:post(connection_address(shop, "/delete"),
        { confirm = "Shop acct_1" }).status)
      assert.equal(404, browser:get(connection_address(shop)).status)
      local log = app.store:audit { limit = 2 }
      assert.same({ "connection.delete", "connection.unlink" }, { log[1].action, log[2].action })
    end)

    it("are not found in the other mode, nor below another company", function()
      local shop, other = connection(owner, "stripe", "acct_1"), company "Other"
      assert.matches("one of live mode", page(connection_address(shop), 404), 1, true)
      page(("/portal/live/companies/%s/connections/%s"):format(other.id, shop.id), 404)
      page(("/portal/live/companies/%s/connections/%s"):format(owner.id, shop.id))
      assert.equal(404, browser:post(connection_address(shop, "/delete"),
        { confirm = "Shop acct_1" }).status)
    end)

    it("show a viewer everything but what changes something", function()
      local shop = connection(owner, "stripe-test", "acct_1")
      local waiting = connection(owner)
      for _, at in ipairs { address(owner), connection_address(shop),
        connection_address(waiting) } do
        local text = viewer:get(at).body
        for form in text:gmatch '<form action="([^"]*)"' do
          assert.equal("/portal/logout", form)
        end
        assert.is_nil(text:find("/delete", 1, true))
      end
      assert.equal(403, viewer:get(connection_address(shop, "/delete")).status)
    end)
  end)
end)
