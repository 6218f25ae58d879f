-- Rewriting what is stored, so that a file keeps no trace of what was there: fields that are not
-- stored any more. Batches are short transactions, each with the place from which to go on.

local sources = require "commerce.store.sql.sources"

---@class commerce.sql.Store
local erasure = {}

-- Rewrite a batch of rows, in one transaction. `update` and `delete` run for one row.
local function rewrite(self, connection_id, rows_of, edit, states, update, delete)
  local db = self.db
  return db:overwriting(function()
    return db:transaction(function()
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
      return done
    end)
  end)
end

function erasure:rewrite_records(connection_id, data_type, after, limit, edit, states)
  local db, name = self.db, data_type.name
  return rewrite(self, connection_id, function()
    return db:all(("SELECT id, data FROM %s WHERE connection_id = ? AND id > ? ORDER BY id LIMIT ?")
      :format(name), connection_id, after, limit)
  end, edit, states, function(data, id)
    db:run(("UPDATE %s SET data = ? WHERE connection_id = ? AND id = ?"):format(name), data,
      connection_id, id)
  end, function(id)
    db:run(("DELETE FROM %s WHERE connection_id = ? AND id = ?"):format(name), connection_id, id)
  end)
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
