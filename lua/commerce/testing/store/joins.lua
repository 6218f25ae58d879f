-- Shared cases of the store contract: kept objects with their kept children.

local assert = require "luassert"
local busted = require "busted"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local NOW = "2026-03-01T08:00:00Z"

--- Declare the cases about joined objects.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
return function(db)
  describe("joined_sources", function()
    local function keep(resource, sources, connection_id)
      assert(db():write_page(connection_id or "c1", { resource = resource, sources = sources },
        NOW))
    end

    local function joined(after, limit)
      local parts = {}
      local batch = assert(db():joined_sources("c1", "products", "prices", after, limit))
      for _, parent in ipairs(batch) do
        table.sort(parent.children)
        parts[#parts + 1] = parent.id .. "=" .. parent.data .. "("
          .. table.concat(parent.children, ",") .. ")"
      end
      return table.concat(parts, " ")
    end

    before_each(function()
      keep("prices", { { id = "1", parent_id = "a", data = "one" },
        { id = "2", parent_id = "c", data = "two" }, { id = "3", parent_id = "a", data = "three" },
        { id = "4", parent_id = "gone", data = "four" } })
      keep("products", { { id = "c", data = "C" }, { id = "a", data = "A" },
        { id = "b", data = "B" } })
      keep("products", { { id = "a", data = "other" } }, "c2")
      keep("prices", { { id = "9", parent_id = "a", data = "nine" } }, "c2")
    end)

    it("gives each parent with its children, in the order of the ids", function()
      assert.equal("a=A(one,three) b=B() c=C(two)", joined("", 10))
    end)

    it("goes on after an id", function()
      assert.equal("a=A(one,three) b=B()", joined("", 2))
      assert.equal("c=C(two)", joined("b", 2))
      assert.equal("", joined("c", 2))
    end)

    it("has the newest version of parents and children", function()
      keep("products", { { id = "b", data = "B2" } })
      keep("prices", { { id = "1", parent_id = "a", data = "one2" } })
      assert.equal("a=A(one2,three) b=B2() c=C(two)", joined("", 10))
    end)

    it("moves a child to its new parent", function()
      keep("prices", { { id = "3", parent_id = "b", data = "three, moved" } })
      assert.equal("a=A(one) b=B(three, moved) c=C(two)", joined("", 10))
    end)
  end)
end
