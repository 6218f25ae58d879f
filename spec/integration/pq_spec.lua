-- The PostgreSQL driver, commerce.pq, against a server of its own.

local core = require "commerce.core"
local postgres = require "spec.support.postgres"
local pq = require "commerce.pq"
local unpack = require("commerce.base.compat").unpack

describe("commerce.pq", function()
  local server, url, db

  setup(function()
    server = postgres.start()
    url = server:new_database()
  end)

  teardown(function()
    server:stop()
  end)

  before_each(function()
    db = assert(pq.connect(url))
  end)

  after_each(function()
    db:close()
  end)

  local function rows(sql, ...)
    return assert(db:query(sql, ...)):rows()
  end

  local function fails(code, value, message, failure)
    assert.is_nil(value)
    assert.equal("store", failure.kind)
    assert.equal(code, failure.code)
    assert.equal(message, failure.message)
    assert.equal(core.Failure, getmetatable(failure))
    return failure
  end

  describe("values", function()
    it("have the types of SQL", function()
      assert.same({ { true, false, 12, -9007199254740991, "9007199254740993", 0.5, "0.10", "é",
        nil, "{a,b}" } }, rows [[SELECT true, false, 12::smallint, -9007199254740991::bigint,
        9007199254740993::bigint, 0.5::float8, 0.10::numeric, 'é'::text, NULL::text,
        ARRAY['a', 'b'] ]])
    end)

    it("go to the server as they are", function()
      local text = "quote ' \\ \" \n $1 ? 雪"
      assert.same({ { text, true, 12, "0.1", nil, -5, "3000000000" } },
        rows("SELECT $1::text, $2::boolean, $3::bigint, $4::numeric, $5::text, $6::int, "
        .. "$7::numeric", text, true, 12, 0.1, nil, -5, 3e9))
    end)

    it("come by name, too, without those that are NULL", function()
      assert.same({ { a = 1, b = "x" }, { a = 2 } },
        assert(db:query "SELECT * FROM (VALUES (1, 'x'), (2, NULL)) AS t (a, b)"):all())
    end)

    it("cannot have a NUL byte", function()
      local failure = fails("22021", db:query("SELECT $1::text", "a\0b"))
      assert.matches("NUL byte", failure.message)
      assert.same({ { 1 } }, rows "SELECT 1")
    end)

    it("that are no values raise", function()
      assert.error_matches(function() db:query("SELECT $1", {}) end, "nil, boolean, number or text")
    end)
  end)

  describe("a statement", function()
    it("counts its rows", function()
      rows "CREATE TABLE counted (a int)"
      assert.equal(3, assert(db:query "INSERT INTO counted VALUES (1), (2), (3)"):affected())
      assert.equal(2, assert(db:query("DELETE FROM counted WHERE a > $1", 1)):affected())
      rows "DROP TABLE counted"
    end)

    it("that fails has SQLSTATE, the first line of the message and no values", function()
      local failure = fails("42601", db:query "SELEC 1")
      assert.matches("syntax error", failure.message)
      assert.is_false(failure.retryable)
      rows "CREATE TEMP TABLE once (name text PRIMARY KEY)"
      rows("INSERT INTO once VALUES ($1)", "secret value")
      failure = fails("23505", db:query("INSERT INTO once VALUES ($1)", "secret value"))
      assert.is_nil(failure.message:find "secret")
      assert.is_true(db:alive())
    end)

    it("that loses against another transaction may be tried again", function()
      local other = assert(pq.connect(url))
      rows "CREATE TABLE counters (n int)"
      rows "INSERT INTO counters VALUES (1)"
      for _, connection in ipairs { db, other } do
        assert(connection:query "BEGIN ISOLATION LEVEL SERIALIZABLE")
        assert(connection:query "SELECT n FROM counters")
      end
      assert(db:query "UPDATE counters SET n = 2")
      assert(db:query "COMMIT")
      local failure = fails("40001", other:query "UPDATE counters SET n = 3")
      assert.is_true(failure.retryable)
      assert.is_true(other:in_transaction())
      assert(other:query "ROLLBACK")
      assert.is_false(other:in_transaction())
      other:close()
      rows "DROP TABLE counters"
    end)

    it("that takes too long is cancelled, and the connection stays", function()
      db:set_timeout(0.05)
      fails("57014", db:query "SELECT pg_sleep(60)")
      db:set_timeout(0)
      assert.same({ { 1 } }, rows "SELECT 1")
    end)

    it("leaves no named statement at the server", function()
      rows("SELECT $1::int", 1)
      assert(db:queue("SELECT $1::int", 1))
      assert(db:flush())
      assert.same({ { 0 } }, rows "SELECT count(*) FROM pg_prepared_statements")
    end)
  end)

  describe("a pipeline", function()
    it("gives the results of its statements in order", function()
      assert(db:queue "BEGIN")
      assert(db:queue("SELECT $1::text", "a"))
      assert(db:queue "COMMIT")
      local results = assert(db:flush())
      assert.equal(3, #results)
      assert.same({ { "a" } }, results[2]:rows())
      assert.same({}, assert(db:flush()))
    end)

    it("stops at the statement that fails", function()
      assert(db:queue "BEGIN")
      assert(db:queue "CREATE TABLE half (a int)")
      assert(db:queue "SELECT 1 / 0")
      assert(db:queue "COMMIT")
      local failure = fails("22012", db:flush())
      assert.equal(3, failure.statement)
      assert.is_true(db:in_transaction())
      assert(db:query "ROLLBACK")
      assert.same({ { nil } }, rows "SELECT to_regclass('half')")
    end)

    it("may be larger than the buffers of both ends", function()
      local text = ("x"):rep(100000)
      for _ = 1, 100 do
        assert(db:queue("SELECT $1::text", text))
      end
      local results = assert(db:flush())
      for i = 1, 100 do
        assert.equal(text, results[i]:rows()[1][1])
      end
    end)

    it("must be sent before another statement", function()
      assert(db:queue "SELECT 1")
      assert.error_matches(function() db:query "SELECT 2" end, "must be sent with flush")
      assert(db:flush())
      assert.same({ { 2 } }, rows "SELECT 2")
    end)
  end)

  describe("a stream", function()
    it("gives rows one by one", function()
      assert(db:stream("SELECT n, NULL, n::text FROM generate_series(1, $1) AS n", 3))
      for i = 1, 3 do
        assert.same({ i, nil, tostring(i) }, assert(db:next()))
      end
      assert.is_false(db:next())
      assert.is_false(db:next())
      assert.same({ { 1 } }, rows "SELECT 1")
    end)

    it("that fails in between says so", function()
      assert(db:stream "SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n")
      assert(db:next())
      assert(db:next())
      fails("22012", db:next())
      assert.same({ { 1 } }, rows "SELECT 1")
    end)

    it("keeps its connection until it has ended", function()
      assert(db:stream "SELECT n FROM generate_series(1, 100000) AS n")
      local failure = fails(nil, db:query "SELECT 1")
      assert.matches("stream are still to be read", failure.message)
      db:close() -- an early end: the server notices
    end)
  end)

  describe("COPY", function()
    before_each(function() rows "CREATE TABLE copied (a int, b text)" end)
    after_each(function() rows "DROP TABLE copied" end)

    it("takes rows in parts", function()
      assert(db:copy "COPY copied FROM STDIN")
      assert(db:put "1\tx\n2\t")
      assert(db:put(("y"):rep(200000) .. "\n3\t\\N\n"))
      assert.equal(3, assert(db:finish()))
      assert.same({ { 1, 1 }, { 2, 200000 }, { 3, nil } },
        rows "SELECT a, length(b) FROM copied ORDER BY a")
    end)

    it("of data that does not fit stores nothing", function()
      assert(db:copy "COPY copied FROM STDIN")
      assert(db:put "1\tx\nno number\ty\n")
      fails("22P02", db:finish())
      assert.same({ { 0 } }, rows "SELECT count(*) FROM copied")
    end)

    it("can be given up", function()
      assert(db:copy "COPY copied FROM STDIN")
      assert(db:put "1\tx\n")
      local failure = fails("57014", db:finish "another thought")
      assert.matches("another thought", failure.message)
      assert.same({ { 0 } }, rows "SELECT count(*) FROM copied")
    end)

    it("must be one", function()
      local failure = fails(nil, db:copy "SELECT 1")
      assert.matches("not COPY", failure.message)
      assert.same({ { 1 } }, rows "SELECT 1")
    end)
  end)

  describe("a connection", function()
    it("tells who is at the other end", function()
      local info = db:info()
      assert.equal(server.dir, info.host)
      assert.equal("commerce", info.user)
      assert.is_false(info.tls)
      assert.is_true(info.version >= 120000 and info.backend > 0)
      assert.is_true(pq.versions().libpq >= 140000)
    end)

    it("that the server has ended is lost, and known to be before it is used", function()
      local other = assert(pq.connect(url))
      assert.is_true(db:alive())
      assert(other:query("SELECT pg_terminate_backend($1::int, 10000)", db:info().backend))
      assert.is_false(db:alive())
      other:close()
    end)

    it("that ends in a statement or a pipeline is lost", function()
      for _, run in ipairs { function() return db:query "SELECT 1" end, function()
        assert(db:queue "SELECT 1")
        return db:flush()
      end } do
        db = assert(pq.connect(url))
        local other = assert(pq.connect(url))
        assert(other:query("SELECT pg_terminate_backend($1::int, 10000)", db:info().backend))
        other:close()
        local _, message, failure = run()
        assert.is_true(failure.lost, message)
        assert.is_true(failure.retryable)
        local closed = select(3, db:query "SELECT 1")
        assert.is_true(closed.lost)
      end
    end)

    it("closes, and closes again", function()
      db:close()
      db:close()
      assert.is_false(db:alive())
      local failure = fails(nil, db:query "SELECT 1")
      assert.matches("closed", failure.message)
    end)

    it("that cannot be made says why, without the password", function()
      for url_of, words in pairs {
        ["postgres:///none?host=" .. server.dir .. "&user=commerce&password=hunter2"] = '"none"',
        ["postgres://u:hunter2@/db?host=/nowhere"] = "/nowhere",
        ["postgres://u:hunter2@h:hunter2/db"] = "port",
        ["postgres://u:hunter2@h/db?hunter2=1"] = "invalid URI query parameter",
        ["postgres://u:hunter2@[h/db"] = "cannot read the URL",
        ["hunter2 of mine"] = "cannot read the URL",
      } do
        local connection, message, failure = pq.connect(url_of)
        assert.is_nil(connection)
        assert.is_truthy(message:find(words, 1, true), message)
        assert.is_nil(message:find("hunter2", 1, true), message)
        assert.equal("store", failure.kind)
      end
    end)

  end)

  describe("rows", function()
    local KINDS = { { "id", "text" }, { "amount", "number" }, { "metadata.isDeleted", "boolean" },
      { "createdDate", "date" }, { "any", "json" } }

    local function stored(...)
      local list = pq.rows(KINDS)
      for _, data in ipairs { ... } do
        assert.is_true(list:add("r", data))
      end
      local values = { list:take() }
      return rows([[SELECT id, data, a, b::numeric, c::boolean, d::timestamptz IS NOT NULL, d,
        e::jsonb::text FROM unnest($1::text[], $2::text[], $3::text[], $4::numeric[],
        $5::boolean[], $6::text[], $7::text[]) AS t (id, data, a, b, c, d, e)]],
        unpack(values, 2)), values[1]
    end

    it("have the values of a record's members", function()
      local data = '{"id":"é\\"\\\\","x":{"id":1},"amount": -12.50 ,"any":"12","metadata":'
        .. '{"y":[1,{"z":"}"}],"isDeleted":true},"createdDate":"2024-02-29T00:00:00Z"}'
      assert.same({ { "r", data, 'é"\\', "-12.50", true, true, "2024-02-29T00:00:00Z", '"12"' } },
        stored(data))
    end)

    it("leave out what is not there or of another kind", function()
      local found, count = stored("{}", '{"id":null,"amount":"1","metadata":{"isDeleted":"t"},'
        .. '"createdDate":"2025-02-29T00:00:00Z","any":null}', '{"id":5,"metadata":7,"any":5.0,'
        .. '"createdDate":"soon","amount":1e99999}')
      assert.equal(3, count)
      assert.same({ "r", "{}", nil, nil, nil, false }, found[1])
      assert.same({ nil, nil, nil, false }, { found[2][3], found[2][4], found[2][5], found[2][6] })
      assert.same({ "5", nil, nil, false, nil, "5.0" }, { unpack(found[3], 3, 8) })
    end)

    it("have no NUL, which PostgreSQL does not take", function()
      local data = '{"id":"a\\u0000b","any":"c\\u0000\\\\u0000"}'
      local row = stored(data)[1]
      assert.equal(data, row[2])
      assert.equal("a\239\191\189b", row[3])
      assert.equal('"c\\\\u0000"', row[8])
    end)

    it("are refused if the record is not an object", function()
      local list = pq.rows(KINDS)
      for _, data in ipairs { "", "[]", "5", '{"id":', "{'a':1}" } do
        assert.is_false(list:add("r", data))
      end
      assert.equal(0, (list:take()))
    end)
  end)
end)
