local commerce = require "commerce"
local core = require "commerce.core"
local mode = require "commerce.account.mode"
local model = require "commerce.model"
local store = require "commerce.store"

local PAYMENTS = model.find "payments"

describe("mode", function()
  local db

  before_each(function()
    db = assert(store.open "sqlite::memory:")
    for id, integration in pairs { t = "stripe-test", l = "stripe" } do
      assert(db:add_connection({ id = id, company_id = "co", integration = integration,
        account = "acct_1", status = "Linked", created = "2026-01-01T00:00:00Z" },
        { company = { id = "co", name = "Shop", created = "2026-01-01T00:00:00Z" } }))
      local body = assert(model.encode(PAYMENTS, { id = "of_" .. id, amount = 1 }))
      assert(db:write_page(id, { records = { payments = { { id = "of_" .. id, body = body } } } },
        "2026-01-01T00:00:00Z"))
    end
  end)

  after_each(function()
    db:close()
  end)

  local function ids(app, options)
    local found = {}
    for payment in app:records("payments", options) do
      found[#found + 1] = payment.id
    end
    table.sort(found)
    return table.concat(found, " ")
  end

  it("is test to begin with, and stays what it is switched to", function()
    local app = assert(commerce.open { store = db })
    assert.same({ "test", "default" }, { app:mode() })
    assert.is_true(app:set_mode "live")
    assert.same({ "live", "set" }, { app:mode() })
    assert.same({ "live", "set" }, { commerce.open({ store = db }):mode() })
    assert.is_true(app:set_mode "test")
    assert.same({ "test", "set" }, { app:mode() })
  end)

  it("is none but test and live", function()
    local app = assert(commerce.open { store = db })
    local ok, message, details = app:set_mode "Live"
    assert.same({ "mode 'Live': expected test or live", "usage" }, { message, details.kind })
    assert.is_nil(ok)
    assert.same({ "test", "default" }, { app:mode() })
    assert.is_nil((commerce.open { store = db, mode = "production" }))
    assert.has_error(function() ids(app, { mode = "both" }) end)
  end)

  it("may be given when the store is opened", function()
    local app = assert(commerce.open { store = db, mode = "live" })
    assert.same({ "live", "opened" }, { app:mode() })
    assert(app:set_mode "test")
    assert.same({ "live", "opened" }, { app:mode() })
    assert.equal("test", commerce.open({ store = db }):mode())
  end)

  it("decides whose records are seen", function()
    local app = assert(commerce.open { store = db })
    assert.equal("of_t", ids(app))
    assert.equal("of_l", ids(app, { mode = "live" }))
    assert.equal("", ids(app, { connection_id = "l" }))
    assert.equal("of_t", ids(app, { connection_id = "t" }))
    assert(app:set_mode "live")
    assert.equal("of_l", ids(app))
    assert.equal("of_t", ids(commerce.open { store = db, mode = "test" }))
  end)

  it("of an application that was opened in it takes no key of the other one", function()
    local app = assert(commerce.open { store = db, mode = "test" })
    local shop, message = app:connect { secret_key = "sk_live_plantedplantedplanted1234" }
    assert.is_nil(shop)
    assert.equal("the key is a live mode key, integration 'stripe-test' needs a test mode key",
      message)
    shop, message = app:connect { secret_key = "sk_live_plantedplantedplanted1234",
      integration = "stripe" }
    assert.is_nil(shop)
    assert.equal("integration 'stripe' is not of test mode, which this application was opened in",
      message)
  end)

  it("is a key's, by its prefix", function()
    for text, expected in pairs { sk_test_1 = "test", rk_test_1 = "test", rkcs_test_1 = "test",
      sk_live_1 = "live", rk_live_1 = "live" } do
      assert.equal(expected, mode.of_key(core.secret(text)))
    end
    assert.is_nil((mode.of_key(core.secret "whatever")))
  end)
end)
