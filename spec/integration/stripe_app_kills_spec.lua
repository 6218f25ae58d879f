-- A process that is killed while it links by a Stripe App, renews its token or unlinks: only
-- between Stripe's answer and the disk a token can be lost, and then there is a way back.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local sandbox = require "spec.support.sandbox"
local schedule = require "commerce.serve.schedule"

local SHOP = "acct_1MerchantShop"
local BACK = "https://platform.example.com/oauth/callback"
local INSTALL = "https://marketplace.stripe.com/oauth/v2/authorize?client_id=ca_EmulatorAppTest"

-- DOES is what is done; STEP, after which step the process is killed.
local SCRIPT = [[
local commerce = require "commerce"
local stripe_apps = require "commerce.stripe.apps"
local step = os.getenv "STEP"
local function dying(name, call)
  return function(...)
    local result, message, details = call(...)
    if step == name then
      os.execute "kill -9 $PPID"
    end
    return result, message, details
  end
end
local app = assert(commerce.open {})
for name, method in pairs { leased = "lease_app_grant", kept = "save_app_grant",
  taken = "spend_code", forgotten = "drop_app_grant" } do
  local raw = rawget(app.store, "_store")
  raw[method] = dying(name, raw[method])
end
local open = stripe_apps.open
function stripe_apps.open(...)
  local client = open(...)
  for name, method in pairs { renewed = "refresh", exchanged = "exchange",
    uninstalled = "uninstall" } do
    client[method] = dying(name, client[method])
  end
  return client
end
local network = { base_url = os.getenv "STRIPE_API_BASE" }
if os.getenv "DOES" == "link" then
  assert(app:finish_link(os.getenv "ANSWER", network))
else
  local shop = assert(app:connection(os.getenv "CONNECTION", network))
  if os.getenv "DOES" == "unlink" then
    assert(shop:unlink())
  else
    assert(shop:open())
    if step == "used" then
      os.execute "kill -9 $PPID"
    end
  end
end
print "not killed"
]]

describe("a process that is killed", function()
  local e, box, app, number, script
  local real_time = os.time

  master_key.use(master_key.ONE)

  setup(function()
    e = emulator.start { charges = 5, compact = true }
    number = 0
  end)
  teardown(function() e:stop() end)

  before_each(function()
    e:reset { charges = 5, compact = true }
    e:control("accounts", { id = SHOP, name = "Merchant Shop", charges = 5, connected = false })
    number = number + 1
    box = sandbox.new { COMMERCE_MASTER_KEY = master_key.ONE, STRIPE_API_BASE = e.base }
    script = box:write("dies.lua", SCRIPT)
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "store.db"
    app = assert(commerce.open { store = box.environment.COMMERCE_STORE })
    assert(app:set_stripe_app("stripe-test", { secret_key = "sk_test_emulator",
      install_link = INSTALL, redirect_uri = BACK, app_id = "app_Emulator", enabled = true }))
  end)
  after_each(function()
    os.time = real_time -- luacheck: ignore
    app:close()
    box:close()
  end)

  local function die(does, step, more)
    local all = { DOES = does, STEP = step }
    for name, value in pairs(more or {}) do all[name] = value end
    local _, output, errors = box:run(box:script(script, all))
    assert.is_nil(output:find("not killed", 1, true), step)
    assert.equal("", (errors:gsub("Killed%s*", "")))
  end

  local function network() return { base_url = e.base, connect_base = e.base } end

  local function new_connection()
    local company = assert(app:create_company { name = "Merchant" })
    return assert(company:create_connection { integration = "stripe-test" })
  end

  local function answer_for(shop)
    return (e:consent(assert(app:begin_link(shop, { connect_base = e.base })).url, "allow", SHOP))
  end

  local function linked()
    local shop = new_connection()
    assert(app:finish_link(answer_for(shop), network()))
    return shop
  end

  local function status_of(shop)
    return assert(app.store:connections { id = shop.id })[1].status
  end

  local function reads(shop)
    local again = assert(app:connection(shop.id, network()))
    local report = assert(assert(again:open()):sync { types = { "customers" } })
    again:close()
    return report.complete
  end

  local function calls(endpoint) return e:control("stats").endpoints[endpoint] or 0 end

  local function grant() return app.store:app_grant("stripe-test", SHOP) end

  local function expire()
    local row = grant()
    row.expires = real_time()
    assert(app.store:save_app_grant(row, app.store:secret("app-access:stripe-test:" .. SHOP),
      app.store:secret("app-refresh:stripe-test:" .. SHOP)))
  end

  -- The leases of the dead are over.
  local function later(seconds)
    os.time = function(...) -- luacheck: ignore
      return select("#", ...) > 0 and real_time(...) or real_time() + seconds
    end
  end

  local function links_again(shop)
    assert(app:finish_link(answer_for(shop), network()))
    assert.equal("Linked", status_of(shop))
    assert.is_true(reads(shop))
  end

  for _, step in ipairs { "taken", "exchanged", "kept" } do
    it(("while it links, %s: the merchant can link again"):format(step), function()
      local shop = new_connection()
      local answer = answer_for(shop)
      die("link", step, { ANSWER = answer })
      assert.equal("PendingAuth", status_of(shop))
      assert.equal(step == "kept", grant() ~= nil)
      local done, _, details = app:finish_link(answer, network())
      assert.is_nil(done)
      assert.equal("used_state", details.code)
      links_again(shop)
    end)
  end

  it("while it links: the tokens that it leaves unused are forgotten a day later", function()
    local shop = new_connection()
    die("link", "kept", { ANSWER = answer_for(shop) })
    schedule.new(app):look()
    assert.is_not_nil(grant())
    later(26 * 3600)
    schedule.new(app):look()
    assert.is_nil(grant())
    assert.is_nil(app.store:secret("app-refresh:stripe-test:" .. SHOP))
    links_again(shop)
    later(100 * 3600)
    schedule.new(app):look()
    assert.is_not_nil(grant())
  end)

  it("while it renews, before Stripe is asked: the next renews", function()
    local shop = linked()
    expire()
    die("open", "leased", { CONNECTION = shop.id })
    assert.equal(1, calls "POST /v1/oauth/token")
    later(61)
    assert.is_true(reads(shop))
    assert.equal(2, calls "POST /v1/oauth/token")
  end)

  it("while it renews, before the answer is on disk: the old token is tried once", function()
    local shop = linked()
    expire()
    die("open", "renewed", { CONNECTION = shop.id })
    assert.equal(2, calls "POST /v1/oauth/token")
    later(61)
    local again, _, details = assert(app:connection(shop.id, network())):open()
    assert.is_nil(again)
    assert.equal("invalid_grant", details.code)
    assert.matches("commerce link", details.hint, 1, true)
    assert.equal(3, calls "POST /v1/oauth/token")
    assert.equal("Deauthorized", status_of(shop))
    local _, message = assert(app:connection(shop.id, network())):open()
    assert.matches("Deauthorized", message)
    assert.equal(3, calls "POST /v1/oauth/token")
    links_again(shop)
  end)

  for _, step in ipairs { "kept", "used" } do
    it(("while it renews, the new token %s: nothing is lost"):format(step), function()
      local shop = linked()
      expire()
      die("open", step, { CONNECTION = shop.id })
      assert.equal(2, calls "POST /v1/oauth/token")
      assert.is_true(reads(shop))
      assert.equal(2, calls "POST /v1/oauth/token")
      expire()
      assert.is_true(reads(shop))
      assert.equal(3, calls "POST /v1/oauth/token")
    end)
  end

  it("is not the only one that waits: two processes renew once", function()
    local shop = linked()
    expire()
    e:control("latency", { ms = 100 })
    local waits = {}
    for i = 1, 2 do
      waits[i] = box:background(box:script(script, { DOES = "open", CONNECTION = shop.id }))
    end
    for _, wait in ipairs(waits) do
      local _, output, errors = wait()
      assert.equal("not killed\n", output, errors)
    end
    e:control("latency", { ms = 0 })
    assert.equal(2, calls "POST /v1/oauth/token")
    assert.is_true(reads(shop))
  end)

  for _, step in ipairs { "uninstalled", "forgotten" } do
    it(("while it unlinks, %s: the connection ends, and can be linked"):format(step), function()
      local shop = linked()
      die("unlink", step, { CONNECTION = shop.id })
      assert.equal("Linked", status_of(shop))
      assert.is_nil((assert(app:connection(shop.id, network())):open()))
      assert.equal("Deauthorized", status_of(shop))
      assert.is_nil(grant())
      links_again(shop)
    end)
  end
end)
