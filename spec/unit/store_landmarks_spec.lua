-- Pages far down a long list are found from the page before them, and are what they would be
-- without that.

local files = require "spec.support.sqlite_files"
local model = require "commerce.model"
local query = require "commerce.query"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local payments = model.find "payments"
local MANY = 3600

describe("pages of a long list", function()
  local db, path

  before_each(function()
    files.make_folder()
    path = files.path_of "long.db"
    db = files.connected(files.open "long.db")
    -- many of one second, and more than a page of them
    files.sql_on(path, ("INSERT INTO payments (connection_id, id, data) "
      .. "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
      .. "SELECT 'c1', 'p' || i, json_object('id', 'p' || i, 'amount', i %% 7, "
      .. "'createdDate', '2026-01-01T00:' || printf('%%02d', i * i %% 41) || ':00Z', "
      .. "'modifiedDate', '2026-02-' || printf('%%02d', i %% 3 + 1), "
      .. "'metadata', json_object('isDeleted', json(iif(i %% 50 = 0, 'true', 'false')))) FROM n")
      :format(MANY))
  end)

  after_each(function()
    db:close()
    files.remove_folder()
  end)

  local function options_of(given)
    return { connection_id = "c1", limit = given.limit, offset = given.offset,
      query = given.query and assert(query.parse(payments, given.query)),
      order_by = given.order and assert(query.order(payments, given.order)) }
  end

  local function ids(given)
    local list = {}
    for id in assert(db:records(payments, options_of(given))) do
      list[#list + 1] = id
    end
    return list
  end

  -- How many rows a page passes over.
  local function passed_over(given)
    local connection, offset = db.db, nil
    connection.list = function(self, sql, values, columns)
      offset = values[#values]
      return getmetatable(self).__index.list(self, sql, values, columns)
    end
    ids(given)
    connection.list = nil
    return offset
  end

  local function assert_same_in_pages(given, size)
    local whole, found, offset = ids(given), {}, 0
    repeat
      local page = ids { limit = size, offset = offset, query = given.query, order = given.order }
      for _, id in ipairs(page) do
        found[#found + 1] = id
      end
      offset = offset + size
    until #page == 0
    assert.same(whole, found)
  end

  for _, given in ipairs {
    {}, { order = "-createdDate" }, { order = "createdDate" }, { order = "-modifiedDate" },
    { order = "modifiedDate" }, { order = "amount" }, { query = "amount>2" },
    { query = "createdDate>=2026-01-01T00:10:00Z", order = "-modifiedDate" },
    { query = "metadata.isDeleted=true||amount=3" },
  } do
    it("are those of the whole one: " .. (given.order or "newest first") .. " "
      .. (given.query or ""), function()
      assert_same_in_pages(given, 100)
      assert_same_in_pages(given, 70)
      assert_same_in_pages(given, 1300)
    end)
  end

  it("are found without passing over all before them", function()
    assert.equal(2900, passed_over { limit = 100, offset = 2900 })
    assert.equal(0, passed_over { limit = 100, offset = 3000 })
    assert.equal(100, passed_over { limit = 100, offset = 3100 })
    assert.equal(2000, passed_over { limit = 100, offset = 2000 })
    assert.equal(800, passed_over { limit = 50, offset = 2900 })
    assert.equal(2900, passed_over { limit = 100, offset = 2900, order = "createdDate" })
    assert.equal(2900, passed_over { limit = 100, offset = 2900, query = "amount<9" })
    assert.equal(0, passed_over { limit = 50, offset = 3000, query = "amount<9" })
  end)

  it("are counted anew when something was written, here or elsewhere", function()
    ids { limit = 100, offset = 2900 }
    assert(db:write_page("c1", files.page("payments", { id = "new",
      createdDate = "2026-03-01T00:00:00Z" }), "2026-03-01T00:00:00Z"))
    assert.equal(3000, passed_over { limit = 100, offset = 3000 })
    files.sql_on(path, "DELETE FROM payments WHERE id = 'new'")
    assert.equal(3000, passed_over { limit = 100, offset = 3000 })
  end)

  it("have a total that is counted once, and anew when something was written", function()
    local expression = assert(query.parse(payments, "amount=3"))
    local connection, counts = db.db, 0
    connection.list = function(self, ...)
      counts = counts + 1
      return getmetatable(self).__index.list(self, ...)
    end
    local function total(of)
      return assert(db:count(payments, "c1", of))
    end
    local before, all = total(expression), total()
    assert.same({ before, all }, { total(expression), total() })
    assert.equal(2, counts)
    files.sql_on(path, "DELETE FROM payments WHERE id = 'p3'")
    assert.same({ before - 1, all - 1 }, { total(expression), total() })
    assert(db:write_page("c1", files.page("payments", { id = "new", amount = 3 }),
      "2026-03-01T00:00:00Z"))
    assert.same({ before, all }, { total(expression), total() })
    assert.equal(6, counts)
    connection.list = nil
  end)

  it("are right where some records have no date", function()
    files.sql_on(path, "UPDATE payments SET data = json_remove(data, '$.createdDate') "
      .. "WHERE CAST(substr(id, 2) AS INTEGER) % 2 = 0")
    for _, order in ipairs { "createdDate", "-createdDate" } do
      assert_same_in_pages({ order = order }, 100)
    end
  end)

  it("are right of a type that has no date at all", function()
    local taxes, list = model.find "tax_components", {}
    for i = 1, 2500 do
      list[i] = { id = ("t%04d"):format(i * 7 % 2500) }
    end
    assert(db:write_page("c1", files.page("tax_components", unpack(list)),
      "2026-03-01T00:00:00Z"))
    local found = {}
    for offset = 0, 2500, 100 do
      for id in assert(db:records(taxes, { connection_id = "c1", limit = 100,
        offset = offset })) do
        found[#found + 1] = id
      end
    end
    assert.equal(2500, #found)
    for i, id in ipairs(found) do
      assert.equal(("t%04d"):format(2500 - i), id)
    end
  end)
end)
