-- An organisation's key (sk_org_...): it has no account of its own, and reads each account that it
-- is told by Stripe-Context.

local commands = require "spec.support.commands"
local commerce_lib = require "commerce"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local NORTH, SOUTH, STRANGER = "acct_1NorthShop", "acct_1SouthShop", "acct_1Stranger"
local KEY, NEXT = "sk_org_test_organisationsKey1", "sk_org_test_organisationsKey2"

describe("an organisation's key", function()
  local e, box, commerce, path

  setup(function() e = emulator.start { charges = 5 } end)
  teardown(function() e:stop() end)

  before_each(function()
    e:reset { charges = 5 }
    e:control("accounts", { { id = NORTH, name = "North", charges = 12, connected = false },
      { id = SOUTH, name = "South", charges = 7, seed = 5, connected = false },
      { id = STRANGER, name = "Stranger", charges = 5, connected = false } })
    e:control("keys", { { key = KEY, organisation = { NORTH, SOUTH } },
      { key = NEXT, organisation = { NORTH, SOUTH } } })
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_CONNECT_BASE = e.base,
      COMMERCE_MASTER_KEY = master_key.ONE }, { in_process = true })
    path = box:path "organisation.db"
    box.environment.COMMERCE_STORE = "sqlite:" .. path
    commerce = commands.new(box)
  end)
  after_each(function() box:close() end)

  local function ok(...) return commerce:ok(...) end
  local function fails(...) return commerce:fails(...) end

  local function sql(text)
    return (rows.sql(path, text):gsub("\n$", ""))
  end

  local WITH_KEY = { STRIPE_SECRET_KEY = KEY }
  local PAYMENTS = [[SELECT c.account, c.auth, c.status, count(p.id) > 0 FROM connections c
    LEFT JOIN payments p ON p.connection_id = c.id GROUP BY c.id ORDER BY c.account]]

  it("syncs each account that is named, in a connection of its own", function()
    ok(("sync --account %s --account %s --type payments"):format(NORTH, SOUTH), WITH_KEY)
    assert.equal(NORTH .. "|key|Linked|1\n" .. SOUTH .. "|key|Linked|1", sql(PAYMENTS))
    assert.equal("2", sql "SELECT count(*) FROM companies")
    ok("verify --type payments",
      { STRIPE_SECRET_KEY = KEY, STRIPE_ACCOUNT = SOUTH })
    fails("no key is kept", "sync --connection " .. NORTH)
  end)

  it("says that the account is missing, and takes it from a named connection", function()
    assert.equal(2, fails("name one of the organisation's accounts with `--account acct_",
      "sync --type payments", WITH_KEY))
    fails("name one of the organisation's accounts", "connections add", WITH_KEY)
    assert.equal("0", sql "SELECT count(*) FROM connections")
    ok("connections add --account " .. NORTH, WITH_KEY)
    ok(("sync --type payments --connection " .. NORTH), WITH_KEY)
    local app = assert(commerce_lib.open { store = "sqlite::memory:" })
    local shop, message, details = app:connect { secret_key = KEY, base_url = e.base }
    assert.same({ nil, "usage", "no_context" }, { shop, details.kind, details.code })
    assert.matches("has no account of its own", message)
    shop = assert(app:connect { secret_key = KEY, account = SOUTH, base_url = e.base })
    assert.equal(SOUTH, shop.account)
    app:close()
  end)

  it("tells an account that is not the organisation's, and goes on with the others", function()
    local status, _, errors = commerce:run(("sync --type payments --account %s --account %s")
      :format(STRANGER, NORTH), WITH_KEY)
    assert.equal(1, status)
    assert.matches("account acct_1Stranger: .*HTTP 403", errors)
    assert.equal(NORTH .. "|key|Linked|1", sql(PAYMENTS))
    for _, wrong in ipairs { "cus_1", "acct_1/acct_2", "acct_" } do
      fails("take an account id (acct_...)", "sync --account " .. wrong, WITH_KEY)
    end
    fails("leave out --connection and --name", ("connections add --name X --account %s "
      .. "--account %s"):format(NORTH, SOUTH), WITH_KEY)
    fails("leave out --company and --connection", "sync --company X --account " .. NORTH, WITH_KEY)
  end)

  it("is kept with each connection, and replaced", function()
    ok(("connections add --keep-key --account %s --account %s"):format(NORTH, SOUTH), WITH_KEY)
    ok "sync --type payments"
    assert.equal(NORTH .. "|key|Linked|1\n" .. SOUTH .. "|key|Linked|1", sql(PAYMENTS))
    ok(("sync --type payments --account %s --account %s"):format(NORTH, SOUTH))
    e:control("keys", { key = KEY, organisation = { NORTH, SOUTH }, revoked = true })
    fails("give the organisation's key anew", "sync --type payments")
    fails("HTTP 401", "sync --type payments --connection " .. NORTH, WITH_KEY)
    assert.equal("Linked", sql "SELECT DISTINCT status FROM connections") -- it says nothing of them
    ok(("connections add --keep-key --account %s --account %s"):format(NORTH, SOUTH),
      { STRIPE_SECRET_KEY = NEXT })
    ok "sync --type payments"
  end)

  it("is kept once, as the integration's", function()
    ok("integrations set stripe-test --secret-key-env STRIPE_SECRET_KEY", WITH_KEY)
    ok(("connections add --account %s --account %s"):format(NORTH, SOUTH))
    ok "sync --type payments"
    assert.equal(NORTH .. "|key|Linked|1\n" .. SOUTH .. "|key|Linked|1", sql(PAYMENTS))
    assert.equal("1", sql "SELECT count(*) FROM secrets")
    e:control("keys", { key = KEY, organisation = { SOUTH } }) -- North leaves the organisation
    fails("HTTP 403", "sync --type payments --connection " .. NORTH)
    assert.equal("Deauthorized", sql(("SELECT status FROM connections WHERE account = '%s'")
      :format(NORTH)))
    ok("sync --type payments --connection " .. SOUTH)
    ok "integrations set stripe-test --client-id ca_EmulatorTest"
    ok "integrations enable stripe-test"
    ok "companies create Merchant"
    fails("is an organisation key, which cannot link merchants", "link Merchant --no-wait")
  end)

  it("is not mistaken for another key, and is never printed", function()
    fails("the mode of this organisation key is not known", "connections add --account " .. NORTH,
      { STRIPE_SECRET_KEY = "sk_org_organisationsKey1" })
    fails("the key is a test mode key",
      "integrations set stripe --secret-key-env STRIPE_SECRET_KEY", WITH_KEY)
    commerce:run("sync --account " .. STRANGER, WITH_KEY)
    ok("connections add --keep-key --account " .. NORTH, WITH_KEY)
    commerce:assert_no_secrets { KEY, "sk_org_organisationsKey1" }
  end)
end)
