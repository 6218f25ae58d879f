-- The address that a merchant goes to in the end: the profile's redirect address with its
-- placeholders filled in.

local ascii = require "commerce.base.ascii"
local json = require "commerce.base.json"
local url = require "commerce.base.url"

local redirect = {}

local PLACEHOLDER = "{([^{}]+)}"
local RESERVED = { connectionId = true, companyId = true, integrationId = true, sourceId = true,
  platform = true, platformName = true, sourceType = true, clientId = true, statusCode = true,
  statusText = true, errorMessage = true, ["data.company.companyName"] = true }
--- A parameter of our own, which every link keeps: its value is "1".
redirect.EMBEDDED = "link.embedded"

local MOST_CARRIED = 500 -- bytes: addresses contain all of it

-- Codat's texts of its status codes (its page on redirects); statusText is the integration's own.
local ERRORS = { [403] = "User cancelled", [500] = "Unknown error occurred",
  [501] = "Not supported" }

-- Codat's reserved placeholders. All others are parameters of the merchant's link, and empty if
-- the link does not have them. Of a link that was not used (201), no connection is told.
local function values_of(outcome)
  local status = outcome.status
  local about = status ~= 201 and outcome or {}
  local ids = about.ids or {}
  return {
    clientId = outcome.client_id, connectionId = about.connection_id,
    companyId = outcome.company_id, integrationId = ids.integrationId, sourceId = ids.sourceId,
    platform = ids.key, platformName = about.name, sourceType = about.name and "Commerce",
    statusCode = status and ("%d"):format(status), errorMessage = ERRORS[status],
    statusText = outcome.text or outcome.message,
    ["data.company.companyName"] = status == 200 and outcome.account_name or nil,
  }
end

-- The configured address: its scheme, its host, and the rest. The latter two may have placeholders.
local function template_of(profile)
  local settings = profile and json.decode(profile) or {}
  local scheme, host, rest = (settings.redirectUrl or ""):match "^(https?://)([^/%?#]+)(.*)$"
  if not scheme or host:gsub(PLACEHOLDER, ""):find "[%s{}@\\]" then
    return nil
  end
  return { scheme = scheme, host = host, rest = rest, allowed = settings.whiteListUrls or {} }
end

-- The address of a host in small letters, as a browser compares it.
local function origin_of(address)
  local scheme, host = address:match "^(https?://)([%w%-%.:%[%]]+)"
  return host and scheme .. ascii.lower(host):gsub(scheme == "https://" and ":443$" or ":80$", "")
end

-- The link chooses a host with placeholders, so the host must be one that the operator allows. A
-- reserved placeholder is not for hosts.
local function origin_for(template, carried)
  local host, dynamic = template.host:gsub(PLACEHOLDER, function(name)
    return not RESERVED[name] and carried[name] or ""
  end)
  if dynamic == 0 then
    return template.scheme .. template.host
  elseif not host:find "^[%w%-%.:]+$" then
    return nil
  end
  local origin = origin_of(template.scheme .. host)
  for _, allowed in ipairs(template.allowed) do
    if origin and origin_of(allowed) == origin then
      return origin
    end
  end
end

--- Of a link's parameters, those that the configured address has placeholders for.
---@param profile string? JSON, as it is stored
---@param parameters table<string, string> of an opened link: untrusted
---@return table<string, string> carried at most some hundred bytes; longer parameters are left out
function redirect.carried(profile, parameters)
  local template = template_of(profile) or { host = "", rest = "" }
  local carried, bytes = {}, 0
  for name in (template.host .. template.rest):gmatch(PLACEHOLDER) do
    local value = not RESERVED[name] and not carried[name] and parameters[name]
    if value and bytes + #name + #value <= MOST_CARRIED then
      carried[name], bytes = value, bytes + #name + #value
    end
  end
  carried[redirect.EMBEDDED] = parameters[redirect.EMBEDDED] == "1" and "1" or nil
  return carried
end

--- Parameters as the end of an address, with its question mark.
---@param parameters table<string, string>
---@return string query "" if there are none
function redirect.query(parameters)
  local parts = {}
  for name, value in pairs(parameters) do
    parts[#parts + 1] = url.escaped(name) .. "=" .. url.escaped(value)
  end
  ascii.sort(parts)
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

--- The address for an outcome.
---@param profile string? JSON, as it is stored
---@param outcome commerce.link.Outcome
---@return string? address nil if none is configured, or its host is not one of those that the
---  profile allows
function redirect.address(profile, outcome)
  local template, carried = template_of(profile), outcome.carried or {}
  local origin = template and origin_for(template, carried)
  if not origin then
    return nil
  end
  local values = values_of(outcome)
  return origin .. template.rest:gsub(PLACEHOLDER, function(name)
    local value = values[name]
    if not RESERVED[name] then
      value = carried[name]
    end
    return value and url.escaped(value) or ""
  end)
end

return redirect
