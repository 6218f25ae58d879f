-- What is told of requests that take long.

local core = require "commerce.core"
local patience = require "commerce.account.patience"
local scripted_server = require "spec.support.scripted_server"

describe("a request that takes long", function()
  it("is described by what it waits for", function()
    assert.equal("GET /v1/charges has been waiting for 12 s: no complete answer; attempt 1",
      patience.describe { request = "GET /v1/charges", seconds = 12.4, attempts = 1 })
    assert.equal("GET /v1/charges has been waiting for 20 s: HTTP 429, Stripe asks to wait "
      .. "999999 s; attempt 3 in 41 s", patience.describe { request = "GET /v1/charges",
      seconds = 20, attempts = 2, status = 429, retry_after = 999999, retry_in = 41 })
    assert.equal("GET /v1/charges has been waiting for 30 s: an answer that cannot be used; "
      .. "attempt 5 in 6 s", patience.describe { request = "GET /v1/charges", seconds = 30,
      attempts = 4, status = 200, retry_after = -1, retry_in = 6 })
    assert.equal("GET /v1/charges has been waiting for 11 s: HTTP 500; attempt 2 in 4 s",
      patience.describe { request = "GET /v1/charges", seconds = 11, attempts = 1, status = 500,
        retry_after = -1, retry_in = 4 })
  end)

  it("is the oldest of its transport, from its first attempt on", function()
    local server = scripted_server.new {
      { status = 429, headers = { ["Retry-After"] = "999999" }, body = "{}" },
      { hang = true },
    }
    local session, transport = server:session { retries = 3 }
    assert.is_nil(transport:oldest())
    local first = session:request { path = "/v1/account" }
    assert.is_nil(transport:oldest()) -- not sent yet
    local second
    server:drive(transport, function()
      second = second or transport:oldest() and session:request { path = "/v1/balance" }
      local oldest = transport:oldest()
      return oldest and oldest.retry_in and #server.requests == 2 and true or false
    end)
    local oldest = transport:oldest()
    assert.equal("GET /v1/account", oldest.request)
    assert.equal(1, oldest.attempts)
    assert.equal(429, oldest.status)
    assert.equal(999999, oldest.retry_after)
    assert.is_true(oldest.retry_in > 58 and oldest.retry_in <= 60)
    first:close()
    assert.equal("GET /v1/balance", transport:oldest().request)
    assert.is_nil(transport:oldest().retry_in)
    second:close()
    assert.is_nil(transport:oldest())
    transport:close()
    server:close()
  end)

  it("is told of once, and again at growing intervals", function()
    local jobs, told, tick = require "commerce.runtime.jobs", {}, nil
    local every_second, oldest = jobs.every_second, nil
    jobs.every_second = function(call) -- luacheck: ignore (put back below)
      tick = call
      return function() tick = nil end
    end
    local stop = patience.watch({ oldest = function() return oldest end }, function(message)
      told[#told + 1] = message:match "for (%d+) s"
    end)
    jobs.every_second = every_second -- luacheck: ignore
    for second = 0, 50 do
      oldest = second ~= 45 and { request = "GET /v1/x", attempts = 1,
        seconds = second < 45 and second or second - 45 } or nil
      tick()
    end
    assert.same({ "10", "20", "40" }, told)
    stop()
    assert.is_nil(tick)
  end)

  it("needs no listener", function()
    patience.watch(core.transport())()
  end)
end)
