-- The mode of a store: test or live, like the switch on Stripe's dashboard. Data of the other mode
-- is hidden.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"
local stripe = require "commerce.stripe"

local mode = {}

local DEFAULT, SETTING = "test", "mode"
local KNOWN = { test = true, live = true }

--- Check a user's value for a mode.
---@param name any
---@return "test"|"live" mode
function mode.check(name)
  if KNOWN[name] then
    return name
  end
  errors.throw("usage", ("mode '%s': expected test or live"):format(tostring(name)))
end

--- The mode that the store is switched to.
---@param store commerce.Store
---@return "test"|"live" mode
---@return "set"|"default" origin
function mode.stored(store)
  local name = store:setting(SETTING)
  return name or DEFAULT, name and "set" or "default"
end

--- Switch the store to a mode.
---@param store commerce.Store
---@param name "test"|"live"
---@return boolean ok
function mode.switch(store, name)
  return store:save_setting(SETTING, mode.check(name))
end

--- The mode of a key, by its prefix.
---@param key commerce.core.Secret
---@return "test"|"live"|nil mode nil if it is not a Stripe key
function mode.of_key(key)
  local integration = stripe.integration_of_prefix(key)
  return integration and integration.mode
end

--- The mode of an integration.
---@param integration string its name
---@return "test"|"live"|nil mode nil if there is no such integration
function mode.of_integration(integration)
  local facts = stripe.integrations[integration]
  return facts and facts.mode
end

--- The integrations of a mode.
---@param name "test"|"live"
---@return string[] names
function mode.integrations(name)
  local names = {}
  for integration, facts in pairs(stripe.integrations) do
    if facts.mode == name then
      names[#names + 1] = integration
    end
  end
  ascii.sort(names)
  return names
end

return mode
