-- The SQLite store: the shared contract, its SQL columns, and databases that are not to be written.
-- Failures while it runs: store_sqlite_trouble_spec.

local ascii = require "commerce.base.ascii"
local files = require "spec.support.sqlite_files"
local lfs = require "lfs"
local model = require "commerce.model"
local query = require "commerce.query"
local schema_check = require "spec.support.schema_check"
local store = require "commerce.store"

local NOW = "2026-03-01T08:00:00Z"
local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local path_of, make_folder, remove_folder = files.path_of, files.make_folder, files.remove_folder
local bytes_of = files.bytes_of
local write_file, listing, sql_on, open = files.write_file, files.listing, files.sql_on, files.open
local connected, page = files.connected, files.page

-- A store that may not be opened: nil, a message with these words, details of kind "store".
local function refused(words, url, options)
  local db, message, details = store.open(url, options)
  assert.is_nil(db)
  for _, word in ipairs(words) do
    assert.is_truthy(message:find(word, 1, true), message)
  end
  assert.equal("store", details.kind)
end

-- How SQLite goes about the last statement that something runs by a method of the connection.
local function plan_of(db, method, run)
  local connection, sql, values, lines = db.db, nil, nil, {}
  connection[method] = function(self, text, ...)
    sql, values = text, type((...)) == "table" and (...) or { ... }
    return getmetatable(self).__index[method](self, text, ...)
  end
  run()
  connection[method] = nil
  for i, row in ipairs(connection:all("EXPLAIN QUERY PLAN " .. sql, unpack(values))) do
    lines[i] = row.detail
  end
  return table.concat(lines, "; ")
end

describe("the SQLite store", function()
  setup(make_folder)
  teardown(remove_folder)

  describe("in a file", function()
    local count, new = 0, nil

    setup(function() -- copied for each case, which takes a fifth of the time of making a new one
      open("new.db"):close()
      new = bytes_of(path_of "new.db")
    end)

    require "commerce.testing.store" (function()
      count = count + 1
      local path = path_of("contract" .. count .. ".db")
      write_file(path, new)
      return store.open("sqlite:" .. path)
    end)
  end)

  describe("in memory", function()
    require "commerce.testing.store" (function()
      return store.open "sqlite::memory:"
    end)
  end)
end)

describe("a SQLite store's tables", function()
  setup(make_folder)
  teardown(remove_folder)

  local SQL_TYPES = { number = "REAL", boolean = "INTEGER" }
  local NO_COLUMN = { list = true, map = true, supplemental = true }

  local function snake(name)
    return (name:gsub("%u", function(letter)
      return "_" .. ascii.lower(letter)
    end))
  end

  local function expected_columns(properties, prefix, columns)
    for name, property in pairs(properties) do
      if property.kind == "object" then
        expected_columns(property.properties, prefix .. snake(name) .. "_", columns)
      elseif not NO_COLUMN[property.kind] then
        columns[prefix .. snake(name)] = SQL_TYPES[property.kind] or "TEXT"
      end
    end
    return columns
  end

  for name, declared in pairs(schema_check.types) do
    it("have a typed column for every scalar field of " .. name, function()
      local db = open(name .. ".db")
      local types = {}
      for _, row in ipairs(db.db:once("PRAGMA table_xinfo(" .. name .. ")")) do
        types[row[2]] = row[3]:match("^%u+")
      end
      db:close()
      for column, sql_type in pairs(expected_columns(declared.properties, "", {})) do
        assert.equal(sql_type, types[column], name .. "." .. column)
      end
      assert.equal("TEXT", types.connection_id)
      assert.equal("TEXT", types.data)
    end)
  end

  describe("with records", function()
    local db, path

    before_each(function()
      path = path_of "values.db"
      db = connected(open "values.db")
      assert(db:write_page("c1", page("payments",
        { id = "1", amount = 10.5, currency = "EUR", status = "Paid",
          paymentMethodRef = { id = "card", name = "Card" }, createdDate = NOW },
        { id = "2", amount = -0.5, currency = "EUR", status = "Paid" },
        { id = "3", amount = 500, currency = "JPY", status = "Paid" },
        { id = "4", amount = 99, currency = "EUR", status = "Failed",
          metadata = { isDeleted = true } }), NOW))
      assert(db:write_page("c1", page("transactions",
        { id = "t", totalAmount = -1.46, currency = "GBP", type = "PaymentFee",
          transactionSourceRef = { id = "ch_1", type = "Payment" } }), NOW))
      assert(db:write_page("c1", page("products", { id = "p", isGiftCard = false }), NOW))
      assert(db:write_page("c1", page("tax_components",
        { id = "x", isCompound = true, rate = 0.08875 }, { id = "y" }), NOW))
    end)

    after_each(function()
      db:close()
      for _, suffix in ipairs { "", "-wal", "-shm" } do
        os.remove(path .. suffix)
      end
    end)

    for _, case in ipairs {
      { "SELECT currency, sum(amount) FROM payments WHERE status = 'Paid' GROUP BY 1",
        { { "EUR", 10 }, { "JPY", 500 } } },
      { "SELECT payment_method_ref_id, payment_method_ref_name FROM payments WHERE id = '1'",
        { { "card", "Card" } } },
      { "SELECT transaction_source_ref_id, transaction_source_ref_type, total_amount "
        .. "FROM transactions", { { "ch_1", "Payment", -1.46 } } },
      { "SELECT typeof(amount), typeof(status), typeof(created_date), typeof(due_date) "
        .. "FROM payments WHERE id = '1'", { { "real", "text", "text", "null" } } },
      { "SELECT typeof(amount) FROM payments WHERE id = '3'", { { "real" } } },
      { "SELECT id FROM payments WHERE metadata_is_deleted", { { "4" } } },
      { "SELECT typeof(is_gift_card), is_gift_card + 0 FROM products", { { "integer", 0 } } },
      { "SELECT is_compound + 0, rate FROM tax_components WHERE id = 'x'", { { 1, 0.08875 } } },
      { "SELECT count(*) FROM tax_components WHERE is_compound IS NULL", { { 1 } } },
      { "SELECT count(*) FROM payments WHERE modified_date = '" .. NOW .. "'", { { 4 } } },
      { "SELECT json_extract(data, '$.amount') FROM payments WHERE id = '2'", { { -0.5 } } },
      { "SELECT count(*) FROM payments WHERE connection_id = 'c1'", { { 4 } } },
      { "SELECT currency FROM payments WHERE id = '1' AND created_date < '2026-03-02'",
        { { "EUR" } } },
    } do
      it("answer " .. case[1], function()
        assert.same(case[2], sql_on(path, case[1]))
      end)
    end

    -- With what a million records would be read for a page, or to count them.
    for _, case in ipairs {
      { "the newest", {}, "payments_listed" },
      { "what was created since", { query = "createdDate>=2026-01-01" }, "payments_listed" },
      { "what has changed since", { query = "modifiedDate>=2026-01-01",
        order_by = "-modifiedDate" }, "payments_modified" },
      { "what has changed last", { order_by = "-modifiedDate" }, "payments_modified" },
    } do
      it("are found by an index: " .. case[1], function()
        local payments = model.find "payments"
        local expression = case[2].query and assert(query.parse(payments, case[2].query))
        local plan = plan_of(db, "each", function()
          assert(db:records(payments, { connection_id = "c1", query = expression,
            order_by = case[2].order_by and assert(query.order(payments, case[2].order_by)) }))
        end)
        assert.is_truthy(plan:find(case[3], 1, true), plan)
        assert.is_nil(plan:find("TEMP B-TREE", 1, true), plan)
        plan = plan_of(db, "each", function()
          assert(db:count(payments, "c1", expression))
        end)
        assert.is_truthy(plan:find("payments_%l+"), plan)
      end)
    end

    it("can be read by others while it is open, and in WAL mode", function()
      assert.same({ { "wal" } }, sql_on(path, "PRAGMA journal_mode"))
    end)

    it("hold no half-written file", function()
      assert.same({ { "ok" } }, sql_on(path, "PRAGMA integrity_check"))
    end)
  end)
end)

describe("a SQLite store", function()
  for _, case in ipairs {
    { "order", {}, "a word of SQL" }, { "changes", {}, "has a table" },
    { "payments", {}, "the model has" },
    { "payments_listed", {}, "has a table" }, { "things", { { "data", "string" } }, "'data'" },
    { "things", { { "fooBar", "string" }, { "foo_bar", "string" } }, "both be the column foo_bar" },
  } do
    it(("cannot hold the data type %s: %s"):format(case[1], case[3]), function()
      local db = assert(store.open "sqlite::memory:")
      local data_type = model.new(case[1], case[2])
      assert.truthy(db:type_problem(data_type):find(case[3], 1, true))
      local ok, message = db:define_type(data_type)
      assert.is_nil(ok)
      assert.truthy(message:find(case[3], 1, true), message)
      db:close()
    end)
  end
end)

describe("opening a SQLite store", function()
  before_each(make_folder)
  after_each(remove_folder)

  it("keeps what was there", function()
    local db = connected(open "kept.db")
    assert(db:write_page("c1", page("payments", { id = "1", amount = 5 }), NOW))
    db:close()
    db = open "kept.db"
    assert.equal(1, db:count(model.find "payments", "c1"))
    assert.equal("acct_1", db:connections()[1].account)
    db:close()
  end)

  it("works for two at the same time", function()
    local one = connected(open "shared.db")
    local two = open "shared.db"
    assert(one:write_page("c1", page("payments", { id = "1" }), NOW))
    assert(two:write_page("c1", page("payments", { id = "2" }), NOW))
    assert.equal(2, one:count(model.find "payments", "c1"))
    assert.equal(2, two:count(model.find "payments", "c1"))
    one:close()
    two:close()
  end)

  it("makes a database of an empty file", function()
    write_file(path_of "empty.db", "")
    connected(open "empty.db"):close()
    assert.same({ { 1 } }, sql_on(path_of "empty.db", "SELECT count(*) FROM connections"))
  end)

  it("takes a path with spaces, quotes and the like", function()
    connected(open "it's a 50% ?x=1#y.db"):close()
    assert.is_truthy(lfs.attributes(path_of "it's a 50% ?x=1#y.db"))
  end)

  it("refuses another program's database and leaves it as it was", function()
    local path = path_of "foreign.db"
    sql_on(path, "CREATE TABLE payments (id TEXT)", "INSERT INTO payments VALUES ('mine')")
    local before, names = bytes_of(path), listing()
    refused({ path, "another program" }, "sqlite:" .. path)
    assert.equal(before, bytes_of(path))
    assert.equal(names, listing())
  end)

  it("refuses a file that is no database and leaves it as it was", function()
    for _, text in ipairs { "short", ("Dear diary, today I sold a lantern.\n"):rep(200) } do
      local path = path_of "diary.txt"
      write_file(path, text)
      refused({ path, "not a SQLite database" }, "sqlite:" .. path)
      assert.equal(text, bytes_of(path))
      assert.equal(". .. diary.txt", listing())
    end
  end)

  it("refuses a database of an unreleased checkout by name, and says what to do", function()
    local path = path_of "unreleased.db"
    sql_on(path, "CREATE TABLE connections (id TEXT)", "PRAGMA application_id = 0x434D4D52",
      "PRAGMA user_version = 16")
    local before = bytes_of(path)
    refused({ path, "unreleased checkout", "name a new file", "link", "sync" }, "sqlite:" .. path)
    assert.equal(before, bytes_of(path))
  end)

  it("refuses a newer schema and leaves it as it was", function()
    local path = path_of "newer.db"
    open("newer.db"):close()
    sql_on(path, "PRAGMA user_version = 99")
    local before = bytes_of(path)
    refused({ path, "99", "newer" }, "sqlite:" .. path)
    assert.equal(before, bytes_of(path))
  end)

  it("refuses a folder", function()
    local path = path_of "folder"
    assert(lfs.mkdir(path))
    refused({ path, "cannot be opened" }, "sqlite:" .. path)
    assert(lfs.rmdir(path))
  end)

  it("refuses a file in a folder that is not there", function()
    refused({ "nowhere", "cannot be opened" }, "sqlite:" .. path_of "nowhere/x.db")
    assert.is_nil(lfs.attributes(path_of "nowhere"))
  end)

  it("makes no database when told not to", function()
    refused({ path_of "new.db" }, "sqlite:" .. path_of "new.db", { create = false })
    assert.equal(". ..", listing())
    open("new.db"):close()
    assert(store.open("sqlite:" .. path_of "new.db", { create = false })):close()
  end)

  for _, url in ipairs { "", "sqlite:", "commerce.db", "mysql:x", "sqlite", "nosuch:///x" } do
    it(("refuses the URL '%s'"):format(url), function()
      local db, message, details = store.open(url)
      assert.is_nil(db)
      assert.is_truthy(message:find("sqlite:PATH", 1, true), message)
      assert.equal("usage", details.kind)
    end)
  end
end)

describe("an index that a server makes", function()
  before_each(make_folder)
  after_each(remove_folder)

  it("is made in a thread, which a failure comes back from", function()
    local calls = {}
    local db = connected(assert(store.open("sqlite:" .. path_of "new.db", {
      elsewhere = function(module, name, ...)
        calls[#calls + 1] = name
        return require(module)[name](...)
      end })))
    local function is_indexed()
      for _, field in ipairs(db:record_orders(model.find "payments")) do
        if field == "amount" then
          return true
        end
      end
      return false
    end
    assert.is_true(db:index_order("payments", "amount"))
    assert.same({ "build" }, calls)
    assert.is_true(is_indexed())
    sql_on(path_of "new.db", "DROP INDEX payments_amount_ordered")
    sql_on(path_of "new.db", "ALTER TABLE payments RENAME TO gone")
    local ok, message, details = db:index_order("payments", "amount")
    assert.is_nil(ok)
    assert.matches("no such table", message, 1, true)
    assert.equal("store", details.kind)
    db:close()
  end)
end)
