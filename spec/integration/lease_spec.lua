-- One run at a time for a connection, and no waiting for one that was killed.

local emulator = require "spec.support.emulator"
local errors = require "commerce.base.errors"
local handle = require "commerce.store.handle"
local lease = require "commerce.sync.lease"
local process = require "commerce.runtime.process"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"
local stores = require "commerce.store"

local KEY = "sk_test_emulator"

describe("two runs of one connection", function()
  local e, box, path

  setup(function()
    e = emulator.start { charges = 300, compact = true }
    box = sandbox.new({ STRIPE_SECRET_KEY = KEY, STRIPE_API_BASE = e.base }, { in_process = true })
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 300, compact = true }
    path = box:path "shop.db"
    shell.run("rm -f " .. path .. "*")
    assert.equal(0, (box:commerce("sync --type tax_components --store sqlite:" .. path)))
  end)

  local function leases()
    return rows.sql(path, "SELECT worker FROM leases")
  end

  -- A run that hangs on its first page of charges; gives its process id once it has its lease.
  local function begin_one()
    e:control("faults", { match = { path = "/v1/charges" }, action = { type = "hang" } })
    local _, pid = shell.run(box:command("build/commerce sync --type payments --store sqlite:"
      .. path) .. " >/dev/null 2>&1 & echo $!")
    for _ = 1, 300 do
      if leases() ~= "" then
        return (pid:gsub("%s", ""))
      end
      socket.sleep(0.01)
    end
    error "no lease was taken"
  end

  local function end_one(pid)
    shell.run("kill -9 " .. pid)
    shell.wait_for_end(pid)
  end

  it("are told apart: the second one says so and changes nothing", function()
    local pid = begin_one()
    local status, _, output = box:commerce("sync --store sqlite:" .. path)
    end_one(pid)
    assert.equal(1, status)
    assert.matches("is being synced by another process", output)
    assert.equal("0\n", rows.sql(path, "SELECT count(*) FROM customers"))
  end)

  it("follow at once if the first one was killed", function()
    local pid = begin_one()
    end_one(pid)
    e:control("faults", { clear = true })
    assert.equal(0, (box:commerce("sync --store sqlite:" .. path)))
    assert.equal("", leases())
  end)

  it("follow when the lease has run out, if the first one is out of sight", function()
    rows.sql(path, ("INSERT INTO leases (connection_id, worker, expires) "
      .. "SELECT id, 'elsewhere:7:9', %d FROM connections")
      :format(os.time() + 60))
    assert.equal(1, (box:commerce("sync --store sqlite:" .. path)))
    rows.sql(path, "UPDATE leases SET expires = " .. os.time() - 1)
    assert.equal(0, (box:commerce("sync --store sqlite:" .. path)))
  end)

  it("follow if the end of the lease lies in the far future: a clock was ahead", function()
    rows.sql(path, ("INSERT INTO leases (connection_id, worker, expires) "
      .. "SELECT id, 'elsewhere:7:9', %d FROM connections")
      :format(os.time() + 86400 * 365))
    assert.equal(0, (box:commerce("sync --store sqlite:" .. path)))
  end)

  it("are not taken over in a PID namespace in which the first one cannot be seen", function()
    if shell.run "unshare --pid --fork --mount-proc true" ~= 0 then
      return -- not root, and no user namespaces
    end
    local pid = begin_one()
    local command = box:command("build/commerce sync --store sqlite:" .. path)
    for _, arguments in ipairs { "--pid --fork --mount-proc", "--pid --fork" } do
      local status, _, said = shell.run(("unshare %s sh -c %s"):format(arguments,
        shell.quote(command .. "; exit $?")))
      assert.equal(1, status)
      assert.matches("is being synced by another process %(process " .. pid .. " on ", said)
    end
    end_one(pid)
    e:control("faults", { clear = true })
    assert.equal(0, (box:commerce("sync --store sqlite:" .. path)))
  end)
end)

describe("a lease", function()
  local function store(answers)
    local calls = { renewals = 0, taken = 0 }
    function calls:lease()
      self.taken = self.taken + 1
      return table.remove(answers, 1)
    end
    function calls:renew_lease()
      self.renewals = self.renewals + 1
      return table.remove(answers, 1)
    end
    function calls:leases()
      return { c1 = "other:1:2" }
    end
    function calls:release()
      self.released = true
    end
    return calls
  end

  it("names this process, so that no other one is it", function()
    assert.matches("^.+:%d+:%d+$", process.name())
    assert.equal(process.name(), process.name())
  end)

  it("is renewed now and then, and lost to one that took it over", function()
    local db = store { true, true, false }
    local held = assert(lease.take(db, "c1"))
    held:keep()
    assert.same({ 1, 0 }, { db.taken, db.renewals })
    held._renewed = held._renewed - 20
    held:keep()
    assert.same({ 1, 1 }, { db.taken, db.renewals })
    held._renewed = held._renewed - 20
    local ok, message, details = errors.catch(held.keep, held)
    assert.is_nil(ok)
    assert.matches("taken over by another process", message)
    assert.same({ "store", "taken_over" }, { details.kind, details.code })
  end)

  it("is one run's, also among those of one process", function()
    local db = assert(stores.open "memory:")
    assert(db:add_connection({ id = "c1", company_id = "co1", integration = "stripe-test",
      account = "acct_1", name = "Shop", status = "Linked", auth = "key", link_id = "l",
      created = "2026-01-01T00:00:00Z" }, { company = { id = "co1", name = "Shop",
      created = "2026-01-01T00:00:00Z" } }))
    local held = lease.take(handle(db), "c1")
    local taken, message, details = errors.catch(lease.take, handle(db), "c1")
    assert.is_nil(taken)
    assert.matches("is being synced by another run of this process", message)
    assert.equal("busy", details.code)
    held:release()
    lease.take(handle(db), "c1"):release()
  end)

  it("whose process has ended is taken at once, whichever run it was of", function()
    local gone = process.run_name():gsub("%d+:%d+#", "4194304:1#")
    assert.is_true(process.is_gone(gone))
    assert.is_false(process.is_gone(process.run_name()))
    assert.matches("^process %d+ on ", process.label(process.run_name()))
    assert.are_not.equal(process.run_name(), process.run_name())
  end)
end)
