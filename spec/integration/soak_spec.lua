-- A short soak: what `make soak` does for minutes and with both runtimes, for seconds with one.

local sandbox = require "spec.support.sandbox"
local soak = require "spec.soak.soak"

describe("trouble of every kind at once", function()
  it("leaves databases that say what the source says", function()
    local totals, seed = {}, 4

    local function trouble_not_found()
      for _, what in ipairs { "killed: runs", "changes at the source", "webhooks acknowledged",
        "answers 200" } do
        if (totals[what] or 0) == 0 then
          return what
        end
      end
    end

    repeat -- a slow machine needs more than one
      local failures, counts = soak.run { seconds = 8, seed = seed, charges = 250,
        runtimes = { [sandbox.runtime] = sandbox.lua } }
      assert.equal("", table.concat(failures, "\n"))
      for what, count in pairs(counts) do
        totals[what] = (totals[what] or 0) + count
      end
      seed = seed + 1
    until not trouble_not_found() or seed == 7
    assert.is_nil(trouble_not_found())
  end)
end)
