-- Writing a page that was read: records, checkpoint and kept sources together or not at all. A
-- record whose content did not change is not written.

local changes = require "commerce.store.sql.changes"
local payouts = require "commerce.store.sql.payouts"
local record = require "commerce.model.record"
local sources = require "commerce.store.sql.sources"
local types = require "commerce.store.sql.types"

local unpack = require("commerce.base.compat").unpack

---@class commerce.sql.Store
local pages = {}

-- Asks for the stored data of some records; the answer has it by id. `condition` may leave some
-- out.
local function ask_stored(db, data_type, connection_id, ids, condition)
  local answer = db:ask(db.dialect.by_key(data_type.name, "id, data", "id", condition),
    db.dialect.list(ids), connection_id)
  return function()
    local stored = {}
    for _, row in ipairs(answer()) do
      stored[row.id] = row.data
    end
    return stored
  end
end

local function ask_entries(db, data_type, connection_id, entries)
  local ids = {}
  for i, entry in ipairs(entries) do
    ids[i] = entry.id
  end
  return ask_stored(db, data_type, connection_id, ids)
end

-- Two records of one id in one page: the later one counts, as it would over two pages.
local function write_records(db, data_type, connection_id, entries, stored, now, remade)
  local created, changed, unchanged, marks, rows, by_id = {}, {}, 0, 0, {}, {}
  for _, entry in ipairs(entries) do
    local id = entry.id
    local row = by_id[id]
    local old = row and row.data or stored[id]
    local data, marked = record.renewed(old, entry.body, now, remade)
    marks = marks + (marked and 1 or 0)
    if not data then
      unchanged = unchanged + 1
    else
      local kind = old and changed or created
      kind[#kind + 1] = id
      if not row then
        row = { id = id, is_new = not old }
        rows[#rows + 1], by_id[id] = row, row
      end
      row.data = data
    end
  end
  db:write_records(data_type, connection_id, rows)
  return created, changed, unchanged, marks
end

local BATCH = 500 -- records that are marked at once, so that memory stays flat

local function delete_batch(db, data_type, connection_id, ids, now, deleted)
  local stored = ask_stored(db, data_type, connection_id, ids,
    " AND " .. db.dialect.not_true "metadata_is_deleted")()
  local rows = {}
  for _, id in ipairs(ids) do
    if stored[id] then
      rows[#rows + 1] = { id = id, data = record.mark_deleted(stored[id], now), is_new = false }
      deleted[#deleted + 1], stored[id] = id, nil
    end
  end
  db:write_records(data_type, connection_id, rows)
end

local function delete_records(db, data_type, connection_id, ids, now)
  local deleted = {}
  for first = 1, #ids, BATCH do
    delete_batch(db, data_type, connection_id,
      { unpack(ids, first, math.min(first + BATCH - 1, #ids)) }, now, deleted)
  end
  return deleted
end

local function write_sources(db, connection_id, resource, objects)
  for _, object in ipairs(objects) do
    db:later("INSERT INTO source_objects (connection_id, resource, id, parent_id, data) "
      .. "VALUES (?, ?, ?, ?, ?) ON CONFLICT (connection_id, resource, id) "
      .. "DO UPDATE SET parent_id = excluded.parent_id, data = excluded.data "
      .. "WHERE source_objects.data <> excluded.data", connection_id, resource, object.id,
      object.parent_id, object.data)
  end
end

-- Stores the ids that a full read saw; `seen.data_type` is '' for the resource's own objects.
local function write_seen(db, sweep, seen)
  for data_type, ids in pairs(seen) do
    db:later(("INSERT INTO seen (sweep, data_type, id) SELECT ?, ?, value FROM %s WHERE true "
      .. "ON CONFLICT DO NOTHING"):format(db.dialect.elements()), sweep, data_type,
      db.dialect.list(ids))
  end
end

-- The reads of a page come before its writes, so that a database that is far away needs one round
-- trip for all of the first and one for all of the second.
local function write(self, connection_id, page, now)
  local db, counts, done, stored = self.db, {}, {}, {}
  local function note(name, kind, ids)
    if #ids > 0 then
      done[#done + 1] = { type = name, kind = kind, ids = ids }
    end
    return #ids
  end
  local check_linked = sources.ask_linked(db, connection_id)
  for name, records in pairs(page.records or {}) do
    stored[name] = ask_entries(db, types.find_type(self, name), connection_id, records)
  end
  check_linked()
  for name, records in pairs(page.records or {}) do
    local created, changed, unchanged, marks = write_records(db, types.find_type(self, name),
      connection_id, records, stored[name](), now, page.remade)
    counts[name] = { created = note(name, "created", created),
      changed = note(name, "changed", changed), unchanged = unchanged, deleted = 0,
      marked = page.remade and marks or nil }
  end
  write_sources(db, connection_id, page.resource, page.sources or {})
  for name, ids in pairs(page.deleted or {}) do
    counts[name] = counts[name] or { created = 0, changed = 0, unchanged = 0, deleted = 0 }
    counts[name].deleted = note(name, "deleted",
      delete_records(db, types.find_type(self, name), connection_id, ids, now))
  end
  for _, id in ipairs(page.dropped or {}) do
    db:later("DELETE FROM source_objects WHERE connection_id = ? AND resource = ? AND id = ?",
      connection_id, page.resource, id)
  end
  write_seen(db, page.sweep, page.seen or {})
  if page.payout_links then
    payouts.write(db, connection_id, page.payout_links)
  end
  for resource, state in pairs(page.states or {}) do
    sources.write_state(db, connection_id, resource, state)
  end
  changes.append(db, connection_id, done, now)
  return { counts, done }
end

function pages:write_page(connection_id, page, now)
  return unpack(self.db:atomic(function()
    return write(self, connection_id, page, now)
  end, true))
end

return pages
