-- Shared cases of the store contract: links under way.

local assert = require "luassert"
local busted = require "busted"

local describe, it = busted.describe, busted.it

local NOW = 1800000000

local function state(id, connection_id, seconds)
  return { id = id, connection_id = connection_id or "c1", expires = NOW + (seconds or 60) }
end

--- Declare the cases about links.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
return function(db)
  describe("links that have been begun", function()
    it("wait until one taker has them", function()
      assert.is_true(db():add_link_state(state "s1", NOW, 9))
      assert.is_true(db():add_link_state(state("s2", "c2"), NOW, 9))
      assert.is_true(db():has_link_state "s1")
      assert.is_false(db():has_link_state "s3")
      assert.is_true(db():take_link_state "s1")
      assert.is_false(db():take_link_state "s1")
      assert.is_false(db():has_link_state "s1")
      assert.is_true(db():has_link_state "s2")
    end)

    it("are forgotten when they have expired, as soon as another begins", function()
      assert.is_true(db():add_link_state(state("old", "c1", 1), NOW, 9))
      assert.is_true(db():add_link_state(state "new", NOW + 1, 9))
      assert.is_false(db():has_link_state "old")
      assert.is_true(db():has_link_state "new")
    end)

    it("are begun once, for a connection that there is, and go with it", function()
      assert.is_true(db():add_link_state(state "s1", NOW, 9))
      assert.is_nil((db():add_link_state(state "s1", NOW, 9)))
      assert.is_true(db():remove_connection "c1")
      assert.is_false(db():has_link_state "s1")
    end)

    it("are no more than so many of a connection: the oldest ones end", function()
      assert.is_true(db():add_link_state(state("other", "c2"), NOW, 3))
      for i = 1, 5 do
        assert.is_true(db():add_link_state(state("s" .. i, "c1", 60 - i), NOW, 3))
      end
      for i = 1, 5 do
        assert.equal(i > 2, db():has_link_state("s" .. i))
      end
      assert.is_true(db():has_link_state "other")
    end)
  end)

  describe("a code that was spent", function()
    it("is known until its time is over, whatever becomes of the connections", function()
      assert.is_true(db():spend_code("h1", NOW + 60, NOW))
      assert.is_false(db():spend_code("h1", NOW + 99, NOW))
      assert.is_true(db():spend_code("h2", NOW + 99, NOW))
      assert.is_true(db():remove_connection "c1")
      assert.is_true(db():remove_connection "c2")
      assert.is_false(db():spend_code("h1", NOW + 99, NOW + 59))
      assert.is_true(db():spend_code("h1", NOW + 120, NOW + 60))
      assert.is_false(db():spend_code("h2", NOW + 120, NOW + 60))
    end)
  end)
end
