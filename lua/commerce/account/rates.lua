-- How many requests a second are sent to Stripe: what Stripe documents, unless the operator says
-- otherwise, in the environment or for one connection. More where Stripe has raised an account's
-- limits, less where other programs use the same key.

local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local stripe = require "commerce.stripe"

local rates = {}

local SETTING = contract.OF_CONNECTION.rates -- before a connection's id
local MOST = 10000 -- requests a second
local IN_FLIGHT = 5 -- a rate's share that may be in flight: answers within 0.2 s keep up with it

---@class commerce.Rates
---@field rate number requests a second of an account
---@field endpoint_rate number requests a second of each of its endpoints
---@field source "stripe"|"environment"|"connection" who says so, the narrowest that says anything

---@class commerce.RateSettings
---@field rate number? nil: as the level above says
---@field endpoint_rate number?

local function check(name, value)
  if type(value) ~= "number" or not (value > 0 and value <= MOST) then
    errors.throw("usage", ("%s: expected requests a second, more than 0 and at most %d, got '%s'")
      :format(name, MOST, tostring(value)))
  end
  return value
end

local function variable(name)
  local text = os.getenv(name)
  if text and text ~= "" then
    return check(name, tonumber(text) or text)
  end
end

--- The rates of the environment (STRIPE_RATE, STRIPE_ENDPOINT_RATE), else those that Stripe
--- documents. They are also those of a platform's key. Raises for a variable that is not a rate.
---@param integration commerce.StripeIntegration of `commerce.stripe`
---@return commerce.Rates
function rates.default(integration)
  local rate, endpoint = variable "STRIPE_RATE", variable "STRIPE_ENDPOINT_RATE"
  return { rate = rate or integration.rate, endpoint_rate = endpoint or stripe.endpoint_rate,
    source = (rate or endpoint) and "environment" or "stripe" }
end

--- What is set for one connection.
---@param store commerce.Store
---@param connection_id string
---@return commerce.RateSettings
function rates.get(store, connection_id)
  local text = store:setting(SETTING .. connection_id)
  return text and text ~= "" and json.stored(text) or {}
end

--- The rates that apply to a connection.
---@param store commerce.Store
---@param connection_id string
---@param integration commerce.StripeIntegration of `commerce.stripe`
---@return commerce.Rates
function rates.of(store, connection_id, integration)
  local found, own = rates.default(integration), rates.get(store, connection_id)
  if next(own) then
    found.source = "connection"
  end
  found.rate = own.rate or found.rate
  found.endpoint_rate = own.endpoint_rate or found.endpoint_rate
  return found
end

--- Set the rates of one connection. Raises for what is not a rate.
---@param store commerce.Store
---@param connection_id string
---@param given commerce.RateSettings what is left out is as the environment or Stripe says
function rates.set(store, connection_id, given)
  errors.check_options(given, { rate = "number", endpoint_rate = "number" }, "rates")
  for name, value in pairs(given) do
    check(name, value)
  end
  store:save_setting(SETTING .. connection_id, next(given) and json.encode(given) or "")
end

--- How many requests may be in flight, so that a rate can be reached.
---@param rate number requests a second
---@return number
function rates.concurrency(rate)
  return math.max(stripe.concurrency, math.floor(rate / IN_FLIGHT))
end

--- Have a limiter keep to the rates of a connection. What the program itself asked for counts more.
---@param limiter commerce.core.Limiter
---@param store commerce.Store
---@param row commerce.ConnectionRow the connection's
---@param options commerce.SessionOptions see `account.session`
function rates.apply(limiter, store, row, options)
  local found = rates.of(store, row.id, stripe.integrations[row.integration])
  if found.source == "connection" then
    limiter:limit { rate = options.rate or found.rate,
      endpoint_rate = options.endpoint_rate or found.endpoint_rate,
      concurrency = options.concurrency or rates.concurrency(options.rate or found.rate) }
  end
end

return rates
