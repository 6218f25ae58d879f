-- Statements that are the same in all SQL databases.

local statements = {}

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

return statements
