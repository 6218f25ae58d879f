-- How often a worker looks for what is due.

local core = require "commerce.core"
local schedule = require "commerce.serve.schedule"

describe("a worker's schedule", function()
  local real_now = core.now

  after_each(function()
    core.now = real_now
  end)

  -- The seconds at which it looks, if a look takes so long; asked each second.
  local function looks(seconds, span)
    local now, found = 1000, {}
    function core.now()
      return now
    end
    local store = { lacking = { apps = true } }
    function store.leases()
      return {}
    end
    function store.finish_removals() end

    function store.setting() end
    function store.connections()
      found[#found + 1] = now - 1000
      now = now + seconds
      return {}
    end
    local made = schedule.new { store = store }
    while now < 1000 + span do
      made:look()
      now = now + 1
    end
    return table.concat(found, " ")
  end

  it("looks each ten seconds", function()
    assert.equal("0 10 20 30", looks(0, 35))
  end)

  it("spends a tenth of its time on looking at most, however long that takes", function()
    assert.equal("0 50 100", looks(5, 140))
  end)
end)
