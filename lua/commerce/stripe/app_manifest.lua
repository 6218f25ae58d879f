-- What stripe-app.json, the manifest of a Stripe App, needs so that the app may read all data
-- types. Stripe's documentation, "App manifest" and "Permissions reference".

local json = require "commerce.base.json"
local names = require "commerce.catalog.permissions"

local app_manifest = {}

--- The name that a manifest has for a permission: that of restricted keys without its prefix.
---@param permission string by its name in Stripe's dashboard
---@return string? name such as "charge_read"; nil if it is not known
function app_manifest.permission(permission)
  return names[permission] and (names[permission]:gsub("^rak_", "")) or nil
end

-- The texts that merchants read when they install the app.
local PURPOSES = {
  balance_read = "To read your balances.",
  balance_transaction_source_read = "To read every movement of your balance, with its fees.",
  charge_read = "To read your payments and refunds.",
  connected_account_read = "To read your business's name, address and currency.",
  customer_read = "To read your customers.",
  dispute_read = "To read your disputes.",
  event_read = "To learn of changes without reading everything again.",
  payout_read = "To read your payouts.",
  plan_read = "To read your prices.",
  product_read = "To read your products.",
  tax_rate_read = "To read your tax rates.",
}

local function quoted(text)
  return json.encode(text)
end

local function permissions_of(list)
  local lines, seen = {}, {}
  for _, permission in ipairs(list) do
    local name = app_manifest.permission(permission)
    if name and not seen[name] then
      seen[name] = true
      lines[#lines + 1] = ("    { \"permission\": %s, \"purpose\": %s }"):format(quoted(name),
        quoted(PURPOSES[name] or ("To read your %s."):format(permission)))
    end
  end
  return table.concat(lines, ",\n")
end

local MANIFEST = [[{
  "id": %s,
  "version": "1.0.0",
  "name": %s,
  "icon": "./icon_32.png",
  "distribution_type": "public",
  "stripe_api_access_type": "oauth",
  "sandbox_install_compatible": true,
  "allowed_redirect_uris": [%s],
  "permissions": [
%s
  ]
}]]

--- The manifest as JSON, one permission a line.
---@param facts { id: string, name: string, redirect_uris: string[], permissions: string[] } id,
---  name: the app's; permissions by their names in Stripe's dashboard
---@return string text
function app_manifest.text(facts)
  local uris = {}
  for i, uri in ipairs(facts.redirect_uris) do
    uris[i] = quoted(uri)
  end
  return MANIFEST:format(quoted(facts.id), quoted(facts.name), table.concat(uris, ", "),
    permissions_of(facts.permissions))
end

return app_manifest
