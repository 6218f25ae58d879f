-- The state of a link: what goes out with a merchant and must come back, so that nobody else's
-- consent ends up in a connection. It names what it is for, expires, and is signed; that it is used
-- once is the store's affair. Called by link.

local core = require "commerce.core"
local errors = require "commerce.errors"

local state = {}

local PURPOSE, NONCE_BYTES = "link", 16
-- Characters that no URL encodes; a point stands in none of the parts.
local SIGNED, PARTS = "^(.+)%.([%w%-_]+)$", "^([^.]+)%.([^.]+)%.([^.]+)%.(%d+)%.([^.]+)$"
local LONGEST = 512

---@class commerce.LinkState
---@field integration string
---@field company_id string
---@field connection_id string
---@field expires integer Unix seconds
---@field nonce string

--- Make a state.
---@param master userdata the master key
---@param connection table { id, company_id, integration = its name } of the connection
---@param expires integer Unix seconds
---@return string? text fit for a URL as it is; nil on failure
---@return commerce.LinkState|string state or the message
---@return commerce.Details? details
function state.make(master, connection, expires)
  local made = { integration = connection.integration, company_id = connection.company_id,
    connection_id = connection.id, expires = expires, nonce = core.random_id(NONCE_BYTES) }
  local text = ("%s.%s.%s.%d.%s"):format(made.integration, made.company_id, made.connection_id,
    made.expires, made.nonce)
  local mac, message, details = core.sign(master, PURPOSE, text)
  if not mac then
    return nil, message, details
  end
  return text .. "." .. mac, made
end

--- Read a state that came back: one that we made and that has not expired.
---@param master userdata the master key
---@param text string?
---@param now integer Unix seconds
---@return commerce.LinkState? state nil on failure, with details.code "no_state", "forged_state" or
---  "expired_state"
---@return string? message
---@return commerce.Details? details
function state.read(master, text, now)
  if not text or text == "" then
    return errors.fail("auth", "the address has no state: it is not the one that Stripe sent the "
      .. "browser to, or its end is missing", { code = "no_state" })
  end
  local signed, mac = text:match(SIGNED)
  local genuine, message, details = false, nil, nil
  if signed and #text <= LONGEST then
    genuine, message, details = core.verify(master, PURPOSE, signed, mac)
  end
  if genuine == nil then
    return nil, message, details
  elseif not genuine then
    return errors.fail("auth", "the state is not one that was made here, with this master key",
      { code = "forged_state" })
  end
  local found = {}
  found.integration, found.company_id, found.connection_id, found.expires, found.nonce =
    signed:match(PARTS)
  found.expires = tonumber(found.expires)
  if now >= found.expires then
    return errors.fail("auth", "the link has expired: begin a new one", { code = "expired_state" })
  end
  return found
end

return state
