-- Requests a second: Stripe's, those of the environment, of one connection, and of a program.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local sandbox = require "spec.support.sandbox"

local KEY = "sk_test_emulator"

describe("requests a second", function()
  local e, box, app, variables
  local getenv = os.getenv

  setup(function()
    e = emulator.start { charges = 1, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    variables = {}
    os.getenv = function(name) -- luacheck: ignore
      return variables[name] or getenv(name)
    end
    box = sandbox.new { STRIPE_API_BASE = e.base }
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "shop.db"
    app = assert(commerce.open { store = box.environment.COMMERCE_STORE })
  end)

  after_each(function()
    os.getenv = getenv -- luacheck: ignore
    app:close()
    box:close()
  end)

  -- The rate of the account, of an endpoint, the requests in flight, and who says so.
  local function opened(options)
    options = options or {}
    options.secret_key, options.base_url = KEY, e.base
    local shop = assert(app:connect(options))
    assert(shop:get "/v1/account")
    local stats = shop.limiter:stats()
    local _, endpoint = next(stats.endpoints)
    local said = assert(shop:rates()).source
    shop:close()
    return { stats.rate, endpoint, stats.concurrency, said }, shop
  end

  it("are Stripe's, unless the environment says otherwise", function()
    assert.same({ 25, 25, 20, "stripe" }, (opened()))
    variables.STRIPE_RATE, variables.STRIPE_ENDPOINT_RATE = "200", "12.5"
    assert.same({ 200, 12.5, 40, "environment" }, (opened()))
    variables.STRIPE_RATE = "fast"
    local shop, message, failure = app:connect { secret_key = KEY, base_url = e.base }
    assert.is_nil(shop)
    assert.equal("usage", failure.kind)
    assert.equal("STRIPE_RATE: expected requests a second, more than 0 and at most 10000, "
      .. "got 'fast'", message)
  end)

  it("of a connection count more, and those of the program the most", function()
    variables.STRIPE_RATE = "90"
    local _, shop = opened()
    assert.same({ rate = 150, endpoint_rate = 25, source = "connection" },
      shop:set_rates { rate = 150 })
    assert.same({ 150, 25, 30, "connection" }, (opened()))
    assert.same({ 7, 25, 20, "connection" }, (opened { rate = 7 }))
    assert.same({ rate = 90, endpoint_rate = 25, source = "environment" }, shop:set_rates {})
    assert.same({ 90, 25, 20, "environment" }, (opened()))
    for _, wrong in ipairs { 0, -1, 10001, 0 / 0 } do
      local ok, message = shop:set_rates { endpoint_rate = wrong }
      assert.is_nil(ok)
      assert.matches("^endpoint_rate: expected requests a second", message)
    end
  end)

  it("are set and told by the command line", function()
    local _, shop = opened()
    local status, output = box:commerce "status"
    assert.equal(0, status)
    assert.is_nil(output:find("requests a second", 1, true))
    output = select(2, box:commerce("settings rates " .. shop.id .. " --rate 60"))
    assert.equal("requests a second: 60, 25 of each endpoint (set for this connection)\n", output)
    output = select(2, box:commerce "status")
    assert.matches("\nrequests a second: 60, 25 of each endpoint %(set for this connection%)\n",
      output)
    assert.same({ account = 60, endpoint = 25, setBy = "connection" },
      json.decode((select(2, box:commerce "status --json"))).rates)
    output = select(2, box:commerce("settings rates " .. shop.id .. " --default --json"))
    assert.same({ account = 25, endpoint = 25, setBy = "stripe" }, json.decode(output))
    local failed, _, wrong = box:commerce("settings rates " .. shop.id .. " --rate many")
    assert.equal(2, failed)
    assert.matches("%-%-rate: expected requests a second, got 'many'", wrong)
  end)
end)
