-- Routes: the profile, which has the operator's name and the address to which merchants go after
-- linking.

local json = require "commerce.base.json"
local response = require "commerce.http.response"

local SETTING = "profile"

local URL = { type = "string", max = 2000 }

local BODY = { type = "object", fields = {
  name = { type = "string", required = true, min = 1, max = 200 },
  redirectUrl = { type = "string", required = true, max = 2000 },
  logoUrl = URL, iconUrl = URL,
  privacyUrl = URL, oneTimeLinks = { type = "boolean" }, -- ours
  whiteListUrls = { type = "array", max = 100, each = URL },
  confirmCompanyName = { type = "boolean" },
} }

-- A browser must be able to follow the address. Its path may hold placeholders such as {companyId}.
local function check_address(field, text)
  if text and text ~= "" and not text:find "^https?://[^/%s\\@%c]+[^%s\\%c]*$" then
    response.refuse(400, ("%s must be an address that starts with https:// or http://.")
      :format(field))
  end
end

local function answer(text)
  local value = text and json.decode(text) or { name = "lua-commerce", redirectUrl = "" }
  if value.whiteListUrls then
    value.whiteListUrls = json.array(value.whiteListUrls)
  end
  return response.value(value)
end

local function get(context)
  return answer(context.store:setting(SETTING))
end

local function put(context)
  local body = context:body(BODY)
  for _, field in ipairs { "redirectUrl", "logoUrl", "iconUrl", "privacyUrl" } do
    check_address(field, body[field])
  end
  for _, url in ipairs(body.whiteListUrls or {}) do
    check_address("whiteListUrls", url)
  end
  if body.whiteListUrls then
    json.array(body.whiteListUrls)
  end
  -- Codat's clients do not know what is ours, so what they leave out stays
  local before = json.decode(context.store:setting(SETTING) or "{}")
  for _, field in ipairs { "privacyUrl", "oneTimeLinks" } do
    if body[field] == nil then
      body[field] = before[field]
    end
  end
  local text = json.encode(body)
  context.store:save_setting(SETTING, text)
  return answer(text)
end

local PROFILE = { status = 200, schema = "Profile" }

---@type commerce.api.Route[]
return {
  { method = "GET", path = "/profile", id = "get-profile", run = get, tag = "Settings",
    summary = "Get profile", answer = PROFILE },
  { method = "PUT", path = "/profile", id = "update-profile", run = put, tag = "Settings",
    summary = "Update profile", body = BODY, answer = PROFILE },
}
