-- What the Link pages know of a browser: the cookie that binds a link to the browser it was begun
-- in, and how often an address may send forms.

local core = require "commerce.core"

local browser = {}

local NAME, LIFETIME = "commerce_link", 24 * 3600 -- seconds: as long as a link can be finished
local TOKEN, TOKEN_BYTES = "^[%w%-_]+$", 24

-- Under https, browsers keep others from setting a cookie with this prefix (RFC 6265bis, 4.1.3.2).
local function name_of(context)
  return context.links:is_secure() and "__Host-" .. NAME or NAME
end

--- The token in the browser's cookie.
---@param context commerce.link.Context
---@return string? token
function browser.token(context)
  local name = name_of(context)
  for pair in (context.request.headers.cookie or ""):gmatch "[^;]+" do
    local key, value = pair:match "^%s*([^=%s]+)=(%S*)%s*$"
    if key == name and value:find(TOKEN) then
      return value
    end
  end
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
  return ("%s=%s; Max-Age=%d; Path=%s; HttpOnly; SameSite=Lax%s"):format(name_of(context), token,
    LIFETIME, (secure or context.prefix == "") and "/" or context.prefix, secure and "; Secure"
    or "")
end

-- ---------------------------------------------------------------- the limit

local MOST, PERIOD = 60, 60 -- forms of an address within so many seconds
local BUCKET = 3 -- hexadecimal digits: 4096 buckets bound the memory, however many addresses come

-- A customer's network has 2^64 addresses of IPv6: all of them are one.
local function network_of(address)
  if not address:find ":" or address:find "%." then
    return address
  end
  local groups = {}
  for group in (address:match "^(.-)::" or address):gmatch "[^:]+" do
    groups[#groups + 1] = group
  end
  while #groups < 4 do
    groups[#groups + 1] = "0"
  end
  return table.concat(groups, ":", 1, 4)
end

--- Count a form that an address sent.
---@param counter commerce.http.Counter
---@param address string? the client's
---@return integer? wait seconds, if the address has sent too many
function browser.count(counter, address)
  local bucket = core.sha256(network_of(address or "")):sub(1, BUCKET)
  return counter("link " .. bucket, PERIOD) > MOST and PERIOD or nil
end

return browser
