-- The tokens that an account has granted to a Stripe App: an access token that lives an hour, and a
-- refresh token that each exchange replaces. The connections of an account share them.
--
-- New tokens are on disk before they are used. A lease of the grant's own lets one process at a
-- time renew them. A process that dies between Stripe's answer and the disk loses the new refresh
-- token, and no other moment does: then Stripe refuses the old one, and the connections end.

local apps = require "commerce.account.apps"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local status = require "commerce.account.status"
local stripe_apps = require "commerce.stripe.apps"

local app_grant = {}

local MARGIN = 300 -- seconds before its end that a token is renewed
local ALIVE = 10 -- seconds before its end that a token is still used
local LEASE = 60 -- seconds; longer than an exchange may take
local GLANCE = 0.1 -- seconds between two looks at a renewal that another process does
local UNUSED = 86400 -- seconds that tokens are kept by which no connection reads
local PAUSE = 30 -- seconds before a renewal that failed is tried again while the token lives

local AGAIN = "link it again with `commerce link`, where the merchant has to consent; what is "
  .. "stored stays"

local function access_owner(integration, account)
  return ("app-access:%s:%s"):format(integration, account)
end

local function refresh_owner(integration, account)
  return ("app-refresh:%s:%s"):format(integration, account)
end

--- The Linked connections of an account that an app reads.
---@param app commerce.App
---@param integration string its name
---@param account string
---@param except string? the id of a connection to leave out
---@return commerce.ConnectionRow[] rows
function app_grant.users(app, integration, account, except)
  local rows = {}
  for _, row in ipairs(app.store:connections { integration = integration, account = account,
    auth = "app", status = "Linked" }) do
    rows[#rows + 1] = row.id ~= except and row or nil
  end
  return rows
end

--- Store new tokens, and close them.
---@param app commerce.App
---@param integration string its name
---@param tokens commerce.AppTokens
---@param asked integer when they were asked for, Unix seconds
---@return commerce.AppGrantRow row
function app_grant.keep(app, integration, tokens, asked)
  local account, store = tokens.account, app.store
  local before = store:app_grant(integration, account)
  local row = { integration = integration, account = account,
    number = (before and before.number or 0) + 1, expires = asked + stripe_apps.ACCESS_LIFE }
  errors.finally(function()
    store:save_app_grant(row, credentials.seal(access_owner(integration, account), tokens.access),
      credentials.seal(refresh_owner(integration, account), tokens.refresh))
  end, function()
    tokens.access:close()
    tokens.refresh:close()
  end)
  return row
end

--- Forget what an account has granted.
---@param app commerce.App
---@param integration string its name
---@param account string
function app_grant.forget(app, integration, account)
  app.store:drop_app_grant(integration, account, { access_owner(integration, account),
    refresh_owner(integration, account) })
end

--- Forget what accounts have granted for links that never became connections: a process may be
--- killed between the merchant's consent and the link. The app stays installed, and a new link gets
--- new tokens.
---@param app commerce.App
---@return integer count of the accounts
function app_grant.forget_unused(app)
  local forgotten = 0
  for _, row in ipairs(app.store:unused_app_grants(os.time() - UNUSED)) do
    local owners = { access_owner(row.integration, row.account),
      refresh_owner(row.integration, row.account) }
    if app.store:drop_app_grant(row.integration, row.account, owners, row.number) then
      forgotten = forgotten + 1
    end
  end
  return forgotten
end

--- End the connections of an account whose access has ended at Stripe, and forget its tokens.
---@param app commerce.App
---@param integration string its name
---@param account string
---@param reason string for their history
---@param failure commerce.Failure? for their errors
---@return string[] ids of the connections
function app_grant.ended(app, integration, account, reason, failure)
  local ids = {}
  for i, row in ipairs(app_grant.users(app, integration, account)) do
    if failure then
      status.note_error(app.store, row, reason, failure)
    end
    local _, _, other = errors.catch(status.finish, app.store, row, "Deauthorized", reason)
    if other and other.kind ~= "state" then
      errors.rethrow(other)
    end
    ids[i] = row.id
  end
  app_grant.forget(app, integration, account)
  return ids
end

-- ---------------------------------------------------------------- renewal

local function missing(integration, account)
  errors.throw("state", ("account %s has no access token of %s's app: %s"):format(account,
    integration, AGAIN), { code = "no_grant" })
end

local function stored(app, integration, account)
  return app.store:app_grant(integration, account) or missing(integration, account)
end

-- Stripe has refused the refresh token. Another process may have been faster with it.
local function refused(app, integration, account, seen, failure)
  local row = app.store:app_grant(integration, account)
  if row and row.number ~= seen then
    return row
  end
  local reason = "Stripe does not take the app's refresh token: the merchant has removed the app, "
    .. "or a renewal was cut off"
  app_grant.ended(app, integration, account, reason, failure)
  failure.hint = AGAIN
  errors.rethrow(failure, reason)
end

local function exchanged(app, integration, account, options)
  local token = credentials.open(app.store, refresh_owner(integration, account))
    or missing(integration, account)
  return errors.finally(function()
    return apps.with_client(app, integration, options, nil, function(client)
      return client:refresh(token)
    end)
  end, function()
    token:close()
  end)
end

local function check_answer(tokens, account)
  if tokens.account ~= account then
    errors.throw("auth", ("the app's tokens of account %s were asked for, Stripe answered with "
      .. "those of %s"):format(account, tokens.account), { code = "other_account" })
  end
end

-- The lease is taken, and no signal comes between.
local function renew(app, integration, account, seen, options)
  local row = stored(app, integration, account)
  if row.number ~= seen then
    return row
  end
  local asked = os.time()
  local tokens, message, failure = errors.catch(exchanged, app, integration, account, options)
  if not failure then
    check_answer(tokens, account)
    return app_grant.keep(app, integration, tokens, asked)
  elseif failure.code == "invalid_grant" then
    return refused(app, integration, account, seen, failure)
  elseif failure.status == 401 then
    failure.hint = ("give the key of the app's developer anew with `commerce integrations set %s "
      .. "--app`"):format(integration)
  end
  errors.rethrow(errors.is_failure(failure) and failure or message,
    "the app's access could not be renewed")
end

local function with_lease(app, integration, account, holder, seen, options)
  jobs.hold()
  local row, message, failure = errors.catch(renew, app, integration, account, seen, options)
  local _, _, kept = errors.catch(function()
    return app.store:release_app_grant(integration, account, holder)
  end)
  jobs.release()
  errors.must(row, message, failure)
  return kept and errors.rethrow(kept) or row
end

local BUSY = "busy" -- code: another process renews

--- Renew the tokens of an account, unless they have been renewed since. If Stripe refuses the
--- refresh token, the account's connections are "Deauthorized".
---@param app commerce.App
---@param integration string its name
---@param account string
---@param seen integer the number of the access token that is about to expire or was refused
---@param options commerce.SessionOptions see `commerce.account.session`
---@param patience number? seconds to wait for another process that renews (two leases)
---@return commerce.AppGrantRow row of the new token; raises code "invalid_grant", "busy"
function app_grant.renew(app, integration, account, seen, options, patience)
  local holder, last = core.uuid(), core.now() + (patience or 2 * LEASE)
  repeat
    local row = stored(app, integration, account)
    if row.number ~= seen then
      return row
    elseif app.store:lease_app_grant(integration, account, holder, os.time(), LEASE) then
      return with_lease(app, integration, account, holder, seen, options)
    end
    jobs.sleep(GLANCE)
  until core.now() > last
  errors.throw("state", ("another process is renewing the access to account %s: try again later")
    :format(account), { code = BUSY, retryable = true })
end

-- A token whose end is near goes on to be used if it cannot be renewed now.
local function renewed_or_alive(app, row, options)
  local alive = row.expires > os.time() + ALIVE
  local new, message, failure = errors.catch(app_grant.renew, app, row.integration, row.account,
    row.number, options, alive and 0 or nil)
  if failure and alive and failure.code ~= "invalid_grant" and not failure.fatal then
    return row
  end
  return errors.must(new, message, failure)
end

--- The access token of an account, renewed if its end is near.
---@param app commerce.App
---@param integration string its name
---@param account string
---@param options commerce.SessionOptions see `commerce.account.session`
---@return commerce.core.Secret token the caller must close it
---@return commerce.AppGrantRow row
function app_grant.open(app, integration, account, options)
  local row = stored(app, integration, account)
  if row.expires - MARGIN <= os.time() then
    row = renewed_or_alive(app, row, options)
  end
  return credentials.open(app.store, access_owner(integration, account))
    or missing(integration, account), row
end

--- Keep the sessions of a transport supplied with a valid token. A job that waits for an answer on
--- the transport renews the token in time, or once Stripe has refused it.
---@param app commerce.App
---@param grant commerce.AppGrantRow
---@param transport commerce.core.Transport
---@param sessions commerce.core.Session[] renewable
---@param options commerce.SessionOptions see `commerce.account.session`
---@param failed fun()? called when a renewal has failed
function app_grant.tend(app, grant, transport, sessions, options, failed)
  local row, pause = grant, 0
  local function is_refused()
    for _, session in ipairs(sessions) do
      if session:needs_key() then
        return true
      end
    end
    return false
  end
  local function supply(token)
    for _, session in ipairs(sessions) do
      session:set_key(token)
    end
  end
  local function refresh(patience)
    row = app_grant.renew(app, row.integration, row.account, row.number, options, patience)
    local token = app_grant.open(app, row.integration, row.account, options)
    supply(token)
    token:close()
  end
  jobs.tend(transport, function()
    local waits = is_refused()
    if not waits and os.time() < math.max(row.expires - MARGIN, pause) then
      return
    end
    local _, _, failure = errors.catch(refresh, not waits and 0 or nil)
    if failure then
      pause = os.time() + PAUSE
      supply(nil) -- what waits ends with the refusal
      if failed then
        failed()
      end
    end
    if failure and failure.fatal then
      errors.rethrow(failure)
    end
  end)
end

-- ---------------------------------------------------------------- the end

--- End the installation of the app in an account, unless a connection still needs it, and forget
--- its tokens.
---@param app commerce.App
---@param integration string its name
---@param account string
---@param options commerce.SessionOptions see `commerce.account.session`
---@param except string? the id of a connection that no longer needs it
---@return "ended"|"gone"|"shared" outcome gone: the app was not installed; shared: another
---  connection needs it, and Stripe was not called
function app_grant.release(app, integration, account, options, except)
  if app_grant.users(app, integration, account, except)[1] then
    return "shared"
  end
  local own = apps.find(app.store, integration)
  if not (own and own.app_id) then
    errors.throw("usage", ("the id of the app (app_...) is not set: set it with `commerce "
      .. "integrations set %s --app --app-id`, or leave the app installed with --keep-access; the "
      .. "merchant can uninstall it in Stripe's dashboard (Settings, Installed apps)"):format(
      integration), { code = "no_app_id" })
  end
  local ended = apps.with_client(app, integration, options, account, function(client)
    return client:uninstall(own.app_id)
  end)
  app_grant.forget(app, integration, account)
  return ended and "ended" or "gone"
end

return app_grant
