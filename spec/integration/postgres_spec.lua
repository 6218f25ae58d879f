-- PostgreSQL as the store of a whole installation: the command line, a server that is killed in
-- mid-page, several writers, and nginx.

local client = require "spec.support.api_client"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local nginx = require "spec.support.nginx"
local postgres = require "spec.support.postgres"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local store = require "commerce.store"

local NOW = "2026-03-01T08:00:00Z"

describe("PostgreSQL", function()
  local server, e, box, url, name

  setup(function()
    server = postgres.start()
    e = emulator.start { charges = 60, compact = true }
    server:new_database()
    assert(store.open(server:url "d1")):close()
    box = sandbox.new { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator" }
  end)

  teardown(function()
    box:close()
    e:stop()
    server:stop()
  end)

  before_each(function()
    name = "d1"
    url = server:empty(name)
  end)

  local function number(sql)
    return tonumber((server:sql(sql, name)))
  end

  describe("behind the command line", function()
    it("takes a sync, which agrees with Stripe to the last record", function()
      local more = { COMMERCE_STORE = url }
      local status, output, errors = box:commerce("sync", more)
      assert.equal(0, status, output .. errors)
      status, output, errors = box:commerce("verify --deep", more)
      assert.equal(0, status, output .. errors)
      assert.matches("everything agrees", output)
      status, output = box:commerce("show payments --query 'amount>1' --limit 3", more)
      assert.equal(0, status, output)
      assert.is_true(number "SELECT count(*) FROM payments WHERE amount > 1 "
        > 0 and number [[SELECT count(*) FROM payments
          WHERE amount <> (CAST(data AS JSON) ->> 'amount')::numeric
          OR created_date <> (CAST(data AS JSON) ->> 'createdDate')::timestamptz]] == 0)
    end)

    it("names a server that cannot be reached, and keeps its password to itself", function()
      local status, output, errors = box:commerce("status", {
        COMMERCE_STORE = "postgres://me:hunter2@localhost:1/shop?connect_timeout=1", PGHOST = "",
        COMMERCE_STORE_WAIT = "0" })
      assert.is_true(status ~= 0)
      assert.matches("postgres://localhost:1/shop", errors)
      assert.is_nil((output .. errors):find("hunter2", 1, true))
    end)
  end)

  describe("that is killed", function()
    it("in mid-sync loses nothing: the sync waits for it and goes on", function()
      local app = assert(commerce.open { store = url })
      local shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base })
      local killed = false
      local report = assert(shop:sync { page_size = 10, progress = function(event)
        if not killed and event.event == "progress" then
          killed = true
          server:crash()
          server:resume()
        end
      end })
      assert.is_true(killed)
      assert.is_true(report.complete, tostring(report))
      assert.is_true(assert(shop:verify { deep = true }).agrees)
      app:close()
    end)

    it("between a transaction's statements lets it begin anew, once", function()
      local db = assert(store.open(url))
      local handle, calls = db.db, 0
      handle:transaction(function()
        calls = calls + 1
        handle:run("INSERT INTO settings (name, value) VALUES (?, ?)", "a", tostring(calls))
        if calls == 1 then
          server:crash()
          server:resume()
        end
        handle:run("INSERT INTO settings (name, value) VALUES (?, ?)", "b", tostring(calls))
      end)
      assert.equal(2, calls)
      assert.same({ "2", "2" }, { db:setting "a", db:setting "b" })
      db:close()
    end)

    it("ends a transaction in which a process stands still", function()
      local db = assert(store.open(url))
      local limit
      db.db:transaction(function()
        limit = db.db:all("SELECT current_setting('idle_in_transaction_session_timeout') AS it")[1]
      end)
      db:close()
      assert.same({ it = "30s" }, limit)
    end)

    it("while nobody asks is connected to again", function()
      local db = assert(store.open(url))
      assert(db:save_setting("a", "1"))
      server:restart()
      assert.equal("1", db:setting "a")
      server:restart()
      assert(db:save_setting("a", "2"))
      assert.equal("2", db:setting "a")
      db:close()
    end)
  end)

  describe("with several writers", function()
    it("lets a transaction begin anew that loses against another one", function()
      local one, other = assert(store.open(url)), assert(store.open(url))
      assert(one:save_setting("n", "0"))
      local calls = 0
      one.db:transaction(function()
        calls = calls + 1
        local before = one:setting "n"
        if calls == 1 then
          assert(other:save_setting("n", "10"))
        end
        one.db:run("UPDATE settings SET value = ? WHERE name = 'n'", tostring(before + 1))
      end)
      assert.equal(2, calls)
      assert.equal("11", one:setting "n")
      one:close()
      other:close()
    end)

    it("makes the tables once", function()
      local _, fresh = server:new_database()
      local waits = {}
      for i = 1, 3 do
        waits[i] = box:background("build/commerce companies create shop" .. i,
          { COMMERCE_STORE = server:url(fresh) })
      end
      for i = 1, 3 do
        local status, output, errors = waits[i]()
        assert.equal(0, status, output .. errors)
      end
      assert.equal("3\n", server:sql("SELECT count(*) FROM companies", fresh))
    end)
  end)

  it("keeps nothing in a session: every statement may go to another one", function()
    local db = assert(store.open(url))
    local shop = client.new({}, url)
    shop:give("payments", { { id = "a", amount = 1, currency = "EUR", createdDate = NOW } })
    for _ = 1, 2 do
      assert.equal(1, db:count(require("commerce.model").find "payments", client.CONNECTION))
      assert.equal("1", (server:sql([[SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'commerce' AND state LIKE 'idle in%' OR false]], name)
        :gsub("%s+", "") == "0" and "1" or "open transaction"))
    end
    assert.equal(0, number "SELECT count(*) FROM pg_prepared_statements")
    shop:close()
    db:close()
  end)

  it("reads lists from a replica if one is named", function()
    local shop = client.new({}, url)
    shop:give("payments", { { id = "a", amount = 1, currency = "EUR", createdDate = NOW } })
    shop:close()
    local other = server:new_database "d1" -- stands for a replica: what was there is there
    server:sql("DELETE FROM payments", name)
    local db = assert(store.open(url, { replica = other }))
    local payments = require("commerce.model").find "payments"
    assert.equal(1, db:count(payments, client.CONNECTION))
    assert.equal("a", (db:records(payments, { connection_id = client.CONNECTION })()))
    db:close()
  end)

  describe("behind nginx", function()
    local made, web

    before_each(function()
      made = client.new({}, url)
      made:give("payments", { { id = "one", amount = 12.5, currency = "EUR", createdDate = NOW } })
      web = nginx.start("examples/nginx.conf", { COMMERCE_STORE = url }, function(text)
        return "worker_processes 1;\n" .. text
      end)
    end)

    after_each(function()
      made:close()
      web:stop()
    end)

    local function get(path)
      return web:request("GET", path, { Authorization = made.authorization })
    end

    it("is asked in threads, and when it is down the answer is 503 at once", function()
      local list = ("/codat%s/commerce-payments?query=amount%%3E12"):format(client.DATA)
      local status, body = get(list)
      assert.equal(200, status, body)
      assert.equal("one", json.decode(body).results[1].id)
      assert.equal(401, (web:request("GET", list)))
      assert.equal(200, (get "/codat/ready"))
      server:halt()
      for _ = 1, 3 do
        local _, output = shell.run(("curl -s -m 20 -o /dev/null -w '%%{http_code} %%{time_total}' "
          .. "-H 'Authorization: %s' '%s%s'"):format(made.authorization, web.base, list))
        local code, seconds = output:match "^(%d+) ([%d.]+)$"
        assert.equal("503", code)
        assert.is_true(tonumber(seconds) < 5, seconds)
      end
      assert.equal(200, (get "/codat/health"))
      server:resume()
      local deadline = os.time() + 30
      repeat
        status = get(list)
      until status == 200 or os.time() > deadline
      assert.equal(200, status)
      assert.is_nil(web:log():find("hunter2", 1, true))
    end)
  end)
end)
