-- A SQLite store while something goes wrong: nothing lost, nothing half-written, said clearly, and
-- it works again when the trouble is over.

local files = require "spec.support.sqlite_files"
local lfs = require "lfs"
local model = require "commerce.model"
local rows = require "spec.support.rows"

local NOW = "2026-03-01T08:00:00Z"

local path_of, make_folder, remove_folder = files.path_of, files.make_folder, files.remove_folder
local connect = files.connect
local rows_of, sql_on, open, connected = files.rows_of, files.sql_on, files.open, files.connected
local page = files.page

describe("a SQLite store in trouble", function()
  local db, path
  local payments = model.find "payments"

  before_each(function()
    make_folder()
    path = path_of "trouble.db"
    db = connected(open "trouble.db")
    assert(db:write_page("c1", { resource = "charges", states = { charges = { cursor = "before" } },
      records = page("payments", { id = "old", amount = 1 }).records }, NOW))
  end)

  -- Closing any file handle of a database drops all locks that the process has on it (POSIX), and
  -- another process then takes the log away.
  it("keeps its log while the store is opened again in its process and used by another one",
    function()
      for _, options in ipairs { { create = false }, {} } do
        local other = assert(require("commerce.store").open("sqlite:" .. path, options))
        os.execute(("sqlite3 %s 'SELECT count(*) FROM payments' >/dev/null"):format(path))
        assert.is_truthy(lfs.attributes(path .. "-wal"))
        assert(db:write_page("c1", page("payments", { id = "new", amount = 1 }), NOW))
        other:close()
      end
      assert.equal("2\n", rows.sql(path, "SELECT count(*) FROM payments"))
    end)

  after_each(function()
    remove_folder() -- first: it must go even if there is no store to close
    db:close()
  end)

  local function write_new(provider)
    local new = page("payments", { id = "new", paymentProvider = provider },
      { id = "old", amount = 2 })
    new.states = { charges = { cursor = "after" } }
    return db:write_page("c1", new, NOW)
  end

  local function fails_with(words, provider)
    local counts, message, details = write_new(provider)
    assert.is_nil(counts)
    for _, word in ipairs(words) do
      assert.is_truthy(message:find(word, 1, true), message)
    end
    assert.equal("store", details.kind)
    assert.equal(message, tostring(details))
    assert.equal(1, db:count(payments, "c1"))
    assert.same({ cursor = "before" }, db:state("c1", "charges"))
  end

  local function fails_here(words)
    local counts, message, details = write_new "x"
    assert.is_nil(counts)
    assert.is_truthy(message:find(words, 1, true), message)
    assert.same({ "store", "file_gone" }, { details.kind, details.code })
  end

  local function works_again()
    assert.same({ payments = { created = 1, changed = 1, unchanged = 0, deleted = 0 } },
      write_new "x")
    assert.same({ cursor = "after" }, db:state("c1", "charges"))
    assert.same({ { "ok" } }, sql_on(path, "PRAGMA integrity_check"))
  end

  it("writes nothing to a file that was moved, deleted or replaced, and goes on when it is back",
    function()
    os.rename(path, path .. ".away")
    fails_here("has been moved, deleted or replaced")
    assert(io.open(path, "w")):close()
    fails_here("has been moved, deleted or replaced")
    os.remove(path)
    os.rename(path .. ".away", path)
    works_again()
  end)

  it("says that another process has locked it, reads on, and works when it is free", function()
    db.db:once "PRAGMA busy_timeout = 20"
    local other = connect(path)
    rows_of(other, "BEGIN IMMEDIATE")
    fails_with({ path, "locked" }, "x")
    rows_of(other, "ROLLBACK")
    other:close()
    works_again()
  end)

  it("says that the disk is full, loses nothing, and works when there is room", function()
    local pages = tonumber(db.db:once("PRAGMA page_count")[1][1])
    db.db:once("PRAGMA max_page_count = " .. pages + 1)
    fails_with({ path, "full" }, ("much too much "):rep(10000))
    db.db:once "PRAGMA max_page_count = 1000000"
    works_again()
  end)

  it("works again after it failed more than once", function()
    db.db:once "PRAGMA busy_timeout = 20"
    local other = connect(path)
    rows_of(other, "BEGIN IMMEDIATE")
    for _ = 1, 3 do
      fails_with({ path, "locked" }, "x")
    end
    rows_of(other, "ROLLBACK")
    local pages = tonumber(db.db:once("PRAGMA page_count")[1][1])
    db.db:once("PRAGMA max_page_count = " .. pages + 1)
    for _ = 1, 3 do
      fails_with({ path, "full" }, ("much too much "):rep(10000))
    end
    db.db:once "PRAGMA max_page_count = 1000000"
    other:close()
    works_again()
  end)

  it("says that it may not be written", function()
    db.db:once "PRAGMA query_only = ON"
    fails_with({ path, "may not be written" }, "x")
    db.db:once "PRAGMA query_only = OFF"
    works_again()
  end)

  it("closes after a loop that ended early, so that others may write", function()
    assert(db:records(payments, {}))()
    db:close()
    db:close()
    sql_on(path, "PRAGMA busy_timeout = 20", "DELETE FROM payments",
      "PRAGMA wal_checkpoint(TRUNCATE)")
    db = open "trouble.db"
    assert.equal(0, db:count(payments, "c1"))
  end)
end)
