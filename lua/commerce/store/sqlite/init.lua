-- The SQLite store. Its methods, one file a subject beside this one, are the contract that every
-- store keeps; the shared contract spec (contract/cases.lua) tests it. Called by
-- commerce.store.
--
-- What a store promises: a page's records and the checkpoint after it are written together or not
-- at all; a record whose content did not change is not written; modifiedDate is the store's stamp.

local connection = require "commerce.store.connection"
local errors = require "commerce.base.errors"
local model = require "commerce.model"
local schema = require "commerce.store.schema"

local protect = connection.protect

local sqlite = {}

---@class commerce.Store
local methods = {}
local store_mt = { __name = "commerce.store.sqlite", __index = methods }

local APPLICATION_ID = 0x434D4D52 -- "CMMR": whose file this is, in SQLite's own header
local LONGEST_WAIT = 5 -- seconds to wait for another process's write

-- ---------------------------------------------------------------- opening

local function pragma(db, name)
  return tonumber(db:once("PRAGMA " .. name)[1][1])
end

local function fail(db, message)
  local _, _, details = errors.fail("store", ("%s: %s"):format(db.name, message))
  error(details, 0)
end

-- Never write into a database that is somebody else's.
local function check_owner(db)
  local tables = tonumber(db:once("SELECT count(*) FROM sqlite_master")[1][1])
  if tables == 0 then
    return
  elseif pragma(db, "application_id") ~= APPLICATION_ID then
    fail(db, "this database belongs to another program; name another file")
  end
  local version = pragma(db, "user_version")
  if version > schema.VERSION then
    fail(db, ("this database has schema version %d, made by a newer lua-commerce; this one knows "
      .. "versions up to %d"):format(version, schema.VERSION))
  end
end

-- Forward, one version at a time, all in one transaction: a kill in between leaves the old version.
local function migrate(db)
  if pragma(db, "user_version") == schema.VERSION then
    return
  end
  db:transaction(function()
    local version = pragma(db, "user_version") -- again, now that no other process can write
    while version < schema.VERSION do
      for _, statement in ipairs(schema.migrations[version](model.types())) do
        db:once(statement)
      end
      version = version + 1
    end
    db:once("PRAGMA application_id = " .. APPLICATION_ID)
    db:once("PRAGMA user_version = " .. schema.VERSION)
  end)
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

--- Open, and if need be make or migrate, a SQLite database.
---@param path string a file, or ":memory:"
---@param options table create = false: fail if the file does not exist; wait: seconds to wait for
---  another process's write; sleep, pause, elsewhere: see `store.open`
---@return commerce.Store? store nil on failure
---@return string? message
---@return commerce.Details? details
function sqlite.open(path, options)
  if options.create == false and not exists(path) then
    return errors.fail("store", path .. ": there is no such database; run `commerce sync` first",
      { code = "no_database" })
  end
  local db, message, details = connection.open("SQLite3", path, path)
  if not db then
    return nil, message, details
  end
  local ok, reason, why = protect(function()
    db:once(("PRAGMA busy_timeout = %d"):format((options.wait or LONGEST_WAIT) * 1000))
    check_owner(db)
    db:once("PRAGMA journal_mode = WAL") -- readers never wait for the writer
    db:once("PRAGMA synchronous = NORMAL") -- with WAL, a crash loses nothing that matters here
    db:once("PRAGMA cache_size = -8000") -- KB
    migrate(db)
    if options.sleep then
      db:once("PRAGMA busy_timeout = 0")
      db:wait_with(options.wait or LONGEST_WAIT, options.sleep)
    end
    if options.pause then
      db:pause_with(options.pause)
    end
    if options.elsewhere and path ~= ":memory:" then
      db:read_with(function(...)
        return options.elsewhere("commerce.store.reader", "rows", path, ...)
      end)
    end
    return true
  end)()
  if not ok then
    db:close()
    return nil, reason, why
  end
  return setmetatable({ db = db, path = path }, store_mt)
end

-- ---------------------------------------------------------------- its methods

local PARTS = {
  "commerce.store.pages",
  "commerce.store.records",
  "commerce.store.sources",
  "commerce.store.sweeps",
  "commerce.store.inbox",
  "commerce.store.listings",
  "commerce.store.companies",
  "commerce.store.connections",
  "commerce.store.link_states",
  "commerce.store.sync_settings",
  "commerce.store.pulls",
  "commerce.store.queue",
  "commerce.store.api_keys",
  "commerce.store.directory",
  "commerce.store.webhook_consumers",
  "commerce.store.outbox",
  "commerce.store.reads",
  "commerce.store.changes",
  "commerce.store.checkpoints",
  "commerce.store.types",
  "commerce.store.secrets",
  "commerce.store.settings",
}

for _, part in ipairs(PARTS) do
  for name, method in pairs(require(part)) do
    methods[name] = protect(method)
  end
end

--- Close the store; a second close does nothing.
function methods:close()
  self.db:close()
end

return sqlite
