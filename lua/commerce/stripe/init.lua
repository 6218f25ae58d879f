-- Stripe: its integrations, limits and mappings, and what its keys and refusals mean.

local feed = require "commerce.stripe.feed"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local model = require "commerce.model"
local webhook_body = require "commerce.stripe.webhook_body"

local stripe = {
  version = core.stripe_version,
  base_url = core.stripe_base_url,
}

--- The address of Stripe's API, or of the server that STRIPE_API_BASE names in its place. An empty
--- variable counts as not set.
---@return string url
function stripe.api_base()
  local variable = os.getenv "STRIPE_API_BASE"
  return variable ~= "" and variable or stripe.base_url
end

---@class commerce.StripeIntegration
---@field name "stripe"|"stripe-test"
---@field key string Codat's name for it
---@field title string
---@field mode "live"|"test"
---@field livemode boolean
---@field rate integer requests a second of an account

--- Two integrations, as Codat has them. They differ in the mode, and therefore in keys and limits.
--- key: Codat's name for it. rate: requests per second and account (Stripe's documentation, "Rate
--- limits").
stripe.integrations = {
  stripe = { name = "stripe", key = "exgd", title = "Stripe", mode = "live", livemode = true,
    rate = 100 },
  ["stripe-test"] = { name = "stripe-test", key = "yzth", title = "Stripe Test", mode = "test",
    livemode = false, rate = 25 },
}

stripe.endpoint_rate = 25 -- requests a second of one endpoint, in both modes
stripe.concurrency = 20 -- requests in flight; Stripe does not publish its own number

--- The resources that can be read, by name; see catalog/resources.lua.
stripe.resources = require "commerce.catalog.resources"

--- The feed of events: it tells of changes of objects that no list shows as new any more.
stripe.feed = feed

--- The events in the bodies of webhooks.
stripe.webhook_body = webhook_body

--- The mapping of every built-in data type: each has one in types/.
---@return table<string, commerce.Mapping> by data type name
function stripe.mappings()
  local mappings = {}
  for _, data_type in ipairs(model.types()) do
    mappings[data_type.name] = require("commerce.stripe.types." .. data_type.name)
  end
  return mappings
end

--- The resources that a mapping reads, each once, in the order of its declaration.
---@param mapping commerce.Mapping
---@return string[] resource names
function stripe.resources_of(mapping)
  local names, seen = {}, {}
  local function add(name)
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  for _, source in ipairs(mapping.sources) do
    add(source.resource)
    for _, resource in pairs(source.with) do
      add(resource)
    end
    if source.join then
      add(source.join.resource)
    end
  end
  return names
end

local KEY_MODES = {
  { "sk_test_", "stripe-test" }, { "rk_test_", "stripe-test" }, { "rkcs_test_", "stripe-test" },
  { "sk_live_", "stripe" }, { "rk_live_", "stripe" },
  { "sk_org_test_", "stripe-test" }, { "sk_org_live_", "stripe" },
}

--- The integration of a key, by its prefix.
---@param key commerce.core.Secret
---@return commerce.StripeIntegration? integration nil if it is not one of Stripe's secret keys
function stripe.integration_of_prefix(key)
  for _, prefix in ipairs(KEY_MODES) do
    if key:has_prefix(prefix[1]) then
      return stripe.integrations[prefix[2]]
    end
  end
end

--- The integration that a key belongs to; the key's prefix shows the mode. Raises if the key is not
--- a Stripe secret key, or belongs to another integration than `wanted`.
---@param key commerce.core.Secret
---@param wanted string? the integration that it must belong to
---@return commerce.StripeIntegration integration
function stripe.integration_of(key, wanted)
  local integration = stripe.integration_of_prefix(key)
  if wanted and not stripe.integrations[wanted] then
    errors.throw("usage", ("unknown integration '%s' (known: stripe, stripe-test)")
      :format(wanted))
  elseif integration and wanted and wanted ~= integration.name then
    errors.throw("auth", ("the key is a %s mode key, integration '%s' needs a %s mode key")
      :format(integration.mode, wanted, stripe.integrations[wanted].mode))
  elseif integration then
    return integration
  end
  if key:has_prefix("pk_") then
    errors.throw("auth", "this is a publishable key (pk_...), which cannot read data: "
      .. "take the secret key (sk_...) or a restricted key (rk_...)")
  end
  if key:has_prefix "sk_org_" then
    errors.throw("auth", "the mode of this organisation key is not known: one starts with "
      .. "sk_org_test_ or sk_org_live_")
  end
  errors.throw("auth", "not a Stripe secret key: one starts with sk_test_, sk_live_, "
    .. "rk_test_ or rk_live_")
end

--- Whether a key is an organisation's. It has no account of its own: each request must name one of
--- the organisation's accounts in Stripe-Context.
---@param key commerce.core.Secret
---@return boolean
function stripe.is_organisation(key)
  return key:has_prefix "sk_org_"
end

--- Whether a key may lack permissions. An account's secret key has them all; an organisation's key
--- has the same prefix whether it is restricted or not.
---@param key commerce.core.Secret
---@return boolean
function stripe.is_restricted(key)
  return key:has_prefix "rk_" or key:has_prefix "rkcs_" or stripe.is_organisation(key)
end

local NO_ACCESS = "account_invalid" -- 403 to the whole account: none, another's, or withdrawn

--- Whether a request was refused because a restricted key lacks a permission. A firewall's 403 has
--- the kind "http".
---@param details commerce.Details?
---@return boolean
function stripe.lacks_permission(details)
  return type(details) == "table" and details.status == 403 and details.kind ~= "http"
    and details.code ~= NO_ACCESS
end

--- A refusal, with the permission that is lacking.
---@param message string Stripe's
---@param permission string? as Stripe's dashboard calls it, where that is known
---@param auth string? how the connection was authorized: of an app it is the app that lacks it
---@return string message
function stripe.lacking(message, permission, auth)
  if not permission then
    return message
  end
  return ("%s; the %s needs the permission '%s' (read)"):format((message:gsub("%.$", "")),
    auth == "app" and "app" or "key", permission)
end

--- Whether a refusal means that the connection has lost its access to the account: its own key was
--- revoked, or the owner withdrew the platform's access. A refusal of the platform's key says
--- nothing about the account.
---@param details commerce.Details?
---@param auth string? how the connection was authorized: "connect", "app" (whose token is renewed
---  after a 401) or "key"
---@return boolean
function stripe.is_revoked(details, auth)
  return type(details) == "table" and (details.status == 403 and details.code == NO_ACCESS
    or details.status == 401 and auth == "key")
end

-- As the mapping of company_info names it.
local function first_text(...)
  for i = 1, select("#", ...) do
    local text = select(i, ...)
    if type(text) == "string" and text ~= "" then
      return text
    end
  end
end

local function member(object, name)
  local value = type(object) == "table" and object[name]
  return value or nil
end

--- The display name of an account.
---@param account commerce.StripeObject the account, or its id alone
---@return string? name
function stripe.account_name(account)
  return first_text(member(account.business_profile, "name"),
    member(member(account.settings, "dashboard"), "display_name"),
    member(account.company, "name"), account.email)
end

--- The account's id in a refusal: Stripe's 403 for a restricted key names the key's account.
---@param details commerce.Details
---@return string? account
function stripe.account_in_refusal(details)
  return details.status == 403 and tostring(details):match("on account '(acct_%w+)'") or nil
end

return stripe
