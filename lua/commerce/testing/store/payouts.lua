-- Shared cases of the store contract: which payout each transaction was paid out in.

local ascii = require "commerce.base.ascii"
local assert = require "luassert"
local busted = require "busted"
local model = require "commerce.model"
local tables = require "commerce.base.tables"

local describe, it = busted.describe, busted.it

local NOW = "2026-03-01T08:00:00Z"
local TOTALS = { transaction_count = 2, gross_amount = "120.50", fees = "3.25" }

--- Declare the cases about payouts.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
return function(db)
  local function write(page, connection)
    return db():write_page(connection or "c1", page, NOW)
  end

  local function records(type_name, list)
    local bodies = {}
    for i, values in ipairs(list) do
      bodies[i] = { id = values.id, body = assert(model.encode(model.find(type_name), values)) }
    end
    assert(write { records = { [type_name] = bodies } })
  end

  local function links(payout, transactions, more)
    local given = tables.merged({ payout = payout, transactions = transactions }, more)
    return { payout_links = given }
  end

  local function linkable(all)
    return table.concat(assert(db():linkable_payouts("c1", "", 10, all)), " ")
  end

  describe("the payout of a transaction", function()
    it("is known by the transaction's id, in its connection", function()
      assert(write(links("po_1", { "txn_1", "it's" }, { anew = true })))
      assert(write(links("po_1", { "txn_2" })))
      assert(write(links("po_9", { "txn_1" }, { anew = true }), "c2"))
      assert.same({ txn_1 = "po_1", ["it's"] = "po_1", txn_2 = "po_1" },
        db():payouts_of("c1", { "txn_1", "it's", "txn_2", "txn_3" }))
      assert.same({ txn_1 = "po_9" }, db():payouts_of("c2", { "txn_1", "txn_2" }))
      assert.same({}, db():payouts_of("c1", {}))
    end)

    it("is the one that was written last, and goes when its payout is written anew", function()
      assert(write(links("po_1", { "txn_1", "txn_2" }, { anew = true, totals = TOTALS })))
      assert(write(links("po_2", { "txn_1" }, { anew = true })))
      assert.same({ txn_1 = "po_2", txn_2 = "po_1" },
        db():payouts_of("c1", { "txn_1", "txn_2" }))
      assert(write(links("po_1", {}, { anew = true })))
      assert.same({ txn_1 = "po_2" }, db():payouts_of("c1", { "txn_1", "txn_2" }))
      assert.same({}, db():payout_totals("c1", { "po_1" }))
    end)

    it("stays when the record is written again, and goes with the connection", function()
      records("transactions", { { id = "txn_1", totalAmount = 5 } })
      assert(write(links("po_1", { "txn_1" }, { anew = true, totals = TOTALS })))
      records("transactions", { { id = "txn_1", totalAmount = 6 } })
      assert.same({ txn_1 = "po_1" }, db():payouts_of("c1", { "txn_1" }))
      assert.same({ po_1 = TOTALS }, db():payout_totals("c1", { "po_1", "po_2" }))
      assert.is_true(db():remove_connection "c1")
      assert(db():finish_removals(100))
      assert.same({}, db():payouts_of("c1", { "txn_1" }))
      assert.same({}, db():payout_totals("c1", { "po_1" }))
    end)

    it("is not stored of a connection that is not linked", function()
      assert(db():change_connection("c1", { status = "Unlinked", at = NOW }))
      local ok, _, failure = write(links("po_1", { "txn_1" }, { anew = true }))
      assert.is_nil(ok)
      assert.equal("not_linked", failure.code)
      assert.same({}, db():payouts_of("c1", { "txn_1" }))
    end)
  end)

  describe("a payout", function()
    it("can be linked when it is automatic and reconciled, until its totals are there", function()
      local done = { automatic = true, reconciliationStatus = "completed" }
      local function payout(id, values)
        local record = { id = id }
        for name, value in pairs(values) do
          record[name] = value
        end
        return record
      end
      records("payouts", { payout("po_1", done), payout("po_2", done), payout("po_3", done),
        payout("po_4", { automatic = false, reconciliationStatus = "completed" }),
        payout("po_5", { automatic = true, reconciliationStatus = "in_progress" }),
        payout("po_6", { automatic = true }) })
      assert(write { deleted = { payouts = { "po_3" } } })
      assert(write(links("po_1", { "txn_1" }, { anew = true })))
      assert.equal("po_1 po_2", linkable(false))
      assert(write(links("po_1", {}, { totals = TOTALS })))
      assert.equal("po_2", linkable(false))
      assert.equal("po_1 po_2", linkable(true))
      assert.same({ "po_1" }, db():linkable_payouts("c1", "", 1, true))
      assert.same({ "po_2" }, db():linkable_payouts("c1", "po_1", 1, true))
    end)

    it("gives its transactions with their rows", function()
      records("transactions", { { id = "txn_1", totalAmount = 5 },
        { id = "txn_1:Stripe processing fees", totalAmount = -1 },
        { id = "txn_10", totalAmount = 7 }, { id = "txn_2", totalAmount = 9 } })
      assert(write { deleted = { transactions = { "txn_2" } } })
      assert(write(links("po_1", { "txn_1", "txn_2", "txn_3" }, { anew = true })))
      local batch = assert(db():paid_transactions("c1", "po_1", "", 10))
      local found = {}
      for i, transaction in ipairs(batch) do
        local amounts = {}
        for k, text in ipairs(transaction.records) do
          amounts[k] = text:match '"totalAmount":([%-%d]+)'
        end
        ascii.sort(amounts)
        found[i] = transaction.id .. " " .. table.concat(amounts, " ")
      end
      assert.same({ "txn_1 -1 5", "txn_2 ", "txn_3 " }, found)
      assert.equal("txn_2", db():paid_transactions("c1", "po_1", "txn_1", 1)[1].id)
      assert.same({}, db():paid_transactions("c1", "po_2", "", 10))
    end)
  end)
end
