-- A merchant links by a restricted key, from Lua and on the command line. On the pages:
-- restricted_link_spec.

local commands = require "spec.support.commands"
local emulator = require "spec.support.emulator"
local keys = require "spec.support.restricted_keys"
local master_key = require "spec.support.master_key"
local sandbox = require "spec.support.sandbox"

local SHOP, OTHER = keys.SHOP, keys.OTHER
local ALL, NEXT, PART = keys.ALL, keys.NEXT, keys.PART
local NOTHING, OTHERS, SECRET, LIVE = keys.NOTHING, keys.OTHERS, keys.SECRET, keys.LIVE
local UNKNOWN, ORGANISATION, SENT = keys.UNKNOWN, keys.ORGANISATION, keys.SENT

describe("a restricted key from Lua and on the command line", function()
  local e, box, commerce

  setup(function() e = emulator.start { charges = 5 } end)
  teardown(function() e:stop() end)

  before_each(function()
    keys.prepare(e)
    box = sandbox.new({ STRIPE_API_BASE = e.base, COMMERCE_MASTER_KEY = master_key.ONE },
      { in_process = true })
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "shop.db"
    commerce = commands.new(box)
    commerce:ok "companies create Shop"
  end)
  after_each(function()
    commerce:assert_no_secrets(SENT)
    box:close()
  end)

  it("links a company, and replaces its key", function()
    local out = commerce:ok("link Shop --key-env KEY", { KEY = PART })
    assert.matches("Linked", out)
    assert.matches("disputes +no +Disputes", out)
    commerce:fails("is linked already", "link Shop --key-env KEY", { KEY = ALL })
    commerce:fails(OTHER .. " was authorized", "link Shop --connection " .. SHOP
      .. " --key-env KEY", { KEY = OTHERS })
    local linked = commerce:json("link --key-env KEY --connection " .. SHOP, { KEY = NEXT })
    assert.same({ "Linked", SHOP, "key" }, { linked.status, linked.account, linked.auth })
    e:control("keys", { key = PART, account = SHOP, revoked = true })
    commerce:ok "sync --type payments,disputes"
    commerce:ok "companies create Twin" -- another company may have the same account
    assert.matches(SHOP .. " is linked to another company, too: Shop",
      (commerce:ok("link Twin --key-env KEY", { KEY = ALL })))
  end)

  it("is refused with the reason, and leaves no connection behind", function()
    for key, words in pairs { [SECRET] = "make a restricted key (rk_...) that can only read",
      [ORGANISATION] = "reaches other accounts", [LIVE] = "this is a live mode key",
      [UNKNOWN] = "Stripe does not know this key", [NOTHING] = "cannot read any data type",
      pk_test_publishable0000001 = "publishable key" } do
      commerce:fails(words, "link Shop --key-env KEY", { KEY = key })
    end
    commerce:fails("leave out --finish", "link Shop --no-wait --key-env KEY", { KEY = ALL })
    assert.equal("", (commerce:ok "connections list --json"))
  end)

  it("is allowed on the pages by one setting", function()
    local set = commerce:json "integrations set stripe-test --restricted-keys yes"
    assert.is_true(set.restrictedKeys)
    assert.matches("stripe%-test: merchants may link by a restricted key",
      (commerce:ok "integrations list"))
    assert.is_false(commerce:json("integrations set stripe-test --restricted-keys no")
      .restrictedKeys)
  end)
end)
