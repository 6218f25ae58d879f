-- SQLite's log in a process whose work takes turns: a thread copies it into the file meanwhile.

local core = require "commerce.core"
local files = require "spec.support.sqlite_files"
local lfs = require "lfs"
local store = require "commerce.store"

local NOW = "2026-03-01T08:00:00Z"
local PAGE, PAGES = 25, 120
local LOG, FRAME = 1000, 4096 + 24 -- https://sqlite.org/fileformat2.html#the_write_ahead_log

local path_of = files.path_of
local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

describe("the log of a SQLite store", function()
  local db, path, slept

  before_each(function()
    files.make_folder()
    path, slept = path_of "log.db", 0
    db = files.connected(assert(store.open("sqlite:" .. path, { wait = 1, sleep = function(seconds)
      slept = slept + 1
      core.sleep(seconds)
    end })))
  end)

  after_each(function()
    db:close()
    files.remove_folder()
  end)

  -- Records of a kind as large as Stripe's.
  local function write_page(number)
    local records = {}
    for i = 1, PAGE do
      records[i] = { id = ("py_%d_%d"):format(number, i), amount = i, currency = "EUR",
        description = ("x"):rep(1000) }
    end
    db:write_page("c1", files.page("payments", unpack(records)), NOW)
  end

  local function size_of(suffix)
    return lfs.attributes(path .. suffix, "size")
  end

  local function count_in(file)
    return tonumber(files.sql_on(file, "SELECT count(*) FROM payments")[1][1])
  end

  it("is copied by a thread while its writer waits, and stays short", function()
    local grown, longest, before = 0, 0, size_of ""
    for number = 1, PAGES do
      write_page(number)
      local size = size_of ""
      grown, before = grown + (size > before and 1 or 0), size
      longest = math.max(longest, size_of "-wal")
    end
    -- no commit of this handle copies anything
    assert.equal("0", tostring(db.db:once("PRAGMA wal_autocheckpoint")[1][1]))
    assert.is_true(grown > 1, grown .. " copies")
    assert.is_true(slept > 0)
    assert.is_true(longest < 2 * LOG * FRAME, longest .. " bytes")
    assert.equal(PAGES * PAGE, count_in(path))
  end)

  it("loses nothing when the process is killed, and is copied afterwards", function()
    for number = 1, PAGES do
      write_page(number)
    end
    write_page(PAGES + 1) -- in the log alone
    for _, suffix in ipairs { "", "-wal" } do
      files.write_file(path_of("killed.db" .. suffix), files.bytes_of(path .. suffix))
    end
    local again = assert(store.open("sqlite:" .. path_of "killed.db"))
    assert.equal((PAGES + 1) * PAGE, count_in(path_of "killed.db"))
    again:close() -- the last one to close copies the log
    assert.is_nil(lfs.attributes(path_of "killed.db-wal"))
    assert.equal((PAGES + 1) * PAGE, count_in(path_of "killed.db"))
  end)

  -- Writes all pages while something else is in the place of `core.copy_log`.
  local function write_pages_with(stub)
    local copy_log = core.copy_log
    core.copy_log = stub
    local ok, raised = pcall(function()
      for number = 1, PAGES do
        write_page(number)
      end
    end)
    core.copy_log = copy_log
    assert.is_true(ok, raised)
  end

  it("is copied within commits where no thread can", function()
    local tried = 0
    local function stub()
      tried = tried + 1
      return nil, "no thread can be started"
    end
    write_pages_with(stub)
    assert.equal(1, tried)
    assert.is_true(size_of "-wal" < LOG * FRAME)
    assert.equal(PAGES * PAGE, count_in(path))
  end)

  it("may be copied by another process at the same moment", function()
    local copy_log, tried = core.copy_log, 0
    local function stub(...)
      tried = tried + 1
      if tried <= 2 then
        return { poll = function()
          return nil, "database is locked"
        end }
      end
      return copy_log(...)
    end
    write_pages_with(stub)
    assert.is_true(tried > 3)
    assert.equal("0", tostring(db.db:once("PRAGMA wal_autocheckpoint")[1][1]))
  end)
end)

describe("core.copy_log", function()
  local path, handle, library

  before_each(function()
    files.make_folder()
    path = path_of "log.db"
    handle = files.connect(path)
    for _, sql in ipairs { "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0",
      "CREATE TABLE t (x)", "INSERT INTO t VALUES (hex(randomblob(20000)))" } do
      files.rows_of(handle, sql)
    end
    library = files.rows_of(handle, "SELECT sqlite_source_id()")[1][1]
  end)

  after_each(function()
    handle:close()
    files.remove_folder()
  end)

  local function result_of(copy)
    local pages, copied = copy:poll()
    while pages == false do
      core.sleep(0.001)
      pages, copied = copy:poll()
    end
    return pages, copied
  end

  it("tells how long the log is and how much was copied", function()
    local pages, copied = result_of(assert(core.copy_log(path, library)))
    assert.is_true(pages > 10)
    assert.equal(pages, copied)
    assert.equal(pages, (result_of(assert(core.copy_log(path, library))))) -- it begins anew later
  end)

  it("leaves what a reader needs", function()
    local reader = files.connect(path)
    files.rows_of(reader, "BEGIN")
    files.rows_of(reader, "SELECT count(*) FROM t")
    files.rows_of(handle, "INSERT INTO t VALUES (1)")
    local pages, copied = result_of(assert(core.copy_log(path, library)))
    assert.is_true(copied < pages)
    reader:close()
  end)

  it("waits for its thread when it is collected", function()
    for _ = 1, 20 do
      assert(core.copy_log(path, library))
    end
    collectgarbage()
    collectgarbage()
    assert.equal(1, files.rows_of(handle, "SELECT count(*) FROM t")[1][1])
  end)

  it("says what SQLite says", function()
    local pages, reason = result_of(assert(core.copy_log(path_of "none.db", library)))
    assert.is_nil(pages)
    assert.equal("unable to open database file", reason)
    assert.is_nil(lfs.attributes(path_of "none.db"))
  end)

  it("uses no other SQLite library than the one that has the database open", function()
    local copy, message = core.copy_log(path, "2020-01-01 00:00:00 another one")
    assert.is_nil(copy)
    assert.equal("this process's SQLite cannot be used by a thread", message)
  end)
end)
