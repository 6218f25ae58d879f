-- Cookies: reading one of a request, and the header that sets one.

local cookies = {}

--- The value of a cookie of a request.
---@param headers table<string, string> by lower-case name
---@param name string
---@return string? value nil if the request has no such cookie, or a malformed one
function cookies.value(headers, name)
  for pair in (headers.cookie or ""):gmatch "[^;]+" do
    local key, value = pair:match "^%s*([^=%s]+)=([%w%-_]+)%s*$"
    if key == name then
      return value
    end
  end
end

--- The header that gives a browser a cookie, which scripts cannot read. A browser sends it with the
--- GET of a link on another site (SameSite=Lax), such as Stripe's way back, and with no other
--- request of another site.
---@param name string
---@param value string letters, digits, "-" and "_"; "" removes the cookie
---@param given { path: string, seconds: integer?, secure: boolean } without seconds, the cookie
---  ends with the browser
---@return string header
function cookies.header(name, value, given)
  return ("%s=%s;%s Path=%s; HttpOnly; SameSite=Lax%s"):format(name, value,
    given.seconds and (" Max-Age=%d;"):format(given.seconds) or "", given.path,
    given.secure and "; Secure" or "")
end

return cookies
