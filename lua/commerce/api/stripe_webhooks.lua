-- The addresses that Stripe sends webhooks to, one for each integration: /webhooks/stripe and
-- /webhooks/stripe-test. A request as a table in, a response as a table out, as the API. Called by
-- openresty.
--
-- Stripe takes any 2xx for received, and sends everything else again, for days. So what is not
-- stored is not acknowledged, and what is for nobody here is.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local stripe = require "commerce.stripe"
local webhook = require "commerce.webhooks.inbound"

local endpoint = {}

---@class commerce.WebhookEndpoint
local methods = {}
local endpoint_mt = { __name = "commerce.WebhookEndpoint", __index = methods }

local LARGEST_BODY = 1024 * 1024 -- bytes; an event of Stripe's has some thousands

local AGAIN = "5" -- seconds; Stripe has its own schedule, but others may ask as well

--- Make the endpoints of an application.
---@param app commerce.App
---@param options table? log: a function that is told what broke inside, as (message, correlation
---  id)
---@return commerce.WebhookEndpoint
function endpoint.new(app, options)
  options = options or {}
  errors.check_options(options, { log = "function" })
  return setmetatable({ app = app, log = options.log or function() end }, endpoint_mt)
end

local function integration_of(path)
  local name = path:match "^/webhooks/([%w%-]+)$"
  return name and stripe.integrations[name] and name
end

--- Whether a path is one of these addresses.
---@param path string without the prefix
---@return boolean
function endpoint.serves(path)
  return integration_of(path) ~= nil
end

local function respond(status, fields, headers)
  local response = { status = status, body = json.encode(fields),
    headers = { ["Content-Type"] = "application/json; charset=utf-8" } }
  for name, value in pairs(headers or {}) do
    response.headers[name] = value
  end
  return response
end

-- Stripe's dashboard shows it. Anybody may ask: it tells nothing of what is here.
local function refuse(status, message, headers)
  return respond(status, { error = core.scrub(message) }, headers)
end

local function unavailable(self, message)
  self.log(core.scrub("webhook: " .. tostring(message)), "webhook")
  return refuse(503, "it cannot be taken in now; send it again", { ["Retry-After"] = AGAIN })
end

local function receive(self, name, request)
  local received, message, details = self.app:receive_webhook(request.body or "",
    request.headers["stripe-signature"], { integration = name })
  if received then
    return respond(200, { received = true, ignored = received.ignored })
  elseif webhook.is_refusal(details) then
    return refuse(400, message)
  end
  return unavailable(self, message)
end

--- Take in a webhook.
---@param request commerce.api.Request its path is one that `serves` knows
---@return commerce.api.Response 200 when it is stored, or is for nobody here; 400 if it is not
---  signed as it must be, or is no event; 405; 413; 503 if it could not be verified or stored
function methods:handle(request)
  local name = integration_of(request.path)
  if not name then
    error("BUG: no endpoint has this path: " .. request.path)
  elseif request.method ~= "POST" then
    return refuse(405, "webhooks are posted here", { Allow = "POST" })
  elseif #(request.body or "") > LARGEST_BODY then
    return refuse(413, ("longer than %d bytes"):format(LARGEST_BODY))
  end
  local ok, response = errors.try(receive, self, name, request)
  if not ok then
    return unavailable(self, response)
  end
  return response
end

return endpoint
