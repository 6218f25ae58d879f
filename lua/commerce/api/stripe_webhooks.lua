-- The addresses that Stripe sends webhooks to, one for each integration: /webhooks/stripe and
-- /webhooks/stripe-test. A request as a table in, a response as a table out.
--
-- Stripe takes any 2xx for received and sends everything else again, for days. So an event is
-- acknowledged only after it is stored, and a signed event that is not used is acknowledged, too.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local inbound = require "commerce.webhooks.inbound"
local response = require "commerce.http.response"
local stripe = require "commerce.stripe"

local stripe_webhooks = {}

---@class commerce.StripeWebhooks
---@field private app commerce.App
---@field private keep (fun(rows: commerce.InboxRow[]): integer)?
---@field private log fun(message: string, correlation_id: string)
local methods = {}
---@class commerce.StripeWebhooksOptions
---@field log (fun(message: string, correlation_id: string))? gets unexpected failures
---@field keep (fun(rows: commerce.InboxRow[]): integer)? see `commerce.ReceiveOptions`

local endpoint_mt = { __name = "commerce.StripeWebhooks", __index = methods }

local LARGEST_BODY = 1024 * 1024 -- bytes; a Stripe event has some thousands

local RETRY_AFTER = "5" -- seconds; Stripe has a schedule of its own, other senders may not

--- Make the endpoints of an application.
---@param app commerce.App
---@param options commerce.StripeWebhooksOptions?
---@return commerce.StripeWebhooks
function stripe_webhooks.new(app, options)
  options = options or {}
  errors.check_options(options, { log = "function", keep = "function" })
  return setmetatable({ app = app, keep = options.keep, log = options.log or function() end },
    endpoint_mt)
end

local function integration_of(path)
  local name = path:match "^/webhooks/([%w%-]+)$"
  return name and stripe.integrations[name] and name
end

--- Whether a path is one of these addresses.
---@param path string without the prefix
---@return boolean
function stripe_webhooks.serves(path)
  return integration_of(path) ~= nil
end

-- Stripe's dashboard shows the message, and anybody can send such a request: it must not tell
-- anything about this server.
local function refuse(status, message, headers)
  local refusal = response.value({ error = core.scrub(message) }, status)
  for name, value in pairs(headers or {}) do
    refusal.headers[name] = value
  end
  return refusal
end

local function unavailable(self, message)
  self.log(core.scrub("webhook: " .. tostring(message)), "webhook")
  return refuse(503, "the event cannot be received now; send it again",
    { ["Retry-After"] = RETRY_AFTER })
end

local function receive(self, name, request)
  local received, message, details = self.app:receive_webhook(request.body or "",
    request.headers["stripe-signature"], { integration = name, keep = self.keep })
  if received then
    return response.value { received = true, ignored = received.ignored }
  elseif inbound.is_refusal(details) then
    return refuse(400, message)
  end
  return unavailable(self, message)
end

--- Receive a webhook.
---@param request commerce.http.Request its path is one that `serves` knows
---@return commerce.http.Response 200 if the event is stored, or is signed and not used; 400 if it
---  is not signed with a known secret; 405; 413; 503 if it could not be verified
---  or stored
function methods:handle(request)
  local name = integration_of(request.path)
  if not name then
    error("BUG: no endpoint has this path: " .. request.path)
  elseif request.method ~= "POST" then
    return refuse(405, "webhooks must be sent with POST", { Allow = "POST" })
  elseif #(request.body or "") > LARGEST_BODY then
    return refuse(413, ("the body is longer than %d bytes"):format(LARGEST_BODY))
  end
  local ok, result = errors.try(receive, self, name, request)
  if not ok then
    return unavailable(self, result)
  end
  return result
end

return stripe_webhooks
