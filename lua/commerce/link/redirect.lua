-- Where a merchant goes in the end: the profile's redirect address with its placeholders filled in.
-- Called by pages; requires only leaf helpers.

local json = require "commerce.base.json"

local redirect = {}

local function escaped(text)
  return (tostring(text):gsub("[^%w%-%._~]", function(char)
    return ("%%%02X"):format(char:byte())
  end))
end

local PLACEHOLDER = "{([%w_%-]+)}"
local RESERVED = { connectionId = true, companyId = true, integrationId = true, sourceId = true,
  platform = true, platformName = true, sourceType = true, clientId = true, statusCode = true,
  statusText = true, errorMessage = true }
local MOST_CARRIED = 500 -- bytes: all of it travels in addresses

-- Codat's reserved placeholders. All others are parameters of the merchant's link; those that it
-- does not have become empty.
local function values_of(outcome)
  local facts = outcome.facts or {}
  return {
    connectionId = outcome.connection_id, companyId = outcome.company_id,
    integrationId = facts.integrationId, sourceId = facts.sourceId, platform = facts.key,
    platformName = outcome.name, sourceType = outcome.name and "Commerce",
    clientId = outcome.client,
    statusCode = outcome.status and ("%d"):format(outcome.status), statusText = outcome.text,
    errorMessage = outcome.status ~= 200 and outcome.message or nil,
  }
end

-- The configured address: its origin, and what follows, where placeholders may stand.
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
---@param parameters table<string, string> of a link that somebody opened: anybody's text
---@return table<string, string> carried together some hundred bytes at most: what would be more is
---  left out
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
    parts[#parts + 1] = escaped(name) .. "=" .. escaped(value)
  end
  table.sort(parts)
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

--- The address for an outcome.
---@param profile string? JSON, as it is stored
---@param outcome table status, text, message, connection_id, company_id, facts, name, client,
---  carried: the link's own parameters
---@return string? address nil if none is configured; its host is never made of a placeholder
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
    return value and escaped(value) or ""
  end)
end

return redirect
