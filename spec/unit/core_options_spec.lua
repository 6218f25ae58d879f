local core = require "commerce.core"

local function session_options(changes)
  local options = {
    transport = core.transport(),
    key = assert(core.secret "sk_test_abcdefghijklmnop1234"),
  }
  for name, value in pairs(changes or {}) do options[name] = value end
  return options
end

local function raises(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok, "no error, wanted: " .. pattern)
  assert.matches(pattern, message)
  assert.is_nil(message:find("abcdefgh", 1, true), "the message shows the key")
end

describe("option tables", function()
  it("refuse unknown names", function()
    raises("bad option 'max_connection': unknown", core.transport, { max_connection = 1 })
    raises("bad option 'rates': unknown", core.limiter, { rates = 1 })
    raises("bad option 'tiemout': unknown", core.session, session_options { tiemout = 1 })
    raises("bad option: names are strings, got a number", core.transport, { "x" })
    local session = core.session(session_options())
    raises("bad option 'url': unknown", session.request, session, { url = "/v1/x" })
    raises("bad option 'after': unknown", session.pager, session, { after = "/v1/x" })
  end)

  it("name the caller's line", function()
    raises("core_options_spec.lua:%d+: bad option", function()
      return core.transport { x = 1 }, 1
    end)
  end)

  it("check types", function()
    raises("'connect_timeout': number expected, got string", core.transport,
      { connect_timeout = "1" })
    raises("'http2': boolean expected, got number", core.transport, { http2 = 1 })
    raises("'ca_file': string expected, got number", core.transport, { ca_file = 1 })
    raises("'key': commerce.secret expected, got string", core.session,
      session_options { key = "sk" })
    raises("'transport': commerce.transport expected, got nil", core.session, { key = "x" })
    raises("'limiter': commerce.limiter expected, got table", core.session,
      session_options { limiter = {} })
    raises("table expected", core.limiter, nil)
    raises("table expected", core.session, "x")
  end)

  it("check ranges", function()
    raises("'connect_timeout': number from 0.001 to 3600 expected, got 0", core.transport,
      { connect_timeout = 0 })
    raises("'connect_timeout'", core.transport, { connect_timeout = 0 / 0 })
    raises("'max_connections': whole number expected", core.transport, { max_connections = 1.5 })
    raises("'max_connections': whole number from 1 to 1000 expected, got 0", core.transport,
      { max_connections = 0 })
    raises("'max_connections': whole number expected", core.transport, { max_connections = 1e300 })
    raises("'rate'", core.limiter, { rate = -1 })
    raises("'concurrency': 0 or at least 1 expected", core.limiter, { concurrency = 0.5 })
    raises("'retries'", core.session, session_options { retries = -1 })
    raises("'timeout'", core.session, session_options { timeout = math.huge })
    raises("'max_body'", core.session, session_options { max_body = 2 ^ 31 })
  end)

  it("keep headers clean", function()
    raises("'user_agent': control character", core.session,
      session_options { user_agent = "a\r\nb" })
    raises("'version': not a Stripe version", core.session, session_options { version = "a b" })
    raises("'version': empty", core.session, session_options { version = "" })
    for _, account in ipairs { "acct_", "x", "cus_1", "acct_1\n", "acct_1/..", "acct_1 " } do
      raises("'account'", core.session, session_options { account = account })
      raises("'context'", core.session, session_options { context = account })
    end
    assert.is_truthy(core.session(session_options { account = "acct_1aB_2" }))
    assert.is_truthy(core.session(session_options { context = "acct_1aB_2" }))
    raises("'context'.* takes the place of 'account'", core.session,
      session_options { account = "acct_1", context = "acct_1" })
  end)

  it("allow limits to be off", function()
    assert.is_truthy(core.limiter { rate = 0, endpoint_rate = math.huge, concurrency = 0 })
    assert.is_truthy(core.limiter {})
  end)
end)

describe("base_url", function()
  local good = {
    "https://api.stripe.com", "https://api.stripe.com/", "https://proxy.example:8443/stripe",
    "http://127.0.0.1:12111", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9",
  }
  local bad = {
    ["http://api.stripe.com"] = "must use https",
    ["http://127.0.0.1.example.com"] = "must use https",
    ["http://localhost.example.com"] = "must use https",
    ["https://user:abcdefgh@api.stripe.com"] = "must not hold a user name or password",
    ["https://api.stripe.com?key=abcdefgh"] = "must not have a query",
    ["ftp://api.stripe.com"] = "must start with https://",
    ["file:///etc/passwd"] = "must start with https://",
    [""] = "must start with https://",
    ["https://"] = "has no valid host",
    ["https://a:99999"] = "has no valid port",
    ["https://a b"] = "has a space",
  }

  it("may be https, or http to this machine", function()
    for _, url in ipairs(good) do
      assert.is_truthy(core.session(session_options { base_url = url }))
    end
  end)

  it("may be nothing else", function()
    for url, reason in pairs(bad) do
      raises("bad option 'base_url': " .. reason, core.session, session_options { base_url = url })
    end
  end)
end)

describe("request and pager options", function()
  local session = core.session(session_options())

  local function request(options)
    return pcall(session.request, session, options)
  end

  local function pager(options)
    return pcall(session.pager, session, options)
  end

  local function refused(pattern, ok, message)
    assert.is_false(ok)
    assert.matches(pattern, message)
  end

  it("check the path", function()
    for _, path in ipairs { "", "v1", "/v1/../x", "//evil/x", "/v1/x?y=1", "/a b", "/v1/\r\n" } do
      refused("bad option 'path'", request { path = path })
      refused("bad option 'path'", pager { path = path })
    end
    refused("bad option 'path'", request {})
  end)

  it("check the method", function()
    for _, method in ipairs { "get", "PUT", "", "GET\r\n" } do
      refused("bad option 'method': GET, POST or DELETE expected",
        request { path = "/v1/x", method = method })
    end
    refused("bad option 'form': only for POST", request { path = "/v1/x", form = { { "a", "b" } } })
  end)

  it("check pairs", function()
    local function query(value)
      return request { path = "/v1/x", query = value }
    end
    refused("'query': array of pairs expected, got string", query "a=b")
    refused("'query': array of {key, value} pairs expected", query { limit = 1 })
    refused("'query': pair 1: {key, value} expected", query { "a" })
    refused("'query': pair 2: {key, value} expected", query { { "a", 1 }, { "b" } })
    refused("'query': pair 1: key: string expected", query { { 1, 2 } })
    refused("'query': pair 1: whole number expected", query { { "a", 1.5 } })
    refused("'query': pair 1: string, whole number or boolean expected, got table",
      query { { "a", {} } })
    assert.is_true((query { { "a", 1 }, { "a", "x" }, { "b", true }, { "c", 2 ^ 52 } }))
    assert.is_true((query {}))
  end)

  it("keep the pager's own parameters its own", function()
    refused("use the option 'limit'", pager { path = "/v1/x", query = { { "limit", 5 } } })
    refused("use the option 'cursor'",
      pager { path = "/v1/x", query = { { "starting_after", "a" } } })
    refused("use the options 'created_gte'",
      pager { path = "/v1/x", query = { { "created[gt]", 1 } } })
    refused("'limit': whole number from 1 to 100", pager { path = "/v1/x", limit = 101 })
    refused("'created_gte': whole number expected", pager { path = "/v1/x", created_gte = 1.5 })
    refused("'cursor': empty", pager { path = "/v1/x", cursor = "" })
  end)

  it("need an open session", function()
    local closed = core.session(session_options())
    closed:close()
    closed:close()
    refused("session is closed", pcall(closed.request, closed, { path = "/v1/x" }))
    refused("session is closed", pcall(closed.pager, closed, { path = "/v1/x" }))
    refused("session is closed", pcall(closed.stats, closed))
  end)
end)

describe("the module", function()
  it("tells versions", function()
    assert.equal("string", type(core.version))
    local versions = core.versions()
    assert.equal(core.version, versions.commerce)
    assert.matches("^%d+%.%d+", versions.curl)
    assert.matches("OpenSSL", versions.openssl)
    assert.equal("string", type(versions.tls))
    assert.equal("boolean", type(versions.http2))
  end)

  it("is documented to the last function", function()
    local stub = assert(io.open("lua/commerce/core.d.lua")):read("*a")
    for name in pairs(core) do
      assert.is_truthy(stub:find("core." .. name, 1, true), "core.d.lua lacks core." .. name)
    end
  end)
end)
