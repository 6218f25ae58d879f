-- Routes: Codat's commerce metrics (Assess and Lending), as reports over payments and refunds, or
-- over orders where a script defines them.

local figures = require "commerce.figures"
local report = require "commerce.api.report"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local views = require "commerce.codat.report"

local BASE = "/data/companies/{companyId}/connections/{connectionId}/assess/commerceMetrics/"

local REQUIRED = {}
for _, name in ipairs(report.PARAMETERS) do
  REQUIRED[name] = true
end

local PARAMETERS = { "includeDisplayNames" }
for i, name in ipairs(report.PARAMETERS) do
  table.insert(PARAMETERS, i, name)
end

local function metrics(name)
  local kind = assert(figures.find(name))
  return function(context)
    local connection = scope.connection(context)
    report.require(context, report.PARAMETERS)
    local named = report.named(context)
    return response.value(views.view(report.of(context, connection, kind), named))
  end
end

-- The report, and Codat's operation id and summary of it.
local REPORTS = {
  { "revenue", "get-commerce-revenue-metrics", "Get commerce revenue metrics" },
  { "orders", "get-commerce-orders-metrics", "Get orders report" },
  { "refunds", "get-commerce-refunds-metrics", "Get refunds report" },
  { "customerRetention", "get-commerce-customer-retention-metrics",
    "Get customer retention metrics" },
  { "lifetimeValue", "get-commerce-lifetime-value-metrics", "Get lifetime value metrics" },
}

---@type commerce.api.Route[]
local routes = {}
for i, names in ipairs(REPORTS) do
  routes[i] = { method = "GET", path = BASE .. names[1], id = names[2], run = metrics(names[1]),
    tag = "Commerce metrics", summary = names[3], parameters = PARAMETERS, required = REQUIRED,
    answer = { status = 200, schema = "CommerceReport" }, errors = { 404 }, conflict = 404 }
end

return routes
