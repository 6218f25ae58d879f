-- Reads a SQLite database in a thread: statements of a store that lives in another Lua state.
-- Called by name, from where that store was opened; see `store.open`, elsewhere.

local connection = require "commerce.store.connection"

local reader = {}

local opened = {} -- this Lua state's own, by path: it is used again and again

local function open(path)
  local db, message = connection.open("SQLite3", path, path)
  if db then
    db:once "PRAGMA query_only = ON"
    db:once "PRAGMA cache_size = -2000" -- KB: there may be as many as threads
    opened[path] = db
  end
  return db, message
end

local function rows_of(path, sql, values, columns)
  local db, message = opened[path], nil
  if not db then
    db, message = open(path)
  end
  if not db then
    return nil, message
  end
  return db:list(sql, values, columns)
end

--- The rows of a query.
---@param path string the database's
---@param sql string
---@param values any[] bound values
---@param columns integer how many columns a row has; the first is never null
---@return any[][]? rows nil on failure
---@return string? message
function reader.rows(path, sql, values, columns)
  return connection.protect(rows_of)(path, sql, values, columns)
end

return reader
