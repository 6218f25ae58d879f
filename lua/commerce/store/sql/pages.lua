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

-- The stored data of some records by id; `condition` may leave some out.
local function stored_data(db, data_type, connection_id, ids, condition)
  local stored = {}
  for _, row in ipairs(db:all(("SELECT id, data FROM %s WHERE connection_id = ? AND %s%s"):format(
    data_type.name, db.dialect.in_list "id", condition or ""), connection_id,
    db.dialect.list(ids))) do
    stored[row.id] = row.data
  end
  return stored
end

local UPDATE = "UPDATE %s SET data = ? WHERE connection_id = ? AND id = ?"

-- Two records of one id in one page: the later one counts, as it would over two pages.
local function write_records(db, data_type, connection_id, entries, now, remade)
  local created, changed, unchanged, marks, ids = {}, {}, 0, 0, {}
  for i, entry in ipairs(entries) do
    ids[i] = entry.id
  end
  local stored = stored_data(db, data_type, connection_id, ids)
  local insert = ("INSERT INTO %s (connection_id, id, data) VALUES (?, ?, ?)")
    :format(data_type.name)
  local update = UPDATE:format(data_type.name)
  for _, entry in ipairs(entries) do
    local id, old = entry.id, stored[entry.id]
    local data, marked = record.renewed(old, entry.body, now, remade)
    marks = marks + (marked and 1 or 0)
    if not data then
      unchanged = unchanged + 1
    elseif old then
      db:run(update, data, connection_id, id)
      changed[#changed + 1] = id
    else
      db:run(insert, connection_id, id, data)
      created[#created + 1] = id
    end
    stored[id] = data or old
  end
  return created, changed, unchanged, marks
end

local BATCH = 500 -- records that are marked at once, so that memory stays flat

local function delete_batch(db, data_type, connection_id, ids, now, deleted)
  local stored = stored_data(db, data_type, connection_id, ids,
    " AND " .. db.dialect.not_true "metadata_is_deleted")
  local update = UPDATE:format(data_type.name)
  for _, id in ipairs(ids) do
    if stored[id] then
      db:run(update, record.mark_deleted(stored[id], now), connection_id, id)
      deleted[#deleted + 1], stored[id] = id, nil
    end
  end
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
    db:run("INSERT INTO source_objects (connection_id, resource, id, parent_id, data) "
      .. "VALUES (?, ?, ?, ?, ?) ON CONFLICT (connection_id, resource, id) "
      .. "DO UPDATE SET parent_id = excluded.parent_id, data = excluded.data "
      .. "WHERE data <> excluded.data", connection_id, resource, object.id, object.parent_id,
      object.data)
  end
end

-- Stores the ids that a full read saw; `seen.data_type` is '' for the resource's own objects.
local function write_seen(db, sweep, seen)
  for data_type, ids in pairs(seen) do
    db:run(("INSERT INTO seen (sweep, data_type, id) SELECT ?, ?, value FROM %s WHERE true "
      .. "ON CONFLICT DO NOTHING"):format(db.dialect.elements()), sweep, data_type,
      db.dialect.list(ids))
  end
end

function pages:write_page(connection_id, page, now)
  local db, counts, done = self.db, {}, {}
  local function note(name, kind, ids)
    if #ids > 0 then
      done[#done + 1] = { type = name, kind = kind, ids = ids }
    end
    return #ids
  end
  db:atomic(function()
    sources.check_linked(db, connection_id)
    for name, records in pairs(page.records or {}) do
      local created, changed, unchanged, marks = write_records(db, types.find_type(self, name),
        connection_id, records, now, page.remade)
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
      db:run("DELETE FROM source_objects WHERE connection_id = ? AND resource = ? AND id = ?",
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
  end)
  return counts, done
end

return pages
