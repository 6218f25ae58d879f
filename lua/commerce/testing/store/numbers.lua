-- Shared cases of the store contract: whole numbers of more than 32 bits, which a driver may cut.

local assert = require "luassert"
local busted = require "busted"
local json = require "commerce.base.json"
local model = require "commerce.model"
local query = require "commerce.query"

local describe, it = busted.describe, busted.it

local NOW = "2026-03-01T08:00:00Z"
local LARGE = { 2147483647, 2147483653, 1099511627776, 9007199254740991 } -- 2^31-1 … 2^53-1
local FIELDS = { "read", "created", "changed", "unchanged" }

--- Declare the cases about numbers.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: pull
return function(db, with)
  describe("a whole number of more than 32 bits", function()
    it("is kept in the counts of a pull, however it is read", function()
      local counts = {}
      for i, name in ipairs(FIELDS) do
        counts[name] = LARGE[i]
      end
      assert(db():save_pull(with.pull("large", counts)))
      for _, row in ipairs { db():pull "large", db():latest_pulls("c1").payments,
        db():latest_complete_pulls("c1").payments, db():pulls({ "c1" }, {})[1] } do
        for name, number in pairs(counts) do
          assert.equal(number, row[name])
          assert.equal(("%.0f"):format(number), json.number(row[name]))
        end
      end
    end)

    it("is kept in the position of a consumer of changes", function()
      local position = 0
      assert(db():acknowledge("c1", "queue", nil, position))
      for _, number in ipairs(LARGE) do
        assert.is_true(db():acknowledge("c1", "queue", position, number))
        position = db():consumer("c1", "queue")
        assert.equal(number, position)
      end
      assert.same({}, db():changes("c1", position, 10))
    end)

    it("is kept in the date of an event that waits", function()
      local events = {}
      for i, number in ipairs(LARGE) do
        events[i] = { connection_id = "c1", id = "evt_" .. i, at = number, body = "{}" }
      end
      assert(db():keep_events(events))
      for i, row in ipairs(db():waiting_events("c1", 10)) do
        assert.equal(LARGE[i], row.at)
      end
    end)

    it("is kept in the end of a lease, and in counters", function()
      for _, number in ipairs(LARGE) do
        assert.is_true(db():lease("c1", "w", number - 60, 60))
        assert.same({ c1 = "w" }, db():leases(number - 1))
        assert.same({}, db():leases(number))
      end
      assert(db():add_counts { large = LARGE[3] })
      assert(db():add_counts { large = 5 })
      assert.equal(LARGE[3] + 5, db():counts().large)
    end)

    it("is kept in a checkpoint, in a setting of a type, and in a record", function()
      local state = { newest = LARGE[4], ranges = { { gte = LARGE[2], lt = LARGE[3] } } }
      assert(db():write_page("c1", { states = { charges = state } }, NOW))
      assert.same(state, db():state("c1", "charges"))
      local payments, records = model.find "payments", {}
      for i, number in ipairs(LARGE) do
        records[i] = { id = "p" .. i, body = assert(model.encode(payments, { id = "p" .. i,
          amount = number, currency = "USD", status = "Paid" })) }
      end
      assert(db():write_page("c1", { records = { payments = records } }, NOW))
      for i, number in ipairs(LARGE) do
        local data = db():find(payments, "c1", { "p" .. i })["p" .. i]
        assert.matches(('"amount":%.0f,'):format(number), data, 1, true)
        assert.equal(1, db():count(payments, "c1",
          assert(query.parse(payments, ("amount=%.0f"):format(number)))))
        assert.equal(#LARGE - i, db():count(payments, "c1",
          assert(query.parse(payments, ("amount>%.0f"):format(number)))))
      end
    end)
  end)
end
