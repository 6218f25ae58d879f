-- Reads a SQLite database in a thread, for a store of another Lua state: `store.open` names this
-- module to the function `elsewhere`.

local core = require "commerce.core"
local database = require "commerce.store.sqlite.db"
local errors = require "commerce.base.errors"

local reader = {}

local opened = {} -- by path; a thread's Lua state is used again and again

local function open(path)
  local db = database.open(path)
  db:once "PRAGMA query_only = ON"
  db:once "PRAGMA cache_size = -2000" -- KB: there may be as many as threads
  db:watch_file()
  opened[path] = db
  return db
end

-- The database, anew if another file has its name now.
local function current(path)
  local db = opened[path]
  if db and db.file ~= core.file_id(path) then
    db:close()
    opened[path] = nil
  end
  return opened[path] or open(path)
end

--- The rows of a query.
---@param path string the database's
---@param sql string
---@param values any[] bound values
---@param columns integer how many columns a row has; the first is never null
---@return any[][]? rows nil on failure
---@return string? message
function reader.rows(path, sql, values, columns)
  return errors.catch(function()
    return current(path):list(sql, values, columns)
  end)
end

return reader
