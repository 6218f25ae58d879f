-- What the Link pages know of a browser: the cookie that binds a link to the browser it was begun
-- in, and how often an address may send forms.

local cookies = require "commerce.http.cookies"
local core = require "commerce.core"
local network = require "commerce.http.network"

local browser = {}

local NAME, LIFETIME = "commerce_link", 24 * 3600 -- seconds: as long as a link can be finished
local TOKEN_BYTES = 24

-- Under https, browsers keep others from setting a cookie with this prefix (RFC 6265bis, 4.1.3.2).
local function name_of(context)
  return context.links:is_secure() and "__Host-" .. NAME or NAME
end

--- The token in the browser's cookie.
---@param context commerce.link.Context
---@return string? token
function browser.token(context)
  return cookies.value(context.request.headers, name_of(context))
end

--- A token for a browser, its own if it has one: links in several tabs can all be finished.
---@param context commerce.link.Context
---@return string token
function browser.new_token(context)
  return browser.token(context) or core.random_id(TOKEN_BYTES)
end

--- The header that gives a browser its cookie. Stripe's redirect is a top-level GET, so a cookie
--- with SameSite=Lax comes back with it.
---@param context commerce.link.Context
---@param token string
---@return string value
function browser.cookie(context, token)
  local secure = context.links:is_secure()
  return cookies.header(name_of(context), token, { seconds = LIFETIME, secure = secure,
    path = (secure or context.prefix == "") and "/" or context.prefix })
end

-- ---------------------------------------------------------------- the limit

local MOST, PERIOD = 60, 60 -- forms of an address within so many seconds

--- Count a form that an address sent.
---@param counter commerce.http.Counter
---@param address string? the client's
---@return integer? wait seconds, if the address has sent too many
function browser.count(counter, address)
  return counter("link " .. network.bucket(address), PERIOD) > MOST and PERIOD or nil
end

return browser
