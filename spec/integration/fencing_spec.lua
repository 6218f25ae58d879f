-- A worker that stood still while another one took its connection writes nothing any more.

local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"
local store = require "commerce.store"

local KEY = "sk_test_emulator"
local MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

local function wait_for(what, sign)
  for _ = 1, 3000 do
    local found = sign()
    if found then
      return found
    end
    socket.sleep(0.01)
  end
  error("waited in vain: " .. what)
end

describe("a worker that stood still while another one took its connection", function()
  local e, box, path, url, pid

  setup(function()
    e = emulator.start { charges = 600, compact = true, latency = { ms = 60 } }
    box = sandbox.new { STRIPE_API_BASE = e.base, COMMERCE_MASTER_KEY = MASTER_KEY }
    path = box:path "commerce.db"
    url = "sqlite:" .. path
    local script = box:write("link.lua", ([[
      local commerce, core = require "commerce", require "commerce.core"
      local app = assert(commerce.open { store = %q })
      local key = assert(core.secret %q)
      local shop = assert(app:connect { secret_key = key })
      assert(require("commerce.account.keys").keep(app, shop.row, key))
    ]]):format(url, KEY))
    local status, _, wrong = shell.run(box:script(script))
    assert.equal(0, status, wrong)
  end)

  teardown(function()
    if pid then
      shell.run("kill -9 " .. pid)
    end
    e:stop()
    box:close()
  end)

  -- The lease of another one, by the store, while no process moves. False if the first one was
  -- stopped where it could not be taken: in a transaction, or when it had ended its work.
  local function steal()
    local db = assert(store.open(url, { wait = 0.2 }))
    local id, holder = next(assert(db:leases()))
    local taken = id and db:expire_lease(id, holder) and db:lease(id, "thief", nil, 600)
    db:close()
    return taken and id
  end

  it("stores no page, no checkpoint and no end of a pull", function()
    local out, _ = box:path "out", nil
    _, pid = shell.run(("%s >%s 2>&1 </dev/null & echo $!"):format(
      box:command("build/commerce worker --store " .. url), out))
    pid = pid:match "%d+"
    local function stored()
      return rows.number(path, "SELECT count(*) FROM payments")
    end
    wait_for("the first page", function()
      return stored() > 0
    end)
    local id
    wait_for("the lease", function()
      shell.run("kill -STOP " .. pid)
      id = steal()
      if not id then
        shell.run("kill -CONT " .. pid)
      end
      return id
    end)
    local function state()
      return rows.sql(path, "SELECT * FROM resource_state ORDER BY 1, 2")
        .. rows.sql(path, "SELECT id, status, completed FROM pulls ORDER BY 1")
        .. rows.sql(path, "SELECT * FROM change_numbers") .. stored()
        .. rows.sql(path, "SELECT worker, seconds FROM leases")
    end
    local before = state()
    assert.matches("Fetching", before)
    shell.run("kill -CONT " .. pid)
    local event = wait_for("the loss", function()
      return box:read("out"):match '[^\n]*"event":"lost"[^\n]*'
    end)
    shell.run("kill -TERM " .. pid)
    shell.wait_for_end(pid)
    pid = nil
    event = json.decode(event)
    assert.equal(id, event.connection_id)
    assert.matches("taken", event.message)
    assert.equal(before, state())
  end)

  it("leaves the rest to the next one, which goes on from there", function()
    local db = assert(store.open(url))
    local id = next(assert(db:leases()))
    assert(db:release(id, "thief"))
    assert(db:lease(id, "gone", nil, 60))
    assert(db:expire_lease(id, "gone"))
    db:close()
    e:control("latency", { ms = 0 })
    local before = rows.number(path, "SELECT count(*) FROM payments")
    local status, output = box:commerce("worker --once --store " .. url)
    assert.equal(0, status)
    local report = json.decode(output:match '[^\n]*"event":"sync"[^\n]*')
    assert.is_true(report.complete)
    assert.equal(rows.number(path, "SELECT count(*) FROM payments"),
      before + report.types.payments.created)
    assert.equal("", rows.sql(path, "SELECT * FROM leases"))
    assert.equal(rows.number(path, "SELECT max(last) FROM changes"),
      rows.number(path, "SELECT last FROM change_numbers"))
  end)
end)
