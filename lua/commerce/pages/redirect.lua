-- Where a merchant goes in the end: the profile's redirect address with its placeholders filled in.
-- Called by pages; requires only leaf helpers.

local json = require "commerce.json"

local redirect = {}

local function escaped(text)
  return (tostring(text):gsub("[^%w%-%._~]", function(char)
    return ("%%%02X"):format(char:byte())
  end))
end

-- Codat's reserved placeholders. All others are of the link's own parameters, which are none here:
-- they become empty.
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

--- The address for an outcome.
---@param profile string? JSON, as it is stored
---@param outcome table status, text, message, connection_id, company_id, facts, name, client
---@return string? address nil if none is configured; its host is never made of a placeholder
function redirect.address(profile, outcome)
  local template = profile and (json.decode(profile) or {}).redirectUrl or ""
  local origin, rest = template:match "^(https?://[^/%?#%s{}@\\]+)(.*)$"
  if not origin or rest ~= "" and not rest:find "^[/%?#]" then
    return nil
  end
  local values = values_of(outcome)
  return origin .. rest:gsub("{(%w+)}", function(name)
    return values[name] and escaped(values[name]) or ""
  end)
end

return redirect
