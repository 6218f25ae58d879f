-- Measures for how long other requests of an nginx worker wait while a first read of an account
-- runs: beside nginx in `commerce worker`, inside it in a thread, and inside it between requests.
-- The situations take turns for some rounds, each with a database of its own, and the least of each
-- figure counts, since other work on the machine only makes figures larger. Called by
-- spec/bench/run.

package.path = "spec/bench/?.lua;" .. package.path
local bench = require "server"
local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local keys = require "commerce.account.keys"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

local CHARGES = tonumber(os.getenv "CHARGES") or 60000 -- enough for the longest measurement
local DURATION = tonumber(os.getenv "DURATION") or 5 -- seconds of each measurement
local ROUNDS = tonumber(os.getenv "ROUNDS") or 5
local CONNECTIONS, KEY = 16, "sk_live_emulator"

local SITUATIONS = {
  { name = "no sync" },
  { name = "`commerce worker` beside nginx", beside = true },
  { name = "inside nginx, in a thread", sync = true, threads = true },
  { name = "inside nginx, between requests", sync = true },
}

-- A database with one connection, all of which is to be read.
local function linked(url, base)
  local app = assert(commerce.open { store = url })
  local company = assert(app:create_company { name = "Synced" })
  local shop = assert(app:connect { secret_key = KEY, base_url = base, company = company.id })
  assert(keys.keep(app, shop.row, assert(core.secret(KEY))))
  shop:close()
  app:close()
end

local function requests_of(e)
  return e:control("stats").requests or 0
end

-- Until a sync reads its pages.
local function wait_for_sync(e, server)
  local deadline = socket.gettime() + 30
  repeat
    socket.sleep(0.1)
    assert(socket.gettime() < deadline, "no sync begins: " .. server:log())
  until requests_of(e) > 40
  socket.sleep(0.5)
end

local function measure(box, e, situation, round)
  local environment = { COMMERCE_MASTER_KEY = os.getenv "COMMERCE_MASTER_KEY",
    COMMERCE_STORE = ("sqlite:%s/%d.db"):format(box.folder, round), STRIPE_API_BASE = e.base }
  local syncs = situation.sync or situation.beside
  if syncs then
    linked(environment.COMMERCE_STORE, e.base)
  end
  e:control("stats", { clear = true })
  local server, wait = bench.start(environment, situation), nil
  if situation.beside then -- under nginx's Lua
    environment.LUA = "luajit"
    wait = box:background(("timeout -s INT %d build/commerce worker"):format(DURATION + 10),
      environment)
  end
  if syncs then
    wait_for_sync(e, server)
  end
  local before, began = requests_of(e), socket.gettime()
  local answered = bench.ask(server.base .. "/trivial", DURATION, CONNECTIONS,
    { "trivial", "none" })
  answered.pages = (requests_of(e) - before) / (socket.gettime() - began)
  server:stop()
  if wait then
    wait()
  end
  assert(answered.errors == 0, "requests failed")
  return answered
end

local function run(box, e)
  local least = {}
  e:control("latency", { ms = 100 })
  e:control("limits", { enabled = true })
  print(("\n%d connections ask one nginx worker for something trivial, each after a pause of up to "
    .. "10 ms; the least of %d rounds, load %s"):format(CONNECTIONS, ROUNDS, bench.load()))
  for round = 1, ROUNDS do
    for i, situation in ipairs(SITUATIONS) do
      local answered = measure(box, e, situation, round * 10 + i)
      local best = least[i] or answered
      io.stderr:write(("%-34s %7.2f ms %7.2f ms %7.2f ms %9.0f\n"):format(situation.name,
        answered.median, answered.high, answered.longest, answered.pages))
      for _, figure in ipairs { "median", "high", "longest" } do
        best[figure] = math.min(best[figure], answered[figure])
      end
      best.pages = math.max(best.pages, answered.pages)
      least[i] = best
    end
  end
  print(("%-34s %10s %10s %10s %9s"):format("", "p50", "p99", "longest", "pages/s"))
  for i, situation in ipairs(SITUATIONS) do
    print(("%-34s %7.2f ms %7.2f ms %7.2f ms %9.0f"):format(situation.name, least[i].median,
      least[i].high, least[i].longest, least[i].pages))
  end
end

local box = sandbox.new {}
local e = emulator.start { charges = CHARGES }
local ok, message = pcall(run, box, e)
e:stop()
box:close()
assert(ok, message)
