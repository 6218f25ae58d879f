-- The reads that are counted are those that Stripe gets.

local cjson = require "cjson"
local commands = require "spec.support.commands"
local emulator = require "spec.support.emulator"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"

describe("the count of Stripe reads", function()
  local e, box, shops

  setup(function()
    e = emulator.start { charges = 200, compact = true, now = os.time() - 3600 }
    box = sandbox.new()
    shops = shops_at(e, box, KEY)
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function received()
    return e:control("stats").requests
  end

  it("is that of the requests of syncs, events, checks and scripts", function()
    e:control("stats", { clear = true })
    local shop, path, app = shops.open()
    local function counted()
      local sum = app.store:stripe_reads("2026-01-01")[shop.id] or { reads = 0 }
      return sum.reads, sum.transactions
    end
    shops.sync(shop)
    local reads, transactions = counted()
    assert.equal(received(), reads)
    assert.is_true(transactions > 0 and transactions < 345, tostring(transactions))
    assert(shop:apply_events())
    assert(shop:verify())
    assert.equal(received(), (counted()))
    assert(shop:get "/v1/balance")
    shop:close()
    assert.equal(received(), (counted()))

    box.environment = { COMMERCE_STORE = "sqlite:" .. path }
    local status = cjson.decode((commands.new(box):ok "status --json")).stripeReads
    assert.same({ received(), received(), transactions, 30, 10000, false }, { status.reads,
      status.used, status.transactions, status.days, status.allocation, status.platform })
    assert.is_nil(status.warning)

    app.store:add_stripe_reads({ connection_id = shop.id, day = os.date "!%Y-%m-%d",
      reads = 60000 }, "2026-01-01")
    local code, text, warned = box:commerce "status"
    assert.equal(0, code)
    assert.matches("\nreads, 30 days +transactions +reads allowed +used *\n", text)
    assert.matches(("\n *%d +%d +10000 +60%%d %%%%"):format(received() + 60000, transactions), text)
    assert.matches("^warning: %d+ reads in 30 days are 60%d %%", warned)
  end)

  it("makes a sync warn", function()
    local shop, _, app = shops.open()
    local report = shops.sync(shop, { types = { "customers" } })
    assert.same({}, report.notes)
    app.store:add_stripe_reads({ connection_id = shop.id, day = os.date "!%Y-%m-%d",
      reads = 8500 }, "2026-01-01")
    report = shops.sync(shop, { types = { "customers" } })
    assert.matches("^85%d%d reads in 30 days are 85 %%", report.notes[1])
    shop:close()
  end)
end)
