-- The tables of records, made from their data types. A record's table holds its JSON in `data`, and
-- every scalar field in a typed column.

local columns = require "commerce.store.sql.columns"

local tables = {}

-- The field that is a column of the table's key.
local KEY = { id = true }

--- Whether a data type has a field, and its table so the column of it.
---@param data_type commerce.DataType
---@param field string
---@return boolean
function tables.has(data_type, field)
  return data_type.shape.by_name[field] ~= nil
end

local function create(dialect, data_type)
  local lines = {
    ("connection_id %s NOT NULL%s"):format(dialect.ID_TYPE, dialect.OF_CONNECTION),
    ("id %s NOT NULL"):format(dialect.ID_TYPE),
    "data TEXT NOT NULL",
  }
  for _, column in ipairs(columns.of(data_type)) do
    if not KEY[column.name] then
      lines[#lines + 1] = dialect.record_column(column)
    end
  end
  lines[#lines + 1] = "PRIMARY KEY (connection_id, id)"
  return ("CREATE TABLE %s (\n  %s)"):format(data_type.name, table.concat(lines, ",\n  "))
end

local function index(dialect, name, suffix, key)
  return ("CREATE INDEX %s_%s ON %s (connection_id, %sid) WHERE %s"):format(name, suffix, name,
    key and dialect.indexed(key) .. ", " or "", dialect.not_true "metadata_is_deleted")
end

-- The index of a fact that few records have.
local function fact_index(name, column)
  return ("CREATE INDEX %s_%s_fact ON %s (connection_id, %s) WHERE %s IS NOT NULL"):format(name,
    column.name, name, column.name, column.name)
end

--- The name of the index of an order that somebody asked for; see `browsing.index_order`.
---@param name string the data type's
---@param column string
---@return string
function tables.order_index(name, column)
  return ("%s_%s_ordered"):format(name, column)
end

--- The statement that makes the index of an order.
---@param dialect commerce.sql.Dialect
---@param name string the data type's
---@param column string
---@return string
function tables.add_order(dialect, name, column)
  return index(dialect, name, column .. "_ordered", column)
end

--- The statements that make the table of a data type, with its indexes: one for lists, newest
--- first, which leave out deleted records; one for those who ask again and again what has changed
--- (`query=modifiedDate>=…` with `orderBy=-modifiedDate`, as Codat advises); one for each indexed
--- fact.
---@param dialect commerce.sql.Dialect
---@param data_type commerce.DataType
---@return string[]
function tables.add(dialect, data_type)
  local name = data_type.name
  local statements = { create(dialect, data_type),
    index(dialect, name, "listed", tables.has(data_type, "createdDate") and "created_date" or nil),
    index(dialect, name, "modified", "modified_date") }
  for _, column in ipairs(columns.of(data_type)) do
    statements[#statements + 1] = column.indexed and fact_index(name, column) or nil
  end
  return statements
end

--- Whether a name may be an index of the table of some data type.
---@param name string
---@return boolean
function tables.is_index(name)
  return name:find "_listed$" ~= nil or name:find "_modified$" ~= nil or name:find "_fact$" ~= nil
    or name:find "_ordered$" ~= nil
end

local function definitions(dialect, data_type)
  local found = {}
  for _, column in ipairs(columns.of(data_type)) do
    found[column.name] = dialect.record_column(column)
  end
  return found
end

--- The statements that give a data type's table the columns of another version of the type.
---@param dialect commerce.sql.Dialect
---@param before commerce.DataType
---@param after commerce.DataType of the same name
---@return string[]
function tables.change(dialect, before, after)
  local old, new = definitions(dialect, before), definitions(dialect, after)
  local name, drops, adds = after.name, {}, {}
  for _, column in ipairs(columns.of(before)) do
    if old[column.name] ~= new[column.name] then
      drops[#drops + 1] = column.indexed and ("DROP INDEX %s_%s_fact"):format(name, column.name)
        or nil
      drops[#drops + 1] = "DROP INDEX IF EXISTS " .. tables.order_index(name, column.name)
      drops[#drops + 1] = ("ALTER TABLE %s DROP COLUMN %s"):format(name, column.name)
    end
  end
  for _, column in ipairs(columns.of(after)) do
    if old[column.name] ~= new[column.name] then
      adds[#adds + 1] = ("ALTER TABLE %s ADD COLUMN %s"):format(name, new[column.name])
      adds[#adds + 1] = column.indexed and fact_index(name, column) or nil
    end
  end
  if old.created_date ~= new.created_date then -- the index has this column
    table.insert(drops, 1, ("DROP INDEX %s_listed"):format(name))
    adds[#adds + 1] = tables.add(dialect, after)[2]
  end
  for _, statement in ipairs(adds) do
    drops[#drops + 1] = statement
  end
  return drops
end

return tables
