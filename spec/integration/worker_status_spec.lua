-- What `commerce worker --status` and the metrics tell of the queue and the leases.

local client = require "spec.support.api_client"
local files = require "spec.support.sqlite_files"
local json = require "commerce.base.json"
local metrics = require "commerce.serve.metrics"
local process = require "commerce.runtime.process"
local sandbox = require "spec.support.sandbox"

describe("the state of the workers", function()
  local box, api, path

  setup(function()
    files.make_folder()
    box, path = sandbox.new(), files.path_of "commerce.db"
    api = client.new({}, "sqlite:" .. path)
    api.store:save_company { id = "co1", name = "Shop", created = "2026-01-01T00:00:00Z" }
    for i = 1, 3 do
      assert(api.store:add_connection { id = "c" .. i, company_id = "co1", status = "Linked",
        integration = "stripe-test", account = "acct_" .. i, auth = "key", link_id = "l" .. i,
        created = "2026-01-01T00:00:00Z" })
    end
    for i = 1, 2 do
      for _, name in ipairs { "payments", "disputes" } do
        api.store:queue_pulls({ { id = name .. i, connection_id = "c" .. i, data_type = name } },
          "2026-01-01T00:00:00Z")
      end
    end
    api.store:lease("c3", process.run_name(), nil, 60)
    api.store:lease("c2", "elsewhere", os.time() - 100, 60)
  end)

  teardown(function()
    api:close()
    box:close()
    files.remove_folder()
  end)

  it("is printed", function()
    local status, output = box:commerce("worker --status --store sqlite:" .. path)
    assert.equal(0, status)
    assert.matches("^4 pulls wait, of 2 connections %(2 never read%), the oldest for %d+ s", output)
    assert.matches("c3 +process %d+ on %S+ +%d+ +%d+", output)
    assert.matches("c2 +elsewhere +%d+ +over", output)
  end)

  it("is one JSON object", function()
    local _, output = box:commerce("worker --status --json --store sqlite:" .. path)
    local state = json.decode(output)
    assert.same({ 4, 2, 2 }, { state.waitingPulls, state.waitingConnections, state.neverRead })
    assert.is_true(state.oldestSeconds > 86400)
    assert.equal(2, #state.leases)
    assert.same({ "c2", "co1", "elsewhere" }, { state.leases[1].connection,
      state.leases[1].company, state.leases[1].worker })
    assert.is_true(state.leases[1].endsInSeconds < 0 and state.leases[2].endsInSeconds > 30)
  end)

  it("is in the metrics", function()
    local text = assert(metrics.text(api.store, {}, os.time()))
    assert.matches("\ncommerce_queue_connections 2\n", text)
    assert.matches("\ncommerce_queue_first_links 2\n", text)
    assert.matches("\ncommerce_queue_lag_seconds %d+\n", text)
    assert.matches('\ncommerce_leases{state="held"} 1\n', text)
    assert.matches('\ncommerce_leases{state="over"} 1\n', text)
  end)

  it("refuses a number of connections that makes no sense", function()
    local status, _, wrong = box:commerce "worker --concurrency 0"
    assert.equal(2, status)
    assert.matches("%-%-concurrency: expected a whole number from 1 to 64, got '0'", wrong)
    status, _, wrong = box:commerce("worker", { COMMERCE_CONCURRENCY = "2.5" })
    assert.equal(2, status)
    assert.matches("COMMERCE_CONCURRENCY: expected a whole number from 1 to 64, got '2.5'", wrong)
  end)
end)
