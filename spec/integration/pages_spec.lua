-- A merchant links in the browser: the pages in a real nginx, the emulator as Stripe.
-- Runs under one runtime: the subject runs in nginx.

local client = require "spec.support.api_client"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local nginx = require "spec.support.nginx"
local shell = require "spec.support.shell"

local SHOP = "acct_1MerchantShop"
local LINK = "/codat/link/company/" .. client.COMPANY

describe("a merchant in the browser", function()
  local e, folder, server, made
  master_key.use(master_key.ONE)

  setup(function()
    e = emulator.start { charges = 5 }
    folder = shell.temporary_folder()
  end)

  teardown(function()
    e:stop()
    shell.remove_folder(folder)
  end)

  local number = 0
  local cookie -- of the browser

  before_each(function()
    e:reset { charges = 5 }
    e:control("accounts", { { id = SHOP, name = "Merchant <b>Shop", charges = 5,
      connected = false } })
    number = number + 1
    cookie = nil
    local store = ("sqlite:%s/%d.db"):format(folder, number)
    made = client.new({}, store)
    assert(made.app:company(client.COMPANY)):update { name = 'Toys <script>"&' }
    server = nginx.start("examples/nginx.conf", { COMMERCE_STORE = store,
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

  -- What the operator does: the platform's settings at Stripe, and ours.
  local function set_up()
    e:control("platforms", { account = "acct_1CommerceShop001",
      redirect_uris = { server.base .. "/codat/oauth/callback" } })
    assert(made.app:set_integration("stripe-test", { client_id = "ca_EmulatorTest",
      secret_key = "sk_test_emulator", enabled = true }))
  end

  -- Well-formed, described, without a script, and with headers that keep it so.
  local function check_page(body, headers)
    assert.is_truthy(headers["content-security-policy"]:find "default%-src 'none'")
    assert.equal("no-store", headers["cache-control"])
    assert.equal("DENY", headers["x-frame-options"])
    assert.is_truthy(body:find('<html lang="en">', 1, true))
    assert.is_truthy(body:find('name="viewport"', 1, true))
    assert.equal(1, select(2, body:gsub("<h1>", "")))
    assert.equal(1, select(2, body:gsub("<main>", "")))
    assert.is_nil(body:lower():find("<script", 1, true))
    assert.is_nil(body:find(" on%a+="))
    assert.is_nil(body:find(" style=", 1, true))
    local open = {}
    for closing, name, attributes in body:gmatch "<(/?)(%a%w*)([^>]*)>" do
      if closing == "/" then
        assert.equal(table.remove(open), name, body)
      elseif not ({ meta = true, link = true, input = true, img = true })[name] then
        open[#open + 1] = name
      end
      assert.equal(0, select(2, attributes:gsub('"', "")) % 2, attributes)
    end
    assert.equal(0, #open)
  end

  local function send(method, address, headers, sent)
    headers.cookie = cookie
    local status, body, answered = server:request(method, (address:gsub("^" .. server.base:gsub(
      "%p", "%%%0"), "")), headers, sent)
    cookie = (answered["set-cookie"] or ""):match "^[^;]+" or cookie
    return status, body, answered
  end

  local function get(address)
    local status, body, headers = send("GET", address, {})
    if headers["content-type"] and status < 500 and status ~= 303 then
      check_page(body, headers)
    end
    return status, body, headers
  end

  -- Presses a button of a page.
  local function press(address, name, value)
    return send("POST", address, { ["content-type"] = "application/x-www-form-urlencoded" },
      name .. "=" .. value)
  end

  local function start_address()
    local status, _, headers = press(LINK, "integration", "yzth")
    assert.equal(303, status)
    return headers.location
  end

  local function stripe_address()
    local status, _, headers = press(start_address(), "answer", "yes")
    assert.equal(303, status)
    return headers.location
  end

  local function connections(status)
    return assert(made.store:connections { company_id = client.COMPANY, status = status })
  end

  it("chooses, consents, allows at Stripe, and is told that it worked", function()
    set_up()
    local status, body = get(LINK)
    assert.equal(200, status)
    assert.is_truthy(body:find("Connect Toys &lt;script&gt;&quot;&amp;", 1, true), body)
    assert.is_truthy(body:find('name="integration" value="yzth"', 1, true), body)
    assert.is_nil(body:find("exgd", 1, true)) -- not set up
    local address = start_address()
    assert.is_truthy(address:find("^" .. server.base:gsub("%p", "%%%0") .. "/codat/link/start/"))
    assert.equal(address, start_address()) -- the one that waits, not one more
    status, body = get(address)
    assert.equal(200, status)
    assert.is_truthy(body:find("Payments and refunds", 1, true))
    assert.is_truthy(body:find("Nothing can be changed in your account", 1, true))
    local back = e:consent(stripe_address(), "allow", SHOP)
    local moved, _, headers = get(back)
    assert.equal(303, moved)
    assert.is_nil(headers.location:find("code=", 1, true)) -- not in the browser's history
    status, body = get(headers.location)
    assert.equal(200, status, body)
    assert.is_truthy(body:find("<h1>Connected</h1>", 1, true), body)
    assert.equal(200, (get(headers.location)))
    local row = connections "Linked"[2]
    assert.equal(SHOP, row.account)
    assert.equal("connect", row.auth)
    -- the same address again does nothing, and leads to the same place
    local history = #assert(made.app:connection(row.id)):history()
    assert.equal(headers.location, (select(3, get(back))).location)
    assert.equal(history, #assert(made.app:connection(row.id)):history())
    status, body = get(LINK)
    assert.equal(200, status)
    assert.is_truthy(body:find("Connect another Stripe Test account", 1, true), body)
  end)

  it("cannot finish what another browser began, nor begin again what is connected", function()
    set_up()
    local start = start_address()
    local back = e:consent(stripe_address(), "allow", SHOP)
    local own = cookie
    assert.is_truthy(own:find "^commerce_link=%S+$")
    for _, other in ipairs { "", "commerce_link=x", "commerce_link=", own .. "x" } do
      cookie = other
      local status, body = get(back)
      assert.equal(200, status)
      assert.is_truthy(body:find("begun in another browser", 1, true), body)
    end
    assert.equal(0, #connections "Linked" - 1)
    cookie = "a=b; " .. own .. "; c=d"
    local done = select(3, get(back)).location
    assert.is_truthy(done:find("/link/done/", 1, true), done)
    assert.equal(done, select(3, get(start)).location)
    for _, answer in ipairs { "yes", "no" } do
      assert.equal(done, select(3, press(start, "answer", answer)).location)
    end
  end)

  it("needs no cookie for a link that a script began", function()
    set_up()
    local shop = assert(assert(made.app:company(client.COMPANY)):create_connection {
      integration = "stripe-test" })
    local begun = assert(made.app:begin_link(shop, { connect_base = e.base,
      redirect_uri = server.base .. "/codat/oauth/callback" }))
    assert.equal(303, (get((e:consent(begun.url, "allow", SHOP)))))
    assert.equal("Linked", assert(made.app:connection(shop.id)).status)
  end)

  it("is told who will read it, and is led back to where it can go on", function()
    set_up()
    local address = start_address()
    assert.equal(303, (get((address:gsub("/start/", "/done/"))))) -- not yet
    assert(made.store:save_setting("profile", require("commerce.base.json").encode {
      name = "Lender <i>& Co", redirectUrl = "" }))
    local _, body = get(address)
    assert.is_truthy(body:find("Lender &lt;i&gt;&amp; Co will read this from your Stripe account",
      1, true), body)
  end)

  it("goes to where the operator wants, with what became of it", function()
    set_up()
    assert(made.store:save_setting("profile", require("commerce.base.json").encode { name = "x",
      redirectUrl = "https://lender.example/done?c={companyId}&s={statusCode}&t={statusText}"
        .. "&m={errorMessage}&p={platformName}&x={mine}" }))
    local _, _, headers = get((e:consent(stripe_address(), "allow", SHOP)))
    assert.equal("https://lender.example/done?c=" .. client.COMPANY
      .. "&s=200&t=OK&m=&p=Stripe%20Test&x=", headers.location)
    _, _, headers = press(start_address(), "answer", "no")
    assert.is_truthy(headers.location:find("&s=403&t=You%20cancelled", 1, true), headers.location)
    assert.is_truthy(headers.location:find("&m=User%20cancelled&p=", 1, true), headers.location)
    -- a merchant whose account is connected already goes on without having done anything
    local id
    for _, connection in ipairs(connections "Linked") do
      id = connection.company_id == client.COMPANY and connection.link_id or id
    end
    local _, body = get((start_address():gsub("/start/.*$", "/done/" .. id)))
    assert.is_truthy(body:find('href="https://lender.example/done?c=' .. client.COMPANY
      .. '&amp;s=201&amp;t=&amp;m=&amp;p=&amp;x=">Continue', 1, true), body)
  end)

  it("comes to the operator with what Stripe said, and with Codat's texts", function()
    set_up()
    assert(made.store:save_setting("profile", require("commerce.base.json").encode { name = "x",
      redirectUrl = "https://{where}.lender.example/?s={statusCode}&m={errorMessage}&t={statusText}"
        .. "&i={clientId}", whiteListUrls = { "https://uat.lender.example" } }))
    local _, _, headers = press(start_address() .. "?where=uat", "answer", "yes")
    local _, _, back = get((e:consent(headers.location, "deny")))
    local text, id = back.location:match("^https://uat%.lender%.example/%?s=403"
      .. "&m=User%%20cancelled&t=([^&]+)&i=(%x+%-[%x%-]+)$")
    assert.is_truthy(text and text:find "denied", back.location)
    assert.equal(made.store:setting "client_id", id)
    -- another host than the allowed ones: the merchant stays
    assert.equal(200, (press(start_address() .. "?where=evil", "answer", "no")))
  end)

  -- What a link was given, from the first page to the operator's.
  it("takes the link's own parameters along, those that are asked for", function()
    set_up()
    assert(made.store:save_setting("profile", require("commerce.base.json").encode { name = "x",
      redirectUrl = "https://lender.example/done?s={statusCode}&r={ref_no}&p={my-plan}&n={none}" }))
    local given = "?ref_no=A%20%2F%26%22%3E_~.1&my-plan=%C3%A9&other=1&statusCode=999"
    local taken = "&r=A%20%2F%26%22%3E_~.1&p=%C3%A9&n="
    local _, body = get(LINK .. given)
    local action = body:match('action="(%S+)"'):gsub("&amp;", "&")
    assert.is_nil(action:find("other", 1, true))
    local _, _, headers = press(action, "integration", "yzth")
    local start = headers.location
    body = select(2, get(start))
    assert.equal(start:match "%?.*", (body:match('action="(%S+)"'):gsub("&amp;", "&"):match "%?.*"))
    headers = select(3, press(start, "answer", "no"))
    assert.equal("https://lender.example/done?s=403" .. taken, headers.location)
    headers = select(3, press(start, "answer", "yes"))
    assert.equal("https://lender.example/done?s=403" .. taken,
      select(3, get((e:consent(headers.location, "deny")))).location)
    -- what somebody makes too long is left out, not carried through Stripe
    headers = select(3, press(start:gsub("%?.*", "") .. "?ref_no=" .. ("x"):rep(501), "answer",
      "no"))
    assert.equal("https://lender.example/done?s=403&r=&p=&n=", headers.location)
    headers = select(3, press(start, "answer", "yes"))
    local back = e:consent(headers.location, "allow", SHOP)
    for _ = 1, 2 do -- loaded again, it is the same
      assert.equal("https://lender.example/done?s=200" .. taken, select(3, get(back)).location)
    end
  end)

  it("is not sent anywhere by a redirect address without a fixed host", function()
    set_up()
    for _, address in ipairs { "https://{mine}/", "https://a.example{mine}", "javascript:alert(1)",
      "https://user@evil.example/", "//evil.example", "https:evil.example" } do
      assert(made.store:save_setting("profile",
        require("commerce.base.json").encode { name = "x", redirectUrl = address }))
      local status = press(start_address(), "answer", "no")
      assert.equal(200, status, address)
    end
  end)

  it("may say no, here and at Stripe, and start again", function()
    set_up()
    local status, body, headers = press(start_address(), "answer", "no")
    assert.equal(200, status)
    check_page(body, headers)
    assert.is_truthy(body:find("You cancelled", 1, true))
    assert.is_truthy(body:find("Try again", 1, true))
    status, body = get((e:consent(stripe_address(), "deny")))
    assert.equal(200, status)
    assert.is_truthy(body:find("did not allow", 1, true), body)
    assert.is_truthy(body:find('href="' .. start_address() .. '">Try again', 1, true), body)
    body = select(2, get((e:consent(stripe_address(), "allow", "acct_1CommerceShop001"))))
    assert.is_truthy(body:find("choose your own", 1, true), body)
    assert.is_truthy(body:find('">Try again', 1, true), body)
    assert.equal(1, #connections "Linked") -- the one that was there before
  end)

  it("is told when nothing is set up", function()
    local status, body = get(LINK)
    assert.equal(200, status)
    assert.is_truthy(body:find("Nothing can be connected yet", 1, true))
    assert.equal(200, (press(LINK, "integration", "yzth")))
    assert.equal(1, #connections())
  end)

  it("finds nothing at addresses that were not given", function()
    set_up()
    for _, path in ipairs { "/codat/link/company/x", "/codat/link/company/" .. client.CONNECTION,
      "/codat/link/start/" .. client.CONNECTION, "/codat/link/start/",
      "/codat/link/", "/codat/link/start/%3Cscript%3E" } do
      assert.equal(404, (get(path)), path)
    end
    for _, query in ipairs { "", "?code=ac_1&state=x", "?error=%3Cscript%3E", "?state=" } do
      local status, body = get("/codat/oauth/callback" .. query)
      assert.equal(200, status)
      assert.is_truthy(body:find("Not connected", 1, true), body)
    end
  end)

  it("gets a style, and nobody's key or code gets into the log", function()
    set_up()
    local status, body, headers = server:request("GET", "/codat/link/style.css")
    assert.equal(200, status)
    assert.equal("text/css", headers["content-type"])
    assert.is_truthy(body:find("max%-width"))
    local back = e:consent(stripe_address(), "allow", SHOP)
    get(back)
    get(back)
    assert.is_nil(server:log():find "sk_test_emulator")
    assert.is_nil(server:log():find(back:match "code=(ac_%w+)", 1, true))
  end)
end)
