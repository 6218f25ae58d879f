-- The sections of a company, as tabs under its name: those of a connection, and the connections
-- themselves.

local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local layout = require "commerce.portal.layout"

local sections = {}

-- Of a connection: the name, the label, and where it begins.
local OF_CONNECTION = {
  { "overview", "Overview", "overview" },
  { "data", "Data", "data/payments" },
  { "payouts", "Payouts", "payouts" },
  { "refresh", "Refresh", "refresh" },
}

--- The address of a company.
---@param context commerce.portal.Context
---@param company_id string
---@param rest string? what follows, such as "delete"
---@return string
function sections.company(context, company_id, rest)
  return ("%s/companies/%s%s"):format(context.base, company_id, rest and "/" .. rest or "")
end

--- The address of a page of a connection.
---@param context commerce.portal.Context
---@param connection commerce.Connection
---@param rest string? what follows, such as "data/payments"
---@return string
function sections.connection(context, connection, rest)
  return ("%s/companies/%s/connections/%s%s"):format(context.base, connection.company_id,
    connection.id, rest and "/" .. rest or "")
end

local function title_of(connection)
  return connection.name or connection.account or connection.integration.title
end

-- The connection is chosen by links, if the company has several.
local function choice(context, all, connection, active)
  local list = { class = "pills", ["aria-label"] = "Connections" }
  for _, section in ipairs(OF_CONNECTION) do
    if section[1] == active then
      for i, one in ipairs(all) do
        local is_on = one.id == connection.id
        list[i] = h.a { class = "pill choice", ["aria-current"] = is_on and "true" or nil,
          href = sections.connection(context, one, section[3]), layout.name(title_of(one)) }
      end
    end
  end
  table.insert(list, 1, h.span { class = "quiet small", "Account" })
  return #list > 2 and h.nav(list)
end

local function tabs(context, company, connection, active)
  local list = {}
  for _, section in ipairs(connection and OF_CONNECTION or {}) do
    list[#list + 1] = { section[2], sections.connection(context, connection, section[3]),
      section[1] == active }
  end
  list[#list + 1] = { "Connections", sections.company(context, company.id),
    active == "connections" }
  return list
end

---@class commerce.portal.Section: commerce.portal.Page
---@field company commerce.Company
---@field connection commerce.Connection? nil on the company's own pages
---@field active "overview"|"data"|"payouts"|"refresh"|"connections" the tab; nil for none

--- A page of a company or of one of its connections: with the company's name above, and the tabs.
---@param context commerce.portal.Context
---@param section commerce.portal.Section title: of this page, for the browser's window
---@return commerce.http.Response
function sections.page(context, section)
  local company = section.company
  local all = found.connections(context, company)
  local crumbs = { { "Companies", context.base .. "/companies" },
    { company.name, sections.company(context, company.id) } }
  for _, crumb in ipairs(section.crumbs or {}) do
    crumbs[#crumbs + 1] = crumb
  end
  return layout.page(context, { title = ("%s · %s"):format(section.title, company.name),
    scripts = section.scripts, again = section.again,
    heading = layout.name(company.name), active = "companies", status = section.status,
    crumbs = crumbs, actions = section.actions,
    tabs = tabs(context, company, section.connection or all[1], section.active),
    body = { section.connection and choice(context, all, section.connection, section.active),
      section.body } })
end

return sections
