-- What a full read of a list saw, kept so that what it did not see can be told afterwards, also by
-- another process that ended a killed run. `write_page` takes down what was seen. Each full read
-- has an id, which stands in its checkpoint: what one saw is never taken for what another one did.
-- Methods of a store, part of its contract. Called by the SQL stores; failures are raised as in
-- connection.lua.

local json = require "commerce.base.json"
local tables = require "commerce.store.tables"
local time = require "commerce.base.time"
local writing = require "commerce.store.writing"

local sweeps = {}

local function forget(db, connection_id, key)
  db:run("DELETE FROM seen WHERE sweep IN (SELECT id FROM sweeps WHERE connection_id = ? "
    .. "AND key = ?)", connection_id, key)
  db:run("DELETE FROM sweeps WHERE connection_id = ? AND key = ?", connection_id, key)
end

--- A full read begins: what an earlier one of the same list saw is forgotten, and its checkpoint
--- replaced, both or neither.
---@param connection_id string
---@param key string under which the list's checkpoint is kept
---@param state table that checkpoint; state.sweep, a table, gets the `id`
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function sweeps:begin_sweep(connection_id, key, state)
  local db = self.db
  return db:transaction(function()
    writing.check_linked(db, connection_id)
    forget(db, connection_id, key)
    db:run("INSERT INTO sweeps (connection_id, key) VALUES (?, ?)", connection_id, key)
    state.sweep.id = db:all("SELECT id FROM sweeps WHERE connection_id = ? AND key = ?",
      connection_id, key)[1].id
    writing.state(db, connection_id, key, state)
    return true
  end)
end

--- A full read is over: forget what it saw.
---@param connection_id string
---@param key string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function sweeps:end_sweep(connection_id, key)
  local db = self.db
  return db:transaction(function()
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

-- When a record was created, or a time after that: what its source tells is better than when it was
-- written here, which may have been a moment ago.
local function age_of(data_type)
  local dates = {}
  for _, column in ipairs { "created_date", "source_modified_date" } do
    dates[#dates + 1] = tables.has_column(data_type, column) and column or nil
  end
  return #dates > 0 and ("coalesce(%s, modified_date)"):format(table.concat(dates, ", "))
    or "modified_date"
end

--- A batch of the stored records, without deleted ones, that no full read has seen though they are
--- old enough to have been listed.
---@param data_type commerce.DataType
---@param connection_id string
---@param full_reads integer[] ids from `begin_sweep`: of the lists that the type is made of
---@param visible integer unix seconds: what was created from then on may not have been listed yet
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Details? details
function sweeps:unseen(data_type, connection_id, full_reads, visible, after, limit)
  local created = age_of(data_type)
  return ids_of(self.db:all(("SELECT id FROM %s AS record WHERE connection_id = ? AND id > ? "
    .. "AND metadata_is_deleted IS NOT 1 AND %s < ? AND NOT EXISTS "
    .. "(SELECT 1 FROM seen WHERE seen.sweep IN (SELECT value FROM json_each(?)) "
    .. "AND seen.data_type = ? AND seen.id = record.id) ORDER BY id LIMIT ?")
    :format(data_type.name, created), connection_id, after, time.format(visible),
    json.encode(json.array(full_reads)), data_type.name, limit))
end

--- The same for kept source objects.
---@param connection_id string
---@param resource string
---@param full_read integer its id
---@param visible integer unix seconds
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Details? details
function sweeps:unseen_sources(connection_id, resource, full_read, visible, after, limit)
  return ids_of(self.db:all("SELECT id FROM source_objects AS source WHERE connection_id = ? "
    .. "AND resource = ? AND id > ? AND coalesce(data ->> 'created', 0) < ? AND NOT EXISTS "
    .. "(SELECT 1 FROM seen WHERE seen.sweep = ? AND seen.data_type = '' "
    .. "AND seen.id = source.id) ORDER BY id LIMIT ?", connection_id, resource, after, visible,
    full_read, limit))
end

return sweeps
