-- Routes: what a page of the operator's needs in a merchant's browser, which is an access token of
-- the company, and the origins whose pages may use one.

local auth = require "commerce.http.auth"
local cors = require "commerce.api.cors"
local origins = require "commerce.http.origins"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local ticket = require "commerce.account.link.ticket"
local time = require "commerce.base.time"

local function access_token(context)
  local company = scope.company(context)
  return response.value { accessToken = auth.create_token(context.store, company.id),
    expiresIn = auth.TOKEN_SECONDS, tokenType = "Bearer" }
end

-- Our addition: an address of the Link pages that works once.
local function link_url(context)
  local company = scope.company(context)
  local otp, expires = ticket.make("otp", company.id)
  return response.value { url = context.links:company(company.id) .. "?otp=" .. otp, otp = otp,
    expires = time.format(expires) }
end

local function get_origins(context)
  return response.value { allowedOrigins = origins.list(context.store) }
end

local BODY = { type = "object", fields = {
  allowedOrigins = { type = "array", required = true, max = 100,
    each = { type = "string", max = 300 } },
} }

local function set_origins(context)
  return response.value { allowedOrigins = cors.set(context.store,
    context:body(BODY).allowedOrigins) }
end

local ORIGINS = { status = 200, schema = "AllowedOrigins" }

---@type commerce.api.Route[]
local routes = {
  { method = "GET", path = "/companies/{companyId}/accessToken", id = "get-company-access-token",
    run = access_token, tag = "Companies", summary = "Get company access token", writes = true,
    answer = { status = 200, schema = "CompanyAccessToken" }, errors = { 403, 404 } },
  { method = "POST", path = "/commerce/v1/companies/{companyId}/linkUrl",
    id = "create-link-url", audit = "company.address",
    run = link_url, tag = "lua-commerce", summary = "Create one-time Link URL",
    answer = { status = 200, schema = "LinkUrl" }, errors = { 404 }, embedded = true },
}
-- the second path is that of an older document of Codat's
for _, names in ipairs { { "/corsSettings", "cors-settings" },
  { "/connectionManagement/corsSettings", "connection-management-cors-settings" } } do
  local path, name = names[1], names[2]
  routes[#routes + 1] = { method = "GET", path = path, id = "get-" .. name, run = get_origins,
    tag = "Settings", summary = "Get CORS settings", answer = ORIGINS }
  routes[#routes + 1] = { method = "POST", path = path, id = "set-" .. name, run = set_origins,
    tag = "Settings", summary = "Set CORS settings", body = BODY, answer = ORIGINS }
end

return routes
