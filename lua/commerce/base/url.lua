-- Addresses: cut into what a session takes, and percent-encoding.

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

local function hex(char)
  return ("%%%02X"):format(char:byte())
end

--- Percent-encode everything but the unreserved characters (RFC 3986, section 2.3).
---@param text any
---@return string
function url.escaped(text)
  return (tostring(text):gsub("[^%w%-%._~]", hex))
end

local function char(digits)
  return string.char(tonumber(digits, 16))
end

--- Undo percent-encoding.
---@param text string
---@return string? decoded nil if two hexadecimal digits do not follow a "%"
function url.decoded(text)
  if text:gsub("%%%x%x", ""):find("%", 1, true) then
    return nil
  end
  return (text:gsub("%%(%x%x)", char))
end

return url
