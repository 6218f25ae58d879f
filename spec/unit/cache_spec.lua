-- A cache of bounded size.

local cache = require "commerce.base.cache"

describe("a cache", function()
  local gone, kept

  before_each(function()
    gone = {}
    kept = cache.new(4, function(value)
      gone[#gone + 1] = value
    end)
  end)

  it("keeps what is put, and gives it until it is taken", function()
    kept:put("a", 1)
    kept:put("b", false)
    assert.same({ 1, false }, { kept:get "a", kept:get "b" })
    assert.is_nil(kept:get "c")
    assert.equal(1, kept:take "a")
    assert.is_nil(kept:take "a")
    assert.is_nil(kept:get "a")
    assert.same({}, gone)
  end)

  it("holds a bounded number, and drops each other one once", function()
    local total = 0
    for i = 1, 1000 do
      kept:put(i, i)
      assert.is_true(i - #gone <= 4)
    end
    kept:clear()
    table.sort(gone)
    for i, value in ipairs(gone) do
      assert.equal(i, value)
      total = total + 1
    end
    assert.equal(1000, total)
    kept:clear()
    assert.equal(1000, #gone)
  end)

  it("keeps what is used again and again", function()
    kept:put("often", 0)
    for i = 1, 100 do
      kept:put(i, i)
      assert.equal(0, kept:get "often")
    end
    assert.is_nil(kept:get(1))
  end)

  it("counts what is taken from either generation", function()
    for round = 1, 50 do
      kept:put(round, round)
      kept:get(round - 1)
      assert.equal(round, kept:take(round))
    end
    assert.same({}, gone)
  end)
end)
