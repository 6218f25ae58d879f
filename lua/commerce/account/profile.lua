-- The operator's profile: the name, the logo and the addresses that merchants see or are sent to.
-- Codat's fields, and three of ours.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"

local profile = {}

local SETTING = "profile"
local ADDRESSES = { "redirectUrl", "logoUrl", "iconUrl", "privacyUrl" }
local OURS = { "privacyUrl", "oneTimeLinks" }

---@class commerce.Profile
---@field name string
---@field redirectUrl string where merchants go after linking; "" for a page of this server
---@field logoUrl string?
---@field iconUrl string?
---@field whiteListUrls string[]? hosts that a redirect address with placeholders may have
---@field confirmCompanyName boolean?
---@field privacyUrl string? the operator's privacy notice
---@field oneTimeLinks boolean? whether a company's Link pages need an address that works once

--- The profile.
---@param store commerce.Store
---@return commerce.Profile
function profile.read(store)
  local text = store:setting(SETTING)
  local value = text and json.decode(text) or { name = "lua-commerce", redirectUrl = "" }
  if value.whiteListUrls then
    value.whiteListUrls = json.array(value.whiteListUrls)
  end
  return value
end

-- A browser must be able to follow the address. Its path may hold placeholders such as {companyId}.
local function check_address(field, text)
  if text and text ~= "" and not text:find "^https?://[^/%s\\@%c]+[^%s\\%c]*$" then
    errors.throw("usage", ("%s must be an address that starts with https:// or http://."):format(
      field))
  end
end

--- Replace the profile. Fields of ours that are left out stay: Codat's clients do not know them.
---@param store commerce.Store
---@param fields commerce.Profile of the right types
---@return commerce.Profile profile as it is now; raises kind "usage" for an address that is not one
function profile.save(store, fields)
  local before, value = profile.read(store), {}
  for name, field in pairs(fields) do
    value[name] = field
  end
  for _, name in ipairs(ADDRESSES) do
    check_address(name, value[name])
  end
  for _, url in ipairs(value.whiteListUrls or {}) do
    check_address("whiteListUrls", url)
  end
  value.whiteListUrls = value.whiteListUrls and json.array(value.whiteListUrls)
  for _, name in ipairs(OURS) do
    if value[name] == nil then
      value[name] = before[name]
    end
  end
  store:save_setting(SETTING, json.encode(value))
  return profile.read(store)
end

return profile
