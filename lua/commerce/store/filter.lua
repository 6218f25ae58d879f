-- Rows of which some columns are as a filter table says. Called by the parts of the SQL stores.

local errors = require "commerce.base.errors"
local selection = require "commerce.store.selection"

local unpack = require("commerce.base.compat").unpack

local filter = {}

--- The rows of a table, oldest first.
---@param db table see connection.lua
---@param from string the table; it has the columns created and id
---@param columns table<string, string> the columns that may be named, and their Lua types
---@param given table? column -> what it must be; limit; offset
---@return table[] rows
function filter.rows(db, from, columns, given)
  given = given or {}
  local known, where = { limit = "number", offset = "number" }, {}
  for name, kind in pairs(columns) do
    known[name] = kind
    where[#where + 1] = given[name] ~= nil and { name .. " = ?", given[name] } or nil
  end
  errors.check_options(given, known)
  local sql, values = selection.rows { columns = "*", from = from, where = where,
    order = { "created", "id" }, limit = given.limit, offset = given.offset }
  return db:all(sql, unpack(values))
end

return filter
