-- The database handle over commerce.pq. Failures are raised.
--
-- Nothing is kept in the server's session, so that a pooler in transaction mode may stand between:
-- no prepared statement, no SET outside a transaction, no temporary table. The statements of a
-- transaction are collected and sent together when an answer is needed.
--
-- Its parts: session.lua has the connection, transactions.lua what commits together, lists.lua what
-- reads many rows, rows.lua what writes them.

local cache = require "commerce.base.cache"
local core = require "commerce.core"
local dialect = require "commerce.store.postgres.dialect"
local errors = require "commerce.base.errors"
local session = require "commerce.store.postgres.session"

local database = {}

---@class commerce.postgres.Database: commerce.sql.Database
local methods = { dialect = dialect }
local database_mt = { __name = "commerce.store.postgres.db", __index = methods }

for _, part in ipairs { "lists", "rows", "transactions" } do
  for name, method in pairs(require("commerce.store.postgres." .. part)) do
    methods[name] = method
  end
end

local WAIT = 30 -- seconds to wait for a server that was there and does not answer: it may restart
local MOST_STATEMENTS = 300 -- translated texts that are kept

--- Raise a failure about this database.
---@param message string
---@param passes boolean? whether the same call may succeed later
function methods:fail(message, passes)
  errors.throw("store", ("%s: %s"):format(self.name, message), { retryable = passes })
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
---@param options { wait: number?, replica: string? } wait: seconds to wait for a server that does
---  not answer; replica: a URL
---@return commerce.postgres.Database
function database.open(pq, url, options)
  return setmetatable({
    pq = pq, url = url, name = shown(url), wait = options.wait or WAIT, replica = options.replica,
    pause = core.sleep, translated = cache.new(MOST_STATEMENTS, function() end), writes = 0,
    spares = {}, is_open = true, collectors = setmetatable({}, { __mode = "k" }),
  }, database_mt)
end

-- ---------------------------------------------------------------- statements

--- Run a statement that gives no rows.
---@param sql string
---@param ... any bound values
---@return integer affected rows
function methods:run(sql, ...)
  self.writes = self.writes + 1
  return session.execute(self, sql, ...):affected()
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
  session.queue(self, session.ignore, sql, ...)
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
---@return fun(): table<string, any>[] answer the rows by column name
function methods:ask(sql, ...)
  local rows
  if not self.in_transaction then
    rows = self:all(sql, ...)
  else
    session.queue(self, function(result)
      rows = all_of(result, sql)
    end, sql, ...)
  end
  return function()
    if not rows then
      session.flush(self)
    end
    return rows
  end
end

--- All rows of a query.
---@param sql string
---@param ... any bound values
---@return table<string, any>[] rows by column name
function methods:all(sql, ...)
  if not session.is_read(sql) then
    self.writes = self.writes + 1
  end
  return all_of(session.execute(self, sql, ...), sql)
end

--- Run a statement once (schema).
---@param sql string
---@return any[][] rows by position
function methods:once(sql)
  self.writes = self.writes + 1
  return session.execute(self, sql):rows()
end

--- Run a statement once that takes long and gives no rows: it makes an index.
---@param sql string
function methods:build(sql)
  self:once(sql)
end

-- ---------------------------------------------------------------- the rest

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
  if self.is_open then
    self:end_notes()
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
