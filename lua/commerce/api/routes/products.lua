-- Routes: a company's products, which are names that the operator gives to what he uses a company's
-- data for, and refreshing the data of one.

local ascii = require "commerce.base.ascii"
local data_types = require "commerce.codat.data_types"
local json = require "commerce.base.json"
local model = require "commerce.model"
local pulls = require "commerce.api.pulls"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local view = require "commerce.codat.company"

local MOST, LONGEST = 50, 100 -- products of a company, characters of one

local function identifier_of(context)
  local identifier = context.values.productIdentifier
  if #identifier > LONGEST or not identifier:find "^[%w_%.%-]+$" then
    response.refuse(404, ("A product's identifier must consist of letters, digits, -, . and _, %d "
      .. "at most."):format(LONGEST))
  end
  return identifier
end

-- The company's products, and the place of the path's product among them.
local function products_of(context, company)
  local products, identifier = view.products(company), identifier_of(context)
  for i, product in ipairs(products) do
    if product == identifier then
      return products, i
    end
  end
  return products
end

local function save(context, company, products)
  company.products = #products > 0 and json.encode(products) or false
  context.store:save_company(company)
  return response.nothing(204)
end

local function add(context)
  local company = scope.company(context)
  local products, place = products_of(context, company)
  if not place and #products >= MOST then
    response.refuse(403, ("The company has %d products already: remove one first."):format(MOST))
  elseif not place then
    products[#products + 1] = identifier_of(context)
  end
  return save(context, company, products)
end

-- The place of the path's product; refused if the company does not have it.
local function place_of(context, company)
  local products, place = products_of(context, company)
  return place or response.refuse(404, ("The company %s does not have the product %s."):format(
    company.id, identifier_of(context))), products
end

local function remove(context)
  local company = scope.company(context)
  local place, products = place_of(context, company)
  table.remove(products, place)
  return save(context, company, products)
end

local REFRESH = { type = "object", fields = {
  dataTypes = { type = "array", max = 100, each = { type = "string", max = 100 } },
} }

local function valid_types()
  local names = {}
  for _, data_type in ipairs(model.types()) do
    if scope.is_mapped(data_type) and not data_type.custom then
      names[ascii.lower(data_type.key)] = data_type
    end
  end
  return names
end

-- The names of the data types that a body asks for; nil if it asks for none.
local function asked_types(keys)
  local valid, names = valid_types(), {}
  for i, key in ipairs(keys or {}) do
    local data_type = valid[ascii.lower(key)]
    if not data_type then
      local known = {}
      for _, each in ipairs(data_types.COMMERCE) do
        known[#known + 1] = valid[ascii.lower(each)] and each or nil
      end
      response.refuse(400, ("dataTypes[%d] is not a data type of the product; the valid ones are: "
        .. "%s."):format(i - 1, table.concat(known, ", ")))
    end
    names[i] = data_type.name
  end
  return keys and keys[1] and names or nil
end

-- Codat answers 400 where a data sync of the product is already in progress.
local function check_idle(context, wanted)
  for _, each in ipairs(wanted) do
    local last = context.store:latest_pulls(each.connection_id)[each.data_type]
    if last and (last.status == "Queued" or last.status == "Fetching") then
      response.refuse(400, "A data sync of this product is in progress already.")
    end
  end
end

local function refresh(context)
  local company = scope.company(context)
  place_of(context, company)
  local body = (context.request.body or "") ~= "" and context:body(REFRESH) or {}
  local wanted = pulls.of_linked(context, context.store:connections { company_id = company.id },
    asked_types(body.dataTypes))
  check_idle(context, wanted)
  pulls.queue(context, wanted)
  return response.nothing(202)
end

local ONE = "/companies/{companyId}/products/{productIdentifier}"

---@type commerce.api.Route[]
return {
  { method = "PUT", path = ONE, id = "add-product", run = add, tag = "Companies",
    summary = "Add product", answer = { status = 204 }, errors = { 403, 404 } },
  { method = "DELETE", path = ONE, id = "remove-product", run = remove, tag = "Companies",
    summary = "Remove product", answer = { status = 204 }, errors = { 404 } },
  { method = "POST", path = ONE .. "/refresh", id = "refresh-product-data", audit = false,
    run = refresh,
    tag = "Companies", summary = "Refresh product data", body = REFRESH, body_optional = true,
    answer = { status = 202 }, errors = { 400, 404 } },
}
