-- Reads a SQLite database in a thread, for a store of another Lua state: `store.open` names this
-- module to the function `elsewhere`.

local core = require "commerce.core"
local database = require "commerce.store.sqlite.db"
local errors = require "commerce.base.errors"

local reader = {}

local LONGEST_WAIT = 5000 -- milliseconds, for another process's write

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

--- Run a statement that takes long and gives no rows, such as one that makes an index. Other
--- processes cannot write meanwhile.
---@param path string the database's
---@param sql string
---@return boolean? ok nil on failure
---@return string? message
function reader.build(path, sql)
  return errors.catch(function()
    local db = database.open(path)
    return errors.finally(function()
      db:once(("PRAGMA busy_timeout = %d"):format(LONGEST_WAIT))
      db:once(sql)
      return true
    end, function()
      db:close()
    end)
  end)
end

return reader
