-- Events of several requests in one transaction. The requests are coroutines; sleeping is yielding.

local receipts = require "commerce.webhooks.receipts"

describe("receipts", function()
  local calls, store, keep

  before_each(function()
    calls = {}
    store = { keep_events = function(_, rows)
      calls[#calls + 1] = #rows
      for _, row in ipairs(rows) do
        if row.bad then
          error(setmetatable({ kind = "store", message = "no" },
            require("commerce.core").Failure), 0)
        end
      end
      return #rows
    end }
    keep = receipts.new(store, coroutine.yield)
  end)

  -- Runs requests in turns; gives what each of them was told.
  local function run(requests)
    local threads, results, left = {}, {}, #requests
    for i, rows in ipairs(requests) do
      threads[i] = coroutine.create(keep)
      local ok, result = coroutine.resume(threads[i], rows)
      results[i] = { ok, result }
    end
    while left > 0 do
      left = 0
      for i, thread in ipairs(threads) do
        if coroutine.status(thread) == "suspended" then
          left = left + 1
          local ok, result = coroutine.resume(thread)
          results[i] = { ok, result }
        end
      end
    end
    return results
  end

  it("keep what comes together at once, and tell everybody when it is kept", function()
    for i, result in ipairs(run { { {} }, { {}, {} }, { {} } }) do
      assert.same({ true, i == 2 and 2 or 1 }, result)
    end
    assert.same({ 4 }, calls)
    assert.same({ { true, 1 } }, run { { {} } })
    assert.same({ 4, 1 }, calls)
  end)

  it("begin another transaction when one is full", function()
    local requests = {}
    for i = 1, 120 do
      requests[i] = { {} }
    end
    for _, result in ipairs(run(requests)) do
      assert.same({ true, 1 }, result)
    end
    assert.same({ 50, 50, 20 }, calls)
  end)

  it("refuse only the event that cannot be kept", function()
    local results = run { { {} }, { { bad = true } }, { {} } }
    assert.same({ true, false, true }, { results[1][1], results[2][1], results[3][1] })
    assert.equal("no", tostring(results[2][2]))
  end)
end)
