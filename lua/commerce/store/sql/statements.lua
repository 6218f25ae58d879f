-- Statements, and parts of them, that are the same in all SQL databases.

local statements = {
  --- Adds to a counter: its name, and how many.
  ADD_COUNT = "INSERT INTO counters (name, value) VALUES (?, ?) "
    .. "ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value",
}

--- A boolean as it is bound: both a boolean column and one of 0 and 1 take it.
---@param value boolean?
---@return integer?
function statements.boolean(value)
  if value ~= nil then
    return value and 1 or 0
  end
end

--- A whole number as text, which no driver cuts: LuaDBI reads SQLite's integers as 32 bits.
---@param sql string
---@return string
function statements.text(sql)
  return ("CAST(%s AS TEXT)"):format(sql)
end

--- The statement that inserts a row, or changes the one that has its key.
---@param name string the table
---@param columns string[] one bound value each
---@param key string[] the columns of the key
---@param changed string[]? the columns to change; all but the key if left out
---@return string
function statements.upsert(name, columns, key, changed)
  local is_key, sets, marks = {}, {}, {}
  for _, column in ipairs(key) do
    is_key[column] = true
  end
  for i, column in ipairs(columns) do
    marks[i] = "?"
    if not changed and not is_key[column] then
      sets[#sets + 1] = column .. " = excluded." .. column
    end
  end
  for i, column in ipairs(changed or {}) do
    sets[i] = column .. " = excluded." .. column
  end
  return ("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET %s"):format(name,
    table.concat(columns, ", "), table.concat(marks, ", "), table.concat(key, ", "),
    table.concat(sets, ", "))
end

--- The rows of a table, each with whether a secret is kept for it.
---@param db commerce.sql.Database
---@param name string the table
---@param key string the column that the secret's owner ends with
---@param prefix string what the secret's owner begins with: "app:"
---@return table<string, table<string, any>> rows by the key; `enabled` and `has_secret_key` are
---  booleans
function statements.rows_with_secret(db, name, key, prefix)
  local rows, to_boolean = {}, db.dialect.to_boolean
  local sql = "SELECT t.*, CASE WHEN EXISTS (SELECT 1 FROM secrets WHERE owner = '%s' || t.%s) "
    .. "THEN 1 ELSE 0 END AS has_secret_key FROM %s AS t"
  for _, row in ipairs(db:all(sql:format(prefix, key, name))) do
    row.enabled, row.has_secret_key = to_boolean(row.enabled), row.has_secret_key == 1
    rows[row[key]] = row
  end
  return rows
end

local PAUSE = 0.002 -- seconds between two batches, in which others may write

--- Delete rows that may be many, batch by batch. A kill leaves some of the rows.
---@param db commerce.sql.Database
---@param batch integer rows
---@param name string the table
---@param condition string SQL of the rows to delete
---@param ... any its bound values
function statements.delete_many(db, batch, name, condition, ...)
  local sql = db.dialect.delete_batch(name, condition, batch)
  while db:run(sql, ...) == batch do
    db.pause(PAUSE)
  end
end

return statements
