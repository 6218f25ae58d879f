-- The state of a link: OAuth's `state`, which goes to Stripe with the merchant and comes back, so
-- that the consent of another merchant cannot end up in a connection. It names the connection,
-- expires, and is signed. The store ensures that it is used once.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"

local state = {}

local PURPOSE, NONCE_BYTES = "link", 16
-- Only characters that are never encoded in URLs; the parts do not contain the separator, a dot.
local SIGNED = "^(.+)%.([%w%-_]+)$"
local PARTS = "^([^.]+)%.([^.]+)%.([^.]+)%.(%d+)b?(%x*)%.([^.]+)%.?([^.]*)$"
local APP = "~app" -- after the integration's name: the link is by its Stripe App
local BROWSER = 32 -- hexadecimal digits of the hash of a browser's token
local LONGEST = 4096

---@class commerce.LinkState
---@field integration string
---@field way "app"|"connect"
---@field company_id string
---@field connection_id string
---@field expires integer Unix seconds
---@field browser string? the hash of the token in the cookie of the browser that must come back
---@field nonce string
---@field parameters table<string, string> the caller's texts, which come back unchanged

-- { a = "b c" } -> "a~b_20c"
local function packed(parameters)
  local parts = {}
  for _, name in ipairs(ascii.keys(parameters)) do
    for _, text in ipairs { name, parameters[name] } do
      parts[#parts + 1] = text:gsub("[^%w%-]", function(char)
        return ("_%02X"):format(char:byte())
      end)
    end
  end
  return table.concat(parts, "~")
end

local function unpacked(text)
  local parameters = {}
  for name, value in (text .. "~"):gmatch "([^~]+)~([^~]*)~" do
    local function plain(part)
      return (part:gsub("_(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
      end))
    end
    parameters[plain(name)] = plain(value)
  end
  return parameters
end

--- The hash of a browser's token, by which a state knows the browser again.
---@param token string
---@return string
function state.browser(token)
  return core.sha256(token):sub(1, BROWSER)
end

--- Make a state.
---@param connection commerce.ConnectionRow
---@param expires integer Unix seconds
---@param parameters table<string, string>? texts that are to come back with it
---@param token string? the secret in the cookie of the browser in which the link is begun
---@param way "app"|"connect"|nil (connect)
---@return string text needs no encoding in a URL
---@return string nonce
function state.make(connection, expires, parameters, token, way)
  local made = { integration = connection.integration .. (way == "app" and APP or ""),
    company_id = connection.company_id, connection_id = connection.id,
    expires = expires, nonce = core.random_id(NONCE_BYTES),
    parameters = parameters or {}, browser = token and state.browser(token) }
  local text = ("%s.%s.%s.%d%s.%s"):format(made.integration, made.company_id, made.connection_id,
    made.expires, made.browser and "b" .. made.browser or "", made.nonce)
  if next(made.parameters) then
    text = text .. "." .. packed(made.parameters)
  end
  local mac = credentials.with_master(function(master)
    return errors.must(core.sign(master, PURPOSE, text))
  end)
  return text .. "." .. mac, made.nonce
end

--- Read a returned state. It must be signed by us and must not have expired.
---@param text string?
---@param now integer Unix seconds
---@return commerce.LinkState? state nil on failure, with details.code "no_state", "forged_state" or
---  "expired_state"
function state.read(text, now)
  if not text or text == "" then
    errors.throw("auth", "the address has no state: it is not the one that Stripe sent the "
      .. "browser to, or its end is missing", { code = "no_state" })
  end
  local signed, mac = text:match(SIGNED)
  local genuine = credentials.with_master(function(master)
    return signed and #text <= LONGEST and errors.must(core.verify(master, PURPOSE, signed, mac))
  end)
  if not genuine then
    errors.throw("auth", "the state was not made here, with this master key",
      { code = "forged_state" })
  end
  local found = {}
  local browser, carried
  found.integration, found.company_id, found.connection_id, found.expires, browser, found.nonce,
    carried = signed:match(PARTS)
  found.browser = browser ~= "" and browser or nil
  found.way = found.integration:sub(-#APP) == APP and "app" or "connect"
  found.integration = found.integration:gsub(APP .. "$", "")
  found.expires, found.parameters = tonumber(found.expires), unpacked(carried)
  if now >= found.expires then
    errors.throw("auth", "the link has expired: begin a new one", { code = "expired_state" })
  end
  return found
end

return state
