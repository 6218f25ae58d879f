-- The bytes of records are what they were: of the emulator's whole data set, of all currencies, of
-- objects that JSON allows and Stripe seldom sends. A record whose bytes change is written again
-- by every user's next sync, and reported as changed.

local golden = require "spec.support.golden_records"

describe("the records", function()
  for _, case in ipairs(golden.cases()) do
    it("of the mappings and objects '" .. case.name .. "' are what they were", function()
      local expected, found = golden.fixture(case), golden.kept(case, golden.records(case))
      for i, line in ipairs(expected) do
        assert.equal(line, found[i])
      end
      assert.equal(#expected, #found)
    end)
  end
end)
