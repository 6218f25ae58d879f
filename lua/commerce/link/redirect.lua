-- The address that a merchant goes to in the end: the profile's redirect address with its
-- placeholders filled in.

local ascii = require "commerce.base.ascii"
local json = require "commerce.base.json"
local url = require "commerce.base.url"

local redirect = {}

local PLACEHOLDER = "{([%w_%-]+)}"
local RESERVED = { connectionId = true, companyId = true, integrationId = true, sourceId = true,
  platform = true, platformName = true, sourceType = true, clientId = true, statusCode = true,
  statusText = true, errorMessage = true }
local MOST_CARRIED = 500 -- bytes: addresses contain all of it

-- Codat's reserved placeholders. All others are parameters of the merchant's link, and empty if the
-- link does not have them.
local function values_of(outcome)
  local ids = outcome.ids or {}
  return {
    connectionId = outcome.connection_id, companyId = outcome.company_id,
    integrationId = ids.integrationId, sourceId = ids.sourceId, platform = ids.key,
    platformName = outcome.name, sourceType = outcome.name and "Commerce",
    statusCode = outcome.status and ("%d"):format(outcome.status), statusText = outcome.text,
    errorMessage = outcome.status ~= 200 and outcome.message or nil,
  }
end

-- The configured address: its origin, and the rest, which may contain placeholders.
local function template_of(profile)
  local template = profile and (json.decode(profile) or {}).redirectUrl or ""
  local origin, rest = template:match "^(https?://[^/%?#%s{}@\\]+)(.*)$"
  if not origin or rest ~= "" and not rest:find "^[/%?#]" then
    return nil
  end
  return origin, rest
end

--- Of a link's parameters, those that the configured address has placeholders for.
---@param profile string? JSON, as it is stored
---@param parameters table<string, string> of an opened link: untrusted
---@return table<string, string> carried at most some hundred bytes; longer parameters are left out
function redirect.carried(profile, parameters)
  local _, rest = template_of(profile)
  local carried, bytes = {}, 0
  for name in (rest or ""):gmatch(PLACEHOLDER) do
    local value = not RESERVED[name] and not carried[name] and parameters[name]
    if value and bytes + #name + #value <= MOST_CARRIED then
      carried[name], bytes = value, bytes + #name + #value
    end
  end
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
---@return string? address nil if none is configured; its host never contains a placeholder
function redirect.address(profile, outcome)
  local origin, rest = template_of(profile)
  if not origin then
    return nil
  end
  local values, carried = values_of(outcome), outcome.carried or {}
  return origin .. rest:gsub(PLACEHOLDER, function(name)
    local value = values[name]
    if not RESERVED[name] then
      value = carried[name]
    end
    return value and url.escaped(value) or ""
  end)
end

return redirect
