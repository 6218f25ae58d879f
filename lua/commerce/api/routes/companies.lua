-- Companies. Called by api.

local answer = require "commerce.http.response"
local connections = require "commerce.api.connections"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local links = require "commerce.codat.links"
local page = require "commerce.api.page"
local query = require "commerce.query"
local scope = require "commerce.api.scope"

local must = answer.must

local companies = {}

--- A company as Codat's API gives it.
---@param context table
---@param row table of the store
---@return table
function companies.shown(context, row)
  local list, last_sync = json.array {}, nil
  for i, connection in ipairs(must(context.store:connections { company_id = row.id })) do
    list[i] = connections.shown(context, connection)
    local synced = connection.last_sync
    last_sync = synced and (not last_sync or synced > last_sync) and synced or last_sync
  end
  return { id = row.id, name = row.name, description = row.description, created = row.created,
    redirect = links.company(context, row.id), lastSync = last_sync, dataConnections = list,
    products = json.array {}, tags = row.tags and json.decode(row.tags) or nil }
end

-- The tags that are asked for: the same language, with a tag's name for a field.
local function tags_filter(context, dataset)
  local text = context.parameters.tags or ""
  if text == "" then
    return nil
  end
  return must(query.parse(dataset, text))
end

local function list(context)
  local dataset, tags = context.store:company_datasets()
  local asked, filter = input.page(context.parameters), scope.filter(context, dataset)
  local found = must(context.store:find_companies { query = filter.query,
    order_by = filter.order_by, tags = tags_filter(context, tags), limit = asked.size,
    offset = asked.offset })
  local texts = {}
  for i, row in ipairs(found.rows) do
    texts[i] = json.encode(companies.shown(context, row))
  end
  return page.answer(context, asked, texts, found.total)
end

local TAGS = { type = "object", each = { type = "string", max = 100 } }
local TEXT = { type = "string", max = 5000 }

local CREATE = { type = "object", fields = {
  name = { type = "string", required = true, min = 1, max = 1000 }, description = TEXT, tags = TAGS,
} }
local PATCH = { type = "object", fields = {
  name = { type = "string", min = 1, max = 1000 }, description = TEXT, tags = TAGS,
} }

-- Codat removes the characters that a name may not have, and does not complain.
local function clean(name)
  local text = name:gsub("[^%w%s%-',&@.?!]", ""):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
  if text == "" then
    answer.refuse(400, "name must hold letters, digits or one of - ' , & @ . ? !")
  end
  return text
end

local function create(context)
  local body = input.body(context.request.body, CREATE)
  local made = must(context.app:create_company { name = clean(body.name),
    description = body.description, tags = body.tags })
  return answer.value(companies.shown(context, must(context.store:companies { id = made.id })[1]))
end

local function one(context)
  return answer.value(companies.shown(context, scope.company(context)))
end

local function change(rule, fields_of)
  return function(context)
    local row = scope.company(context)
    local body = input.body(context.request.body, rule)
    must(must(context.app:company(row.id)):update(fields_of(body)))
    return answer.value(companies.shown(context, must(context.store:companies { id = row.id })[1]))
  end
end

-- PUT: what is left out goes.
local replace = change(CREATE, function(body)
  return { name = clean(body.name), description = body.description or false,
    tags = body.tags or false }
end)

-- PATCH: what is left out stays.
local update = change(PATCH, function(body)
  return { name = body.name and clean(body.name), description = body.description,
    tags = body.tags }
end)

local function delete(context)
  must(must(context.app:company(scope.company(context).id)):delete())
  return answer.nothing(204)
end

local ONE = "/companies/{companyId}"
local COMPANY = { status = 200, schema = "Company" }

--- The routes of the group.
---@return commerce.api.Route[]
function companies.routes()
  return {
    { method = "GET", path = "/companies", id = "list-companies", run = list, tag = "Companies",
      summary = "List companies", paged = true, parameters = { "tags" },
      answer = { status = 200, list = "Company" } },
    { method = "POST", path = "/companies", id = "create-company", run = create,
      tag = "Companies", summary = "Create company", body = CREATE, answer = COMPANY },
    { method = "GET", path = ONE, id = "get-company", run = one, tag = "Companies",
      summary = "Get company", answer = COMPANY, errors = { 404 } },
    { method = "PUT", path = ONE, id = "replace-company", run = replace, tag = "Companies",
      summary = "Replace company", body = CREATE, answer = COMPANY, errors = { 404 } },
    { method = "PATCH", path = ONE, id = "update-company", run = update, tag = "Companies",
      summary = "Update company", body = PATCH, answer = COMPANY, errors = { 404 } },
    { method = "DELETE", path = ONE, id = "delete-company", run = delete, tag = "Companies",
      summary = "Delete a company", answer = { status = 204 }, errors = { 404 } },
  }
end

return companies
