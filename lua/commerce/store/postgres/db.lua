-- The database handle over commerce.pq: statements, transactions, and errors with a cause and a
-- cure. Failures are raised.
--
-- Nothing is kept in the server's session, so that a pooler in transaction mode may stand between:
-- no prepared statement, no SET outside a transaction, no temporary table. The statements of a
-- transaction are collected and sent together when an answer is needed.
--
-- Transactions are SERIALIZABLE and begin anew when they lose against another one, so that the
-- rooms above may write them as if they were alone. A page's transaction locks its connection's row
-- instead (READ COMMITTED): predicate locks on the many rows that it reads would make pages of
-- different connections lose against each other.

local cache = require "commerce.base.cache"
local columns = require "commerce.store.sql.columns"
local core = require "commerce.core"
local dialect = require "commerce.store.postgres.dialect"
local errors = require "commerce.base.errors"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local database = {}

---@class commerce.postgres.Database: commerce.sql.Database
local methods = { dialect = dialect }
local database_mt = { __name = "commerce.store.postgres.db", __index = methods }

local WAIT = 30 -- seconds to wait for a server that was there and does not answer: it may restart
local FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1 -- seconds between two tries
local STATEMENT_SECONDS = 300 -- after which a statement is cancelled
local READ_SECONDS = 30 -- the same for one that lists records or adds them up
local MOST_TRIES = 20 -- of a transaction that loses against others
local MOST_STATEMENTS = 300 -- translated texts that are kept

--- Raise a failure about this database.
---@param message string
---@param passes boolean? whether the same call may succeed later
function methods:fail(message, passes)
  errors.throw("store", ("%s: %s"):format(self.name, message), { retryable = passes })
end

-- What the user can do, by SQLSTATE.
local CURES = {
  ["28P01"] = "%s; check the user and the password, or PGPASSWORD",
  ["3D000"] = "%s; make it with `createdb`",
  ["42501"] = "%s; the user must own the schema's tables",
  ["53100"] = "the server's disk is full; make room and run the same command again, what was "
    .. "already stored stays",
  ["57014"] = "the statement took too long and was cancelled",
}

local function failed(self, message, failure)
  local fields = {}
  for name, value in pairs(failure or {}) do
    fields[name] = value
  end
  local cure = CURES[fields.code]
  errors.throw("store", ("%s: %s"):format(self.name, cure and cure:format(message) or message),
    fields)
end

-- The URL as messages may show it: without user, password and options.
local function shown(url)
  local rest = url:match "^postgres[ql]*://(.*)$" or url:match "^postgres:(.*)$" or ""
  local address, path = rest:gsub("%?.*$", ""):match "^([^/]*)(/?.*)$"
  return "postgres://" .. address:gsub("^.*@", "") .. path
end

--- Make a handle, which connects when it is first used.
---@param pq commerce.pq
---@param url string "postgres://…"
---@param options table wait: seconds to wait for a server that does not answer; replica: a URL
---@return commerce.postgres.Database
function database.open(pq, url, options)
  return setmetatable({
    pq = pq, url = url, name = shown(url), wait = options.wait or WAIT, replica = options.replica,
    pause = core.sleep, translated = cache.new(MOST_STATEMENTS, function() end), writes = 0,
    spares = {}, is_open = true, collectors = setmetatable({}, { __mode = "k" }),
  }, database_mt)
end

-- ---------------------------------------------------------------- connecting

local function is_lost(failure)
  return type(failure) == "table" and failure.lost == true
end

-- Errors that a server gives while it starts or stops.
local function may_pass(failure)
  return is_lost(failure) and failure.code ~= "28P01" and failure.code ~= "3D000"
    and failure.retryable
end

-- Whether a message of a connection that was refused is about something that time does not change.
local function is_final(message)
  return message:find "authentication" or message:find "does not exist" or message:find "no pg_hba"
    or message:find "cannot read the URL" or message:find "certificate"
end

local function connect(self, url)
  local waited, pause = 0, FIRST_PAUSE
  while true do
    local connection, message, failure = self.pq.connect(url, STATEMENT_SECONDS)
    if connection then
      self.was_reached = true
      return connection
    elseif not may_pass(failure) or is_final(message) or waited >= self.wait
      or not (self.was_reached or message:find("starting up", 1, true)) then
      failed(self, message, { code = failure.code, retryable = not is_final(message),
        unreachable = true })
    end
    self.pause(pause)
    waited, pause = waited + pause, math.min(pause * 2, LONGEST_PAUSE)
  end
end

-- The connection, a new one if the server has ended the last one. Not within a transaction.
local function connected(self)
  if not self.is_open then
    self:fail "the store is closed"
  end
  if self.connection and not self.connection:alive() then
    self.connection:close()
    self.connection = nil
  end
  self.connection = self.connection or connect(self, self.url)
  return self.connection
end

-- ---------------------------------------------------------------- statements

-- "?" as $1, $2, …; the store's texts have no "?" of another meaning.
local function translated(self, sql)
  local text = self.translated:get(sql)
  if not text then
    local count = 0
    text = sql:gsub("%?", function()
      count = count + 1
      return "$" .. count
    end)
    self.translated:put(sql, text)
  end
  return text
end

local function send_queue(self)
  local results, message, failure = self.connection:flush()
  local waiting = self.waiting
  self.waiting = {}
  if not results then
    failed(self, message, failure)
  end
  for i, take in ipairs(waiting) do
    take(results[i])
  end
  return results[#results]
end

local function ignore() end

local function queue(self, take, sql, ...)
  local queued, message, failure = self.connection:queue(translated(self, sql), ...)
  if not queued then
    failed(self, message, failure)
  end
  self.waiting[#self.waiting + 1] = take
end

local function is_read(sql)
  return sql:find "^%s*SELECT" and not sql:find("FOR UPDATE", 1, true)
end

-- One statement, and its result. A read is repeated if the connection is lost meanwhile.
local function execute(self, sql, ...)
  if self.in_transaction then
    queue(self, ignore, sql, ...)
    return send_queue(self)
  end
  local result, message, failure = connected(self):query(translated(self, sql), ...)
  if not result and is_lost(failure) and is_read(sql) then
    result, message, failure = connected(self):query(translated(self, sql), ...)
  end
  if not result then
    failed(self, message, failure)
  end
  return result
end

--- Run a statement that gives no rows.
---@param sql string
---@param ... any bound values
---@return integer affected rows
function methods:run(sql, ...)
  self.writes = self.writes + 1
  return execute(self, sql, ...):affected()
end

--- Run a statement of a transaction whose count of rows nobody asks for. It is sent with the next
--- one that gives an answer, or at the end.
---@param sql string
---@param ... any bound values
function methods:later(sql, ...)
  if not self.in_transaction then
    self:run(sql, ...)
    return
  end
  self.writes = self.writes + 1
  queue(self, ignore, sql, ...)
end

-- All columns of a table: without the one that orders its rows.
local function all_of(result, sql)
  local rows = result:all()
  result:close()
  if sql:find("*", 1, true) then
    for _, row in ipairs(rows) do
      row[dialect.INSERTED] = nil
    end
  end
  return rows
end

--- Ask a query of a transaction whose rows are needed later. It is sent with others.
---@param sql string
---@param ... any bound values
---@return fun(): table[] answer the rows by column name
function methods:ask(sql, ...)
  local rows
  if not self.in_transaction then
    rows = self:all(sql, ...)
  else
    queue(self, function(result)
      rows = all_of(result, sql)
    end, sql, ...)
  end
  return function()
    if not rows then
      send_queue(self)
    end
    return rows
  end
end

--- All rows of a query.
---@param sql string
---@param ... any bound values
---@return table[] rows by column name
function methods:all(sql, ...)
  if not is_read(sql) then
    self.writes = self.writes + 1
  end
  return all_of(execute(self, sql, ...), sql)
end

--- Run a statement once (schema).
---@param sql string
---@return table[] rows by position
function methods:once(sql)
  self.writes = self.writes + 1
  return execute(self, sql):rows()
end

--- Run a statement once that takes long and gives no rows: it makes an index.
---@param sql string
function methods:build(sql)
  self:once(sql)
end

-- ---------------------------------------------------------------- reading lists

local function give_back(self, connection)
  if self.is_open and #self.spares < 2 and connection:alive() then
    table.insert(self.spares, connection)
  else
    connection:close()
  end
end

local function spare(self)
  local connection = table.remove(self.spares)
  while connection and not connection:alive() do
    connection:close()
    connection = table.remove(self.spares)
  end
  return connection or connect(self, self.replica or self.url)
end

local function each_of(rows, columns_count)
  local i = 0
  return function()
    i = i + 1
    if rows[i] then
      return unpack(rows[i], 1, columns_count)
    end
  end
end

--- The rows of a query one by one, on a connection of its own, so that loops may nest and memory
--- stays flat. In a transaction, which only its own connection sees, all rows are read at once.
---@param sql string
---@param values any[] bound values
---@param count integer how many columns a row has
---@return fun(): any ... the columns of the next row; nothing at the end
function methods:each(sql, values, count)
  if not self.is_open then
    self:fail "the store is closed"
  end
  if self.in_transaction then
    return each_of(execute(self, sql, unpack(values)):rows(), count)
  end
  local connection = spare(self)
  local sent, message, failure = connection:stream(translated(self, sql), unpack(values))
  if not sent then
    failed(self, message, failure)
  end
  return function()
    if not connection then
      return nil
    elseif not self.is_open then
      connection:close()
      connection = nil
      return nil
    end
    local row, text, problem = connection:next()
    if row then
      return unpack(row, 1, count)
    end
    local ended = connection
    connection = nil
    if row == nil then
      ended:close()
      failed(self, text, problem)
    end
    give_back(self, ended)
  end
end

local BEGIN_READ = "BEGIN READ ONLY"
local READ_LIMIT = ("SET LOCAL statement_timeout = %d"):format(READ_SECONDS * 1000)

-- The limit belongs to a transaction, so that no session has to remember it; one round trip.
local function read(connection, sql, values)
  local queued, message, failure = connection:queue(BEGIN_READ)
  if queued then
    connection:queue(READ_LIMIT)
    queued, message, failure = connection:queue(sql, unpack(values))
    if not queued then
      connection:close()
      return nil, message, failure
    end
    connection:queue "COMMIT"
  end
  if not queued then
    return nil, message, failure
  end
  local results
  results, message, failure = connection:flush()
  if not results then
    if connection:alive() then
      connection:query "ROLLBACK"
    end
    return nil, message, failure
  end
  return results[3]:rows()
end

local function reader(self)
  if not self.replica then
    return connected(self)
  end
  if self.reading and not self.reading:alive() then
    self.reading:close()
    self.reading = nil
  end
  self.reading = self.reading or connect(self, self.replica)
  return self.reading
end

--- The few rows of a query that may take long.
---@param sql string
---@param values any[] bound values
---@param _count integer how many columns a row has; the first is never null
---@return any[][] rows by position
function methods:list(sql, values, _count)
  if self.in_transaction then
    return execute(self, sql, unpack(values)):rows()
  end
  connected(self)
  local rows, message, failure = read(reader(self), translated(self, sql), values)
  if not rows and is_lost(failure) then
    rows, message, failure = read(reader(self), translated(self, sql), values)
  end
  return rows or failed(self, message, failure)
end

-- ---------------------------------------------------------------- transactions

local SERIALIZABLE = "BEGIN ISOLATION LEVEL SERIALIZABLE"
local READ_COMMITTED = "BEGIN ISOLATION LEVEL READ COMMITTED"

-- A process that stands still in a transaction holds locks that all others wait for: the server
-- ends its connection.
local IDLE_LIMIT = "SET LOCAL idle_in_transaction_session_timeout = 30000" -- ms

local function leave(self)
  self.in_transaction, self.waiting = false, nil
end

local function roll_back(self)
  if self.connection and self.connection:alive() then
    if #self.waiting > 0 then
      self.connection:flush()
    end
    if not self.connection:query "ROLLBACK" then
      self.connection:close()
    end
  end
  leave(self)
end

-- Work in a transaction once. Gives whether it was done, its result or failure, and whether the
-- server was committing when it failed.
local function try(self, begin, work)
  connected(self)
  self.in_transaction, self.waiting = true, {}
  local ok, result = pcall(function()
    queue(self, ignore, begin)
    queue(self, ignore, IDLE_LIMIT)
    return work()
  end)
  if not ok then
    roll_back(self)
    return false, result, false
  end
  local failure
  ok, failure = pcall(function()
    queue(self, ignore, "COMMIT")
    send_queue(self)
  end)
  if not ok then
    local committing = is_lost(failure)
    roll_back(self)
    return false, failure, committing
  end
  leave(self)
  return true, result
end

local LOST_RACE = { ["40001"] = true, ["40P01"] = true }

-- Whether the same work may begin again: it lost against another transaction, or the connection was
-- lost before the server was asked to commit.
local function may_begin_again(failure, committing)
  return errors.is_failure(failure) and (LOST_RACE[failure.code]
    or is_lost(failure) and not committing)
end

local function transact(self, begin, work)
  local pause = FIRST_PAUSE
  for attempt = 1, MOST_TRIES do
    local ok, result, committing = try(self, begin, work)
    if ok then
      return result
    elseif committing and errors.is_failure(result) then
      errors.throw("store", result.message .. "; whether the last change was stored is not known: "
        .. "run the same command again", { code = result.code, retryable = true })
    elseif attempt == MOST_TRIES or not may_begin_again(result, committing) then
      error(result, 0)
    end
    core.sleep(pause * (0.5 + math.random()))
    pause = math.min(pause * 2, LONGEST_PAUSE)
  end
end

--- Run a function in one transaction: all of it or nothing. It runs again if it loses against
--- another one, or the connection is lost before its end.
---@param work fun(): any
---@return any result of the function; raises what it raised, after the rollback
function methods:transaction(work)
  return transact(self, SERIALIZABLE, work)
end

--- Run work in a transaction. Within an open transaction the work becomes a part of it.
---@param work fun(): any
---@param page boolean? whether the work locks the row of the connection that it is about
---@return any result
function methods:atomic(work, page)
  if self.in_transaction then
    return work()
  end
  return transact(self, page and READ_COMMITTED or SERIALIZABLE, work)
end

--- Run a change of the schema in one transaction; its own transactions become parts of it.
---@param work fun()
function methods:exclusively(work)
  local own = self.transaction
  self.transaction = methods.atomic
  local ok, failure = pcall(transact, self, READ_COMMITTED, work)
  self.transaction = own ~= methods.transaction and own or nil
  if not ok then
    error(failure, 0)
  end
end

--- Run work whose commits must survive a crash of the server. All do: a sync outlives the server,
--- and would go on after a page that the server has forgotten.
---@param work function
---@param ... any its arguments
---@return any ... results of the function
function methods.durably(_, work, ...)
  return work(...)
end

--- In a transaction that changes tables, keep others from doing so.
function methods:lock_schema()
  self:later "UPDATE commerce_schema SET version = version WHERE name = 'commerce'"
end

-- ---------------------------------------------------------------- records

-- The arrays are taken apart side by side in the list of columns: as tables, in FROM, the server
-- would copy each of them before it joins them, which costs half as much again as the insertion.
local INSERT = "INSERT INTO %s (connection_id, id, data%s) SELECT CAST(? AS TEXT), "
  .. "unnest(CAST(? AS TEXT[])), unnest(CAST(? AS TEXT[]))%s "
  .. "ON CONFLICT (connection_id, id) DO UPDATE SET data = excluded.data%s"

-- The collector of a data type's columns, and the statement that writes what it collects.
local function collector_of(self, data_type)
  local known = self.collectors[data_type]
  if not known then
    local paths, names, arrays, sets = {}, {}, {}, {}
    for _, column in ipairs(columns.of(data_type)) do
      if column.name ~= "id" then
        local kind, sql_type = dialect.array_of(column)
        paths[#paths + 1] = { column.field, kind }
        names[#names + 1] = ", " .. column.name
        arrays[#arrays + 1] = (", unnest(CAST(? AS %s))"):format(sql_type)
        sets[#sets + 1] = (", %s = excluded.%s"):format(column.name, column.name)
      end
    end
    known = { rows = self.pq.rows(paths), sql = INSERT:format(data_type.name, table.concat(names),
      table.concat(arrays), table.concat(sets)) }
    self.collectors[data_type] = known
  end
  return known
end

local function send_rows(self, sql, connection_id, count, ...)
  if count > 0 then
    self:later(sql, connection_id, ...)
  end
end

--- Write data of records with their columns, in a transaction: one statement for all.
---@param data_type commerce.DataType
---@param connection_id string
---@param rows { id: string, data: string, is_new: boolean }[] each id once
function methods:write_records(data_type, connection_id, rows)
  local collector = collector_of(self, data_type)
  for _, row in ipairs(rows) do
    if not collector.rows:add(row.id, row.data) then
      collector.rows:take()
      self:fail(("record %s of %s is not a JSON object"):format(row.id, data_type.name))
    end
  end
  send_rows(self, collector.sql, connection_id, collector.rows:take())
end

local FILLED = 500 -- records at once

--- Give the columns of a table of records their values, after a change of the table.
---@param data_type commerce.DataType
function methods:fill_columns(data_type)
  local last_connection, last_id = "", ""
  repeat
    local rows = self:all(("SELECT connection_id, id, data FROM %s "
      .. "WHERE (connection_id, id) > (?, ?) ORDER BY connection_id, id LIMIT ?")
      :format(data_type.name), last_connection, last_id, FILLED)
    local part = {}
    for i, row in ipairs(rows) do
      part[#part + 1] = { id = row.id, data = row.data }
      if not rows[i + 1] or rows[i + 1].connection_id ~= row.connection_id then
        self:write_records(data_type, row.connection_id, part)
        part = {}
      end
      last_connection, last_id = row.connection_id, row.id
    end
  until #rows < FILLED
end

local BATCH = 2000 -- rows
local PAUSE = 0.002 -- seconds

--- Delete rows that may be many in batches, so that no transaction is long. A kill leaves some of
--- the rows.
---@param name string the table
---@param condition string SQL of the rows to delete
---@param ... any its bound values
function methods:delete_many(name, condition, ...)
  local sql = dialect.delete_batch(name, condition, BATCH)
  while self:run(sql, ...) == BATCH do
    self.pause(PAUSE)
  end
end

-- ---------------------------------------------------------------- the rest

--- Between two of many short transactions, let others be served.
---@param pause fun(seconds: number)
function methods:pause_with(pause)
  self.pause = pause
end

--- The name of a listing, which is this handle's own.
---@param listing string
---@return string
function methods:own_name(listing)
  self.own = self.own or core.uuid()
  return self.own .. " " .. listing
end

--- A text that changes with every write: of this handle, and of others to a connection's records.
---@param connection_id string? without one, the text changes every second
---@return string
function methods:version(connection_id)
  if not connection_id then
    return self.writes .. "/" .. os.time()
  end
  local row = self:all("SELECT last FROM change_numbers WHERE connection_id = ?", connection_id)[1]
  return self.writes .. "/" .. (row and row.last or 0)
end

--- Run work that overwrites or deletes data. What PostgreSQL keeps of deleted rows until VACUUM,
--- and in its log, is the operator's: see the README.
---@param work fun(): any
---@return any result of the function
function methods.overwriting(_, work)
  return work()
end

--- The same for secrets.
---@param work fun(): any
---@return any result of the function
function methods.erasing(_, work)
  return work()
end

--- Make the space of deleted rows free for use, which overwrites nothing: see the README.
function methods:compact()
  self:once "VACUUM"
end

--- Refuse to write a copy into a file: PostgreSQL has a tool for that.
function methods:backup()
  errors.throw("usage", self.name .. ": `commerce backup` is for SQLite; use pg_dump, and "
    .. "`commerce store restored` after a restore")
end

--- Close the database; a second close does nothing.
function methods:close()
  if self.is_open and self.has_listings and self.own then
    pcall(self.run, self, "DELETE FROM listed WHERE substr(listing, 1, length(?)) = ?", self.own,
      self.own)
  end
  self.is_open = false
  for _, connection in ipairs(self.spares) do
    connection:close()
  end
  self.spares = {}
  for _, name in ipairs { "connection", "reading" } do
    if self[name] then
      self[name]:close()
      self[name] = nil
    end
  end
end

return database
