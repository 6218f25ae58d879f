-- What a list that is read in ranges still has to read: by that, the lists share what the limits
-- allow. That it makes them faster, `make bench PARTS=limits` shows.

local backfill = require "commerce.sync.backfill"

local function reader(...)
  local task = { resource = { path = "/v1/charges" } }
  return backfill.start(task, { ranges = { ... }, at = 5000 }, { at = 6000, ranges = 8,
    page_size = 100 })
end

describe("what is left of a list", function()
  it("is as dense as what has been read of each range", function()
    local half = { gte = 0, top = 1000, created = 500, read = 50 }
    local tenth = { gte = 1000, top = 2000, created = 1900, read = 10 }
    local objects, ranges = reader(half, tenth):rest()
    assert.equal(140, objects)
    assert.equal(2, ranges)
  end)

  it("is not known while nothing has been read of a range", function()
    local objects, ranges = reader({ gte = 0, top = 9, created = 5, read = 4 },
      { gte = 10, lt = 20 }):rest()
    assert.is_nil(objects)
    assert.equal(2, ranges)
  end)
end)
