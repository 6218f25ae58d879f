-- Waiting together: who sleeps, and who is told once a second.

local core = require "commerce.core"
local runtime = require "commerce.runtime"

describe("steps together", function()
  it("sleep side by side, as long as each asks for", function()
    local order = {}
    local function step(name, seconds)
      return function()
        runtime.sleep(seconds, core.sleep, core.now)
        order[#order + 1] = name
      end
    end
    runtime.together { step("long", 0.2), step("short", 0.05), step("middle", 0.1) }
    assert.same({ "short", "middle", "long" }, order)
    runtime.sleep(0.01, core.sleep, core.now)
  end)

  it("raise what their own ticker raises, and not another one's", function()
    local ticks, others = 0, 0
    local ok, raised = pcall(runtime.together, { function()
      local stop = runtime.every_second(function()
        ticks = ticks + 1
        error({}, 0)
      end)
      local transport = core.transport {}
      local went_on, thrown = pcall(function()
        while true do
          runtime.wait(transport, 0)
        end
      end)
      stop()
      transport:close()
      assert(not went_on and type(thrown) == "table")
    end, function()
      while ticks == 0 do
        runtime.sleep(0.02, core.sleep, core.now)
        others = others + 1
      end
    end })
    assert.is_true(ok, tostring(raised))
    assert.equal(1, ticks)
    assert.is_true(others > 0)
  end)
end)
