-- Connections, how they came to their status, and what went wrong with them. Methods of a store,
-- part of its contract. Called by the SQL stores; failures are raised as in connection.lua.

local companies = require "commerce.store.companies"
local events = require "commerce.store.events"
local filter = require "commerce.store.filter"
local removal = require "commerce.store.removal"

local unpack = require("commerce.base.compat").unpack

local connections = {}

local FILTERS = { id = "string", company_id = "string", status = "string",
  integration = "string", account = "string", auth = "string", link_id = "string" }

--- Connections, oldest first.
---@param given table? id, company_id, status, integration, account, auth, link_id: only those;
---  limit; offset
---@return table[]? rows { id, company_id, integration, account, name, status, auth, scope,
---  sync_on_link, link_id, created, linked, last_sync, first_read }; nil on failure
---@return string? message
---@return commerce.Details? details
function connections:connections(given)
  return filter.rows(self.db, "connections", FILTERS, given)
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

--- Add a connection, and the company it belongs to if that is new as well: both or neither. They
--- are told of (see outbox.lua).
---@param row table as `connections` gives it
---@param options table? company: a row as `companies` gives it; new_account = true: only if no
---  connection, of whatever company, has its account in its integration yet
---@return boolean? added false, and nothing was added: the company has the account in this
---  integration already, or, where it had to be new, another one has; nil on failure
---@return string? message
---@return commerce.Details? details
function connections:add_connection(row, options)
  local db = self.db
  options = options or {}
  return db:transaction(function()
    if row.account and has_account(db, row, options.new_account) then
      return false
    end
    if options.company then
      companies.save_company(self, options.company)
    end
    db:run("INSERT INTO connections (id, company_id, integration, account, name, status, auth, "
      .. "scope, link_id, created, linked, last_sync) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      row.id, row.company_id, row.integration, row.account, row.name, row.status, row.auth,
      row.scope, row.link_id, row.created, row.linked, row.last_sync)
    note(db, row.id, row.created, row.status)
    events.append(db, "connection.created", { connection = row })
    if row.status == "Linked" then
      events.append(db, "connection.connected", { connection = row })
    end
    return true
  end)
end

local CHANGEABLE = { "account", "name", "status", "auth", "scope", "sync_on_link", "linked",
  "last_sync" }

-- What a change of status is called when it is told.
local function event_of(before, after)
  if after == "Linked" and before ~= "Linked" then
    return before == "PendingAuth" and "connection.connected" or "connection.reconnected"
  elseif before == "Linked" and after ~= "Linked" then
    return "connection.disconnected"
  end
end

local function tell(db, before, reason)
  local after = db:all("SELECT * FROM connections WHERE id = ?", before.id)[1]
  local name = event_of(before.status, after.status)
  if name then
    events.append(db, name, { connection = after, reason = reason })
  end
end

--- Change a connection, unless somebody else was faster. A change of its status, or one that has a
--- reason, goes into its history, and where it is not "Linked" any more, the pulls that wait or are
--- under way are closed as "Cancelled". A change of status is told of (see outbox.lua).
---@param id string
---@param changes table account, name, status, auth, scope, sync_on_link, linked, last_sync: those
---  that are named; false for none; at: when (needed with status); reason: for the history
---@param from string? the status that it must have for this
---@return boolean? changed false: there is no such connection with that status; nil on failure
---@return string? message
---@return commerce.Details? details
function connections:change_connection(id, changes, from)
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
        db:run("UPDATE pulls SET status = 'Cancelled', completed = ?, error_message = ? "
          .. "WHERE connection_id = ? AND status IN ('Queued', 'Fetching')", changes.at,
          "the connection became " .. changes.status, id)
      end
      tell(db, before, changes.reason)
    end
    return changed
  end)
end

--- Remove a connection with everything stored of it: all or nothing. It is told of.
---@param id string
---@return boolean? removed false if there was none; nil on failure
---@return string? message
---@return commerce.Details? details
function connections:remove_connection(id)
  local db = self.db
  local removed = db:transaction(function()
    local row = db:all("SELECT * FROM connections WHERE id = ?", id)[1]
    if row then
      events.append(db, "connection.deleted", { connection = row })
    end
    return removal.connection(db, id)
  end)
  removal.try_to_finish(db)
  return removed
end

--- Connections were removed while this or another process was killed: take out what is left of
--- them. Nobody sees it any more, but it takes room.
---@return integer? connections how many there were; nil on failure
---@return string? message
---@return commerce.Details? details
function connections:purge()
  return removal.finish(self.db)
end

--- A merchant could not be linked: that is told of, and changes nothing else.
---@param id string
---@param row table { at, status_code, status_text, message }
---@return boolean? told false if there is no such connection; nil on failure
---@return string? message
---@return commerce.Details? details
function connections:tell_failed_link(id, row)
  local db = self.db
  return db:transaction(function()
    local connection = db:all("SELECT * FROM connections WHERE id = ?", id)[1]
    if connection then
      events.append(db, "connection.failed", { connection = connection, errors = { row } })
    end
    return connection ~= nil
  end)
end

--- The statuses that a connection has had, oldest first.
---@param id string
---@return table[]? rows { at, status, reason }; nil on failure
---@return string? message
---@return commerce.Details? details
function connections:connection_history(id)
  return self.db:all("SELECT at, status, reason FROM connection_history WHERE connection_id = ? "
    .. "ORDER BY rowid", id)
end

--- What went wrong with a connection as a whole, oldest first.
---@param id string
---@return table[]? rows { at, status_code, status_text, message, resolved }; nil on failure
---@return string? message
---@return commerce.Details? details
function connections:connection_errors(id)
  return self.db:all("SELECT at, status_code, status_text, message, resolved "
    .. "FROM connection_errors WHERE connection_id = ? ORDER BY rowid", id)
end

--- Note an error of a connection. One that is there and unresolved is not noted again.
---@param id string
---@param row table { at, status_code, status_text, message }
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function connections:add_connection_error(id, row)
  self.db:run("INSERT INTO connection_errors (connection_id, at, status_code, status_text, "
    .. "message) SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM connection_errors "
    .. "WHERE connection_id = ? AND status_code = ? AND message = ? AND resolved IS NULL)",
    id, row.at, row.status_code, row.status_text, row.message, id, row.status_code, row.message)
  return true
end

--- A connection works again: its errors are resolved.
---@param id string
---@param at string when
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function connections:resolve_connection_errors(id, at)
  self.db:run("UPDATE connection_errors SET resolved = ? WHERE connection_id = ? "
    .. "AND resolved IS NULL", at, id)
  return true
end

return connections
