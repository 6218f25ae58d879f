-- What a SQL store does for a comparison of its records with what the source lists: methods of a
-- store, part of its contract. Called by the SQL stores; failures are raised as in connection.lua.
--
-- A listing is the ids that the source listed under some name. It is kept on disk, so that memory
-- stays flat, but in a table of this process alone: nobody else sees it, and it goes with the
-- store.

local json = require "commerce.base.json"

local listings = {}

local TABLES = {
  [[CREATE TEMP TABLE IF NOT EXISTS listed (
      listing TEXT NOT NULL, id TEXT NOT NULL, parent_id TEXT, data TEXT,
      PRIMARY KEY (listing, id))]],
  "CREATE INDEX IF NOT EXISTS temp.listed_parent ON listed (listing, parent_id)",
}

-- The connection with the table in it.
local function with_table(self)
  local db = self.db
  if not db.has_listings then
    for _, statement in ipairs(TABLES) do
      db:once(statement)
    end
    db.has_listings = true
  end
  return db
end

--- The stored records of some ids, without the deleted ones.
---@param data_type commerce.DataType
---@param connection_id string
---@param ids string[]
---@param deleted boolean? true: with the deleted ones
---@return table<string, string>? data JSON by id; nil on failure
---@return string? message
---@return commerce.Details? details
function listings:find(data_type, connection_id, ids, deleted)
  local found = {}
  for _, row in ipairs(self.db:all(("SELECT id, data FROM %s WHERE connection_id = ? "
    .. "AND id IN (SELECT value FROM json_each(?))%s"):format(data_type.name,
    deleted and "" or " AND metadata_is_deleted IS NOT 1"), connection_id, json.strings(ids))) do
    found[row.id] = row.data
  end
  return found
end

--- Add to a listing; what is in it already stays as it is.
---@param listing string
---@param entries table[] { id, parent_id?, data? }
---@return integer? added how many were not in it; nil on failure
---@return string? message
---@return commerce.Details? details
function listings:remember(listing, entries)
  if #entries == 0 then
    return 0
  end
  return with_table(self):run("INSERT OR IGNORE INTO temp.listed (listing, id, parent_id, data) "
    .. "SELECT ?, value ->> 'id', value ->> 'parent_id', value ->> 'data' FROM json_each(?)",
    listing, json.encode(entries))
end

--- Drop a listing.
---@param listing string
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function listings:forget(listing)
  with_table(self):run("DELETE FROM temp.listed WHERE listing = ?", listing)
  return true
end

--- A batch of stored ids, without deleted records, that a listing does not have.
---@param data_type commerce.DataType
---@param connection_id string
---@param listing string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return string[]? ids in their order; nil on failure
---@return string? message
---@return commerce.Details? details
function listings:unlisted(data_type, connection_id, listing, after, limit)
  local ids = {}
  for i, row in ipairs(with_table(self):all(("SELECT id FROM %s AS record "
    .. "WHERE connection_id = ? AND id > ? AND NOT EXISTS "
    .. "(SELECT 1 FROM temp.listed WHERE listing = ? AND listed.id = record.id) "
    .. "AND metadata_is_deleted IS NOT 1 ORDER BY id LIMIT ?"):format(data_type.name),
    connection_id, after, listing, limit)) do
    ids[i] = row.id
  end
  return ids
end

--- A batch of a listing's entries with their children in another one, in the order of their ids.
---@param listing string
---@param child_listing string
---@param after string the id after which to start, "" for the first
---@param limit integer
---@return table[]? batch list of { id, data, children = list of data }; nil on failure
---@return string? message
---@return commerce.Details? details
function listings:listed_families(listing, child_listing, after, limit)
  local db = with_table(self)
  local batch = db:all("SELECT id, data FROM temp.listed WHERE listing = ? AND id > ? "
    .. "ORDER BY id LIMIT ?", listing, after, limit)
  for _, parent in ipairs(batch) do
    parent.children = {}
    for i, child in ipairs(db:all("SELECT data FROM temp.listed WHERE listing = ? "
      .. "AND parent_id = ?", child_listing, parent.id)) do
      parent.children[i] = child.data
    end
  end
  return batch
end

return listings
