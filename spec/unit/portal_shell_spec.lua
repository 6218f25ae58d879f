-- What every page of the portal shares: the frame, the modes, the headers, the assets.

local commerce = require "commerce"
local portal_browser = require "spec.support.portal_browser"

describe("the portal", function()
  local app, browser

  before_each(function()
    app = assert(commerce.open { store = "memory:" })
    browser = portal_browser.new(app)
  end)

  after_each(function()
    app:close()
  end)

  it("leads to the companies", function()
    for _, path in ipairs { "/", "/portal" } do
      local response = browser:get(path)
      assert.equal(303, response.status)
      assert.equal("/portal/test/companies", response.headers.Location)
    end
  end)

  it("is served under a prefix", function()
    browser = portal_browser.new(app, { prefix = "/codat" })
    assert.equal("/codat/portal/test/companies", browser:get("/portal").headers.Location)
    local page = browser:get("/portal/test/companies").body
    for _, address in ipairs { "href", "src", "action" } do
      for found in page:gmatch(address .. '="([^"]*)"') do
        assert.is_truthy(found:find("^/codat/portal") or found:find "^#", found)
      end
    end
  end)

  it("can load nothing but its own assets, and is never framed", function()
    local headers = browser:get("/portal/test/companies").headers
    local policy = headers["Content-Security-Policy"]
    assert.matches("default-src 'none'", policy, 1, true)
    assert.matches("frame-ancestors 'none'", policy, 1, true)
    assert.is_nil(policy:find("unsafe", 1, true))
    assert.equal("DENY", headers["X-Frame-Options"])
    assert.equal("no-store", headers["Cache-Control"])
  end)

  it("shows test mode in a band, and not in live mode", function()
    assert.matches('class="band"', browser:get("/portal/test/companies").body, 1, true)
    assert.is_nil(browser:get("/portal/live/companies").body:find('class="band"', 1, true))
    assert.equal(404, browser:get("/portal/other/companies").status)
  end)

  it("has assets that browsers keep, and a first view below 100 KB", function()
    local page = browser:get("/portal/test/companies").body
    local bytes, count = #page, 0
    for address in page:gmatch '"(/portal/assets/[^"]+)"' do
      local asset = browser:get(address)
      assert.equal(200, asset.status)
      assert.matches("immutable", asset.headers["Cache-Control"], 1, true)
      local again = browser:get(address, { ["if-none-match"] = asset.headers.ETag })
      assert.same({ 304, "" }, { again.status, again.body })
      bytes, count = bytes + #asset.body, count + 1
    end
    assert.is_true(count >= 3)
    assert.is_true(bytes < 100 * 1024, bytes)
    local plain = browser:get "/portal/assets/portal.css"
    assert.equal("public, no-cache", plain.headers["Cache-Control"])
    assert.equal(404, browser:get("/portal/assets/nothing.css").status)
    assert.equal(404, browser:get("/portal/assets/../init.lua").status)
  end)

  it("takes a form only with its token, and changes only from an administrator", function()
    local path = "/portal/test/companies"
    assert.equal(403, browser:post(path, { csrf = "" }).status)
    assert.equal(403, browser:post(path, { csrf = "other", name = "Toys" }).status)
    local viewer = portal_browser.new(app, { role = "viewer" })
    assert.equal(403, viewer:post(path, { name = "Toys" }).status)
    assert.same({}, app:companies())
    assert.equal(303, browser:post(path, { name = "Toys" }).status)
    assert.equal("Toys", app:companies()[1].name)
  end)

  it("names what is not there", function()
    local company = "/portal/test/companies/00000000-0000-4000-8000-000000000001"
    for _, path in ipairs { "/portal/x", company, "/portal/test/companies/x" } do
      local page = browser:get(path)
      assert.equal(404, page.status)
      assert.matches("<h1>Not found</h1>", page.body, 1, true)
    end
    assert.same({}, browser.logged)
  end)

  it("shows a failure without its details, which are logged", function()
    app.store:close()
    local page = browser:get "/portal/test/companies"
    assert.equal(503, page.status)
    assert.is_nil(page.body:find("memory", 1, true))
    assert.equal(1, #browser.logged)
  end)
end)
