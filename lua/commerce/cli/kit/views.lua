-- Companies and connections as the commands show them: as objects for --json, and as lines.

local codat = require "commerce.codat.company"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local lookup = require "commerce.cli.kit.lookup"

local must = errors.must

local views = {}

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

---@class commerce.cli.ConnectionView
---@field id string
---@field companyId string
---@field integration string
---@field mode "test"|"live"
---@field account string?
---@field name string?
---@field status string
---@field auth string?
---@field scope string?
---@field created string
---@field linked string?
---@field lastSync string?
---@field errors commerce.codat.View[]? of the whole view
---@field history commerce.StatusRow[]? of the whole view

---@class commerce.cli.CompanyView
---@field id string
---@field name string
---@field description string?
---@field tags table<string, string>?
---@field created string
---@field mode "test"|"live"
---@field connections commerce.cli.ConnectionView[] those of the mode
---@field lastSync string? the last sync of these connections

--- A connection.
---@param connection commerce.Connection
---@param whole boolean? with its errors and its history
---@return commerce.cli.ConnectionView
function views.connection(connection, whole)
  local view = { id = connection.id, companyId = connection.company_id,
    integration = connection.integration.name, mode = connection.integration.mode,
    account = connection.account, name = connection.name, status = connection.status,
    auth = connection.auth, scope = connection.scope, created = connection.created,
    linked = connection.linked, lastSync = connection.last_sync }
  if whole then
    view.errors = camel(must(connection:errors()), ERROR)
    view.history = camel(must(connection:history()), STEP)
  end
  return view
end

--- A company with its connections of the mode that commands work in.
---@param company commerce.Company
---@return commerce.cli.CompanyView
function views.company(company)
  local mode = must(company.app:mode())
  local connections = lookup.connections(company.app, { company_id = company.id })
  local view = { id = company.id, name = company.name, description = company.description,
    tags = company.tags, created = company.created, mode = mode,
    connections = json.array {}, lastSync = codat.last_sync(connections) }
  for i, connection in ipairs(connections) do
    view.connections[i] = views.connection(connection)
  end
  return view
end

---@class commerce.cli.RatesView
---@field account number requests a second
---@field endpoint number requests a second of each endpoint
---@field setBy "stripe"|"environment"|"connection"

--- The rates of a connection.
---@param found commerce.Rates
---@return commerce.cli.RatesView
function views.rates(found)
  return { account = found.rate, endpoint = found.endpoint_rate, setBy = found.source }
end

local SET_BY = { stripe = "as Stripe documents",
  environment = "by STRIPE_RATE or STRIPE_ENDPOINT_RATE", connection = "set for this connection" }

--- The rates of a connection in one line.
---@param view commerce.cli.RatesView
---@return string
function views.rates_line(view)
  return ("requests a second: %g, %g of each endpoint (%s)"):format(view.account, view.endpoint,
    SET_BY[view.setBy])
end

local AUTHORIZED = { connect = "by Stripe Connect", app = "by the Stripe App",
  key = "by its own key" }

--- A connection in one line.
---@param view commerce.cli.ConnectionView
---@return string
function views.connection_line(view)
  local parts = { ("%s, %s mode"):format(view.status, view.mode), view.account or "no account yet",
    AUTHORIZED[view.auth] and AUTHORIZED[view.auth]
      .. (view.scope and (" (%s)"):format(view.scope) or "") or nil }
  parts[#parts + 1] = view.lastSync and "last synced " .. format.minutes(view.lastSync)
    or "never synced"
  return ("connection %s: %s"):format(view.id, table.concat(parts, ", "))
end

return views
