-- Which commands are run on which database, by which runtime, and when they are killed; and the
-- receiver of webhooks beside them.

local cjson = require "cjson"
local machine = require "spec.soak.machine"
local socket = require "socket"

local runs = {}

local MOST_AT_ONCE = 4
local CLOCKS = { -900, 60, 900, 86400, 40 * 86400 } -- seconds ahead of the others
local LONGEST = 25 -- seconds after which a command is killed in any case
local ACCOUNT, SECRET = "acct_1CommerceShop001", "whsec_soak_0123456789abcdef"

local TYPES = { "company_info", "customers", "payments", "disputes", "products", "transactions",
  "payment_methods", "tax_components", "payouts" }

-- ---------------------------------------------------------------- what a process needs

-- `ahead`: seconds that the process's clock is ahead of the emulator's; 0 if left out.
local function environment(soak, runtime, more, ahead)
  local all = {
    LUA = soak.runtimes[runtime], LUA_INIT = "@" .. soak.HERE .. "clock.lua",
    SOAK_CLOCK = ("%d"):format(soak:now() - os.time() + (ahead or 0)),
    STRIPE_API_BASE = soak.e.base,
    LUA_PATH = "./?.lua;lua/?.lua;lua/?/init.lua;;",
    LUA_CPATH = ("build/%s/?.so;;"):format(runtime),
  }
  for name, value in pairs(more) do
    all[name] = value
  end
  return all
end

local function of_store(store)
  local all = { COMMERCE_STORE = "sqlite:" .. store.path, STRIPE_SECRET_KEY = store.key }
  for name, value in pairs(store.environment or {}) do
    all[name] = value
  end
  return all
end

--- A line for the shell that runs `commerce` on a database.
---@param soak table
---@param store table { path, key, environment }
---@param arguments string
---@param runtime string?
---@param ahead integer? seconds that its clock is ahead of the emulator's
---@return string
function runs.commerce(soak, store, arguments, runtime, ahead)
  return soak.box:command("build/commerce " .. arguments,
    environment(soak, runtime or soak.first_runtime, of_store(store), ahead))
end

-- ---------------------------------------------------------------- commands

--- What a process is called in the summary.
---@param process table
---@return string
function runs.kind(process)
  return process.receiver and "the receiver of webhooks" or process.server and "servers" or "runs"
end

local function some_types(random)
  local list, seen = {}, {}
  for _ = 1, random:between(1, 3) do
    local name = random:pick(TYPES)
    list[#list + 1] = not seen[name] and name or nil
    seen[name] = true
  end
  return list
end

local function some_day(soak, random)
  return os.date("!%Y-%m-%d", soak:now() - random:between(0, 500) * 86400)
end

-- One that many runs share, and any.
local function since(soak, random)
  return random:chance(0.5) and soak.day or some_day(soak, random)
end

local function by_command(arguments)
  return function(soak, random, store, runtime)
    local words = type(arguments) == "function" and arguments(soak, random) or arguments
    local ahead = 0
    if random:chance(0.15) then
      ahead = random:pick(CLOCKS)
      soak:count "runs by another clock"
    end
    return runs.commerce(soak, store, "sync --json " .. words, runtime, ahead), "sync " .. words
  end
end

-- By a script: with pages and ranges of other sizes.
local function by_script(soak, random, store, runtime)
  local options = { connect = { timeout = random:between(3, 20) / 10, backoff = 0.05,
    retries = random:between(0, 6), backoff_cap = 0.3 },
    sync = { page_size = random:pick { 7, 20, 50, 99 }, ranges = random:between(1, 6) } }
  if random:chance(0.3) then
    options.sync.full = true
  end
  if random:chance(0.3) then
    options.sync.types = some_types(random)
  end
  if random:chance(0.15) then
    options.sync.since = since(soak, random)
  end
  local text = cjson.encode(options)
  local variables = of_store(store)
  variables.SOAK_OPTIONS = text
  return soak.box:command(soak.runtimes[runtime] .. " " .. soak.HERE .. "sync.lua",
    environment(soak, runtime, variables)), "shop:sync " .. text
end

local function other(arguments)
  return function(soak, _, store, runtime)
    return runs.commerce(soak, store, arguments, runtime), arguments
  end
end

local COMMANDS = {
  { 10, by_command "" },
  { 3, by_command "--full" },
  { 3, by_command(function(_, random)
    return "--type " .. table.concat(some_types(random), ",")
  end) },
  { 1, by_command(function(_, random)
    return "--full --type " .. table.concat(some_types(random), ",")
  end) },
  { 2, by_command(function(soak, random) return "--since " .. since(soak, random) end) },
  { 1, by_command(function(soak, random) return "--before " .. since(soak, random) end) },
  { 6, by_script },
  { 1, other "status" },
  { 1, other "verify" },
  { 1, other "verify --deep --json" },
  { 1, other "verify --mark-deleted" },
}

local function kill_time(random)
  if random:chance(0.35) then
    return LONGEST
  end
  return random:chance(0.3) and random:next() * 0.5 or random:next() * 4
end

-- Mostly one that no other run is at work on: of two, one is refused at once.
local function pick_store(soak, random)
  local busy, idle = {}, {}
  for _, process in ipairs(soak.processes.alive) do
    busy[process.store or 0] = true
  end
  for _, store in ipairs(soak.stores) do
    idle[#idle + 1] = not busy[store] and store or nil
  end
  return random:chance(0.2) and random:pick(soak.stores) or #idle > 0 and random:pick(idle)
end

local function start(soak, random)
  local store, runtime = pick_store(soak, random), random:pick(soak.runtime_names)
  if not store or #soak.processes.alive > MOST_AT_ONCE then -- with the server
    return
  end
  local command, name = random:weighted(COMMANDS)(soak, random, store, runtime)
  if name:find "sync" and random:chance(0.15) then
    command = machine.without_room(command, store, random)
    soak:count "runs without room on the disk"
  end
  soak.processes:start(command, { name = name, store = store, runtime = runtime,
    kill_after = kill_time(random) })
  soak:count("runs: " .. name:match "^%S+ ?%-?%-?%l*")
  soak:count("runs by " .. runtime)
end

local function kill(soak)
  for _, process in ipairs(soak.processes.alive) do
    if not process.was_killed and socket.gettime() - process.since > process.kill_after then
      soak.processes:kill(process)
      soak:count("killed: " .. runs.kind(process))
    end
  end
end

-- ---------------------------------------------------------------- the receiver

local function receiver(soak)
  for _, process in ipairs(soak.processes.alive) do
    if process.receiver then
      return process
    end
  end
end

local function receive(soak, random)
  if receiver(soak) then
    return
  end
  local list = {}
  for i, store in ipairs(soak.stores) do
    list[i] = { path = store.path, key = store.key }
  end
  local runtime = random:pick(soak.runtime_names)
  soak.processes:start(soak.box:command(soak.runtimes[runtime] .. " " .. soak.HERE
    .. "receiver.lua", environment(soak, runtime, { SOAK_STORES = cjson.encode(list),
      SOAK_PORT = tostring(soak.port), SOAK_SECRET = SECRET, SOAK_ACCOUNT = ACCOUNT })),
    { name = "receiver", receiver = true, runtime = runtime, kill_after = random:next() * 8 })
end

local function deliver(soak, random)
  soak.e:control("webhooks", { id = soak.webhook,
    url = ("http://127.0.0.1:%d/hook"):format(soak.port), secrets = { SECRET }, key = soak.KEY,
    duplicate_probability = random:pick { 0, 0.3 }, drop_probability = random:pick { 0, 0.2, 0.6 },
    reorder = random:pick { 1, 4, 20 }, delay = random:pick { 0, 0, 0.5, 3 }, clock = "emulator",
    retries = 2 })
end

--- Begin to deliver webhooks.
---@param soak table
function runs.prepare(soak)
  soak.webhook = soak.e:control("webhooks", { url = ("http://127.0.0.1:%d/hook"):format(soak.port),
    secrets = { SECRET }, key = soak.KEY, clock = "emulator" }).ids[1]
end

--- What became of the webhooks.
---@param soak table
function runs.tell_webhooks(soak)
  for _, endpoint in ipairs(soak.e:control("webhooks").webhooks) do
    for _, delivery in ipairs(endpoint.deliveries) do
      soak:count(delivery.dropped and "webhooks dropped" or delivery.duplicate
        and "webhooks sent twice" or delivery.status == 200 and "webhooks acknowledged"
        or "webhooks that nobody answered")
    end
  end
end

--- What is done, and every how many seconds.
runs.ACTORS = {
  { name = "start", every = 0.3, act = start },
  { name = "kill", every = 0.05, act = kill },
  { name = "receive", every = 0.5, act = receive },
  { name = "deliver", every = 4, act = deliver },
}

return runs
