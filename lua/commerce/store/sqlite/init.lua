-- The SQLite store: opens a database file, and makes or migrates it if needed. Its methods are
-- those of store/sql.

local core = require "commerce.core"
local database = require "commerce.store.sqlite.db"
local errors = require "commerce.base.errors"
local migrations = require "commerce.store.sqlite.migrations"
local schema = require "commerce.store.sqlite.schema"
local sql = require "commerce.store.sql"
local types = require "commerce.store.sql.types"

local sqlite = {}

-- SQLite stores this number in the file's header; it identifies files of this library.
local APPLICATION_ID = 0x4C434F4D -- "LCOM"
local UNRELEASED_ID = 0x434D4D52 -- "CMMR": checkouts from before the first release

local LONGEST_WAIT = 5 -- seconds to wait for another process's write

local function pragma(db, name)
  return tonumber(db:once("PRAGMA " .. name)[1][1])
end

local function is_empty(db)
  return tonumber(db:once("SELECT count(*) FROM sqlite_master")[1][1]) == 0
end

-- Raise rather than write into a database that this version must not change.
local function check_owner(db)
  if is_empty(db) then
    return
  end
  local owner, version = pragma(db, "application_id"), pragma(db, "user_version")
  if owner == UNRELEASED_ID then
    db:fail("this database was made by an older, unreleased checkout of lua-commerce and cannot be "
      .. "converted; name a new file, link the merchants again and sync")
  elseif owner ~= APPLICATION_ID then
    db:fail "this database belongs to another program; name another file"
  elseif version > migrations.version() then
    db:fail(("this database has schema version %d, made by a newer lua-commerce; this one knows "
      .. "versions up to %d"):format(version, migrations.version()))
  end
end

-- All in one transaction: a kill in between leaves the old version.
local function make_current(db)
  if pragma(db, "user_version") == migrations.version() then
    return
  end
  db:transaction(function()
    local version = pragma(db, "user_version") -- again, now that no other process can write
    if is_empty(db) then
      for _, statement in ipairs(schema.STATEMENTS) do
        db:once(statement)
      end
      db:once("PRAGMA application_id = " .. APPLICATION_ID)
    else
      migrations.run(db, version)
    end
    db:once("PRAGMA user_version = " .. migrations.version())
  end)
end

local function prepare(db, path, options)
  db:once(("PRAGMA busy_timeout = %d"):format((options.wait or LONGEST_WAIT) * 1000))
  check_owner(db)
  db:once("PRAGMA journal_mode = WAL") -- readers never wait for the writer
  db:lasting(false)
  db:once("PRAGMA cache_size = -2000") -- KB; four times as much is no faster with 446,000 objects
  make_current(db)
  types.reconcile(db)
  db:watch_file()
  if options.sleep then
    db:once("PRAGMA busy_timeout = 0")
    db:wait_with(options.wait or LONGEST_WAIT, options.sleep)
    if path ~= ":memory:" then
      db:copy_log_beside()
    end
  end
  if options.pause then
    db:pause_with(options.pause)
  end
  if options.elsewhere and path ~= ":memory:" then
    db:read_with(function(...)
      return options.elsewhere("commerce.store.sqlite.reader", "rows", path, ...)
    end)
    db:build_with(function(statement)
      return options.elsewhere("commerce.store.sqlite.reader", "build", path,
        statement)
    end)
  end
end

--- Open a SQLite database, and make or migrate it if needed.
---@param path string a file, or ":memory:"
---@param options commerce.StoreOptions
---@return commerce.Store? store nil on failure
---@return string? message
---@return commerce.Failure? failure
sqlite.open = errors.protect(function(path, options)
  -- the file must not be opened and closed to find this out: that drops the locks of all handles
  -- that this process has on it, and another process would then delete the log that they write to
  if options.create == false and not core.file_id(path) then
    errors.throw("store", path .. ": there is no such database; run `commerce sync` first",
      { code = "no_database" })
  end
  if path ~= ":memory:" then
    core.private_file(path) -- SQLite gives the log beside it the same mode
  end
  local db = database.open(path)
  local ok, failure = pcall(prepare, db, path, options)
  if not ok then
    db:close()
    error(failure, 0)
  end
  return sql.new(db, schema, path)
end)

return sqlite
