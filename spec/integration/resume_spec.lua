-- A sync that is killed: nothing of it is half there, and the next one goes on where it was.

local cjson = require "cjson"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"
local tables = require "commerce.base.tables"

local CHARGES, PAGE = 200, 10
local SETTINGS = { charges = CHARGES, compact = true, latency = { ms = 5 } }

-- A sync with small pages; STOP_AT kills it after so many events, STOP_STATEMENT before so many
-- statements of SQL have been carried out; TYPES is an option.
local SCRIPT = [[
local commerce = require "commerce"
local app = assert(commerce.open {})
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY", rate = 1000,
  endpoint_rate = 1000, backoff = 0.01 })
local stop_at, count = tonumber(os.getenv "STOP_AT"), 0
local stop_statement, statements = tonumber(os.getenv "STOP_STATEMENT"), 0
local function counted(methods, name)
  local call = methods[name]
  methods[name] = function(...)
    statements = statements + 1
    if statements == stop_statement then
      os.execute "kill -9 $PPID"
    end
    return call(...)
  end
end
counted(getmetatable(require("DBI").Connect("SQLite3", ":memory:"):prepare "SELECT 1").__index,
  "execute")
local session = package.loaded["commerce.store.postgres.session"]
if session then -- run_on_postgres.lua
  counted(session, "translated")
end
local report = assert(shop:sync { page_size = 10, ranges = 1,
  types = os.getenv "TYPES" and { os.getenv "TYPES" },
  progress = function(event)
    io.stdout:write(event.event, " ", tostring(event.type), " ", tostring(event.read), "\n")
    io.stdout:flush()
    count = count + 1
    if count == stop_at then
      os.execute "kill -9 $PPID"
    end
  end })
print(report.complete and "all is complete" or tostring(report), statements)
]]

-- Of each list: how one stored object is told from the rest of its table.
local LISTS = {
  charges = { "payments", "id LIKE 'ch\\_%' ESCAPE '\\' OR id LIKE 'py\\_%' ESCAPE '\\'" },
  customers = { "customers", "true" },
  disputes = { "disputes", "true" },
  balance_transactions = { "transactions", "id NOT LIKE '%:%'" },
  tax_rates = { "tax_components", "true" },
  payouts = { "payouts", "true" },
}

describe("a killed sync", function()
  local e, box, script, path, undisturbed, pages, raw, events

  local function environment(more)
    local all = { COMMERCE_STORE = "sqlite:" .. path, STRIPE_API_BASE = e.base,
      STRIPE_SECRET_KEY = "sk_test_emulator" }
    for name, value in pairs(more or {}) do
      all[name] = value
    end
    return all
  end

  local function new_store(name)
    path = box:path(name)
    for _, suffix in ipairs { "", "-wal", "-shm" } do
      os.remove(path .. suffix)
    end
  end

  -- Requests by resource since the last call, those aside that list a payout's transactions. What a
  -- killed run had on its way is waited for.
  local function requested()
    local counts, stats = {}, e:control "stats?lines=1"
    while stats.in_flight > 0 do
      socket.sleep(0.01)
      stats = e:control "stats?lines=1"
    end
    for endpoint, count in pairs(stats.endpoints) do
      counts[endpoint:match "/v1/([%l_]+)"] = count
    end
    for _, line in ipairs(stats.lines) do
      if line:find("payout=po_", 1, true) then
        counts.balance_transactions = counts.balance_transactions - 1
      end
    end
    e:control("stats", { clear = true })
    return counts
  end

  local function run_apart()
    local status, output, errors = shell.run(box:script(script, environment()))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("all is complete", output, 1, true)
    return output
  end

  -- The same in this process, which nothing kills.
  local function run(options)
    local app = assert(commerce.open { store = "sqlite:" .. path })
    local shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base,
      rate = 1000, endpoint_rate = 1000, backoff = 0.01 })
    local report = assert(shop:sync(tables.merged({ page_size = PAGE, ranges = 1 },
      options or {})))
    assert.is_true(report.complete, tostring(report))
    shop:close()
    app:close()
  end

  setup(function()
    e = emulator.start(SETTINGS)
    box = sandbox.new()
    script = box:write("sync.lua", SCRIPT)
    raw = {}
    for name in pairs(LISTS) do
      raw[name] = rows.fetch(e, name)
    end
    new_store "undisturbed.db"
    requested()
    events = select(2, run_apart():gsub("\n", "")) - 1
    undisturbed, pages = rows.dump(path), requested()
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset(SETTINGS)
  end)

  -- Kill after so many events, a part of all events, or so many before the last one. The script
  -- does it itself, so that the moment is the same each time.
  local function kill_at(moment, more)
    local all = environment(more)
    local count = moment < 0 and events + moment or moment < 1 and math.floor(events * moment)
    all.STOP_AT = tostring(count or moment)
    local status = shell.run(box:script(script, all))
    assert.equal(137, status)
  end

  -- The database is sound, and of each list exactly the first pages are in it. Gives their number.
  local function assert_whole_pages()
    assert.equal("ok\n", rows.sql(path, "PRAGMA integrity_check"))
    local stored = {}
    for name, list in pairs(LISTS) do
      local ids, count = {}, 0
      for id in rows.sql(path, ("SELECT id FROM %s WHERE %s"):format(list[1], list[2]))
        :gmatch "[^\n]+" do
        ids[id], count = true, count + 1
      end
      for i = 1, count do
        assert.is_true(ids[raw[name][i].id], name .. ": not the first ones")
      end
      assert.is_true(count % PAGE == 0 or count == #raw[name], name .. ": half a page")
      stored[name] = math.ceil(count / PAGE)
    end
    return stored
  end

  local function assert_undisturbed()
    assert.equal("ok\n", rows.sql(path, "PRAGMA integrity_check"))
    assert.equal("", rows.difference(undisturbed, rows.dump(path)))
  end

  it("is measured against one that reads every page once", function()
    for name in pairs(LISTS) do
      assert.equal(math.ceil(#raw[name] / PAGE), pages[name], name)
    end
    assert.is_true(pages.charges == 20 and pages.customers == 5)
  end)

  local random = 20260729 -- the same moments in every run
  local function next_random()
    random = (random * 16807) % 2147483647
    return random / 2147483647
  end

  it("leaves whole pages before whichever statement it was", function()
    new_store "statements.db"
    local statements = tonumber(run_apart():match "all is complete\t(%d+)")
    assert.is_true(statements > 500)
    for _ = 1, 8 do
      new_store "statements.db"
      local at = math.floor(statements * (0.1 + 0.85 * next_random()))
      assert.equal(137, (shell.run(box:script(script, environment {
        STOP_STATEMENT = tostring(at) }))))
      assert_whole_pages()
    end
    run_apart()
    assert_undisturbed()
  end)

  it("leaves whole pages at any time, and in the end all of them", function()
    local killed = 0
    for round = 1, 2 do
      new_store(("random%d.db"):format(round))
      local command = box:script(script, environment())
      for _ = 1, 3 do
        if box:kill_after(command, "start", 0.01 + next_random() * 0.15) == 137 then
          killed = killed + 1
          assert_whole_pages()
        end
      end
      run_apart()
      assert_undisturbed()
    end
    assert.is_true(killed >= 4, "killed only " .. killed)
  end)

  -- The last nine events close the types' books, the one before them tells the last join.
  for _, case in ipairs { { "at its first event", 1 }, { "after two pages", 10 },
    { "after a quarter", 0.25 }, { "in the middle", 0.5 }, { "after three quarters", 0.75 },
    { "when all lists are read", -10 }, { "while it closes its books", -4 } } do
    it(case[1] .. " goes on with what is left", function()
      new_store "moment.db"
      kill_at(case[2])
      local stored = assert_whole_pages()
      requested()
      run()
      assert_undisturbed()
      local again = requested()
      for name in pairs(LISTS) do
        -- one page to see what came in since, one because that may have been on its way
        local most, read = pages[name] - stored[name] + 2, again[name] or 0
        assert.is_true(read <= most, ("%s: %d of %d pages were stored, yet %d were read")
          :format(name, stored[name], pages[name], read))
      end
    end)
  end

  it("in the middle asks for much less the second time", function()
    new_store "less.db"
    kill_at(0.6)
    requested()
    run()
    local before, after = 0, 0
    local again = requested()
    for name, count in pairs(pages) do
      before, after = before + count, after + (again[name] or 0)
    end
    assert.is_true(after < before * 0.7, ("%d of %d requests"):format(after, before))
  end)

  it("says so in its pulls once the next one has begun", function()
    new_store "pulls.db"
    kill_at(0.3)
    assert.equal("Fetching|9\n", rows.sql(path, "SELECT status, count(*) FROM pulls GROUP BY 1"))
    run()
    assert.equal("Cancelled|interrupted|9\nComplete||9\n", rows.sql(path,
      "SELECT status, error_message, count(*) FROM pulls GROUP BY 1, 2 ORDER BY 1"))
  end)

  it("says so in all its pulls, also where another clock was ahead of its own", function()
    new_store "clocks.db"
    kill_at(0.3)
    rows.sql(path, "INSERT INTO pulls (id, connection_id, data_type, status, requested, completed) "
      .. "SELECT 'ahead ' || id, connection_id, data_type, 'Complete', '2100-01-01T00:00:00Z', "
      .. "'2100-01-01T00:00:00Z' FROM pulls")
    run()
    assert.equal("Cancelled|9\nComplete|18\n", rows.sql(path,
      "SELECT status, count(*) FROM pulls GROUP BY 1 ORDER BY 1"))
  end)

  it("starts over when it is told to", function()
    new_store "full.db"
    kill_at(0.4)
    requested()
    run { full = true }
    assert_undisturbed()
    local again = requested()
    for name in pairs(LISTS) do
      assert.equal(pages[name], again[name], name)
    end
  end)

  it("of one type does not make a later one of all types miss anything", function()
    new_store "one_type.db"
    kill_at(20, { TYPES = "payments" })
    local stored = rows.number(path, "SELECT count(*) FROM payments")
    assert.is_true(stored > 20 and stored < CHARGES)
    assert.equal(0, rows.number(path, "SELECT count(*) FROM payment_methods"))
    run()
    assert_undisturbed()
  end)

  it("of all types does not make a later one of one type miss anything", function()
    new_store "all_types.db"
    kill_at(0.4)
    run { types = { "payment_methods" } }
    assert.equal("", rows.difference(rows.dump(path, { types = { "payment_methods" } }),
      undisturbed:match "payment_methods|.*payment_methods|[^\n]*\n"))
    run()
    assert_undisturbed()
  end)

  it("of products alone goes on and joins them with all prices", function()
    new_store "products.db"
    kill_at(9, { TYPES = "products" })
    assert.equal(0, rows.number(path, "SELECT count(*) FROM products"))
    run { types = { "products" } }
    assert.equal("", rows.difference(rows.dump(path, { types = { "products" } }),
      undisturbed:match "products|.*\nproducts|[^\n]*\n"))
  end)

  it("goes on though the object it stopped at is gone", function()
    new_store "gone.db"
    kill_at(0.4)
    local stored = assert_whole_pages()
    assert.is_true(stored.charges > 2 and stored.charges < pages.charges - 2)
    e:control("mutate", { op = "delete", id = raw.charges[stored.charges * PAGE].id })
    e:control("mutate", { op = "delete",
      id = raw.balance_transactions[stored.balance_transactions * PAGE].id })
    requested()
    run()
    local again = requested()
    assert.is_true(again.charges <= pages.charges - stored.charges + 4)
    -- what was stored before it went stays; the balance has moved with the deleted transaction
    local function without_company(text)
      return (text:gsub("company_info|[^\n]*\n", ""))
    end
    assert.equal("", rows.difference(without_company(undisturbed),
      without_company(rows.dump(path))))
  end)

  it("brings what came in between", function()
    new_store "between.db"
    kill_at(0.4)
    local new = e:control("mutate", { op = "insert", type = "charges", count = 25,
      fields = { amount = 500, currency = "usd" } }).ids
    run()
    local stored = rows.records(path, "payments")
    for _, id in ipairs(new) do
      assert.is_table(stored[id], id)
    end
    assert.equal(CHARGES + 25, rows.number(path, ("SELECT count(*) FROM payments WHERE %s")
      :format(LISTS.charges[2])))
    local nets = {}
    for _, t in ipairs(rows.fetch(e, "balance_transactions")) do
      nets[t.currency:upper()] = (nets[t.currency:upper()] or 0) + t.net
    end
    local sums, _, texts = {}, rows.records(path, "transactions")
    for _, text in pairs(texts) do
      local code = text:match '"currency":"(%u+)"'
      sums[code] = (sums[code] or 0) + rows.amount(text, "totalAmount")
    end
    assert.equal("", rows.difference(rows.text(nets), rows.text(sums)))
  end)

  -- ---------------------------------------------------------------- the command

  it("of the command goes on when the command is given again", function()
    e:reset { charges = 1000, compact = true, latency = { ms = 25 } }
    new_store "command_whole.db"
    local live = environment { STRIPE_SECRET_KEY = "sk_live_emulator" }
    local status = shell.run(box:command("build/commerce sync --json", live))
    assert.equal(0, status)
    local whole, pages_of_100 = rows.dump(path), 10
    new_store "command.db"
    live.COMMERCE_STORE = "sqlite:" .. path
    status = box:kill_after(box:command("build/commerce sync --json", live),
      '"created":[2-9]%d%d[^\n]*"type":"payments"', 0)
    assert.equal(137, status)
    assert.equal("ok\n", rows.sql(path, "PRAGMA integrity_check"))
    local stored = math.floor(rows.number(path, ("SELECT count(*) FROM payments WHERE %s")
      :format(LISTS.charges[2])) / 100)
    assert.is_true(stored > 0 and stored < 10)
    -- how far it is, everybody can see
    local facts = cjson.decode((select(2, box:commerce("status --json", live))))
    local charges
    for _, entry in ipairs(facts.resources) do
      charges = entry.resource == "charges" and entry or charges
    end
    assert.is_false(charges.finished)
    assert.is_true(charges.fraction > 0 and charges.fraction < 1)
    local ranges = rows.number(path, "SELECT json_array_length(state, '$.ranges') "
      .. "FROM resource_state WHERE resource LIKE 'charges %'")
    local again
    status, again = shell.run(box:command("build/commerce sync --json", live))
    assert.equal(0, status)
    assert.equal("", rows.difference(whole, rows.dump(path)))
    -- what was not stored yet, with the refunds; of each range the page that was on its way; and
    -- the page of what came in
    local read
    for _, entry in ipairs(cjson.decode(again:match "([^\n]+)\n$").types) do
      read = entry.type == "payments" and entry.read or read
    end
    assert.is_true(read <= 1000 - 100 * stored + 129 + 100 * ranges + 100, "read " .. read)
    requested()
    status = shell.run(box:command("build/commerce sync --full --json", live))
    assert.equal(0, status)
    assert.is_true(requested().charges >= pages_of_100)
  end)

  it("that Ctrl-C ended says how to go on", function()
    e:reset { charges = 1000, compact = true, latency = { ms = 10 } }
    local live = environment { STRIPE_SECRET_KEY = "sk_live_emulator" }
    for i = 1, 6 do
      new_store "interrupted.db"
      live.COMMERCE_STORE = "sqlite:" .. path
      local status, _, errors = box:kill_after(box:command("build/commerce sync --json", live),
        '"start"', 0.04 * i, "INT")
      assert.equal(130, status)
      assert.matches("^\n?commerce: interrupted; run the same command again to continue\n$", errors)
    end
    assert.equal("ok\n", rows.sql(path, "PRAGMA integrity_check"))
    assert.equal(0, (shell.run(box:command("build/commerce sync --json", live))))
  end)
end)

describe("a sync that Ctrl-C stops", function()
  local e, box, path

  setup(function()
    e = emulator.start { charges = 1000, compact = true, latency = { ms = 20 } }
    box = sandbox.new { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_live_emulator" }
    path = box:path "stopped.db"
    box.environment.COMMERCE_STORE = "sqlite:" .. path
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  for signal, status in pairs { INT = 130, TERM = 143 } do
    it("with SIG" .. signal .. " stores the page in hand and closes its pulls", function()
      for _, suffix in ipairs { "", "-wal", "-shm" } do
        os.remove(path .. suffix)
      end
      local got, _, errors = box:kill_after(box:command("build/commerce sync --json"), '"progress"',
        0.01, signal)
      assert.equal(status, got)
      assert.matches("^\n?commerce: interrupted; run the same command again to continue\n$", errors)
      assert.equal("Cancelled|interrupted|9\n", rows.sql(path,
        "SELECT status, error_message, count(*) FROM pulls GROUP BY 1, 2"))
      local stored = rows.number(path, "SELECT count(*) FROM payments WHERE id LIKE 'ch\\_%' "
        .. "ESCAPE '\\'")
      assert.is_true(stored < 1000)
      assert.equal(0, (box:commerce "sync"))
    end)
  end

  it("twice ends at once", function()
    for _, suffix in ipairs { "", "-wal", "-shm" } do
      os.remove(path .. suffix)
    end
    e:control("latency", { ms = 3000 })
    local out = box:path "twice.out"
    os.remove(out)
    -- it has begun and waits for an answer; the clock starts then, however long the start took
    local status, begun = shell.run(([[%s >%s 2>&1 </dev/null & pid=$!
      while kill -0 $pid && ! grep -q '"start"' %s; do sleep 0.005; done
      sleep 0.1; date +%%s.%%N
      kill -INT $pid; sleep 0.1; kill -INT $pid; wait $pid]]):format(
      box:command "build/commerce sync --json", out, out))
    assert.equal(130, status)
    assert.is_true(socket.gettime() - tonumber(begun) < 2.5)
  end)
end)
