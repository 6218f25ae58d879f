-- Whom a session may connect to: what counts is the address that is really connected to.

local core = require "commerce.core"
local jobs = require "commerce.runtime.jobs"
local socket = require "socket"
local webhook_sink = require "spec.support.webhook_sink"

describe("the reach of a session", function()
  local sink, port, transport

  before_each(function()
    sink = webhook_sink.new()
    port = sink.url:match ":(%d+)/"
    transport = core.transport {}
  end)

  after_each(function()
    transport:close()
    sink:close()
  end)

  local function post(base, reach, headers)
    local session = core.session { transport = transport, foreign = true, base_url = base,
      reach = reach, headers = headers, retries = 0, timeout = 2 }
    return session:request { method = "POST", path = "/hook", body = "{}" }
  end

  -- Both ends of a call are in this process: each gets its turn.
  local function exchanged(call)
    local got
    local deadline = socket.gettime() + 3
    repeat
      transport:run(0.02)
      got = got or sink:receive(1, 0.01)[1]
    until call:poll() ~= false or socket.gettime() > deadline
    return got
  end

  -- Nobody has as much as connected.
  local function untouched()
    sink.listener:settimeout(0.05)
    local client = sink.listener:accept()
    if client then
      client:close()
    end
    return client == nil
  end

  it("public: refuses this machine and private networks by every way to write them", function()
    -- the last four are resolved: to the eye they are names like any other
    for _, host in ipairs { "127.0.0.1", "[::1]", "10.0.0.1", "[fd00::1]",
      "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f000001", "127.1" } do
      local call = post(("https://%s:%s"):format(host, port), "public")
      local answer, message, details = jobs.await(transport, call)
      assert.is_nil(answer, host)
      assert.equal("transport", details.kind)
      assert.is_false(details.retryable, message)
      assert.matches("is at an address of this machine or of a private network", message, 1, true)
    end
    local answer = jobs.await(transport, post("http://localhost:" .. port, "public"))
    assert.is_nil(answer)
    assert.is_true(untouched())
  end)

  it("public: uses no proxy, which would connect to what is not seen from here", function()
    local lua = os.getenv "COMMERCE_TEST_LUA" or "lua5.4"
    local shell = require "spec.support.shell"
    local script = os.tmpname()
    local file = assert(io.open(script, "w"))
    file:write([[
      local core, jobs = require "commerce.core", require "commerce.runtime.jobs"
      local transport = core.transport { connect_timeout = 0.2 }
      local session = core.session { transport = transport, foreign = true, reach = arg[1],
        base_url = "https://192.0.2.1", retries = 0, timeout = 1 }
      print(select(2, jobs.await(transport, session:request { method = "POST", path = "/",
        body = "{}" })))]])
    file:close()
    local modules = os.getenv "COMMERCE_TEST_MODULES" or "build/" .. (os.getenv
      "COMMERCE_TEST_RUNTIME" or "lua5.4")
    local _, output = shell.run(("env LUA_PATH='lua/?.lua;lua/?/init.lua;;' LUA_CPATH='%s/?.so;;' "
      .. "https_proxy=http://127.0.0.1:%s %s %s public"):format(modules, port, lua, script))
    os.remove(script)
    assert.matches("192.0.2.1 is at an address of this machine or of a private network", output, 1,
      true)
    assert.is_true(untouched())
  end)

  it("either: refuses link-local addresses and metadata services", function()
    for _, reach in ipairs { "public", "network" } do
      for _, host in ipairs { "169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]",
        "2852039166" } do
        local answer, message, details = jobs.await(transport, post("https://" .. host, reach))
        assert.is_nil(answer)
        assert.is_false(details.retryable, message)
        assert.matches("is at a link-local address or a metadata service", message, 1, true)
      end
    end
  end)

  it("network: takes them, over http as well, and public ones over https only", function()
    local call = post("http://localhost:" .. port, "network",
      { { "webhook-id", "msg_1" }, { "webhook-signature", "v1,abc=" } })
    local got = exchanged(call)
    assert.equal(200, call:poll().status)
    assert.equal("msg_1", got.headers["webhook-id"])
    assert.equal("v1,abc=", got.headers["webhook-signature"])
    assert.equal("application/json", got.headers["content-type"])
    local answer, message = jobs.await(transport, post("http://8.8.8.8:9", "network"))
    assert.is_nil(answer)
    assert.matches("8.8.8.8 is at a public address, which is spoken to over https only", message,
      1, true)
  end)

  it("follows no redirect", function()
    sink:answer { 302 }
    local call = post("http://127.0.0.1:" .. port, "network")
    exchanged(call)
    local answer, message = jobs.await(transport, call)
    assert.is_nil(answer)
    assert.matches("HTTP 302 (redirects are not followed)", message, 1, true)
  end)

  it("refuses options that make no sense", function()
    local key = core.secret "sk_test_1"
    for _, case in ipairs {
      { { foreign = true, reach = "moon" }, "reach': anywhere, public or network expected" },
      { { key = key, reach = "public" }, "reach': for a foreign server only" },
      { { key = key, headers = {} }, "headers': for a foreign server only" },
      { { foreign = true, headers = { "a" } }, "headers': array of {name, value} expected" },
      { { foreign = true, headers = { { "a", 1 } } }, "array of {name, value} expected" },
      { { foreign = true, headers = { { "a b", "1" } } }, "a name holds letters" },
      { { foreign = true, headers = { { "a", "1\r\nb: 2" } } }, "a value holds a control" },
      { { foreign = true, headers = { { "a", "1" }, { "a", "1" }, { "a", "1" }, { "a", "1" },
        { "a", "1" }, { "a", "1" }, { "a", "1" } } }, "headers': too many" },
      { { foreign = true, base_url = "http://example.com", reach = "public" }, "must use https" },
    } do
      case[1].transport = transport
      local ok, message = pcall(core.session, case[1])
      assert.is_false(ok)
      assert.matches(case[2], message, 1, true)
    end
  end)
end)

describe("core.sign_webhook", function()
  it("signs as Codat's documentation has it", function()
    local secret = core.secret "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert.equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", core.sign_webhook(secret,
      "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", '{"test": 2432232314}'))
    local none, message, details = core.sign_webhook(core.secret "sk_test_1", "a", "1", "{}")
    assert.is_nil(none)
    assert.equal("bad_secret", details.code)
    assert.is_nil(message:find("sk_test", 1, true))
  end)
end)
