-- The PostgreSQL store: opens a database, and makes or migrates its tables if needed. Its methods
-- are those of store/sql.

local core = require "commerce.core"
local database = require "commerce.store.postgres.db"
local dialect = require "commerce.store.postgres.dialect"
local errors = require "commerce.base.errors"
local migrations = require "commerce.store.postgres.migrations"
local schema = require "commerce.store.postgres.schema"
local sql = require "commerce.store.sql"
local types = require "commerce.store.sql.types"

local postgres = {}

local LEASE = 600 -- seconds that a change of the schema may take before another process tries
local PATIENCE = 60 -- seconds that a process waits for another one's change
local PAUSE = 0.1 -- seconds

local UNDEFINED_TABLE = "42P01"

-- The version of the database; nil if it has none of this library's tables.
local function version_of(db)
  local ok, rows = pcall(db.all, db,
    "SELECT version FROM commerce_schema WHERE name = 'commerce'")
  if ok then
    return rows[1] and rows[1].version
  elseif errors.is_failure(rows) and rows.code == UNDEFINED_TABLE then
    return nil
  end
  error(rows, 0)
end

-- Raise rather than write into a schema that this version must not change.
local function check_owner(db, version)
  if version and version > migrations.version() then
    db:fail(("this database has schema version %d, made by a newer lua-commerce; this one knows "
      .. "versions up to %d"):format(version, migrations.version()))
  elseif not version and db:all(dialect.NAMED, "connections")[1] then
    db:fail "this database has tables of another program; name an empty database"
  end
end

-- Whether this process may change the schema now. The first process makes the row.
local function claim(db, holder)
  db:once(schema.VERSION_TABLE)
  db:run("INSERT INTO commerce_schema (name, version, held_until) VALUES ('commerce', 0, 0) "
    .. "ON CONFLICT DO NOTHING")
  return #db:all(("UPDATE commerce_schema SET holder = ?, held_until = %s + %d "
    .. "WHERE name = 'commerce' AND held_until < %s RETURNING version"):format(dialect.NOW, LEASE,
    dialect.NOW), holder) > 0
end

local function make(db)
  for _, statement in ipairs(schema.STATEMENTS) do
    db:once(statement)
  end
  types.reconcile(db)
  for _, statement in ipairs(schema.VIEWS) do
    db:once(statement)
  end
end

local function lead(db, version)
  for step = version, migrations.version() - 1 do
    for _, statement in ipairs(migrations.step(step)) do
      db:once(statement)
    end
  end
end

local function change_schema(db, holder)
  db:exclusively(function()
    local version = db:all("SELECT version FROM commerce_schema WHERE name = 'commerce'")[1].version
    if version == 0 then
      make(db)
    else
      lead(db, version)
    end
    db:run("UPDATE commerce_schema SET version = ?, holder = NULL, held_until = 0 "
      .. "WHERE name = 'commerce' AND holder = ?", migrations.version(), holder)
  end)
end

local function give_up(db, holder)
  pcall(db.run, db, "UPDATE commerce_schema SET holder = NULL, held_until = 0 "
    .. "WHERE name = 'commerce' AND holder = ?", holder)
end

local function is_current(version)
  return version == migrations.version()
end

-- One process changes the schema, guarded by a row with a lease; the others wait for it.
local function make_current(db, options)
  local version, holder, waited = version_of(db), core.uuid(), 0
  check_owner(db, version ~= 0 and version or nil)
  if not version and options.create == false then
    errors.throw("store", db.name .. ": there is no such database; run `commerce sync` first",
      { code = "no_database" })
  end
  while not is_current(version) do
    local claimed, may = pcall(claim, db, holder)
    if claimed and may then
      local ok, failure = pcall(change_schema, db, holder)
      if not ok then
        give_up(db, holder)
        error(failure, 0)
      end
    elseif waited > PATIENCE then
      db:fail("another process has been changing the tables for long; try again later", true)
    else
      db.pause(PAUSE)
      waited = waited + PAUSE
    end
    version = version_of(db)
  end
end

local function prepare(db, options)
  if options.pause then
    db:pause_with(options.pause)
  end
  make_current(db, options)
  types.reconcile(db)
end

local function driver()
  local found, pq = pcall(require, "commerce.pq")
  if not found then
    errors.throw("store", "a store at postgres://… needs the module commerce.pq: install libpq-dev "
      .. "and run `make`, or `luarocks install lua-commerce-pq`", { code = "no_driver" })
  end
  return pq
end

--- Open a PostgreSQL database, and make or migrate its tables if needed.
---@param rest string what follows "postgres:" in the URL
---@param options commerce.StoreOptions
---@return commerce.Store? store nil on failure
---@return string? message
---@return commerce.Failure? failure
postgres.open = errors.protect(function(rest, options)
  local db = database.open(driver(), "postgres:" .. rest, {
    wait = options.wait, replica = options.replica or os.getenv "COMMERCE_STORE_REPLICA" })
  local ok, failure = pcall(prepare, db, options)
  if not ok then
    db:close()
    error(failure, 0)
  end
  return sql.new(db, schema, db.name)
end)

return postgres
