-- How a database of an older schema version becomes one of the present version. A migration is a
-- list of SQL texts that never changes after its release: it must not call code that describes the
-- present (schema.lua, the model), since it has to do the same in ten years. The tables of records
-- need no migration: a database that is opened gets the columns of today's data types.

local migrations = {}

--- [n] is the list of statements that leads from version n to version n + 1.
---@type string[][]
migrations.STEPS = {
  { "ALTER TABLE leases ADD COLUMN seconds REAL NOT NULL DEFAULT 60" },
  { "CREATE TABLE spent_codes (hash TEXT PRIMARY KEY, expires INTEGER NOT NULL)" },
  { "ALTER TABLE integrations ADD COLUMN restricted_keys INTEGER NOT NULL DEFAULT 0" },
}

--- The present version.
---@return integer
function migrations.version()
  return #migrations.STEPS + 1
end

--- Lead a database from an older version to the present one.
---@param db commerce.sql.Database in a transaction
---@param version integer the database's
function migrations.run(db, version)
  for step = version, #migrations.STEPS do
    for _, statement in ipairs(migrations.STEPS[step]) do
      db:once(statement)
    end
  end
end

return migrations
