-- PostgreSQL's own SQL: the dialect that store/sql is written over. It keeps to what CockroachDB,
-- YugabyteDB and Citus take as well; a spec looks for what they do not.

local columns = require "commerce.store.sql.columns"
local decimal = require "commerce.base.decimal"
local statements = require "commerce.store.sql.statements"

---@class commerce.sql.PostgresDialect: commerce.sql.Dialect
local dialect = {}

-- ---------------------------------------------------------------- conditions

--- A boolean as Lua has it, from a row.
---@param value integer|boolean|nil
---@return boolean?
function dialect.to_boolean(value)
  if value ~= nil then
    return value == 1 or value == true
  end
end

--- The condition that a boolean is false or absent. Those of records have the type boolean, those
--- of the store's own tables are 0 or 1.
---@param sql string
---@return string
function dialect.not_true(sql)
  return sql:find "is_deleted$" and sql .. " IS NOT TRUE" or sql .. " IS DISTINCT FROM 1"
end

--- The condition that two values differ; an absent value differs from every other one.
---@param sql string
---@param other string SQL, such as "?"
---@return string
function dialect.differs(sql, other)
  return ("%s IS DISTINCT FROM %s"):format(sql, other)
end

--- A text to be compared without case (ASCII letters).
---@param sql string
---@return string
function dialect.without_case(sql)
  return ('lower(CAST(%s AS TEXT) COLLATE "C")'):format(sql)
end

--- The condition that a text contains a bound one, without case.
---@param sql string
---@return string
function dialect.text_match(sql)
  return ("strpos(%s, %s) > 0"):format(dialect.without_case(sql), dialect.without_case "?")
end

--- The condition that a text contains a bound one.
---@param sql string
---@return string
function dialect.contains(sql)
  return ("strpos(%s, ?) > 0"):format(sql)
end

-- A column of any kind is JSON: its numbers and booleans (1 and 0), and its texts, as SQL values.
-- Objects and lists are their JSON, as everywhere in this library.
local NUMBER = "(CASE jsonb_typeof(@) WHEN 'number' THEN CAST(@ #>> '{}' AS NUMERIC) "
  .. "WHEN 'boolean' THEN CASE WHEN @ #>> '{}' = 'true' THEN 1 ELSE 0 END END)"
local TEXT = "(CASE WHEN jsonb_typeof(@) IN ('string', 'object', 'array') "
  .. "THEN lower((@ #>> '{}') COLLATE \"C\") END)"
local SEARCHED = "(CASE WHEN jsonb_typeof(@) = 'boolean' THEN CASE WHEN @ #>> '{}' = 'true' "
  .. "THEN '1' ELSE '0' END ELSE lower((@ #>> '{}') COLLATE \"C\") END)"

local function own_value(template, sql)
  return (template:gsub("@", (sql:gsub("%%", "%%%%"))))
end

--- The condition of a clause about a field of kind `any`. Every number is less than every text.
---@param sql string
---@param operator string
---@param value string|number
---@param values any[] bound values are appended to it
---@return string condition
function dialect.any_clause(sql, operator, value, values)
  values[#values + 1] = value
  if operator == "~" then
    return ("strpos(%s, %s) > 0"):format(own_value(SEARCHED, sql), dialect.without_case "?")
  end
  local is_number = type(value) == "number"
  local own = own_value(is_number and NUMBER or TEXT, sql)
  local bound = is_number and "CAST(? AS NUMERIC)" or dialect.without_case "?"
  if operator == "!=" then
    return dialect.differs(own, bound)
  end
  local others = ""
  if is_number and operator:find "^>" then
    others = (" OR jsonb_typeof(%s) IN ('string', 'object', 'array')"):format(sql)
  elseif not is_number and operator:find "^<" then
    others = (" OR jsonb_typeof(%s) IN ('number', 'boolean')"):format(sql)
  end
  return ("(%s %s %s%s)"):format(own, operator, bound, others)
end

-- ---------------------------------------------------------------- lists and JSON

local function quoted(value)
  return '"' .. tostring(value):gsub('[\\"]', "\\%0") .. '"'
end

--- A list of any length as one bound value: an array.
---@param values any[] texts or numbers
---@return string
function dialect.list(values)
  local texts = {}
  for i, value in ipairs(values) do
    texts[i] = type(value) == "number" and decimal.text(value) or quoted(value)
  end
  return "{" .. table.concat(texts, ",") .. "}"
end

--- The condition that a value is one of a bound list.
---@param sql string
---@return string
function dialect.in_list(sql)
  return sql .. " = ANY (?)"
end

--- The query for those of a connection's rows whose key is in a bound list. Each key is looked up
--- by itself: with `= ANY` the planner may read all rows of the connection and compare them with
--- the list, since it takes a table that has just been filled for a small one.
---@param name string the table
---@param selected string its columns
---@param key string the column that follows connection_id in the table's key
---@param condition string? " AND …"
---@return string sql bound values: the list, the connection's id
function dialect.by_key(name, selected, key, condition)
  return ("SELECT %s FROM unnest(CAST(? AS TEXT[])) AS wanted (value), LATERAL (SELECT %s "
    .. "FROM %s WHERE connection_id = ? AND %s = wanted.value%s LIMIT 1) AS found"):format(
    selected, selected, name, key, condition or "")
end

--- The condition that a value is not one of a bound list.
---@param sql string
---@return string
function dialect.not_in_list(sql)
  return sql .. " <> ALL (?)"
end

--- The rows of a bound list, with the column `value`.
---@return string
function dialect.elements()
  return "unnest(CAST(? AS TEXT[])) AS listed_values (value)"
end

local function literal(text)
  return "'" .. text:gsub("'", "''") .. "'"
end

--- A member of a JSON text, as text.
---@param sql string the JSON
---@param name string
---@return string
function dialect.json_field(sql, name)
  return ("(CAST(%s AS JSON) ->> %s)"):format(sql, literal(name))
end

--- A number that is a member of a JSON text.
---@param sql string the JSON
---@param name string
---@return string
function dialect.json_number(sql, name)
  return ("CAST(%s AS NUMERIC)"):format(dialect.json_field(sql, name))
end

--- A member of a JSON object, whatever its name is made of.
---@param sql string the JSON
---@param name string without NUL
---@return string
function dialect.json_member(sql, name)
  return dialect.json_field(sql, name)
end

--- The elements of a list in a JSON text, with the column `value`.
---@param sql string the JSON
---@param name string of the list's member
---@return string
function dialect.members(sql, name)
  return ("json_array_elements(CAST(%s AS JSON) -> %s)"):format(sql, literal(name))
end

-- ---------------------------------------------------------------- exact sums

--- A number of a JSON text as text, digit by digit as it is written; NULL if there is none.
---@param sql string the JSON; of a record's data, its column is read instead
---@param field string the dotted path
---@return string
function dialect.number_text(sql, field)
  local record = sql:match "^(%w+)%.data$"
  if record then
    return ("CAST(%s.%s AS TEXT)"):format(record, columns.name(field))
  end
  return ("(CAST(%s AS JSON) #>> '{%s}')"):format(sql, (field:gsub("%.", ",")))
end

--- The columns of a row that `exact_sum` adds up.
---@param sql string the name of a column of decimal texts
---@return string
function dialect.summands(sql)
  return ("CAST(%s AS NUMERIC) AS whole"):format(sql)
end

--- The sum of the rows' summands, one text column; "" if no row has an amount.
---@return string
function dialect.exact_sum()
  return "coalesce(CAST(sum(whole) AS TEXT), '')"
end

--- Whether a decimal text is negative: "1" or "0", "" if it is NULL.
---@param sql string
---@return string
function dialect.is_negative(sql)
  return ("CASE WHEN %s IS NULL THEN '' WHEN substr(%s, 1, 1) = '-' THEN '1' ELSE '0' END")
    :format(sql, sql)
end

--- The term of an order that begins with the largest sum.
---@return string
function dialect.largest_sum()
  return "sum(whole) DESC NULLS LAST"
end

--- The value of a column of `exact_sum`.
---@param value string
---@return string? sum a decimal text; nil if no row has an amount
function dialect.sum_text(value)
  if value ~= "" then
    local sum = decimal.sum()
    sum:add(value)
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
  return ("CAST(%s AS TIMESTAMPTZ)"):format(sql)
end

--- The day of a record's date as text, YYYY-MM-DD.
---@param sql string
---@return string
function dialect.day(sql)
  return ("to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD')"):format(sql)
end

--- A value to group by as text, never NULL.
---@param sql string
---@param kind string the field's kind in the model
---@return string
function dialect.label(sql, kind)
  return ("coalesce(%s, '')"):format(kind == "datetime"
    and ("to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"):format(sql)
    or ("CAST(%s AS TEXT)"):format(sql))
end

--- A date as unix seconds.
---@param sql string
---@return string
function dialect.seconds(sql)
  return ("CAST(extract(epoch FROM %s) AS BIGINT)"):format(sql)
end

--- The present by the server's clock, in unix seconds with a fraction.
dialect.NOW = "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"

-- ---------------------------------------------------------------- rows

dialect.upsert = statements.upsert

--- A selected whole number, under a name.
---@param sql string
---@param name string
---@return string
function dialect.whole(sql, name)
  return ("CAST(%s AS BIGINT) AS %s"):format(sql, name)
end

--- The statement that has the numbers which a table counts up by itself go on after the highest
--- that was inserted.
---@param name string the table
---@param column string
---@return string sql
function dialect.count_on(name, column)
  return ("SELECT setval(pg_get_serial_sequence('%s', '%s'), coalesce(max(%s), 0) + 1, false) "
    .. "FROM %s"):format(name, column, column, name)
end

--- The column that orders the rows of a table as they were inserted; see schema.lua.
dialect.INSERTED = "inserted"

--- The bound limit of a statement without a limit.
dialect.NO_LIMIT = 9007199254740991

local NEVER_NULL = { id = true, [dialect.INSERTED] = true }

--- A term of an order. Absent values come first, or last if descending.
---@param sql string
---@param descending boolean
---@return string
function dialect.ordered(sql, descending)
  local order = descending and sql .. " DESC" or sql
  if NEVER_NULL[sql] then
    return order
  end
  return order .. (descending and " NULLS LAST" or " NULLS FIRST")
end

--- A column of an index, in the order that `ordered` gives.
---@param sql string
---@return string
function dialect.indexed(sql)
  return sql .. " NULLS FIRST"
end

-- The keys of the tables from which rows are deleted in batches; others have (connection_id, id).
local KEYS = { changes = "connection_id, last", source_objects = "connection_id, resource, id" }

--- The statement that deletes some of the rows of a condition.
---@param name string the table
---@param condition string
---@param limit integer
---@return string
function dialect.delete_batch(name, condition, limit)
  local key = KEYS[name] or "connection_id, id"
  return ("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s LIMIT %d)"):format(name, key,
    key, name, condition, limit)
end

--- What ends a query that keeps others from changing its rows until the transaction ends.
dialect.LOCK = " FOR UPDATE"

-- ---------------------------------------------------------------- tables

local SQL_TYPES = { decimal = "NUMERIC", integer = "NUMERIC", boolean = "BOOLEAN",
  datetime = "TIMESTAMPTZ", any = "JSONB" }

--- The type of ids, which are ordered by their bytes.
dialect.ID_TYPE = 'TEXT COLLATE "C"'

--- What a table of records says of its connections. A foreign key would cost a look at the
--- connection for every row, and a removed connection's records go later than it does.
dialect.OF_CONNECTION = ""

--- The definition of the column of a record's field, which the store fills when it writes a record:
--- the conversion of a text to a date may not stand in a generated column.
---@param column commerce.sql.Column
---@return string
function dialect.record_column(column)
  return ("%s %s"):format(column.name, SQL_TYPES[column.kind] or dialect.ID_TYPE)
end

-- The kinds of `pq.rows`.
local PQ_KINDS = { decimal = "number", integer = "number", boolean = "boolean", datetime = "date",
  any = "json" }

--- How the driver reads a column's value out of a record, and the type of the array it makes.
---@param column commerce.sql.Column
---@return string kind see `pq.rows`
---@return string type
function dialect.array_of(column)
  local sql_type = SQL_TYPES[column.kind] or "TEXT"
  return PQ_KINDS[column.kind] or "text", sql_type .. "[]"
end

--- The statement that finds a table or index by its bound name.
dialect.NAMED = "SELECT 1 AS found WHERE to_regclass(CAST(? AS TEXT)) IS NOT NULL"

--- The statement that gives every table's columns: table_name, column_name.
dialect.COLUMNS = "SELECT c.table_name, c.column_name FROM information_schema.columns c "
  .. "JOIN information_schema.tables t ON t.table_schema = c.table_schema "
  .. "AND t.table_name = c.table_name WHERE t.table_type = 'BASE TABLE' "
  .. "AND t.table_schema = current_schema()"

--- The statements that make the table of listings ready. It is a table like others, since a session
--- behind a pooler has no tables of its own; what a killed process left there goes after a week.
dialect.LISTINGS = { "DELETE FROM listed WHERE at < now() - INTERVAL '7 days'" }

return dialect
