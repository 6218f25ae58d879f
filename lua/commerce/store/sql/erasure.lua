-- Rewriting what is stored, so that a file keeps no trace of what was there: fields that are not
-- stored any more, and what is known of a person. Batches are short transactions, each with the
-- place from which to go on.

local changes = require "commerce.store.sql.changes"
local json = require "commerce.base.json"
local sources = require "commerce.store.sql.sources"
local types = require "commerce.store.sql.types"

---@class commerce.sql.Store
local erasure = {}

local PAUSE = 0.002 -- seconds

-- A batch without a trace; afterwards others may write, and be served. Under a lease, the end of
-- the transaction is still to come: `under_lease` pauses after it.
local function batch(db, work)
  local done = db:overwriting(work)
  if not db.in_transaction then
    db.pause(PAUSE)
  end
  return done
end

-- Rewrite a batch of rows, in one transaction. `update` and `delete` run for one row; `log` gives
-- what the log of changes tells of the batch, and the time.
local function rewrite(self, connection_id, rows_of, edit, states, update, delete, log)
  local db = self.db
  return batch(db, function()
    return db:atomic(function()
      local done = { seen = 0, changed = 0, removed = 0 }
      for _, row in ipairs(rows_of()) do
        local new = edit(row.data, row.id)
        done.last, done.seen = row.id, done.seen + 1
        if new == false then
          delete(row.id)
          done.removed = done.removed + 1
        elseif new and new ~= row.data then
          update(new, row.id)
          done.changed = done.changed + 1
        end
      end
      for key, state in pairs(states and states(done) or {}) do
        sources.write_state(db, connection_id, key, state)
      end
      if log then
        changes.append(db, connection_id, log(done))
      end
      return done
    end)
  end)
end

function erasure:rewrite_records(connection_id, data_type, after, limit, edit, states, log)
  local db, name = self.db, data_type.name
  return rewrite(self, connection_id, function()
    return db:all(("SELECT id, data FROM %s WHERE connection_id = ? AND id > ? ORDER BY id LIMIT ?")
      :format(name), connection_id, after, limit)
  end, edit, states, function(data, id)
    db:write_records(data_type, connection_id, { { id = id, data = data, is_new = false } })
  end, function(id)
    db:run(("DELETE FROM %s WHERE connection_id = ? AND id = ?"):format(name), connection_id, id)
  end, log)
end

function erasure:rewrite_sources(connection_id, resource, after, limit, edit, states)
  local db = self.db
  return rewrite(self, connection_id, function()
    return sources.kept_sources(self, connection_id, resource, after, limit)
  end, edit, states, function(data, id)
    db:run("UPDATE source_objects SET data = ? WHERE connection_id = ? AND resource = ? "
      .. "AND id = ?", data, connection_id, resource, id)
  end, function(id)
    db:run("DELETE FROM source_objects WHERE connection_id = ? AND resource = ? AND id = ?",
      connection_id, resource, id)
  end)
end

function erasure:rewrite_events(connection_id, after, limit, edit, states)
  local db = self.db
  return rewrite(self, connection_id, function()
    return db:all("SELECT id, body AS data FROM inbox WHERE connection_id = ? AND id > ? "
      .. "ORDER BY id LIMIT ?", connection_id, after, limit)
  end, edit, states, function(data, id)
    db:run("UPDATE inbox SET body = ? WHERE connection_id = ? AND id = ?", data, connection_id, id)
  end, function(id)
    db:run("DELETE FROM inbox WHERE connection_id = ? AND id = ?", connection_id, id)
  end)
end

function erasure:kept_resources(connection_id)
  local names = {}
  for i, row in ipairs(self.db:all("SELECT DISTINCT resource FROM source_objects "
    .. "WHERE connection_id = ? ORDER BY resource", connection_id)) do
    names[i] = row.resource
  end
  return names
end

-- ---------------------------------------------------------------- records and their changes

function erasure:remove_records(connection_id, data_type, ids)
  local db = self.db
  return batch(db, function()
    return db:run(("DELETE FROM %s WHERE connection_id = ? AND %s"):format(data_type.name,
      db.dialect.in_list "id"), connection_id, db.dialect.list(ids))
  end)
end

function erasure:remove_sources(connection_id, resource, ids)
  local db = self.db
  return batch(db, function()
    return db:run("DELETE FROM source_objects WHERE connection_id = ? AND resource = ? AND "
      .. db.dialect.in_list "id", connection_id, resource, db.dialect.list(ids))
  end)
end

-- The ids of a row of the log with "" for the records that are not there any more; nil if all are.
local function without_gone(self, connection_id, row)
  local data_type, ids = types.find_type(self, row.data_type), json.stored(row.ids)
  if not data_type then
    return nil
  end
  local there, forgotten = {}, 0
  for _, found in ipairs(self.db:all(self.db.dialect.by_key(data_type.name, "id", "id"),
    self.db.dialect.list(ids), connection_id)) do
    there[found.id] = true
  end
  for i, id in ipairs(ids) do
    if id ~= "" and not there[id] then
      ids[i], forgotten = "", forgotten + 1
    end
  end
  return forgotten > 0 and ids or nil, forgotten
end

function erasure:forget_gone(connection_id, after, upto, limit)
  local db = self.db
  return batch(db, function()
    return db:atomic(function()
      local done = { seen = 0, changed = 0 }
      for _, row in ipairs(db:all(("SELECT %s, data_type, ids FROM changes WHERE connection_id = ? "
        .. "AND last > ? AND last <= ? ORDER BY last LIMIT ?"):format(
        db.dialect.whole("last", "last")), connection_id, after, upto, limit)) do
        local ids, forgotten = without_gone(self, connection_id, row)
        done.last, done.seen = row.last, done.seen + 1
        if ids then
          db:run("UPDATE changes SET ids = ? WHERE connection_id = ? AND last = ?",
            json.encode(ids), connection_id, row.last)
          done.changed = done.changed + forgotten
        end
      end
      return done
    end)
  end)
end

-- ---------------------------------------------------------------- what is not to be stored again

function erasure:add_erased(connection_id, hashes, now)
  self.db:run(("INSERT INTO erased (connection_id, hash, at) SELECT ?, value, ? FROM %s WHERE true "
    .. "ON CONFLICT DO NOTHING"):format(self.db.dialect.elements()), connection_id, now,
    self.db.dialect.list(hashes))
  return true
end

function erasure:erased(connection_id, hashes)
  local found = {}
  for _, row in ipairs(self.db:all("SELECT hash FROM erased WHERE connection_id = ? AND "
    .. self.db.dialect.in_list "hash", connection_id, self.db.dialect.list(hashes))) do
    found[row.hash] = true
  end
  return found
end

function erasure:has_erased(connection_id)
  return #self.db:all("SELECT 1 AS found FROM erased WHERE connection_id = ? LIMIT 1",
    connection_id) > 0
end

-- Rows that moved within the file while they were written have left copies in the unused space of
-- pages, which only writing all pages anew removes.
function erasure:finish_erasure(compact)
  self.db:erasing(function()
    if compact then
      self.db:compact()
    end
  end)
  return true
end

return erasure
