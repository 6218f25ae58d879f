-- The list of the companies, and a company's page.

local errors = require "commerce.base.errors"
local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local layout = require "commerce.portal.layout"
local sections = require "commerce.portal.sections"

local function pills(connections)
  local list = {}
  for i, connection in ipairs(connections) do
    list[i] = layout.status(connection.status)
  end
  return list
end

local function row_of(context, company)
  local connections = found.connections(context, company)
  return h.tr {
    h.td { h.a { href = sections.company(context, company.id),
      layout.name(company.name) } },
    h.td(pills(connections)),
    h.td { layout.time(company.created) } }
end

local function list(context)
  local rows = {}
  for i, company in ipairs(errors.must(context.app:companies())) do
    rows[i] = row_of(context, company)
  end
  return layout.page(context, { title = "Companies", active = "companies", body = h.table {
    h.thead { h.tr { h.th "Name", h.th "Connections", h.th "Created" } }, h.tbody(rows) } })
end

local function create(context)
  local company = errors.must(context.app:create_company { name = context.form.name or "",
    description = context.form.description })
  context.target = company.name
  return layout.go(sections.company(context, company.id))
end

local function show(context)
  return sections.page(context, { company = found.company(context), title = "Connections",
    active = "connections", body = {} })
end

---@type commerce.portal.Route[]
return {
  { method = "GET", path = "/portal/{mode}/companies", run = list },
  { method = "POST", path = "/portal/{mode}/companies", audit = "company.create", run = create },
  { method = "GET", path = "/portal/{mode}/companies/{companyId}", run = show },
}
