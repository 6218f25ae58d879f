-- The integrations that a merchant can choose from: those that the operator has set up.

local errors = require "commerce.base.errors"
local integrations = require "commerce.account.integrations"

local must = errors.must

local choices = {}

--- Codat's parameter that hides integrations of sandboxes: "false" does.
choices.SANDBOX = "link.showSandboxIntegrations"

--- The integrations that can be connected now. In live mode, those of sandboxes never can.
---@param context commerce.link.Context
---@param sandbox string? the parameter `choices.SANDBOX`
---@return commerce.Integration[]
function choices.enabled(context, sandbox)
  local list = {}
  for _, integration in ipairs(must(context.app:integrations())) do
    local shown = integration.mode == "live" or sandbox ~= "false" and not choices.is_live(context)
    if shown and (integrations.by_consent(integration) or integration.restricted_keys) then
      list[#list + 1] = integration
    end
  end
  return list
end

--- Whether merchants connect real accounts, so that no page names a sandbox.
---@param context commerce.link.Context
---@return boolean
function choices.is_live(context)
  return must(context.app:mode()) == "live"
end

--- The company that the path names.
---@param context commerce.link.Context
---@return commerce.CompanyRow? row
function choices.company(context)
  local id = context:uuid "companyId"
  return id and context.store:companies { id = id }[1]
end

--- What a page offers.
---@param context commerce.link.Context
---@param company commerce.CompanyRow the company's row
---@param sandbox string? the parameter `choices.SANDBOX`
---@return commerce.link.Choice[] list
function choices.list(context, company, sandbox)
  local list = {}
  for i, integration in ipairs(choices.enabled(context, sandbox)) do
    list[i] = { key = integration.key, title = integration.title,
      linked = context.store:connections { company_id = company.id,
        integration = integration.name, status = "Linked", limit = 1 }[1] ~= nil }
  end
  return list
end

return choices
