-- Webhooks that Stripe sends, whatever server takes them in: verified, kept, acknowledged, and
-- applied later by the same path that a sync goes. Called by commerce (init) and by servers.

local connection = require "commerce.app.connection"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local integrations = require "commerce.account.integrations"
local json = require "commerce.base.json"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"
local webhook_secrets = require "commerce.account.webhook_secrets"

local webhook = {}

local OPTIONS = { integration = "string", secrets = "table", account = "string",
  tolerance = "number", now = "number" }

---@class commerce.Received
---@field event string the event's id
---@field type string
---@field connections string[] ids of those that it is for
---@field kept integer for how many it was new
---@field ignored string? why it is for none; such an event is to be acknowledged all the same

local function is_event(event)
  return type(event) == "table" and event.object == "event" and type(event.id) == "string"
    and type(event.type) == "string" and type(event.livemode) == "boolean"
    and type(event.created) == "number" and type(event.data) == "table"
    and type(event.data.object) == "table" and type(event.data.object.id) == "string"
end

local function ignored(event, reason)
  return { event = event.id, type = event.type, connections = {}, kept = 0, ignored = reason }
end

-- The linked connections of the account that an event is about. One that a Connect endpoint sent
-- names its account; one of an account's own endpoint does not.
local function connections_of(app, event, integration, own_account)
  local account = type(event.account) == "string" and event.account or own_account
  if not account then
    return nil, "it names no account, and none is given for this endpoint"
  elseif own_account and account ~= own_account then
    return nil, "it names another account than its endpoint's"
  end
  local list, message, details = connection.list(app, { integration = integration.name,
    account = account, status = "Linked" })
  if list and not list[1] then
    return nil, "no linked connection has account " .. account
  end
  return list, message, details
end

-- The merchant has ended the platform's access. What is stored stays. An event from before the
-- connection was linked anew says nothing of it.
local function end_access(list, event)
  local ended = {}
  for _, shop in ipairs(list) do
    local linked = time.parse(shop.linked or shop.created)
    if shop.auth == "connect" and event.created >= linked then
      local ok, message, details = shop:deauthorize("the merchant ended the access at Stripe")
      if not ok and not (type(details) == "table" and details.kind == "state") then
        return nil, message, details
      end
      ended[#ended + 1] = shop.id
    end
  end
  return { event = event.id, type = event.type, connections = ended, kept = #ended,
    ignored = #ended == 0 and "it is older than the link" or nil }
end

local function keep(app, list, event, body)
  local rows, ids = {}, {}
  for i, shop in ipairs(list) do
    ids[i] = shop.id
    rows[i] = { connection_id = shop.id, id = event.id, at = event.created, body = body }
  end
  local kept, message, details = app.store:keep_events(rows)
  if not kept then
    return nil, message, details
  end
  return { event = event.id, type = event.type, connections = ids, kept = kept }
end

-- Every secret that may have signed, each with its account.
local function endpoints_of(app, options)
  if not options.secrets then
    return webhook_secrets.open(app.store, options.integration)
  end
  local list = {}
  if #options.secrets == 0 then
    error("bad option 'secrets': empty", 4)
  end
  for i, secret in ipairs(options.secrets) do
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
  return nil, message, details
end

local REFUSALS = { empty_body = true, no_signature = true, no_timestamp = true, mismatch = true,
  stale = true, future = true } -- codes of core.verify_signature

--- Whether a failure of `receive` says that the webhook is none: it is not signed as it must be, or
--- is no event. Every other failure is ours, and passes by.
---@param details commerce.Details?
---@return boolean
function webhook.is_refusal(details)
  return type(details) == "table"
    and (details.kind == "decode" or details.kind == "auth" and REFUSALS[details.code] == true)
end

--- Take in a webhook. When this returns, the event is stored: it can be acknowledged. Events may
--- come in any order and more than once. `connection:apply_events`, or the next sync, applies them.
--- One that is for none of our connections, or of the other mode, is ignored, not refused: Stripe
--- would only send it again for days.
---@param app commerce.App
---@param body string as it came, byte for byte
---@param signature string? the Stripe-Signature header
---@param options table integration: "stripe" or "stripe-test", whose endpoint it came to; secrets:
---  the endpoint's signing secrets (whsec_…, texts or `commerce.core` secrets), also old ones
---  (default: those that were kept, `app:add_webhook_secret`), and account: whose endpoint it is,
---  if not a Connect endpoint; tolerance (seconds, 300); now (unix seconds)
---@return commerce.Received? received nil if it was refused (`webhook.is_refusal`), could not be
---  verified (no secrets, or they do not open) or could not be stored: do not acknowledge it then
---@return string? message
---@return commerce.Details? details
function webhook.receive(app, body, signature, options)
  errors.check_options(options, OPTIONS)
  local integration = stripe.integrations[options.integration]
  if not integration then
    error("bad option 'integration': stripe or stripe-test expected", 2)
  end
  local endpoints, message, details = endpoints_of(app, options)
  local endpoint
  if endpoints then
    endpoint, message, details = signer(endpoints, body, signature, options)
  end
  if not endpoint then
    return nil, message, details
  end
  local event = json.decode(body)
  if not is_event(event) then
    return errors.fail("decode", "webhook: the body is no event of Stripe's")
  elseif event.livemode ~= integration.livemode then
    return ignored(event, ("it is of %s mode, %s is not"):format(
      event.livemode and "live" or "test", integration.title))
  end
  local ends_access = stripe.changes.ends_access(event)
  local facts
  facts, message, details = integrations.find(app.store, integration.name)
  if not facts then
    return nil, message, details
  elseif ends_access and facts.client_id and facts.client_id ~= event.data.object.id then
    return ignored(event, "it is about another platform's access")
  end
  local list
  list, message, details = connections_of(app, event, integration, endpoint.account)
  if not list then
    if details then
      return nil, message, details
    end
    return ignored(event, message)
  end
  if ends_access then
    return end_access(list, event)
  end
  return keep(app, list, event, body)
end

return webhook
