-- The Link pages without a server: what they set, count and refuse.

local commerce = require "commerce"
local link = require "commerce.link"
local master_key = require "spec.support.master_key"

describe("the Link pages", function()
  master_key.use(master_key.ONE)
  local app, pages, shop, logged

  before_each(function()
    app = assert(commerce.open { store = "sqlite::memory:" })
    assert(app:set_integration("stripe-test", { client_id = "ca_EmulatorTest",
      secret_key = "sk_test_emulator", enabled = true }))
    shop = assert(assert(app:create_company { name = "Shop" }):create_connection {
      integration = "stripe-test" })
    assert(app.store:add_webhook_consumer({ id = "w1", url = "https://a.example/",
      disabled = false, event_types = {}, company_tags = {}, created = "2026-01-01T00:00:00Z" }, 9))
    logged = {}
  end)

  after_each(function()
    app:close()
  end)

  local function make(options)
    options = options or {}
    options.log = function(message)
      logged[#logged + 1] = message
    end
    pages = link.new(app, options)
  end

  local function send(method, path, body, changes)
    local received = { method = method, path = path, query = "",
      headers = { host = "127.0.0.1:80" },
      scheme = "http", body = body, address = "192.0.2.1" }
    for name, value in pairs(changes or {}) do
      received[name] = value
    end
    return pages:handle(received)
  end

  local function answer(word, changes)
    return send("POST", "/link/start/" .. shop.row.link_id, "answer=" .. word, changes)
  end

  local function events()
    local count = 0
    for _, row in ipairs(app.store.db:all "SELECT type FROM webhook_events") do
      count = count + (row.type == "connection.failed" and 1 or 0)
    end
    return count
  end

  describe("with a Stripe App", function()
    local INSTALL = "https://marketplace.stripe.com/oauth/v2/authorize"

    before_each(function()
      assert(app:set_integration("stripe-test", { enabled = false }))
      assert(app:set_stripe_app("stripe-test", { secret_key = "sk_test_emulator", enabled = true,
        install_link = INSTALL .. "?client_id=ca_App" }))
    end)

    it("offer it, and send the merchant to the install link", function()
      make { public_url = "https://me.example.com" }
      local page = send("GET", "/link/start/" .. shop.row.link_id)
      assert.matches("Continue to Stripe", page.body, 1, true)
      assert.matches("Nothing can be changed", page.body, 1, true)
      local to = answer("yes").headers.Location
      assert.equal(INSTALL .. "?client_id=ca_App&redirect_uri=https%3A%2F%2Fme.example.com"
        .. "%2Foauth%2Fcallback&state=", to:match "^.-&state=")
    end)

    it("do not send anybody away if Stripe could not send them back over https", function()
      make { public_url = "http://127.0.0.1:8080" }
      assert.equal(503, answer("yes").status)
      assert.matches("https", table.concat(logged, "\n"), 1, true)
    end)
  end)

  it("tell of a merchant who declines once, until the link is begun again", function()
    make()
    for _ = 1, 20 do
      assert.equal(200, answer("no").status)
    end
    assert.equal(1, events())
    assert.equal(303, answer("yes").status)
    for _ = 1, 20 do
      assert.equal(200, answer("no").status)
    end
    assert.equal(2, events())
  end)

  it("use no state for a HEAD, which programs that check links send", function()
    make()
    local begun = answer("yes").headers
    local query = "error=access_denied&state=" .. begun.Location:match "state=([^&]+)"
    local headers = { host = "127.0.0.1:80", cookie = begun["Set-Cookie"]:match "^[^;]+" }
    for _, step in ipairs { { "HEAD", 1 }, { "GET", 0 } } do
      assert.equal(200, send(step[1], "/oauth/callback", nil,
        { query = query, headers = headers }).status)
      assert.equal(step[2], app.store.db:all("SELECT count(*) AS n FROM link_states")[1].n)
    end
  end)

  it("keep no more than so many open links of a connection", function()
    make { counter = function() return 1 end }
    for _ = 1, 60 do
      assert.equal(303, answer("yes").status)
    end
    assert.equal(50, app.store.db:all("SELECT count(*) AS n FROM link_states")[1].n)
  end)

  it("take so many forms a minute of an address", function()
    make()
    for _ = 1, 60 do
      assert.equal(200, answer("no").status)
    end
    local refused = answer "no"
    assert.same({ 429, "60" }, { refused.status, refused.headers["Retry-After"] })
    assert.is_truthy(refused.body:find("Please wait a minute", 1, true))
    assert.equal(200, answer("no", { address = "192.0.2.2" }).status)
    assert.equal(200, send("GET", "/link/start/" .. shop.row.link_id).status) -- reading is free
    for i = 1, 61 do -- a network of IPv6 is one address
      local response = answer("no", { address = ("2001:db8::%x"):format(i) })
      assert.equal(i > 60 and 429 or 200, response.status)
    end
    assert.equal(429, answer("no", { address = "2001:db8:0:0:1::" }).status)
    assert.equal(200, answer("no", { address = "2001:db8:0:1::1" }).status)
  end)

  it("give the browser a cookie that only it can send back", function()
    make()
    local cookie = answer("yes").headers["Set-Cookie"]
    assert.matches("^commerce_link=[%w%-_]+; Max%-Age=86400; Path=/; HttpOnly; SameSite=Lax$",
      cookie)
    local again = answer("yes", { headers = { host = "localhost",
      cookie = "x=y; " .. cookie:match "^[^;]+" } })
    assert.equal(cookie, again.headers["Set-Cookie"]) -- links of two tabs can both be finished
    make { prefix = "/codat" }
    assert.matches("; Path=/codat; HttpOnly; SameSite=Lax$", answer("yes").headers["Set-Cookie"])
    make { prefix = "/codat", public_url = "https://shop.example/codat" }
    assert.matches("^__Host%-commerce_link=[%w%-_]+; Max%-Age=86400; Path=/; HttpOnly; "
      .. "SameSite=Lax; Secure$", answer("yes").headers["Set-Cookie"])
  end)

  it("never believe a Host header about where they are", function()
    make { prefix = "/codat" }
    local function started(host)
      return send("POST", "/link/company/" .. shop.company_id, "integration=yzth",
        { headers = { host = host } }).headers.Location
    end
    for _, host in ipairs { "evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
      "evil.example:80", "127.0.0.1@evil.example", "", "[::2]", "localhost\r\nX: y",
      "10.0.0.1" } do
      assert.equal("/codat/link/start/" .. shop.row.link_id, started(host), host)
      local response = answer("yes", { headers = { host = host } })
      assert.equal(503, response.status)
      assert.is_nil(response.headers["Set-Cookie"])
      assert.matches("set `public_url`", logged[#logged])
    end
    for _, host in ipairs { "localhost", "LOCALHOST:80", "127.0.0.1:80", "127.9.9.9", "[::1]:1" } do
      assert.equal("http://" .. host .. "/codat/link/start/" .. shop.row.link_id, started(host))
      assert.matches("redirect_uri=http%%3A%%2F%%2F", answer("yes", { headers = { host = host } })
        .headers.Location)
    end
    make { prefix = "/codat", public_url = "https://shop.example/codat/" }
    assert.equal("https://shop.example/codat/link/start/" .. shop.row.link_id,
      started "evil.example")
    assert.matches("redirect_uri=https%%3A%%2F%%2Fshop%.example%%2Fcodat%%2Foauth%%2Fcallback",
      answer("yes", { headers = { host = "evil.example" } }).headers.Location)
  end)
end)
