-- Cross-origin requests: which sites' pages may call the API from a browser. A page has a company's
-- access token. An API key is never admitted: a page that held one would give it to every visitor.

local ascii = require "commerce.base.ascii"
local auth = require "commerce.http.auth"
local json = require "commerce.base.json"
local response = require "commerce.http.response"

local cors = {}

local SETTING = "cors_origins"

--- The origins whose pages may call the API.
---@param store commerce.Store
---@return string[] origins such as "https://app.example.com"
function cors.origins(store)
  return json.array(json.decode(store:setting(SETTING) or "[]"))
end

-- An origin as browsers send it: in small letters, without a path. nil if the text is not one.
local function origin_of(text)
  local scheme, host = ascii.lower(text):match "^(https?)://([%w%-%._%[%]:]+)/?$"
  if host and not host:find "^[:%.%-]" then
    return ("%s://%s"):format(scheme, scheme == "https" and host:gsub(":443$", "")
      or host:gsub(":80$", ""))
  end
end

--- Set the origins.
---@param store commerce.Store
---@param texts string[] refused unless each is the scheme and the host of a site
---@return string[] origins
function cors.set(store, texts)
  local origins = json.array {}
  for i, text in ipairs(texts) do
    origins[i] = origin_of(text) or response.refuse(400, ("allowedOrigins[%d] must be the origin "
      .. "of a site, such as https://app.example.com, without a path; * is not allowed."):format(
      i - 1))
  end
  store:save_setting(SETTING, json.encode(origins))
  return origins
end

local function is_allowed(store, origin)
  for _, allowed in ipairs(origin and cors.origins(store) or {}) do
    if allowed == origin then
      return true
    end
  end
  return false
end

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
