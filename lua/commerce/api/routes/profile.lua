-- Routes: the profile, which has the operator's name and the address to which merchants go after
-- linking.

local profile = require "commerce.account.profile"
local response = require "commerce.http.response"

local URL = { type = "string", max = 2000 }

local BODY = { type = "object", fields = {
  name = { type = "string", required = true, min = 1, max = 200 },
  redirectUrl = { type = "string", required = true, max = 2000 },
  logoUrl = URL, iconUrl = URL,
  privacyUrl = URL, oneTimeLinks = { type = "boolean" }, -- ours
  whiteListUrls = { type = "array", max = 100, each = URL },
  confirmCompanyName = { type = "boolean" },
} }

local function get(context)
  return response.value(profile.read(context.store))
end

local function put(context)
  return response.value(profile.save(context.store, context:body(BODY)))
end

local PROFILE = { status = 200, schema = "Profile" }

---@type commerce.api.Route[]
return {
  { method = "GET", path = "/profile", id = "get-profile", run = get, tag = "Settings",
    summary = "Get profile", answer = PROFILE },
  { method = "PUT", path = "/profile", id = "update-profile", audit = "profile.change",
    run = put, tag = "Settings",
    summary = "Update profile", body = BODY, answer = PROFILE },
}
