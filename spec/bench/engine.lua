-- Charges from the emulator into PostgreSQL, by npm's @supabase/stripe-sync-engine and by this
-- library: charges a second, and CPU of the client and of the server a charge.
--   engine.lua ROUNDS    the least CPU of so many rounds, in turns

package.path = "./?.lua;" .. package.path
local commerce = require "commerce"
local core = require "commerce.core"
local postgres = require "spec.support.postgres"
local shell = require "spec.support.shell"

local ROUNDS = tonumber(arg[1] or 3)
local BASE = os.getenv "BENCH_BASE"
local TICKS = 100 -- of /proc, a second

local server = postgres.start { shared_buffers = "512MB", max_wal_size = "4GB", autovacuum = "on" }
server:sql "CREATE ROLE postgres" -- whom its migrations name
local postmaster = shell.read(server.dir .. "/data/postmaster.pid"):match "^%d+"

-- CPU of the server's processes that have ended, which the sessions of a client that is gone are.
local function server_cpu()
  local fields = {}
  for field in shell.read(("/proc/%s/stat"):format(postmaster)):match("%) (.*)$"):gmatch "%S+" do
    fields[#fields + 1] = field
  end
  return (fields[14] + fields[15]) / TICKS
end

local function ended(name)
  repeat
    core.sleep(0.05)
    local sessions = server:sql(("SELECT count(*) FROM pg_stat_activity WHERE datname = '%s'")
      :format(name))
  until sessions:match "^0"
  core.sleep(0.2) -- the postmaster takes note of the end
end

local charges -- of the account, as the engine counts them: ours reads their refunds too

local function engine(url)
  local status, output, errors = shell.run(("node spec/bench/engine/sync.mjs %s %s"):format(BASE,
    shell.quote(url)))
  assert(status == 0, output .. errors)
  local objects, seconds, cpu = output:match "(%d+) ([%d.]+) ([%d.]+)"
  charges = tonumber(objects)
  return charges, tonumber(seconds), tonumber(cpu)
end

local function own(url)
  local app = assert(commerce.open { store = url })
  local shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = BASE,
    rate = math.huge, endpoint_rate = math.huge })
  local started, cpu = core.now(), os.clock()
  local report = assert(shop:sync { types = { "payments" } })
  assert(report.complete, tostring(report))
  local seconds, used = core.now() - started, os.clock() - cpu
  app:close()
  return charges, seconds, used
end

-- Makes the tables, which is no part of the measurement.
local function prepare(kind, url, name)
  if kind == engine then
    local status, output, errors = shell.run(("node spec/bench/engine/migrate.mjs %s"):format(
      shell.quote(url)))
    assert(status == 0, output .. errors)
  else
    assert(commerce.open { store = url }):close()
  end
  ended(name)
end

local best = {}
print(("%-34s %8s %10s %14s %14s"):format("", "charges", "charges/s", "client us", "server us"))
for _ = 1, ROUNDS do
  for _, each in ipairs { { "stripe-sync-engine 0.48.5", engine }, { "lua-commerce", own } } do
    local url, name = server:new_database()
    prepare(each[2], url, name)
    local before = server_cpu()
    local objects, seconds, client = each[2](url)
    ended(name)
    local used = server_cpu() - before
    local known = best[each[1]] or { math.huge, math.huge, math.huge }
    best[each[1]] = { math.min(known[1], client / objects), math.min(known[2], used / objects),
      math.min(known[3], seconds), objects }
  end
end
for _, name in ipairs { "stripe-sync-engine 0.48.5", "lua-commerce" } do
  local row = best[name]
  print(("%-34s %8d %10.0f %14.1f %14.1f"):format(name, row[4], row[4] / row[3], row[1] * 1e6,
    row[2] * 1e6))
end
server:stop()
