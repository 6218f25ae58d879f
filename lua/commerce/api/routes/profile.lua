-- The profile: who runs this, and where merchants go after linking. Called by api.

local answer = require "commerce.http.response"
local input = require "commerce.http.input"
local json = require "commerce.base.json"

local must = answer.must

local profile = {}

local SETTING = "profile"

local URL = { type = "string", max = 2000 }

local BODY = { type = "object", fields = {
  name = { type = "string", required = true, min = 1, max = 200 },
  redirectUrl = { type = "string", required = true, max = 2000 },
  logoUrl = URL, iconUrl = URL,
  whiteListUrls = { type = "array", max = 100, each = URL },
  confirmCompanyName = { type = "boolean" },
} }

-- An address that a browser may be sent to; its path may hold placeholders such as {companyId}.
local function check_address(field, text)
  if text and text ~= "" and not text:find "^https?://[^/%s\\@%c]+[^%s\\%c]*$" then
    answer.refuse(400, ("%s must be an address that starts with https:// or http://.")
      :format(field))
  end
end

local function shown(text)
  local value = text and json.decode(text) or { name = "lua-commerce", redirectUrl = "" }
  if value.whiteListUrls then
    value.whiteListUrls = json.array(value.whiteListUrls)
  end
  return answer.value(value)
end

local function get(context)
  return shown(must(context.store:setting(SETTING)))
end

local function put(context)
  local body = input.body(context.request.body, BODY)
  for _, field in ipairs { "redirectUrl", "logoUrl", "iconUrl" } do
    check_address(field, body[field])
  end
  for _, url in ipairs(body.whiteListUrls or {}) do
    check_address("whiteListUrls", url)
  end
  if body.whiteListUrls then
    json.array(body.whiteListUrls)
  end
  local text = json.encode(body)
  must(context.store:save_setting(SETTING, text))
  return shown(text)
end

--- The routes of the group.
---@return commerce.api.Route[]
function profile.routes()
  local schema = { status = 200, schema = "Profile" }
  return {
    { method = "GET", path = "/profile", id = "get-profile", run = get, tag = "Settings",
      summary = "Get profile", answer = schema },
    { method = "PUT", path = "/profile", id = "update-profile", run = put, tag = "Settings",
      summary = "Update profile", body = BODY, answer = schema },
  }
end

return profile
