-- Shared cases of the store contract: events of webhooks that wait.

local assert = require "luassert"
local busted = require "busted"
local tables = require "commerce.base.tables"

local describe, it = busted.describe, busted.it

--- Declare the cases about events of webhooks.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
return function(db)
  describe("events of webhooks", function()
    local function event(id, fields)
      return tables.merged({ connection_id = "c1", id = id, at = 5,
        body = '{"id":"' .. id .. '"}' }, fields)
    end

    local function waiting(limit, connection_id)
      local list = {}
      for i, row in ipairs(assert(db():waiting_events(connection_id or "c1", limit or 10))) do
        list[i] = row.id
      end
      return table.concat(list, " ")
    end

    it("are kept once, in the order in which they came", function()
      assert.equal(2, db():keep_events { event "b", event("a", { at = 3 }) })
      assert.equal(1, db():keep_events { event "b", event "c", event "c" })
      assert.equal(1, db():keep_events { event("b", { connection_id = "c2" }) })
      assert.equal("b a c", waiting())
      assert.equal("b a", waiting(2))
      assert.same({ id = "a", at = 3, body = '{"id":"a"}' }, db():waiting_events("c1", 10)[2])
      assert.same({ c1 = 3, c2 = 1 }, db():waiting_counts())
    end)

    it("go when they have been applied", function()
      assert(db():keep_events { event "a", event "b", event("a", { connection_id = "c2" }) })
      assert(db():drop_events("c1", { "a", "never" }))
      assert.equal("b", waiting())
      assert.equal("a", waiting(9, "c2"))
      assert(db():drop_events("c1", { "b" }))
      assert.same({ c2 = 1 }, db():waiting_counts())
    end)
  end)
end
