-- Decodes the address that Stripe redirects a merchant's browser to.

local core = require "commerce.core"
local errors = require "commerce.base.errors"

local callback = {}

local LONGEST = 8192 -- bytes; an address of Stripe's has some 400
local WANTED = { code = true, state = true, scope = true, error = true, error_description = true }

local function unescape(text)
  text = text:gsub("+", " ")
  return core.percent_decode(text) or text
end

local function refuse(message)
  errors.throw("usage", message, { code = "bad_callback" })
end

local function parse(text)
  local trimmed = text:gsub("^%s+", ""):gsub("%s+$", ""):gsub("#.*$", "")
  if trimmed:find("%s") or #trimmed > LONGEST then
    return refuse("this is not an address: paste the whole of what the browser's address bar shows")
  end
  local query, found = trimmed:match("%?(.*)$") or trimmed, {}
  for piece in query:gmatch("[^&]+") do
    local name, value = piece:match("^([^=]*)=(.*)$")
    name = name and unescape(name)
    if WANTED[name] then
      if found[name] then
        return refuse(("the address has '%s' twice"):format(name))
      end
      found[name] = unescape(value)
    end
  end
  return found
end

local function copy(parameters)
  local found = {}
  for name in pairs(WANTED) do
    local value = parameters[name]
    if value ~= nil and type(value) ~= "string" then
      return refuse(("the address has '%s' twice"):format(name))
    end
    found[name] = value
  end
  return found
end

--- The OAuth parameters of an address; others are left out.
---@param given string|table<string, string> the whole address, its query string, or its decoded
---  parameters
---@return table<string, string>? parameters code, state, scope, error, error_description; nil on
---  failure, with details.code "bad_callback"
function callback.read(given)
  local found = type(given) == "table" and copy(given) or parse(given)
  if not (found.code or found.error or found.state) then
    return refuse("this is not the address that Stripe sends the browser to: it has neither code "
      .. "nor error")
  end
  return found
end

return callback
