-- Shared cases of the store contract: what a full read saw.

local assert = require "luassert"
local busted = require "busted"
local model = require "commerce.model"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local PAYMENTS = model.find "payments"
local NOW = "2026-03-01T08:00:00Z"

--- Declare the cases about full reads.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param helpers table<string, function> write, payment, entry
return function(db, helpers)
  local write, payment, entry = helpers.write, helpers.payment, helpers.entry

  describe("what a full read saw", function()
    local BEGAN = 1772352000 -- 2026-03-01T08:00:00Z
    local charges, refunds

    local function unseen(full_reads, after, limit)
      return table.concat(assert(db():unseen(PAYMENTS, "c1", full_reads or { charges, refunds },
        BEGAN - 600, after or "", limit or 10)), " ")
    end

    local function begin(key, connection)
      local state = { ranges = {}, sweep = { began = BEGAN } }
      assert(db():begin_sweep(connection or "c1", key, state))
      return state.sweep.id
    end

    before_each(function()
      local then_, young = "2026-02-01T00:00:00Z", "2026-03-01T07:55:00Z"
      write({ payment "a", payment "b", payment "c", payment "d",
        payment("young", { createdDate = young }), payment("gone", { metadata = {
          isDeleted = true } }) }, then_)
      write({ payment "a" }, then_, "c2")
      charges, refunds = begin "charges payments", begin "refunds payments"
      assert(db():write_page("c1", { sweep = charges, seen = { payments = { "b", "x'\"" } } }, NOW))
      assert(db():write_page("c1", { sweep = refunds, seen = { payments = { "d", "b" } } }, NOW))
    end)

    it("tells what it did not see, unless that is too young", function()
      assert.equal("a c", unseen())
      assert.equal("a", unseen(nil, "", 1))
      assert.equal("c", unseen(nil, "a", 1))
      assert.equal("a c d", unseen { charges })
    end)

    -- Tax components have no date on which they were created.
    it("takes what the source tells of an age for more than when it was written", function()
      local taxes = model.find "tax_components"
      local records = {}
      for id, modified in pairs { old = "2026-02-01T00:00:00Z", young = "2026-03-01T07:55:00Z" } do
        records[#records + 1] = entry("tax_components", { id = id, sourceModifiedDate = modified })
      end
      assert(db():write_page("c1", { records = { tax_components = records } }, NOW))
      assert.same({ "old" }, db():unseen(taxes, "c1", { charges }, BEGAN - 600, "", 10))
    end)

    it("is that one's alone", function()
      local other = begin "charges payments payment_methods"
      assert.equal("a b c d", unseen { other })
      assert(db():write_page("c1", { sweep = other, seen = { payments = { "a" } } }, NOW))
      assert.equal("a c", unseen())
      assert.equal("b c d", unseen { other })
    end)

    it("is forgotten when the list's next full read begins, and when it is over", function()
      local elsewhere = begin("charges payments", "c2")
      assert.equal("a c", unseen())
      assert.are_not.equal(charges, elsewhere)
      local again = begin "charges payments"
      assert.are_not.equal(charges, again)
      assert.equal("a c", unseen { again, refunds })
      assert.equal("a b c d", unseen { charges, again })
      assert(db():end_sweep("c1", "refunds payments"))
      assert(db():end_sweep("c1", "refunds payments"))
      assert.equal("a b c d", unseen { again, refunds })
    end)

    it("stands in the checkpoint that it begins with", function()
      local id = begin "charges payments"
      assert.same({ ranges = {}, sweep = { id = id, began = BEGAN } },
        db():state("c1", "charges payments"))
    end)

    it("covers kept sources", function()
      local prices = begin "prices"
      assert(db():write_page("c1", { resource = "prices", sweep = prices,
        seen = { [""] = { "p1" } },
        sources = {
        { id = "p1", data = '{"created":5}' }, { id = "p2", data = '{"created":5}' },
        { id = "p3", data = '{"created":999}' }, { id = "p4", data = "{}" } } }, NOW))
      assert.same({ "p2", "p4" }, db():unseen_sources("c1", "prices", prices, 900, "", 10))
      assert.same({ "p4" }, db():unseen_sources("c1", "prices", prices, 900, "p2", 10))
      assert.same({}, db():unseen_sources("c1", "products", prices, 900, "", 10))
    end)

    it("is not begun for a connection that is not linked any more", function()
      assert(db():change_connection("c1", { status = "Unlinked", at = NOW }))
      local begun, _, details = db():begin_sweep("c1", "prices", { sweep = {} })
      assert.is_nil(begun)
      assert.equal("not_linked", details.code)
    end)

    it("goes with its connection", function()
      assert(db():remove_connection("c1"))
      assert.equal("a", table.concat(assert(db():unseen(PAYMENTS, "c2", { charges, refunds },
        BEGAN - 600, "", 10))))
    end)
  end)
end
