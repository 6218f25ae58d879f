-- Databases of other versions: opened, they become what a new one is, with all that was in them.

local files = require "spec.support.sqlite_files"
local json = require "commerce.base.json"
local migrations = require "commerce.store.sqlite.migrations"
local model = require "commerce.model"
local query = require "commerce.query"
local store = require "commerce.store"

local path_of, sql_on, open = files.path_of, files.sql_on, files.open

local NOW = "2026-04-01T08:00:00Z"

-- A database from the SQL text in the folder of fixtures.
local function restored(name)
  local handle, statement = files.connect(path_of(name)), {}
  for line in io.lines("spec/fixtures/schema_v1.sql") do
    statement[#statement + 1] = line
    if line:find ";$" then
      files.rows_of(handle, table.concat(statement, "\n"))
      statement = {}
    end
  end
  handle:close()
  return path_of(name)
end

-- Every table with its columns, and every index.
local function schema_of(path)
  local found = {}
  for _, row in ipairs(sql_on(path, "SELECT type, name FROM sqlite_master ORDER BY name")) do
    local columns = {}
    for i, column in ipairs(sql_on(path, ("PRAGMA table_xinfo(%s)"):format(row[2]))) do
      columns[i] = table.concat({ column[2], column[3], column[4], tostring(column[5]), column[6],
        column[7] }, " ")
    end
    table.sort(columns)
    found[row[2]] = { row[1], columns }
  end
  return found
end

describe("a database of version 1 whose model had a type and a field less", function()
  local db, path

  before_each(function()
    files.make_folder()
    path = restored "v1.db"
    assert.is_nil(schema_of(path).tax_components)
    db = open "v1.db"
  end)

  after_each(function()
    db:close()
    files.remove_folder()
  end)

  it("has the tables and columns of a new one once it was opened", function()
    db:close()
    local new = open "new.db"
    assert(new:define_type(model.new("subscriptions",
      { { "status", "any" }, { "amount", "decimal" } })))
    new:close()
    assert.same(schema_of(path_of "new.db"), schema_of(path))
    assert.same(sql_on(path_of "new.db", "SELECT fingerprint FROM model_version"),
      sql_on(path, "SELECT fingerprint FROM model_version"))
  end)

  it("gives everything that was in it", function()
    assert.equal("Shop", db:companies()[1].name)
    assert.equal("acct_1", db:connections()[1].account)
    local payments, found = model.find "payments", {}
    for id, data in assert(db:records(payments, { connection_id = "c1", deleted = true })) do
      found[id] = json.decode(data)
    end
    assert.same({ 10.5, "2026-03-01T08:00:00Z" }, { found.ch_1.amount, found.ch_1.modifiedDate })
    assert.is_true(found.ch_2.metadata.isDeleted)
    assert.equal(1, db:count(payments, "c1"))
    local own = assert(db:find_type "subscriptions")
    assert.equal(1, db:count(own, "c1", assert(query.parse(own, "status=active"))))
    assert.same({ cursor = "ch_2" }, db:state("c1", "charges"))
    assert.equal(4, db:last_change "c1")
    assert.is_true(db:is_complete("c1", "payments"))
    assert.same({ "b", { n = 1 } }, { db:setting "a", db:checkpoint "mine" })
  end)

  it("takes the new type and the new field", function()
    assert(db:write_page("c1", files.page("tax_components", { id = "t", rate = 0.2 }), NOW))
    assert(db:write_page("c1", files.page("payments", { id = "ch_3", dueDate = NOW }), NOW))
    local payments = model.find "payments"
    local due = assert(query.parse(payments, "dueDate=2026-04-01T08:00"))
    assert.equal(1, db:count(payments, "c1", due))
    assert.equal(1, db:count(model.find "tax_components", "c1"))
  end)
end)

describe("a type that a user defined", function()
  before_each(files.make_folder)
  after_each(files.remove_folder)

  it("becomes the model's when the model gets one of that name", function()
    local path = restored "v1.db"
    open("v1.db"):close()
    -- as if a user had defined it before
    sql_on(path, "ALTER TABLE tax_components DROP COLUMN rate", "DELETE FROM model_version",
      "UPDATE data_types SET built_in = 0, definition = json_remove(definition, '$.fields[2]') "
      .. "WHERE name = 'tax_components'")
    local db = open "v1.db"
    assert(db:write_page("c1", files.page("tax_components", { id = "t", rate = 0.2 }), NOW))
    assert.same({ { 0.2 } }, sql_on(path, "SELECT rate FROM tax_components"))
    assert.equal(#model.types() + 1, #db:types())
    db:close()
  end)
end)

describe("a migration", function()
  local new = #migrations.STEPS + 1

  before_each(function()
    files.make_folder()
    restored "v1.db"
    open("v1.db"):close()
  end)

  after_each(function()
    migrations.STEPS[new] = nil
    files.remove_folder()
  end)

  it("runs once, and keeps what was there", function()
    migrations.STEPS[new] = { "CREATE TABLE extra (id TEXT PRIMARY KEY)",
      "INSERT INTO extra SELECT id FROM companies" }
    for _ = 1, 2 do
      open("v1.db"):close()
      assert.same({ { "co1" } }, sql_on(path_of "v1.db", "SELECT id FROM extra"))
      assert.same({ { new + 1 } }, sql_on(path_of "v1.db", "PRAGMA user_version"))
    end
  end)

  it("that fails leaves the database as it was", function()
    migrations.STEPS[new] = { "CREATE TABLE extra (id TEXT PRIMARY KEY)",
      "UPDATE nothing SET x = 1" }
    local db, message = store.open("sqlite:" .. path_of "v1.db")
    assert.is_nil(db)
    assert.truthy(message:find("nothing", 1, true), message)
    migrations.STEPS[new] = nil
    assert.same({ { new } }, sql_on(path_of "v1.db", "PRAGMA user_version"))
    assert.same({ { 0 } }, sql_on(path_of "v1.db",
      "SELECT count(*) FROM sqlite_master WHERE name = 'extra'"))
    open("v1.db"):close()
  end)

  it("is text that never calls what describes the present", function()
    local file = assert(io.open "lua/commerce/store/sqlite/migrations.lua")
    local text = file:read "*a"
    file:close()
    assert.is_nil(text:find "require")
    for _, step in ipairs(migrations.STEPS) do
      for _, statement in ipairs(step) do
        assert.is_string(statement)
      end
    end
  end)
end)
