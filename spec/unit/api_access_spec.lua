-- Who may do what over the API: read-only keys, companies' access tokens, and pages in a browser.

local api_routes = require "commerce.api"
local auth = require "commerce.http.auth"
local client = require "spec.support.api_client"
local master_key = require "spec.support.master_key"
local ticket = require "commerce.account.link.ticket"
local time = require "commerce.base.time"

local COMPANY, OTHER = "/companies/" .. client.COMPANY, "/companies/" .. client.OTHER_COMPANY
local ORIGIN = "https://app.lender.example"

-- The path of a route with parameters that exist.
local function target_of(route)
  return (route.path:gsub("{companyId}", client.COMPANY):gsub("{connectionId}", client.CONNECTION)
    :gsub("{platformKey}", "yzth"):gsub("{dataType}", "commerce-payments"):gsub("{%w+}", "x"))
end

describe("a read-only API key", function()
  local api, reader
  master_key.use(master_key.ONE)

  before_each(function()
    api = client.new()
    reader = { authorization = "Basic " .. client.base64(auth.create(api.store,
      { name = "reader", read_only = true }).key) }
  end)

  after_each(function()
    api:close()
  end)

  it("reads everything that a key reads, and changes nothing, on every route", function()
    local read, refused = 0, 0
    for _, route in ipairs(api_routes.routes()) do
      local target = target_of(route)
      for _, method in ipairs { route.method, route.method == "GET" and "HEAD" or nil } do
        local status, body = api:call(method, target, route.body and "{}" or nil, reader)
        local what = ("%s %s: %d"):format(method, target, status)
        if route.method == "GET" and not route.writes then
          assert.equal((api:call(method, target)), status, what)
          read = read + 1
        else
          assert.equal(403, status, what)
          assert.is_true(method == "HEAD" or body.error == "This API key is read-only.", what)
          refused = refused + 1
        end
      end
    end
    assert.is_true(read > 80 and refused > 25, ("%d read, %d refused"):format(read, refused))
    assert.equal(2, #api.store:api_keys())
    assert.equal(2, #api.store:companies())
    assert.equal("Linked", api.store:connections({ id = client.CONNECTION })[1].status)
    assert.same({}, api.store:sync_settings "all")
    assert.equal(0, api.store:count_pulls { client.CONNECTION })
  end)

  it("is made over the API, and listed as such", function()
    local status, made = api:call("POST", "/apiKeys", { name = "r", readOnly = true })
    assert.equal(201, status)
    assert.is_true(made.readOnly)
    local headers = { authorization = "Basic " .. client.base64(made.apiKey) }
    assert.equal(200, (api:get("/companies", headers)))
    assert.equal(403, (api:call("POST", "/companies", { name = "x" }, headers)))
    local flags = {}
    for _, key in ipairs(select(2, api:get "/apiKeys").results) do
      flags[key.name] = key.readOnly or false
    end
    assert.same({ spec = false, reader = true, r = true }, flags)
  end)

  it("is what Zapier gets, one at a time", function()
    local status, first = api:call("POST", "/webhooks/integrationKeys/zapier")
    assert.equal(201, status)
    local function headers(key)
      return { authorization = "Basic " .. client.base64(key) }
    end
    assert.equal(200, (api:get("/companies", headers(first.key))))
    assert.equal(403, (api:call("DELETE", COMPANY, nil, headers(first.key))))
    local _, second = api:call("POST", "/webhooks/integrationKeys/zapier")
    assert.equal(401, (api:get("/companies", headers(first.key))))
    assert.equal(200, (api:get("/companies", headers(second.key))))
  end)
end)

describe("a company's access token", function()
  master_key.use(master_key.ONE)
  local api, bearer

  before_each(function()
    api = client.new()
    local status, body = api:get(COMPANY .. "/accessToken")
    assert.equal(200, status)
    assert.same({ 86400, "Bearer" }, { body.expiresIn, body.tokenType })
    bearer = { authorization = "Bearer " .. body.accessToken }
  end)

  after_each(function()
    api:close()
  end)

  it("manages the connections of its company, and does nothing else, on every route", function()
    local allowed = {}
    for _, route in ipairs(api_routes.routes()) do
      local status, body = api:call(route.method, target_of(route), route.body and "{}" or nil,
        bearer)
      local what = ("%s %s: %d"):format(route.method, route.path, status)
      assert.equal(not route.embedded, status == 403, what)
      if status == 403 then
        assert.is_truthy(body.error:find("own company", 1, true), what)
      else
        allowed[#allowed + 1] = route.method .. " " .. route.path
      end
    end
    table.sort(allowed)
    local ONE = "/companies/{companyId}/connections/{connectionId}"
    assert.same({ "DELETE " .. ONE, "GET /companies/{companyId}",
      "GET /companies/{companyId}/connections", "GET " .. ONE, "GET /integrations",
      "GET /integrations/{platformKey}", "GET /integrations/{platformKey}/branding",
      "PATCH " .. ONE, "POST /commerce/v1/companies/{companyId}/linkUrl",
      "POST /companies/{companyId}/connections" }, allowed)
    assert.equal(0, #api.store:connections { company_id = client.COMPANY }) -- it was deleted
  end)

  it("is of one company alone, in any spelling", function()
    assert.equal(200, (api:get(COMPANY:upper() .. "/", bearer)))
    for _, path in ipairs { "", "/connections", "/connections/" .. client.OTHER_CONNECTION } do
      assert.equal(403, (api:get(OTHER .. path, bearer)))
    end
    assert.equal(404, (api:get(COMPANY .. "/connections/" .. client.OTHER_CONNECTION, bearer)))
    assert.equal(404, (api:get("/companies/x", bearer)))
    assert.equal(403, (api:get("/companies", bearer)))
  end)

  it("expires, is stored as a hash, and goes with its company", function()
    for _, wrong in ipairs { "Bearer x", "Bearer ", "Bearer " .. ("x"):rep(9999) } do
      assert.equal(401, (api:get(COMPANY, { authorization = wrong })))
    end
    local token = bearer.authorization:match "%S+$"
    assert.equal(401, (api:get(COMPANY, { authorization = "Basic " .. client.base64(token) })))
    local real = os.time
    os.time = function(...) -- luacheck: ignore
      return ... and real(...) or real() + 86401
    end
    local expired = api:get(COMPANY, bearer)
    os.time = real -- luacheck: ignore
    assert.equal(401, expired)
    assert.equal(200, (api:get(COMPANY, bearer)))
    assert.equal(204, (api:call("DELETE", COMPANY)))
    assert.equal(401, (api:get(COMPANY, bearer)))
  end)

  it("gives an address of the Link pages that works once, as a key does", function()
    local path = "/commerce/v1/companies/%s/linkUrl"
    for _, headers in ipairs { bearer, {} } do
      local status, body = api:call("POST", path:format(client.COMPANY), nil,
        next(headers) and headers or nil)
      assert.equal(200, status)
      assert.matches("/link/company/" .. client.COMPANY .. "?otp=" .. body.otp, body.url, 1, true)
      assert.is_true(ticket.spend(api.store, "otp", client.COMPANY, body.otp))
      assert.is_false(ticket.spend(api.store, "otp", client.COMPANY, body.otp))
      local left = time.parse(body.expires) - os.time()
      assert.is_true(left > 86300 and left <= 86400)
    end
    assert.equal(403, (api:call("POST", path:format(client.OTHER_COMPANY), nil, bearer)))
    assert.equal(404, (api:call("POST", path:format(client.CONNECTION))))
  end)

  it("is counted towards a daily limit of the company's own", function()
    local few = client.new { daily_limit = 2 }
    local _, body = few:get(COMPANY .. "/accessToken")
    local headers = { authorization = "Bearer " .. body.accessToken }
    for _, status in ipairs { 200, 200, 429 } do
      assert.equal(status, (few:get(COMPANY, headers)))
    end
    assert.equal(200, (few:get(COMPANY)))
    few:close()
  end)

  it("is not what Codat's older path gives any more", function()
    local status, body = api:get(COMPANY .. "/connectionManagement/accessToken")
    assert.same({ 404, "NotFound" }, { status, body.error })
  end)

  describe("in a page", function()
    local function ask(method, target, origin)
      return api:call("OPTIONS", target, nil, { authorization = false, origin = origin,
        ["access-control-request-method"] = method,
        ["access-control-request-headers"] = "authorization" })
    end

    before_each(function()
      local status, body = api:call("POST", "/corsSettings", { allowedOrigins = {
        "https://APP.lender.example/", "http://localhost:3000" } })
      assert.equal(200, status, body.error)
      assert.same({ allowedOrigins = { ORIGIN, "http://localhost:3000" } }, body)
    end)

    it("is admitted from the origins that are set, by both of Codat's paths", function()
      for _, path in ipairs { "/corsSettings", "/connectionManagement/corsSettings" } do
        assert.same({ allowedOrigins = { ORIGIN, "http://localhost:3000" } },
          select(2, api:get(path)))
      end
      local status, body, headers = ask("PATCH", COMPANY .. "/connections/" .. client.CONNECTION,
        ORIGIN)
      assert.same({ 204, "" }, { status, body })
      assert.equal(ORIGIN, headers["Access-Control-Allow-Origin"])
      assert.equal("PATCH", headers["Access-Control-Allow-Methods"])
      assert.is_truthy(headers["Access-Control-Allow-Headers"]:find "Authorization")
      assert.equal("Origin", headers.Vary)
      bearer.origin = ORIGIN
      local answered, _, given = api:get(COMPANY .. "/connections", bearer)
      assert.same({ 200, ORIGIN, "Origin" }, { answered, given["Access-Control-Allow-Origin"],
        given.Vary })
      -- an answer that refuses can be read as well
      local refused, _, also = api:get(OTHER, bearer)
      assert.same({ 403, ORIGIN }, { refused, also["Access-Control-Allow-Origin"] })
    end)

    it("is not admitted from any other, nor to other routes", function()
      for _, origin in ipairs { "https://evil.example", "https://app.lender.example.evil.example",
        "http://app.lender.example", "null", "*", "" } do
        local status, _, headers = ask("GET", COMPANY, origin)
        assert.equal(401, status, origin)
        assert.is_nil(headers["Access-Control-Allow-Origin"])
        bearer.origin = origin
        local _, _, given = api:get(COMPANY, bearer)
        assert.is_nil(given["Access-Control-Allow-Origin"])
      end
      for target, method in pairs { [client.DATA .. "/commerce-payments"] = "GET",
        ["/apiKeys"] = "POST", [COMPANY .. "/accessToken"] = "GET", ["/nothing"] = "GET",
        [COMPANY] = "PUT" } do
        local status, _, headers = ask(method, target, ORIGIN)
        assert.is_true(status >= 400, target)
        assert.is_nil(headers["Access-Control-Allow-Origin"])
      end
    end)

    it("is the only thing admitted: an API key is refused, and nothing is done", function()
      for _, case in ipairs { { "GET", COMPANY }, { "DELETE", COMPANY },
        { "GET", "/companies" } } do
        local status, body, headers = api:call(case[1], case[2], nil, { origin = ORIGIN })
        assert.equal(403, status)
        assert.is_truthy(body.error:find("must not be used in a browser", 1, true))
        assert.is_nil(headers["Access-Control-Allow-Origin"])
      end
      -- what is no page, or a page that no browser lets read the answer, is not concerned
      local status, _, headers = api:call("GET", COMPANY, nil, { origin = "https://other.example" })
      assert.equal(200, status)
      assert.is_nil(headers["Access-Control-Allow-Origin"])
    end)

    it("needs origins without paths, names or stars", function()
      for _, wrong in ipairs { "*", "https://*.lender.example", "app.lender.example", "null", "",
        "https://app.lender.example/path", "https://u:p@app.lender.example", "ftp://a.example",
        "https://", "https://a b", "javascript:x" } do
        local status, body = api:call("POST", "/corsSettings", { allowedOrigins = { wrong } })
        assert.equal(400, status, wrong)
        assert.is_truthy(body.error:find("allowedOrigins[0]", 1, true))
      end
      assert.equal(400, (api:call("POST", "/corsSettings", "{}")))
      assert.same({ allowedOrigins = {} }, select(2, api:call("POST", "/corsSettings",
        { allowedOrigins = require("commerce.base.json").array {} })))
    end)
  end)
end)
