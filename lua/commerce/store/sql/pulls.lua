-- Pulls: runs of one data type. Their history, the queue of those that wait, and the end of a read.
-- `leases` gives the waiting ones to workers.

local ascii = require "commerce.base.ascii"
local event_rules = require "commerce.store.event_rules"
local outbox = require "commerce.store.sql.outbox"
local select = require "commerce.store.sql.select"
local statements = require "commerce.store.sql.statements"
local time = require "commerce.base.time"
local turns = require "commerce.store.sql.turns"
local types = require "commerce.store.sql.types"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

---@class commerce.sql.Store
local pulls = {}

local FIELDS = { "id", "connection_id", "data_type", "status", "requested", "completed", "read",
  "created", "changed", "unchanged", "progress", "error_message" }
local CHANGING = { "status", "completed", "read", "created", "changed", "unchanged", "progress",
  "error_message" }

local COUNTS = { "read", "created", "changed", "unchanged" }

--- The columns of a pull, as they are selected.
---@param db commerce.sql.Database
---@return string
function pulls.row_of(db)
  local columns = { "id", "connection_id", "data_type", "status", "requested", "completed",
    "progress", "error_message" }
  for _, name in ipairs(COUNTS) do
    columns[#columns + 1] = db.dialect.whole(name, name)
  end
  return table.concat(columns, ", ")
end

local row_of = pulls.row_of

function pulls:save_pull(pull)
  local values = {}
  for i, field in ipairs(FIELDS) do
    values[i] = pull[field]
    if field == "progress" then
      values[i] = pull.progress or 0
    end
  end
  -- the progress of a run that was cancelled meanwhile does not begin its pull again
  self.db:run(self.db.dialect.upsert("pulls", FIELDS, { "id" }, CHANGING)
    .. " WHERE pulls.completed IS NULL OR excluded.completed IS NOT NULL",
    unpack(values, 1, #FIELDS))
  return true
end

function pulls:end_killed_pulls(connection_id, now)
  self.db:run("UPDATE pulls SET requested = ?, completed = CASE WHEN completed > ? THEN ? "
    .. "ELSE completed END WHERE connection_id = ? AND requested > ?", now, now, now, connection_id,
    now)
  return self.db:run("UPDATE pulls SET status = 'Cancelled', completed = ?, "
    .. "error_message = 'interrupted' WHERE connection_id = ? AND status = 'Fetching'", now,
    connection_id)
end

-- ---------------------------------------------------------------- the latest

-- The index finds the row in constant time, independent of the history's length. The order of
-- insertion decides between two runs within one second.
local LATEST = "SELECT %s FROM pulls WHERE connection_id = ? AND data_type = ?%s "
  .. "ORDER BY requested DESC, %s DESC LIMIT 1"

local function latest_of(self, connection_id, condition)
  local latest, sql = {}, LATEST:format(row_of(self.db), condition,
    self.db.dialect.INSERTED)
  for _, row in ipairs(self.db:all("SELECT DISTINCT data_type FROM pulls WHERE connection_id = ?",
    connection_id)) do
    latest[row.data_type] = self.db:all(sql, connection_id, row.data_type)[1]
  end
  return latest
end

function pulls:latest_pulls(connection_id)
  return latest_of(self, connection_id, "")
end

function pulls:latest_complete_pulls(connection_id)
  return latest_of(self, connection_id, " AND status = 'Complete'")
end

function pulls:is_complete(connection_id, type_name)
  return self.db:all("SELECT 1 AS found FROM pulls WHERE connection_id = ? AND data_type = ? "
    .. "AND status = 'Complete' LIMIT 1", connection_id, type_name)[1] ~= nil
end

-- ---------------------------------------------------------------- the history

local COLUMNS = { id = "id", connectionId = "connection_id", status = "status",
  requested = "requested", completed = "completed", progress = "progress",
  errorMessage = "error_message" }

-- A pull is asked about by its data type's key; the table has the name.
local function data_type_key(data_types)
  local cases = {}
  for _, data_type in ipairs(data_types) do
    cases[#cases + 1] = ("WHEN '%s' THEN '%s'"):format(data_type.name, data_type.key)
  end
  return ("(CASE data_type %s ELSE data_type END)"):format(table.concat(cases, " "))
end

local function columns_of(self)
  return function(field)
    return field == "dataType" and data_type_key(types.types(self)) or COLUMNS[field]
  end
end

local function selected(self, connection_ids, options)
  local db, column_of = self.db, columns_of(self)
  local order = select.order(options.order_by, column_of, "requested")
  return { columns = row_of(db), from = "pulls", query = options.query, column_of = column_of,
    order = select.terms(db, order, db.dialect.INSERTED),
    where = { { db.dialect.in_list "connection_id", db.dialect.list(connection_ids) } },
    limit = options.limit, offset = options.offset }
end

function pulls:pulls(connection_ids, options)
  local sql, values = select.rows(self.db, selected(self, connection_ids, options))
  return self.db:all(sql, unpack(values))
end

function pulls:count_pulls(connection_ids, tree)
  local sql, values = select.count(self.db, selected(self, connection_ids, { query = tree }))
  return self.db:all(sql, unpack(values))[1].n
end

function pulls:pull(id)
  return self.db:all(("SELECT %s FROM pulls WHERE id = ?"):format(row_of(self.db)), id)[1]
end

-- ---------------------------------------------------------------- the queue

-- A pull that waits already is the same request; one that is under way may have passed by what has
-- changed meanwhile, so another one waits behind it.
local function waiting(db, connection_id, data_type)
  return db:all(("SELECT %s FROM pulls WHERE connection_id = ? AND data_type = ? "
    .. "AND status = 'Queued'"):format(row_of(db)), connection_id, data_type)[1]
end

local AHEAD = 3600 -- seconds: later dates were written by a clock that was ahead

-- Whether a pull has been requested since a date. Its outcome does not matter.
local function asked_since(db, pull, now)
  return db:all("SELECT 1 AS found FROM pulls WHERE connection_id = ? AND data_type = ? "
    .. "AND requested BETWEEN ? AND ? LIMIT 1", pull.connection_id, pull.data_type,
    pull.unless_since, time.format(time.parse(now) + AHEAD))[1] ~= nil
end

function pulls:queue_pulls(wanted, now)
  local db = self.db
  return db:transaction(function()
    local result, given = {}, {}
    for i, pull in ipairs(wanted) do
      local found = waiting(db, pull.connection_id, pull.data_type)
      if not found and not (pull.unless_since
        and asked_since(db, pull, now)) then
        local turn = given[pull.connection_id] or turns.give(db, pull.connection_id)
        given[pull.connection_id] = turn
        db:run("INSERT INTO pulls (id, connection_id, data_type, status, requested, turn) "
          .. "VALUES (?, ?, ?, 'Queued', ?, ?)", pull.id, pull.connection_id, pull.data_type, now,
          turn)
        found = waiting(db, pull.connection_id, pull.data_type)
      end
      result[i] = found or false
    end
    return result
  end)
end

function pulls:waiting_pulls(connection_id)
  local found = {}
  for _, pull in ipairs(self.db:all(("SELECT %s FROM pulls WHERE connection_id = ? "
    .. "AND status = 'Queued'"):format(row_of(self.db)), connection_id)) do
    found[pull.data_type] = pull
  end
  return found
end

function pulls:pull_counts(statuses)
  local counts = {}
  for _, row in ipairs(self.db:all(("SELECT status, %s FROM pulls WHERE %s GROUP BY status"):format(
    self.db.dialect.whole("count(*)", "n"), self.db.dialect.in_list "status"),
    self.db.dialect.list(statuses))) do
    counts[row.status] = row.n
  end
  return counts
end

-- All workers add to the same rows: in one order, so that two of them never wait for each other,
-- and in a transaction that waits for another one instead of beginning anew.
function pulls:add_counts(counts)
  local db = self.db
  return db:atomic(function()
    for _, name in ipairs(ascii.keys(counts)) do
      db:later(statements.ADD_COUNT, name, counts[name])
    end
    return true
  end, true)
end

function pulls:counts()
  local counts = {}
  for _, row in ipairs(self.db:all("SELECT name, value FROM counters")) do
    counts[row.name] = row.value
  end
  return counts
end

-- ---------------------------------------------------------------- the end of a read

-- The first time that everything that was asked for has been read, some of it to its end.
local function first_reads(self, connection)
  if connection.first_read or self.db:all("SELECT 1 AS found FROM pulls WHERE connection_id = ? "
    .. "AND status IN ('Queued', 'Fetching') LIMIT 1", connection.id)[1] then
    return nil
  end
  return event_rules.first_reads(pulls.latest_pulls(self, connection.id))
end

function pulls:end_reads(connection_id, list)
  local db = self.db
  return db:atomic(function()
    local plain, earlier = {}, pulls.latest_complete_pulls(self, connection_id)
    for i, read in ipairs(list) do
      if read.pull then
        pulls.save_pull(self, read.pull)
      end
      plain[i] = { data_type = read.data_type, status = read.status, message = read.message,
        modified = read.modified == true }
    end
    local connection = db:all("SELECT * FROM connections WHERE id = ?", connection_id)[1]
    local told = connection and event_rules.reads(plain)
    if told then
      outbox.append(db, "read.completed", { connection = connection, reads = told,
        since = event_rules.read_before(earlier, told) })
      local first = first_reads(self, connection)
      if first then
        outbox.append(db, "read.completed.initial", { connection = connection, reads = first })
        db:run("UPDATE connections SET first_read = ? WHERE id = ?", time.now(), connection_id)
      end
    end
    return true
  end)
end

return pulls
