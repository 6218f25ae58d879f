-- Databases of older versions: opened, they become what a new one is, with all that was in them.

local files = require "spec.support.sqlite_files"
local model = require "commerce.model"
local schema = require "commerce.store.schema"

local path_of, sql_on, open = files.path_of, files.sql_on, files.open

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

-- A database as the first version made it.
local function version_1(name, ...)
  local statements = schema.migrations[0](model.types())
  for _, more in ipairs { "PRAGMA application_id = " .. 0x434D4D52, "PRAGMA user_version = 1",
    ... } do
    statements[#statements + 1] = more
  end
  sql_on(path_of(name), (table.unpack or unpack)(statements)) -- luacheck: ignore
end

local CONNECTION = "INSERT INTO connections (id, integration, account, name, status, created, "
  .. "last_sync) VALUES "

describe("a database of version 1", function()
  before_each(files.make_folder)
  after_each(files.remove_folder)

  it("gets a company for each connection, named after the account", function()
    version_1("old.db",
      CONNECTION .. "('c1', 'stripe-test', 'acct_1', 'My shop', 'Linked', '2026-01-01T00:00:00Z', "
        .. "'2026-02-01T00:00:00Z'), ('c2', 'stripe', 'acct_1', NULL, 'Linked', "
        .. "'2026-01-02T00:00:00Z', NULL), ('c3', 'stripe', 'acct_3', NULL, 'Linked', "
        .. "'2026-01-03T00:00:00Z', NULL)",
      [[INSERT INTO company_info (connection_id, id, data)
        VALUES ('c2', 'acct_1', '{"id":"acct_1","companyName":"Told by Stripe",
          "modifiedDate":"2026-01-02T00:00:00Z"}')]],
      [[INSERT INTO payments (connection_id, id, data) VALUES
        ('c1', 'ch_1', '{"id":"ch_1","modifiedDate":"2026-01-02T00:00:00Z"}')]])
    local db = open "old.db"
    local names, seen = {}, {}
    for i, row in ipairs(assert(db:connections())) do
      assert.truthy(row.company_id:find(UUID), row.company_id)
      assert.truthy(row.link_id:find(UUID), row.link_id)
      local company = assert(db:companies({ id = row.company_id })[1])
      names[i] = ("%s %s %s %s"):format(row.id, row.auth, row.status, company.name)
      assert.same({ row.created, row.created }, { row.linked, company.created })
      assert.is_nil(seen[company.id])
      seen[company.id] = true
      assert.same({ { at = row.created, status = "Linked" } }, db:connection_history(row.id))
    end
    assert.same({ "c1 key Linked My shop", "c2 key Linked Told by Stripe",
      "c3 key Linked acct_3" }, names)
    assert.equal("2026-02-01T00:00:00Z", db:connections()[1].last_sync)
    assert.equal(1, db:count(model.find "payments", "c1"))
    assert.equal(3, #db:companies())
    db:close()
    assert.same({ { schema.VERSION } }, sql_on(path_of "old.db", "PRAGMA user_version"))
  end)

  it("has the same tables as a new one afterwards", function()
    version_1 "old.db"
    open("old.db"):close()
    open("new.db"):close()
    local tables = "SELECT name, sql FROM sqlite_master ORDER BY name"
    assert.same(sql_on(path_of "new.db", tables), sql_on(path_of "old.db", tables))
  end)
end)
