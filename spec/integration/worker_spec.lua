-- The worker: queued and due pulls are done, once; what a dead worker leaves is taken over.

local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"
local store = require "commerce.store"

local KEY = "sk_test_emulator"
local MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

-- Makes a linked connection whose key is kept; prints its id.
local LINK = [[
local commerce = require "commerce"
local core = require "commerce.core"
local keys = require "commerce.account.keys"
local app = assert(commerce.open {})
local key = assert(core.secret(os.getenv "STRIPE_SECRET_KEY"))
local shop = assert(app:connect { secret_key = key })
assert(keys.keep(app, shop.row, key))
print(shop.id)
]]

-- A worker with a short lease, that reads slowly if it is told to, and ends with its first sync.
local WORK = [[
local commerce = require "commerce"
local worker = require "commerce.serve.worker"
local ended = false
local it = worker.new(assert(commerce.open {}), { lease = tonumber(os.getenv "LEASE"),
  log = function(event)
    io.stdout:write(event.event, " ", event.message or tostring(event.complete), "\n")
    ended = event.event == "sync"
  end, connection = { rate = tonumber(os.getenv "RATE") } })
io.stdout:write("begin ", it.id, "\n")
io.stdout:flush()
assert(it:run(function() return ended end))
]]

describe("the worker", function()
  local e, box, path, connection

  setup(function()
    e = emulator.start { charges = 300, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 300, compact = true }
    box = sandbox.new {}
    path = box:path "commerce.db"
    box.environment = { COMMERCE_STORE = "sqlite:" .. path, STRIPE_API_BASE = e.base,
      STRIPE_SECRET_KEY = KEY, COMMERCE_MASTER_KEY = MASTER_KEY, LEASE = "4", RATE = "1000" }
    local script = box:write("link.lua", LINK)
    local status, output, errors = shell.run(box:script(script))
    assert.equal(0, status, errors)
    connection = output:match "%S+"
  end)

  after_each(function()
    box:close()
  end)

  local function with_store(work)
    local opened = assert(store.open("sqlite:" .. path))
    local ok, result = pcall(work, opened)
    opened:close()
    assert(ok, result)
    return result
  end

  local function pulls()
    return with_store(function(opened)
      return assert(opened:pulls({ connection }, {}))
    end)
  end

  local function all_done(type_name)
    for _, pull in ipairs(pulls()) do
      if not type_name or pull.data_type == type_name then
        assert.equal("Complete", pull.status, pull.data_type .. ": "
          .. tostring(pull.error_message))
        assert.equal(100, pull.progress)
      end
    end
  end

  it("does at first link what the settings say, once", function()
    local status, output, errors = box:commerce "worker --once"
    assert.equal(0, status, errors)
    local event = json.decode(output:match "^[^\n]+")
    assert.equal("sync", event.event)
    assert.is_true(event.complete)
    assert.equal(connection, event.connection_id)
    assert.is_true(event.types.payments.created > 300)
    assert.equal(9, #pulls())
    all_done()
    assert.equal(0, (box:commerce "worker --once"))
    assert.equal(9, #pulls())
  end)

  it("does what is asked for, under the id that it was given", function()
    box:commerce "worker --once"
    local id = "eeeeeeee-0000-4000-8000-000000000001"
    with_store(function(opened)
      assert(opened:queue_pulls({ { id = id, connection_id = connection,
        data_type = "disputes" } }, "2026-03-01T00:00:00Z"))
    end)
    assert.equal(0, (box:commerce "worker --once"))
    local pull = with_store(function(opened)
      return opened:pull(id)
    end)
    assert.equal("Complete", pull.status)
    assert.equal("2026-03-01T00:00:00Z", pull.requested)
  end)

  it("says why a connection cannot be read", function()
    with_store(function(opened)
      assert(opened:drop_secret("connection:" .. connection))
      assert(opened:queue_pulls({ { id = "eeeeeeee-0000-4000-8000-000000000002",
        connection_id = connection, data_type = "payments" } }, "2026-03-01T00:00:00Z"))
    end)
    local _, output = box:commerce "worker --once"
    local told, failed = output:match "^([^\n]+)\n([^\n]+)"
    local event = json.decode(told)
    assert.equal("no_key", event.event)
    assert.equal(connection, event.connection)
    event = json.decode(failed)
    assert.equal("failed", event.event)
    assert.is_truthy(event.message:find("no key is kept", 1, true), event.message)
    local found = pulls()
    assert.equal(1, #found)
    assert.equal("AuthError", found[1].status)
    assert.is_string(found[1].error_message)
  end)

  it("leaves alone what another one works on, and takes over what a dead one left", function()
    e:reset { charges = 300, compact = true, latency = { ms = 300 } }
    local _, other
    local script = box:write("work.lua", WORK)
    shell.run(("%s >%s 2>&1 </dev/null & echo $! >%s"):format(box:script(script), box:path "out",
      box:path "pid"))
    local function fetching()
      local found = pulls()
      return found[1] and found[1].status == "Fetching"
    end
    while not fetching() do
      socket.sleep(0.05)
    end
    _, other = box:commerce "worker --once"
    assert.equal("", other)
    assert.is_true(fetching())
    shell.run("kill -9 " .. box:read "pid")
    shell.wait_for_end(box:read("pid"):match "%d+")
    local left = {}
    for _, pull in ipairs(pulls()) do
      left[pull.data_type] = pull.id
    end
    e:reset { charges = 300, compact = true }
    assert.equal(0, (box:commerce "worker --once"))
    all_done()
    assert.equal(9, #pulls())
    for _, pull in ipairs(pulls()) do
      assert.equal(left[pull.data_type], pull.id)
    end
  end)

  for _, signal in ipairs { "INT", "TERM" } do
    it("gives back on SIG" .. signal .. " what it has not finished", function()
      e:reset { charges = 300, compact = true, latency = { ms = 300 } }
      local status, output, errors = box:kill_after(box:command("build/commerce worker",
        { LUA = sandbox.lua }), "started", 0.7, signal)
      assert.equal(0, status, errors)
      assert.is_truthy(output:find('"event":"stopped"', 1, true), output)
      for _, pull in ipairs(pulls()) do
        assert.equal("Queued", pull.status)
      end
      with_store(function(opened)
        assert.same({}, opened:leases(os.time()))
      end)
      e:reset { charges = 300, compact = true }
      assert.equal(0, (box:commerce "worker --once"))
      all_done()
      assert.equal(9, #pulls())
    end)
  end

  it("shares the work with others: each pull is done once", function()
    local waits = {}
    for i = 1, 3 do
      waits[i] = box:background "build/commerce worker --once"
    end
    local syncs = 0
    for i = 1, 3 do
      local status, output = waits[i]()
      assert.equal(0, status)
      syncs = syncs + select(2, output:gsub('"event":"sync"', ""))
    end
    assert.equal(1, syncs)
    all_done()
    assert.equal(9, #pulls())
  end)
end)
