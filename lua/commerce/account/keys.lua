-- Finds the key that a connection is opened with, and the connection that a key's account belongs
-- to.

local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local integrations = require "commerce.account.integrations"
local status = require "commerce.account.status"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local keys = {}

--- A connection's row, for the store.
---@param company_id string
---@param integration string "stripe" or "stripe-test"
---@return commerce.ConnectionRow row "PendingAuth"
function keys.new_row(company_id, integration)
  if not stripe.integrations[integration] then
    errors.throw("usage", ("unknown integration '%s' (known: stripe, stripe-test)")
      :format(tostring(integration)))
  end
  return { id = core.uuid(), company_id = company_id, integration = integration,
    status = "PendingAuth", link_id = core.uuid(), created = time.now() }
end

-- ---------------------------------------------------------------- an account that a key has proven

-- If several companies have a connection of the account, prefer one that is authorized by its own
-- key, then one that can be synced.
local function better(row, than, auth)
  if not than then
    return true
  elseif (row.auth == auth) ~= (than.auth == auth) then
    return row.auth == auth
  end
  return row.status == "Linked" and than.status ~= "Linked"
end

local function stored_row(app, integration, account, auth, options)
  if options.connection then
    local named = app.store:connections({ id = options.connection })[1]
    if not named then
      errors.throw("missing", ("no connection %s"):format(options.connection))
    elseif named.integration ~= integration.name then
      errors.throw("auth", ("connection %s is of the integration '%s', the key is a %s mode key")
        :format(named.id, named.integration, integration.mode))
    end
    return named
  end
  local rows = app.store:connections { integration = integration.name,
    account = account, company_id = options.company }
  local best
  for _, row in ipairs(rows) do
    best = better(row, best, auth) and row or best
  end
  return best
end

local function new_connection(app, integration, account, grant, options)
  local now = time.now()
  local company = not options.company and { id = core.uuid(),
    name = options.name or grant.name or account, created = now } or nil
  local row = keys.new_row(options.company or company.id, integration.name)
  row.status, row.linked, row.account = "Linked", now, account
  row.auth, row.name = grant.auth, options.name or grant.name
  local added = app.store:add_connection(row,
    { company = company, new_account = company ~= nil })
  if not added then -- another process was faster
    return keys.take_up(app, integration, { id = account }, options, grant.auth)
  end
  return row
end

local function check_company(app, id)
  if not app.store:companies({ id = id })[1] then
    errors.throw("missing", ("no company %s"):format(id))
  end
end

--- The connection of the account that a key belongs to. A new account gets a connection, and a
--- company with the account's name.
---@param app commerce.App
---@param integration commerce.StripeIntegration the key's
---@param account commerce.StripeObject Stripe's object, or only its id
---@param options commerce.ConnectOptions see `commerce.app.lifecycle.connect`
---@param auth "connect"|"key" how the key is authorized: as a platform's, or as the account's own
---  or its organisation's
---@return commerce.ConnectionRow row "Linked"
function keys.take_up(app, integration, account, options, auth)
  local grant = { account = account.id, auth = auth,
    name = options.name or stripe.account_name(account) }
  if options.company then
    check_company(app, options.company)
  end
  local row = stored_row(app, integration, account.id, grant.auth, options)
  if not row then
    return new_connection(app, integration, account.id, grant, options)
  elseif row.status == "Linked" and row.account == account.id then
    return row -- however it was authorized, it stays so
  elseif row.status == "Unlinked" and not options.relink then
    errors.throw("state", ("connection %s of account %s has been unlinked; to sync it again, "
      .. "link it with `commerce connections add`"):format(row.id, account.id),
      { code = "not_linked", connection_id = row.id })
  end
  status.link(app.store, row, grant)
  return row
end

local EXPIRED = { api_key_expired = true, platform_api_key_expired = true }

--- Handle a key that Stripe refused: mark its connection as "Deauthorized" if the connection is
--- certain, either by the account that the key was to act for, or because the key of the named
--- connection was revoked. A key that Stripe has never seen belongs to no connection.
---@param app commerce.App
---@param integration commerce.StripeIntegration
---@param options commerce.ConnectOptions see `commerce.app.lifecycle.connect`
---@param auth "connect"|"key" as for `keys.take_up`
---@param message string
---@param details commerce.Details?
local function refused(app, integration, options, auth, message, details)
  local filter
  if options.account and stripe.is_revoked(details, "connect") then
    filter = { integration = integration.name, account = options.account, auth = auth,
      status = "Linked" }
  elseif options.connection and type(details) == "table" and EXPIRED[details.code] then
    filter = { id = options.connection, integration = integration.name, auth = "key",
      status = "Linked" }
  end
  for _, row in ipairs(filter and app.store:connections(filter) or {}) do
    status.note_error(app.store, row, message, details)
    status.finish(app.store, row, "Deauthorized", message)
  end
end

--- Like `refused`, for a caller that reports the refusal itself: drops a failure of its own, since
--- the refusal is more important.
---@param ... any see above
function keys.refused(...)
  errors.catch(refused, ...)
end

-- ---------------------------------------------------------------- stored keys

local function owner_of(row)
  return "connection:" .. row.id
end

--- The key that a connection is read with, unless it is linked by an app: the platform's for a
--- Connect connection, else its own, else the organisation's key that is stored as the
--- integration's.
---@param app commerce.App
---@param row commerce.ConnectionRow
---@return commerce.core.Secret key
function keys.stored(app, row)
  if row.auth == "connect" then
    return integrations.secret_key(app.store, row.integration)
  end
  local key = credentials.open(app.store, owner_of(row))
    or integrations.organisation_key(app.store, row.integration)
  if not key then
    errors.throw("usage", ("no key is kept for connection %s: set STRIPE_SECRET_KEY to its "
      .. "account's key, or keep that with `commerce connections add --keep-key`"):format(row.id),
      { code = "no_key" })
  end
  return key
end

--- A hint for the operator if Stripe refuses a platform's key.
---@param integration string its name
---@return string
function keys.platform_hint(integration)
  return ("give the platform's secret key anew with `commerce integrations set %s`"):format(
    integration)
end

-- Whether the integration's key is an organisation's; false if it cannot be opened.
local function has_organisation_key(app, row)
  local key = errors.catch(integrations.organisation_key, app.store, row.integration)
  if key then
    key:close()
  end
  return key ~= nil
end

--- Whether a key is stored that a connection can be opened with.
---@param app commerce.App
---@param row commerce.ConnectionRow
---@return boolean kept
function keys.is_kept(app, row)
  if row.auth == "app" then
    return app.store:app_grant(row.integration, row.account) ~= nil
  elseif row.auth == "connect" then
    return app.store:secret("integration:" .. row.integration) ~= nil
  end
  return app.store:secret(owner_of(row)) ~= nil or has_organisation_key(app, row)
end

--- The linked connections for which no key is kept: a program without STRIPE_SECRET_KEY cannot read
--- them.
---@param app commerce.App
---@return commerce.ConnectionRow[] rows
function keys.missing(app)
  local rows = {}
  for _, row in ipairs(app.store:connections { auth = "key", status = "Linked" }) do
    rows[#rows + 1] = not keys.is_kept(app, row) and row or nil
  end
  return rows
end

--- Raise if the key cannot be stored. Needs no request to Stripe.
---@param options commerce.ConnectOptions see `commerce.app.lifecycle.connect`
---@param auth "connect"|"key" as for `keys.take_up`
function keys.check_keeping(options, auth)
  if not options.keep_key then
    return
  elseif auth == "connect" then
    errors.throw("usage", "a platform's key is not kept with one of its accounts: keep it "
      .. "with `commerce integrations set`")
  end
  credentials.check_master()
end

--- Seal and store a connection's own key.
---@param app commerce.App
---@param row commerce.ConnectionRow
---@param key commerce.core.Secret
---@return boolean ok
function keys.keep(app, row, key)
  if row.auth == "connect" or row.auth == "app" then
    errors.throw("state", ("connection %s was linked by %s, and no other key is kept"):format(
      row.id, row.auth == "app" and "a Stripe App: it is read with the app's token"
      or "Stripe Connect: it is read with the platform's key"))
  end
  return credentials.keep(app.store, owner_of(row), key)
end

--- Seal and store a key that was proven to be the account's, and mark the connection as "Linked".
--- The key is on disk first: a process that dies in between leaves a key of the right account.
---@param app commerce.App
---@param row commerce.ConnectionRow as the store gives it; changed with the store
---@param key commerce.core.Secret
---@param grant commerce.Grant see `commerce.account.status.link`
function keys.link_by_key(app, row, key, grant)
  status.check_account(app.store, row, grant.account)
  credentials.keep(app.store, owner_of(row), key)
  status.link(app.store, row, grant)
end

---@class commerce.SharedWith another connection that is "Linked" to the same account
---@field company string? its company's name
---@field company_id string
---@field connection_id string

--- The other connections that are "Linked" to a connection's account, however they are authorized.
---@param app commerce.App
---@param row commerce.ConnectionRow
---@return commerce.SharedWith[] list
function keys.shared_with(app, row)
  local list = {}
  for _, user in ipairs(app.store:connections { integration = row.integration,
    account = row.account, status = "Linked" }) do
    if user.id ~= row.id then
      local company = app.store:companies({ id = user.company_id })[1]
      list[#list + 1] = { company_id = user.company_id, connection_id = user.id,
        company = company and company.name }
    end
  end
  return list
end

--- Delete the stored key of a connection.
---@param app commerce.App
---@param row commerce.ConnectionRow
function keys.forget(app, row)
  app.store:drop_secret(owner_of(row))
end

--- Mark an authorized connection as "Linked". Deletes its stored key if Connect or an app has
--- replaced it.
---@param app commerce.App
---@param row commerce.ConnectionRow as the store gives it; changed with the store
---@param grant commerce.Grant see `commerce.account.status.link`
function keys.link(app, row, grant)
  status.link(app.store, row, grant)
  if grant.auth ~= "key" then
    keys.forget(app, row)
  end
end

return keys
