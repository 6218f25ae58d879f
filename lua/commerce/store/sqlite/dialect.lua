-- SQLite's own SQL: the dialect that store/sql is written over. Another database implements the
-- same functions.

local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local statements = require "commerce.store.sql.statements"

---@class commerce.sql.Dialect
local dialect = {}

-- ---------------------------------------------------------------- conditions

--- A boolean as Lua has it, from a row.
---@param value integer?
---@return boolean?
function dialect.to_boolean(value)
  if value ~= nil then
    return value == 1
  end
end

--- The condition that a boolean is false or absent. Indexes of records use the same text.
---@param sql string
---@return string
function dialect.not_true(sql)
  return sql .. " IS NOT 1"
end

--- The condition that two values differ; an absent value differs from every other one.
---@param sql string
---@param other string SQL, such as "?"
---@return string
function dialect.differs(sql, other)
  return ("%s IS NOT %s"):format(sql, other)
end

--- A text to be compared without case (ASCII letters).
---@param sql string
---@return string
function dialect.without_case(sql)
  return sql .. " COLLATE NOCASE"
end

--- The condition that a text contains a bound one, without case.
---@param sql string
---@return string
function dialect.text_match(sql)
  return ("instr(lower(%s), lower(?)) > 0"):format(sql)
end

--- The condition that a text contains a bound one.
---@param sql string
---@return string
function dialect.contains(sql)
  return ("instr(%s, ?) > 0"):format(sql)
end

-- ---------------------------------------------------------------- lists and JSON

--- A list of any length as one bound value.
---@param values any[] texts or numbers
---@return string
function dialect.list(values)
  return #values == 0 and "[]" or json.encode(values)
end

--- The condition that a value is one of a bound list.
---@param sql string
---@return string
function dialect.in_list(sql)
  return sql .. " IN (SELECT value FROM json_each(?))"
end

--- The query for those of a connection's rows whose key is in a bound list.
---@param name string the table
---@param selected string its columns
---@param key string the column that follows connection_id in the table's key
---@param condition string? " AND …"
---@return string sql bound values: the list, the connection's id
function dialect.by_key(name, selected, key, condition)
  return ("SELECT %s FROM %s WHERE %s AND connection_id = ?%s"):format(selected, name,
    dialect.in_list(key), condition or "")
end

--- The condition that a value is not one of a bound list.
---@param sql string
---@return string
function dialect.not_in_list(sql)
  return sql .. " NOT IN (SELECT value FROM json_each(?))"
end

--- The condition of a clause about a field of kind `any`; nil: as for the other kinds.
---@param _sql string
---@param _operator string
---@param _value string|number
---@param _values any[] bound values are appended to it
---@return string? condition
function dialect.any_clause(_sql, _operator, _value, _values)
  return nil -- a column without a type compares its values by their own types
end

--- The rows of a bound list, with the column `value`.
---@return string
function dialect.elements()
  return "json_each(?)"
end

--- A member of a JSON text, as text or number; its name may hold letters, digits, "_", "." and "-".
---@param sql string the JSON
---@param name string
---@return string
function dialect.json_field(sql, name)
  return ("json_extract(%s, '$.\"%s\"')"):format(sql, name)
end

--- A number that is a member of a JSON text.
---@param sql string the JSON
---@param name string
---@return string
function dialect.json_number(sql, name)
  return dialect.json_field(sql, name)
end

--- A member of a JSON object, as text or number, whatever its name is made of. Slower than
--- `json_field`.
---@param sql string the JSON
---@param name string without NUL
---@return string
function dialect.json_member(sql, name)
  return ("(SELECT value FROM json_each(%s) WHERE key = '%s')"):format(sql, (name:gsub("'", "''")))
end

--- The elements of a list in a JSON text, with the column `value`.
---@param sql string the JSON
---@param name string of the list's member
---@return string
function dialect.members(sql, name)
  return ("json_each(%s, '$.%s')"):format(sql, name)
end

-- ---------------------------------------------------------------- exact sums

-- A REAL would round. The text of an amount is cut at its point into two whole numbers, which
-- SQLite adds exactly; the 12 digits behind the point are added in two halves, so that no number
-- of records makes the sum too large for an integer.

--- A number of a JSON text as text, digit by digit as it is written; NULL if there is none.
---@param sql string the JSON
---@param field string the dotted path
---@return string
function dialect.number_text(sql, field)
  return ("%s -> '$.%s'"):format(sql, field)
end

--- The columns of a row that `exact_sum` adds up.
---@param sql string the name of a column of decimal texts
---@return string
function dialect.summands(sql)
  return (("CAST(# AS INTEGER) AS whole, CAST(substr(#, 1, # < '.') || substr(substr(#, "
    .. "instr(# || '.', '.') + 1) || '000000000000', 1, 12) AS INTEGER) AS part")
    :gsub("#", sql))
end

--- The sum of the rows' summands, one text column; "" if no row has an amount.
---@return string
function dialect.exact_sum()
  return "coalesce(sum(whole) || ' ' || sum(part / 1000000) || ' ' || sum(part % 1000000), '')"
end

--- Whether a decimal text is negative: "1" or "0", "" if it is NULL.
---@param sql string
---@return string
function dialect.is_negative(sql)
  return ("coalesce(CAST(%s < '.' AS TEXT), '')"):format(sql) -- "-" comes before it, digits after
end

--- The term of an order that begins with the largest sum. Sums that differ by less than their 15th
--- digit count as equal.
---@return string
function dialect.largest_sum()
  return "sum(whole) + sum(part / 1000000) / 1e6 + sum(part % 1000000) / 1e12 DESC"
end

--- The value of a column of `exact_sum`.
---@param value string
---@return string? sum a decimal text; nil if no row has an amount
function dialect.sum_text(value)
  local whole, high, low = value:match "^(%S+) (%S+) (%S+)$"
  if whole then
    local sum = decimal.sum()
    sum:add(whole)
    sum:add(decimal.shift(high, 6))
    sum:add(decimal.shift(low, 12))
    return tostring(sum)
  end
end

--- The sum of a column of whole numbers as text.
---@param sql string
---@return string
function dialect.text_of_sum(sql)
  return statements.text(("sum(%s)"):format(sql))
end

--- A date of the model, given as a text, to be compared with a record's date.
---@param sql string
---@return string
function dialect.date(sql)
  return sql
end

--- The day of a record's date as text, YYYY-MM-DD.
---@param sql string
---@return string
function dialect.day(sql)
  return ("substr(%s, 1, 10)"):format(sql)
end

--- A value to group by, never NULL.
---@param sql string
---@param _kind string the field's kind in the model
---@return string
function dialect.label(sql, _kind)
  return ("coalesce(%s, '')"):format(sql)
end

--- A date as unix seconds.
---@param sql string
---@return string
function dialect.seconds(sql)
  return ("CAST(strftime('%%s', %s) AS INTEGER)"):format(sql)
end

--- The present by the store's clock, in unix seconds with a fraction. All processes of a SQLite
--- database run on one machine, whose clock this is.
dialect.NOW = "((julianday('now') - 2440587.5) * 86400.0)"

-- ---------------------------------------------------------------- rows

dialect.upsert = statements.upsert

--- A selected whole number that may have more than 32 bits, under a name. LuaDBI cuts what SQLite
--- stores as an integer to 32 bits: it comes as text, marked in its name for `db:all`.
---@param sql string
---@param name string
---@return string
function dialect.whole(sql, name)
  return ('CAST(%s AS TEXT) AS "%s#"'):format(sql, name)
end

--- The statement that has the numbers which a table counts up by itself go on after the highest
--- that was inserted. SQLite does that without being asked.
---@param _name string the table
---@param _column string
---@return string? sql
function dialect.count_on(_name, _column)
  return nil
end

--- The column that orders the rows of a table as they were inserted.
dialect.INSERTED = "rowid"

--- The bound limit of a statement without a limit.
dialect.NO_LIMIT = -1

--- A term of an order. Absent values come first, or last if descending.
---@param sql string
---@param descending boolean
---@return string
function dialect.ordered(sql, descending)
  return descending and sql .. " DESC" or sql
end

--- The statement that deletes some of the rows of a condition.
---@param name string the table
---@param condition string
---@param limit integer
---@return string
function dialect.delete_batch(name, condition, limit)
  return ("DELETE FROM %s WHERE rowid IN (SELECT rowid FROM %s WHERE %s LIMIT %d)"):format(name,
    name, condition, limit)
end

--- A column of an index, in the order that `ordered` gives.
---@param sql string
---@return string
function dialect.indexed(sql)
  return sql
end

--- What ends a query that keeps others from changing its rows until the transaction ends.
dialect.LOCK = ""

--- The statement that begins a transaction which no other writer's can overlap.
dialect.BEGIN = "BEGIN IMMEDIATE"

-- ---------------------------------------------------------------- tables

local SQL_TYPES = { decimal = "REAL", integer = "INTEGER", boolean = "INTEGER" }

--- The type of ids, which are ordered by their bytes.
dialect.ID_TYPE = "TEXT"

--- What a table of records says of its connections. Nothing enforces it here.
dialect.OF_CONNECTION = " REFERENCES connections (id)"

--- The definition of the column of a record's field. It is generated from the record's JSON, so
--- that there is one truth and a new field costs no rewrite, and virtual, so that writing stays
--- cheap. A column of any kind has no type: a number stays one, a text too.
---@param column commerce.sql.Column
---@return string
function dialect.record_column(column)
  local sql_type = column.kind == "any" and "" or (SQL_TYPES[column.kind] or "TEXT") .. " "
  return ("%s %sGENERATED ALWAYS AS (json_extract(data, '$.%s')) VIRTUAL"):format(column.name,
    sql_type, column.field)
end

--- The statement that finds a table or index by its bound name.
dialect.NAMED = "SELECT 1 AS found FROM sqlite_master WHERE name = ?"

--- The statement that gives every table's columns: table_name, column_name.
dialect.COLUMNS = "SELECT t.name AS table_name, c.name AS column_name FROM sqlite_master t "
  .. "JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"

--- The statements that make the table of listings, which this process alone sees and which goes
--- with the handle.
dialect.LISTINGS = {
  [[CREATE TEMP TABLE IF NOT EXISTS listed (
      listing TEXT NOT NULL, id TEXT NOT NULL, parent_id TEXT, data TEXT,
      PRIMARY KEY (listing, id))]],
  "CREATE INDEX IF NOT EXISTS temp.listed_parent ON listed (listing, parent_id)",
}

return dialect
