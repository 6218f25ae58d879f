-- Payouts against the emulator: read, followed, compared, and linked with their transactions.

local cjson = require "cjson"
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

  it("get the trace id that the bank tells late, without an event", function()
    local id = e:mutate { op = "payout", amount = 500, currency = "usd" }.id
    e:control("clock", { advance = 86400 })
    e:mutate { op = "payout", amount = 600, currency = "usd" } -- a later sync begins at the newest
    e:mutate { op = "update", id = id, events = false, fields = { status = "paid",
      trace_id = { status = "pending", value = cjson.null } } }
    sync "payouts"
    assert.is_nil(rows.records(path, "payouts")[id].traceId)
    e:mutate { op = "update", id = id, events = false, fields = {
      trace_id = { status = "supported", value = "traced" } } }
    assert.equal(1, sync("payouts").types[1].changed)
    assert.equal("traced", rows.records(path, "payouts")[id].traceId)
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

  -- ---------------------------------------------------------------- each transaction's payout

  local function is_reconciled(payout)
    return payout.automatic and payout.reconciliation_status == "completed"
  end

  -- By id: the payout of each transaction, as Stripe lists it; and the reconciled payouts.
  local function links_at_stripe()
    local links, reconciled = {}, {}
    for _, payout in ipairs(rows.fetch(e, "payouts")) do
      if is_reconciled(payout) then
        reconciled[#reconciled + 1] = payout
        for _, t in ipairs(rows.fetch(e, "balance_transactions",
          { query = "payout=" .. payout.id })) do
          links[t.id] = t.source ~= payout.id and payout.id or nil
        end
      end
    end
    return links, reconciled
  end

  local function stored_links()
    local links = {}
    for line in rows.sql(path, "SELECT transaction_id, payout_id FROM payout_links")
      :gmatch "[^\n]+" do
      local transaction, payout = line:match "^(.-)|(.*)$"
      links[transaction] = payout
    end
    return links
  end

  -- How many requests listed the transactions of a payout, or of any.
  local function lists_of_payouts(id)
    local count = 0
    for _, line in ipairs(e:control("stats?lines=1").lines) do
      count = count + (line:find("payout=" .. (id or "po_"), 1, true) and 1 or 0)
    end
    return count
  end

  describe("each transaction's payout", function()
    it("is what Stripe lists, and is read once for each payout", function()
      e:control("stats", { clear = true })
      sync("payouts", "transactions")
      local links, reconciled = links_at_stripe()
      assert.is_true(#reconciled > 2 and next(links) ~= nil)
      assert.equal(rows.text(links), rows.text(stored_links()))
      e:control("stats", { clear = true })
      assert.equal(0, sync("payouts", "transactions").types[2].changed)
      assert.equal(0, lists_of_payouts())
    end)

    it("is read beside the list of all transactions, once in a full sync", function()
      sync("payouts", "transactions")
      local links, reconciled = links_at_stripe()
      e:control("stats", { clear = true })
      assert.is_true(assert(shop:sync { types = { "payouts", "transactions" }, full = true,
        page_size = 10, ranges = 1 }).complete)
      local lines, first, last, begun = e:control("stats?lines=1").lines, nil, nil, 0
      for i, line in ipairs(lines) do
        if line:find("payout=po_", 1, true) then
          first = first or i
          begun = begun + (line:find("starting_after", 1, true) and 0 or 1)
        elseif line:find("/v1/balance_transactions?", 1, true) then
          last = i
        end
      end
      assert.is_true(first < last, ("%d, %d"):format(first, last))
      assert.equal(#reconciled, begun)
      assert.equal(rows.text(links), rows.text(stored_links()))
    end)

    it("is joined to a transaction that is read, and to its fees, and not stored in it", function()
      sync("payouts", "transactions")
      local links, fees = links_at_stripe(), 0
      for record in shop:records "transactions" do
        local transaction, fee = record.id:match "^([^:]*)(:?)"
        assert.equal(links[transaction], record.payout)
        fees = fees + (fee == ":" and record.payout and 1 or 0)
      end
      assert.is_true(fees > 10)
      assert.equal(0, rows.number(path, [[SELECT count(*) FROM transactions
        WHERE json_extract(data, '$.payout') IS NOT NULL]]))
      assert.equal(fees, rows.number(path, [[SELECT count(*) FROM transactions_with_payout
        WHERE id LIKE '%:%' AND payout IS NOT NULL]]))
    end)

    it("adds up to the payout: its count, gross amount and fees", function()
      sync("payouts", "transactions")
      local links, linked = links_at_stripe(), 0
      for text in shop:records("payouts", { raw = true }) do
        local id = text:match '"id":"(.-)"'
        local gross = text:match '"grossAmount":([%-%d.]+)'
        if gross then
          linked = linked + 1
          local count = 0
          for _, payout in pairs(links) do
            count = count + (payout == id and 1 or 0)
          end
          assert.equal(count, tonumber(text:match '"transactionCount":(%d+)'))
          assert.equal(rows.amount(text, "amount"),
            rows.amount(text, "grossAmount") - rows.amount(text, "fees"))
        end
      end
      assert.is_true(linked > 2)
    end)

    it("comes once its payout is reconciled, as the event tells", function()
      local payout = payout_with(is_reconciled)
      e:mutate { op = "update", id = payout.id, events = false, fields = { status = "in_transit",
        reconciliation_status = "in_progress" } }
      sync("payouts", "transactions")
      local links = stored_links()
      for _, linked in pairs(links) do
        assert.are_not.equal(payout.id, linked)
      end
      e:mutate { op = "payout_paid", id = payout.id }
      e:control("stats", { clear = true })
      sync("payouts", "transactions")
      assert.equal(1, lists_of_payouts())
      assert.equal(rows.text((links_at_stripe())), rows.text(stored_links()))
    end)

    it("is not lost by a full sync or a remap, and stays out of verify", function()
      assert.is_true(assert(shop:sync { keep_source = true }).complete)
      local links = rows.text(stored_links())
      assert(shop:remap())
      assert.equal(links, rows.text(stored_links()))
      assert.is_true(assert(shop:verify { deep = true }).agrees)
      rows.sql(path, "UPDATE payout_links SET payout_id = 'po_wrong'")
      assert.is_true(assert(shop:sync { full = true }).complete)
      assert.equal(links, rows.text(stored_links()))
    end)

    it("spares verify the payout's list, unless something is wrong", function()
      sync("payouts", "transactions")
      e:control("stats", { clear = true })
      assert.is_true(assert(shop:verify()).agrees)
      assert.equal(0, lists_of_payouts())
      local id, payout = rows.sql(path, [[SELECT transaction_id, payout_id FROM payout_links
        LIMIT 1]]):match "^(.-)|(.-)\n"
      rows.sql(path, ("DELETE FROM transactions WHERE id = '%s'"):format(id))
      assert.is_false(assert(shop:verify()).agrees)
      assert.is_true(lists_of_payouts() >= 2) -- the second look included
      assert.equal(lists_of_payouts(), lists_of_payouts(payout))
    end)

    it("is asked for again by the next sync when it could not be read", function()
      e:control("faults", { { match = { query = "payout=po_" }, action = { status = 400 } } })
      local report = assert(shop:sync { types = { "payouts", "transactions" } })
      assert.is_false(report.complete)
      e:control("faults", { clear = true })
      sync("payouts", "transactions")
      assert.equal(rows.text((links_at_stripe())), rows.text(stored_links()))
    end)

    it("is not looked for if nobody has asked for transactions", function()
      e:control("stats", { clear = true })
      sync "payouts"
      assert.equal(0, lists_of_payouts())
      sync "transactions"
      sync "payouts"
      assert.equal(rows.text((links_at_stripe())), rows.text(stored_links()))
    end)
  end)
end)
