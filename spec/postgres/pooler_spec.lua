-- PgBouncer in transaction mode between the store and the server: each transaction may have another
-- session, so that nothing may be kept in one. Two sessions serve all handles here.

local client = require "spec.support.api_client"
local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local postgres = require "spec.support.postgres"
local pq = require "commerce.pq"
local programs = require "programs"
local shell = require "spec.support.shell"
local store = require "commerce.store"

local NOW = "2026-03-01T08:00:00Z"
local SESSIONS = 2

local CONFIGURATION = [[
[databases]
* = host=%s user=commerce
[pgbouncer]
listen_addr =
unix_socket_dir = %s
listen_port = %d
auth_type = any
admin_users = commerce
pool_mode = transaction
default_pool_size = %d
max_client_conn = 50
server_check_query =
logfile = %s/pgbouncer.log
]]

describe("behind PgBouncer in transaction mode", function()
  local server, e, bouncer, port

  local function url(name)
    return ("postgres:///%s?host=%s&port=%d&user=commerce"):format(name, server.dir, port)
  end

  setup(function()
    port = emulator.free_port()
    server = postgres.start()
    for _ = 1, 4 do
      server:new_database()
    end
    local file = server:write("pgbouncer.ini", CONFIGURATION:format(server.dir, server.dir, port,
      SESSIONS, server.dir))
    assert(shell.run "command -v pgbouncer" == 0, "install the package pgbouncer")
    bouncer = server:run_beside { "pgbouncer", "-q", file }
    local deadline = os.time() + 60
    local connection, message
    repeat
      connection, message = pq.connect(url "postgres")
      if not connection then
        core.sleep(0.02)
      end
    until connection or os.time() > deadline
    assert(connection, message)
    connection:close()
    for _, name in ipairs { "d3", "d4" } do
      assert(store.open(url(name))):close()
    end
    e = emulator.start { charges = 60, compact = true }
  end)

  teardown(function()
    e:stop()
    programs.signal(bouncer.pid, "KILL")
    shell.await(bouncer)
    server:stop()
  end)

  it("a shop is synced, agrees to the last record, and is read by the API", function()
    local app = assert(commerce.open { store = url "d1" })
    local shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base })
    local report = assert(shop:sync { page_size = 20 })
    assert.is_true(report.complete, tostring(report))
    assert.is_true(assert(shop:verify { deep = true }).agrees)
    local listed = 0
    for _ in shop:records("payments", { query = "amount>0", orderBy = "-createdDate" }) do
      listed = listed + 1
    end
    assert.is_true(listed > 0)
    app:close()
  end)

  it("more handles than sessions write and read in turns", function()
    local made = client.new({}, url "d2")
    local handles = { made.store }
    for i = 2, SESSIONS * 3 do
      handles[i] = assert(store.open(url "d2"))
    end
    for round = 1, 3 do
      for i, each in ipairs(handles) do
        local id = ("p%d_%d"):format(round, i)
        local body = ('{"id":"%s","amount":%d'):format(id, i)
        assert.equal(1, assert(each:write_page(client.CONNECTION, { resource = "charges",
          states = { charges = { cursor = id } },
          records = { payments = { { id = id, body = body } } } }, NOW)).payments.created)
        assert.equal(id, handles[#handles - i + 1]:state(client.CONNECTION, "charges").cursor)
      end
    end
    made:pulled("payments", "Complete")
    local status, body = made:get(client.DATA .. "/commerce-payments?pageSize=5&orderBy=-id")
    assert.equal(200, status, body)
    assert.matches('"p3_6"', type(body) == "string" and body or json.encode(body), 1, true)
    local sessions = tonumber((server:sql("SELECT count(*) FROM pg_stat_activity "
      .. "WHERE datname = 'd2' AND application_name <> 'psql'")))
    assert.is_true(sessions <= SESSIONS, sessions .. " sessions")
    for i = 2, #handles do
      handles[i]:close()
    end
    made:close()
  end)

  it("a killed session of the pool loses no page", function()
    local s = assert(store.open(url "d2"))
    assert(s:save_setting("before", "1"))
    server:sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'd2' "
      .. "AND pid <> pg_backend_pid()")
    assert(s:write_page(client.CONNECTION, { resource = "charges",
      states = { charges = { cursor = "after" } } }, NOW))
    assert.equal("after", s:state(client.CONNECTION, "charges").cursor)
    s:close()
  end)

  describe("the contract is kept", function()
    require "commerce.testing.store" (function()
      server:empty "d3"
      return store.open(url "d3")
    end, { another = function()
      server:empty "d4"
      return store.open(url "d4")
    end })
  end)
end)
