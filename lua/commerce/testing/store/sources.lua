-- Shared cases of the store contract: kept source objects and checkpoints of resources.

local assert = require "luassert"
local busted = require "busted"
local json = require "commerce.base.json"
local model = require "commerce.model"

local describe, it = busted.describe, busted.it

local PAYMENTS = model.find "payments"
local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

--- Declare the cases about what is kept beside the records.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: write, payment
return function(db, with)
  local write, payment = with.write, with.payment

  local function keep(connection_id, resource, ...)
    local sources = {}
    for i, id in ipairs { ... } do
      sources[i] = { id = id, data = ('{"id":"%s"}'):format(id) }
    end
    assert(db():write_page(connection_id, { resource = resource, sources = sources }, NOW))
  end

  local function kept(connection_id, resource)
    local ids = {}
    for i, source in ipairs(assert(db():kept_sources(connection_id, resource, "", 100))) do
      ids[i] = source.id
      assert.equal(source.id, json.decode(source.data).id)
    end
    return table.concat(ids, " ")
  end

  describe("kept source objects", function()
    it("are given in batches, by their ids", function()
      keep("c1", "charges", "b", "d", "a")
      keep("c1", "refunds", "x")
      keep("c2", "charges", "c")
      assert.equal("a b d", kept("c1", "charges"))
      local batch = assert(db():kept_sources("c1", "charges", "a", 1))
      assert.equal(1, #batch)
      assert.equal("b", batch[1].id)
      assert.same({}, db():kept_sources("c1", "charges", "d", 10))
    end)

    it("are found one by one", function()
      keep("c1", "charges", "b")
      keep("c2", "charges", "c")
      assert.equal("b", json.decode((assert(db():find_source("c1", "charges", "b")))).id)
      assert.is_nil((db():find_source("c1", "charges", "c")))
      assert.is_nil((db():find_source("c1", "refunds", "b")))
    end)

    it("are forgotten, but for some resources", function()
      keep("c1", "charges", "a")
      keep("c1", "products", "p")
      keep("c2", "charges", "c")
      assert(db():drop_sources("c1", { "products", "prices" }))
      assert.equal("", kept("c1", "charges"))
      assert.equal("p", kept("c1", "products"))
      assert.equal("c", kept("c2", "charges"))
      assert.equal(1, db():drop_sources("c1", {}, 1))
      assert.equal(0, db():drop_sources("c1", {}, 1))
      assert.equal("", kept("c1", "products"))
    end)
  end)

  it("gives all checkpoints of a connection", function()
    assert.same({}, db():states "c1")
    assert(db():write_page("c1", { states = { ["charges payments"] = { newest = 5 },
      sources = { since = 7 } } }, NOW))
    assert(db():write_page("c2", { states = { charges = { newest = 9 } } }, NOW))
    assert.same({ ["charges payments"] = { newest = 5 }, sources = { since = 7 } },
      db():states "c1")
  end)

  describe("records that are made anew from kept sources", function()
    local function remake(...)
      return assert(db():write_page("c1", { records = { payments = { ... } }, remade = true },
        LATER)).payments
    end

    local function data_of(id)
      for each, data in assert(db():records(PAYMENTS, { deleted = true })) do
        if each == id then
          return data
        end
      end
    end

    it("stay deleted where the source deleted them", function()
      write { payment("a", { sourceModifiedDate = "2026-02-01T00:00:00Z" }), payment "b",
        payment "c" }
      assert(db():write_page("c1", { deleted = { payments = { "a", "b" } } }, NOW))
      local before = data_of "a"
      assert.same({ created = 0, changed = 1, unchanged = 2, deleted = 0, marked = 2 },
        remake(payment("a", { sourceModifiedDate = "2026-01-05T00:00:00Z" }),
          payment("b", { amount = 99 }), payment "c"))
      assert.equal(before, data_of "a")
      local changed = json.decode(data_of "b")
      assert.same({ isDeleted = true }, changed.metadata)
      assert.equal(99, changed.amount)
      assert.equal(LATER, changed.modifiedDate)
      assert.equal(1, db():count(PAYMENTS, "c1"))
    end)

    it("come back to life where the source lists them again", function()
      write { payment "a" }
      assert(db():write_page("c1", { deleted = { payments = { "a" } } }, NOW))
      assert.equal(1, write({ payment "a" }, LATER).changed)
      assert.equal(1, db():count(PAYMENTS, "c1"))
    end)
  end)
end
