local core = require "commerce.core"
local scripted_server = require "spec.support.scripted_server"
local socket = require "socket"

describe("a limiter", function()
  local server

  after_each(function()
    if server then server:close() end
    server = nil
  end)

  -- Sends `count` requests through a limiter and waits for all of them.
  local function flood(count, limits, answer, request)
    server = scripted_server.new(setmetatable({}, { __index = function() return answer end }))
    local limiter = core.limiter(limits)
    local session, transport = server:session { limiter = limiter, retries = 20 }
    local calls = {}
    for i = 1, count do
      calls[i] = session:request(request and request(i) or { path = "/v1/x" })
    end
    assert.equal(count, limiter:stats().waiting)
    local started = socket.gettime()
    server:drive(transport, function()
      for i = #calls, 1, -1 do
        local response, message = calls[i]:poll()
        assert.is_nil(message)
        if response then table.remove(calls, i) end
      end
      return #calls == 0
    end)
    return limiter, socket.gettime() - started, session
  end

  it("bounds requests in flight", function()
    local limiter = flood(20, { rate = 0, endpoint_rate = 0, concurrency = 3 },
      { body = "ok", after = 0.002 })
    assert.equal(3, server.most_in_flight)
    local stats = limiter:stats()
    assert.equal(0, stats.in_flight)
    assert.equal(0, stats.waiting)
    assert.equal(3, stats.concurrency)
  end)

  it("holds the rate of an endpoint", function()
    local _, seconds = flood(22, { rate = 0, endpoint_rate = 100, burst = 2 }, { body = "ok" })
    assert.is_true(seconds >= 0.19 and seconds < 3, "took " .. seconds)
  end)

  it("holds the rate over all endpoints", function()
    local _, seconds = flood(22, { rate = 100, endpoint_rate = 0, burst = 2 }, { body = "ok" },
      function(i) return { path = "/v1/x" .. i % 3 } end)
    assert.is_true(seconds >= 0.19 and seconds < 3, "took " .. seconds)
  end)

  it("lets endpoints pass each other", function()
    local _, seconds = flood(12, { rate = 0, endpoint_rate = 1, burst = 1 }, { body = "ok" },
      function(i) return { path = "/v1/x" .. i } end)
    assert.is_true(seconds < 8, "took " .. seconds) -- one endpoint would take 11
    server:close()
    _, seconds = flood(4, { rate = 0, endpoint_rate = 20, burst = 1 }, { body = "ok" },
      function(i) return { path = "/v1/x" .. i, endpoint = "x" } end)
    assert.is_true(seconds >= 0.14, "took " .. seconds)
  end)

  -- One 429 with a reason, then only good answers.
  local function limited_once(reason, limits)
    local answered = false
    return flood(3, limits, function()
      if answered then return { body = "ok" } end
      answered = true
      return { status = 429, headers = { ["Stripe-Rate-Limited-Reason"] = reason } }
    end)
  end

  it("slows the endpoint down that a 429 names", function()
    local limiter, _, session = limited_once("endpoint-rate", { rate = 1000, endpoint_rate = 1000 })
    local stats = limiter:stats()
    assert.equal(1, stats.limited)
    assert.equal(1000, stats.rate)
    assert.is_true(stats.endpoints["GET /v1/x"] < 700)
    assert.equal(1, session:stats().rate_limited)
    assert.equal(1, session:stats().retries)
  end)

  it("slows everything down that a 429 means", function()
    local stats = limited_once("global-rate", { rate = 1000, endpoint_rate = 1000 }):stats()
    assert.is_true(stats.rate < 700)
    assert.equal(1000, stats.endpoints["GET /v1/x"])
  end)

  it("sends fewer at a time when there were too many", function()
    local limits = { rate = 0, endpoint_rate = 0, concurrency = 16 }
    local stats = limited_once("endpoint-concurrency", limits):stats()
    assert.is_true(stats.concurrency < 9)
  end)

  it("leaves a locked object out of it", function()
    local answered = false
    local limiter = flood(2, { rate = 1000, endpoint_rate = 1000 }, function()
      if answered then return { body = "ok" } end
      answered = true
      return { status = 429, body = '{"error":{"code":"lock_timeout"}}' }
    end)
    assert.equal(0, limiter:stats().limited)
    assert.equal(1000, limiter:stats().rate)
  end)

  describe("shared by the sessions of a platform", function()
    -- Sends `count` requests for each of two accounts, and waits for all of them.
    local function flood_two(count, account, platform, answer)
      server = scripted_server.new(setmetatable({}, { __index = function() return answer end }))
      local limiters, calls, started = {}, {}, socket.gettime()
      local transport = core.transport()
      platform = core.limiter(platform)
      for i = 1, 2 do
        limiters[i] = core.limiter(account)
        local session = server:session {
          transport = transport, limiter = limiters[i], platform_limiter = platform, retries = 20,
        }
        for _ = 1, count do calls[#calls + 1] = session:request { path = "/v1/x" .. i } end
      end
      assert.equal(2 * count, platform:stats().waiting)
      server:drive(transport, function()
        for i = #calls, 1, -1 do
          local response, message = calls[i]:poll()
          assert.is_nil(message)
          if response then table.remove(calls, i) end
        end
        return #calls == 0
      end)
      return platform, limiters, socket.gettime() - started
    end

    local unlimited = { rate = 0, endpoint_rate = 0, concurrency = 0 }

    it("holds its rate over all of them", function()
      local _, _, seconds = flood_two(11, unlimited, { rate = 100, endpoint_rate = 0, burst = 2 },
        { body = "ok" })
      assert.is_true(seconds >= 0.19 and seconds < 3, "took " .. seconds)
    end)

    it("bounds what all of them have in flight", function()
      local platform = flood_two(10, unlimited, { rate = 0, endpoint_rate = 0, concurrency = 3 },
        { body = "ok", after = 0.002 })
      assert.equal(3, server.most_in_flight)
      assert.equal(0, platform:stats().in_flight)
      assert.equal(0, platform:stats().waiting)
    end)

    it("leaves each account its own rate", function()
      local _, _, seconds = flood_two(3, { rate = 2, endpoint_rate = 0, burst = 1 }, unlimited,
        { body = "ok" })
      -- one rate for both would take 2.5
      assert.is_true(seconds >= 0.95 and seconds < 2.4, "took " .. seconds)
    end)

    -- The first account gets a 429 with a reason; what the limiters have seen of it.
    local function limited(reason)
      local answered = false
      local fast = { rate = 1000, endpoint_rate = 1000, concurrency = 16 }
      local platform, limiters = flood_two(3, fast, fast, function(request)
        if answered or request.path == "/v1/x2" then return { body = "ok" } end
        answered = true
        return { status = 429, headers = { ["Stripe-Rate-Limited-Reason"] = reason } }
      end)
      return platform:stats(), limiters[1]:stats(), limiters[2]:stats()
    end

    it("slows down when a 429 means everything", function()
      for _, reason in ipairs { "global-rate", "global-concurrency" } do
        local platform, first, second = limited(reason)
        assert.equal(1, platform.limited)
        assert.equal(1, first.limited)
        assert.equal(0, second.limited)
        server:close()
      end
    end)

    it("goes on when a 429 means one endpoint", function()
      local platform, first, second = limited "endpoint-rate"
      assert.equal(0, platform.limited)
      assert.equal(1, first.limited)
      assert.equal(0, second.limited)
      assert.equal(1000, platform.endpoints["GET /v1/x1"])
    end)

    it("is another one than the account's", function()
      local both = core.limiter {}
      local ok, message = pcall(core.session, {
        transport = core.transport(), key = core.secret "sk_test_1", limiter = both,
        platform_limiter = both,
      })
      assert.is_false(ok)
      assert.matches("bad option 'platform_limiter': the same as 'limiter'", message, 1, true)
    end)
  end)

  it("tells how much room it has", function()
    server = scripted_server.new { { hang = true }, { hang = true } }
    local limiter = core.limiter { rate = 100, endpoint_rate = 4, burst = 4, concurrency = 5 }
    local session, transport = server:session { limiter = limiter }
    assert.equal(4, limiter:stats().room)
    assert.equal(4, limiter:room())
    assert.equal(4, limiter:room "GET /v1/x")
    local calls = {}
    for i = 1, 3 do calls[i] = session:request { path = "/v1/x" } end
    assert.equal(1, limiter:room "GET /v1/x")
    assert.equal(1, limiter:room())
    transport:run(0)
    assert.equal(3, limiter:stats().in_flight)
    assert.equal(1, limiter:room "GET /v1/x")
    for i = 4, 6 do calls[i] = session:request { path = "/v1/x" } end
    assert.equal(0, limiter:room "GET /v1/x")
    for i = 1, 6 do calls[i]:close() end
    assert.equal(math.huge, core.limiter({ rate = 0, endpoint_rate = 0, concurrency = 0 }):room())
  end)

  it("forgets requests that are cancelled", function()
    server = scripted_server.new { { hang = true }, { hang = true } }
    local limiter = core.limiter { rate = 0, endpoint_rate = 0, concurrency = 2 }
    local session, transport = server:session { limiter = limiter }
    local calls = {}
    for i = 1, 4 do calls[i] = session:request { path = "/v1/x" } end
    transport:run(0)
    assert.equal(2, limiter:stats().in_flight)
    assert.equal(2, limiter:stats().waiting)
    for i = 1, 4 do calls[i]:close() end
    assert.equal(0, limiter:stats().in_flight)
    assert.equal(0, limiter:stats().waiting)
    assert.equal(0, transport:run(0))
  end)
end)
