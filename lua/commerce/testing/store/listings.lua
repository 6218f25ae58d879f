-- Shared cases of the store contract: listings and finding records by id.

local ascii = require "commerce.base.ascii"
local assert = require "luassert"
local busted = require "busted"
local model = require "commerce.model"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local PAYMENTS = model.find "payments"
local NOW = "2026-03-01T08:00:00Z"

--- Declare the cases about listings.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: write, ids, stored, payment
return function(db, with)
  local write, ids, payment = with.write, with.ids, with.payment
  local ODD = 'it\'s "50%_?":\\(2)'

  local function entries(names)
    local list = {}
    for i, id in ipairs(names) do
      list[i] = { id = id }
    end
    return list
  end

  describe("find", function()
    before_each(function()
      write { payment "a", payment "b", payment("gone", { metadata = { isDeleted = true } }),
        payment(ODD) }
      write({ payment "c" }, NOW, "c2")
    end)

    it("gives the records of those ids that are stored and not deleted", function()
      local found = assert(db():find(PAYMENTS, "c1", { "a", "c", "gone", "no", ODD }))
      assert.truthy(found.a:find('^{"id":"a","amount":10,'))
      assert.is_string(found[ODD])
      assert.same({ nil, nil, nil, nil }, { found.b, found.c, found.gone, found.no })
      found = assert(db():find(PAYMENTS, "c1", { "a", "c", "gone" }, true))
      assert.truthy(found.a and found.gone and not found.c)
    end)

    it("finds nothing of no ids", function()
      assert.same({}, db():find(PAYMENTS, "c1", {}))
    end)
  end)

  describe("a listing", function()
    before_each(function()
      write { payment "a", payment "b", payment "d", payment(ODD),
        payment("gone", { metadata = { isDeleted = true } }) }
      write({ payment "c" }, NOW, "c2")
    end)

    local function unlisted(name, after, limit)
      return table.concat(assert(db():unlisted(PAYMENTS, "c1", name, after or "", limit or 10)),
        " ")
    end

    it("counts what was not in it yet", function()
      assert.equal(2, db():add_listed("l", entries { "a", ODD }))
      assert.equal(1, db():add_listed("l", entries { "a", "b" }))
      assert.equal(0, db():add_listed("l", {}))
      assert.equal(2, db():add_listed("other", entries { "a", "b" }))
    end)

    it("tells which stored records are not in it", function()
      assert.equal("a b d " .. ODD, unlisted "l")
      assert(db():add_listed("l", entries { "b", ODD, "x" }))
      assert.equal("a d", unlisted "l")
      assert.equal("a", unlisted("l", "", 1))
      assert.equal("d", unlisted("l", "a", 1))
      assert.equal("", unlisted("l", "d"))
      assert.same({ "c" }, db():unlisted(PAYMENTS, "c2", "l", "", 10))
    end)

    it("is forgotten when it is told to, and no other one is", function()
      assert(db():add_listed("l", entries { "a", "b" }))
      assert(db():add_listed("other", entries { "a" }))
      assert.is_true(db():drop_listing "l")
      assert.equal("a b d " .. ODD, unlisted "l")
      assert.equal("b d " .. ODD, unlisted "other")
      assert.is_true(db():drop_listing "never")
    end)

    it("gives its entries with their children", function()
      assert(db():add_listed("parents", { { id = "q", data = "Q" }, { id = "p", data = "P" } }))
      assert(db():add_listed("children", { { id = "1", parent_id = "p", data = "one" },
        { id = "2", parent_id = "p", data = '"two"' }, { id = "3", parent_id = "r", data = "" } }))
      local batch = assert(db():listed_families("parents", "children", "", 10))
      for _, parent in ipairs(batch) do
        ascii.sort(parent.children)
      end
      assert.same({ { id = "p", data = "P", children = { '"two"', "one" } },
        { id = "q", data = "Q", children = {} } }, batch)
      assert.equal("q", db():listed_families("parents", "children", "p", 1)[1].id)
      assert.same({}, db():listed_families("parents", "children", "q", 1))
    end)

    it("is not part of the records", function()
      assert(db():add_listed("l", entries { "x" }))
      assert.equal(ODD .. " d c b a", ids())
    end)
  end)
end
