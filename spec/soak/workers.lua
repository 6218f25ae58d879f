-- `make soak-workers`: workers on PostgreSQL that are killed, stopped, stood still and started at
-- random, while the server is restarted and crashes, the shops change, a consumer of webhooks
-- fails now and then, and Stripe's webhooks are sent to a `commerce serve` that is killed, too. In
-- the end everything stored must be what the emulator has (`commerce verify --deep`), no worker may
-- have written under the lease of another one, the consumer must know each event, a repeated one by
-- its own id, and each webhook of Stripe's that was acknowledged must be applied, once: the last
-- two shops are read once, and what changes there comes by webhooks alone.
--   workers.lua SECONDS [SEED]

package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local runtime = rawget(_G, "jit") and "luajit" or "lua5.4"
package.cpath = ("build/%s/?.so;"):format(runtime) .. package.cpath

local emulator = require "spec.support.emulator"
local postgres = require "spec.support.postgres"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"
local stripe_webhooks = require "spec.soak.stripe_webhooks"
local webhook_sink = require "spec.support.webhook_sink"

local SHOPS, WORKERS, CHARGES = 8, 4, 1500
local TOLD = 2 -- the last shops, whose changes webhooks alone tell
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

local workers, inbound = {}, nil

local function fail(message)
  print("FAILED: " .. message)
  for _, worker in ipairs(workers) do
    shell.run("kill -KILL " .. worker.pid)
  end
  if inbound then
    inbound:close()
  end
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
      -- a lease is 60 seconds long: one in six stands still until it is over
      local long = math.random(6) == 1
      workers[i].still = socket.gettime() + (long and math.random(65, 90) or math.random(2, 20))
      workers[i].long = long
      return long and "stood still longer than its lease" or "stood still"
    end
    return "stood still already"
  end,
}

-- Changes that make no balance transactions, of which there are no webhooks.
local WITHOUT_MONEY = { customer_create = 5, customer_update = 10, customer_delete = 2,
  product_create = 2, product_update = 5, product_delete = 1 }

local function change_a_shop()
  local shop = math.random(SHOPS)
  local account = "acct_soak" .. shop
  local done = e:control("churn", { account = account, livemode = false, changes = 10,
    seed = math.random(1e6), mix = shop > SHOPS - TOLD and WITHOUT_MONEY or nil })
  inbound:add(account, "sk_test_soak" .. shop, done.events)
  count "shop changed"
end

local function wake(all)
  for i, worker in ipairs(workers) do
    if worker.still and (all or socket.gettime() >= worker.still) then
      signal(worker, "CONT")
      worker.still, worker.long = nil, nil
    end
    if not worker.still and not is_alive(worker) then -- it gave up: its supervisor starts it again
      count "worker ended by itself"
      start(i)
    end
  end
  inbound:serve()
end

-- ---------------------------------------------------------------- who writes, who is told

-- Who wrote a checkpoint: the server's process, which serves one worker, and the name of the run
-- that had the lease then, in the transaction that renewed it.
local WATCH = [[
CREATE TABLE soak_writes (pid integer, began timestamptz, connection_id text, worker text);
CREATE FUNCTION soak_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO soak_writes SELECT pg_backend_pid(), a.backend_start, NEW.connection_id, l.worker
    FROM pg_stat_activity a LEFT JOIN leases l ON l.connection_id = NEW.connection_id
    WHERE a.pid = pg_backend_pid();
  RETURN NULL; END $$;
CREATE TRIGGER soak_write AFTER INSERT OR UPDATE ON resource_state FOR EACH ROW
  EXECUTE FUNCTION soak_write()]]

-- Writes that no lease covered, and those that one process made under the leases of two.
local STRANGE = [[SELECT
  (SELECT count(*) FROM soak_writes WHERE worker IS NULL),
  (SELECT count(*) FROM (SELECT pid, began FROM soak_writes GROUP BY pid, began
    HAVING count(DISTINCT regexp_replace(worker, '#[0-9]+$', '')) > 1) AS twice)]]

local sink, told = webhook_sink.new(), {}

-- Lets time pass, and receives webhooks, of which one in ten is answered with 500.
local function receive(how_long)
  local deadline = socket.gettime() + how_long
  repeat
    sink:answer { math.random(10) == 1 and 500 or 200 }
    local got = sink:receive(1, math.max(deadline - socket.gettime(), 0))[1]
    if got and got.event then
      local id = got.event.id
      if got.headers["webhook-id"] ~= "msg_" .. id:gsub("-", "") then
        fail(("the webhook %s has the event %s"):format(got.headers["webhook-id"], id))
      elseif told[id] and told[id] ~= got.body then
        fail(("the webhook %s was repeated with another content"):format(id))
      end
      count(got.status ~= 200 and "webhook refused" or told[id] and "webhook repeated" or "webhook")
      told[id] = got.body
    end
  until socket.gettime() >= deadline
end

-- ---------------------------------------------------------------- what is asked for

local function queue(ids, count_of_shops)
  local sql = {}
  for i = 1, count_of_shops do
    local id = ids[i]
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

local _, made = shell.run(box:command "build/commerce webhooks reach network" .. " && "
  .. box:command("build/commerce webhooks add --json " .. sink.url))
local consumer = made:match '"id":"([^"]+)"' or fail("no consumer: " .. made)
local ids = link()
server:sql(WATCH, "d1")
inbound = stripe_webhooks.new(box, e, { count = count, fail = fail })
queue(ids, SHOPS)
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
    queue(ids, SHOPS - TOLD)
    queued = now
  end
  local chosen = math.random(WORKERS)
  if not workers[chosen].long then -- that one must wake up by itself
    count(ACTIONS[math.random(#ACTIONS)](chosen))
  end
  wake()
  if math.random(2) == 1 then
    change_a_shop()
  end
  if math.random(5) == 1 then
    inbound:disturb()
  end
  inbound:send(1)
  receive(0.5 + math.random())
end

e:control("latency", { ms = 0 })
queue(ids, SHOPS - TOLD)

local function number(sql)
  return tonumber(server:sql(sql, "d1"):match "%d+")
end

local WAITING = "SELECT count(*) FROM webhook_deliveries WHERE status = 'waiting'"
local AT_ONCE = "UPDATE webhook_deliveries SET due = 0 WHERE status = 'waiting'" -- not in hours

local function settle()
  local deadline = socket.gettime() + 300
  repeat
    wake(true)
    inbound:send(1)
    receive(0.5)
    server:sql(AT_ONCE, "d1")
  until #inbound.waiting == 0 and number "SELECT count(*) FROM inbox" == 0 and is_over()
    and number(WAITING) == 0 or socket.gettime() > deadline
end

-- The shops that webhooks alone tell of: everything is applied, and a repeated event changes
-- nothing again: no record has more changes than its object has events.
local function check_told()
  local changed = 0
  for i = SHOPS - TOLD + 1, SHOPS do
    local status, output, wrong = box:commerce("verify --deep --type customers,products "
      .. "--connection " .. ids[i], { STRIPE_SECRET_KEY = "sk_test_soak" .. i })
    if status ~= 0 then
      fail(("shop %d, which webhooks tell of: %s%s"):format(i, output, wrong))
    end
    local about = inbound.about["acct_soak" .. i] or {}
    for id, count_of, created in server:sql(([[SELECT id, count(*), sum(CASE WHEN kind = 'created'
        THEN 1 ELSE 0 END) FROM (SELECT json_array_elements_text(ids::json) AS id, kind FROM changes
        WHERE connection_id = '%s' AND data_type IN ('customers', 'products')) AS change
        GROUP BY id]]):format(ids[i]), "d1"):gmatch "([%w_]+)|(%d+)|(%d+)" do
      local most = (about[id] or 0) + 1 -- the first read
      if tonumber(created) > 1 or tonumber(count_of) > most then
        fail(("shop %d: %s has %s changes, %s times created, by %d events"):format(i, id, count_of,
          created, most - 1))
      end
      changed = changed + tonumber(count_of) - 1
    end
  end
  return changed
end

settle()
local by_webhooks = check_told()
queue(ids, SHOPS) -- and again by a sync
settle()
inbound:close()
for _, worker in ipairs(workers) do
  signal(worker, "TERM")
  shell.wait_for_end(worker.pid)
end
if not is_over() then
  fail("pulls are stuck:\n" .. server:sql("SELECT connection_id, data_type, status FROM pulls "
    .. "WHERE status IN ('Queued', 'Fetching')", "d1"))
end
local leases = number "SELECT count(*) FROM leases"
if leases ~= 0 then
  fail(leases .. " leases are left")
end
local strange = server:sql(STRANGE, "d1")
if not strange:find "^0|0%s" then
  fail("checkpoints without a lease | processes that wrote under two: " .. strange)
end
if #inbound.waiting > 0 or number "SELECT count(*) FROM inbox" > 0 then
  fail(("%d webhooks of Stripe's were not received, %d not applied"):format(#inbound.waiting,
    number "SELECT count(*) FROM inbox"))
end
if number(WAITING) > 0 then
  fail(number(WAITING) .. " webhooks were not delivered")
end
for id in server:sql(("SELECT e.id FROM webhook_events e JOIN webhook_deliveries d "
  .. "ON d.event = e.number WHERE d.consumer_id = '%s'"):format(consumer), "d1"):gmatch "%S+" do
  if not told[id] then
    fail("the consumer was never told of event " .. id)
  end
end
-- numbers of changes are whole: each row begins where the one before it has ended
local gaps = number("SELECT count(*) FROM (SELECT "
  .. "last - json_array_length(ids::json) AS first, lag(last, 1, 0::bigint) "
  .. "OVER (PARTITION BY connection_id ORDER BY last) AS before "
  .. "FROM changes) AS c WHERE first <> before")
if gaps ~= 0 then
  fail(gaps .. " gaps or overlaps among the numbers of changes")
end
for i, id in ipairs(ids) do
  local status, output, wrong = box:commerce("verify --deep --connection " .. id,
    { STRIPE_SECRET_KEY = "sk_test_soak" .. i })
  if status ~= 0 then
    fail(("shop %d: %s%s\nits pulls: %s"):format(i, output, wrong, server:sql(("SELECT data_type, "
      .. "status, requested, completed, read, error_message FROM pulls WHERE connection_id = '%s' "
      .. "ORDER BY requested DESC LIMIT 20"):format(id), "d1")))
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
print(("%d changes, %d payments, verified deeply: all the same; %d checkpoints, each under the "
  .. "lease of its writer"):format(number "SELECT sum(last) FROM change_numbers",
  number "SELECT count(*) FROM payments", number "SELECT count(*) FROM soak_writes"))
print(("%d webhooks of Stripe's, each applied; %d changes of two shops by them alone"):format(
  inbound.accepted, by_webhooks))
sink:close()
server:stop()
e:stop()
box:close()
