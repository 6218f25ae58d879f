-- `commerce backup` while others write, a restore, and `commerce store copy` that is killed.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local model = require "commerce.model"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local store = require "commerce.store"

describe("a store", function()
  local e, box, path, url

  setup(function()
    e = emulator.start { charges = 300, compact = true }
    box = sandbox.new({ STRIPE_SECRET_KEY = "sk_test_emulator", STRIPE_API_BASE = e.base },
      { in_process = true })
    path = box:path "shop.db"
    url = "sqlite:" .. path
    assert.equal(0, (box:commerce("sync --type payments,disputes --store " .. url)))
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function count(file)
    return rows.number(file, "SELECT count(*) FROM payments")
  end

  it("is backed up while a page is written, without it #sqlite", function()
    local db = assert(store.open(url))
    local id, backup = db:connections()[1].id, box:path "backup.db"
    local before = count(path)
    local status, said
    db.db:transaction(function()
      db.db:write_records(model.find "payments", id,
        { { id = "half", data = "{}", is_new = true } })
      status, said = box:commerce("backup " .. backup .. " --store " .. url)
    end)
    db:close()
    assert.equal(0, status, said)
    assert.equal(before + 1, count(path))
    assert.equal(before, count(backup))
    assert.matches("^%-rw%-%-%-%-%-%-%-", select(2, shell.run("ls -l " .. backup)))
    rows.sql(path, "DELETE FROM payments WHERE id = 'half'")
    local again, _, wrong = box:commerce("backup " .. backup .. " --store " .. url)
    assert.equal(1, again)
    assert.matches("this file exists already", wrong)
  end)

  it("goes on after a restore, with numbers that were never given #sqlite", function()
    local backup = box:path "restored.db"
    local app = assert(commerce.open { store = url })
    assert(app.store:add_webhook_consumer({ id = "w", url = "https://example.com",
      disabled = false, event_types = {}, company_tags = {}, created = "2026-01-01T00:00:00Z" }, 9))
    assert(app:create_company { name = "told" })
    local first = assert(app.store:take_delivery("me", os.time() + 1, 60))
    assert(app.store:settle_delivery("me", first, { status = "delivered", now = os.time(),
      at = "2026-01-01T00:00:00Z", patience = 60 }) ~= nil)
    app:close()
    assert.equal(0, (box:commerce("backup " .. backup .. " --store " .. url)))
    e:mutate { op = "charge", amount = 900 }
    assert.equal(0, (box:commerce("sync --type payments,disputes --store " .. url)))
    local last = rows.number(path, "SELECT max(last) FROM changes")
    local status, output = box:commerce("store restored --json --store sqlite:" .. backup)
    assert.equal(0, status)
    local number = json.decode(output).firstNumber
    local told = json.decode(output).consumers[1]
    assert.same({ "w", first.id }, { told.consumer, told.event })
    local before = rows.number(backup, "SELECT max(last) FROM changes")
    assert.is_true(before < last)
    assert.equal(0, (box:commerce("sync --type payments,disputes --store sqlite:" .. backup)))
    assert.equal(rows.sql(path, "SELECT id, amount, status FROM payments ORDER BY id"),
      rows.sql(backup, "SELECT id, amount, status FROM payments ORDER BY id"))
    assert.is_true(rows.number(backup, "SELECT min(last) FROM changes WHERE last > " .. before)
      >= number)
    assert.is_true(number > last)
  end)

  it("is copied, also if the copy is killed", function()
    local to = box:path "copy.db"
    local command = ("store copy --from %s --to sqlite:%s"):format(url, to)
    local status, output, wrong
    repeat -- until the signal comes before the end
      shell.run("rm -f " .. to .. "*")
      status = box:kill_after(box:command("build/commerce " .. command, { LUA = sandbox.lua })
        .. " 2>&1", "copies %a+", 0, "KILL")
    until status == 137
    status, output, wrong = box:commerce(command)
    assert.equal(0, status, wrong)
    assert.matches("the copy is the same, row by row", output)
    for _, name in ipairs { "payments", "changes", "pulls", "resource_state", "webhook_events" } do
      assert.equal(rows.sql(path, ("SELECT * FROM %s ORDER BY 1, 2"):format(name)),
        rows.sql(to, ("SELECT * FROM %s ORDER BY 1, 2"):format(name)))
    end
    local again, _, refusal = box:commerce(command)
    assert.equal(1, again)
    assert.matches("the destination is not empty", refusal)
    assert.equal(0, (box:commerce("sync --type payments --store sqlite:" .. to)))
  end)

  it("is not copied into itself, or into nothing", function()
    assert.equal(2, (box:commerce("store copy --from " .. url .. " --to " .. url)))
    assert.equal(2, (box:commerce("store copy --from " .. url)))
    assert.equal(2, (box:commerce("store copy --from " .. url .. " --to memory:")))
  end)
end)
