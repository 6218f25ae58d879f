-- A COMMIT whose answer is lost: the store finds out whether the server has carried it out, so that
-- what was written is there exactly once.

local core = require "commerce.core"
local postgres = require "spec.support.postgres"
local shell = require "spec.support.shell"
local store = require "commerce.store"

local NOW = "2026-03-01T08:00:00Z"

-- A connection between the handle and the driver's, which loses the answer to the next COMMIT.
-- `lose(real, send)` decides what the server has seen of it by then; the COMMIT is not among that
-- with `keeps_commit`.
local Faulty = {}
Faulty.__index = Faulty

local function lost()
  return nil, "the line was cut", { lost = true, code = "", retryable = true }
end

function Faulty:queue(sql, ...)
  self.commits = self.commits or sql == "COMMIT"
  if self.commits and self.keeps_commit then
    return true
  end
  return self.real:queue(sql, ...)
end

function Faulty:flush()
  if not self.commits then
    return self.real:flush()
  end
  self.is_over = true
  self.lose(self.real)
  return lost()
end

function Faulty:query(...)
  if self.is_over then
    return lost()
  end
  return self.real:query(...)
end

function Faulty:alive()
  return not self.is_over and self.real:alive()
end

function Faulty:close() -- luacheck: ignore (the server does not see the end)
end

describe("a COMMIT whose answer is lost", function()
  local server, url, name, s

  setup(function()
    server = postgres.start()
    url, name = server:new_database()
    s = assert(store.open(url))
    assert(s:add_connection({ id = "c1", company_id = "co", integration = "stripe-test",
      account = "acct_1", name = "one", status = "Linked", created = NOW },
      { company = { id = "co", name = "one", created = NOW } }))
  end)

  teardown(function()
    s:close()
    server:stop()
  end)

  local function lose_next(lose)
    local faulty = setmetatable({ real = s.db.connection, lose = lose }, Faulty)
    s.db.connection = faulty
    return faulty
  end

  local function write(id)
    return s:write_page("c1", { resource = "charges", states = { charges = { cursor = id } },
      records = { payments = { { id = id, body = ('{"id":"%s","amount":1'):format(id) } } } }, NOW)
  end

  local function number(sql)
    return tonumber((server:sql(sql, name)))
  end

  local function changes_of(id)
    return number(("SELECT count(*) FROM changes WHERE ids = '[\"%s\"]'"):format(id))
  end

  it("is known to be stored if the server has carried it out", function()
    local runs = 0
    lose_next(function(real)
      runs = runs + 1
      assert(real:flush())
    end)
    local counts = assert(write "done")
    assert.equal(1, counts.payments.created) -- and not 0, as a second try would tell
    assert.equal(1, runs)
    assert.equal(1, changes_of "done")
  end)

  it("is sent again if the server has not seen it", function()
    lose_next(function(real)
      real:close()
    end)
    assert.equal(1, assert(write "again").payments.created)
    assert.equal(1, changes_of "again")
    assert.equal("again", s:state("c1", "charges").cursor)
  end)

  it("is not carried out later, when its transaction has been sent again", function()
    -- all of the transaction lies unread in front of the server, so that it holds no lock yet
    local late
    lose_next(function(real)
      late = real
    end)
    s.db:transaction(function()
      s.db:later("INSERT INTO listed (listing, id) VALUES ('spec', ?)", core.uuid())
    end)
    local results, message, failure = late:flush()
    assert.is_nil(results)
    assert.equal("23502", failure.code, message)
    late:close()
    assert.equal(1, number "SELECT count(*) FROM listed WHERE listing = 'spec'")
  end)

  it("is told as unknown if the server does not come back", function()
    local wait = s.db.wait
    s.db.wait = 0.2
    lose_next(function(real)
      real:close()
      server:halt()
    end)
    local ok, message, failure = write "unknown"
    server:resume()
    s.db.wait = wait
    assert.is_nil(ok)
    assert.matches("whether the last change was stored is not known", message)
    assert.is_true(failure.retryable)
    assert(write "unknown")
    assert.equal(1, changes_of "unknown")
  end)

  -- A job of this process that waits for the server lets others go on.
  it("is sent again though another job writes while this one waits for the server", function()
    local usual = s
    s = assert(store.open(url, { pause = function()
      coroutine.yield()
    end }))
    assert(write "before")
    local jobs, done = {}, {}
    for i, id in ipairs { "first", "second" } do
      jobs[i] = coroutine.create(function()
        done[i] = assert(write(id))
      end)
    end
    lose_next(function(real)
      assert(real:flush()) -- without the COMMIT
      real:close()
      server:halt()
    end).keeps_commit = true
    assert(coroutine.resume(jobs[1]))
    assert.equal("suspended", coroutine.status(jobs[1]))
    server:resume()
    assert(coroutine.resume(jobs[2]))
    for _ = 1, 100 do
      for _, job in ipairs(jobs) do
        if coroutine.status(job) == "suspended" then
          assert(coroutine.resume(job))
        end
      end
    end
    s:close()
    s = usual
    for i, id in ipairs { "first", "second" } do
      assert.equal(1, done[i].payments.created)
      assert.equal(1, changes_of(id))
    end
  end)

  it("leaves no row behind when the store is closed", function()
    local other = assert(store.open(url))
    assert(other:write_page("c1", { resource = "charges", states = { charges = {} } }, NOW))
    local rows = number "SELECT count(*) FROM commerce_commits"
    other:close()
    assert.equal(rows - 1, number "SELECT count(*) FROM commerce_commits")
  end)

  it("is found out in a database of an earlier version too", function()
    s:close()
    server:sql("DROP TABLE commerce_commits; ALTER TABLE change_numbers DROP COLUMN pruned, "
      .. "DROP COLUMN pruned_before; DROP INDEX connections_unread; DROP INDEX pulls_waiting; "
      .. "ALTER TABLE pulls DROP COLUMN turn; CREATE INDEX pulls_unfinished ON pulls (status); "
      .. "ALTER TABLE company_turns DROP COLUMN given, DROP COLUMN taken; "
      .. "UPDATE commerce_schema SET version = 11", name)
    s = assert(store.open(url))
    lose_next(function(real)
      assert(real:flush())
    end)
    assert.equal(1, assert(write "older").payments.created)
  end)
end)

describe("a row that another program writes after a transaction looked for it", function()
  local server, name, s

  setup(function()
    local url
    server = postgres.start()
    url, name = server:new_database()
    s = assert(store.open(url))
    assert(s:save_company { id = "co", name = "one", created = NOW })
  end)

  teardown(function()
    s:close()
    server:stop()
  end)

  local function is_asleep()
    return server:sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" == "1\n"
  end

  it("makes the transaction look anew", function()
    local run, tries, other = s.db.run, 0, nil
    s.db.run = function(db, sql, ...)
      if sql:find("INSERT INTO connections", 1, true) then
        tries = tries + 1
        other = shell.start { "psql", "-X", "-q", "-h", server.dir, "-U", "commerce", "-d", name,
          "-c", ("BEGIN; INSERT INTO connections (id, company_id, integration, account, status, "
            .. "created) VALUES ('c1', 'co', 'stripe-test', 'acct_1', 'Linked', '%s'); "
            .. "SELECT pg_sleep(0.5); COMMIT"):format(NOW) }
        while not is_asleep() do
          core.sleep(0.02)
        end
      end
      return run(db, sql, ...)
    end
    local added, message = s:add_connection { id = "c2", company_id = "co",
      integration = "stripe-test", account = "acct_1", status = "Linked", created = NOW }
    s.db.run = run
    assert.equal(0, (shell.await(other)))
    assert.is_false(added, message)
    assert.equal(1, tries)
    assert.equal(1, #s:connections())
  end)

  it("is a failure if it is found each time", function()
    local tries = 0
    local ok, failure = pcall(s.db.transaction, s.db, function()
      tries = tries + 1
      s.db:run("INSERT INTO companies (id, name, created) VALUES (?, ?, ?)", "co", "two", NOW)
    end)
    assert.is_false(ok)
    assert.equal("23505", failure.code)
    assert.equal(3, tries)
  end)
end)
