-- Shared cases of the store contract: what the source deleted.

local assert = require "luassert"
local busted = require "busted"
local json = require "commerce.base.json"
local model = require "commerce.model"

local describe, it = busted.describe, busted.it

local PAYMENTS = model.find "payments"
local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

--- Declare the cases about deletions.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param helpers table<string, function> write, ids, stored, payment
return function(db, helpers)
  local write, ids, stored, payment = helpers.write, helpers.ids, helpers.stored, helpers.payment

  describe("what the source deleted", function()
    it("stays, marked, is left out, and is counted once", function()
      write { payment "a", payment "b" }
      local function delete(ids_to_delete, now)
        return assert(db():write_page("c1", { deleted = { payments = ids_to_delete } }, now))
      end
      assert.equal(1, delete({ "a", "never" }, "2026-02-01T00:00:00Z").payments.deleted)
      assert.equal(0, delete({ "a" }, "2026-03-01T00:00:00Z").payments.deleted)
      assert.equal("b", ids())
      for id, data in db():records(PAYMENTS, { deleted = true }) do
        if id == "a" then
          local record = json.decode(data)
          assert.same({ isDeleted = true }, record.metadata)
          assert.equal("2026-02-01T00:00:00Z", record.modifiedDate)
        end
      end
    end)

    it("is marked whatever metadata it had, and taken back by the source", function()
      write { payment("c", { metadata = {} }) }
      assert(db():write_page("c1", { deleted = { payments = { "c" } } }, NOW))
      assert.same({ true, 10 }, { stored("c").metadata.isDeleted, stored("c").amount })
      assert.equal(1, write({ payment("c") }, LATER).changed)
      assert.is_nil(stored("c").metadata)
      assert.equal("c", ids())
    end)

    it("is dropped from the kept sources", function()
      assert(db():write_page("c1", { resource = "prices", sources = {
        { id = "p1", parent_id = "x", data = "1" }, { id = "p2", parent_id = "x", data = "2" } } },
        NOW))
      assert(db():write_page("c1", { resource = "products",
        sources = { { id = "x", data = "{}" } } },
        NOW))
      assert(db():write_page("c1", { resource = "prices", dropped = { "p1" } }, NOW))
      assert.same({ "2" }, db():joined_sources("c1", "products", "prices", "", 10)[1].children)
    end)
  end)
end
