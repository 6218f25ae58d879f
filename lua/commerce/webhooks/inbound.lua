-- Webhooks that Stripe sends, independent of the server that receives them. An event is verified,
-- stored and acknowledged; a sync or the worker applies it later.

local app_grant = require "commerce.account.app_grant"
local core = require "commerce.core"
local erasures = require "commerce.account.erasures"
local errors = require "commerce.base.errors"
local integrations = require "commerce.account.integrations"
local protections = require "commerce.account.protection"
local json = require "commerce.base.json"
local status = require "commerce.account.status"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"
local webhook_secrets = require "commerce.account.webhook_secrets"

local webhook = {}

---@class commerce.ReceiveOptions
---@field integration "stripe"|"stripe-test" the endpoint's
---@field secrets (string|commerce.core.Secret)[]? the endpoint's signing secrets (whsec_…), also
---  old ones (default: the stored ones, `app:add_webhook_secret`)
---@field account string? with secrets: the account that the endpoint belongs to, if it is not a
---  Connect endpoint
---@field tolerance number? seconds (300)
---@field now number? unix seconds
---@field keep (fun(rows: commerce.InboxRow[]): integer)? stores the event in place of the store's
---  `keep_events` (`commerce.webhooks.receipts`)

local OPTIONS = { integration = "string", secrets = "table", account = "string",
  tolerance = "number", now = "number", keep = "function" }

---@class commerce.Received
---@field event string? the event's id, if the body has one
---@field type string?
---@field connections string[] ids of those that it is for
---@field kept integer for how many it was new
---@field ignored string? why it is for none; such an event is to be acknowledged all the same

local function text(value)
  return type(value) == "string" and value or nil
end

local function ignored(event, reason)
  return { event = text(event.id), type = text(event.name or event.type), connections = {},
    kept = 0, ignored = reason }
end

-- The linked connections of the account that an event is about. One that a Connect endpoint or an
-- organisation's sent names its account; one of an account's own endpoint does not. named: the
-- account in the object of an app's event.
local function connections_of(app, event, integration, own_account, named)
  local account = named or event.account or own_account
  if not account then
    return nil, "it names no account, and none is given for this endpoint"
  elseif own_account and account ~= own_account then
    return nil, "it names another account than its endpoint's"
  end
  local rows = app.store:connections { integration = integration.name, account = account,
    status = "Linked" }
  if not rows[1] then
    return nil, "no linked connection has account " .. account
  end
  return rows
end

-- By which way a merchant has linked whose access ends; nil if it is not of ours.
local function way_that_ends(facts, ended)
  local own = facts.app or {}
  if ended.app_id then
    return (not own.app_id or own.app_id == ended.app_id) and "app" or nil
  elseif own.client_id and own.client_id == ended.client_id then
    return "app"
  end
  return (not facts.client_id or facts.client_id == ended.client_id) and "connect" or nil
end

-- A thin event does not name whose access ended. It is sent to the platform or the app that it
-- concerns only, so it is clear if the account is linked by one of them; nil if it is by both.
local function only_way(rows)
  local way
  for _, row in ipairs(rows) do
    if row.auth == "connect" or row.auth == "app" then
      if way and way ~= row.auth then
        return nil
      end
      way = row.auth
    end
  end
  return way or "connect"
end

-- The merchant has ended the access of the platform or of the app. What is stored stays. An event
-- from before the connection was linked anew says nothing of it.
local function end_access(app, rows, event, way)
  local ended = {}
  for _, row in ipairs(rows) do
    local linked = time.parse(row.linked or row.created)
    if row.auth == way and event.created >= linked then
      local _, _, failure = errors.catch(status.finish, app.store, row, "Deauthorized",
        "the merchant ended the access at Stripe")
      if failure and failure.kind ~= "state" then
        errors.rethrow(failure)
      end
      ended[#ended + 1] = row.id
    end
  end
  if way == "app" and ended[1] then
    app_grant.forget(app, rows[1].integration, rows[1].account)
  end
  return { event = event.id, type = event.name, connections = ended, kept = #ended,
    ignored = #ended == 0 and "it is older than the link" or nil }
end

-- The body as it may be stored of a connection.
local function body_for(app, connection_id, body)
  local protection = protections.of(app.store, connection_id, app.mappings, true)
  local erased = erasures.of(app.store, connection_id)
  if protection:changes_sources() then
    body = protection:event(json.decode(body), body)
  end
  return erased and erased:event(json.decode(body), body) or body
end

local function keep(app, list, event, body, store_rows)
  local rows, ids = {}, {}
  for i, shop in ipairs(list) do
    ids[i] = shop.id
    rows[i] = { connection_id = shop.id, id = event.id, at = event.created,
      body = body_for(app, shop.id, body) }
  end
  return { event = event.id, type = event.name, connections = ids,
    kept = (store_rows and store_rows(rows) or app.store:keep_events(rows)) }
end

-- Every secret that may have signed, each with its account.
local function endpoints_of(app, options)
  if not options.secrets then
    return webhook_secrets.open(app.store, options.integration)
  end
  local list = {}
  if #options.secrets == 0 then
    errors.refuse("bad option 'secrets': empty")
  end
  for i, given in ipairs(options.secrets) do
    local secret = given
    if type(given) == "string" and given ~= "" then
      local wrong
      secret, wrong = core.secret(given)
      if not secret then
        errors.throw("usage", ("webhook: secrets: %d: the %s"):format(i, wrong),
          { code = "bad_secret" })
      end
    end
    list[i] = { secret = secret, account = options.account }
  end
  return list
end

-- The endpoint that has signed. What was signed at another time tells more than that a secret is
-- another endpoint's.
local function signer(endpoints, body, signature, options)
  local message, details
  for _, endpoint in ipairs(endpoints) do
    local ok, wrong, why = core.verify_signature { body = body, header = signature,
      secrets = { endpoint.secret }, tolerance = options.tolerance, now = options.now }
    if ok then
      return endpoint
    elseif not details or details.code == "mismatch" then
      message, details = wrong, why
    end
  end
  return errors.must(nil, message, details)
end

-- Secrets that were opened or made here are closed here.
local function close(endpoints, given)
  for i, endpoint in ipairs(endpoints) do
    if type(endpoint.secret) == "userdata" and endpoint.secret ~= (given or {})[i] then
      endpoint.secret:close()
    end
  end
end

local function verified(app, body, signature, options)
  local endpoints = endpoints_of(app, options)
  return errors.finally(function()
    return signer(endpoints, body, signature, options)
  end, function()
    close(endpoints, options.secrets)
  end)
end

local REFUSALS = { empty_body = true, no_signature = true, no_timestamp = true, mismatch = true,
  stale = true, future = true } -- codes of core.verify_signature

--- Whether a failure of `receive` concerns the webhook: it is not signed as it must be. Every other
--- failure is ours, and temporary.
---@param details commerce.Details?
---@return boolean
function webhook.is_refusal(details)
  return type(details) == "table" and details.kind == "auth" and REFUSALS[details.code] == true
end

--- Receive a webhook. When this returns, the event is stored and can be acknowledged. Events may
--- come in any order and more than once. `connection:apply_events`, or the next sync, applies them.
--- A signed event that is not used (of an unknown account, of the other mode, about an object
--- without an id) is ignored, not refused: Stripe would only send it again for days.
---@param app commerce.App
---@param body string as it came, byte for byte
---@param signature string? the Stripe-Signature header
---@param options commerce.ReceiveOptions
---@return commerce.Received received raises if it was refused (`webhook.is_refusal`), could not be
---  verified (no secrets, or they do not open) or could not be stored: do not acknowledge it then
function webhook.receive(app, body, signature, options)
  errors.check_options(options, OPTIONS)
  local integration = stripe.integrations[options.integration]
  if not integration then
    errors.refuse("bad option 'integration': stripe or stripe-test expected")
  end
  local endpoint = verified(app, body, signature, options)
  -- nothing that Stripe signed is refused: Stripe would send the same bytes again for three days,
  -- and then disable the endpoint
  local decoded = json.decode(body)
  local event, reason = stripe.webhook_body.event(decoded)
  if not event then
    return ignored(type(decoded) == "table" and decoded or {}, reason)
  elseif event.livemode ~= integration.livemode then
    return ignored(event, ("it is of %s mode, %s is not"):format(
      event.livemode and "live" or "test", integration.title))
  end
  local ends_access = stripe.feed.ends_access(event)
  local way = ends_access and not event.thin
    and way_that_ends(integrations.find(app.store, integration.name), ends_access)
  if ends_access and not way and not event.thin then
    return ignored(event, "it is about another platform's access")
  end
  local rows
  rows, reason = connections_of(app, event, integration, endpoint.account,
    ends_access and ends_access.account)
  if not rows then
    return ignored(event, reason)
  elseif ends_access then
    way = way or only_way(rows)
    return way and end_access(app, rows, event, way)
      or ignored(event, "it does not tell whether the platform's or the app's access ended")
  end
  return keep(app, rows, event, body, options.keep)
end

return webhook
