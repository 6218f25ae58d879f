-- Workers on PostgreSQL: several connections at once, one that loses its connection in the middle
-- of a run, and a server that is killed while they work.

local client = require "spec.support.api_client"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local keys = require "commerce.account.keys"
local master_key = require "spec.support.master_key"
local postgres = require "spec.support.postgres"
local store = require "commerce.store"
local worker = require "commerce.serve.worker"

local SHOPS, CHARGES = 3, 40
local THIEF = "elsewhere:boot/1:2:3#1"

describe("workers on PostgreSQL", function()
  local server, e, url, api, ids, events
  master_key.use(master_key.ONE)

  setup(function()
    server = postgres.start()
    -- a read takes long enough to be seen
    e = emulator.start { charges = 1, compact = true, latency = { ms = 50 } }
    for i = 1, SHOPS do -- an account each, since runs share the limits of one
      e:control("accounts", { id = "acct_shop" .. i, mode = "test", charges = CHARGES,
        compact = true })
      e:control("keys", { key = "sk_test_shop" .. i, account = "acct_shop" .. i })
    end
    server:new_database()
    assert(store.open(server:url "d1")):close()
  end)

  teardown(function()
    e:stop()
    server:stop()
  end)

  before_each(function()
    url = server:empty "d1"
    api, ids, events = client.new({}, url), {}, {}
    for i = 1, SHOPS do
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
  end)

  local function new_worker(concurrency)
    local it_is = worker.new(api.app, { connection = { base_url = e.base, rate = 1000 },
      concurrency = concurrency, log = function(event)
        events[event.event] = (events[event.event] or 0) + 1
      end })
    it_is.schedule = { look = function() end }
    return it_is
  end

  local function payments_of(id)
    return api.store:count(api.store:find_type "payments", id)
  end

  -- What is stored is what a run that nobody disturbs stores.
  local function assert_all_read()
    assert.same({}, api.store:leases())
    local stored = payments_of(ids[1])
    assert.is_true(stored >= CHARGES)
    for _, id in ipairs(ids) do
      assert.equal("Complete", api.store:latest_pulls(id).payments.status)
      assert.equal(stored, payments_of(id))
      local all = 0 -- each record was created once, and nothing else happened
      for _, data_type in ipairs(api.store:types()) do
        all = all + api.store:count(data_type, id)
      end
      assert.equal(all, api.store:last_change(id))
    end
  end

  it("read several connections at once, each under a lease of its own", function()
    local most = 0
    local it_is = new_worker(SHOPS)
    assert(it_is:drain(function()
      local count, names = 0, {}
      for _, name in pairs(api.store:leases()) do
        assert.is_nil(names[name], name)
        names[name], count = true, count + 1
      end
      most = math.max(most, count)
    end))
    assert.is_true(most > 1) -- on a slow machine the first has ended when the last begins
    assert_all_read()
  end)

  it("write nothing more of a connection that another one has taken, which goes on from there",
    function()
    local stolen, before
    local real = api.store.under_lease
    local function state()
      return { api.store:states(stolen), payments_of(stolen), api.store:last_change(stolen) }
    end
    api.store.under_lease = function(self, lease, method, ...)
      local results = { real(self, lease, method, ...) }
      if not stolen and method == "write_page" and payments_of(lease.connection_id) > 0 then
        stolen = lease.connection_id
        assert.is_true(api.store:expire_lease(stolen, lease.worker))
        assert.is_true(api.store:lease(stolen, THIEF, nil, 60))
        before = state()
      end
      return (table.unpack or unpack)(results) -- luacheck: ignore
    end
    assert(new_worker(1):drain())
    api.store.under_lease = real
    assert.equal(1, events.lost)
    assert.same(before, state())
    assert.equal(THIEF, api.store:leases()[stolen])
    assert.is_true(api.store:expire_lease(stolen, THIEF))
    assert(new_worker(1):drain())
    assert_all_read()
  end)

  it("go on when the server is killed in the middle of their pages", function()
    local real, killed = api.store.under_lease, false
    api.store.under_lease = function(self, lease, method, ...)
      if not killed and method == "write_page" and payments_of(lease.connection_id) > 0 then
        killed = true
        server:crash()
        server:resume()
      end
      return real(self, lease, method, ...)
    end
    assert(new_worker(2):drain())
    api.store.under_lease = real
    assert.is_true(killed)
    assert_all_read()
  end)
end)
