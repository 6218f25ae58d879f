-- Link in a page of the operator's: who may frame what, and what the frame and its window get.

local commerce = require "commerce"
local json = require "commerce.base.json"
local link = require "commerce.link"
local master_key = require "spec.support.master_key"
local origins = require "commerce.http.origins"
local status = require "commerce.account.status"

local SITE = "https://app.example.com"
local ASKED = "origin=https%3A%2F%2Fapp.example.com"

describe("the Link frame", function()
  master_key.use(master_key.ONE)
  local app, pages, company, shop

  before_each(function()
    app = assert(commerce.open { store = "memory:" })
    for name, key in pairs { ["stripe-test"] = "sk_test_emulator", stripe = "sk_live_emulator" } do
      assert(app:set_integration(name, { client_id = "ca_Emulator", secret_key = key,
        enabled = true }))
    end
    company = assert(app:create_company { name = 'Toys <i>"&' })
    shop = assert(company:create_connection { integration = "stripe-test" })
    origins.save(app.store, { SITE, "https://other.example.com" })
    pages = link.new(app, { prefix = "/codat", public_url = "https://me.example.com/codat" })
  end)

  after_each(function()
    app:close()
  end)

  local function send(method, path, query, body, headers)
    return pages:handle { method = method, path = path, query = query or "", scheme = "https",
      headers = headers or { host = "me.example.com" }, body = body, address = "192.0.2.1" }
  end

  local function frame(query)
    return send("GET", "/link/frame/" .. company.id, query or ASKED)
  end

  local function facts_of(response)
    local text = assert(response.body:match 'name="commerce%-link" content="([^"]*)"')
    return json.decode((text:gsub("&quot;", '"'):gsub("&#39;", "'"):gsub("&amp;", "&")))
  end

  it("may be shown by the page that asks, if its origin is allowed, and by no other", function()
    local response = frame()
    assert.equal(200, response.status)
    local policy = response.headers["Content-Security-Policy"]
    assert.equal("default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors " .. SITE
      .. "; script-src 'self'; connect-src 'self'", policy)
    assert.is_nil(response.headers["X-Frame-Options"])
    assert.equal(SITE, facts_of(response).parent)
    for _, query in ipairs { "", "origin=*", "origin=https%3A%2F%2Fevil.example.com", "origin=null",
      "origin=https%3A%2F%2Fapp.example.com.evil.com", "origin=http%3A%2F%2Fapp.example.com" } do
      local refused = frame(query)
      assert.equal(404, refused.status, query)
      assert.matches("frame%-ancestors 'none'$", refused.headers["Content-Security-Policy"])
      assert.equal("DENY", refused.headers["X-Frame-Options"])
      assert.is_nil(refused.body:find("<script", 1, true))
    end
    origins.save(app.store, {})
    assert.equal(404, frame().status)
  end)

  it("is the only page that may be framed", function()
    for _, path in ipairs { "/link/company/" .. company.id, "/link/start/" .. shop.row.link_id,
      "/link/done/" .. shop.row.link_id, "/oauth/callback", "/link/none" } do
      for _, query in ipairs { ASKED, ASKED .. "&link.embedded=1" } do
        local headers = send("GET", path, query).headers
        if headers["Content-Security-Policy"] then
          assert.matches("frame%-ancestors 'none'", headers["Content-Security-Policy"], path)
          assert.equal("DENY", headers["X-Frame-Options"], path)
        end
      end
    end
  end)

  it("shows the choices, as forms that open a window", function()
    local response = frame(ASKED .. "&close=1")
    assert.matches("Connect Toys &lt;i&gt;&quot;&amp;</h1>", response.body)
    assert.matches('action="/codat/link/company/' .. company.id .. '?link.embedded=1" '
      .. 'target="commerce_link"', response.body, 1, true)
    assert.matches('id="close"', response.body, 1, true)
    assert.is_nil(frame().body:find('id="close"', 1, true))
    assert.is_nil(response.body:find " on%a+=")
    assert.is_nil(response.body:find " style=")
    assert.is_nil(response.body:find(shop.row.link_id, 1, true)) -- a secret
  end)

  it("tells of the connections that are linked, as Codat's SDK does", function()
    local path = facts_of(frame()).state
    assert.equal("/codat/link/frame/" .. company.id .. "/state", path)
    local function state()
      return json.decode(send("GET", "/link/frame/" .. company.id .. "/state").body).connections
    end
    assert.equal(0, #state())
    assert(status.link(app.store, shop.row, { account = "acct_1Shop", auth = "connect",
      name = "Shop" }))
    assert.same({ { connectionId = shop.id, integrationKey = "yzth", platformName = "Stripe Test",
      integrationId = "5c6f2ab0-3c1e-4d8e-9b77-0f3f1c1d9a21", sourceType = "Commerce",
      sourceId = "7d0c9e64-15b2-4f0a-8a5e-5be0c2f7a3d8" } }, state())
    assert.same({ shop.id }, facts_of(frame()).linked)
    assert.equal(404, send("GET", "/link/frame/" .. shop.id .. "/state").status)
  end)

  it("opens pages that tell it what happens, and end in their own window", function()
    app.store:save_setting("profile", json.encode { name = "Lender",
      redirectUrl = "https://app.example.com/done" })
    local to = send("POST", "/link/company/" .. company.id, "link.embedded=1", "integration=yzth")
      .headers.Location
    assert.equal("https://me.example.com/codat/link/start/" .. shop.row.link_id
      .. "?link.embedded=1", to)
    local start = "/link/start/" .. shop.row.link_id
    local consent = send("GET", start, "link.embedded=1")
    assert.equal("consent", facts_of(consent).type)
    assert.equal(shop.id, facts_of(consent).detail.connection.connectionId)
    assert.matches("script%-src 'self'", consent.headers["Content-Security-Policy"])
    local plain = send("GET", start)
    assert.is_nil(plain.body:find("<script", 1, true))
    assert.is_nil(plain.headers["Content-Security-Policy"]:find("script", 1, true))

    local declined = send("POST", start, "link.embedded=1", "answer=no")
    assert.same({ message = "You cancelled. Nothing was connected.", errorCode = 403,
      userRecoverable = true }, facts_of(declined).detail)
    assert.matches("^https://app%.example%.com/done", send("POST", start, "", "answer=no")
      .headers.Location)

    local begun = send("POST", start, "link.embedded=1", "answer=yes").headers
    local state = begun.Location:match "state=([^&]+)"
    local back = send("GET", "/oauth/callback", "error=access_denied&state=" .. state, nil,
      { host = "me.example.com", cookie = begun["Set-Cookie"]:match "^[^;]+" })
    assert.equal("error", facts_of(back).type)
  end)

  it("never names a sandbox in live mode", function()
    assert.matches("Stripe Test", frame().body, 1, true)
    assert.is_nil(frame(ASKED .. "&link.showSandboxIntegrations=false").body
      :find("Stripe Test", 1, true))
    assert(app:set_mode "live")
    for _, response in ipairs { frame(), frame(ASKED .. "&link.showSandboxIntegrations=true"),
      send("GET", "/link/company/" .. company.id),
      send("POST", "/link/company/" .. company.id, "", "integration=yzth"),
      send("GET", "/link/start/" .. shop.row.link_id) } do
      assert.is_nil(response.body:find("Stripe Test", 1, true))
    end
    assert.matches("Connect Stripe<", frame().body, 1, true)
  end)

  it("is made by a module that every page may import", function()
    local sdk = send("GET", "/link/sdk.js")
    assert.equal("*", sdk.headers["Access-Control-Allow-Origin"])
    assert.matches("^text/javascript", sdk.headers["Content-Type"])
    assert.matches("export class CodatLink", sdk.body, 1, true)
    local script = send("GET", "/link/page.js")
    assert.equal(200, script.status)
    assert.is_nil(script.headers["Access-Control-Allow-Origin"])
  end)

  it("has the operator's logo and privacy notice, on every page", function()
    app.store:save_setting("profile", json.encode { name = 'A "B"', redirectUrl = "",
      logoUrl = "https://cdn.example.com/l.svg?a=1&b", privacyUrl = "https://a.example/p?x=<" })
    for _, response in ipairs { frame(), send("GET", "/link/company/" .. company.id) } do
      assert.matches('<img src="https://cdn.example.com/l.svg?a=1&amp;b" alt="A &quot;B&quot;">',
        response.body, 1, true)
      assert.matches('<a href="https://a.example/p?x=&lt;"', response.body, 1, true)
      assert.matches("; img%-src https://cdn%.example%.com$",
        response.headers["Content-Security-Policy"])
    end
    app.store:save_setting("profile", json.encode { name = "A", redirectUrl = "",
      logoUrl = "http://cdn.example.com/l.svg", privacyUrl = "javascript:alert(1)" })
    assert.is_nil(frame().body:find "<img")
    assert.is_nil(frame().body:find "javascript")
  end)
end)
