-- Writing a page that was read: records, checkpoint and kept sources together or not at all. A
-- record whose content did not change is not written. Methods of a store, part of its contract.
-- Called by the SQL stores; failures are raised as in connection.lua.

local change_log = require "commerce.store.change_log"
local json = require "commerce.base.json"
local model = require "commerce.model"
local types = require "commerce.store.types"
local writing = require "commerce.store.writing"

local pages = {}

local function stored_data(db, data_type, connection_id, records)
  local ids, stored = {}, {}
  for i, record in ipairs(records) do
    ids[i] = record.id
  end
  local rows = db:all(("SELECT id, data FROM %s WHERE connection_id = ? "
    .. "AND id IN (SELECT value FROM json_each(?))"):format(data_type.name),
    connection_id, json.strings(ids))
  for _, row in ipairs(rows) do
    stored[row.id] = row.data
  end
  return stored
end

-- Two records of one id in one page: the later one counts, as it would over two pages.
local DELETED = ',"metadata":{"isDeleted":true}'
local MARKED = DELETED .. '(,"modifiedDate":"[^"]*"})$'

-- Made anew from what was kept, a record that the source deleted is still deleted.
local function with_mark(body, old)
  local plain, marked = old:gsub(MARKED, "%1")
  if marked == 0 then
    return body, false
  end
  return model.keep_newest(body, plain) .. DELETED, true
end

local function write_records(db, data_type, connection_id, records, now, remade)
  local created, changed, unchanged, marks = {}, {}, 0, 0
  local stored = stored_data(db, data_type, connection_id, records)
  local insert = ("INSERT INTO %s (connection_id, id, data) VALUES (?, ?, ?)")
    :format(data_type.name)
  local update = ("UPDATE %s SET data = ? WHERE connection_id = ? AND id = ?")
    :format(data_type.name)
  for _, record in ipairs(records) do
    local old, body = stored[record.id], record.body
    if old and remade then
      local marked
      body, marked = with_mark(body, old)
      marks = marks + (marked and 1 or 0)
    end
    if not old then
      stored[record.id] = model.stamp(body, now)
      db:run(insert, connection_id, record.id, stored[record.id])
      created[#created + 1] = record.id
    elseif model.same(old, body) then
      unchanged = unchanged + 1
    else
      body = model.keep_newest(body, old)
      if model.same(old, body) then
        unchanged = unchanged + 1
      else
        stored[record.id] = model.stamp(body, now)
        db:run(update, stored[record.id], connection_id, record.id)
        changed[#changed + 1] = record.id
      end
    end
  end
  return created, changed, unchanged, marks
end

local function delete_records(db, data_type, connection_id, ids, now)
  -- edited as text: reading and writing the record here would round its longest numbers
  local deleted = {}
  for i, row in ipairs(db:all(("UPDATE %s SET data = json_set(json_remove(data, '$.modifiedDate'), "
    .. "'$.metadata', json('{\"isDeleted\":true}'), '$.modifiedDate', ?) WHERE connection_id = ? "
    .. "AND id IN (SELECT value FROM json_each(?)) AND metadata_is_deleted IS NOT 1 RETURNING id")
    :format(data_type.name), now, connection_id, json.strings(ids))) do
    deleted[i] = row.id
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

-- What a full read saw; `seen.data_type` is '' for the resource's own objects.
local function write_seen(db, sweep, seen)
  for data_type, ids in pairs(seen) do
    db:run("INSERT OR IGNORE INTO seen (sweep, data_type, id) SELECT ?, ?, value "
      .. "FROM json_each(?)", sweep, data_type, json.strings(ids))
  end
end

--- Write what one page gave, and the checkpoint after it, in one transaction. The connection must
--- be "Linked": details.code is "not_linked" if it is not any more.
---@param connection_id string
---@param page table records: { [data type name] = list of { id, body } }, body from `model.encode`;
---  sources: list of { id, parent_id?, data } of `resource`, for joins;
---  dropped: list of ids of sources that are no more;
---  deleted: { [data type name] = list of ids } that the source deleted: the records stay, marked;
---  seen: { [data type name, or '' for sources] = list of ids } that a full read saw; sweep: the id
---  of that, from `begin_sweep`;
---  states: { [resource] = its checkpoint, a table };
---  remade: true if the records were made of sources that were kept: what is marked as deleted
---  stays marked, and the counts tell how many those are (`marked`); each may be left out
---@param now string the modifiedDate of what changes, YYYY-MM-DDTHH:MM:SSZ
---@return table<string, table>? counts by data type: { created, changed, unchanged,
---  deleted }; nil on failure
---@return table[]|string what it did, as `changes` will tell it: list of { type, kind = "created" |
---  "changed" | "deleted", ids }; or a message
---@return commerce.Details? details
function pages:write_page(connection_id, page, now)
  local db, counts, done = self.db, {}, {}
  local function note(name, kind, ids)
    if #ids > 0 then
      done[#done + 1] = { type = name, kind = kind, ids = ids }
    end
    return #ids
  end
  db:transaction(function()
    writing.check_linked(db, connection_id)
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
    for resource, state in pairs(page.states or {}) do
      writing.state(db, connection_id, resource, state)
    end
    change_log.append(db, connection_id, done, now)
  end)
  return counts, done
end

return pages
