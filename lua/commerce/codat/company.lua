-- Codat's views of a company: as its API gives it, and as webhooks refer to it.

local json = require "commerce.base.json"

---@class commerce.codat.View: table<string, any> a value as Codat's API writes it, for
---  `json.encode`

local company = {}

--- When a company was last synced: the latest sync of its connections.
---@param connections commerce.ConnectionRow[]|commerce.Connection[] rows of the store, or objects
---@return string? date nil if none of them was synced
function company.last_sync(connections)
  local latest
  for _, row in ipairs(connections) do
    if row.last_sync and (not latest or row.last_sync > latest) then
      latest = row.last_sync
    end
  end
  return latest
end

--- The identifiers of the products that are enabled for a company.
---@param row commerce.CompanyRow
---@return string[]
function company.products(row)
  return json.array(row.products and json.stored(row.products) or {})
end

--- A company as Codat's API gives it.
---@param row commerce.CompanyRow a row of the store
---@param connections commerce.ConnectionRow[] the company's, rows of the store
---@param views commerce.codat.View[] Codat's views of the same connections
---@param links commerce.codat.Links
---@param otp string? the one-time password of the address that merchants open
---@return commerce.codat.View view Codat's Company
function company.view(row, connections, views, links, otp)
  return { id = row.id, name = row.name, description = row.description, created = row.created,
    redirect = links:company(row.id, otp), lastSync = company.last_sync(connections),
    dataConnections = json.array(views), products = company.products(row),
    -- there are no users here, and no companies of companies
    ownerUserIds = json.array {}, referenceSubsidiaryCompanies = json.array {},
    tags = row.tags and json.stored(row.tags) or nil }
end

local function plain_reference(facts)
  return { id = facts.id, name = facts.name, description = facts.description,
    tags = facts.tags }
end

--- A company as Codat's webhooks refer to it. At Codat, `links.portal` leads to the company in its
--- portal; here, to the company in the API.
---@param facts commerce.CompanyFacts the company's, as an event in the outbox holds them
---@param links commerce.codat.Links
---@return commerce.codat.View view Codat's ClientReferenceCompany
function company.reference(facts, links)
  local view, portal = plain_reference(facts), links:portal(facts.id)
  view.links = portal and { portal = portal }
  return view
end

--- A company as the webhooks about companies give it.
---@param facts commerce.CompanyFacts the company's, as an event in the outbox holds them
---@param links commerce.codat.Links
---@return commerce.codat.View view
function company.event_view(facts, links)
  local view = plain_reference(facts)
  view.redirect, view.lastSync, view.created = links:company(facts.id), facts.last_sync,
    facts.created
  return view
end

return company
