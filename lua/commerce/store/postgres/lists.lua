-- Reading many rows: lists that are answered at once, with a bound on the time, and rows one by one
-- on a connection of their own. Both ask the replica if there is one.

local session = require "commerce.store.postgres.session"

local unpack = require("commerce.base.compat").unpack

---@class commerce.postgres.Database
local lists = {}

local READ_SECONDS = 30 -- after which a statement that lists records or adds them up is cancelled

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
  return connection or session.connect(self, self.replica or self.url)
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
function lists:each(sql, values, count)
  if not self.is_open then
    self:fail "the store is closed"
  end
  if self.in_transaction then
    return each_of(session.execute(self, sql, unpack(values)):rows(), count)
  end
  local connection = spare(self)
  local sent, message, failure = connection:stream(session.translated(self, sql), unpack(values))
  if not sent then
    session.fail(self, message, failure)
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
      session.fail(self, text, problem)
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
  return self.replica and session.kept(self, "reading", self.replica) or session.connected(self)
end

--- The few rows of a query that may take long.
---@param sql string
---@param values any[] bound values
---@param _count integer how many columns a row has; the first is never null
---@return any[][] rows by position
function lists:list(sql, values, _count)
  if self.in_transaction then
    return session.execute(self, sql, unpack(values)):rows()
  end
  session.connected(self)
  local rows, message, failure = read(reader(self), session.translated(self, sql), values)
  if not rows and session.is_lost(failure) then
    rows, message, failure = read(reader(self), session.translated(self, sql), values)
  end
  return rows or session.fail(self, message, failure)
end

return lists
