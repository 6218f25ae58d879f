-- Pulls: runs of one data type. Methods of a store, part of its contract. Called by the SQL stores;
-- failures are raised as in connection.lua.

local json = require "commerce.base.json"
local selection = require "commerce.store.selection"
local types = require "commerce.store.types"

local unpack = require("commerce.base.compat").unpack

local pulls = {}

--- Keep a pull, or its changes.
---@param pull table { id, connection_id, data_type, status, requested, completed, read, created,
---  changed, unchanged, progress, error_message }
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function pulls:save_pull(pull)
  self.db:run("INSERT INTO pulls (id, connection_id, data_type, status, requested, completed, "
    .. "read, created, changed, unchanged, progress, error_message) "
    .. "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    .. "ON CONFLICT (id) DO UPDATE SET status = excluded.status, completed = excluded.completed, "
    .. "read = excluded.read, created = excluded.created, changed = excluded.changed, "
    .. "unchanged = excluded.unchanged, progress = excluded.progress, "
    .. "error_message = excluded.error_message", pull.id,
    pull.connection_id, pull.data_type, pull.status, pull.requested, pull.completed, pull.read,
    pull.created, pull.changed, pull.unchanged, pull.progress or 0, pull.error_message)
  return true
end

--- End a connection's pulls that say they are under way though nobody works on them any more: to
--- be called by who has the lease, before it begins its own.
---@param connection_id string
---@param now string the date of their end
---@return integer? ended how many; nil on failure
---@return string? message
---@return commerce.Details? details
function pulls:end_killed_pulls(connection_id, now)
  return self.db:run("UPDATE pulls SET status = 'Cancelled', completed = ?, "
    .. "error_message = 'interrupted' WHERE connection_id = ? AND status = 'Fetching'", now,
    connection_id)
end

-- ---------------------------------------------------------------- the latest

-- One row by the index, whatever the history's length; rowid breaks the tie of two runs within one
-- second.
local LATEST = "SELECT * FROM pulls WHERE connection_id = ? AND data_type = ?%s "
  .. "ORDER BY requested DESC, rowid DESC LIMIT 1"

local function latest_of(self, connection_id, condition)
  local latest = {}
  for _, row in ipairs(self.db:all("SELECT DISTINCT data_type FROM pulls WHERE connection_id = ?",
    connection_id)) do
    latest[row.data_type] = self.db:all(LATEST:format(condition), connection_id, row.data_type)[1]
  end
  return latest
end

--- The latest pull of each data type of a connection.
---@param connection_id string
---@return table<string, table>? pulls by data type name; nil on failure
---@return string? message
---@return commerce.Details? details
function pulls:latest_pulls(connection_id)
  return latest_of(self, connection_id, "")
end

--- The latest pull of each data type of a connection that read all of it.
---@param connection_id string
---@return table<string, table>? pulls by data type name; nil on failure
---@return string? message
---@return commerce.Details? details
function pulls:latest_complete_pulls(connection_id)
  return latest_of(self, connection_id, " AND status = 'Complete'")
end

--- Whether a type's data was read completely at least once.
---@param connection_id string
---@param type_name string
---@return boolean? complete nil on failure
---@return string? message
---@return commerce.Details? details
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
  local ids, column_of = json.encode(json.array(connection_ids)), columns_of(self)
  local order = options.order_by
  order = selection.order(order
    and { column = column_of(order.field), descending = order.descending }, "requested", "rowid")
  return { columns = "*", from = "pulls", query = options.query, column_of = column_of,
    order = order,
    where = { { "connection_id IN (SELECT value FROM json_each(?))", ids } },
    limit = options.limit, offset = options.offset }
end

--- The pulls of some connections, newest first if nothing else is asked for.
---@param connection_ids string[]
---@param options table query, order_by (both parsed with `datasets.pulls`), limit, offset
---@return table[]? rows nil on failure
---@return string? message
---@return commerce.Details? details
function pulls:pulls(connection_ids, options)
  local sql, values = selection.rows(selected(self, connection_ids, options))
  return self.db:all(sql, unpack(values))
end

--- How many pulls of some connections there are.
---@param connection_ids string[]
---@param expression commerce.Query?
---@return integer? count nil on failure
---@return string? message
---@return commerce.Details? details
function pulls:count_pulls(connection_ids, expression)
  local sql, values = selection.count(selected(self, connection_ids, { query = expression }))
  return self.db:all(sql, unpack(values))[1].n
end

--- A pull by its id.
---@param id string
---@return table? pull nil if there is none
function pulls:pull(id)
  return self.db:all("SELECT * FROM pulls WHERE id = ?", id)[1]
end

return pulls
