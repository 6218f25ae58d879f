-- A short soak: what `make soak` does for minutes and with both runtimes, for seconds with one.

local sandbox = require "spec.support.sandbox"
local soak = require "spec.soak.soak"

describe("trouble of every kind at once", function()
  it("leaves databases that say what the source says", function()
    local failures, counts = soak.run { seconds = 8, seed = 4, charges = 250,
      runtimes = { [sandbox.runtime] = sandbox.lua } }
    assert.equal("", table.concat(failures, "\n"))

    -- it did find trouble
    for _, what in ipairs { "killed: runs", "changes at the source", "webhooks acknowledged",
      "answers 200" } do
      assert.is_true((counts[what] or 0) > 0, what)
    end
  end)
end)
