-- Companies and connections as the commands show them: as facts for JSON, and as lines.
-- Called by the commands.

local find = require "commerce.cli.kit.find"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"

local facts = {}

--- The mode of a connection.
---@param connection commerce.Connection
---@return "test"|"live"
function facts.mode(connection)
  return connection.integration.mode
end

local function camel(rows, names)
  local list = json.array {}
  for i, row in ipairs(rows) do
    list[i] = {}
    for name, key in pairs(names) do
      list[i][key] = row[name]
    end
  end
  return list
end

local ERROR = { at = "at", status_code = "statusCode", status_text = "statusText",
  message = "message", resolved = "resolved" }
local STEP = { at = "at", status = "status", reason = "reason" }

--- A connection.
---@param connection commerce.Connection
---@param whole boolean? with its errors and its history
---@return table? facts nil on failure
---@return string? message
---@return commerce.Details? details
function facts.connection(connection, whole)
  local all = { id = connection.id, companyId = connection.company_id,
    integration = connection.integration.name, mode = facts.mode(connection),
    account = connection.account, name = connection.name, status = connection.status,
    auth = connection.auth, scope = connection.scope, created = connection.created,
    linked = connection.linked, lastSync = connection.last_sync }
  if not whole then
    return all
  end
  local rows, message, details = connection:errors()
  if rows then
    all.errors = camel(rows, ERROR)
    rows, message, details = connection:history()
  end
  if not rows then
    return nil, message, details
  end
  all.history = camel(rows, STEP)
  return all
end

--- A company with its connections of the mode that is worked in.
---@param company commerce.Company
---@return table? facts nil on failure
---@return string? message
---@return commerce.Details? details
function facts.company(company)
  local mode, message, details = company.app:mode()
  local connections
  if mode then
    connections, message, details = find.connections(company.app, { company_id = company.id })
  end
  if not connections then
    return nil, message, details
  end
  local all = { id = company.id, name = company.name, description = company.description,
    tags = company.tags, created = company.created, mode = mode,
    connections = json.array {} }
  for i, connection in ipairs(connections) do
    all.connections[i] = facts.connection(connection)
    if not all.lastSync or (connection.last_sync or "") > all.lastSync then
      all.lastSync = connection.last_sync
    end
  end
  return all
end

local AUTHORIZED = { connect = "by Stripe Connect", key = "by its own key" }

--- A connection in one line.
---@param all table its facts
---@return string
function facts.connection_line(all)
  local parts = { ("%s, %s mode"):format(all.status, all.mode), all.account or "no account yet",
    AUTHORIZED[all.auth] and AUTHORIZED[all.auth]
      .. (all.scope and (" (%s)"):format(all.scope) or "") or nil }
  parts[#parts + 1] = all.lastSync and "last synced " .. format.minutes(all.lastSync)
    or "never synced"
  return ("connection %s: %s"):format(all.id, table.concat(parts, ", "))
end

return facts
