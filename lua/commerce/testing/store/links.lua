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
      assert.is_true(db():add_link_state(state "s1", NOW))
      assert.is_true(db():add_link_state(state("s2", "c2"), NOW))
      assert.is_true(db():has_link_state "s1")
      assert.is_false(db():has_link_state "s3")
      assert.is_true(db():take_link_state "s1")
      assert.is_false(db():take_link_state "s1")
      assert.is_false(db():has_link_state "s1")
      assert.is_true(db():has_link_state "s2")
    end)

    it("are forgotten when they have expired, as soon as another begins", function()
      assert.is_true(db():add_link_state(state("old", "c1", 1), NOW))
      assert.is_true(db():add_link_state(state "new", NOW + 1))
      assert.is_false(db():has_link_state "old")
      assert.is_true(db():has_link_state "new")
    end)

    it("are begun once, for a connection that there is, and go with it", function()
      assert.is_true(db():add_link_state(state "s1", NOW))
      assert.is_nil((db():add_link_state(state "s1", NOW)))
      assert.is_true(db():remove_connection "c1")
      assert.is_false(db():has_link_state "s1")
    end)
  end)
end
