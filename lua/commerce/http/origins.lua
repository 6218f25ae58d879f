-- The origins of the operator's sites: their pages may call the API with an access token, and may
-- show the Link frame.

local ascii = require "commerce.base.ascii"
local json = require "commerce.base.json"

local origins = {}

local SETTING = "cors_origins"

--- The origins that are allowed.
---@param store commerce.Store
---@return string[] origins such as "https://app.example.com"
function origins.list(store)
  return json.array(json.decode(store:setting(SETTING) or "[]"))
end

--- Keep the origins that are allowed, in place of those before.
---@param store commerce.Store
---@param list string[] in the form that `origins.normal` gives
function origins.save(store, list)
  store:save_setting(SETTING, json.encode(json.array(list)))
end

--- An origin as browsers send it: in small letters, without a path and without a usual port.
---@param text string
---@return string? origin nil if the text is not the scheme and the host of a site
function origins.normal(text)
  local scheme, host = ascii.lower(text):match "^(https?)://([%w%-%._%[%]:]+)/?$"
  if host and not host:find "^[:%.%-]" then
    return ("%s://%s"):format(scheme, scheme == "https" and host:gsub(":443$", "")
      or host:gsub(":80$", ""))
  end
end

--- Whether pages of an origin are allowed.
---@param store commerce.Store
---@param origin string? as the browser sent it
---@return boolean
function origins.is_allowed(store, origin)
  for _, allowed in ipairs(origin and origins.list(store) or {}) do
    if allowed == origin then
      return true
    end
  end
  return false
end

return origins
