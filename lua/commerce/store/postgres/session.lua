-- A handle's connection to the server: connecting, waiting for a server that restarts, statements
-- one by one or collected and sent together, and failures with a cause and a cure.
--
-- The functions take the handle (db.lua), whose fields `connection`, `waiting` and `in_transaction`
-- are theirs and those of transactions.lua.

local backoff = require "commerce.runtime.backoff"
local errors = require "commerce.base.errors"
local tables = require "commerce.base.tables"

local session = {}

local FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1 -- seconds between two tries
local STATEMENT_SECONDS = 300 -- after which a statement is cancelled

-- ---------------------------------------------------------------- failures

-- What the user can do, by SQLSTATE.
local CURES = {
  ["28P01"] = "%s; check the user and the password, or PGPASSWORD",
  ["3D000"] = "%s; make it with `createdb`",
  ["42501"] = "%s; the user must own the schema's tables",
  ["53100"] = "the server's disk is full; make room and run the same command again, what was "
    .. "already stored stays",
  ["57014"] = "the statement took too long and was cancelled",
}

--- Raise a failure that the driver gave.
---@param self commerce.postgres.Database
---@param message string
---@param failure commerce.pq.Failure?
function session.fail(self, message, failure)
  local cure = CURES[failure and failure.code]
  errors.throw("store", ("%s: %s"):format(self.name, cure and cure:format(message) or message),
    tables.merged(failure or {}))
end

-- ---------------------------------------------------------------- connecting

--- Whether a failure means that the connection cannot be used any more.
---@param failure any
---@return boolean
function session.is_lost(failure)
  return type(failure) == "table" and failure.lost == true
end

-- Errors that a server gives while it starts or stops.
local function may_pass(failure)
  return session.is_lost(failure) and failure.code ~= "28P01" and failure.code ~= "3D000"
    and failure.retryable
end

-- Whether a message of a connection that was refused is about something that time does not change.
local function is_final(message)
  return message:find "authentication" or message:find "does not exist" or message:find "no pg_hba"
    or message:find "cannot read the URL" or message:find "certificate"
end

--- Connect, and wait for a server that was there before and does not answer: it may restart.
---@param self commerce.postgres.Database
---@param url string
---@return commerce.pq.Connection
function session.connect(self, url)
  local waited, pauses = 0, backoff.new(FIRST_PAUSE, LONGEST_PAUSE)
  while true do
    local connection, message, failure = self.pq.connect(url, STATEMENT_SECONDS)
    if connection then
      self.was_reached = true
      return connection
    elseif message:find("certificate verify failed", 1, true) then
      message = message .. "; no authority in the file of sslrootcert has signed the server's "
        .. "certificate"
    end
    if not may_pass(failure) or is_final(message) or waited >= self.wait
      or not (self.was_reached or message:find("starting up", 1, true)) then
      session.fail(self, message, { code = failure.code, retryable = not is_final(message),
        unreachable = true })
    end
    local pause = pauses:next()
    self.pause(pause)
    waited = waited + pause
  end
end

--- The connection that the handle keeps in one of its fields, a new one if the server has ended the
--- last one. Not within a transaction.
---@param self commerce.postgres.Database
---@param field "connection"|"reading"
---@param url string where it leads
---@return commerce.pq.Connection
function session.kept(self, field, url)
  if self[field] and not self[field]:alive() then
    self[field]:close()
    self[field] = nil
  end
  if not self[field] then
    local made = session.connect(self, url)
    if self[field] and self[field]:alive() then -- another job's, which did not wait for so long
      made:close()
    else
      self[field] = made
    end
  end
  return self[field]
end

--- The connection for what is written, as `kept` gives it. Raises if the store is closed.
---@param self commerce.postgres.Database
---@return commerce.pq.Connection
function session.connected(self)
  if not self.is_open then
    self:fail "the store is closed"
  end
  return session.kept(self, "connection", self.url)
end

-- ---------------------------------------------------------------- statements

--- "?" as $1, $2, …; the store's texts have no "?" of another meaning.
---@param self commerce.postgres.Database
---@param sql string
---@return string
function session.translated(self, sql)
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

--- Send the collected statements of a transaction, and hand out their answers.
---@param self commerce.postgres.Database
---@return commerce.pq.Result result of the last one
function session.flush(self)
  local results, message, failure = self.connection:flush()
  local waiting = self.waiting
  self.waiting = {}
  if not results then
    session.fail(self, message, failure)
  end
  for i, take in ipairs(waiting) do
    take(results[i])
  end
  return results[#results]
end

--- Take an answer that nobody asks for.
function session.ignore() end

--- Collect a statement of a transaction.
---@param self commerce.postgres.Database
---@param take fun(result: commerce.pq.Result) gets its answer when it has been sent
---@param sql string
---@param ... any bound values
function session.queue(self, take, sql, ...)
  local queued, message, failure = self.connection:queue(session.translated(self, sql), ...)
  if not queued then
    session.fail(self, message, failure)
  end
  self.waiting[#self.waiting + 1] = take
end

--- Whether a statement only reads.
---@param sql string
---@return boolean
function session.is_read(sql)
  return sql:find "^%s*SELECT" and not sql:find("FOR UPDATE", 1, true)
end

--- Run one statement. A read is repeated if the connection is lost meanwhile.
---@param self commerce.postgres.Database
---@param sql string
---@param ... any bound values
---@return commerce.pq.Result result
function session.execute(self, sql, ...)
  if self.in_transaction then
    session.queue(self, session.ignore, sql, ...)
    return session.flush(self)
  end
  local result, message, failure = session.connected(self):query(session.translated(self, sql), ...)
  if not result and session.is_lost(failure) and session.is_read(sql) then
    result, message, failure = session.connected(self):query(session.translated(self, sql), ...)
  end
  if not result then
    session.fail(self, message, failure)
  end
  return result
end

return session
