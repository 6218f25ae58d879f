-- `make soak-workers`: workers on PostgreSQL that are killed, stopped, stood still and started at
-- random, while the server is restarted and crashes, and the shops change. In the end everything
-- stored must be what the emulator has: `commerce verify --deep`.
--   workers.lua SECONDS [SEED]

package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local runtime = rawget(_G, "jit") and "luajit" or "lua5.4"
package.cpath = ("build/%s/?.so;"):format(runtime) .. package.cpath

local emulator = require "spec.support.emulator"
local postgres = require "spec.support.postgres"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local SHOPS, WORKERS, CHARGES = 8, 4, 1500
local MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

local seconds, seed = tonumber(arg[1]) or 300, tonumber(arg[2]) or os.time() % 100000
math.randomseed(seed)
print(("seed %d, %d seconds"):format(seed, seconds))

local e = emulator.start { charges = 10, compact = true, latency = { ms = 30 } }
local server = postgres.start()
local url = server:new_database()
local box = sandbox.new { STRIPE_API_BASE = e.base, COMMERCE_MASTER_KEY = MASTER_KEY,
  COMMERCE_STORE = url }

local counts = {}
local function count(name)
  counts[name] = (counts[name] or 0) + 1
end

local function fail(message)
  print("FAILED: " .. message)
  os.exit(1)
end

local function link()
  for i = 1, SHOPS do
    e:control("accounts", { id = "acct_soak" .. i, mode = "test", charges = CHARGES,
      compact = true, seed = i })
    e:control("keys", { key = "sk_test_soak" .. i, account = "acct_soak" .. i })
  end
  local script = box:write("link.lua", ([[
    local commerce, core = require "commerce", require "commerce.core"
    local app = assert(commerce.open {})
    for i = 1, %d do
      local company = assert(app:create_company { name = "Shop " .. i })
      local key = assert(core.secret("sk_test_soak" .. i))
      local shop = assert(app:connect { secret_key = key, company = company.id })
      assert(require("commerce.account.keys").keep(app, shop.row, key))
      shop:close()
      print(shop.id)
    end
  ]]):format(SHOPS))
  local status, output, wrong = shell.run(box:script(script))
  if status ~= 0 then
    fail(wrong)
  end
  local ids = {}
  for id in output:gmatch "%S+" do
    ids[#ids + 1] = id
  end
  return ids
end

-- ---------------------------------------------------------------- workers

local workers = {}

local function start(i)
  local _, pid = shell.run(("%s >>%s 2>&1 </dev/null & echo $!"):format(
    box:command("build/commerce worker --concurrency 2"), box:path("worker" .. i)))
  workers[i] = { pid = pid:match "%d+" }
end

local function is_alive(worker)
  return shell.run("kill -0 " .. worker.pid .. " 2>/dev/null") == 0
end

local function signal(worker, name)
  shell.run(("kill -%s %s 2>/dev/null"):format(name, worker.pid))
end

local ACTIONS = {
  function(i)
    signal(workers[i], "KILL")
    start(i)
    return "killed"
  end,
  function(i)
    signal(workers[i], "TERM")
    signal(workers[i], "CONT") -- one that stands still takes no other signal
    shell.wait_for_end(workers[i].pid)
    start(i)
    return "stopped"
  end,
  function(i)
    if not workers[i].still then
      signal(workers[i], "STOP")
      workers[i].still = socket.gettime() + math.random(2, 20)
    end
    return "stood still"
  end,
  function()
    local shop = math.random(SHOPS)
    e:control("churn", { account = "acct_soak" .. shop, livemode = false, changes = 20,
      seed = math.random(1e6) })
    return "shop changed"
  end,
}

local function wake(all)
  for i, worker in ipairs(workers) do
    if worker.still and (all or socket.gettime() >= worker.still) then
      signal(worker, "CONT")
      worker.still = nil
    end
    if not worker.still and not is_alive(worker) then -- it gave up: its supervisor starts it again
      count "worker ended by itself"
      start(i)
    end
  end
end

-- ---------------------------------------------------------------- what is asked for

local function queue(ids)
  local sql = {}
  for _, id in ipairs(ids) do
    sql[#sql + 1] = ("INSERT INTO pulls (id, connection_id, data_type, status, requested) SELECT "
      .. "gen_random_uuid()::text, '%s', t, 'Queued', to_char(now() AT TIME ZONE 'UTC', "
      .. "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM (SELECT unnest(ARRAY['payments', 'customers', "
      .. "'transactions', 'disputes', 'payouts', 'products']) AS t) AS types WHERE NOT EXISTS "
      .. "(SELECT 1 FROM pulls p WHERE p.connection_id = '%s' AND p.data_type = t "
      .. "AND p.status = 'Queued')"):format(id, id)
  end
  server:sql(table.concat(sql, "; "), "d1")
end

local function is_over()
  return server:sql("SELECT count(*) FROM pulls WHERE status IN ('Queued', 'Fetching')",
    "d1"):match "%d+" == "0"
end

local ids = link()
for i = 1, WORKERS do
  start(i)
end
local began, queued, restarts = socket.gettime(), 0, 0
while socket.gettime() - began < seconds do
  local now = socket.gettime()
  if restarts < 2 and now - began > seconds * (restarts + 1) / 3 then
    restarts = restarts + 1
    if restarts == 1 then
      server:crash()
      socket.sleep(1)
      server:resume()
    else
      server:restart()
    end
    count "server restarted"
  end
  if now - queued > 15 then
    queue(ids)
    queued = now
  end
  count(ACTIONS[math.random(#ACTIONS)](math.random(WORKERS)))
  wake()
  socket.sleep(0.5 + math.random())
end

e:control("latency", { ms = 0 })
queue(ids)
local deadline = socket.gettime() + 300
repeat
  wake(true)
  socket.sleep(0.5)
until is_over() or socket.gettime() > deadline
for _, worker in ipairs(workers) do
  signal(worker, "TERM")
  shell.wait_for_end(worker.pid)
end
if not is_over() then
  fail("pulls are stuck:\n" .. server:sql("SELECT connection_id, data_type, status FROM pulls "
    .. "WHERE status IN ('Queued', 'Fetching')", "d1"))
end
local leases = server:sql("SELECT count(*) FROM leases", "d1"):match "%d+"
if leases ~= "0" then
  fail(leases .. " leases are left")
end
-- numbers of changes are whole: each row begins where the one before it has ended
local gaps = server:sql("SELECT count(*) FROM (SELECT "
  .. "last - json_array_length(ids::json) AS first, lag(last, 1, 0::bigint) "
  .. "OVER (PARTITION BY connection_id ORDER BY last) AS before "
  .. "FROM changes) AS c WHERE first <> before", "d1"):match "%d+"
if gaps ~= "0" then
  fail(gaps .. " gaps or overlaps among the numbers of changes")
end
for i, id in ipairs(ids) do
  local status, output, wrong = box:commerce("verify --deep --connection " .. id,
    { STRIPE_SECRET_KEY = "sk_test_soak" .. i })
  if status ~= 0 then
    fail(("shop %d: %s%s"):format(i, output, wrong))
  end
end
for i = 1, WORKERS do
  for event in box:read("worker" .. i):gmatch '"event":"([%w_]+)"' do
    count("event " .. event)
  end
end
local names = {}
for name in pairs(counts) do
  names[#names + 1] = name
end
table.sort(names)
for _, name in ipairs(names) do
  print(("%6d  %s"):format(counts[name], name))
end
print(("%s changes, %s payments, verified deeply: all the same"):format(
  server:sql("SELECT sum(last) FROM change_numbers", "d1"):match "%d+",
  server:sql("SELECT count(*) FROM payments", "d1"):match "%d+"))
server:stop()
e:stop()
box:close()
