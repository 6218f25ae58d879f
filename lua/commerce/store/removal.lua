-- Removing a connection with everything that is stored of it. It is gone at once, in the caller's
-- transaction; what there may be a million of goes afterwards, a few rows at a time, since nobody
-- else could write meanwhile. A connection of which something is left is noted until it is not.
-- Called by the SQL stores' parts.

local removal = {}

local SMALL, LARGE = 0, 1

-- The tables with rows of a connection, asked of the database, so that none can be forgotten. What
-- grows with the account has its content in `data`; so has the log of changes, in `ids`.
local function tables(db, size)
  return db:all("SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c "
    .. "WHERE t.type = 'table' GROUP BY t.name HAVING max(c.name = 'connection_id') "
    .. "AND max(c.name IN ('data', 'ids')) = ?", size)
end

--- Remove a connection. Of what is stored of it, `finish` takes what is left.
---@param db table see store/connection.lua; in a transaction
---@param id string
---@return boolean removed false if there was none
function removal.connection(db, id)
  db:run("DELETE FROM seen WHERE sweep IN (SELECT id FROM sweeps WHERE connection_id = ?)", id)
  for _, row in ipairs(tables(db, SMALL)) do
    db:run(("DELETE FROM %s WHERE connection_id = ?"):format(row.name), id)
  end
  local removed = db:run("DELETE FROM connections WHERE id = ?", id) > 0
  if removed then
    db:run("INSERT INTO removals (id) VALUES (?)", id)
  end
  return removed
end

--- Take out what is left of connections that have been removed.
---@param db table see store/connection.lua; in no transaction
---@return integer connections how many there were
function removal.finish(db)
  local removed = db:all("SELECT id FROM removals")
  for _, connection in ipairs(removed) do
    for _, row in ipairs(tables(db, LARGE)) do
      db:delete_many(row.name, "connection_id = ?", connection.id)
    end
    db:run("DELETE FROM removals WHERE id = ?", connection.id)
  end
  return #removed
end

--- The same where nothing depends on it: what cannot be taken out just now, because somebody else
--- writes for long or the disk is full, `purge` takes out later.
---@param db table see store/connection.lua; in no transaction
function removal.try_to_finish(db)
  local ok, failure = pcall(removal.finish, db)
  if not ok and not (type(failure) == "table" and failure.kind == "store") then
    error(failure, 0)
  end
end

return removal
