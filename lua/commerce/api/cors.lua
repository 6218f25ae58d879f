-- Cross-origin requests: which sites' pages may call the API from a browser. A page has a company's
-- access token. An API key is never admitted: a page that held one would give it to every visitor.

local auth = require "commerce.http.auth"
local origins = require "commerce.http.origins"
local response = require "commerce.http.response"

local cors = {}

--- Set the origins.
---@param store commerce.Store
---@param texts string[] refused unless each is the scheme and the host of a site
---@return string[] origins
function cors.set(store, texts)
  local list = {}
  for i, text in ipairs(texts) do
    list[i] = origins.normal(text) or response.refuse(400, ("allowedOrigins[%d] must be the origin "
      .. "of a site, such as https://app.example.com, without a path; * is not allowed."):format(
      i - 1))
  end
  origins.save(store, list)
  return origins.list(store)
end

local is_allowed = origins.is_allowed

--- Refuse an API key that a page of an allowed origin has sent.
---@param store commerce.Store
---@param headers table<string, string> by lower-case name
function cors.check_key(store, headers)
  if headers.origin and not auth.has_token(headers) and is_allowed(store, headers.origin) then
    response.refuse(403, "An API key must not be used in a browser: use the company's access token "
      .. "(GET /companies/{companyId}/accessToken), and delete this key.")
  end
end

local HOURS = "7200" -- seconds for which a browser keeps the answer to a preflight

--- The answer to a browser that asks before it sends a request.
---@param store commerce.Store
---@param received commerce.http.Request
---@param route commerce.api.Route? the one that it wants to request
---@return commerce.http.Response? answer nil if it is not such a question, or the answer is no
function cors.preflight(store, received, route)
  local headers = received.headers
  if received.method ~= "OPTIONS" or not (route and route.embedded)
    or not headers["access-control-request-method"] or not is_allowed(store, headers.origin) then
    return nil
  end
  local answer = response.nothing(204)
  answer.headers["Access-Control-Allow-Origin"] = headers.origin
  answer.headers["Access-Control-Allow-Methods"] = headers["access-control-request-method"]
  answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
  answer.headers["Access-Control-Max-Age"] = HOURS
  answer.headers.Vary = "Origin"
  return answer
end

--- Let the page that sent a request with an access token read the answer.
---@param store commerce.Store
---@param received commerce.http.Request
---@param answer commerce.http.Response gets the headers
function cors.admit(store, received, answer)
  local headers = received.headers
  if headers.origin and auth.has_token(headers) and is_allowed(store, headers.origin) then
    answer.headers["Access-Control-Allow-Origin"] = headers.origin
    answer.headers["Access-Control-Expose-Headers"] = "Retry-After, X-Correlation-Id, "
      .. "X-Rate-Limit-Limit, X-Rate-Limit-Remaining, X-Rate-Limit-Reset"
    answer.headers.Vary = "Origin"
  end
end

return cors
