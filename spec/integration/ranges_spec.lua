-- A list read in several ranges at once gives what one page after the other gives: no object twice,
-- none missed, whatever its density, and whenever the reading is killed.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local UNLIMITED = { rate = 0, endpoint_rate = 0, backoff = 0.005, backoff_cap = 0.02 }
local LATENCY = 120 -- milliseconds: what makes it worth reading ranges side by side

local random = 20261123
local function next_random(from, to)
  random = (random * 16807) % 2147483647
  return from + random % (to - from + 1)
end

describe("reading in ranges", function()
  local e, box

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function open(name, options)
    local path = box:path(name .. ".db")
    for _, suffix in ipairs { "", "-wal", "-shm" } do
      os.remove(path .. suffix)
    end
    local app = assert(commerce.open { store = "sqlite:" .. path })
    local all = { secret_key = "sk_test_emulator", base_url = e.base }
    for _, part in ipairs { UNLIMITED, options or {} } do
      for key, value in pairs(part) do
        all[key] = value
      end
    end
    return assert(app:connect(all)), app, path
  end

  local function read(name, options, connect_options)
    local shop, app, path = open(name, connect_options)
    local report = assert(shop:sync(options))
    shop:close()
    app:close()
    assert.is_true(report.complete, tostring(report))
    local objects = 0
    for _, entry in ipairs(report.types) do
      objects = objects + entry.read
    end
    return rows.dump(path), objects, report
  end

  for round = 1, 6 do
    it("finds in any density what the serial reading finds, round " .. round, function()
      local settings = { seed = next_random(1, 1e6), charges = next_random(300, 1500),
        customers = next_random(0, 900), compact = true, latency = { ms = 0 } }
      if round % 2 == 0 then
        settings.tie_size = next_random(20, 250) -- more than a page in one second, too
      end
      e:reset(settings)
      local page_size = next_random(10, 40)
      local types = { "customers", "payments", "transactions" }
      local serial, count = read("serial", { types = types, ranges = 1 })
      e:control("latency", { ms = LATENCY })
      e:control("stats", { clear = true })
      local ranges, again, report = read("ranges", { types = types, page_size = page_size })
      assert.equal("", rows.difference(serial, ranges))
      assert.equal(count, again) -- each object once
      -- it did halve: more was on its way at once than one request for each list
      assert.is_true(e:control("stats").max_in_flight > 4)
      assert.equal(0, report.retries)
    end)
  end

  it("takes what is created meanwhile, or leaves it to the next run", function()
    e:reset { charges = 1000, compact = true, latency = { ms = LATENCY } }
    local shop, app, path = open "inserts"
    local inserted = 0
    assert(shop:sync { types = { "payments" }, page_size = 20, progress = function(event)
      if event.event == "progress" and inserted < 5 then
        inserted = inserted + 1
        e:control("mutate", { op = "insert", type = "charge" })
      end
    end })
    assert(shop:sync { types = { "payments" } })
    local charges = rows.fetch(e, "charges")
    assert.equal(1005, #charges)
    local stored = rows.sql(path, "SELECT count(*) FROM payments WHERE amount >= 0 "
      .. "AND id NOT LIKE 're%' AND id NOT LIKE 'pyr%'")
    assert.equal("1005\n", stored)
    shop:close()
    app:close()
  end)

  it("keeps to the server's limits", function()
    e:reset { charges = 600, compact = true, latency = { ms = 5 } }
    e:control("limits", { enabled = true, global = { test = 60 }, endpoint = { test = 40 } })
    local _, _, report = read("limits", { types = { "payments", "transactions" }, page_size = 20 },
      { rate = 60, endpoint_rate = 40 })
    e:control("limits", { enabled = false })
    assert.is_true(report.rate_limited <= report.requests * 0.05, tostring(report))
  end)

  -- The script kills itself before a statement, so that a range's page is in or out as a whole.
  local SCRIPT = [[
local commerce = require "commerce"
local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY", rate = 0,
  endpoint_rate = 0 })
local stop, statements = tonumber(os.getenv "STOP_STATEMENT"), 0
local function counted(methods, name)
  local call = methods[name]
  methods[name] = function(...)
    statements = statements + 1
    if statements == stop then
      os.execute "kill -9 $PPID"
    end
    return call(...)
  end
end
counted(getmetatable(require("DBI").Connect("SQLite3", ":memory:"):prepare "SELECT 1").__index,
  "execute")
local session = package.loaded["commerce.store.postgres.session"]
if session then -- run_on_postgres.lua
  counted(session, "translated")
end
local report = assert(shop:sync { page_size = 10, types = { "customers", "payments" } })
print(report.complete and "complete" or tostring(report), statements, report.requests)
]]

  it("goes on after a kill at any moment, and asks for little again", function()
    e:reset { charges = 800, compact = true, latency = { ms = LATENCY } }
    local script = box:write("ranges.lua", SCRIPT)
    local function run(name, stop)
      return shell.run(box:script(script, { COMMERCE_STORE = "sqlite:" .. box:path(name .. ".db"),
        STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator",
        STOP_STATEMENT = stop and tostring(stop) or nil }))
    end
    local status, output, errors = run "whole"
    assert.equal("", errors)
    assert.equal(0, status)
    local statements, requests = output:match "complete\t(%d+)\t(%d+)"
    for round = 1, 4 do
      local name = "killed" .. round
      -- the first statements make the database, the last ones close the books
      local stop = math.floor(statements * next_random(30, 90) / 100)
      assert.equal(137, (run(name, stop)))
      local ended, again, trouble = run(name)
      assert.equal("", trouble)
      assert.equal(0, ended)
      assert.equal("", rows.difference(rows.dump(box:path "whole.db"),
        rows.dump(box:path(name .. ".db"))))
      local asked = tonumber(again:match "complete\t%d+\t(%d+)")
      local left = requests * (1 - stop / statements)
      -- what was on its way: at most a page for each range, and one look at what came in since
      assert.is_true(asked <= left + 2 * 20 + 8, ("%d of %d asked again after %d of %d statements")
        :format(asked, requests, stop, statements))
    end
  end)
end)
