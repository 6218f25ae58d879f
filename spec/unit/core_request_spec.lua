local core = require "commerce.core"
local scripted_server = require "spec.support.scripted_server"
local socket = require "socket"

-- 300 KB of "a" in gzip, as `head -c 300000 /dev/zero | tr '\0' a | gzip -9n` writes it.
local function unhex(text)
  return (text:gsub("%s", ""):gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end))
end

local BOMB = unhex [[
  1f8b0800000000000203edc1010d000000c2a0acef5fc21e0e2800000000000000000000000000000000000000
  000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
  000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
  000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
  000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
  000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
  000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
  00f8315ff24ef4e0930400
]]

-- {"id":"acct_1"} in gzip.
local SMALL = unhex [[1f8b0800000000000203ab56ca4c51b2524a4c4e2e893754aa050097dc89970f000000]]

describe("a request", function()
  local server

  after_each(function()
    if server then server:close() end
    server = nil
  end)

  -- Answers as scripted, with a client made of `options`; returns what poll gives in the end.
  local function ask(script, request, options)
    server = scripted_server.new(script)
    local session, transport = server:session(options)
    request = request or { path = "/v1/account" }
    local call = session:request(request)
    local response, message, details = server:drive(transport, function() return call:poll() end)
    return response, message, details, session, call, transport
  end

  it("gives status, body, headers", function()
    local response = ask { {
      body = '{"id":"acct_1"}', headers = { ["Request-Id"] = "req_1", ["Stripe-Version"] = "v" },
    } }
    assert.equal(200, response.status)
    assert.equal('{"id":"acct_1"}', response.body)
    assert.equal("req_1", response.request_id)
    assert.equal("v", response.headers["stripe-version"])
  end)

  it("posts JSON in a session that does so, and signs it", function()
    ask({ { body = "{}" } }, { method = "POST", path = "/v2/core/things", body = '{"a":1}' },
      { json = true })
    local request = server.requests[1]
    assert.same({ '{"a":1}', "application/json", "Bearer sk_test_scripted0123456789" },
      { request.body, request.headers["content-type"], request.headers.authorization })
    local session = server:session { json = true }
    assert.has_error(function()
      session:child():request { method = "POST", path = "/v2/x", form = { { "a", 1 } } }
    end, "bad option 'form': a session that sends JSON takes a body")
    assert(session:child():request { method = "POST", path = "/v2/x", body = "{}" })
  end)

  it("signs itself", function()
    ask({ { body = "{}" } }, { path = "/v1/account" },
      { account = "acct_9", version = "2020-01-01", user_agent = "test/1" })
    local headers = server.requests[1].headers
    assert.equal("Bearer sk_test_scripted0123456789", headers.authorization)
    assert.equal("2020-01-01", headers["stripe-version"])
    assert.equal("acct_9", headers["stripe-account"])
    assert.equal("test/1", headers["user-agent"])
    assert.matches("gzip", headers["accept-encoding"])
  end)

  it("names the account of an organisation's key in Stripe-Context", function()
    ask({ { body = "{}" } }, { path = "/v1/account" }, { context = "acct_9" })
    local headers = server.requests[1].headers
    assert.same({ "acct_9", "2026-11-18.endive" },
      { headers["stripe-context"], headers["stripe-version"] })
    assert.is_nil(headers["stripe-account"])
  end)

  it("says who it is unless told otherwise", function()
    ask { { body = "{}" } }
    assert.equal("lua-commerce/" .. core.version, server.requests[1].headers["user-agent"])
    assert.equal("2026-11-18.endive", server.requests[1].headers["stripe-version"])
    assert.is_nil(server.requests[1].headers["stripe-account"])
  end)

  it("encodes its query in order", function()
    ask({ { body = "{}" } }, { path = "/v1/x", query = {
      { "expand[]", "data.a" }, { "b", 100 }, { "expand[]", "data.c" }, { "d", "ü &=" },
      { "e", true },
    } })
    assert.equal("/v1/x?expand%5B%5D=data.a&b=100&expand%5B%5D=data.c&d=%C3%BC%20%26%3D&e=true",
      server.requests[1].target)
  end)

  it("posts forms", function()
    ask({ { body = "{}" } }, { method = "POST", path = "/oauth/token", form = {
      { "grant_type", "authorization_code" }, { "code", "ac_1+2" },
    } })
    local request = server.requests[1]
    assert.equal("POST", request.method)
    assert.equal("grant_type=authorization_code&code=ac_1%2B2", request.body)
    assert.equal("application/x-www-form-urlencoded", request.headers["content-type"])
  end)

  it("posts JSON to a foreign server, and not a word of Stripe or of a key", function()
    server = scripted_server.new { { body = "ok" }, { status = 404, body = "no such hook" } }
    local transport = core.transport {}
    local session = core.session { transport = transport, foreign = true, base_url = server.url,
      retries = 0 }
    local function post()
      local call = session:request { method = "POST", path = "/T0/secret/?x=1&y=%20",
        body = '{"a":1}' }
      return server:drive(transport, function() return call:poll() end)
    end
    assert.equal("ok", post().body)
    local request = server.requests[1]
    assert.equal("/T0/secret/?x=1&y=%20", request.target)
    assert.equal('{"a":1}', request.body)
    assert.equal("application/json", request.headers["content-type"])
    for name in pairs(request.headers) do
      assert.is_nil(name:find "stripe")
    end
    assert.is_nil(request.headers.authorization)
    local response, message, details = post()
    assert.is_nil(response)
    assert.matches("^POST 127%.0%.0%.1: HTTP 404", message)
    assert.equal(404, details.status)
    assert.has_error(function() session:request { path = "/x", body = "{}" } end,
      "bad option 'body': only for POST in a session that sends JSON")
    assert.has_error(function() session:request { path = "/x y" } end,
      "bad option 'path': has a character that does not belong there")
    assert.has_error(function()
      core.session { transport = transport, foreign = true, key = core.secret "sk_test_x" }
    end, "bad option 'key': not for a foreign server")
  end)

  it("gives only what a projection keeps of the answer", function()
    local keep = core.projection { "id", "more.x" }
    local response, _, _, _, call = ask({ {
      body = '{"access_token":"sk_test_1","id":"acct_1","more":{"x":1,"token":2}}',
    } }, { method = "POST", path = "/oauth/token", projection = keep })
    assert.equal('{"id":"acct_1","more":{"x":1}}', response.body)
    assert.equal(response, call:poll())
    for _, body in ipairs { "<html>", '{"id":"acct_1"', "" } do
      local none, message, details
      none, message, details, _, call = ask({ { body = body } },
        { path = "/v1/x", projection = keep })
      assert.is_nil(none)
      assert.same({ "GET /v1/x: the answer is not JSON", "decode", false },
        { message, details.kind, details.retryable })
      assert.equal(message, select(2, call:poll()))
    end
    assert.has_error(function() ask({ {} }, { path = "/v1/x", projection = { "id" } }) end,
      "bad option 'projection': commerce.projection expected, got table")
  end)

  it("deletes", function()
    assert.is_truthy(ask({ { body = "{}" } }, { method = "DELETE", path = "/v1/x" }))
    assert.equal("DELETE", server.requests[1].method)
  end)

  it("sends nothing before run, and gives false until the answer is there", function()
    server = scripted_server.new { { body = "{}" } }
    local session, transport = server:session()
    local call = session:request { path = "/v1/x" }
    assert.is_false(call:poll())
    server:step(0.01)
    assert.equal(0, #server.requests)
    assert.equal(1, transport:run(0))
    assert.is_truthy(server:drive(transport, function() return call:poll() end))
    assert.equal(0, transport:run(0))
  end)

  it("ends once: every later poll gives the same", function()
    local response, _, _, _, call, transport = ask { { body = "{}" } }
    assert.equal(response, call:poll())
    call:close()
    transport:close()
    assert.equal(response, call:poll())
    local _, message, details, _, failed = ask { { status = 404, body = "{}" } }
    local _, again, more = failed:poll()
    assert.equal(message, again)
    assert.equal(details.status, more.status)
    failed:close()
    assert.equal(message, select(2, failed:poll()))
  end)

  it("reads compressed answers", function()
    local response = ask { { body = SMALL, headers = { ["Content-Encoding"] = "gzip" } } }
    assert.equal('{"id":"acct_1"}', response.body)
  end)

  it("keeps connections for the next request", function()
    server = scripted_server.new { { body = "1" }, { body = "2" }, { body = "3" } }
    local session, transport = server:session()
    for i = 1, 3 do
      local call = session:request { path = "/v1/x" }
      local response = server:drive(transport, function() return call:poll() end)
      assert.equal(tostring(i), response.body)
    end
    assert.equal(1, server.connections)
  end)

  describe("that fails", function()
    it("tells what Stripe said", function()
      local response, message, details = ask { {
        status = 403, headers = { ["Request-Id"] = "req_7" },
        body = '{"error":{"type":"invalid_request_error","code":"account_invalid","param":"p",'
          .. '"message":"The key rk_test_abcdefghijkl is not allowed"}}',
      } }
      assert.is_nil(response)
      assert.equal("GET /v1/account: HTTP 403: The key rk_test_… is not allowed", message)
      assert.equal(message, tostring(details))
      assert.equal(message, details.message)
      assert.equal("auth", details.kind)
      assert.equal(403, details.status)
      assert.equal("invalid_request_error", details.type)
      assert.equal("account_invalid", details.code)
      assert.equal("p", details.param)
      assert.equal("req_7", details.request_id)
      assert.is_false(details.retryable)
      assert.equal(1, details.attempts)
    end)

    it("understands OAuth's flat errors", function()
      local _, message, details = ask({ {
        status = 400, body = '{"error":"invalid_grant","error_description":"no ac_abcdefghijkl"}',
      } }, { method = "POST", path = "/oauth/token" })
      assert.equal("POST /oauth/token: HTTP 400: no ac_abcde…", message)
      assert.equal("invalid_grant", details.code)
      assert.equal("http", details.kind)
    end)

    it("makes do with HTML", function()
      local _, message, details = ask({ { status = 502, body = "<html>" } }, nil, { retries = 0 })
      assert.equal("GET /v1/account: HTTP 502 (not JSON)", message)
      assert.is_true(details.retryable)
    end)

    it("tells a firewall's 403 from a missing permission", function()
      local stripe = require "commerce.stripe"
      local _, message, details = ask { { status = 403, body = "<h1>Blocked</h1>" } }
      assert.equal("GET /v1/account: HTTP 403, and not from Stripe: a firewall or proxy "
        .. "blocked the request", message)
      assert.equal("http", details.kind)
      assert.is_false(stripe.lacks_permission(details))
      server:close()
      _, _, details = ask { { status = 403, body = '{"error":{"message":"no"}}' } }
      assert.equal("auth", details.kind)
      assert.is_true(stripe.lacks_permission(details))
    end)

    it("follows no redirect", function()
      local _, message = ask { { status = 302, headers = { Location = "http://example.com/" } } }
      assert.matches("HTTP 302 %(redirects are not followed%)", message)
      assert.equal(1, #server.requests)
    end)

    it("says that nobody listens", function()
      local listener = assert(socket.bind("127.0.0.1", 0))
      local _, port = listener:getsockname()
      listener:close()
      local _, message, details = ask({}, nil,
        { base_url = "http://127.0.0.1:" .. port, retries = 1 })
      assert.matches("^GET /v1/account: could not connect to 127.0.0.1: ", message)
      assert.equal("transport", details.kind)
      assert.equal(7, details.curl)
      assert.equal(2, details.attempts)
      assert.is_true(details.retryable)
    end)
  end)

  describe("tries again", function()
    for _, status in ipairs { 408, 409, 424, 429, 500, 501, 502, 503, 504, 507, 520, 521, 524 } do
      it("after " .. status, function()
        local response, _, _, session = ask { { status = status }, { body = "ok" } }
        assert.equal("ok", response.body)
        assert.equal(1, session:stats().retries)
        assert.equal(2, session:stats().requests)
      end)
    end

    it("after 400 with code rate_limit", function()
      local limited = '{"error":{"code":"rate_limit"}}'
      local response, _, _, session = ask { { status = 400, body = limited }, { body = "ok" } }
      assert.equal("ok", response.body)
      assert.equal(1, session:stats().rate_limited)
    end)

    it("after a reset, a cut and a dropped connection", function()
      local response = ask {
        { reset = true }, { body = ("x"):rep(1000), cut = 10 }, "", "HTTP/1.1 20", { body = "ok" },
      }
      assert.equal("ok", response.body)
      assert.is_true(#server.requests >= 5)
    end)

    it("after a damaged gzip body", function()
      local response = ask {
        {
          body = SMALL:sub(1, 20) .. "junk" .. SMALL:sub(25),
          headers = { ["Content-Encoding"] = "gzip" },
        },
        { body = "ok" },
      }
      assert.equal("ok", response.body)
    end)

    it("after a JSON body that was cut off", function()
      for _, cut in ipairs { '{', '{"id":"acct_1","settings":{"name":"Sh', '{"id":"acct_1"' } do
        local response, _, _, session = ask { { body = cut }, { body = '{"id":"acct_1"}' } }
        assert.equal('{"id":"acct_1"}', response.body)
        assert.equal(1, session:stats().retries)
        server:close()
      end
    end)

    it("not after a JSON body that is whole, but is not valid", function()
      local deep = ('{"a":'):rep(70) .. "1" .. ("}"):rep(70)
      for _, body in ipairs { deep, '{"id":01,"object":"account"}', '{"a" "b"}' } do
        local response, _, _, session = ask { { body = body }, { body = "ok" } }
        assert.equal(body, response.body)
        assert.equal(0, session:stats().retries)
        server:close()
      end
    end)

    it("after a timeout, each attempt with the full time", function()
      local response = ask({ { hang = true }, { hang = true }, { body = "ok" } }, nil,
        { timeout = 0.05 })
      assert.equal("ok", response.body)
    end)

    it("not after other answers", function()
      for _, status in ipairs { 400, 401, 402, 403, 404 } do
        local response, _, details = ask { { status = status, body = "{}" }, { body = "ok" } }
        assert.is_nil(response)
        assert.equal(status, details.status)
        server:close()
      end
    end)

    it("as Stripe-Should-Retry says", function()
      local yes, no = { ["Stripe-Should-Retry"] = "true" }, { ["Stripe-Should-Retry"] = "false" }
      assert.is_truthy(ask { { status = 402, headers = yes }, { body = "ok" } })
      server:close()
      local response, _, details = ask { { status = 500, headers = no }, { body = "ok" } }
      assert.is_nil(response)
      assert.is_false(details.retryable)
      assert.equal(1, details.attempts)
    end)

    it("no POST and no DELETE", function()
      for _, method in ipairs { "POST", "DELETE" } do
        local response, _, details = ask(
          { { status = 500, headers = { ["Stripe-Should-Retry"] = "true" } }, { body = "ok" } },
          { method = method, path = "/v1/x" })
        assert.is_nil(response)
        assert.is_true(details.retryable)
        assert.equal(1, #server.requests)
        server:close()
        response = ask({ { reset = true }, { body = "ok" } }, { method = method, path = "/v1/x" })
        assert.is_nil(response)
        assert.equal(1, #server.requests)
        server:close()
      end
    end)

    it("no POST either on a kept connection that turns out dead", function()
      server = scripted_server.new { { body = "1" }, { reset = true }, { body = "3" } }
      local session, transport = server:session()
      local first = session:request { path = "/v1/x" }
      server:drive(transport, function() return first:poll() end)
      local second = session:request { method = "POST", path = "/v1/x" }
      assert.is_nil((server:drive(transport, function() return second:poll() end)))
      assert.equal(2, #server.requests)
    end)

    it("so many times and no more", function()
      local script = {}
      for i = 1, 10 do script[i] = { status = 503 } end
      local _, message, details, session = ask(script, nil, { retries = 3 })
      assert.equal("GET /v1/account: HTTP 503 (not JSON)", message)
      assert.equal(4, details.attempts)
      assert.equal(4, #server.requests)
      assert.equal(3, session:stats().retries)
    end)

    it("no sooner than Retry-After allows", function()
      ask { { status = 429, headers = { ["Retry-After"] = "0.2" } }, { body = "ok" } }
      local waited = server.requests[2].at - server.requests[1].at
      assert.is_true(waited >= 0.19 and waited < 1, "waited " .. waited)
    end)

    it("tells Retry-After when it gives up", function()
      local _, _, details = ask({ {
        status = 429,
        headers = { ["Retry-After"] = "7", ["Stripe-Rate-Limited-Reason"] = "global-rate" },
      } }, nil, { retries = 0 })
      assert.equal(7, details.retry_after)
      assert.equal("global-rate", details.limited_reason)
    end)

    it("after a backoff", function()
      local script = {}
      for i = 1, 8 do script[i] = { status = 500 } end
      script[9] = { body = "ok" }
      local response, _, _, session = ask(script, nil, { backoff = 0.02, backoff_cap = 0.02 })
      assert.equal("ok", response.body)
      local waited = session:stats().waited
      assert.is_true(waited > 0.005 and waited < 0.5, "waited " .. waited)
    end)
  end)

  describe("bounds", function()
    it("the body", function()
      local response, message, details = ask({ { body = ("x"):rep(2000) }, { body = "ok" } }, nil,
        { max_body = 1000 })
      assert.is_nil(response)
      assert.equal("GET /v1/account: answer larger than 1000 bytes", message)
      assert.equal("transport", details.kind)
      assert.is_false(details.retryable)
      assert.equal(1, #server.requests)
    end)

    it("the body after decompression", function()
      local answer = { body = BOMB, headers = { ["Content-Encoding"] = "gzip" } }
      local _, message = ask({ answer }, nil, { max_body = 100000 })
      assert.equal("GET /v1/account: answer larger than 100000 bytes", message)
      server:close()
      local response = ask({ answer }, nil, { max_body = 300000 })
      assert.equal(300000, #response.body)
    end)

    it("the header", function()
      local _, message = ask({ { headers = { ["X-Long"] = ("x"):rep(70000) } } }, nil,
        { retries = 0 })
      assert.matches("header of the answer larger than 65536 bytes", message)
    end)

    it("the time, even if the server drips", function()
      local started = socket.gettime()
      local _, message, details = ask(
        { { body = ("x"):rep(100), after = 0.03 }, { hang = true } },
        { path = "/v1/x", timeout = 0.02 }, { retries = 1 })
      assert.matches("^GET /v1/x: timed out: ", message)
      assert.equal(28, details.curl)
      assert.is_true(details.retryable)
      assert.is_true(socket.gettime() - started < 1)
    end)
  end)

  it("counts", function()
    local _, _, _, session = ask { { status = 429, body = "12345" }, { body = "1234567890" } }
    local stats = session:stats()
    assert.equal(2, stats.requests)
    assert.equal(1, stats.retries)
    assert.equal(1, stats.rate_limited)
    assert.equal(15, stats.bytes)
    assert.is_true(stats.waited >= 0)
  end)

  it("counts for a child and for the session above it", function()
    server = scripted_server.new { { status = 500 }, { body = "12345" }, { body = "123" } }
    local session, transport = server:session()
    local child = session:child()
    for _, of in ipairs { child, session } do
      local call = of:request { path = "/v1/x" }
      server:drive(transport, function() return call:poll() end)
    end
    local own, all = child:stats(), session:stats()
    assert.same({ 2, 1, 5 }, { own.requests, own.retries, own.bytes })
    assert.same({ 3, 1, 8 }, { all.requests, all.retries, all.bytes })
  end)

  it("lets a child outlive the session it came from", function()
    server = scripted_server.new { { body = "{}" } }
    local session, transport = server:session { account = "acct_9" }
    local child = session:child()
    session:close()
    local call = child:request { path = "/v1/x" }
    assert.equal(200, server:drive(transport, function() return call:poll() end).status)
    assert.equal("Bearer sk_test_scripted0123456789", server.requests[1].headers.authorization)
    assert.equal("acct_9", server.requests[1].headers["stripe-account"])
  end)
end)
