-- What a list that is read in ranges still has to read: by that, the lists share what the limits
-- allow. That it makes them faster, `make bench PARTS=limits` shows.

local backfill = require "commerce.sync.backfill"

local function reader(...)
  local task = { resource = { path = "/v1/charges" } }
  return backfill.start(task, { ranges = { ... }, at = 5000, newest = 5000 },
    { at = 6000, ranges = 8, page_size = 100 })
end

describe("what is left of a list", function()
  it("is as dense as the end of the last page of each range", function()
    local half = { gte = 0, created = 500, pace = 10 }
    local tenth = { gte = 1000, lt = 2000, created = 1900, pace = 10 }
    local objects, ranges = reader(half, tenth):rest()
    assert.equal(140, objects)
    assert.equal(2, ranges)
  end)

  it("is at least as much as has been seen if its oldest object is not known", function()
    local objects = reader({ created = 3000, pace = 0.25 }):rest()
    assert.equal(2000 / 0.25, objects)
    -- but not less than the next step back, nor older than the first second of 1970
    assert.equal(2 * 4 * 100, (reader({ created = 4900, pace = 1 }):rest()))
    assert.equal(700, (reader({ created = 700, pace = 1 }):rest()))
  end)

  it("may be divided before the first page of a continued range has come", function()
    for _, lower in ipairs { 1000, false } do
      local range = { gte = lower or nil, created = 90000, pace = 1, cursor = "ch_1" }
      local task = { resource = { path = "/v1/charges" }, expand = {}, session = {
        pager = function()
          return { poll = function()
            return false
          end, split = function()
            return true
          end }
        end } }
      local continued = backfill.start(task, { ranges = { range }, at = 90000, newest = 100000 },
        { at = 100000, ranges = 8, floor = 500 })
      assert.is_false(continued:poll())
      assert.equal(range, (continued:largest()))
      assert.is_true(continued:halve(range, 2))
      assert.is_true(#continued.state.ranges > 1)
    end
  end)

  it("is not known while nothing has been read of a range", function()
    local objects, ranges = reader({ gte = 0, created = 5, pace = 2 },
      { gte = 10, lt = 20 }):rest()
    assert.is_nil(objects)
    assert.equal(2, ranges)
  end)
end)

describe("how much of a list has been read", function()
  it("is known once its oldest object is", function()
    assert.is_nil(backfill.fraction({ ranges = { { created = 900 } }, at = 1000 }))
    assert.equal(0.25, backfill.fraction { ranges = { { gte = 800, created = 900 },
      { gte = 200, lt = 700 } }, at = 1000, bottom = 200 })
    assert.equal(0.75, backfill.fraction { ranges = { { gte = 500, lt = 750 } }, at = 1000,
      bottom = 0 })
  end)

  it("is not known below the day on which an account is said to have been created", function()
    local state = { ranges = { { created = 600 } }, at = 1000, floor = 200 }
    assert.equal(0.5, backfill.fraction(state))
    state.ranges[1].created = 100
    assert.is_nil(backfill.fraction(state))
  end)
end)
