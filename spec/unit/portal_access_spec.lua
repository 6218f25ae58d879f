-- Who may see and change what in the portal: the first run, signing in, sessions, roles, forms.

local auth = require "commerce.http.auth"
local commerce = require "commerce"
local core = require "commerce.core"
local passwords = require "commerce.account.passwords"
local portal_browser = require "spec.support.portal_browser"
local portal = require "commerce.portal"
local users = require "commerce.account.users"

local PASSWORD = "correct horse battery"
local HASH = core.hash_password(PASSWORD, 10, 8, 1)

describe("the portal", function()
  local app, store, cost

  before_each(function()
    app = assert(commerce.open { store = "memory:" })
    store = app.store
    cost, passwords.COST = passwords.COST, { ln = 10, r = 8, p = 1 } -- milliseconds
  end)

  after_each(function()
    passwords.COST = cost
    app:close()
  end)

  local function later(seconds, work)
    local time = os.time
    os.time = function(...) -- luacheck: ignore 122
      return select("#", ...) > 0 and time(...) or time() + seconds
    end
    local ok, message = pcall(work)
    os.time = time -- luacheck: ignore 122
    assert(ok, message)
  end

  local function stranger(options)
    options = options or {}
    options.role = false
    return portal_browser.new(app, options)
  end

  local function actions()
    local list = {}
    for i, entry in ipairs(store:audit { limit = 50 }) do
      list[i] = entry.actor .. " " .. entry.action
    end
    return list
  end

  local function sign_in(browser, fields)
    browser:get "/portal/login"
    local form = { name = "Ada", password = PASSWORD }
    for name, value in pairs(fields or {}) do
      form[name] = value
    end
    return browser:post("/portal/login", form)
  end

  describe("on its first run", function()
    local function set_up(browser, fields)
      local form = { name = "Ada", password = PASSWORD, again = PASSWORD }
      for name, value in pairs(fields) do
        form[name] = value
      end
      return browser:post("/portal/setup", form)
    end

    it("makes an administrator of the one who has the token, and of nobody else", function()
      local token = users.setup_token(store)
      local browser = stranger()
      assert.equal("/portal/login?next=%2Fportal%2Ftest%2Fcompanies",
        browser:get("/portal/test/companies").headers.Location)
      assert.equal("/portal/setup", browser:get("/portal/login").headers.Location)
      assert.equal(200, browser:get("/portal/setup?token=" .. token).status)
      for _, wrong in ipairs { "", "x", token .. "x" } do
        assert.equal(403, set_up(browser, { token = wrong }).status)
      end
      assert.same({}, store:users())
      assert.equal("/portal", set_up(browser, { token = token }).headers.Location)
      assert.equal(200, browser:get("/portal/test/companies").status)
      assert.equal("admin", store:users()[1].role)
      local second = stranger()
      assert.equal("/portal/login", second:get("/portal/setup").headers.Location)
      second:get "/portal/login"
      assert.equal("/portal/login", set_up(second, { token = token }).headers.Location)
      assert.equal(1, #store:users())
      assert.same({ "Ada user.first", "somebody setup.refuse", "somebody setup.refuse",
        "somebody setup.refuse" }, actions())
    end)

    it("takes an API key in place of the token, unless it is read-only", function()
      local browser = stranger()
      browser:get "/portal/setup"
      local reader = auth.create(store, { read_only = true }).key
      assert.equal(403, set_up(browser, { token = reader }).status)
      local answer = set_up(browser, { token = auth.create(store).key })
      assert.equal(303, answer.status)
      assert.is_nil(answer.body:find(reader, 1, true))
    end)

    it("says what is wrong with a name or a password, and does not show secrets again", function()
      local token = users.setup_token(store)
      local browser = stranger()
      browser:get "/portal/setup"
      for _, wrong in ipairs { { password = "short", again = "short" }, { again = "another one 1" },
        { name = "" }, { name = PASSWORD } } do
        wrong.token = token
        local page = set_up(browser, wrong)
        assert.equal(400, page.status)
        assert.matches('role="alert"', page.body, 1, true)
        assert.is_nil(page.body:find('type="password" value="' .. PASSWORD, 1, true))
      end
      assert.same({}, store:users())
    end)
  end)

  describe("of users", function()
    local ada

    before_each(function()
      ada = users.add_first(store, "Ada", HASH)
    end)

    it("is opened by a name and a password", function()
      local browser = stranger()
      for _, wrong in ipairs { { password = "wrong" }, { name = "Nobody" }, { name = "" } } do
        local page = sign_in(browser, wrong)
        assert.equal(403, page.status)
        assert.matches("The name or the password is not right.", page.body, 1, true)
        assert.is_nil(page.body:find(PASSWORD, 1, true))
      end
      local answer = sign_in(browser, { name = " ADA " })
      assert.equal(303, answer.status)
      assert.equal("/portal", answer.headers.Location)
      assert.matches("commerce_session=[%w%-_]+; Max%-Age=%d+; Path=/; HttpOnly; SameSite=Lax$",
        answer.headers["Set-Cookie"])
      assert.equal(200, browser:get("/portal/test/companies").status)
      assert.equal("Ada session.begin", actions()[1])
      local token = browser.cookie:match "commerce_session=([%w%-_]+)"
      assert.is_nil(store:session_of(token)) -- only its hash is stored
    end)

    it("sends cookies under its prefix, and only over https if it is reached so", function()
      local browser = stranger { prefix = "/codat", public_url = "https://me.example.com/codat" }
      local form = browser:get("/portal/login").headers["Set-Cookie"]
      assert.matches("^__Secure%-commerce_form=[%w%-_]+; Path=/codat; HttpOnly; SameSite=Lax; "
        .. "Secure$", form)
      local answer = browser:post("/portal/login", { name = "Ada", password = PASSWORD })
      assert.matches("^__Secure%-commerce_session=.*; Path=/codat; .*; Secure$",
        answer.headers["Set-Cookie"])
      assert.equal(200, browser:get("/portal/test/companies").status)
    end)

    it("leads to the page that was wanted, and to no other site", function()
      local wanted = "/portal/live/companies?q=a&b"
      local browser = stranger()
      local login = browser:get(wanted).headers.Location
      local page = browser:get(login)
      assert.matches('value="/portal/live/companies?q=a&amp;b"', page.body, 1, true)
      for _, lure in ipairs { "https://evil.example", "//evil.example", "/portal/../../x//y",
        "/\\evil.example", "javascript:alert(1)", "/portal/a\r\nb", "/companies" } do
        local one = stranger()
        assert.equal("/portal", sign_in(one, { next = lure }).headers.Location, lure)
      end
      assert.equal(wanted, sign_in(browser, { next = wanted }).headers.Location)
      assert.equal("/portal", browser:get("/portal/login").headers.Location) -- signed in already
    end)

    it("limits how often an address may try a name", function()
      local browser = stranger()
      for _ = 1, 10 do
        assert.equal(403, sign_in(browser, { password = "wrong" }).status)
      end
      local page = sign_in(browser)
      assert.equal(429, page.status)
      assert.equal("900", page.headers["Retry-After"])
      assert.equal(403, sign_in(browser, { name = "Other", password = "x" }).status)
      local elsewhere = stranger { pages = browser.pages }
      elsewhere.address = "192.0.2.7"
      assert.equal(303, sign_in(elsewhere).status)
      later(901, function()
        assert.equal(303, sign_in(browser).status)
      end)
    end)

    it("limits how often an address may try at all", function()
      local browser, limited = stranger(), 0
      for i = 1, 60 do
        limited = limited + (sign_in(browser, { name = "n" .. i }).status == 429 and 1 or 0)
      end
      assert.equal(10, limited)
    end)

    it("ends a session on request, and shows nothing after it", function()
      local browser = stranger()
      sign_in(browser)
      local cookie = browser.cookie
      browser:get "/portal/test/companies"
      local answer = browser:post "/portal/logout"
      assert.equal("/portal/login", answer.headers.Location)
      assert.matches("Max%-Age=0", answer.headers["Set-Cookie"])
      browser.cookie = cookie -- whoever has copied it
      assert.equal(303, browser:get("/portal/test/companies").status)
    end)

    it("ends a session that is not used for 12 hours, and every one after 14 days", function()
      local browser = stranger()
      sign_in(browser)
      local function works()
        return browser:get("/portal/test/companies").status == 200
      end
      later(11 * 3600, function() assert.is_true(works()) end)
      later(22 * 3600, function() assert.is_true(works()) end)
      later(35 * 3600, function() assert.is_false(works()) end)
      sign_in(browser)
      for hour = 10, 14 * 24 - 1, 10 do
        later(hour * 3600, function() assert.is_true(works(), hour) end)
      end
      later(14 * 86400, function() assert.is_false(works()) end)
    end)

    it("ends the sessions of a user who is removed or has a new password", function()
      local browser, other = stranger(), users.add(store, { name = "Bob", role = "admin" })
      users.set_password(store, other, HASH)
      sign_in(browser)
      users.set_password(store, ada, HASH)
      assert.equal(303, browser:get("/portal/test/companies").status)
      sign_in(browser)
      users.remove(store, ada)
      assert.equal(303, browser:get("/portal/test/companies").status)
    end)

    it("lets an invited user choose a password, once", function()
      local user, token = users.add(store, { name = "Bob <b>", role = "viewer" })
      local browser = stranger()
      local path = "/portal/welcome?token=" .. token
      assert.matches("Welcome, Bob &lt;b&gt;", browser:get(path).body, 1, true)
      local form = { token = token, password = "short", again = "short" }
      assert.equal(400, browser:post("/portal/welcome", form).status)
      form.password, form.again = PASSWORD, PASSWORD
      assert.equal(303, browser:post("/portal/welcome", form).status)
      assert.equal(200, browser:get("/portal/test/companies").status)
      assert.equal(user.id, store:users({ login = "bob <b>" })[1].id)
      local second = stranger()
      assert.equal(404, second:get(path).status)
      second:get "/portal/login"
      assert.equal(404, second:post("/portal/welcome", form).status)
      assert.equal(303, sign_in(second, { name = "bob <b>" }).status)
    end)

    it("takes the forms of a browser that is not signed in from its own pages only", function()
      local browser, other = stranger(), stranger()
      browser:get "/portal/login"
      other:get "/portal/login"
      local form = { name = "Ada", password = PASSWORD }
      for _, csrf in ipairs { "", "x", other.csrf } do
        form.csrf = csrf
        assert.equal(403, browser:post("/portal/login", form).status)
      end
      local none = stranger()
      form.csrf = browser.csrf
      assert.equal(403, none:post("/portal/login", form).status)
    end)
  end)

  -- ---------------------------------------------------------------- every route

  local PARAMETERS = { mode = "test", type = "payments" }

  local function address_of(route)
    return (route.path:gsub("{(%w+)}", function(name)
      return PARAMETERS[name] or "00000000-0000-4000-8000-000000000001"
    end))
  end

  local function public(route)
    return portal.role_of(route) == "public"
  end

  -- The forms that a viewer may send, too: they change nothing but what is the user's own.
  local DATA = "/portal/{mode}/companies/{companyId}/connections/{connectionId}/data/{dataType}"
  local OWN = { ["/portal/logout"] = true, ["/portal/settings/account"] = true,
    ["/portal/settings/account/sessions"] = true, [DATA .. "/filters"] = true,
    [DATA .. "/filters/delete"] = true, [DATA .. "/columns"] = true }

  it("shows nothing to a stranger but the pages to sign in", function()
    users.add_first(store, "Ada", HASH)
    for _, route in ipairs(portal.routes()) do
      local browser = stranger()
      local send = route.method == "GET" and browser.get or browser.post
      local response = send(browser, address_of(route))
      if public(route) then
        assert.is_truthy(route.path:find "^/portal/login$" or route.path:find "^/portal/setup$"
          or route.path:find "^/portal/welcome$", route.path)
      else
        assert.equal(303, response.status, route.path)
        assert.matches("/portal/login", response.headers.Location, 1, true)
      end
    end
  end)

  it("lets a viewer change nothing: every form of every page is refused", function()
    local checked = 0
    for _, route in ipairs(portal.routes()) do
      local name = route.method .. " " .. route.path
      if route.method ~= "GET" and not public(route) and not OWN[route.path] then
        local viewer = portal_browser.new(app, { role = "viewer" })
        local before = store:audit { limit = 50 }
        local response = viewer:post(address_of(route), { name = "Toys", confirm = "Toys" })
        assert.equal(403, response.status, name)
        assert.matches("Only an administrator can do this", response.body, 1, true)
        assert.same(before, store:audit { limit = 50 })
        checked = checked + 1
      end
    end
    assert.is_true(checked > 0)
  end)

  it("takes no form without the token of the session, whoever sends it", function()
    local other = portal_browser.new(app)
    for _, route in ipairs(portal.routes()) do
      if route.method ~= "GET" and not public(route) then
        local admin = portal_browser.new(app)
        for _, csrf in ipairs { "", other.csrf } do
          assert.equal(403, admin:post(address_of(route), { csrf = csrf }).status, route.path)
        end
      end
    end
  end)

  it("names what every form does, for the log of what was done", function()
    for _, route in ipairs(portal.routes()) do
      if route.method ~= "GET" and not public(route) and not OWN[route.path] then
        assert.matches("^%l+%.%l+$", route.audit or route.path)
      end
    end
  end)
end)
