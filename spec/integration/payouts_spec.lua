-- Payouts against the emulator: read, followed, compared.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local SETTINGS = { charges = 300, compact = true }

describe("payouts", function()
  local e, box, path, app, shop

  setup(function()
    e = emulator.start(SETTINGS)
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset(SETTINGS)
    box = sandbox.new()
    path = box:path "shop.db"
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base, rate = 0,
      endpoint_rate = 0 })
  end)

  after_each(function()
    shop:close()
    app:close()
    box:close()
  end)

  local function sync(...)
    local report = assert(shop:sync { types = { ... } })
    assert.is_true(report.complete, tostring(report))
    return report
  end

  local function payout_with(test)
    for _, payout in ipairs(rows.fetch(e, "payouts")) do
      if test(payout) then
        return payout
      end
    end
    error "no such payout"
  end

  it("are read with all else, each as Stripe lists it", function()
    assert.is_true(assert(shop:sync()).complete)
    local stored, texts, count = rows.records(path, "payouts")
    local listed = rows.fetch(e, "payouts")
    assert.is_true(#listed > 5)
    assert.equal(#listed, count)
    for _, payout in ipairs(listed) do
      local record = stored[payout.id]
      assert.equal(payout.automatic, record.automatic)
      assert.equal(payout.balance_transaction, record.balanceTransaction)
      assert.equal(payout.reconciliation_status, record.reconciliationStatus)
      assert.equal(payout.amount, rows.amount(texts[payout.id], "amount"))
    end
  end)

  it("are followed by their events", function()
    sync "payouts"
    local moving = e:mutate { op = "payout", amount = 500, currency = "usd" }.id
    local paid = payout_with(function(payout)
      return payout.status == "paid" and payout.automatic
    end)
    assert.equal(1, sync("payouts").types[1].created)
    assert.equal("Pending", rows.records(path, "payouts")[moving].status)
    e:mutate { op = "payout_paid", id = moving }
    e:mutate { op = "payout_failed", id = paid.id, failure_code = "account_closed" }
    assert.equal(2, sync("payouts").types[1].changed)
    local stored = rows.records(path, "payouts")
    assert.equal("Paid", stored[moving].status)
    assert.same({ "Failed", "account_closed" }, { stored[paid.id].status,
      stored[paid.id].failureCode })
    assert.is_string(stored[paid.id].supplementalData.content.stripe.failure_balance_transaction)
  end)

  it("are compared by verify, with --deep field by field", function()
    sync "payouts"
    assert.is_true(assert(shop:verify { deep = true }).agrees)
    local id = rows.fetch(e, "payouts")[1].id
    rows.sql(path, ("UPDATE payouts SET data = json_set(data, '$.method', 'by cart') "
      .. "WHERE id = '%s'"):format(id))
    assert.is_true(assert(shop:verify()).agrees)
    local deep = assert(shop:verify { deep = true })
    assert.is_false(deep.agrees)
    assert.same({ id, "different", "method" }, { deep.checks[1].differences[1].id,
      deep.checks[1].differences[1].kind, deep.checks[1].differences[1].fields[1] })
    rows.sql(path, ("DELETE FROM payouts WHERE id = '%s'"):format(id))
    local plain = assert(shop:verify())
    assert.same({ id, "missing" }, { plain.checks[1].differences[1].id,
      plain.checks[1].differences[1].kind })
  end)
end)
