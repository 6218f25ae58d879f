-- The tables of records, generated from their data types. Called by the SQL stores' schema.
--
-- A record's table holds its JSON in `data`; every scalar field is a column generated from it, so
-- there is one truth and a new field costs no rewrite. The columns are virtual: writing stays
-- cheap.

local columns = require "commerce.store.sql.columns"

local tables = {}

local SQL_TYPES = { decimal = "REAL", integer = "INTEGER", boolean = "INTEGER" }

-- Columns that a record's table stores itself; every other field's column is generated.
local STORED = { id = true }

-- The column of what may be anything has no type: a number stays one, a text too.
local function column(of)
  local sql_type = of.kind == "any" and "" or (SQL_TYPES[of.kind] or "TEXT") .. " "
  return ("%s %sGENERATED ALWAYS AS (json_extract(data, '$.%s')) VIRTUAL"):format(of.name,
    sql_type, of.field)
end

--- Whether a data type has a column.
---@param data_type commerce.DataType
---@param name string
---@return boolean
function tables.has_column(data_type, name)
  for _, each in ipairs(columns.of(data_type)) do
    if each.name == name then
      return true
    end
  end
  return false
end

--- The statement that makes a data type's table.
---@param data_type commerce.DataType
---@return string
function tables.create(data_type)
  local lines = {
    "connection_id TEXT NOT NULL REFERENCES connections (id)",
    "id TEXT NOT NULL",
    "data TEXT NOT NULL",
  }
  for _, each in ipairs(columns.of(data_type)) do
    if not STORED[each.name] then
      lines[#lines + 1] = column(each)
    end
  end
  lines[#lines + 1] = "PRIMARY KEY (connection_id, id)"
  return ("CREATE TABLE %s (\n  %s)"):format(data_type.name, table.concat(lines, ",\n  "))
end

--- The index of a data type's table: a list of records leaves out the deleted ones, newest first;
--- this alone counts it and finds its pages, without reading the records.
---@param data_type commerce.DataType
---@return string
function tables.listed_index(data_type)
  local name = data_type.name
  return ("CREATE INDEX %s_listed ON %s (connection_id, %sid) WHERE metadata_is_deleted IS NOT 1")
    :format(name, name, tables.has_column(data_type, "created_date") and "created_date, " or "")
end

--- The same for who asks again and again what has changed: Codat's advice is
--- `query=modifiedDate>=...` with `orderBy=-modifiedDate`.
---@param data_type commerce.DataType
---@return string
function tables.modified_index(data_type)
  local name = data_type.name
  return ("CREATE INDEX %s_modified ON %s (connection_id, modified_date, id) "
    .. "WHERE metadata_is_deleted IS NOT 1"):format(name, name)
end

--- The statements that make the table of one more data type.
---@param data_type commerce.DataType
---@return string[]
function tables.add(data_type)
  return { tables.create(data_type), tables.listed_index(data_type),
    tables.modified_index(data_type) }
end

local function by_name(data_type)
  local found = {}
  for _, each in ipairs(columns.of(data_type)) do
    found[each.name] = each
  end
  return found
end

local function same(a, b)
  return b ~= nil and column(a) == column(b)
end

--- The statements that give a data type's table other columns.
---@param before commerce.DataType
---@param after commerce.DataType of the same name
---@return string[]
function tables.change(before, after)
  local statements, old, new = {}, by_name(before), by_name(after)
  for _, each in ipairs(columns.of(before)) do
    if not same(each, new[each.name]) then
      statements[#statements + 1] = ("ALTER TABLE %s DROP COLUMN %s"):format(after.name, each.name)
    end
  end
  for _, each in ipairs(columns.of(after)) do
    if not same(each, old[each.name]) then
      statements[#statements + 1] = ("ALTER TABLE %s ADD COLUMN %s"):format(after.name,
        column(each))
    end
  end
  return statements
end

return tables
