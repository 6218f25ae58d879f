-- The PostgreSQL store: the shared contract, and what is PostgreSQL's alone.

local emulator = require "spec.support.emulator"
local postgres = require "spec.support.postgres"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local store = require "commerce.store"

describe("the PostgreSQL store", function()
  local server

  setup(function()
    server = postgres.start()
    for _, name in ipairs { "d1", "d2" } do
      server:new_database()
      assert(store.open(server:url(name))):close()
    end
  end)

  teardown(function()
    server:stop()
  end)

  -- The database has what PostgreSQL counts and compares in its own way: copied, it is the same.
  it("is copied from SQLite, and back", function()
    local e = emulator.start { charges = 120, compact = true }
    local box = sandbox.new { STRIPE_SECRET_KEY = "sk_test_emulator", STRIPE_API_BASE = e.base }
    local first, third = box:path "first.db", box:path "third.db"
    local url = server:empty "d2"
    assert.equal(0, (box:commerce("sync --store sqlite:" .. first)))
    for _, way in ipairs { { "sqlite:" .. first, url }, { url, "sqlite:" .. third } } do
      local status, output, wrong = box:commerce(("store copy --from '%s' --to '%s'")
        :format(way[1], way[2]))
      assert.equal(0, status, wrong)
      assert.matches("the copy is the same, row by row", output)
    end
    for _, name in ipairs { "payments", "transactions", "changes", "pulls", "resource_state",
      "source_objects" } do
      local sql = ("SELECT * FROM %s ORDER BY 1, 2, 3"):format(name)
      assert.is_true(rows.sql(first, sql) == rows.sql(third, sql), name)
    end
    local status, _, wrong = box:commerce(("sync --store '%s'"):format(url))
    assert.equal(0, status, wrong)
    status, _, wrong = box:commerce(("backup %s --store '%s'"):format(box:path "x", url))
    assert.equal(2, status)
    assert.matches("use pg_dump", wrong)
    e:stop()
    box:close()
  end)

  describe("keeps the contract", function()
    local stop_sharing

    setup(function()
      stop_sharing = postgres.share_connections()
    end)

    teardown(function()
      stop_sharing()
    end)

    require "commerce.testing.store" (function()
      return store.open(server:empty "d1")
    end, { another = function()
      return store.open(server:empty "d2")
    end })
  end)
end)
