-- What the HTTP servers tell strangers: which path is a route, who sees the metrics, and how far a
-- failure is told.

local commerce = require "commerce"
local api = require "commerce.api"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local metrics = require "commerce.serve.metrics"
local response = require "commerce.http.response"
local router = require "commerce.http.router"

describe("a path", function()
  local routes = router.new { { method = "GET", path = "/companies" },
    { method = "GET", path = "/companies/{companyId}" }, { method = "GET", path = "/" } }

  for path, found in pairs { ["/"] = true, ["/companies"] = true, ["/companies/x"] = true,
    ["//companies"] = false, ["/companies/"] = true, ["/companies//"] = false,
    ["//companies/x"] = false, ["/companies//x"] = false, ["//"] = false, [""] = false,
    ["/./companies"] = false, ["/x/../companies"] = false, ["/%63ompanies"] = false } do
    it(("%s is %s"):format(path, found and "a route" or "nothing"), function()
      assert.equal(found, (routes:find("GET", path)) ~= nil)
    end)
  end
end)

describe("the metrics", function()
  it("need a key, except on this machine and not through a proxy", function()
    local function needs(address, headers)
      return metrics.needs_key { address = address, headers = headers or {} }
    end
    for _, address in ipairs { "127.0.0.1", "127.8.0.1", "::1", "unix:" } do
      assert.is_false(needs(address))
      for _, name in ipairs { "forwarded", "x-forwarded-for", "via" } do
        assert.is_true(needs(address, { [name] = "127.0.0.1" }))
      end
    end
    for _, address in ipairs { "10.0.0.1", "1.2.7.1", "2127.0.0.1", "::2", "::ffff:127.0.0.1" } do
      assert.is_true(needs(address))
    end
    assert.is_true(needs(nil))
  end)
end)

describe("an answer", function()
  local PATH = "/srv/shop.db: no such column: c.status"

  local function told(raised)
    local result, logged = response.failure(raised, "id")
    return json.decode(result.body).error, result.status, logged
  end

  it("has no file, no SQL and no position in code, whatever was raised", function()
    for _, case in ipairs {
      { select(3, errors.fail("store", PATH)), 503 },
      { select(3, errors.fail("output", PATH)), 500 },
      { "content_by_lua(nginx.conf:52):1: " .. PATH, 500 },
      { { "not a failure" }, 500 },
      { select(3, errors.fail("usage", "COMMERCE_MASTER_KEY_FILE: /srv/key: no")), 400 },
      { select(3, errors.fail("state", "content_by_lua(nginx.conf:52):1: bad")), 409 },
      { select(3, errors.fail("api", "lua/x.lua:3: bad", { status = 400 })), 400 },
    } do
      local message, status = told(case[1])
      assert.equal(case[2], status)
      for _, words in ipairs { "/srv", "column", "nginx.conf", ".lua", ":1:", ":3:" } do
        assert.is_nil(message:find(words, 1, true), message)
      end
    end
    assert.equal(PATH, (select(3, told(select(3, errors.fail("store", PATH)))))) -- in the log
  end)

  it("is kept by no cache", function()
    local app = assert(commerce.open { store = "sqlite::memory:" })
    local server = api.new(app)
    for path, status in pairs { ["/companies"] = 401, ["/openapi.json"] = 200, ["/x?%"] = 401 } do
      local answer = server:handle { method = "GET", path = path, headers = {} }
      assert.same({ status, "no-store" }, { answer.status, answer.headers["Cache-Control"] })
    end
    assert.equal("no-store", response.nothing().headers["Cache-Control"])
    app:close()
  end)
end)

describe("what is stored of a failure", function()
  it("has no file, no SQL and no position in code", function()
    local app = assert(commerce.open { store = "sqlite::memory:" })
    local status = require "commerce.account.status"
    local shop = assert(assert(app:create_company { name = "One" }):create_connection {
      integration = "stripe-test" })
    status.note_error(app.store, shop.row, "x", select(3, errors.fail("store",
      "/srv/shop.db: no such column: c.status")))
    status.note_error(app.store, shop.row, "content_by_lua(nginx.conf:52):1: bad")
    local messages = {}
    for i, row in ipairs(app.store:connection_errors(shop.id)) do
      messages[i] = row.message
    end
    assert.same({ "the database could not be read or written", "bad" }, messages)
    app:close()
  end)
end)
