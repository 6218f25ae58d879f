-- What the reader of an error can do about it. Called by the commands.

local core = require "commerce.core"

local explain = {}

local HINTS = {
  auth = function(details)
    if details.status == 401 then
      return "set STRIPE_SECRET_KEY to a valid key (Stripe's dashboard, Developers, API keys)"
    end
  end,
  transport = function()
    return "check the network, and STRIPE_API_BASE if it is set"
  end,
  tls = function()
    return "the server could not prove who it is; look at proxies and at the CA certificates"
  end,
}

--- One line: what went wrong and what to do.
---@param message string
---@param details commerce.Details?
---@return string
function explain.failure(message, details)
  local known = type(details) == "table" and details or {}
  local hint = HINTS[known.kind]
  local advice = known.hint or hint and hint(known)
  local line = tostring(message):gsub("%s*\n%s*", " ")
  -- whoever gave a key where something else belongs is told so without it
  return core.scrub(advice and line .. "; " .. advice or line)
end

return explain
