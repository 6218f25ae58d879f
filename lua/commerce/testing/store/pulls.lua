-- Shared cases of the store contract: pulls.

local assert = require "luassert"
local busted = require "busted"

local describe, it = busted.describe, busted.it

--- Declare the cases about pulls.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param helpers table<string, function> pull
return function(db, helpers)
  local pull = helpers.pull

  describe("pulls", function()
    it("are found as the latest of each data type", function()
      for _, row in ipairs {
        pull("1", { requested = "2026-03-01T08:00:00Z" }),
        pull("2", { requested = "2026-03-03T08:00:00Z", status = "FetchError",
          error_message = "it's broken" }),
        pull("3", { requested = "2026-03-02T08:00:00Z" }),
        pull("4", { data_type = "customers" }), pull("5", { connection_id = "c2" }),
      } do
        assert.is_true(db():save_pull(row))
      end
      local latest = assert(db():latest_pulls "c1")
      assert.same(pull("2", { requested = "2026-03-03T08:00:00Z", status = "FetchError",
        error_message = "it's broken" }), latest.payments)
      assert.equal("4", latest.customers.id)
      assert.equal("5", db():latest_pulls("c2").payments.id)
      assert.is_nil(latest.disputes)
    end)

    it("of one second count in the order in which they were begun", function()
      for _, id in ipairs { "9", "1", "5" } do
        assert(db():save_pull(pull(id)))
      end
      assert.equal("5", db():latest_pulls("c1").payments.id)
    end)

    it("that were killed are ended, whichever is the latest", function()
      local names = { "1", "2", "3", "4", "5" }
      for i, fields in ipairs { { status = "Fetching", requested = "2026-03-01T08:00:00Z" }, {},
        { status = "Queued" }, { status = "Fetching", data_type = "customers" },
        { status = "Fetching", connection_id = "c2" } } do
        assert(db():save_pull(pull(names[i], fields)))
      end
      assert.equal(2, db():end_killed_pulls("c1", "2026-03-04T08:00:00Z"))
      local now = {}
      for i, id in ipairs(names) do
        now[i] = db():pull(id).status
      end
      assert.same({ "Cancelled", "Complete", "Queued", "Cancelled", "Fetching" }, now)
      local ended = db():pull "1"
      assert.same({ "2026-03-04T08:00:00Z", "interrupted" },
        { ended.completed, ended.error_message })
      assert.equal(0, db():end_killed_pulls("c1", "2026-03-05T08:00:00Z"))
    end)

    it("are changed in place", function()
      assert(db():save_pull(pull("1", { status = "Fetching", read = 0, created = 0, changed = 0,
        unchanged = 0 })))
      assert(db():save_pull(pull "1"))
      assert.same(pull "1", db():latest_pulls("c1").payments)
    end)

    it("stay ended when the progress of their run comes late", function()
      local row = pull("1", { status = "Fetching" })
      row.completed = nil
      assert(db():save_pull(row))
      assert.equal(1, db():end_killed_pulls("c1", "2026-03-04T08:00:00Z"))
      row.progress = 50
      assert(db():save_pull(row))
      assert.equal("Cancelled", db():pull("1").status)
    end)
  end)
end
