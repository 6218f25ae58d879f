-- Transactions: what commits together, what begins anew, and whether a COMMIT whose answer was lost
-- has been carried out.
--
-- Transactions are SERIALIZABLE and begin anew when they lose against another one, so that the
-- rooms above may write them as if they were alone. A page's transaction locks its connection's row
-- instead (READ COMMITTED): predicate locks on the many rows that it reads would make pages of
-- different connections lose against each other.
--
-- Each transaction notes its number in its handle's own row of `commerce_commits`. If the
-- connection is lost during a COMMIT, `settle` finds out by that row what became of it, and sees to
-- it that it cannot be carried out later: the number of a settled transaction makes its note fail.

local backoff = require "commerce.runtime.backoff"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local session = require "commerce.store.postgres.session"

---@class commerce.postgres.Database
---@field private turn thread|"main"|nil the coroutine whose transaction is under way
local transactions = {}

local FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1 -- seconds between two tries
local MOST_TRIES = 20 -- of a transaction that loses against others
local MOST_DUPLICATES = 3 -- tries of one that finds a row where it had seen none
local SERIALIZABLE = "BEGIN ISOLATION LEVEL SERIALIZABLE"
local READ_COMMITTED = "BEGIN ISOLATION LEVEL READ COMMITTED"

-- A process that stands still in a transaction holds locks that all others wait for: the server
-- ends its connection.
local IDLE_LIMIT = "SET LOCAL idle_in_transaction_session_timeout = 30000" -- ms

-- ---------------------------------------------------------------- what became of a COMMIT

local BEGIN_NOTES = "INSERT INTO commerce_commits (writer, last) VALUES (?, 0)"
local FORGET = "DELETE FROM commerce_commits WHERE at < now() - INTERVAL '7 days'" -- of killed ones
-- NULL, which the column refuses, if the transaction has been settled
local NOTE = "UPDATE commerce_commits SET last = CASE WHEN last < ? THEN CAST(? AS BIGINT) END, "
  .. "at = now() WHERE writer = ?"
local SETTLE = "UPDATE commerce_commits SET last = ? WHERE writer = ? AND last < ?"
local LAST = "SELECT CAST(last AS BIGINT) AS last FROM commerce_commits WHERE writer = ?"

-- Give the handle a row of its own, before its first transaction.
local function begin_notes(self)
  if not self.writer then
    local writer = core.uuid()
    session.execute(self, FORGET)
    session.execute(self, BEGIN_NOTES, writer)
    self.writer, self.number = writer, 0
  end
end

-- The numbers of transactions are even; the odd ones between them settle them.
local function note(self)
  self.number = self.number + 2
  session.queue(self, function(result)
    if result:affected() == 0 then -- somebody deleted the row
      self.writer = nil
    end
  end, NOTE, self.number, self.number, self.writer)
end

-- Whether the last transaction, which was committing when the connection was lost, has been carried
-- out; nil if nobody can know. Waits until the server has ended it. It can be asked twice.
local function settle(self)
  if not self.writer then
    return nil
  end
  session.execute(self, SETTLE, self.number + 1, self.writer, self.number)
  local result = session.execute(self, LAST, self.writer)
  local row = result:all()[1]
  result:close()
  if row then
    return row.last == self.number
  end
end

local function unknown(failure)
  errors.throw("store", failure.message .. "; whether the last change was stored is not known: "
    .. "run the same command again", { code = failure.code, retryable = true })
end

-- The same, with patience: the server may have gone down again.
local function was_carried_out(self, failure)
  for attempt = 1, 2 do
    local ok, result = pcall(settle, self)
    if ok and result ~= nil then
      return result
    elseif ok or attempt == 2 then
      unknown(failure)
    end
  end
end

-- ---------------------------------------------------------------- one transaction

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

-- Work in a transaction once. Gives whether it was done, its result or failure, and, if the
-- connection was lost while the server was committing, the work's result in a table.
local function try(self, begin, work, without_note)
  session.connected(self)
  if not without_note then
    begin_notes(self)
  end
  self.in_transaction, self.waiting = true, {}
  local ok, result = pcall(function()
    session.queue(self, session.ignore, begin)
    session.queue(self, session.ignore, IDLE_LIMIT)
    if not without_note then
      note(self)
    end
    return work()
  end)
  if not ok then
    roll_back(self)
    return false, result
  end
  local failure
  ok, failure = pcall(function()
    session.queue(self, session.ignore, "COMMIT")
    session.flush(self)
  end)
  if not ok then
    local committing = session.is_lost(failure)
    roll_back(self)
    return false, failure, committing and { result } or nil
  end
  leave(self)
  return true, result
end

-- A duplicate (23505) is often a lost race, too: where the work looked for something else than the
-- key, the server does not notice that the row was written after the look.
local TRIES = { ["40001"] = MOST_TRIES, ["40P01"] = MOST_TRIES, ["23505"] = MOST_DUPLICATES }

-- Whether the same work may begin again after so many tries: it lost against another transaction,
-- or the connection was lost, and what was done before is undone.
local function may_begin_again(failure, tries)
  return errors.is_failure(failure)
    and tries < (TRIES[failure.code] or session.is_lost(failure) and MOST_TRIES or 0)
end

local function try_until_done(self, begin, work, without_note)
  local pauses = backoff.new(FIRST_PAUSE, LONGEST_PAUSE)
  for attempt = 1, math.huge do
    local ok, result, committing = try(self, begin, work, without_note)
    if ok then
      return result
    elseif committing and without_note then
      unknown(result)
    elseif committing and was_carried_out(self, result) then
      return committing[1]
    elseif not may_begin_again(result, attempt) then
      error(result, 0)
    end
    core.sleep(pauses:next() * (0.5 + math.random()))
  end
end

-- While a job waits for a server that is away, other jobs of the process use the handle. Their
-- transactions wait until the one that was begun is over: the row of `commerce_commits` has only
-- the last number, and tells nothing of a COMMIT that another transaction has followed.
local TURN = 0.02 -- seconds between two looks whether the other one is over

local function transact(self, begin, work, without_note)
  local here = coroutine.running() or "main" -- LuaJIT has no coroutine there
  if self.turn == here then
    error "BUG: a transaction within a transaction"
  end
  while self.turn do
    self.pause(TURN)
  end
  self.turn = here
  local ok, result = pcall(try_until_done, self, begin, work, without_note)
  self.turn = nil
  if not ok then
    error(result, 0)
  end
  return result
end

-- ---------------------------------------------------------------- the handle's methods

--- Run a function in one transaction: all of it or nothing. It runs again if it loses against
--- another one, or the connection is lost and it was not stored.
---@param work fun(): any
---@return any result of the function; raises what it raised, after the rollback
function transactions:transaction(work)
  return transact(self, SERIALIZABLE, work)
end

--- Run work in a transaction. Within an open transaction the work becomes a part of it.
---@param work fun(): any
---@param page boolean? whether the work locks the row of the connection that it is about
---@return any result
function transactions:atomic(work, page)
  if self.in_transaction then
    return work()
  end
  return transact(self, page and READ_COMMITTED or SERIALIZABLE, work)
end

--- Run a change of the schema in one transaction; its own transactions become parts of it.
---@param work fun()
function transactions:exclusively(work)
  local own = rawget(self, "transaction")
  self.transaction = transactions.atomic
  local ok, failure = pcall(transact, self, READ_COMMITTED, work, true)
  self.transaction = own
  if not ok then
    error(failure, 0)
  end
end

--- Delete the handle's row of `commerce_commits`, if that is no trouble.
function transactions:end_notes()
  if self.writer and self.connection and self.connection:alive() then
    self.connection:query(session.translated(self,
      "DELETE FROM commerce_commits WHERE writer = ?"), self.writer)
  end
  self.writer = nil
end

return transactions
