-- The SQLite store. Its methods are the contract that every store keeps; the shared contract spec
-- (spec/support/store_contract.lua) tests it. Called by commerce.store.
--
-- What a store promises: a page's records and the checkpoint after it are written together or not
-- at all; a record whose content did not change is not written; modifiedDate is the store's stamp.

local connection = require "commerce.store.connection"
local errors = require "commerce.errors"
local json = require "commerce.json"
local listings = require "commerce.store.listings"
local model = require "commerce.model"
local query = require "commerce.query"
local schema = require "commerce.store.schema"

local protect = connection.protect

local sqlite = {}

---@class commerce.Store
local methods = {}
local store_mt = { __name = "commerce.store.sqlite", __index = methods }

local APPLICATION_ID = 0x434D4D52 -- "CMMR": whose file this is, in SQLite's own header
local BUSY_TIMEOUT = 5000 -- milliseconds to wait for another process's write

-- ---------------------------------------------------------------- opening

local function pragma(db, name)
  return tonumber(db:once("PRAGMA " .. name)[1][1])
end

local function fail(db, message)
  local _, _, details = errors.fail("store", ("%s: %s"):format(db.name, message))
  error(details, 0)
end

-- Never write into a database that is somebody else's.
local function check_owner(db)
  local tables = tonumber(db:once("SELECT count(*) FROM sqlite_master")[1][1])
  if tables == 0 then
    return
  elseif pragma(db, "application_id") ~= APPLICATION_ID then
    fail(db, "this database belongs to another program; name another file")
  end
  local version = pragma(db, "user_version")
  if version > schema.VERSION then
    fail(db, ("this database has schema version %d, made by a newer lua-commerce; this one knows "
      .. "versions up to %d"):format(version, schema.VERSION))
  end
end

-- Forward, one version at a time, all in one transaction: a kill in between leaves the old version.
local function migrate(db)
  if pragma(db, "user_version") == schema.VERSION then
    return
  end
  db:transaction(function()
    local version = pragma(db, "user_version") -- again, now that no other process can write
    while version < schema.VERSION do
      for _, statement in ipairs(schema.migrations[version](model.types())) do
        db:once(statement)
      end
      version = version + 1
    end
    db:once("PRAGMA application_id = " .. APPLICATION_ID)
    db:once("PRAGMA user_version = " .. schema.VERSION)
  end)
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

--- Open, and if need be make or migrate, a SQLite database.
---@param path string a file, or ":memory:"
---@param options table create = false: fail if the file does not exist
---@return commerce.Store? store nil on failure
---@return string? message
---@return commerce.Details? details
function sqlite.open(path, options)
  if options.create == false and not exists(path) then
    return errors.fail("store", path .. ": there is no such database; run `commerce sync` first")
  end
  local db, message, details = connection.open("SQLite3", path, path)
  if not db then
    return nil, message, details
  end
  local ok, reason, why = protect(function()
    db:once("PRAGMA busy_timeout = " .. BUSY_TIMEOUT)
    check_owner(db)
    db:once("PRAGMA journal_mode = WAL") -- readers never wait for the writer
    db:once("PRAGMA synchronous = NORMAL") -- with WAL, a crash loses nothing that matters here
    db:once("PRAGMA cache_size = -8000") -- KB
    migrate(db)
    return true
  end)()
  if not ok then
    db:close()
    return nil, reason, why
  end
  return setmetatable({ db = db, path = path }, store_mt)
end

-- ---------------------------------------------------------------- writing

local function stored_data(db, data_type, connection_id, records)
  local ids, stored = {}, {}
  for i, record in ipairs(records) do
    ids[i] = json.string(record.id)
  end
  local rows = db:all(("SELECT id, data FROM %s WHERE connection_id = ? "
    .. "AND id IN (SELECT value FROM json_each(?))"):format(data_type.name),
    connection_id, "[" .. table.concat(ids, ",") .. "]")
  for _, row in ipairs(rows) do
    stored[row.id] = row.data
  end
  return stored
end

-- Two records of one id in one page: the later one counts, as it would over two pages.
local function write_records(db, data_type, connection_id, records, now)
  local counts = { created = 0, changed = 0, unchanged = 0, deleted = 0 }
  local stored = stored_data(db, data_type, connection_id, records)
  local insert = ("INSERT INTO %s (connection_id, id, data) VALUES (?, ?, ?)")
    :format(data_type.name)
  local update = ("UPDATE %s SET data = ? WHERE connection_id = ? AND id = ?")
    :format(data_type.name)
  for _, record in ipairs(records) do
    local old = stored[record.id]
    if not old then
      stored[record.id] = model.stamp(record.body, now)
      db:run(insert, connection_id, record.id, stored[record.id])
      counts.created = counts.created + 1
    elseif model.same(old, record.body) then
      counts.unchanged = counts.unchanged + 1
    else
      local body = model.keep_newest(record.body, old)
      if model.same(old, body) then
        counts.unchanged = counts.unchanged + 1
      else
        stored[record.id] = model.stamp(body, now)
        db:run(update, stored[record.id], connection_id, record.id)
        counts.changed = counts.changed + 1
      end
    end
  end
  return counts
end

local function delete_records(db, data_type, connection_id, ids, now)
  local deleted = 0
  for _, id in ipairs(ids) do
    local row = db:all(("SELECT data FROM %s WHERE connection_id = ? AND id = ?")
      :format(data_type.name), connection_id, id)[1]
    local data = row and model.mark_deleted(row.data, now)
    if data then
      db:run(("UPDATE %s SET data = ? WHERE connection_id = ? AND id = ?"):format(data_type.name),
        data, connection_id, id)
      deleted = deleted + 1
    end
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

local function write_state(db, connection_id, resource, state)
  db:run("INSERT INTO resource_state (connection_id, resource, state) VALUES (?, ?, ?) "
    .. "ON CONFLICT (connection_id, resource) DO UPDATE SET state = excluded.state",
    connection_id, resource, json.encode(state))
end

--- Write what one page gave, and the checkpoint after it, in one transaction.
---@param connection_id string
---@param page table records: { [data type name] = list of { id, body } }, body from `model.encode`;
---  sources: list of { id, parent_id?, data } of `resource`, for joins;
---  dropped: list of ids of sources that are no more;
---  deleted: { [data type name] = list of ids } that the source deleted: the records stay, marked;
---  states: { [resource] = its checkpoint, a table }; each may be left out
---@param now string the modifiedDate of what changes, YYYY-MM-DDTHH:MM:SSZ
---@return table<string, table>? counts by data type: { created, changed, unchanged,
---  deleted }
---@return string? message
---@return commerce.Details? details
methods.write_page = protect(function(self, connection_id, page, now)
  local db, counts = self.db, {}
  db:transaction(function()
    for name, records in pairs(page.records or {}) do
      counts[name] = write_records(db, model.find(name), connection_id, records, now)
    end
    write_sources(db, connection_id, page.resource, page.sources or {})
    for name, ids in pairs(page.deleted or {}) do
      counts[name] = counts[name] or { created = 0, changed = 0, unchanged = 0, deleted = 0 }
      counts[name].deleted = delete_records(db, model.find(name), connection_id, ids, now)
    end
    for _, id in ipairs(page.dropped or {}) do
      db:run("DELETE FROM source_objects WHERE connection_id = ? AND resource = ? AND id = ?",
        connection_id, page.resource, id)
    end
    for resource, state in pairs(page.states or {}) do
      write_state(db, connection_id, resource, state)
    end
  end)
  return counts
end)

-- ---------------------------------------------------------------- reading

--- The checkpoint of a resource.
---@param connection_id string
---@param resource string
---@return table? state nil if there is none
methods.state = protect(function(self, connection_id, resource)
  local row = self.db:all("SELECT state FROM resource_state WHERE connection_id = ? "
    .. "AND resource = ?", connection_id, resource)[1]
  return row and json.decode(row.state) or nil
end)

--- A batch of kept source objects with their children, in the order of their ids.
---@param connection_id string
---@param resource string of the parents
---@param child_resource string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return table[]? batch list of { id, data, children = list of data }; nil on failure
---@return string? message
---@return commerce.Details? details
methods.joined_sources = protect(function(self, connection_id, resource, child_resource, after,
  limit)
  local batch = self.db:all("SELECT id, data FROM source_objects WHERE connection_id = ? "
    .. "AND resource = ? AND id > ? ORDER BY id LIMIT ?", connection_id, resource, after, limit)
  for _, parent in ipairs(batch) do
    parent.children = {}
    for _, child in ipairs(self.db:all("SELECT data FROM source_objects WHERE connection_id = ? "
      .. "AND resource = ? AND parent_id = ?", connection_id, child_resource, parent.id)) do
      parent.children[#parent.children + 1] = child.data
    end
  end
  return batch
end)

local function records_query(data_type, options)
  local where, values = {}, {}
  if options.connection_id then
    where[#where + 1] = "connection_id = ?"
    values[#values + 1] = options.connection_id
  end
  if not options.deleted then
    where[#where + 1] = "metadata_is_deleted IS NOT 1"
  end
  if options.query then
    where[#where + 1] = query.to_sql(options.query, values)
  end
  local order = options.order_by or { column = nil, descending = true }
  local created = data_type.shape.by_name.createdDate and "created_date" or nil
  local column = order.column or created
  local direction = order.descending and " DESC" or ""
  local sql = ("SELECT id, data, connection_id FROM %s%s ORDER BY %sid%s LIMIT ? OFFSET ?"):format(
    data_type.name, #where > 0 and " WHERE " .. table.concat(where, " AND ") or "",
    column and column .. direction .. ", " or "", direction)
  values[#values + 1] = options.limit or -1
  values[#values + 1] = options.offset or 0
  return sql, values
end

--- Iterate over stored records, newest first if nothing else is asked for.
---@param data_type commerce.DataType
---@param options table connection_id, query (from `query.parse`), order_by (from `query.order`),
---  limit, offset, deleted (true: also those that the source deleted)
---@return (fun(): string?, string?, string?)? next gives id, data and connection id; nil on failure
---@return string? message
---@return commerce.Details? details
methods.records = protect(function(self, data_type, options)
  local sql, values = records_query(data_type, options)
  return self.db:each(sql, values, 3)
end)

--- How many records of a type are stored, without the deleted ones.
---@param data_type commerce.DataType
---@param connection_id string
---@return integer? count nil on failure
---@return string? message
---@return commerce.Details? details
methods.count = protect(function(self, data_type, connection_id)
  return self.db:all(("SELECT count(*) AS n FROM %s WHERE connection_id = ? "
    .. "AND metadata_is_deleted IS NOT 1"):format(data_type.name), connection_id)[1].n
end)

for name, method in pairs(listings) do
  methods[name] = protect(method)
end

-- ---------------------------------------------------------------- connections and pulls

--- All connections, oldest first.
---@return table[]? rows { id, integration, account, name, status, created, last_sync }
---@return string? message
---@return commerce.Details? details
methods.connections = protect(function(self)
  return self.db:all("SELECT * FROM connections ORDER BY created, id")
end)

--- Keep a connection, or its changes.
---@param row table as `connections` gives it
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
methods.save_connection = protect(function(self, row)
  self.db:run("INSERT INTO connections (id, integration, account, name, status, created, "
    .. "last_sync) VALUES (?, ?, ?, ?, ?, ?, ?) "
    .. "ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, "
    .. "last_sync = excluded.last_sync", row.id, row.integration, row.account,
    row.name, row.status, row.created, row.last_sync)
  return true
end)

--- Keep a pull, or its changes.
---@param pull table { id, connection_id, data_type, status, requested, completed, read, created,
---  changed, unchanged, error_message }
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
methods.save_pull = protect(function(self, pull)
  self.db:run("INSERT INTO pulls (id, connection_id, data_type, status, requested, completed, "
    .. "read, created, changed, unchanged, error_message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    .. "ON CONFLICT (id) DO UPDATE SET status = excluded.status, completed = excluded.completed, "
    .. "read = excluded.read, created = excluded.created, changed = excluded.changed, "
    .. "unchanged = excluded.unchanged, error_message = excluded.error_message", pull.id,
    pull.connection_id, pull.data_type, pull.status, pull.requested, pull.completed, pull.read,
    pull.created, pull.changed, pull.unchanged, pull.error_message)
  return true
end)

--- The latest pull of each data type of a connection.
---@param connection_id string
---@return table<string, table>? pulls by data type name; nil on failure
---@return string? message
---@return commerce.Details? details
methods.latest_pulls = protect(function(self, connection_id)
  local latest = {}
  -- rowid breaks the tie of two runs within one second
  for _, pull in ipairs(self.db:all("SELECT * FROM pulls WHERE connection_id = ? "
    .. "ORDER BY requested, rowid", connection_id)) do
    latest[pull.data_type] = pull
  end
  return latest
end)

--- Close the store; a second close does nothing.
function methods:close()
  self.db:close()
end

return sqlite
