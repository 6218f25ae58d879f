-- What SQLite costs to write records in several ways, through LuaDBI, in pages of 100 and one
-- transaction a page: CPU of this process, the least of several rounds. The table of the first ways
-- is that of the store.
--   statements.lua FOLDER RECORDS ROUNDS      prints: name, us/record

local DBI = require "DBI"
local columns = require "commerce.store.sql.columns"
local core = require "commerce.core"
local dialect = require "commerce.store.sqlite.dialect"
local json = require "commerce.base.json"
local model = require "commerce.model"
local tables = require "commerce.store.sql.tables"

local unpack = table.unpack or unpack -- luacheck: ignore

local FOLDER, RECORDS, ROUNDS, PAGE = arg[1], tonumber(arg[2]), tonumber(arg[3]), 100

-- ids as Stripe's: in no order of creation
local function record(i)
  local id = "ch_3" .. core.sha256(tostring(i)):sub(1, 23)
  return { id = id, data = ('{"id":"%s","amount":%d.5,"currency":"USD","paymentMethodRef":'
    .. '{"id":"card","name":"Card"},"status":"Paid","paymentProvider":"Stripe","supplementalData":'
    .. '{"content":{"stripe":{"amount_refunded":0,"balance_transaction":"txn_3%d","brand":"visa",'
    .. '"customer":"cus_%d","description":"Order %d","disputed":false,"last4":"4242","metadata":'
    .. '{"order_id":"%d"},"payment_intent":"pi_3%d","receipt_url":"https://pay.stripe.com/%d"}}},'
    .. '"createdDate":"2026-01-%02dT10:%02d:00Z","sourceModifiedDate":"2026-01-01T10:00:00Z",'
    .. '"modifiedDate":"2026-11-28T00:00:00Z"}'):format(id, i, i, i % 999, i, i, i, i, i % 28 + 1,
    i % 60) }
end

local SELECT = "SELECT id, data FROM payments WHERE connection_id = ? AND id IN "
  .. "(SELECT value FROM json_each(?))"
local INSERT = "INSERT INTO payments (connection_id, id, data) VALUES (?, ?, ?)"
local UPSERT = INSERT .. " ON CONFLICT (connection_id, id) DO UPDATE SET data = excluded.data "
  .. "WHERE data <> excluded.data RETURNING id"

local COLUMNS = {} -- of payments, but for the key
for _, column in ipairs(columns.of((model.find "payments"))) do
  COLUMNS[#COLUMNS + 1] = column.name ~= "id" and column or nil
end

-- Whether a column is a part of an index of the table.
local INDEXED = { created_date = true, modified_date = true, metadata_is_deleted = true }
for _, column in ipairs(COLUMNS) do
  INDEXED[column.name] = INDEXED[column.name] or column.indexed
end

-- The statements of the store's table, with its columns as SQLite generates them, stored, as real
-- ones that are written, or only those of indexes.
local function statements_of(kind)
  local list = {}
  for _, sql in ipairs(tables.add(dialect, (model.find "payments"))) do
    if kind == "stored" then
      sql = sql:gsub(" VIRTUAL", " STORED")
    elseif kind == "written" then
      sql = sql:gsub(" GENERATED ALWAYS AS %b() VIRTUAL", "")
    elseif kind == "indexed" then
      sql = sql:gsub("\n  ([%w_]+) [^\n]* VIRTUAL,", function(name)
        return not INDEXED[name] and "" or nil
      end)
    end
    if not (sql:find "^CREATE INDEX" and (kind == "no indexes"
      or kind == "one index" and not sql:find "_listed")) then
      list[#list + 1] = sql
    end
  end
  return list
end

local function ids_of(page)
  local ids = {}
  for i, each in ipairs(page) do
    ids[i] = each.id
  end
  return json.encode(ids)
end

local function row_by_row(db, page)
  for _, each in ipairs(page) do
    db:run(INSERT, "c", each.id, each.data)
  end
end

local function read_first(db, page)
  db:rows(SELECT, "c", ids_of(page))
  row_by_row(db, page)
end

local function upsert(db, page)
  for _, each in ipairs(page) do
    db:rows(UPSERT, "c", each.id, each.data)
  end
end

local function many_rows(count)
  local one = "(?, ?, ?)"
  local sql = "INSERT INTO payments (connection_id, id, data) VALUES " .. one
    .. (", " .. one):rep(count - 1)
  return function(db, page)
    db:rows(SELECT, "c", ids_of(page))
    for first = 1, #page, count do
      local values = {}
      for i = first, first + count - 1 do
        values[#values + 1], values[#values + 2], values[#values + 3] = "c", page[i].id,
          page[i].data
      end
      db:run(sql, unpack(values))
    end
  end
end

local function page_as_json(db, page)
  db:rows(SELECT, "c", ids_of(page))
  local parts = {}
  for i, each in ipairs(page) do
    parts[i] = each.data
  end
  db:run("INSERT INTO payments (connection_id, id, data) SELECT ?, json_extract(value, '$.id'), "
    .. "value FROM json_each(?)", "c", "[" .. table.concat(parts, ",") .. "]")
end

local INSERT_COLUMNS
do
  local names, marks = { "connection_id, id, data" }, { "?, ?, ?" }
  for _, column in ipairs(COLUMNS) do
    names[#names + 1], marks[#marks + 1] = column.name, "?"
  end
  INSERT_COLUMNS = ("INSERT INTO payments (%s) VALUES (%s)"):format(table.concat(names, ", "),
    table.concat(marks, ", "))
end

-- What somebody else has read out of the record before: it is not counted.
local function values_of(data)
  local decoded, values = json.decode(data), {}
  for i, column in ipairs(COLUMNS) do
    local value = decoded
    for key in column.field:gmatch "[^%.]+" do
      value = type(value) == "table" and value[key] or nil
    end
    values[i] = type(value) ~= "table" and value or nil
  end
  return values
end

local function columns_written(db, page)
  db:rows(SELECT, "c", ids_of(page))
  for _, each in ipairs(page) do
    db:run(INSERT_COLUMNS, "c", each.id, each.data, unpack(each.values, 1, #COLUMNS))
  end
end

local WAYS = {
  { "as_the_store:_read,_then_row_by_row", read_first },
  { "row_by_row,_without_reading_first", row_by_row },
  { "row_by_row,_upsert_with_RETURNING", upsert },
  { "read,_then_20_rows_a_statement", many_rows(20) },
  { "read,_then_100_rows_a_statement", many_rows(100) },
  { "read,_then_json_each_over_the_page", page_as_json },
  { "as_the_store,_columns_stored", read_first, "stored" },
  { "as_the_store,_only_columns_of_indexes", read_first, "indexed" },
  { "columns_as_parameters", columns_written, "written" },
  { "as_the_store,_one_index", read_first, "one index" },
  { "as_the_store,_no_indexes", read_first, "no indexes" },
}

local function open(path)
  os.remove(path)
  os.remove(path .. "-wal")
  os.remove(path .. "-shm")
  local connection, statements = assert(DBI.Connect("SQLite3", path)), {}
  connection:autocommit(true)
  local db = {}
  function db:run(sql, ...)
    local statement = statements[sql] or assert(connection:prepare(sql))
    statements[sql] = statement
    assert(statement:execute(...))
    return statement
  end
  function db:rows(sql, ...)
    local count = 0
    for _ in self:run(sql, ...):rows() do
      count = count + 1
    end
    return count
  end
  return db, connection
end

local function measure(way)
  local db, connection = open(FOLDER .. "/statements.db")
  for _, sql in ipairs { "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -8000" } do
    db:rows(sql)
  end
  for _, sql in ipairs(statements_of(way[3])) do
    db:run(sql)
  end
  local cpu = 0
  for first = 1, RECORDS, PAGE do
    local page = {}
    for i = 1, PAGE do
      page[i] = record(first + i)
      page[i].values = way[2] == columns_written and values_of(page[i].data) or nil
    end
    local before = os.clock()
    db:run "BEGIN IMMEDIATE"
    way[2](db, page)
    db:run "COMMIT"
    cpu = cpu + os.clock() - before
  end
  connection:close()
  return cpu / RECORDS * 1e6
end

local least = {}
for _ = 1, ROUNDS do
  for i, way in ipairs(WAYS) do
    local cost = measure(way)
    least[i] = math.min(least[i] or cost, cost)
  end
end
for i, way in ipairs(WAYS) do
  print(("%s %.1f"):format(way[1], least[i]))
end
