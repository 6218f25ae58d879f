-- How long the API takes to answer from a PostgreSQL with very many payments: an nginx with
-- threads, asked by wrk on loopback. Called by spec/bench/run.
--   reads.lua RECORDS

package.path = "spec/bench/?.lua;./?.lua;" .. package.path
local auth = require "commerce.http.auth"
local bench = require "server"
local client = require "spec.support.api_client"
local commerce = require "commerce"
local core = require "commerce.core"
local postgres = require "spec.support.postgres"
local sandbox = require "spec.support.sandbox"

local RECORDS = tonumber(arg[1])
local DURATION = tonumber(os.getenv "DURATION") or 5 -- seconds of each measurement
local CONNECTIONS = 4 -- as many as threads: what is measured is an answer, not a queue
local MERCHANTS = 1000
local NOW = "2026-03-01T08:00:00Z"
local ID = "00000000-0000-4000-8000-%012d"

-- ---------------------------------------------------------------- the database

-- One merchant has a tenth of all payments, nine have a twentieth each, and the others share the
-- rest. The rows of all lie mixed, which is worse than what syncs leave behind.
local FILL = [[
INSERT INTO payments (connection_id, id, data, amount, currency, payment_method_ref_id,
  payment_method_ref_name, status, payment_provider, created_date, source_modified_date,
  modified_date, customer, failure_code, charge)
SELECT '00000000-0000-4000-8000-' || lpad(merchant::text, 12, '0'), id,
  '{"id":"' || id || '","amount":' || amount
  || ',"currency":"' || currency || '","paymentMethodRef":{"id":"card","name":"card"},"status":"'
  || status || '","paymentProvider":"stripe","createdDate":"' || at || '","reference":"order ' || n
  || '","note":"' || repeat('a payment of the bench, ', 8) || '","sourceModifiedDate":"' || at
  || '","modifiedDate":"' || at || '"}',
  amount, currency, 'card', 'card', status, 'stripe', created, created, created,
  'cus_' || n %% 500000, CASE WHEN status = 'Failed' THEN 'card_declined' END,
  CASE WHEN n %% 50 = 0 THEN 'ch_' || n END
FROM (SELECT n, 'ch_' || lpad(n::text, 9, '0') AS id,
  CASE WHEN n %% 20 < 2 THEN 0 WHEN n %% 20 < 11 THEN n %% 20 - 1
    ELSE 10 + n / 20 %% 990 END AS merchant,
  (n::bigint * 7919) %% 10000 / 100.0 AS amount,
  CASE n %% 3 WHEN 0 THEN 'USD' ELSE 'EUR' END AS currency,
  CASE n %% 7 WHEN 0 THEN 'Failed' ELSE 'Paid' END AS status,
  to_char((timestamptz '2016-01-01Z' + n * interval '30 seconds') AT TIME ZONE 'UTC',
    'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at,
  timestamptz '2016-01-01Z' + n * interval '30 seconds' AS created
  FROM generate_series(1, %d) AS n) AS rows]]

-- The API answers for a data type that has been read completely once.
local function add_merchants(db)
  for n = 0, MERCHANTS - 1 do
    local id = ID:format(n)
    assert(db:add_connection({ id = id, company_id = id, integration = "stripe-test",
      account = "acct_" .. n, name = "merchant " .. n, status = "Linked", created = NOW },
      { company = { id = id, name = "merchant " .. n, created = NOW } }))
    assert(db:save_pull { id = core.uuid(), connection_id = id, data_type = "payments",
      status = "Complete", requested = NOW, completed = NOW, progress = 100, read = 0, created = 0,
      changed = 0, unchanged = 0 })
  end
end

local function note(...)
  io.stderr:write(string.format(...), "\n")
end

-- The indexes are made when the rows are there, which takes half the time.
local function fill(server, name)
  local began = core.now()
  local indexes = server:sql("SELECT indexname || '|' || indexdef FROM pg_indexes "
    .. "WHERE tablename = 'payments' AND indexname NOT LIKE '%pkey'", name)
  for index in indexes:gmatch "([^|\n]+)|[^\n]+" do
    server:sql("DROP INDEX " .. index, name)
  end
  server:sql("ALTER TABLE payments DROP CONSTRAINT payments_pkey", name)
  server:sql(FILL:format(RECORDS), name)
  note("%d rows after %.0f s", RECORDS, core.now() - began)
  server:sql("ALTER TABLE payments ADD PRIMARY KEY (connection_id, id)", name)
  for definition in indexes:gmatch "[^|\n]+|([^\n]+)" do
    server:sql(definition, name)
  end
  server:sql("VACUUM ANALYZE", name)
  note("with indexes, vacuumed and analyzed after %.0f s", core.now() - began)
end

-- ---------------------------------------------------------------- requests

local function largest()
  return 0
end

-- Small merchants in turn.
local function small(i)
  return 10 + i * 7 % (MERCHANTS - 10)
end

local function month_of(i)
  local last = math.max(1, math.floor(RECORDS / 86400 / 30)) -- months that the payments span
  local month = i % last
  return ("%d-%02d"):format(2016 + math.floor(month / 12), 1 + month % 12)
end

-- One of the largest merchant's payments.
local function id_of(i)
  return ("ch_%09d"):format(20 * (1 + i * 7919 % math.floor(RECORDS / 20 - 1)))
end

local PAGE = 100

-- Pages from one on.
local function pages_from(first)
  return function(i)
    return ("?pageSize=%d&page=%d"):format(PAGE, first + i % 50)
  end
end

local function asked(query)
  return function(i)
    return ("?pageSize=%d&%s"):format(PAGE, (query:gsub("MONTH", month_of(i))
      :gsub("AMOUNT", i % 100)))
  end
end

-- What is asked: title, whose payments, the end of the path; how many ask at once.
local function cases()
  local pages = math.floor(RECORDS / 10 / PAGE)
  return {
    { "the newest 100, of the largest merchant", largest, asked "page=1" },
    { "the newest 100, of a small one", small, asked "page=1" },
    { "page 500", largest, pages_from(500) },
    { "a page in the middle", largest, pages_from(math.floor(pages / 2)) },
    { "one of the last pages", largest, pages_from(pages - 50) },
    { "a payment by id", largest, function(i) return "/" .. id_of(i) end },
    { "changed since", largest, asked "query=modifiedDate%3E%3DMONTH-01" },
    { "a day (createdDate)", largest,
      asked "query=createdDate%3E%3DMONTH-01%26%26createdDate%3CMONTH-02" },
    { "a rare amount, of a small merchant", small, asked "query=amount%3DAMOUNT" },
    { "ordered by amount, of a small merchant", small, asked "orderBy=-amount" },
  }
end

-- Without an index, and with one that somebody asked for.
local RARE = { "a rare amount, of the largest, one at a time", largest,
  asked "query=amount%3DAMOUNT", 1 }
local INDEXED = { "the same, with an index of amounts", largest, asked "query=amount%3DAMOUNT" }

local function write_paths(box, case, number)
  local path = box:path("paths" .. number)
  local file = assert(io.open(path, "w"))
  for i = 1, 2000 do
    local id = ID:format(case[2](i))
    file:write(("%s/connections/%s/data/commerce-payments%s\n"):format(id, id, case[3](i)))
  end
  file:close()
  return path
end

local function measure(box, served, key, case, number)
  local file = write_paths(box, case, number)
  bench.ask(served.base .. "/codat/companies/", 1, case[4] or CONNECTIONS, { "id", key, file })
  local answered = bench.ask(served.base .. "/codat/companies/", DURATION, case[4] or CONNECTIONS,
    { "id", key, file })
  print(("%-44s %9.0f %9.2f ms %9.2f ms %9.2f ms %s"):format(case[1], answered.rate,
    answered.median, answered.high, answered.longest,
    answered.errors > 0 and answered.errors .. " failed" or ""))
  return answered.errors
end

-- ---------------------------------------------------------------- all of it

local function run(box, server)
  local url, name = server:new_database()
  local app = assert(commerce.open { store = url })
  fill(server, name)
  add_merchants(app.store)
  local key = "Basic " .. client.base64(assert(auth.create(app.store, {})).key)
  local served = bench.start({ COMMERCE_STORE = url,
    COMMERCE_MASTER_KEY = os.getenv "COMMERCE_MASTER_KEY" }, { threads = true })
  print(("\n%d payments of %d merchants in PostgreSQL, one nginx worker, %d connections, load %s")
    :format(RECORDS, MERCHANTS, CONNECTIONS, bench.load()))
  print(("%-44s %9s %12s %12s %12s"):format("", "answers/s", "p50", "p99", "longest"))
  local failed = 0
  for number, case in ipairs(cases()) do
    failed = failed + measure(box, served, key, case, number)
  end
  failed = failed + measure(box, served, key, RARE, "rare")
  local began = core.now()
  assert(app.store:index_order("payments", "amount"))
  note("an index of amounts after %.0f s", core.now() - began)
  server:sql("VACUUM ANALYZE payments", name)
  failed = failed + measure(box, served, key, INDEXED, "indexed")
  app:close()
  print(server:sql("SELECT pg_size_pretty(pg_total_relation_size('payments')) || ' with indexes, ' "
    .. "|| pg_size_pretty(pg_relation_size('payments')) || ' without'", name))
  served:stop()
  return failed
end

local box = sandbox.new {}
local server = postgres.start { shared_buffers = "2GB", max_wal_size = "8GB",
  maintenance_work_mem = "1GB", wal_level = "minimal", max_wal_senders = "0",
  checkpoint_timeout = "1h", wal_init_zero = "off", max_parallel_maintenance_workers = "0" }
local ok, failed = pcall(run, box, server)
server:stop()
box:close()
assert(ok, failed)
os.exit(failed > 0 and 1 or 0)
