-- Writing rows of records: the data of a page as one statement, whose typed columns the driver
-- reads out of the records' JSON; and deleting many rows in batches.

local columns = require "commerce.store.sql.columns"
local dialect = require "commerce.store.postgres.dialect"
local statements = require "commerce.store.sql.statements"

---@class commerce.postgres.Database
local rows = {}

-- The arrays are taken apart side by side in the list of columns: as tables, in FROM, the server
-- would copy each of them before it joins them, which costs half as much again as the insertion.
local INSERT = "INSERT INTO %s (connection_id, id, data%s) SELECT CAST(? AS TEXT), "
  .. "unnest(CAST(? AS TEXT[])), unnest(CAST(? AS TEXT[]))%s "
  .. "ON CONFLICT (connection_id, id) DO UPDATE SET data = excluded.data%s"

-- The collector of a data type's columns, and the statement that writes what it collects.
local function collector_of(self, data_type)
  local known = self.collectors[data_type]
  if not known then
    local paths, names, arrays, sets = {}, {}, {}, {}
    for _, column in ipairs(columns.of(data_type)) do
      if column.name ~= "id" then
        local kind, sql_type = dialect.array_of(column)
        paths[#paths + 1] = { column.field, kind }
        names[#names + 1] = ", " .. column.name
        arrays[#arrays + 1] = (", unnest(CAST(? AS %s))"):format(sql_type)
        sets[#sets + 1] = (", %s = excluded.%s"):format(column.name, column.name)
      end
    end
    known = { rows = self.pq.rows(paths), sql = INSERT:format(data_type.name, table.concat(names),
      table.concat(arrays), table.concat(sets)) }
    self.collectors[data_type] = known
  end
  return known
end

local function send_rows(self, sql, connection_id, count, ...)
  if count > 0 then
    self:later(sql, connection_id, ...)
  end
end

--- Write data of records with their columns, in a transaction: one statement for all.
---@param data_type commerce.DataType
---@param connection_id string
---@param list { id: string, data: string, is_new: boolean }[] each id once
function rows:write_records(data_type, connection_id, list)
  local collector = collector_of(self, data_type)
  for _, row in ipairs(list) do
    if not collector.rows:add(row.id, row.data) then
      collector.rows:take()
      self:fail(("record %s of %s is not a JSON object"):format(row.id, data_type.name))
    end
  end
  send_rows(self, collector.sql, connection_id, collector.rows:take())
end

local FILLED = 500 -- records at once

--- Give the columns of a table of records their values, after a change of the table.
---@param data_type commerce.DataType
function rows:fill_columns(data_type)
  local last_connection, last_id = "", ""
  repeat
    local found = self:all(("SELECT connection_id, id, data FROM %s "
      .. "WHERE (connection_id, id) > (?, ?) ORDER BY connection_id, id LIMIT ?")
      :format(data_type.name), last_connection, last_id, FILLED)
    local part = {}
    for i, row in ipairs(found) do
      part[#part + 1] = { id = row.id, data = row.data }
      if not found[i + 1] or found[i + 1].connection_id ~= row.connection_id then
        self:write_records(data_type, row.connection_id, part)
        part = {}
      end
      last_connection, last_id = row.connection_id, row.id
    end
  until #found < FILLED
end

local BATCH = 2000 -- rows

--- Delete rows that may be many in batches, so that no transaction is long. A kill leaves some of
--- the rows.
---@param name string the table
---@param condition string SQL of the rows to delete
---@param ... any its bound values
function rows:delete_many(name, condition, ...)
  statements.delete_many(self, BATCH, name, condition, ...)
end

return rows
