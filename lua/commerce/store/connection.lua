-- One database connection over LuaDBI: statements, transactions, and errors with a cause and a
-- cure. Called by the SQL stores only. Inside, failures are raised as details; `protect` turns them
-- into `nil, message, details` at the edge of a store's method.

local DBI = require "DBI"
local errors = require "commerce.base.errors"

local unpack = require("commerce.base.compat").unpack

local connection = {}

local methods = {}
local connection_mt = { __name = "commerce.store.connection", __index = methods }

local function raise(self, message)
  local _, _, details = errors.fail("store", ("%s: %s"):format(self.name, message))
  error(details, 0)
end

-- What SQLite says, as its user would want to hear it.
local CURES = {
  { "database is locked",
    "it is locked by another process; wait for that one to end and try again" },
  { "disk is full", "the disk is full; make room and run the same command again, "
    .. "what was already stored stays" },
  { "disk I/O error", "the disk could not be read or written (%s); what was already stored stays" },
  { "file is not a database", "this file is not a SQLite database; name another file" },
  { "unable to open database file", "the file cannot be opened or made; look at its folder and "
    .. "at who may write there" },
  { "readonly database", "the file may not be written; look at who owns it" },
  { "disk image is malformed",
    "the database file is damaged (%s); restore it or start with a new one" },
}

local function explain(message)
  for _, cure in ipairs(CURES) do
    if message:find(cure[1], 1, true) then
      return (cure[2]:format(message:match("[%w%s]+$") or message))
    end
  end
  return message
end

local function failed(self, message)
  message = tostring(message):gsub("\n.*", ""):gsub("^Execute failed ", "")
  raise(self, explain(message))
end

--- Connect.
---@param driver string LuaDBI's driver name
---@param name string how messages call this database
---@param ... any LuaDBI's connect arguments
---@return table? connection nil on failure
---@return string? message
---@return commerce.Details? details
function connection.open(driver, name, ...)
  local handle, message = DBI.Connect(driver, ...)
  if not handle then
    return errors.fail("store", ("%s: %s"):format(name, explain(tostring(message))))
  end
  handle:autocommit(true) -- transactions are begun by hand, where a page begins
  return setmetatable({
    handle = handle, name = name, statements = {}, pause = function() end,
    loops = setmetatable({}, { __mode = "k" }), -- statements of `each`; a collected one is closed
  }, connection_mt)
end

-- Statements are few and fixed: each is prepared once.
local function prepared(self, sql)
  local statement = self.statements[sql]
  if not statement then
    local message
    statement, message = self.handle:prepare(sql)
    if not statement then
      failed(self, message)
    end
    self.statements[sql] = statement
  end
  return statement
end

local function attempt(self, sql, ...)
  local statement = prepared(self, sql)
  local ok, message = statement:execute(...)
  if ok then
    return statement
  end
  -- LuaDBI gives a failed statement's old error again at its next use: it must not be used again
  self.statements[sql] = nil
  statement:close()
  return nil, message
end

local FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.016 -- seconds between two tries

-- Where others can go on meanwhile, it is not SQLite that waits for a lock. Not within a
-- transaction: that would keep the lock, and others use this handle.
local function execute(self, sql, ...)
  local statement, message = attempt(self, sql, ...)
  local waited, pause = 0, FIRST_PAUSE
  while not statement do
    local locked = tostring(message):find("database is locked", 1, true)
    if not (locked and self.sleep and not self.in_transaction and waited < self.patience) then
      failed(self, message)
    end
    self.sleep(pause)
    waited, pause = waited + pause, math.min(pause * 2, LONGEST_PAUSE)
    if not self.handle then
      failed(self, "it was closed meanwhile")
    end
    statement, message = attempt(self, sql, ...)
  end
  return statement
end

--- Wait for another process's write in a way of the caller's.
---@param seconds number how long
---@param sleep fun(seconds: number) others may use this connection meanwhile
function methods:wait_with(seconds, sleep)
  self.patience, self.sleep = seconds, sleep
end

--- Between two of many short transactions, let others write, and be served.
---@param pause fun(seconds: number) others may use this connection meanwhile
function methods:pause_with(pause)
  self.pause = pause
end

--- Run a statement that gives no rows.
---@param sql string
---@param ... any bound values
---@return integer affected rows
function methods:run(sql, ...)
  return execute(self, sql, ...):affected()
end

--- Run a statement once that is not worth keeping (schema, pragmas).
---@param sql string
---@return table[] rows by position
function methods:once(sql)
  local statement, message = self.handle:prepare(sql)
  if not statement then
    failed(self, message)
  end
  local ok, reason = statement:execute()
  if not ok then
    statement:close()
    failed(self, reason)
  end
  local rows = {}
  if #(statement:columns() or {}) > 0 then
    for row in statement:rows(false) do
      rows[#rows + 1] = { unpack(row) }
    end
  end
  statement:close()
  return rows
end

--- All rows of a query.
---@param sql string
---@param ... any bound values
---@return table[] rows by column name
function methods:all(sql, ...)
  local rows = {}
  for row in execute(self, sql, ...):rows(true) do
    local copy = {}
    for name, value in pairs(row) do
      copy[name] = value
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
  local statement, message = self.handle:prepare(sql)
  if not statement then
    failed(self, message)
  end
  local ok, reason = statement:execute(unpack(values))
  if not ok then
    statement:close()
    failed(self, reason)
  end
  self.loops[statement] = true
  return function()
    -- closed by the end of the rows, or by the connection's
    local row = self.loops[statement] and statement:fetch(false)
    if row then
      return unpack(row, 1, columns)
    elseif self.loops[statement] then
      self.loops[statement] = nil
      statement:close()
    end
  end
end

--- Have reads that may take long done by somebody else, who knows this database by its path.
---@param read fun(sql: string, values: any[], columns: integer): any[][]?, string? gives all rows
---  by position, or nil and a message; others may use this connection meanwhile
function methods:read_with(read)
  self.elsewhere = read
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

--- Run a function in one transaction: all of it or nothing.
---@param work fun(): any
---@return any result of the function; raises what it raised, after the rollback
function methods:transaction(work)
  self:run("BEGIN IMMEDIATE")
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
  return result
end

--- The same within a transaction that is under way already, whose end decides.
---@param work fun(): any
---@return any result
function methods:atomic(work)
  if self.in_transaction then
    return work()
  end
  return self:transaction(work)
end

local BATCH = 200 -- rows: some milliseconds
local PAUSE = 0.002 -- seconds

--- Delete rows that may be many, a few at a time: who else wants to write, or to be served by this
--- process, need not wait for all of them. Not in a transaction. A kill leaves some of them.
---@param name string the table
---@param condition string SQL of what is to go
---@param ... any its bound values
function methods:delete_many(name, condition, ...)
  local sql = ("DELETE FROM %s WHERE rowid IN (SELECT rowid FROM %s WHERE %s LIMIT %d)"):format(
    name, name, condition, BATCH)
  while self:run(sql, ...) == BATCH do
    self.pause(PAUSE)
  end
end

--- Close the connection; a second close does nothing.
function methods:close()
  for sql, statement in pairs(self.statements) do
    statement:close()
    self.statements[sql] = nil
  end
  -- SQLite does not close a connection on which a loop that was left early still stands
  for statement in pairs(self.loops) do
    self.loops[statement] = nil
    statement:close()
  end
  if self.handle then
    self.handle:close()
    self.handle = nil
  end
end

--- Turn a raised failure into `nil, message, details`; mistakes of the program stay raised.
---@param method function
---@return function
function connection.protect(method)
  return function(...)
    local result, extra = nil, nil
    local ok, failure = pcall(function(...)
      result, extra = method(...)
    end, ...)
    if ok then
      return result, extra
    elseif type(failure) == "table" and failure.kind then
      return nil, failure.message, failure
    end
    error(failure, 0)
  end
end

return connection
