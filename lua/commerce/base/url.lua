-- Addresses of other people's servers, as a session takes them. Called by post and outbox; requires
-- nothing.

local address = {}

--- Split an address into what is connected to and what is asked for.
---@param url any
---@return string? base such as "https://host:port"; nil if it is no address
---@return string target "/path?query"
function address.split(url)
  local base, rest = tostring(url):match("^(%a+://[^/?#]+)(.*)$")
  if not base then
    return nil, ""
  end
  rest = rest:gsub("#.*$", "")
  return base, rest:sub(1, 1) == "/" and rest or "/" .. rest
end

return address
