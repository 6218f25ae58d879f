-- The store in memory keeps the contract of stores, without a database.

local commerce = require "commerce"
local errors = require "commerce.base.errors"
local memory = require "commerce.store.memory"
local model = require "commerce.model"
local opener = require "commerce.cli.kit.opener"
local query = require "commerce.query"
local store = require "commerce.store"

local PAYMENTS = model.find "payments"
local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

local function payment(id, amount, created)
  return { id = id, body = assert(model.encode(PAYMENTS, { id = id, amount = amount or 1,
    createdDate = created or NOW })) }
end

local function filled()
  local db = memory.open()
  for _, id in ipairs { "c1", "c2" } do
    assert(db:add_connection({ id = id, company_id = "m", integration = "stripe-test",
      account = "acct_" .. id, status = "Linked", created = NOW },
      { company = { id = "m", name = "Shop", created = NOW } }))
  end
  return db
end

describe("the store in memory", function()
  require "commerce.testing.store" (memory.open, { without = { "copying" } })

  it("is opened by its URL, a new one each time", function()
    local one, other = assert(store.open "memory:"), assert(store.open "memory:")
    assert(one:save_setting("a", "b"))
    assert.equal("b", one:setting "a")
    assert.is_nil((other:setting "a"))
    local none, message, details = store.open "memory:name"
    assert.is_nil(none)
    assert.equal("store 'memory:…': nothing may follow 'memory:'; every such store is a new one",
      message)
    assert.equal("usage", details.kind)
    local app = assert(commerce.open { store = "memory:" })
    assert(app:set_checkpoint("place", 7))
    assert.equal(7, app:checkpoint "place")
    app:close()
  end)

  it("says that it is closed", function()
    local db = memory.open()
    db:close()
    local none, message, details = db:setting "a"
    assert.is_nil(none)
    assert.equal("the store 'memory:' is closed", message)
    assert.equal("store", details.kind)
  end)

  it("reserves the names of a database's tables", function()
    local db, database = memory.open(), assert(store.open "sqlite::memory:")
    for _, row in ipairs(database.db:all "SELECT name FROM sqlite_master WHERE type = 'table'") do
      if not model.find(row.name) and not row.name:find "^sqlite_" then
        assert.is_string(db:type_problem(model.new(row.name, {})), row.name)
      end
    end
    database:close()
  end)

  it("gives rows that may be changed without an effect, and takes them so", function()
    local db = filled()
    db:companies()[1].name = "Another"
    assert.equal("Shop", db:companies()[1].name)
    local state = { ranges = { { from = 1 } } }
    assert(db:write_page("c1", { states = { charges = state } }, NOW))
    state.ranges[1].from = 2
    db:state("c1", "charges").ranges[1].from = 3
    assert.same({ ranges = { { from = 1 } } }, db:state("c1", "charges"))
    local types = { "company.created" }
    assert(db:add_webhook_consumer({ id = "w", url = "https://example.com", disabled = false,
      event_types = types, company_tags = {}, created = NOW }, 5))
    types[1] = "company.deleted"
    assert.same({ "company.created" }, db:webhook_consumers()[1].event_types)
  end)

  it("keeps a list in its order until something is written", function()
    local db = filled()
    local decoded, member = 0, require("commerce.model.record").member
    require("commerce.model.record").member = function(...)
      decoded = decoded + 1
      return member(...)
    end
    finally(function()
      require("commerce.model.record").member = member
    end)
    local function ids(text)
      local list = {}
      for id in assert(db:records(PAYMENTS, { connection_id = "c1",
        order_by = assert(query.order(PAYMENTS, text)) })) do
        list[#list + 1] = id
      end
      return table.concat(list, " ")
    end
    assert(db:write_page("c1", { records = { payments = { payment("a", 2), payment("b", 3),
      payment("c", 1) } } }, NOW))
    assert.equal("c a b", ids "amount")
    assert.equal(3, decoded)
    assert.equal("c a b", ids "amount")
    assert.equal(3, decoded)
    assert(db:write_page("c1", { records = { payments = { payment("a", 9) } } }, NOW))
    assert.equal("c b a", ids "amount")
    assert.equal("a b c", ids "createdDate")
  end)
end)

-- ---------------------------------------------------------------- all or nothing

-- Everything that a store holds, as it is.
local function everything(db)
  local found = {}
  for name, each in pairs(db.db.tables) do
    local rows = {}
    for key, row in each:each() do
      rows[#rows + 1] = { key, row }
    end
    found[name] = #rows > 0 and rows or nil
  end
  return found
end

local function consumer(id)
  return { id = id, url = "https://example.com", disabled = false, event_types = {},
    company_tags = {}, created = NOW }
end

local WRITES = {
  write_page = function(db)
    return db:write_page("c1", { resource = "charges", records = { payments = {
      payment("old", 5), payment "new" }, customers = { { id = "x", body = '{"id":"x"' } } },
      deleted = { payments = { "gone" } }, sources = { { id = "s", data = "{}" } },
      dropped = { "dropped" }, sweep = 7, seen = { payments = { "new" } },
      states = { charges = { cursor = 2 } } }, LATER)
  end,
  add_connection = function(db)
    return db:add_connection({ id = "c3", company_id = "n", integration = "stripe-test",
      account = "acct_3", status = "Linked", created = NOW },
      { company = { id = "n", name = "New", created = NOW } })
  end,
  change_connection = function(db)
    return db:change_connection("c1", { status = "Unlinked", at = LATER }, "Linked")
  end,
  remove_company = function(db)
    return db:remove_company "m"
  end,
  end_reads = function(db)
    return db:end_reads("c1", { { data_type = "payments", status = "Complete", modified = true,
      pull = { id = "p1", connection_id = "c1", data_type = "payments", status = "Complete",
        requested = NOW } } })
  end,
  take_pulls = function(db)
    return db:take_pulls("w1", 1000, 60)
  end,
  replay_webhooks = function(db)
    return db:replay_webhooks("w", { since = "2000-01-01T00:00:00Z" }, 1000)
  end,
  forget_webhooks = function(db)
    return db:forget_webhooks "9999-01-01T00:00:00Z"
  end,
}

describe("a write of the store in memory that fails half-way", function()
  local function prepared()
    local db = filled()
    assert(db:write_page("c1", { resource = "charges", records = { payments = { payment "old",
      payment "gone" } }, sources = { { id = "dropped", data = "{}" } },
      states = { charges = { cursor = 1 } } }, NOW))
    assert(db:save_sync_settings("company:m", { payments = { sync_order = 1 } }))
    assert(db:queue_pulls({ { id = "p1", connection_id = "c1", data_type = "payments" } }, NOW))
    assert(db:add_webhook_consumer(consumer "w", 5))
    return db
  end

  for name, write in pairs(WRITES) do
    it("leaves everything as it was: " .. name, function()
      local changes, failed = 0, 0
      repeat
        changes = changes + 1
        local db, count = prepared(), 0
        local before, on_failure = everything(db), db.db.on_failure
        db.db.on_failure = function(...)
          on_failure(...)
          count = count + 1
          if count == changes then
            errors.throw("store", "the disk is full")
          end
        end
        local done, message = write(db)
        db.db.on_failure = nil
        if done == nil then
          failed = failed + 1
          assert.equal("the disk is full", message)
          assert.same(before, everything(db))
          assert.truthy(write(db)) -- and the store works on
        end
      until done ~= nil
      assert.is_true(failed > 0)
    end)
  end
end)

-- ---------------------------------------------------------------- one process

describe("what needs more than one process", function()
  it("refuses the store in memory by its name: every command that opens a store", function()
    for _, command in ipairs { "serve", "worker", "sync", "show" } do
      local opened, message, failure = errors.catch(opener.with, { store = "memory:",
        command = command }, "create", error)
      assert.is_nil(opened)
      assert.equal(("the store 'memory:' lives in one process and ends with it, so `commerce %s` "
        .. "cannot use it; use sqlite:PATH"):format(command), message)
      assert.equal("usage", failure.kind)
    end
  end)

  it("refuses the store in memory by its name: nginx", function()
    for _, options in ipairs { { store = "memory:" }, { store = "memory:", prefix = "/x" } } do
      local ok, message = pcall(require("commerce.openresty").init, options)
      assert.is_false(ok)
      assert.matches("the store 'memory:' lives in one process and ends with it, so nginx's "
        .. "workers and threads cannot share it; use sqlite:PATH", message, 1, true)
    end
    local app = assert(commerce.open { store = "memory:" })
    local ok, failure = pcall(require("commerce.serve.worker").new, app)
    app:close()
    assert.is_false(ok)
    assert.equal("usage", failure.kind)
    assert.matches("the store 'memory:' lives in one process", failure.message, 1, true)
    assert.is_true(store.check_shared("sqlite:x.db", "nothing"))
  end)
end)
