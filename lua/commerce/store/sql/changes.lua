-- The log of changes: what was created, changed and deleted, in order, and how far each consumer of
-- the log has come. Each change of a connection's records has a number, one higher than the one
-- before it. A row of the log holds what one page did to one data type, so that a change costs
-- little more than its id.

local change_log = require "commerce.store.change_log"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local records = require "commerce.store.sql.records"
local types = require "commerce.store.sql.types"

---@class commerce.sql.Store
local changes = {}

-- The row is locked until the transaction ends, so another one that logs changes of the connection
-- gets its numbers afterwards: numbers come in the order of commits, and a reader that goes on
-- after the last number that it has seen misses none.
local TAKE = "INSERT INTO change_numbers (connection_id, last) VALUES (?, ?) "
  .. "ON CONFLICT (connection_id) DO UPDATE SET last = change_numbers.last + excluded.last"
local ADD = "INSERT INTO changes (connection_id, last, at, data_type, kind, ids) "
  .. "SELECT connection_id, last - ?, ?, ?, ?, ? FROM change_numbers WHERE connection_id = ?"

--- Log what a page did. The last statement of its transaction, since it keeps other writers of the
--- connection's log waiting.
---@param db commerce.sql.Database in the page's transaction
---@param connection_id string
---@param list commerce.PageChange[]
---@param now string YYYY-MM-DDTHH:MM:SSZ
function changes.append(db, connection_id, list, now)
  local count = 0
  for _, entry in ipairs(list) do
    count = count + #entry.ids
  end
  if count == 0 then
    return
  end
  db:later(TAKE, connection_id, count)
  for _, entry in ipairs(list) do
    if #entry.ids > 0 then
      count = count - #entry.ids
      db:later(ADD, count, now, entry.type, entry.kind, json.encode(entry.ids), connection_id)
    end
  end
end

-- The records of some ids as they are now, deleted ones included.
local function data_of(self, connection_id, type_name, ids)
  local data_type = types.find_type(self, type_name)
  return data_type and records.find(self, data_type, connection_id, ids, true) or {}
end

-- The part of a row that comes after a number, at most so many.
local function part_of(row, after, most)
  local ids, part = json.stored(row.ids), {}
  local first = row.last - #ids + 1
  for i = math.max(1, after - first + 2), #ids do
    if #part == most then
      break
    end
    part[#part + 1] = ids[i] ~= "" and {
      number = first + i - 1, type = row.data_type, kind = row.kind,
      id = ids[i], at = row.at } or nil -- "" stands for an erased record
  end
  return part
end

local ROWS = 20 -- of the log, read at once

-- The number of the last change that was pruned, 0 if none was, and before which day they were.
local function pruned(db, connection_id)
  local row = db:all(("SELECT %s, pruned_before FROM change_numbers WHERE connection_id = ?")
    :format(db.dialect.whole("pruned", "pruned")), connection_id)[1]
  return row and row.pruned or 0, row and row.pruned_before
end

function changes:changes(connection_id, after, limit)
  local list, last = {}, after
  change_log.check_kept(after, pruned(self.db, connection_id))
  repeat
    local rows = self.db:all(("SELECT %s, at, data_type, kind, ids FROM changes "
      .. "WHERE connection_id = ? AND last > ? ORDER BY last LIMIT ?")
      :format(self.db.dialect.whole("last", "last")), connection_id, last, ROWS)
    for _, row in ipairs(rows) do
      local part, ids = part_of(row, after, limit - #list), {}
      for i, change in ipairs(part) do
        ids[i] = change.id
      end
      local data = #ids > 0 and data_of(self, connection_id, row.data_type, ids) or {}
      for _, change in ipairs(part) do
        change.data = data[change.id]
        list[#list + 1] = change
      end
      last = row.last
      if #list >= limit then
        break
      end
    end
  until #rows < ROWS or #list >= limit
  return list
end

function changes:last_change(connection_id, before)
  local whole = self.db.dialect.whole
  if before then
    local kept = self.db:all(("SELECT %s FROM changes WHERE connection_id = ? AND at < ?"):format(
      whole("max(last)", "n")), connection_id, before)[1].n
    return kept or change_log.pruned_upto(before, pruned(self.db, connection_id))
  end
  local row = self.db:all(("SELECT %s FROM change_numbers WHERE connection_id = ?"):format(
    whole("last", "n")), connection_id)[1]
  return row and row.n or 0
end

function changes:consumer(connection_id, name)
  local row = self.db:all(("SELECT %s FROM consumers WHERE connection_id = ? AND name = ?")
    :format(self.db.dialect.whole("position", "position")), connection_id, name)[1]
  return row and row.position
end

function changes:acknowledge(connection_id, name, from, to)
  local moved
  if from then
    moved = self.db:run("UPDATE consumers SET position = ? WHERE connection_id = ? AND name = ? "
      .. "AND position = ?", to, connection_id, name, from)
  else
    moved = self.db:run("INSERT INTO consumers (connection_id, name, position) "
      .. "VALUES (?, ?, ?) ON CONFLICT DO NOTHING", connection_id, name, to)
  end
  if moved == 0 then
    errors.throw("store", ("consumer '%s': another process reads the same changes under this "
      .. "name"):format(name))
  end
  return true
end

-- ---------------------------------------------------------------- what is kept of the log

local PRUNED_AT_ONCE = 500 -- rows of the log

-- The number of the last change of those rows that are old enough and that every consumer has read.
local function last_to_prune(rows, date, position)
  local upto, count = nil, 0
  for _, row in ipairs(rows) do
    if row.at >= date or position and row.last > position then
      break
    end
    upto, count = row.last, count + #json.stored(row.ids)
  end
  return upto, count
end

function changes:prune_changes(connection_id, date)
  local db, whole = self.db, self.db.dialect.whole
  return db:transaction(function()
    local position = db:all(("SELECT %s FROM consumers WHERE connection_id = ?"):format(
      whole("min(position)", "n")), connection_id)[1].n
    local rows = db:all(("SELECT %s, at, ids FROM changes WHERE connection_id = ? ORDER BY last "
      .. "LIMIT ?"):format(whole("last", "last")), connection_id, PRUNED_AT_ONCE)
    local upto, count = last_to_prune(rows, date, position)
    if upto then
      db:run("DELETE FROM changes WHERE connection_id = ? AND last <= ?", connection_id, upto)
      db:run("UPDATE change_numbers SET pruned = ?, pruned_before = ? WHERE connection_id = ?",
        upto, date, connection_id)
    end
    return { removed = count, more = #rows == PRUNED_AT_ONCE and upto == rows[#rows].last }
  end)
end

function changes:change_consumers()
  local whole = self.db.dialect.whole
  return self.db:all(("SELECT c.name, %s, %s, %s FROM consumers AS c "
    .. "LEFT JOIN change_numbers AS n ON n.connection_id = c.connection_id "
    .. "GROUP BY c.name ORDER BY c.name"):format(
    whole("count(*)", "connections"),
    whole("sum(CASE WHEN n.last > c.position THEN 1 ELSE 0 END)", "behind"),
    whole("sum(CASE WHEN n.last > c.position THEN n.last - c.position ELSE 0 END)", "unread")))
end

-- The first row of each connection's log, by the key: an index of the times would cost each page.
local OLDEST = "SELECT min(at) AS at FROM (SELECT (SELECT c.at FROM changes AS c "
  .. "WHERE c.connection_id = n.connection_id ORDER BY c.last LIMIT 1) AS at "
  .. "FROM change_numbers AS n) AS logs"

function changes:oldest_change()
  return self.db:all(OLDEST)[1].at
end

function changes:drop_change_consumer(name)
  return self.db:run("DELETE FROM consumers WHERE name = ?", name)
end

return changes
