-- The first read of many companies into PostgreSQL by several workers, with the emulator's latency
-- and Stripe's live limits on, which each company's account has for itself.
--   companies.lua COMPANIES OBJECTS CONCURRENCY WORKERS...
-- prints for each number of workers: objects read, seconds, objects a second, requests a company,
-- requests that were rejected with 429, the CPU of the workers an object, and the least seconds
-- that the limits and one answer's latency allow with so many connections at once

package.path = "./?.lua;" .. package.path
local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local http = require "socket.http"
local json = require "commerce.base.json"
local keys = require "commerce.account.keys"
local postgres = require "spec.support.postgres"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local store = require "commerce.store"

local COMPANIES, OBJECTS, CONCURRENCY = tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3])
local MASTER_KEY = assert(os.getenv "COMMERCE_MASTER_KEY")
local ENDPOINT, GLOBAL, PAGE, LATENCY = 25, 100, 100, 0.1
local PER_CHARGE = 4.5 -- objects that come with a charge
local TICKS = 100 -- of /proc, a second

-- The lists that a first read reads whole.
local LISTS = { "balance_transactions", "charges", "customers", "disputes", "payouts", "prices",
  "products", "refunds", "tax_rates" }

local e = emulator.start { charges = 1, compact = true, compiled = true }
local server = postgres.start { autovacuum = "on", shared_buffers = "512MB", max_wal_size = "4GB",
  max_connections = "200" }

local function key_of(i)
  return "sk_live_company" .. i
end

local function make_accounts()
  for i = 1, COMPANIES do
    e:control("accounts", { id = "acct_company" .. i, mode = "live", seed = i, compact = true,
      charges = math.max(1, math.floor(OBJECTS / PER_CHARGE)) })
    e:control("keys", { key = key_of(i), account = "acct_company" .. i })
  end
end

-- The least seconds that one account takes.
local function least()
  local counts = json.decode((assert(http.request(e.base
    .. "/_emulator/counts?livemode=true&account=acct_company1"))))
  local pages, longest = 0, 0
  for _, list in ipairs(LISTS) do
    local number = math.max(1, math.ceil((counts[list] or 0) / PAGE))
    pages, longest = pages + number, math.max(longest, number)
  end
  return math.max(longest / ENDPOINT, pages / GLOBAL, LATENCY)
end

-- A store with all companies, linked: the workers find that nothing of them was read.
local function prepare()
  local url, name = server:new_database()
  local app = assert(commerce.open { store = url, mode = "live" })
  assert(app:set_mode "live")
  for i = 1, COMPANIES do
    local company = assert(app:create_company { name = "Company " .. i })
    local key = assert(core.secret(key_of(i)))
    local shop = assert(app:connect { secret_key = key, base_url = e.base, company = company.id })
    assert(keys.keep(app, shop.row, key))
    shop:close()
    key:close()
  end
  app:close()
  return url, name
end

local function cpu_of(pid)
  local text = shell.read(("/proc/%s/stat"):format(pid))
  local fields = {}
  for field in text:match("%) (.*)$"):gmatch "%S+" do
    fields[#fields + 1] = field
  end
  return (tonumber(fields[12]) + tonumber(fields[13])) / TICKS
end

local function run(count)
  local url, name = prepare()
  local box = sandbox.new { STRIPE_API_BASE = e.base, COMMERCE_MASTER_KEY = MASTER_KEY,
    COMMERCE_STORE = url }
  local db = assert(store.open(url))
  e:control("latency", { ms = LATENCY * 1000 })
  e:control("limits", { enabled = true })
  local began, pids = core.now(), {}
  for i = 1, count do
    local _, pid = shell.run(("%s >>%s 2>&1 </dev/null & echo $!"):format(box:command(
      ("build/commerce worker --concurrency %d"):format(CONCURRENCY)), box:path("worker" .. i)))
    pids[i] = pid:match "%d+"
  end
  repeat
    core.sleep(0.25)
    local unread = server:sql("SELECT count(*) FROM connections WHERE first_read IS NULL", name)
  until tonumber((unread)) == 0 and #db:queue_state().leases == 0
  local seconds, cpu = core.now() - began, 0
  for _, pid in ipairs(pids) do
    cpu = cpu + cpu_of(pid)
    shell.run("kill -TERM " .. pid)
    shell.wait_for_end(pid)
  end
  e:control("latency", { ms = 0 })
  e:control("limits", { enabled = false })
  local counts = db:counts()
  local failed, read = server:sql("SELECT sum(CASE WHEN status = 'Complete' THEN 0 ELSE 1 END), "
    .. "sum(read) FROM pulls", name):match "(%d+)|(%d+)"
  failed, read = tonumber(failed), tonumber(read)
  if failed > 0 then
    error(failed .. " pulls failed:\n" .. server:sql("SELECT status, data_type, error_message, "
      .. "count(*) FROM pulls WHERE status <> 'Complete' GROUP BY 1, 2, 3", name))
  end
  print(("%8d %10d %9.1f %10.0f %10.1f %6d %10.1f %9.1f"):format(count, read, seconds,
    read / seconds, counts.stripe_requests / COMPANIES, counts.stripe_rate_limited,
    cpu / read * 1e6, least() * math.ceil(COMPANIES / (count * CONCURRENCY))))
  db:close()
  box:close()
end

io.stdout:setvbuf "line"
make_accounts()
print(("%8s %10s %9s %10s %10s %6s %10s %9s"):format("workers", "objects", "seconds", "objects/s",
  "req/comp.", "429s", "CPU us/obj", "ideal s"))
for i = 4, #arg do
  run(tonumber(arg[i]))
end
e:stop()
server:stop()
