-- Shared cases of the store contract: pages of records, what is counted and stamped, and failures.

local assert = require "luassert"
local busted = require "busted"
local model = require "commerce.model"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local PAYMENTS, CUSTOMERS = model.find "payments", model.find "customers"
local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

--- Declare the cases about pages.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param helpers table<string, function> write, ids, stored, payment, entry
return function(db, helpers)
  local write, ids, stored, payment, entry = helpers.write, helpers.ids, helpers.stored,
    helpers.payment, helpers.entry

  -- A page that cannot be written may give nil or raise; it must not succeed.
  local function fails(page)
    local ok, result = pcall(db().write_page, db(), "c1", page, NOW)
    assert.is_falsy(ok and result)
  end

  describe("write_page", function()
    it("counts what it created, changed and left alone", function()
      assert.same({ created = 2, changed = 0, unchanged = 0, deleted = 0 },
        write { payment "a", payment "b" })
      assert.same({ created = 1, changed = 1, unchanged = 1, deleted = 0 },
        write { payment "a", payment("b", { amount = 11 }), payment "c" })
    end)

    it("stamps what it writes with the date it is told", function()
      write({ payment "a" }, NOW)
      assert.same({ id = "a", amount = 10, currency = "EUR", status = "Paid",
        createdDate = "2026-01-01T00:00:00Z", modifiedDate = NOW }, stored "a")
    end)

    it("does not touch what is unchanged", function()
      write({ payment "a", payment "b" }, NOW)
      write({ payment "a", payment("b", { status = "Failed" }) }, LATER)
      assert.equal(NOW, stored("a").modifiedDate)
      assert.equal(LATER, stored("b").modifiedDate)
      assert.equal("Failed", stored("b").status)
    end)

    it("sees a field that came, went or changed", function()
      for i, fields in ipairs { { dueDate = "2026-05-01T00:00:00Z" }, {}, { amount = 10.01 },
        { metadata = { isDeleted = true } } } do
        write { payment "a" }
        if next(fields) then
          assert.equal(1, write({ payment("a", fields) }, LATER).changed, i)
          assert.equal(1, write({ payment "a" }, LATER).changed, i)
        end
      end
    end)

    it("lets the later of two records of one id count", function()
      assert.same({ created = 1, changed = 1, unchanged = 0, deleted = 0 },
        write { payment("a", { amount = 1 }), payment("a", { amount = 2 }) })
      assert.equal(2, stored("a").amount)
      assert.same({ created = 0, changed = 0, unchanged = 2, deleted = 0 },
        write { payment("a", { amount = 2 }), payment("a", { amount = 2 }) })
      assert.equal("a", ids())
    end)

    it("writes several types at once and counts each", function()
      local counts = assert(db():write_page("c1", { records = {
        payments = { payment "a" }, customers = { entry("customers", { id = "a", note = "n" }) },
      } }, NOW))
      assert.same({
        payments = { created = 1, changed = 0, unchanged = 0, deleted = 0 },
        customers = { created = 1, changed = 0, unchanged = 0, deleted = 0 },
      }, counts)
      assert.equal("n", stored("a", CUSTOMERS).note)
    end)

    it("keeps the same id of two connections apart", function()
      write({ payment("a", { amount = 1 }) }, NOW, "c1")
      assert.equal(1, write({ payment("a", { amount = 2 }) }, NOW, "c2").created)
      assert.equal(1, db():count(PAYMENTS, "c1"))
      assert.equal(1, db():count(PAYMENTS, "c2"))
    end)

    it("takes ids and texts of any characters", function()
      local odd = { "txn_1:Stripe processing fees (2)", "it's", 'say "hi"', "50%_?", "合同", "a\\b",
        "line\nbreak" }
      for i, id in ipairs(odd) do
        odd[i] = payment(id, { paymentProvider = id })
      end
      assert.equal(#odd, write(odd).created)
      assert.equal(#odd, write(odd, LATER).unchanged)
      for _, each in ipairs(odd) do
        assert.equal(each.id, stored(each.id).paymentProvider)
      end
    end)

    it("takes a full page, and a long text", function()
      local page, text = {}, ("long "):rep(50000)
      for i = 1, 100 do
        page[i] = payment(("p%03d"):format(i))
      end
      page[101] = payment("long", { paymentProvider = text })
      assert.equal(101, write(page).created)
      assert.equal(101, write(page).unchanged)
      assert.equal(text, stored("long").paymentProvider)
    end)

    it("takes an empty page", function()
      assert.same({}, db():write_page("c1", {}, NOW))
      assert.same({ created = 0, changed = 0, unchanged = 0, deleted = 0 }, write {})
    end)
  end)

  describe("a page that fails", function()
    before_each(function()
      assert(db():write_page("c1", { records = { payments = { payment "old" } },
        resource = "charges", states = { charges = { cursor = "before" } },
        sources = { { id = "prod_1", data = "{}" } } }, NOW))
    end)

    local function unharmed()
      assert.equal("old", ids { deleted = true })
      assert.equal("", ids({ deleted = true }, CUSTOMERS))
      assert.same({ cursor = "before" }, db():state("c1", "charges"))
      assert.equal("{}", db():joined_sources("c1", "charges", "x", "", 10)[1].data)
      assert.equal(1, write({ payment "new" }).created) -- and the store works on
    end

    it("at a later record leaves nothing", function()
      fails { records = { payments = { payment "a", payment("old", { amount = 5 }),
        { id = "b", body = '{"id":' } } }, states = { charges = { cursor = "after" } } }
      unharmed()
    end)

    for _, bad in ipairs { "payments", "customers" } do
      it("at its " .. bad .. " leaves nothing of the other type", function()
        local records = { payments = { payment "a" },
          customers = { entry("customers", { id = "a" }) } }
        records[bad] = { { id = "b" } } -- no body
        fails { records = records, states = { charges = { cursor = "after" } } }
        unharmed()
      end)
    end

    it("at its sources leaves nothing of the records", function()
      fails { records = { payments = { payment "a" } }, resource = "charges",
        sources = { { id = "prod_1", data = '{"new":1}' }, { id = "prod_2" } },
        states = { charges = { cursor = "after" } } }
      unharmed()
    end)
  end)

  describe("state", function()
    it("is kept per connection and resource, the last one counts", function()
      local function keep(connection_id, resource, state)
        assert(db():write_page(connection_id, { states = { [resource] = state } }, NOW))
      end
      keep("c1", "charges", { cursor = "ch_1" })
      keep("c1", "refunds", { cursor = "re_1" })
      keep("c2", "charges", { cursor = "ch_2" })
      keep("c1", "charges", { cursor = "ch_9", done = true, ranges = { { from = 5, to = 7.5 } } })
      assert.same({ cursor = "ch_9", done = true, ranges = { { from = 5, to = 7.5 } } },
        db():state("c1", "charges"))
      assert.same({ cursor = "re_1" }, db():state("c1", "refunds"))
      assert.same({ cursor = "ch_2" }, db():state("c2", "charges"))
      assert.is_nil((db():state("c2", "refunds")))
    end)

    it("stays when a page brings none", function()
      assert(db():write_page("c1", { resource = "charges", states = { charges = { n = 1 } } }, NOW))
      assert(db():write_page("c1", { resource = "charges", records = {} }, NOW))
      assert.same({ n = 1 }, db():state("c1", "charges"))
    end)
  end)
end
