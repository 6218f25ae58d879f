-- A walk through a connection's pages of the portal in a real browser, against the emulator:
-- `make test-browser`. PICTURES=FOLDER keeps pictures of the pages. See portal_data.js.

local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local model = require "commerce.model"
local serving = require "spec.support.serving"

local TOKEN = "token-of-the-browser-walk"
local EVIL = [[<script>alert("x")</script>]]
local NOW = "2026-01-01T00:00:00Z"

describe("the portal's data in a browser", function()
  local e, s, app, shop
  master_key.use(master_key.ONE)

  before_each(function()
    e = emulator.start { charges = 300 }
    s = serving.new()
    s.box.environment.STRIPE_API_BASE = e.base
    s.box.environment.COMMERCE_MASTER_KEY = master_key.ONE
    app = assert(commerce.open { store = "sqlite:" .. s.box:path "commerce.db" })
    shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base, rate = 0,
      endpoint_rate = 0, keep_key = true })
    assert(shop:sync())
  end)

  after_each(function()
    s:close()
    app:close()
    e:stop()
  end)

  local function sign_in()
    local now, hash = os.time(), core.sha256(TOKEN)
    local user = { id = core.uuid(), login = "ada", role = "admin", name = "Ada",
      password = "none", created = NOW }
    assert(app.store:add_user(user))
    assert(app.store:add_session({ hash = hash, id = hash:sub(1, 16), user_id = user.id,
      mode = "test", created = now, seen = now, expires = now + 3600 }, now))
  end

  -- Customers whose names would do harm: as a script, as a formula, by their length or direction.
  local function add_hostile()
    local entries = {}
    for i, name in ipairs { EVIL, "=cmd()", ("x"):rep(10000), "\226\128\174gnp.exe" } do
      local id = "cus_hostile" .. i
      entries[i] = { id = id, body = assert(model.encode(model.find "customers", { id = id,
        customerName = name, createdDate = "2030-01-01T00:00:00Z" })) }
    end
    assert(app.store:write_page(shop.id, { records = { customers = entries } }, NOW))
  end

  -- A payment that has been paid out, and the payout.
  local function paid_out()
    for payment in shop:records "payments" do
      local stripe = payment.supplementalData.content.stripe
      local payout = stripe.balance_transaction and payment.id:find "^ch_"
        and app.store:payouts_of(shop.id, { stripe.balance_transaction })[
          stripe.balance_transaction]
      if payout then
        return payment.id, payout
      end
    end
  end

  it("is walked through, with and without scripts, by everybody", function()
    sign_in()
    add_hostile()
    local payment, payout = paid_out()
    s:start()
    local status, output, errors = s.box:run("node spec/browser/portal_data.js", {
      SERVER_URL = ("http://127.0.0.1:%d"):format(s.port), TOKEN = TOKEN, EVIL = EVIL,
      PAYMENT = payment, PAYOUT = payout, PICTURES = os.getenv "PICTURES" or "",
      BASE = ("/portal/test/companies/%s/connections/%s"):format(shop.company_id, shop.id) })
    assert.equal(0, status, output .. errors .. s:errors())
    assert.is_truthy(output:find("\nok all\n", 1, true), output)
  end)
end)
