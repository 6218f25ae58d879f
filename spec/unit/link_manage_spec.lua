-- One-time Link addresses, and the pages on which a merchant manages what is connected.

local commerce = require "commerce"
local json = require "commerce.base.json"
local link = require "commerce.link"
local master_key = require "spec.support.master_key"
local origins = require "commerce.http.origins"
local status = require "commerce.account.status"
local ticket = require "commerce.account.link.ticket"

local SITE = "https://app.example.com"
local ASKED = "origin=https%3A%2F%2Fapp.example.com"

describe("a merchant with a Link address", function()
  local set_master = master_key.use(master_key.ONE)
  local app, pages, company, shop, logged

  before_each(function()
    app = assert(commerce.open { store = "memory:" })
    assert(app:set_integration("stripe-test", { client_id = "ca_Emulator",
      secret_key = "sk_test_emulator", enabled = true }))
    company = assert(app:create_company { name = "Toys" })
    shop = assert(company:create_connection { integration = "stripe-test" })
    origins.save(app.store, { SITE })
    logged = {}
    pages = link.new(app, { prefix = "/codat", public_url = "https://me.example.com/codat",
      log = function(message) logged[#logged + 1] = message end })
  end)

  after_each(function()
    app:close()
  end)

  local function send(method, path, query, body)
    return pages:handle { method = method, path = path, query = query or "", scheme = "https",
      headers = { host = "me.example.com" }, body = body, address = "192.0.2.1" }
  end

  local function choices(method, query, body)
    return send(method, "/link/company/" .. company.id, query, body)
  end

  local function field(response, name)
    return response.body:match('name="' .. name .. '" value="([^"]+)"')
  end

  local function set_profile(fields)
    app.store:save_setting("profile", json.encode(fields))
  end

  local function make_linked()
    assert(status.link(app.store, shop.row, { account = "acct_1Shop", auth = "connect",
      name = "Toy <Shop>" }))
  end

  local function later(seconds, work)
    local time = os.time
    os.time = function(...) -- luacheck: ignore 122
      return select("#", ...) > 0 and time(...) or time() + seconds
    end
    local ok, message = pcall(work)
    os.time = time -- luacheck: ignore 122
    assert(ok, message)
  end

  describe("that works once", function()
    it("opens it, any number of times, and goes on with it once", function()
      local otp = ticket.make("otp", company.id)
      for _, name in ipairs { "otp", "link.otp", "otp" } do -- checkers of links, then the merchant
        local opened = choices("GET", name .. "=" .. otp)
        assert.equal(200, opened.status)
        assert.equal(otp, field(opened, "otp"))
        assert.is_nil(field(opened, "integration"))
      end
      local used = choices("POST", "", "otp=" .. otp)
      assert.equal("yzth", field(used, "integration"))
      assert.is_truthy(field(used, "ticket"))
      assert.equal(403, choices("POST", "", "otp=" .. otp).status)
      assert.equal(403, send("GET", "/link/frame/" .. company.id, ASKED .. "&otp=" .. otp).status)
    end)

    it("cannot use another company's, a changed one, another kind, or one that is over", function()
      local other = assert(app:create_company { name = "Other" })
      local otp = ticket.make("otp", company.id)
      for _, wrong in ipairs { ticket.make("otp", other.id), otp .. "x", otp:sub(1, -3), "x", "..",
        otp:gsub("^%d", "9"), ticket.make("page", company.id), ("9"):rep(400) } do
        assert.equal(403, choices("GET", "otp=" .. wrong).status, wrong)
        assert.equal(403, choices("POST", "", "otp=" .. wrong).status, wrong)
      end
      later(86401, function()
        assert.equal(403, choices("POST", "", "otp=" .. otp).status)
      end)
      assert.equal(200, choices("POST", "", "otp=" .. otp).status)
      later(86401, function() -- is not valid again when its use is forgotten
        assert.equal(403, choices("POST", "", "otp=" .. otp).status)
      end)
    end)

    it("needs one if the operator says so, also in the frame", function()
      set_profile { name = "Lender", redirectUrl = "", oneTimeLinks = true }
      local frame, state = "/link/frame/" .. company.id, "/link/frame/" .. company.id .. "/state"
      assert.equal(403, choices("GET").status)
      assert.equal(403, choices("POST", "", "integration=yzth").status)
      assert.equal(403, send("GET", frame, ASKED).status)
      assert.equal(404, send("GET", state).status)
      local shown = send("GET", frame, ASKED .. "&otp=" .. ticket.make("otp", company.id))
      local pass = field(shown, "ticket")
      assert.equal(200, send("GET", state, "ticket=" .. pass).status)
      assert.equal(200, send("POST", frame, "", ASKED .. "&ticket=" .. pass).status)
      assert.equal(303, choices("POST", "", "integration=yzth&ticket=" .. pass).status)
      assert.equal(403, choices("POST", "", "integration=yzth&ticket=" .. pass .. "x").status)
      assert.equal(200, send("GET", "/link/start/" .. shop.row.link_id).status) -- a secret itself
    end)
  end)

  it("sees what is connected only with an address that works once", function()
    make_linked()
    for _, response in ipairs { choices "GET", send("GET", "/link/frame/" .. company.id, ASKED) } do
      assert.is_nil(response.body:find("Toy", 1, true) and response.body:find("Shop", 1, true))
      assert.is_nil(response.body:find(shop.row.link_id, 1, true))
    end
    local seen = choices("POST", "", "otp=" .. ticket.make("otp", company.id))
    assert.matches("Toy &lt;Shop&gt;: connected.", seen.body, 1, true)
    assert.matches('action="/codat/link/done/' .. shop.row.link_id .. '"', seen.body, 1, true)
    local frame = send("GET", "/link/frame/" .. company.id, ASKED .. "&otp="
      .. ticket.make("otp", company.id))
    assert.matches('action="/codat/link/done/' .. shop.row.link_id .. '" target="commerce_link"',
      frame.body, 1, true)
    assert.equal("1", field(frame, "link%.embedded"))
    local plain = {} -- where the frame leads if the browser blocks the window
    for address in frame.body:gmatch 'data%-plain="([^"]+)"' do
      plain[#plain + 1] = address:gsub("&amp;", "&")
    end
    assert.same({ "/codat/link/done/" .. shop.row.link_id .. "?link.embedded=1&manage=1",
      "/codat/link/company/" .. company.id .. "?link.embedded=1&ticket="
        .. field(frame, "ticket") }, plain)
    set_profile { name = "Lender", redirectUrl = "", oneTimeLinks = true }
    assert.equal(200, choices("GET", plain[2]:match "%?(.*)").status)
    assert(status.finish(app.store, shop.row, "Deauthorized"))
    assert(app.store:add_connection({ id = "00000000-0000-4000-8000-000000000001",
      company_id = company.id, integration = "stripe-test", account = "acct_1Own", name = "Own",
      status = "Linked", created = "2026-01-01T00:00:00Z" })) -- by a key: it has no address
    seen = choices("POST", "", "otp=" .. ticket.make("otp", company.id))
    assert.matches("Toy &lt;Shop&gt;: not connected any more.", seen.body, 1, true)
    assert.matches("Own: connected.", seen.body, 1, true)
    assert.is_nil(seen.body:find("Manage Own", 1, true))
    assert.matches('action="/codat/link/start/' .. shop.row.link_id .. '"', seen.body, 1, true)
  end)

  it("disconnects, and can connect the account again", function()
    assert(status.link(app.store, shop.row, { account = "acct_1Shop", auth = "key" }))
    local path = "/link/done/" .. shop.row.link_id
    local token = field(send("GET", path), "token")
    local answered = send("POST", path, "link.embedded=1", "answer=disconnect&token=" .. token)
    assert.equal(200, answered.status, table.concat(logged, "\n"))
    assert.matches("<h1>Disconnected</h1>", answered.body, 1, true)
    assert.matches("&quot;type&quot;:&quot;changed&quot;", answered.body, 1, true)
    assert.matches('href="https://me.example.com/codat/link/start/' .. shop.row.link_id
      .. '?link.embedded=1"', answered.body, 1, true)
    local row = app.store:connections({ id = shop.id })[1]
    assert.same({ "Unlinked", "acct_1Shop" }, { row.status, row.account })
    assert.equal(303, send("POST", path, "", "answer=disconnect&token=" .. token).status)
    assert.equal(200, send("GET", "/link/start/" .. shop.row.link_id).status)
  end)

  describe("to a connected account", function()
    before_each(make_linked)

    local function done(method, body, query)
      return send(method, "/link/done/" .. shop.row.link_id, query, body)
    end

    local function status_now()
      return app.store:connections({ id = shop.id })[1].status
    end

    it("gets from its first address to the page that manages it", function()
      assert.equal("https://me.example.com/codat/link/done/" .. shop.row.link_id,
        send("GET", "/link/start/" .. shop.row.link_id).headers.Location)
      local page = done "GET"
      assert.matches("Account: Toy &lt;Shop&gt;", page.body, 1, true)
      assert.matches('value="again">Reconnect', page.body, 1, true)
      assert.matches("<summary>Disconnect</summary>", page.body, 1, true)
      assert.equal("DENY", page.headers["X-Frame-Options"])
    end)

    it("reconnects", function()
      local begun = send("POST", "/link/start/" .. shop.row.link_id, "", "answer=again")
      assert.equal(303, begun.status)
      assert.matches("oauth/authorize", begun.headers.Location, 1, true)
      assert.equal("Linked", status_now())
    end)

    it("disconnects with the page's own token only", function()
      local token = field(done "GET", "token")
      for _, wrong in ipairs { "", "token=", "token=" .. token .. "x",
        "token=" .. ticket.make("form", shop.id), "token=" .. ticket.make("page",
          shop.row.link_id) } do
        assert.equal(303, done("POST", "answer=disconnect&" .. wrong).status)
        assert.equal("Linked", status_now())
      end
      assert.equal(200, done("POST", "answer=other&token=" .. token).status)
      assert.equal("Linked", status_now())
    end)

    it("does not stay on a page of the frame's window, except to manage", function()
      assert.matches("&quot;ends&quot;:true", done("GET", nil, "link.embedded=1").body, 1, true)
      assert.is_nil(done("GET", nil, "link.embedded=1&manage=1").body:find("<script", 1, true))
    end)

    it("sees it without a master key, and cannot disconnect then", function()
      set_master(nil)
      local page = done "GET"
      assert.equal(200, page.status)
      assert.is_nil(page.body:find("Disconnect", 1, true))
    end)
  end)
end)
