-- What it costs to store payments in PostgreSQL, beside SQLite and beside a COPY of the same rows;
-- and how PostgreSQL goes about the queries of the API and the figures.
--   postgres.lua RECORDS [EXPLAINED]   so many payments each; that many for the plans (0: none)
-- CPU is the process's own, and the server's end of the connection, by /proc.

package.path = "./?.lua;" .. package.path
local core = require "commerce.core"
local json = require "commerce.base.json"
local model = require "commerce.model"
local postgres = require "spec.support.postgres"
local pq = require "commerce.pq"
local query = require "commerce.query"
local store = require "commerce.store"
local unpack = require("commerce.base.compat").unpack

local RECORDS, EXPLAINED = tonumber(arg[1] or 20000), tonumber(arg[2] or 0)
local NOW, PAGE = "2026-03-01T08:00:00Z", 100
local PAYMENTS = model.find "payments"
local TICKS = 100 -- of /proc, a second

local function cpu_of(pid)
  local file = assert(io.open(("/proc/%d/stat"):format(pid)))
  local fields = {}
  for field in file:read("*a"):match("%) (.*)$"):gmatch "%S+" do
    fields[#fields + 1] = field
  end
  file:close()
  return (tonumber(fields[12]) + tonumber(fields[13])) / TICKS
end

local function body(i)
  return { id = ("ch_%08d"):format(i), body = assert(model.encode(PAYMENTS, {
    id = ("ch_%08d"):format(i), amount = i % 10000 / 100, totalAmount = i % 10000 / 100,
    currency = i % 3 == 0 and "USD" or "EUR", status = i % 7 == 0 and "Failed" or "Paid",
    reference = "order " .. i, note = ("a payment of the bench, "):rep(8),
    createdDate = os.date("!%Y-%m-%dT%H:%M:%SZ", 1700000000 + i * 60) })) }
end

local function report(name, seconds, client, server)
  print(("%-28s %10.0f %14.1f %14s"):format(name, RECORDS / seconds, client / RECORDS * 1e6,
    server and ("%.1f"):format(server / RECORDS * 1e6) or "-"))
end

local function fill(url, backend_of)
  local db = assert(store.open(url))
  assert(db:add_connection({ id = "c1", company_id = "co", integration = "stripe-test",
    account = "acct_1", name = "one", status = "Linked", created = NOW },
    { company = { id = "co", name = "one", created = NOW } }))
  local pages = {}
  for first = 1, RECORDS, PAGE do
    local page = {}
    for i = first, math.min(first + PAGE - 1, RECORDS) do
      page[#page + 1] = body(i)
    end
    pages[#pages + 1] = page
  end
  local pid = backend_of and backend_of(db)
  local server, client, before = pid and cpu_of(pid), os.clock(), core.now()
  for number, page in ipairs(pages) do
    assert(db:write_page("c1", { resource = "charges", records = { payments = page },
      states = { charges = { cursor = tostring(number) } } }, NOW))
  end
  return db, core.now() - before, os.clock() - client, pid and cpu_of(pid) - server
end

local server = postgres.start { autovacuum = "on", shared_buffers = "512MB", max_wal_size = "4GB" }
local url, name = server:new_database()

print(("%-28s %10s %14s %14s"):format("", "records/s", "client us/rec", "server us/rec"))
local path = os.tmpname()
os.remove(path)
local sqlite, wall, client = fill("sqlite:" .. path)
report("SQLite", wall, client)
sqlite:close()
for _, suffix in ipairs { "", "-wal", "-shm" } do
  os.remove(path .. suffix)
end

local db, backend
db, wall, client, backend = fill(url, function(opened)
  return opened.db.connection:info().backend
end)
report("PostgreSQL", wall, client, backend)

-- the same rows with the same columns and indexes, as one COPY
server:sql([[CREATE TABLE copied (LIKE payments INCLUDING ALL);
  COPY payments TO ']] .. server.dir .. [[/data/rows']], name)
local file = assert(io.open(server.dir .. "/data/rows", "rb"))
local copy = assert(pq.connect(url))
local pid = copy:info().backend
local before_server, before_client, before = cpu_of(pid), os.clock(), core.now()
assert(copy:copy "COPY copied FROM STDIN")
while true do
  local part = file:read(65536)
  if not part then
    break
  end
  assert(copy:put(part))
end
assert(copy:finish())
report("COPY", core.now() - before, os.clock() - before_client, cpu_of(pid) - before_server)
copy:close()
file:close()

-- ---------------------------------------------------------------- plans

if EXPLAINED > 0 then
  print(("\n%d payments of 10 connections; how the queries are answered"):format(EXPLAINED))
  server:sql(([[INSERT INTO payments (connection_id, id, data, amount, currency, status,
      created_date, modified_date, metadata_is_deleted)
    SELECT 'b' || n %% 10, 'x' || n, '{"id":"x' || n || '","amount":' || n %% 10000 || '}',
      n %% 10000, CASE n %% 3 WHEN 0 THEN 'USD' ELSE 'EUR' END,
      CASE n %% 7 WHEN 0 THEN 'Failed' ELSE 'Paid' END,
      timestamptz '2020-01-01Z' + n * interval '20 seconds',
      timestamptz '2020-01-01Z' + n * interval '20 seconds', NULL
    FROM generate_series(1, %d) AS n]]):format(EXPLAINED), name)
  server:sql("INSERT INTO connections (id, company_id, integration, account, status, created) "
    .. "SELECT 'b' || n, 'co', 'stripe-test', 'acct_b' || n, 'Linked', '" .. NOW
    .. "' FROM generate_series(0, 9) AS n", name)
  server:sql("VACUUM ANALYZE", name)

  local function explained(what, run)
    local seen
    local handle = db.db
    for _, method in ipairs { "list", "all", "each" } do
      handle[method] = function(self, sql, values, ...)
        if sql:find(" payments") and not seen then
          seen = { sql, type(values) == "table" and values or { values, ... } }
        end
        return getmetatable(self).__index[method](self, sql, values, ...)
      end
    end
    local began = core.now()
    run()
    local seconds = core.now() - began
    handle.list, handle.all, handle.each = nil, nil, nil
    local plan = handle:all("EXPLAIN (FORMAT JSON) " .. seen[1], unpack(seen[2]))[1]["QUERY PLAN"]
    local nodes = {}
    for node in plan:gmatch '"Node Type": "([^"]+)"' do
      nodes[#nodes + 1] = node
    end
    print(("%-34s %9.2f ms  %s%s"):format(what, seconds * 1000, table.concat(nodes, " < "),
      plan:find('"Seq Scan"', 1, true) and plan:find('"Relation Name": "payments"', 1, true)
      and "   SEQUENTIAL" or ""))
  end
  local function tree(text)
    return assert(query.parse(PAYMENTS, text))
  end
  local function list(options)
    options.connection_id = "b3"
    options.limit = options.limit or 100
    return function()
      for _ in assert(db:records(PAYMENTS, options)) do end -- luacheck: ignore
    end
  end
  explained("the newest 100", list {})
  explained("page 500", list { offset = 49900 })
  explained("a query for a rare amount", list { query = tree "amount=77" })
  explained("changed since", list { query = tree "modifiedDate>=2026-01-01",
    order_by = { field = "modifiedDate", descending = true } })
  explained("a month", list { query = tree "createdDate>=2021-01-01&&createdDate<2021-02-01" })
  explained("count", function() assert(db:count(PAYMENTS, "b3")) end)
  explained("a page by place", function()
    assert(db:record_page(PAYMENTS, { connection_id = "b3", limit = 100,
      order = { field = "createdDate", descending = true } }))
  end)
  explained("ordered by id, backward", function()
    assert(db:record_page(PAYMENTS, { connection_id = "b3", limit = 100, backward = true,
      order = { field = "id", descending = false } }))
  end)
  explained("sums of a month", function() assert(db:sums(PAYMENTS, "b3", { sum = "amount",
    periods = { "2021-01-01T00:00:00Z", "2021-02-01T00:00:00Z" }, by = { "currency" } })) end)
  explained("top customers of a month", function() assert(db:top_customers("b3", { limit = 10,
    periods = { "2021-01-01T00:00:00Z", "2021-02-01T00:00:00Z" } })) end)
  print(server:sql("SELECT pg_size_pretty(pg_total_relation_size('payments')) "
    .. "|| ' with indexes, ' || pg_size_pretty(pg_relation_size('payments')) || ' without'", name))
end
print(json.encode({ postgres = server:sql("SHOW server_version", name):gsub("%s+$", "") }))
db:close()
server:stop()
