-- The address of the page in Stripe's dashboard on which an account's owner makes a restricted key.

local names = require "commerce.catalog.permissions"
local url = require "commerce.base.url"

local new_key = {}

local PAGES = { live = "https://dashboard.stripe.com/apikeys/create",
  test = "https://dashboard.stripe.com/test/apikeys/create" }

--- The address, with the key's name and permissions filled in. Stripe's documentation does not
--- describe its parameters, so a page that uses it must list the permissions as well.
---@param mode "test"|"live"
---@param name string the key's
---@param permissions string[] by their names in Stripe's dashboard
---@return string address
function new_key.address(mode, name, permissions)
  local parts, seen = { "name=" .. url.escaped(name) }, {}
  for _, permission in ipairs(permissions) do
    local known = names[permission]
    if known and not seen[known] then
      seen[known] = true
      parts[#parts + 1] = "permissions%5B%5D=" .. known
    end
  end
  return PAGES[mode] .. "?" .. table.concat(parts, "&")
end

return new_key
