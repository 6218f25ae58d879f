-- Shared cases of the store contract: reading records.

local assert = require "luassert"
local busted = require "busted"
local json = require "commerce.base.json"
local model = require "commerce.model"
local query = require "commerce.query"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local PAYMENTS = model.find "payments"
local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

--- Declare the cases about reading.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: write, ids, stored, payment
return function(db, with)
  local write, ids, stored, payment = with.write, with.ids, with.stored, with.payment

  describe("records", function()
    before_each(function()
      write { payment("b", { createdDate = "2026-01-02T00:00:00Z", amount = 5 }),
        payment("d", { createdDate = "2026-01-01T00:00:00Z", amount = 20 }),
        payment("a", { createdDate = "2026-01-03T00:00:00Z", amount = 100 }),
        payment("c", { createdDate = "2026-01-02T00:00:00Z", amount = -1.5 }) }
      write({ payment("e", { createdDate = "2026-01-04T00:00:00Z", amount = 7 }) }, NOW, "c2")
    end)

    it("come newest first", function()
      assert.equal("a c b d", ids { connection_id = "c1" })
    end)

    it("are those of all connections unless one is asked for", function()
      assert.equal("e a c b d", ids())
      assert.equal("e", ids { connection_id = "c2" })
      assert.equal("", ids { connection_id = "nobody" })
    end)

    it("are given as id, JSON and connection", function()
      local id, data, connection_id = assert(db():records(PAYMENTS, { connection_id = "c2" }))()
      assert.equal("e", id)
      assert.equal(7, json.decode(data).amount)
      assert.equal("c2", connection_id)
    end)

    it("come a page at a time", function()
      assert.equal("e a", ids { limit = 2 })
      assert.equal("c b", ids { limit = 2, offset = 2 })
      assert.equal("d", ids { limit = 2, offset = 4 })
      assert.equal("", ids { limit = 2, offset = 9 })
      assert.equal("b d", ids { offset = 3 })
      assert.equal("", ids { limit = 0 })
    end)

    it("come from any place of a long list, read in any order", function()
      local all, gone = {}, {}
      for i = 1, 1300 do
        all[i] = payment(("p%04d"):format(i), { amount = i % 10,
          createdDate = ("2025-%02d-01T00:00:00Z"):format(1 + i % 12) })
      end
      write(all)
      for i = 1, 20 do
        gone[i] = ("p%04d"):format(i * 60)
      end
      assert(db():write_page("c1", { deleted = { payments = gone } }, LATER))
      for _, what in ipairs { {}, { order = "createdDate" }, { order = "-id" },
        { order = "modifiedDate" }, { where = "amount<9" } } do
        local options = { connection_id = "c1",
          order_by = what.order and assert(query.order(PAYMENTS, what.order)),
          query = what.where and assert(query.parse(PAYMENTS, what.where)) }
        local whole, place = {}, 1017
        for id in assert(db():records(PAYMENTS, options)) do
          whole[#whole + 1] = id
        end
        options.limit, options.offset = 13, place
        assert.equal(table.concat(whole, " ", place + 1, place + 13), ids(options))
        options.offset = #whole - 5
        assert.equal(table.concat(whole, " ", #whole - 4), ids(options))
      end
    end)

    it("come in the order asked for, numbers as numbers", function()
      local function by(text)
        return ids { order_by = assert(query.order(PAYMENTS, text)) }
      end
      assert.equal("c b e d a", by "amount")
      assert.equal("a d e b c", by "-amount")
      assert.equal("a b c d e", by "id")
      assert.equal("e d c b a", by "-id")
      assert.equal("d b c a e", by "createdDate")
    end)

    it("have one order only, so that pages neither repeat nor miss any", function()
      local order = assert(query.order(PAYMENTS, "currency")) -- all the same
      local whole, pages = ids { order_by = order }, {}
      for offset = 0, 4 do
        pages[#pages + 1] = ids { order_by = order, limit = 1, offset = offset }
      end
      assert.equal(whole, table.concat(pages, " "))
    end)

    it("are those that a query finds", function()
      local function where(text, options)
        options = options or {}
        options.query = assert(query.parse(PAYMENTS, text))
        return ids(options)
      end
      assert.equal("a d", where "amount>=20")
      assert.equal("e c b", where "{amount<10||id=e}&&createdDate>2026-01-01")
      assert.equal("c", where("amount<6", { limit = 1, connection_id = "c1" }))
      assert.equal("b", where("amount<6", { offset = 1 }))
      assert.equal("", where "id=x' OR 'a'='a")
    end)

    it("may be read in nested loops", function()
      local pairs_seen = 0
      for outer in assert(db():records(PAYMENTS, {})) do
        for inner in assert(db():records(PAYMENTS, {})) do
          pairs_seen = pairs_seen + (outer ~= inner and 1 or 0)
        end
      end
      assert.equal(20, pairs_seen)
    end)

    it("may be written while they are read", function()
      local seen = 0
      for id, data in assert(db():records(PAYMENTS, { connection_id = "c1" })) do
        seen = seen + 1
        write({ payment(id, { amount = 1000, createdDate = json.decode(data).createdDate }) },
          LATER)
      end
      assert.equal(4, seen)
      assert.equal(1000, stored("d").amount)
    end)

    it("do not hinder a write when a loop ends early", function()
      assert(db():records(PAYMENTS, {}))()
      assert.equal(1, write({ payment "z" }).created)
    end)

    it("stay at their end", function()
      local next_record = assert(db():records(PAYMENTS, { limit = 1 }))
      assert.is_string((next_record()))
      assert.is_nil((next_record()))
      assert.is_nil((next_record()))
    end)

    it("leave out what the source deleted, unless asked for", function()
      write { payment("c", { metadata = { isDeleted = true } }),
        payment("b", { metadata = { isDeleted = false } }) }
      assert.equal("e a d b", ids())
      assert.equal("e a d c b", ids { deleted = true })
      assert.equal("c", ids { deleted = true,
        query = assert(query.parse(PAYMENTS, "metadata.isDeleted=true")) })
      assert.equal(3, db():count(PAYMENTS, "c1"))
      assert.equal(1, db():count(PAYMENTS, "c2"))
    end)
  end)

  describe("every data type", function()
    for _, data_type in ipairs(model.types()) do
      it("can be written, read and counted: " .. data_type.name, function()
        local record = { id = "x", currency = data_type.shape.by_name.currency and "EUR" or nil }
        local body = assert(model.encode(data_type, record))
        local page = { records = { [data_type.name] = { { id = "x", body = body } } } }
        assert.equal(1, assert(db():write_page("c1", page, NOW))[data_type.name].created)
        assert.equal(1, assert(db():write_page("c1", page, LATER))[data_type.name].unchanged)
        assert.equal("x", ids({}, data_type))
        assert.equal(1, db():count(data_type, "c1"))
      end)
    end
  end)
end
