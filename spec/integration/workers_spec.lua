-- Several connections at once in one worker.

local client = require "spec.support.api_client"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local files = require "spec.support.sqlite_files"
local keys = require "commerce.account.keys"
local master_key = require "spec.support.master_key"
local worker = require "commerce.serve.worker"

describe("a worker", function()
  local e, api, ids
  master_key.use(master_key.ONE)

  setup(function()
    e = emulator.start { charges = 20, compact = true, latency = { ms = 20 } }
    for i = 1, 3 do -- an account each, since runs share the limits of one
      e:control("accounts", { id = "acct_shop" .. i, mode = "test", charges = 20, compact = true })
      e:control("keys", { key = "sk_test_shop" .. i, account = "acct_shop" .. i })
    end
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    files.make_folder()
    api, ids = client.new({}, "sqlite:" .. files.path_of "commerce.db"), {}
    for i = 1, 3 do
      local key = assert(core.secret("sk_test_shop" .. i))
      local shop = assert(api.app:connect { secret_key = key, base_url = e.base,
        company = assert(api.app:create_company { name = "Shop " .. i }).id })
      assert(keys.keep(api.app, shop.row, key))
      shop:close()
      ids[i] = shop.id
      assert(api.store:queue_pulls({ { id = core.uuid(), connection_id = shop.id,
        data_type = "payments" } }, "2026-01-01T00:00:00Z"))
    end
  end)

  after_each(function()
    api:close()
    files.remove_folder()
  end)

  local function all_done()
    for _, id in ipairs(ids) do
      local pull = api.store:latest_pulls(id).payments
      if not pull or not pull.completed then
        return false
      end
    end
    return true
  end

  -- Works until all is done; gives how many connections were worked on at once at most, and the
  -- names of the runs. Stripe answers slowly until as many as may be are worked on, so that none
  -- ends before.
  local function work(concurrency)
    local most, names, began = 0, {}, core.now()
    local slow = true
    e:control("latency", { ms = 1000 })
    local it_is = worker.new(api.app, { connection = { base_url = e.base, rate = 1000 },
      concurrency = concurrency })
    it_is.schedule = { look = function() end }
    assert(it_is:run(function()
      local count = 0
      for _, name in pairs(api.store:leases()) do
        names[name], count = true, count + 1
      end
      most = math.max(most, count)
      if slow and most >= (concurrency or 1) then
        slow = false
        e:control("latency", { ms = 20 })
      end
      return all_done() or core.now() - began > 60
    end))
    assert.is_true(all_done())
    assert.same({}, api.store:leases())
    return most, names
  end

  it("works on several connections at once, each under a lease of its own", function()
    local most, names = work(3)
    assert.equal(3, most)
    local count = 0
    for _ in pairs(names) do
      count = count + 1
    end
    assert.equal(3, count)
    local stored = {}
    for i, id in ipairs(ids) do
      assert.equal("Complete", api.store:latest_pulls(id).payments.status)
      stored[i] = api.store:count(api.store:find_type "payments", id)
    end
    assert.is_true(stored[1] >= 20)
    assert.same({ stored[1], stored[1], stored[1] }, stored)
  end)

  it("works on one at a time unless it is told otherwise", function()
    assert.equal(1, (work()))
  end)

  it("does all there is once, several connections at a time, and gives them back if told to stop",
    function()
    local it_is = worker.new(api.app, { concurrency = 2,
      connection = { base_url = e.base, rate = 1000 } })
    it_is.schedule = { look = function() end }
    local stop, most = false, 0
    e:control("latency", { ms = 500 })
    assert(it_is:drain(function()
      local count = 0
      for _ in pairs(api.store:leases()) do
        count = count + 1
      end
      most, stop = math.max(most, count), stop or count == 2
      return stop
    end))
    e:control("latency", { ms = 20 })
    assert.equal(2, most)
    assert.same({}, api.store:leases())
    assert.equal(3, api.store:queue_state().pulls)
    assert(it_is:drain())
    assert.is_true(all_done())
  end)

  it("leaves a connection alone that another worker has taken before the run began", function()
    local events = {}
    local it_is = worker.new(api.app, { connection = { base_url = e.base, rate = 1000 },
      log = function(event)
        events[#events + 1] = event.event
      end })
    it_is.schedule = { look = function() end }
    local open, stolen = api.app.connection, nil
    function api.app.connection(app, id, options) -- between taking the pulls and the run
      if not stolen then
        stolen = id
        local holder = api.store:leases()[id]
        assert.is_true(api.store:release(id, holder))
        assert.is_true(api.store:lease(id, "elsewhere:boot/1:2:3", nil, 60))
      end
      return open(app, id, options)
    end
    assert.is_true(it_is:step())
    api.app.connection = nil
    assert.same({ "lost" }, events)
    local pull = api.store:latest_pulls(stolen).payments
    assert.equal("Queued", pull.status)
    assert.equal("elsewhere:boot/1:2:3", api.store:leases()[stolen])
  end)

  it("refuses a number of connections that makes no sense", function()
    for _, count in ipairs { 0, 65, 1.5 } do
      assert.has_error(function()
        worker.new(api.app, { concurrency = count })
      end)
    end
  end)
end)
