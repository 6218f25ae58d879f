-- Which key a connection is opened with, and which connection a key's account belongs to.
-- Called by connection and company.

local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local integrations = require "commerce.account.integrations"
local life = require "commerce.account.status"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local keys = {}

--- A connection's row, for the store.
---@param company_id string
---@param integration string "stripe" or "stripe-test"
---@return table? row "PendingAuth"; nil on failure
---@return string? message
---@return commerce.Details? details
function keys.new_row(company_id, integration)
  if not stripe.integrations[integration] then
    return errors.fail("usage", ("unknown integration '%s' (known: stripe, stripe-test)")
      :format(tostring(integration)))
  end
  return { id = core.uuid(), company_id = company_id, integration = integration,
    status = "PendingAuth", link_id = core.uuid(), created = time.now() }
end

-- ---------------------------------------------------------------- an account that a key has proven

-- Of several companies' connections of one account, the one that its own key made comes first, then
-- one that can be synced.
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
    local rows, message, details = app.store:connections { id = options.connection }
    if rows and not rows[1] then
      return errors.fail("missing", ("no connection %s"):format(options.connection))
    elseif rows and rows[1].integration ~= integration.name then
      return errors.fail("auth", ("connection %s is of the integration '%s', the key is a %s mode "
        .. "key"):format(rows[1].id, rows[1].integration, integration.mode))
    end
    return rows and rows[1], message, details
  end
  local rows, message, details = app.store:connections { integration = integration.name,
    account = account, company_id = options.company }
  if not rows then
    return nil, message, details
  end
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
  local added, message, details = app.store:add_connection(row,
    { company = company, new_account = company ~= nil })
  if added == nil then
    return nil, message, details
  elseif not added then -- another process was faster
    return keys.take_up(app, integration, { id = account }, options)
  end
  return row
end

local function known_company(app, id)
  local rows, message, details = app.store:companies { id = id }
  if rows and not rows[1] then
    return errors.fail("missing", ("no company %s"):format(id))
  end
  return rows and true, message, details
end

--- The connection of an account that has answered to a key; made, with a company named after the
--- account, if there is none.
---@param app commerce.App
---@param integration table the key's
---@param account table Stripe's object, or its id alone
---@param options table see `commerce.app.connection.connect`
---@return table? row "Linked"; nil on failure
---@return string? message
---@return commerce.Details? details
function keys.take_up(app, integration, account, options)
  local grant = { account = account.id, auth = options.account and "connect" or "key",
    name = options.name or stripe.account_name(account) }
  if options.company then
    local ok, message, details = known_company(app, options.company)
    if not ok then
      return nil, message, details
    end
  end
  local row, message, details = stored_row(app, integration, account.id, grant.auth, options)
  if message then
    return nil, message, details
  elseif not row then
    return new_connection(app, integration, account.id, grant, options)
  elseif row.status == "Linked" and row.account == account.id then
    return row -- however it was authorized, it stays so
  elseif row.status == "Unlinked" and not options.relink then
    return errors.fail("state", ("connection %s of account %s has been unlinked; to sync it again, "
      .. "link it with `commerce connections add`"):format(row.id, account.id),
      { code = "not_linked", connection_id = row.id })
  end
  local ok
  ok, message, details = life.link(app.store, row, grant)
  return ok and row or nil, message, details
end

local EXPIRED = { api_key_expired = true, platform_api_key_expired = true }

--- A key was refused. Where it is certain whose key it was, that connection is "Deauthorized": by
--- the account it was to act for, or since the key of the connection that was named has been
--- revoked. A key that Stripe has never seen is nobody's.
---@param app commerce.App
---@param integration table
---@param options table see `commerce.app.connection.connect`
---@param message string
---@param details commerce.Details?
local function refused(app, integration, options, message, details)
  local filter
  if options.account and stripe.is_revoked(details, "connect") then
    filter = { integration = integration.name, account = options.account, auth = "connect",
      status = "Linked" }
  elseif options.connection and type(details) == "table" and EXPIRED[details.code] then
    filter = { id = options.connection, integration = integration.name, auth = "key",
      status = "Linked" }
  end
  for _, row in ipairs(filter and app.store:connections(filter) or {}) do
    if life.note_error(app.store, row, message, details) then
      life.finish(app.store, row, "Deauthorized", message)
    end
  end
end

--- The same; that it fails says less than what the key was refused for.
function keys.refused(...)
  errors.catch(refused, ...)
end

-- ---------------------------------------------------------------- stored keys

local function owner_of(row)
  return "connection:" .. row.id
end

--- The key that a connection is read with: the platform's for one of Connect, else its own.
---@param app commerce.App
---@param row table
---@return userdata? key a `commerce.core` secret; nil on failure
---@return string? message
---@return commerce.Details? details
function keys.stored(app, row)
  if row.auth == "connect" then
    return integrations.secret_key(app.store, row.integration)
  end
  local key, message, details = credentials.open(app.store, owner_of(row))
  if not key and not message then
    return errors.fail("usage", ("no key is kept for connection %s: set STRIPE_SECRET_KEY to its "
      .. "account's key, or keep that with `commerce connections add --keep-key`"):format(row.id),
      { code = "no_key" })
  elseif not key then
    return nil, message, details
  end
  return key
end

--- What to do where Stripe refuses a platform's key.
---@param integration string its name
---@return string
function keys.platform_hint(integration)
  return ("give the platform's secret key anew with `commerce integrations set %s`"):format(
    integration)
end

--- Whether there is such a key; it is not opened.
---@param app commerce.App
---@param row table
---@return boolean? kept nil on failure
---@return string? message
---@return commerce.Details? details
function keys.is_kept(app, row)
  local owner = row.auth == "connect" and "integration:" .. row.integration or owner_of(row)
  local secret, message, details = app.store:secret(owner)
  if message then
    return nil, message, details
  end
  return secret ~= nil
end

--- Whether a key may be kept, known before anything is asked of Stripe.
---@param options table see `commerce.app.connection.connect`
---@return boolean? ok nil if it may not
---@return string? message
---@return commerce.Details? details
function keys.check_keeping(options)
  if not options.keep_key then
    return true
  elseif options.account then
    return errors.fail("usage", "a platform's key is not kept with one of its accounts: keep it "
      .. "with `commerce integrations set`")
  end
  local master, message, details = credentials.master()
  return master and true, message, details
end

--- Keep a connection's own key, sealed.
---@param app commerce.App
---@param row table
---@param key userdata a `commerce.core` secret
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function keys.keep(app, row, key)
  if row.auth == "connect" then
    return errors.fail("state", ("connection %s was linked by Stripe Connect: it is read with the "
      .. "platform's key, and no other is kept"):format(row.id))
  end
  return credentials.keep(app.store, owner_of(row), key)
end

--- Forget the key that is kept for a connection.
---@param app commerce.App
---@param row table
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function keys.forget(app, row)
  local dropped, message, details = credentials.drop(app.store, owner_of(row))
  return dropped ~= nil or nil, message, details
end

return keys
