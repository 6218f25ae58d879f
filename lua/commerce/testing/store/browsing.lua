-- Shared cases of the store contract: looking through records page after page, and the changes of
-- one record.

local assert = require "luassert"
local busted = require "busted"
local model = require "commerce.model"
local query = require "commerce.query"
local tables = require "commerce.base.tables"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local PAYMENTS = model.find "payments"
local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

--- Declare the cases about browsing.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: write, payment
return function(db, with)
  local write, payment = with.write, with.payment

  local function customer(id)
    return { content = { stripe = { customer = id } } }
  end

  local function page(order, fields)
    local asked = tables.merged({ connection_id = "c1", limit = 2,
      order = assert(query.order(PAYMENTS, order)) }, fields)
    if type(asked.query) == "string" then
      asked.query = assert(query.parse(PAYMENTS, asked.query))
    end
    return assert(db():record_page(PAYMENTS, asked))
  end

  local function ids(found)
    local list = {}
    for i, row in ipairs(found.rows) do
      list[i] = row.id
    end
    return table.concat(list, " ")
  end

  -- All pages of an order, from its beginning or from its end.
  local function walk(order, fields)
    local pages, from = {}, nil
    repeat
      local asked = tables.merged({ from = from }, fields)
      local found = page(order, asked)
      pages[#pages + 1] = ids(found)
      from = found.more
      assert.is_true(#pages < 20, "the walk does not end")
    until not from
    return table.concat(pages, "|")
  end

  describe("a page of records", function()
    before_each(function()
      write { payment("b", { createdDate = "2026-01-02T00:00:00Z", amount = 5 }),
        payment("d", { createdDate = "2026-01-01T00:00:00Z", amount = 20,
          supplementalData = customer "cus_2" }),
        payment("a", { createdDate = "2026-01-03T00:00:00Z", amount = 100,
          supplementalData = customer "cus_1" }),
        payment("c", { createdDate = "2026-01-02T00:00:00Z", amount = -1.5, status = "Failed" }),
        payment("f", { createdDate = "2026-01-05T00:00:00Z", metadata = { isDeleted = true } }) }
      write({ payment("e", { createdDate = "2026-01-04T00:00:00Z", amount = 7 }) }, NOW, "c2")
    end)

    it("begins at a place, in every order, without what the source deleted", function()
      assert.equal("a c|b d|", walk "-createdDate")
      assert.equal("d b|c a|", walk "createdDate")
      assert.equal("c b|d a|", walk "amount")
      assert.equal("a d|b c|", walk "-amount")
      assert.equal("a b|c d|", walk "id")
    end)

    it("gives records and their places", function()
      local found = page("-amount", { limit = 1 })
      assert.truthy(found.rows[1].data:find '^{"id":"a","amount":100,')
      assert.same({ id = "a", value = 100 }, found.rows[1].place)
      assert.same({ id = "a", value = 100 }, found.more)
      assert.equal(1, found.looked)
    end)

    it("ends before a place, the last one at the end", function()
      assert.equal("b d", ids(page("-createdDate", { backward = true })))
      assert.equal("b d|a c|", walk("-createdDate", { backward = true }))
      local place = page("-createdDate", { backward = true }).rows[1].place
      assert.equal("a c", ids(page("-createdDate", { backward = true, from = place })))
      assert.equal("d a|c b|", walk("amount", { backward = true }))
    end)

    it("goes on from the place of a record that is not there any more", function()
      local place = page("-createdDate", { limit = 2 }).more
      write({ payment("c", { createdDate = "2026-01-02T00:00:00Z",
        metadata = { isDeleted = true } }) }, LATER)
      assert.equal("b d", ids(page("-createdDate", { from = place })))
    end)

    it("is ordered by a fact; records without one come first, or last if descending", function()
      local function by(descending, fields)
        local order = { field = "customer", descending = descending }
        local pages, from = {}, nil
        repeat
          local asked = tables.merged({ connection_id = "c1", order = order, limit = 1,
            from = from }, fields)
          local found = assert(db():record_page(PAYMENTS, asked))
          pages[#pages + 1] = ids(found)
          from = found.more
        until not from
        return table.concat(pages, " ")
      end
      assert.equal("b c a d ", by(false))
      assert.equal("d a c b ", by(true))
      assert.equal("d a c b ", by(false, { backward = true }))
      assert.equal("b c a d ", by(true, { backward = true }))
      assert.equal("a d ", by(false, { look = 1,
        query = assert(query.parse(PAYMENTS, "amount>=20")) }):gsub("^ +", ""):gsub(" +", " "))
    end)

    it("has what a query finds among so many records, and goes on after them", function()
      local found = page("-createdDate", { query = "status=Failed", look = 1 })
      assert.same({ "", 1, "a" }, { ids(found), found.looked, found.more.id })
      found = page("-createdDate", { query = "status=Failed", look = 2, from = found.more })
      assert.same({ "c", 2, "b" }, { ids(found), found.looked, found.more.id })
      found = page("-createdDate", { query = "status=Failed", look = 2, from = found.more })
      assert.same({ "", 1, nil }, { ids(found), found.looked, found.more })
      found = page("-createdDate", { query = "amount>0", look = 100 })
      assert.same({ "a b", 3, "b" }, { ids(found), found.looked, found.more.id })
      assert.equal("b d|a", walk("-createdDate", { query = "amount>0", look = 3,
        backward = true }))
    end)

    it("begins where a query about the order's field lets it", function()
      local found = page("-createdDate", { query = "createdDate<2026-01-02&&amount>1", look = 100 })
      assert.equal("d", ids(found))
      assert.is_nil(found.more)
      assert.equal("c", ids(page("amount", { query = "{amount<0||amount>900}&&amount<5",
        look = 100 })))
    end)

    it("has deleted records if the query asks for them", function()
      assert.equal("f", ids(page("id", { query = "metadata.isDeleted=true", look = 10 })))
    end)

    it("may be one of many: they are counted as far as is asked", function()
      assert.equal(4, db():count_upto(PAYMENTS, "c1", 100))
      assert.equal(2, db():count_upto(PAYMENTS, "c1", 2))
      assert.equal(1, db():count_upto(PAYMENTS, "c2", 2))
      assert.equal(0, db():count_upto(PAYMENTS, "none", 2))
    end)

    it("is the same when its order has an index", function()
      for _, order in ipairs { "amount", "status", "customer", "id", "createdDate" } do
        assert.is_true(db():index_order("payments", order))
        assert.is_true(db():index_order("payments", order))
      end
      local fields = {}
      for _, field in ipairs(db():record_orders(PAYMENTS)) do
        fields[field] = true
      end
      for _, field in ipairs { "amount", "status", "customer", "id", "createdDate",
        "modifiedDate" } do
        assert.is_true(fields[field], field)
      end
      assert.equal("c b|d a|", walk "amount")
      assert.equal("d b|a c|", walk "-status")
      write { payment("g", { amount = 6, createdDate = "2026-02-01T00:00:00Z" }) }
      assert.equal("c b|g d|a", walk "amount")
    end)
  end)

  describe("the changes of a record", function()
    it("are those of its id, newest first", function()
      write { payment "p", payment "pp" }
      write({ payment("p", { amount = 11 }), payment("q", { amount = 3 }) }, LATER)
      assert(db():write_page("c1", { deleted = { payments = { "p" } } }, LATER))
      local list = assert(db():changes_of(PAYMENTS, "c1", "p", 10))
      local kinds = {}
      for i, change in ipairs(list) do
        kinds[i] = change.kind .. " " .. change.at
        assert.is_number(change.number)
      end
      assert.same({ "deleted " .. LATER, "changed " .. LATER, "created " .. NOW }, kinds)
      assert.equal(1, #assert(db():changes_of(PAYMENTS, "c1", "p", 1)))
      assert.same({}, db():changes_of(PAYMENTS, "c2", "p", 10))
      assert.same({}, db():changes_of(model.find "customers", "c1", "p", 10))
    end)
  end)
end
