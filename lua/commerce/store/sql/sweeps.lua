-- Mark and sweep: the ids that a full read of a list saw, kept so that the unseen records can be
-- found afterwards, also by another process that finishes a killed run. `write_page` stores them.
-- A full read has its own sweep id, in its checkpoint, so two full reads never share their ids.

local columns = require "commerce.store.sql.columns"
local sources = require "commerce.store.sql.sources"
local tables = require "commerce.store.sql.tables"
local time = require "commerce.base.time"

---@class commerce.sql.Store
local sweeps = {}

local function forget(db, connection_id, key)
  db:run("DELETE FROM seen WHERE sweep IN (SELECT id FROM sweeps WHERE connection_id = ? "
    .. "AND key = ?)", connection_id, key)
  db:run("DELETE FROM sweeps WHERE connection_id = ? AND key = ?", connection_id, key)
end

function sweeps:begin_sweep(connection_id, key, state)
  local db = self.db
  return db:atomic(function()
    sources.ask_linked(db, connection_id)()
    forget(db, connection_id, key)
    db:run("INSERT INTO sweeps (connection_id, key) VALUES (?, ?)", connection_id, key)
    state.sweep.id = db:all(("SELECT %s FROM sweeps WHERE connection_id = ? AND key = ?")
      :format(db.dialect.whole("id", "id")), connection_id, key)[1].id
    sources.write_state(db, connection_id, key, state)
    return true
  end)
end

function sweeps:end_sweep(connection_id, key)
  local db = self.db
  return db:atomic(function()
    forget(db, connection_id, key)
    return true
  end)
end

local function ids_of(rows)
  local ids = {}
  for i, row in ipairs(rows) do
    ids[i] = row.id
  end
  return ids
end

-- When a record was created, or later. The source's dates count before the date of writing, which
-- may have been a moment ago.
local function age_of(data_type)
  local dates = {}
  for _, field in ipairs { "createdDate", "sourceModifiedDate" } do
    dates[#dates + 1] = tables.has(data_type, field) and columns.name(field) or nil
  end
  return #dates > 0 and ("coalesce(%s, modified_date)"):format(table.concat(dates, ", "))
    or "modified_date"
end

function sweeps:unseen(data_type, connection_id, full_reads, visible, after, limit)
  local dialect = self.db.dialect
  return ids_of(self.db:all(("SELECT id FROM %s AS record WHERE connection_id = ? AND id > ? "
    .. "AND %s AND %s < %s AND NOT EXISTS (SELECT 1 FROM seen WHERE %s "
    .. "AND seen.data_type = ? AND seen.id = record.id) ORDER BY id LIMIT ?")
    :format(data_type.name, dialect.not_true "metadata_is_deleted", age_of(data_type),
      dialect.date "?", dialect.in_list "seen.sweep"), connection_id, after, time.format(visible),
    dialect.list(full_reads), data_type.name, limit))
end

function sweeps:unseen_sources(connection_id, resource, full_read, visible, after, limit)
  return ids_of(self.db:all(("SELECT id FROM source_objects AS source WHERE connection_id = ? "
    .. "AND resource = ? AND id > ? AND coalesce(%s, 0) < ? AND NOT EXISTS "
    .. "(SELECT 1 FROM seen WHERE seen.sweep = ? AND seen.data_type = '' "
    .. "AND seen.id = source.id) ORDER BY id LIMIT ?")
    :format(self.db.dialect.json_number("data", "created")), connection_id, resource, after,
    visible, full_read, limit))
end

return sweeps
