-- Codat's view of a connection.

local integration = require "commerce.codat.integration"
local json = require "commerce.base.json"
local stripe = require "commerce.stripe"

local connection = {}

local function error_view(row)
  return { statusCode = tostring(row.status_code), statusText = row.status_text,
    errorMessage = row.message, erroredOnUtc = row.at,
    status = row.resolved and "Resolved" or "Active", resolvedOnUtc = row.resolved }
end

--- A connection as Codat's API and webhooks give it.
---@param row commerce.ConnectionRow a row of the store
---@param errors commerce.ErrorRow[] the connection's
---@param links commerce.codat.Links
---@return commerce.codat.View view Codat's Connection
function connection.view(row, errors, links)
  local ids, list = integration.ids(row.integration), json.array {}
  for i, problem in ipairs(errors) do
    list[i] = error_view(problem)
  end
  return { id = row.id, integrationId = ids.integrationId, integrationKey = ids.key,
    sourceId = ids.sourceId, sourceType = "Commerce",
    platformName = stripe.integrations[row.integration].title,
    linkUrl = links:connection(row.link_id), status = row.status, created = row.created,
    lastSync = row.last_sync, dataConnectionErrors = list }
end

return connection
