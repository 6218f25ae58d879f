-- Addresses on this server that are given to merchants. Called by the groups of the API.

local links = {}

-- The address at which the caller reached us, where nothing else is configured.
local function reached(context)
  local headers = context.request.headers
  local host = tostring(headers.host or "localhost"):match "^[%w%.%-%[%]:]+$" or "localhost"
  return (context.request.scheme or "http") .. "://" .. host .. context.prefix
end

local function base(context)
  return context.public_url or reached(context)
end

--- Where a company's merchant chooses what to connect.
---@param context table
---@param company_id string
---@return string url
function links.company(context, company_id)
  return ("%s/link/company/%s"):format(base(context), company_id)
end

--- Where a connection is authorized. Its link_id is what nobody guesses.
---@param context table
---@param connection table
---@return string url
function links.connection(context, connection)
  return ("%s/link/start/%s"):format(base(context), connection.link_id)
end

--- Where a merchant is told that the connection is made.
---@param context table
---@param link_id string the connection's
---@return string url
function links.done(context, link_id)
  return ("%s/link/done/%s"):format(base(context), link_id)
end

--- Where Stripe sends a merchant back to.
---@param context table
---@return string url
function links.callback(context)
  return base(context) .. "/oauth/callback"
end

return links
