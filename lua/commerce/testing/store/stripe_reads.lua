-- Shared cases of the store contract: the requests that were sent to Stripe, by day.

local assert = require "luassert"
local busted = require "busted"

local describe, it = busted.describe, busted.it

--- Declare the cases.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
return function(db)
  local function add(connection_id, day, count, transactions, oldest)
    assert(db():add_stripe_reads({ connection_id = connection_id, day = day, reads = count,
      transactions = transactions }, oldest or "2026-01-01"))
  end

  describe("Stripe reads", function()
    it("add up by connection, from a day on", function()
      assert.same({}, db():stripe_reads "2026-01-01")
      add("c1", "2026-03-01", 5)
      add("c1", "2026-03-01", 7)
      add("c1", "2026-03-02", 100)
      add("c2", "2026-03-02", 1)
      assert.same({ c1 = { reads = 112 }, c2 = { reads = 1 } }, db():stripe_reads "2026-03-01")
      assert.same({ c1 = { reads = 100 }, c2 = { reads = 1 } }, db():stripe_reads "2026-03-02")
      assert.same({ c1 = { reads = 112 } }, db():stripe_reads("2026-03-01", "c1"))
      assert.same({}, db():stripe_reads "2026-03-03")
    end)

    it("stand beside the transactions that were counted last", function()
      add("c1", "2026-03-01", 5, 40)
      add("c1", "2026-03-02", 5, 30)
      add("c1", "2026-03-02", 5)
      add("c1", "2026-03-03", 5)
      assert.same({ c1 = { reads = 20, transactions = 30, counted = "2026-03-02" } },
        db():stripe_reads "2026-03-01")
      add("c1", "2026-03-02", 0, 0)
      assert.same({ c1 = { reads = 15, transactions = 0, counted = "2026-03-02" } },
        db():stripe_reads "2026-03-02")
      assert.same({ c1 = { reads = 5 } }, db():stripe_reads "2026-03-03")
    end)

    it("of old days are dropped, those of other connections are not", function()
      add("c1", "2026-03-01", 5)
      add("c2", "2026-03-01", 5)
      add("c1", "2026-04-01", 1, nil, "2026-03-02")
      assert.same({ c1 = { reads = 1 }, c2 = { reads = 5 } }, db():stripe_reads "2026-01-01")
    end)

    it("go with their connection, and need one", function()
      add("c1", "2026-03-01", 5)
      assert(db():remove_connection "c1")
      assert.same({}, db():stripe_reads "2026-01-01")
      assert.is_false(db():add_stripe_reads({ connection_id = "c1", day = "2026-03-01",
        reads = 1 }, "2026-01-01"))
      assert.same({}, db():stripe_reads "2026-01-01")
    end)
  end)
end
