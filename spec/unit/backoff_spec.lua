local backoff = require "commerce.runtime.backoff"

describe("a backoff", function()
  it("doubles its pauses up to the longest, and begins again after a success", function()
    local pauses = backoff.new(1, 6)
    assert.same({ 1, 2, 4, 6, 6 }, { pauses:next(), pauses:next(), pauses:next(), pauses:next(),
      pauses:next() })
    pauses:reset()
    assert.same({ 1, 2 }, { pauses:next(), pauses:next() })
  end)
end)
