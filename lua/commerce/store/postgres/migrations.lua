-- How a database of an older schema version becomes one of the present version. The versions are
-- those of SQLite's schema, and a step is SQLite's in PostgreSQL's words, unless it has its own
-- here. PostgreSQL databases begin with the version FIRST.

local schema = require "commerce.store.postgres.schema"
local sqlite_migrations = require "commerce.store.sqlite.migrations"

local migrations = {}

--- The oldest version that a PostgreSQL database can have.
migrations.FIRST = 11

--- [n] is the list of statements that leads from version n to version n + 1, where SQLite's in
--- other words would not.
---@type table<integer, string[]>
migrations.STEPS = {
  [11] = {
    [[CREATE TABLE commerce_commits (writer TEXT COLLATE "C" PRIMARY KEY, last BIGINT NOT NULL,
        at TIMESTAMPTZ NOT NULL DEFAULT now())]],
  },
}

--- The present version.
---@return integer
function migrations.version()
  return sqlite_migrations.version()
end

--- The statements that lead from a version to the next one.
---@param version integer
---@return string[]
function migrations.step(version)
  if migrations.STEPS[version] then
    return migrations.STEPS[version]
  end
  local list = {}
  for i, statement in ipairs(sqlite_migrations.STEPS[version]) do
    list[i] = schema.translated(statement)
  end
  return list
end

return migrations
