-- Companies. Methods of a store, part of its contract. Called by the SQL stores; failures are
-- raised as in connection.lua.

local events = require "commerce.store.events"
local filter = require "commerce.store.filter"
local removal = require "commerce.store.removal"

local companies = {}

--- Companies, oldest first.
---@param given table? id, name: only those; limit; offset
---@return table[]? rows { id, name, description, tags (JSON text), created }; nil on failure
---@return string? message
---@return commerce.Details? details
function companies:companies(given)
  return filter.rows(self.db, "companies", { id = "string", name = "string" }, given)
end

--- Keep a company, or its changes. A new one is told of (see outbox.lua).
---@param row table as `companies` gives it
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function companies:save_company(row)
  local db = self.db
  return db:atomic(function()
    local known = db:all("SELECT 1 AS found FROM companies WHERE id = ?", row.id)[1]
    db:run("INSERT INTO companies (id, name, description, tags, created) "
      .. "VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
      .. "description = excluded.description, tags = excluded.tags", row.id, row.name,
      row.description, row.tags, row.created)
    if not known then
      events.append(db, "company.created", { company = row })
    end
    return true
  end)
end

--- Remove a company with its settings, its connections and everything stored of them: all or
--- nothing. It is told of, and so are they.
---@param id string
---@return boolean? removed false if there was none; nil on failure
---@return string? message
---@return commerce.Details? details
function companies:remove_company(id)
  local db = self.db
  local removed = db:transaction(function()
    for _, row in ipairs(db:all("SELECT * FROM connections WHERE company_id = ?", id)) do
      events.append(db, "connection.deleted", { connection = row })
      removal.connection(db, row.id)
    end
    local company = db:all("SELECT * FROM companies WHERE id = ?", id)[1]
    if company then
      events.append(db, "company.deleted", { company = company })
    end
    db:run("DELETE FROM sync_settings WHERE owner = ?", "company:" .. id)
    return db:run("DELETE FROM companies WHERE id = ?", id) > 0
  end)
  removal.try_to_finish(db)
  return removed
end

return companies
