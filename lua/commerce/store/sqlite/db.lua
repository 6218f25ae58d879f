-- The database handle over LuaDBI: statements, transactions, and errors with a cause and a cure.
-- Failures are raised. SQLite is called in the C locale: Debian's SQLite reads the numbers of a
-- JSON text by the locale, so that columns and queries would have 12 for 12.5 in a program with a
-- decimal comma.

local DBI = require "DBI"
local backoff = require "commerce.runtime.backoff"
local cache = require "commerce.base.cache"
local core = require "commerce.core"
local dialect = require "commerce.store.sqlite.dialect"
local errors = require "commerce.base.errors"
local statements = require "commerce.store.sql.statements"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local in_c_locale = core.in_c_locale

local database = {}

---@class commerce.sql.Database
---@field name string how messages call this database
---@field dialect commerce.sql.Dialect
local methods = { dialect = dialect }
local database_mt = { __name = "commerce.store.sqlite.db", __index = methods }

--- Raise a failure about this database.
---@param message string
---@param passes boolean? whether the same call may succeed later
function methods:fail(message, passes)
  errors.throw("store", ("%s: %s"):format(self.name, message), { retryable = passes })
end

-- SQLite's messages, what the user can do, and whether it may pass by itself.
local CURES = {
  { "database is locked",
    "it is locked by another process; wait for that one to end and try again", true },
  { "disk is full", "the disk is full; make room and run the same command again, "
    .. "what was already stored stays", true },
  { "disk I/O error", "the disk could not be read or written (%s); what was already stored stays",
    true },
  { "file is not a database", "this file is not a SQLite database; name another file" },
  { "unable to open database file", "the file cannot be opened or made; look at its folder and "
    .. "at who may write there", true },
  { "readonly database", "the file may not be written; look at who owns it" },
  { "disk image is malformed",
    "the database file is damaged (%s); restore it or start with a new one" },
}

local function explain(message)
  for _, cure in ipairs(CURES) do
    if message:find(cure[1], 1, true) then
      return cure[2]:format(message:match("[%w/][%w%s/]*$") or message), cure[3]
    end
  end
  return message
end

local function failed(self, message)
  message = tostring(message):gsub("\n.*", ""):gsub("^Execute failed ", "")
  self:fail(explain(message))
end

-- Prepared statements that are kept. The library has about a hundred of its own, of which a sync or
-- a server uses some thirty again and again; queries of callers make others without end.
local MOST_STATEMENTS = 100

local function close(statement)
  statement:close()
end

--- Open a database file.
---@param path string
---@return commerce.sql.Database
function database.open(path)
  local handle, message = DBI.Connect("SQLite3", path)
  if not handle then
    local cause, passes = explain(tostring(message))
    errors.throw("store", ("%s: %s"):format(path, cause), { retryable = passes })
  end
  handle:autocommit(true) -- transactions are begun by hand, where a page begins
  return setmetatable({
    handle = handle, name = path, pause = function() end, lasting_works = 0,
    statements = cache.new(MOST_STATEMENTS, close),
    loops = setmetatable({}, { __mode = "k" }), -- statements of `each`; a collected one is closed
  }, database_mt)
end

local function prepare(self, sql)
  if not self.handle then
    self:fail "the store is closed"
  end
  return self.handle:prepare(sql)
end

local function prepared(self, sql)
  local statement = self.statements:get(sql)
  if not statement then
    local message
    statement, message = prepare(self, sql)
    if not statement then
      failed(self, message)
    end
    self.statements:put(sql, statement)
  end
  return statement
end

-- LuaDBI gives the old error of a failed statement at its next use, too.
local function discard(self, sql, statement)
  self.statements:take(sql)
  statement:close()
end

local function attempt(self, sql, ...)
  local statement = prepared(self, sql)
  local ok, message = in_c_locale(statement.execute, statement, ...)
  if ok then
    return statement
  end
  discard(self, sql, statement)
  return nil, message
end

local function rows_of(statement, named)
  return function()
    return in_c_locale(statement.fetch, statement, named)
  end
end

local function refuse_gone(self)
  errors.throw("store", self.name .. ": the file has been moved, deleted or replaced while it "
    .. "was open, and nothing more is written to it: put it back, or start again with the new one",
    { code = "file_gone" })
end

-- SQLite would go on with a file that nobody can open any more, and what is written there is lost.
local function check_file(self)
  if self.file and not self.in_transaction and core.file_id(self.name) ~= self.file then
    refuse_gone(self)
  end
end

--- From now on, fail if the database's name is no longer that of its file. It fails at once if the
--- file was moved while it was opened.
function methods:watch_file()
  self.file = core.file_id(self.name)
  if not self.file and self.name ~= ":memory:" then
    refuse_gone(self)
  end
end

local FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.016 -- seconds between two tries

-- If other jobs can run meanwhile, this function waits for a lock instead of SQLite. It does not
-- within a transaction, which would keep its own lock while the other jobs use this handle.
local function execute(self, sql, ...)
  check_file(self)
  local statement, message = attempt(self, sql, ...)
  local waited, pauses = 0, nil
  while not statement do
    local locked = tostring(message):find("database is locked", 1, true)
    if not (locked and self.sleep and not self.in_transaction and waited < self.patience) then
      failed(self, message)
    end
    pauses = pauses or backoff.new(FIRST_PAUSE, LONGEST_PAUSE)
    local pause = pauses:next()
    self.sleep(pause)
    waited = waited + pause
    if not self.handle then
      failed(self, "it was closed meanwhile")
    end
    statement, message = attempt(self, sql, ...)
  end
  return statement
end

--- Wait for another process's write in a way of the caller's.
---@param seconds number how long
---@param sleep fun(seconds: number) other work may use this handle meanwhile
function methods:wait_with(seconds, sleep)
  self.patience, self.sleep = seconds, sleep
end

--- Between two of many short transactions, let others write, and be served.
---@param pause fun(seconds: number) other work may use this handle meanwhile
function methods:pause_with(pause)
  self.pause = pause
end

-- ---------------------------------------------------------------- the log

-- A commit that finds a long log (WAL) copies it into the file and waits for the disk, twice. Where
-- that would keep other work waiting, a thread copies the log, and this handle only counts.
local LOG = 1000 -- pages (4 KB) that the log should have when it is copied
local FIRST, LEAST, MOST = 8, 4, 64 -- commits from one copy to the next
local POLL = 0.002 -- seconds

-- SQLite's own way: a commit copies a log of so many pages. With SQLite's default, 1000, that takes
-- up to ten milliseconds, in which nginx serves nobody.
local SMALL_LOG = 250

local function copy_within_commits(self)
  self.log = nil
  self:once("PRAGMA wal_autocheckpoint = " .. SMALL_LOG)
end

--- From now on, have the log copied beside the work of this handle. Work that makes the log too
--- long waits for the copy by the function of `wait_with`: a log that always grows would never
--- begin anew.
function methods:copy_log_beside()
  local library = self:once("SELECT sqlite_source_id()")[1][1]
  self.log = { commits = 0, due = FIRST, library = library }
  self:once("PRAGMA wal_autocheckpoint = 0")
end

local function wait_for_copy(self, copy)
  local pages, copied = copy:poll()
  while pages == false do
    self.sleep(POLL)
    pages, copied = copy:poll()
  end
  return pages, copied
end

-- Another process may be copying the log just now. If no thread can copy it, a commit does, and
-- fails by the same reason.
local function copy_log(self)
  local log = self.log
  local copy = core.copy_log(self.name, log.library)
  local pages, reason = nil, nil
  if copy then
    pages, reason = wait_for_copy(self, copy)
  end
  if pages then
    local due = math.floor(log.commits * LOG / math.max(pages, 1))
    log.due = math.min(math.max(due, LEAST), MOST)
    log.commits = 0
  elseif reason ~= "database is locked" and self.handle then
    copy_within_commits(self)
  end
end

-- Something was committed.
local function note_commit(self)
  local log = self.log
  if not log then
    return
  end
  log.commits = log.commits + 1
  if log.commits >= log.due and not log.copying then
    log.copying = true
    errors.finally(function()
      copy_log(self)
    end, function()
      log.copying = false
    end)
  end
end

--- Run a statement that gives no rows.
---@param sql string
---@param ... any bound values
---@return integer affected rows
function methods:run(sql, ...)
  local affected = execute(self, sql, ...):affected()
  if not self.in_transaction and sql ~= dialect.BEGIN then
    note_commit(self)
  end
  return affected
end

--- Run a statement once that is not worth keeping (schema, pragmas).
---@param sql string
---@return any[][] rows by position
function methods:once(sql)
  local statement, message = prepare(self, sql)
  if not statement then
    failed(self, message)
  end
  local ok, reason = in_c_locale(statement.execute, statement)
  if not ok then
    statement:close()
    failed(self, reason)
  end
  local rows = {}
  if #(statement:columns() or {}) > 0 then
    for row in rows_of(statement, false) do
      rows[#rows + 1] = { unpack(row) }
    end
  end
  statement:close()
  return rows
end

local WHOLE = ("#"):byte()

--- All rows of a query.
---@param sql string
---@param ... any bound values
---@return table<string, any>[] rows by column name
function methods:all(sql, ...)
  local rows = {}
  for row in rows_of(execute(self, sql, ...), true) do
    local copy = {}
    for name, value in pairs(row) do
      if name:byte(-1) == WHOLE then -- see `dialect.whole`
        copy[name:sub(1, -2)] = tonumber(value)
      else
        copy[name] = value
      end
    end
    rows[#rows + 1] = copy
  end
  return rows
end

--- The rows of a query one by one, on a statement of its own, so that loops may nest.
---@param sql string
---@param values any[] bound values
---@param columns integer how many columns a row has
---@return fun(): any ... the columns of the next row; nothing at the end
function methods:each(sql, values, columns)
  local statement, message = prepare(self, sql)
  if not statement then
    failed(self, message)
  end
  local ok, reason = in_c_locale(statement.execute, statement, unpack(values))
  if not ok then
    statement:close()
    failed(self, reason)
  end
  self.loops[statement] = true
  return function()
    -- closed by the end of the rows, or by the database's
    local row = self.loops[statement] and in_c_locale(statement.fetch, statement, false)
    if row then
      return unpack(row, 1, columns)
    elseif self.loops[statement] then
      self.loops[statement] = nil
      statement:close()
    end
  end
end

--- Let another thread do reads that may take long.
---@param read fun(sql: string, values: any[], columns: integer): any[][]?, string? gives all rows
---  by position, or nil and a message; other work may use this handle meanwhile
function methods:read_with(read)
  self.elsewhere = read
end

--- Let another thread run statements that take long and give no rows.
---@param build fun(sql: string): boolean?, string? nil and a message on failure
function methods:build_with(build)
  self.building = build
end

--- Run a statement once that takes long and gives no rows: it makes an index.
---@param sql string
function methods:build(sql)
  if not self.building or self.in_transaction then
    self:once(sql)
    return
  end
  local ok, message = self.building(sql)
  if not ok then
    failed(self, message)
  end
end

--- The few rows of a query that may take long.
---@param sql string
---@param values any[] bound values
---@param columns integer how many columns a row has; the first is never null
---@return any[][] rows by position
function methods:list(sql, values, columns)
  if self.elsewhere and not self.in_transaction then
    local rows, message = self.elsewhere(sql, values, columns)
    return rows or failed(self, message)
  end
  local rows, next_row = {}, self:each(sql, values, columns)
  local row = { next_row() }
  while row[1] ~= nil do
    rows[#rows + 1] = row
    row = { next_row() }
  end
  return rows
end

--- Run a function in one transaction: all of it or nothing. No other transaction is seen in
--- between, and another database may call the function again if it loses against one.
---@param work fun(): any
---@return any result of the function; raises what it raised, after the rollback
function methods:transaction(work)
  self:run(dialect.BEGIN)
  self.in_transaction = true
  local ok, result = pcall(work)
  local failure = result
  if ok then
    ok, failure = pcall(self.run, self, "COMMIT")
  end
  if not ok then
    pcall(self.run, self, "ROLLBACK")
  end
  self.in_transaction = false
  if not ok then
    error(failure, 0)
  end
  note_commit(self)
  return result
end

--- Run work in a transaction. Within an open transaction the work becomes a part of it.
---@param work fun(): any
---@param _page boolean? whether the work locks the row of the connection that it is about: a
---  database with several writers needs no more to keep it apart from others, and may write it a
---  moment later
---@return any result
function methods:atomic(work, _page)
  if self.in_transaction then
    return work()
  end
  return self:transaction(work)
end

--- Set whether a power failure may lose the last commits. Must not be called in a transaction.
---@param lasting boolean true: each commit waits for the disk; false: only a checkpoint does, so
---  that the last commits may be lost together, but nothing is damaged
function methods:lasting(lasting)
  self:once("PRAGMA synchronous = " .. (lasting and "FULL" or "NORMAL"))
end

local function settled(self, ok, ...)
  self.lasting_works = self.lasting_works - 1
  if self.lasting_works == 0 and self.handle then
    self:lasting(false)
  end
  if not ok then
    error(..., 0)
  end
  return ...
end

--- Run work whose commits must survive a power failure: it writes what cannot be fetched again.
--- Within an open transaction the work becomes a part of it.
---@param work function
---@param ... any its arguments
---@return any ... results of the function
function methods:durably(work, ...)
  if self.in_transaction then
    return work(...)
  end
  if self.lasting_works == 0 then
    self:lasting(true)
  end
  self.lasting_works = self.lasting_works + 1
  return settled(self, pcall(work, ...))
end

local BATCH = 200 -- rows: some milliseconds

--- Delete rows that may be many in batches, so that other processes can write and other requests be
--- served in between. Must not run in a transaction. A kill leaves some of the rows.
---@param name string the table
---@param condition string SQL of the rows to delete
---@param ... any its bound values
function methods:delete_many(name, condition, ...)
  statements.delete_many(self, BATCH, name, condition, ...)
end

--- Run a statement of a transaction whose count of rows nobody asks for. A database that is far
--- away may send it later, with others; it fails at the end of the transaction at the latest.
---@param sql string
---@param ... any bound values
function methods:later(sql, ...)
  self:run(sql, ...)
end

--- Ask a query of a transaction whose rows are needed later: a database that is far away may send
--- several together.
---@param sql string
---@param ... any bound values
---@return fun(): table<string, any>[] answer the rows by column name
function methods:ask(sql, ...)
  local rows = self:all(sql, ...)
  return function()
    return rows
  end
end

local function check(self, sql, statement, ok, message)
  if not ok then
    discard(self, sql, statement)
    failed(self, message)
  end
end

-- One statement for all new rows and one for all others, looked up once.
local function write_rows(self, insert, update, connection_id, rows)
  local into, over
  for _, row in ipairs(rows) do
    if row.is_new then
      into = into or prepared(self, insert)
      check(self, insert, into, into:execute(connection_id, row.id, row.data))
    else
      over = over or prepared(self, update)
      check(self, update, over, over:execute(row.data, connection_id, row.id))
    end
  end
end

--- Write data of records, in a transaction. Their columns follow from it.
---@param data_type commerce.DataType
---@param connection_id string
---@param rows { id: string, data: string, is_new: boolean }[] each id once
function methods:write_records(data_type, connection_id, rows)
  in_c_locale(write_rows, self,
    ("INSERT INTO %s (connection_id, id, data) VALUES (?, ?, ?)"):format(data_type.name),
    ("UPDATE %s SET data = ? WHERE connection_id = ? AND id = ?"):format(data_type.name),
    connection_id, rows)
end

--- Give new columns of a table of records their values, after a change of the table: they are
--- generated here.
---@param _data_type commerce.DataType
function methods:fill_columns(_data_type)
  -- nothing to do
end

--- In a transaction that changes tables, keep others from doing so: here no other one writes.
function methods:lock_schema()
  -- nothing to do
end

--- The name of a listing, which is this handle's own.
---@param listing string
---@return string
function methods:own_name(listing)
  return listing
end

--- A text that changes with every write to the database, by this handle or by others.
---@param _connection_id string? only writes to records of this connection need change it
---@return string
function methods:version(_connection_id)
  local row = self:all("SELECT data_version AS others, total_changes() AS own "
    .. "FROM pragma_data_version")[1]
  return row.others .. "/" .. row.own
end

--- Run work that overwrites or deletes data of which the file is to keep no trace: what it frees is
--- overwritten with zeros. The log keeps what was there until `erasing` empties it.
---@param work fun(): any
---@return any result of the function
function methods:overwriting(work)
  self:once("PRAGMA secure_delete = ON")
  local ok, result = pcall(work)
  pcall(self.once, self, "PRAGMA secure_delete = OFF")
  if not ok then
    error(result, 0)
  end
  return result
end

--- Run work that overwrites or deletes secrets, so that the file keeps no trace of them: an
--- envelope of an old master key is worthless only as long as that key is.
---@param work fun(): any
---@return any result of the function
function methods:erasing(work)
  local result = self:overwriting(work)
  -- while a reader uses the log, it stays; the next checkpoint empties it
  pcall(self.once, self, "PRAGMA wal_checkpoint(TRUNCATE)")
  return result
end

--- Write the whole database anew, without the unused space. Takes seconds for each gigabyte, during
--- which others cannot write, and as much space on the disk as the database has.
function methods:compact()
  self:once "VACUUM"
end

--- Write a copy of the whole database into a new file, as it is at one moment; others may write
--- meanwhile. The file has its name only when it is complete.
---@param path string
---@return boolean true
function methods:backup(path)
  if core.file_id(path) then
    self:fail(path .. ": this file exists already; name a new one")
  end
  local partial = path .. ".part"
  os.remove(partial) -- left by a backup that was killed
  if not core.private_file(partial) then
    self:fail(partial .. ": this file cannot be made; look at its folder")
  end
  local ok, raised = pcall(self.once, self, ("VACUUM INTO '%s'"):format((partial:gsub("'", "''"))))
  if not ok then
    os.remove(partial)
    errors.rethrow(raised)
  elseif not os.rename(partial, path) then
    self:fail(("%s: this name cannot be given; the backup is %s"):format(path, partial))
  end
  return true
end

--- Close the database; a second close does nothing.
function methods:close()
  self.statements:clear()
  -- SQLite does not close while the statement of a loop that was left early is open
  for statement in pairs(self.loops) do
    self.loops[statement] = nil
    statement:close()
  end
  if self.handle then
    self.handle:close()
    self.handle = nil
  end
end

return database
