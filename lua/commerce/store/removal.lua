-- Removing a connection with everything that is stored of it. Called by the SQL stores' parts,
-- inside their transaction.

local removal = {}

-- Asked of the database, so that no table can be forgotten.
local TABLES_OF_A_CONNECTION = "SELECT t.name FROM sqlite_master t "
  .. "JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = 'connection_id'"

--- Remove a connection, what its full reads saw, and every row of every table that names it as its
--- connection_id.
---@param db table see store/connection.lua
---@param id string
---@return boolean removed false if there was none
function removal.connection(db, id)
  db:run("DELETE FROM seen WHERE sweep IN (SELECT id FROM sweeps WHERE connection_id = ?)", id)
  for _, row in ipairs(db:all(TABLES_OF_A_CONNECTION)) do
    db:run(("DELETE FROM %s WHERE connection_id = ?"):format(row.name), id)
  end
  return db:run("DELETE FROM connections WHERE id = ?", id) > 0
end

return removal
