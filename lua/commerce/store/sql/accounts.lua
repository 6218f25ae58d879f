-- Companies and their connections: rows, status history, errors, and removal. A removed connection
-- disappears at once; its large tables, up to millions of rows, are emptied in batches afterwards,
-- since one long transaction would block all other writers.

local ascii = require "commerce.base.ascii"
local condition = require "commerce.store.sql.condition"
local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local event_rules = require "commerce.store.event_rules"
local outbox = require "commerce.store.sql.outbox"
local select = require "commerce.store.sql.select"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

---@class commerce.sql.Store
local accounts = {}

-- ---------------------------------------------------------------- removal

-- The tables with rows of a connection, asked of the database, so that none is forgotten. A table
-- that grows with the account has its content in `data`, or, like the log of changes, in `ids`.
local function tables_of_connections(db, large)
  local found, names = {}, {}
  for _, row in ipairs(db:all(db.dialect.COLUMNS)) do
    found[row.table_name] = found[row.table_name] or {}
    found[row.table_name][row.column_name] = true
  end
  for name, has in pairs(found) do
    if has.connection_id and (has.data or has.ids or false) == large then
      names[#names + 1] = name
    end
  end
  ascii.sort(names)
  return names
end

local function remove(db, id)
  db:run("DELETE FROM seen WHERE sweep IN (SELECT id FROM sweeps WHERE connection_id = ?)", id)
  for _, name in ipairs(tables_of_connections(db, false)) do
    db:run(("DELETE FROM %s WHERE connection_id = ?"):format(name), id)
  end
  for _, name in pairs(contract.OF_CONNECTION) do
    db:run("DELETE FROM settings WHERE name = ?", name .. id)
  end
  local removed = db:run("DELETE FROM connections WHERE id = ?", id) > 0
  if removed then
    db:run("INSERT INTO removals (id) VALUES (?)", id)
  end
  return removed
end

function accounts:finish_removals()
  local db = self.db
  local removed = db:all("SELECT id FROM removals")
  for _, connection in ipairs(removed) do
    for _, name in ipairs(tables_of_connections(db, true)) do
      db:delete_many(name, "connection_id = ?", connection.id)
    end
    db:run("DELETE FROM removals WHERE id = ?", connection.id)
  end
  return #removed
end

-- The caller does not depend on the result: if rows cannot be deleted now, because another process
-- writes for long or the disk is full, they are deleted later.
local function try_to_finish(self)
  local ok, failure = pcall(accounts.finish_removals, self)
  if not ok and not (errors.is_failure(failure) and failure.kind == "store") then
    error(failure, 0)
  end
end

-- ---------------------------------------------------------------- companies

function accounts:companies(given)
  return select.where(self.db, "companies", { id = "string", name = "string" }, given)
end

function accounts:save_company(row)
  local db = self.db
  return db:atomic(function()
    local known = db:all("SELECT 1 AS found FROM companies WHERE id = ?", row.id)[1]
    db:run(db.dialect.upsert("companies", { "id", "name", "description", "tags", "created",
      "products" }, { "id" }, { "name", "description", "tags",
      row.products ~= nil and "products" or nil }), row.id, row.name, row.description, row.tags,
      row.created, row.products or nil)
    if not known then
      outbox.append(db, "company.created", { company = row })
    end
    return true
  end)
end

function accounts:remove_company(id)
  local db = self.db
  local removed = db:transaction(function()
    for _, row in ipairs(db:all("SELECT * FROM connections WHERE company_id = ?", id)) do
      outbox.append(db, "connection.deleted", { connection = row })
      remove(db, row.id)
    end
    local company = db:all("SELECT * FROM companies WHERE id = ?", id)[1]
    if company then
      outbox.append(db, "company.deleted", { company = company })
    end
    db:run("DELETE FROM sync_settings WHERE owner = ?", "company:" .. id)
    db:run("DELETE FROM access_tokens WHERE company_id = ?", id)
    db:run("DELETE FROM company_turns WHERE company_id = ?", id)
    return db:run("DELETE FROM companies WHERE id = ?", id) > 0
  end)
  try_to_finish(self)
  return removed
end

-- A company has several connections: one of them must be as asked for.
local A_CONNECTION = "EXISTS (SELECT 1 FROM connections c WHERE c.company_id = companies.id AND %s)"

local COLUMNS = {
  id = { "id" }, name = { "name" }, description = { "description" }, created = { "created" },
  lastSync = { "(SELECT max(c.last_sync) FROM connections c WHERE c.company_id = companies.id)" },
  ["dataConnections.id"] = { "c.id", A_CONNECTION },
  ["dataConnections.status"] = { "c.status", A_CONNECTION },
  ["dataConnections.created"] = { "c.created", A_CONNECTION },
  ["dataConnections.lastSync"] = { "c.last_sync", A_CONNECTION },
}

local function column_of(field)
  return COLUMNS[field][1], COLUMNS[field][2]
end

local function page_of(db, what)
  local sql, values = select.rows(db, what)
  local count, bound = select.count(db, what)
  return { rows = db:all(sql, unpack(values)), total = db:all(count, unpack(bound))[1].n }
end

-- Companies with a connection of one of some integrations, and those without any connection.
local function of_integrations(db, names)
  return { ("(EXISTS (SELECT 1 FROM connections c WHERE c.company_id = companies.id AND %s) "
    .. "OR NOT EXISTS (SELECT 1 FROM connections c WHERE c.company_id = companies.id))"):format(
    db.dialect.in_list "c.integration"), db.dialect.list(names) }
end

function accounts:find_companies(options)
  local db, where = self.db, {}
  if options.integrations then
    where[1] = of_integrations(db, options.integrations)
  end
  if options.tags then
    local values = {}
    where[#where + 1] = { condition.compile(db.dialect, options.tags, function(tag)
      return db.dialect.json_member("companies.tags", tag)
    end, values), unpack(values) }
  end
  return page_of(db, { columns = "companies.*", from = "companies", where = where,
    query = options.query, column_of = column_of,
    order = select.terms(db, select.order(options.order_by, column_of, "created"), "id"),
    limit = options.limit, offset = options.offset })
end

-- ---------------------------------------------------------------- connections

local FILTERS = { id = "string", company_id = "string", status = "string",
  integration = "string", account = "string", auth = "string", link_id = "string" }

function accounts:connections(given)
  return select.where(self.db, "connections", FILTERS, given)
end

local function note(db, id, at, status, reason)
  db:run("INSERT INTO connection_history (connection_id, at, status, reason) VALUES (?, ?, ?, ?)",
    id, at, status, reason)
end

local function has_account(db, row, anywhere)
  local sql = "SELECT id FROM connections WHERE integration = ? AND account = ?%s LIMIT 1"
  local found
  if anywhere then
    found = db:all(sql:format "", row.integration, row.account)
  else
    found = db:all(sql:format " AND company_id = ?", row.integration, row.account, row.company_id)
  end
  return #found > 0
end

function accounts:add_connection(row, options)
  local db = self.db
  options = options or {}
  return db:transaction(function()
    if row.account and has_account(db, row, options.new_account) then
      return false
    end
    if options.company then
      accounts.save_company(self, options.company)
    end
    db:run("INSERT INTO connections (id, company_id, integration, account, name, status, auth, "
      .. "scope, link_id, created, linked, last_sync) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      row.id, row.company_id, row.integration, row.account, row.name, row.status, row.auth,
      row.scope, row.link_id, row.created, row.linked, row.last_sync)
    note(db, row.id, row.created, row.status)
    outbox.append(db, "connection.created", { connection = row })
    if row.status == "Linked" then
      outbox.append(db, "connection.connected", { connection = row })
    end
    return true
  end)
end

local CHANGEABLE = { "account", "name", "status", "auth", "scope", "sync_on_link", "linked",
  "last_sync" }

local function tell(db, before, reason)
  local after = db:all("SELECT * FROM connections WHERE id = ?", before.id)[1]
  local name = event_rules.status_event(before.status, after.status)
  if name then
    outbox.append(db, name, { connection = after, reason = reason })
  end
end

function accounts:change_connection(id, changes, from)
  local db, sets, values = self.db, {}, {}
  for _, name in ipairs(CHANGEABLE) do
    if changes[name] == false then
      sets[#sets + 1] = name .. " = NULL"
    elseif changes[name] ~= nil then
      sets[#sets + 1], values[#values + 1] = name .. " = ?", changes[name]
    end
  end
  assert(#sets > 0, "change_connection: nothing to change")
  values[#values + 1] = id
  values[#values + 1] = from
  return db:transaction(function()
    local before = changes.status and db:all("SELECT * FROM connections WHERE id = ?", id)[1]
    local changed = db:run(("UPDATE connections SET %s WHERE id = ?%s"):format(
      table.concat(sets, ", "), from and " AND status = ?" or ""), unpack(values)) > 0
    if changed and changes.status and (changes.status ~= from or changes.reason) then
      note(db, id, changes.at, changes.status, changes.reason)
      if changes.status ~= "Linked" then
        local ended, message = event_rules.closed_by(changes.status)
        db:run("UPDATE pulls SET status = ?, completed = ?, error_message = ? "
          .. "WHERE connection_id = ? AND status IN ('Queued', 'Fetching')", ended, changes.at,
          message, id)
      end
      tell(db, before, changes.reason)
    end
    return changed
  end)
end

function accounts:remove_connection(id)
  local db = self.db
  local removed = db:transaction(function()
    local row = db:all("SELECT * FROM connections WHERE id = ?", id)[1]
    if row then
      outbox.append(db, "connection.deleted", { connection = row })
    end
    return remove(db, id)
  end)
  try_to_finish(self)
  return removed
end

function accounts:tell_failed_link(id, row)
  local db = self.db
  return db:transaction(function()
    local connection = db:all("SELECT * FROM connections WHERE id = ?", id)[1]
    if connection then
      outbox.append(db, "connection.failed", { connection = connection, errors = { row } })
    end
    return connection ~= nil
  end)
end

function accounts:connection_history(id)
  return self.db:all("SELECT at, status, reason FROM connection_history WHERE connection_id = ? "
    .. "ORDER BY " .. self.db.dialect.INSERTED, id)
end

function accounts:connection_errors(id)
  return self.db:all("SELECT at, status_code, status_text, message, resolved "
    .. "FROM connection_errors WHERE connection_id = ? ORDER BY " .. self.db.dialect.INSERTED, id)
end

function accounts:add_connection_error(id, row)
  self.db:run("INSERT INTO connection_errors (connection_id, at, status_code, status_text, "
    .. "message) SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM connection_errors "
    .. "WHERE connection_id = ? AND status_code = ? AND message = ? AND resolved IS NULL)",
    id, row.at, row.status_code, row.status_text, row.message, id, row.status_code, row.message)
  return true
end

function accounts:resolve_connection_errors(id, at)
  self.db:run("UPDATE connection_errors SET resolved = ? WHERE connection_id = ? "
    .. "AND resolved IS NULL", at, id)
  return true
end

return accounts
