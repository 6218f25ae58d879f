-- What was created, changed and deleted, in order, for those who pass it on; and how far each of
-- them has come. Methods of a store, part of its contract. Called by the SQL stores; failures are
-- raised as in connection.lua.
--
-- Each change of a connection's records has a number, one higher than the one before it; change_log
-- writes them.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local types = require "commerce.store.types"

local changes = {}

-- The records of some ids as they are now, deleted ones included.
local function data_of(self, connection_id, type_name, ids)
  local found = {}
  local data_type = types.find_type(self, type_name)
  for _, row in ipairs(data_type and self.db:all(("SELECT id, data FROM %s WHERE connection_id = ? "
    .. "AND id IN (SELECT value FROM json_each(?))"):format(data_type.name), connection_id,
    json.encode(ids)) or {}) do
    found[row.id] = row.data
  end
  return found
end

-- The part of a row that comes after a number, at most so many.
local function part_of(row, after, most)
  local ids, part = json.decode(row.ids), {}
  local first = row.last - #ids + 1
  for i = math.max(1, after - first + 2), #ids do
    if #part == most then
      break
    end
    part[#part + 1] = { number = first + i - 1, type = row.data_type, kind = row.kind,
      id = ids[i], at = row.at }
  end
  return part
end

local ROWS = 20 -- of the log, read at once

--- The changes after one, in order.
---@param connection_id string
---@param after integer a change's number, 0 for the first
---@param limit integer at most so many
---@return table[]? list { number, type, kind = "created" | "changed" | "deleted", id, at (date),
---  data = the record's JSON as it is now }; nil on failure
---@return string? message
---@return commerce.Details? details
function changes:changes(connection_id, after, limit)
  local list, last = {}, after
  repeat
    local rows = self.db:all("SELECT last, at, data_type, kind, ids FROM changes "
      .. "WHERE connection_id = ? AND last > ? ORDER BY last LIMIT ?", connection_id, last, ROWS)
    for _, row in ipairs(rows) do
      local part, ids = part_of(row, after, limit - #list), {}
      for i, change in ipairs(part) do
        ids[i] = change.id
      end
      local data = #ids > 0 and data_of(self, connection_id, row.data_type, ids) or {}
      for _, change in ipairs(part) do
        change.data = data[change.id]
        list[#list + 1] = change
      end
      last = row.last
      if #list >= limit then
        break
      end
    end
  until #rows < ROWS or #list >= limit
  return list
end

--- The number of the last change, or of the last one before a day; 0 if there is none.
---@param connection_id string
---@param before string? YYYY-MM-DDTHH:MM:SSZ
---@return integer? number nil on failure
---@return string? message
---@return commerce.Details? details
function changes:last_change(connection_id, before)
  local sql = "SELECT max(last) AS n FROM changes WHERE connection_id = ?"
  if before then
    return self.db:all(sql .. " AND at < ?", connection_id, before)[1].n or 0
  end
  return self.db:all(sql, connection_id)[1].n or 0
end

--- How far a consumer has come.
---@param connection_id string
---@param name string the consumer's
---@return integer? number of the last change that it acknowledged; nil if it is not known, and on
---  failure
---@return string? message
---@return commerce.Details? details
function changes:consumer(connection_id, name)
  local row = self.db:all("SELECT position FROM consumers WHERE connection_id = ? AND name = ?",
    connection_id, name)[1]
  return row and row.position
end

--- A consumer has dealt with all changes up to one. Fails if it is not where the caller thinks:
--- another process reads under the same name.
---@param connection_id string
---@param name string the consumer's
---@param from integer? where it was; nil for a new one
---@param to integer
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function changes:acknowledge(connection_id, name, from, to)
  local moved
  if from then
    moved = self.db:run("UPDATE consumers SET position = ? WHERE connection_id = ? AND name = ? "
      .. "AND position = ?", to, connection_id, name, from)
  else
    moved = self.db:run("INSERT OR IGNORE INTO consumers (connection_id, name, position) "
      .. "VALUES (?, ?, ?)", connection_id, name, to)
  end
  if moved == 0 then
    local _, _, details = errors.fail("store", ("consumer '%s': another process reads the same "
      .. "changes under this name"):format(name))
    error(details, 0)
  end
  return true
end

return changes
