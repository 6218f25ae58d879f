-- Addresses: cut into what a session takes, and percent-encoding.

local core = require "commerce.core"

local url = {}

--- Split an address into what is connected to and what is asked for.
---@param address any
---@return string? base such as "https://host:port"; nil if the value is not an address
---@return string target "/path?query"
function url.split(address)
  local base, rest = tostring(address):match("^(%a+://[^/?#]+)(.*)$")
  if not base then
    return nil, ""
  end
  rest = rest:gsub("#.*$", "")
  return base, rest:sub(1, 1) == "/" and rest or "/" .. rest
end

--- Percent-encode everything but the unreserved characters (RFC 3986, section 2.3).
---@type fun(text: string): string
url.escaped = core.percent_encode

--- Undo percent-encoding. Gives nil if two hexadecimal digits do not follow a "%".
---@type fun(text: string): string?
url.decoded = core.percent_decode

return url
