-- The state of the log of changes in the metrics.

local commerce = require "commerce"
local metrics = require "commerce.serve.metrics"
local retention = require "commerce.account.retention"
local time = require "commerce.base.time"

local THEN = "2026-03-01T08:00:00Z"
local NOW = time.parse "2026-03-01T09:00:00Z"

describe("the log of changes in the metrics", function()
  local app, store

  before_each(function()
    app = assert(commerce.open { store = "memory:" })
    store = app.store
  end)

  after_each(function()
    app:close()
  end)

  local function text()
    return assert(metrics.text(store, {}, NOW))
  end

  it("is empty at first", function()
    local empty = text()
    assert.matches("\ncommerce_change_log_seconds 0\n", empty)
    assert.is_nil(empty:find "\ncommerce_change_log_pruned_seconds %d")
    assert.is_nil(empty:find "\ncommerce_change_log_unread{")
  end)

  it("has its oldest change, the last pruning, and what consumers have not read", function()
    store:add_connection({ id = "c1", company_id = "m1", account = "acct_1", auth = "key",
      integration = "stripe", status = "Linked", created = THEN },
      { company = { id = "m1", name = "one", created = THEN } })
    local records = {}
    for i = 1, 3 do
      records[i] = { id = "p" .. i, body = ('{"id":"p%d","amount":1'):format(i) }
    end
    store:write_page("c1", { records = { payments = records } }, THEN)
    store:acknowledge("c1", "queue", nil, 1)
    retention.note_pruning(store, NOW - 60)
    local said = text()
    assert.matches("\ncommerce_change_log_seconds 3600\n", said)
    assert.matches("\ncommerce_change_log_pruned_seconds 60\n", said)
    assert.matches('\ncommerce_change_log_unread{consumer="queue"} 2\n', said)
    store:acknowledge("c1", "queue", 1, 3)
    assert.matches('\ncommerce_change_log_unread{consumer="queue"} 2\n',
      assert(metrics.text(store, {}, NOW + 59)))
    assert.matches('\ncommerce_change_log_unread{consumer="queue"} 0\n',
      assert(metrics.text(store, {}, NOW + 60)))
  end)
end)
