-- Routes: companies.

local datasets = require "commerce.store.datasets"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local page = require "commerce.api.page"
local query = require "commerce.query"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local views = require "commerce.api.views"

local must = errors.must

-- `tags` uses the query language, with the names of tags as fields.
local function tags_filter(context)
  local text = context.parameters.tags or ""
  return text ~= "" and must(query.parse(datasets.tags, text)) or nil
end

local function list(context)
  local asked = page.filtered(context, datasets.companies)
  local found = context.store:find_companies { query = asked.query,
    order_by = asked.order_by, tags = tags_filter(context), limit = asked.size,
    offset = asked.offset }
  local texts = {}
  for i, row in ipairs(found.rows) do
    texts[i] = json.encode(views.company(context, row))
  end
  return page.answer(context, asked, texts, found.total)
end

local TAGS = { type = "object", nullable = true, each = { type = "string", max = 100 } }
local TEXT = { type = "string", max = 5000 }

local CREATE = { type = "object", fields = {
  name = { type = "string", required = true, min = 1, max = 1000 }, description = TEXT, tags = TAGS,
} }
local PATCH = { type = "object", fields = {
  name = { type = "string", min = 1, max = 1000 }, description = TEXT, tags = TAGS,
} }

-- Codat silently removes the characters that a name must not contain.
local function clean(name)
  local text = name:gsub("[^%w%s%-',&@.?!]", ""):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
  if text == "" then
    response.refuse(400, "name must hold letters, digits or one of - ' , & @ . ? !")
  end
  return text
end

-- The tags of a body: false if they are to be removed, nil if they are not mentioned.
local function tags_of(body)
  return body.tags ~= json.null and body.tags
end

local function answer(context, id)
  return response.value(views.company(context, context.store:companies { id = id }[1]))
end

local function create(context)
  local body = context:body(CREATE)
  context.target = body.name
  return answer(context, must(context.app:create_company { name = clean(body.name),
    description = body.description, tags = tags_of(body) or nil }).id)
end

local function one(context)
  return response.value(views.company(context, scope.company(context)))
end

local function change(rule, fields_of)
  return function(context)
    local row = scope.company(context)
    must(must(context.app:company(row.id)):update(fields_of(context:body(rule))))
    return answer(context, row.id)
  end
end

-- PUT removes what the body leaves out.
local replace = change(CREATE, function(body)
  return { name = clean(body.name), description = body.description or false,
    tags = tags_of(body) or false }
end)

-- PATCH keeps what the body leaves out. Tags that are null are removed, as at Codat.
local update = change(PATCH, function(body)
  return { name = body.name and clean(body.name), description = body.description,
    tags = tags_of(body) }
end)

local function delete(context)
  must(must(context.app:company(scope.company(context).id)):delete())
  return response.nothing(204)
end

local ONE = "/companies/{companyId}"
local COMPANY = { status = 200, schema = "Company" }

---@type commerce.api.Route[]
return {
  { method = "GET", path = "/companies", id = "list-companies", run = list, tag = "Companies",
    summary = "List companies", paged = true, parameters = { "tags" },
    answer = { status = 200, list = "Company" } },
  { method = "POST", path = "/companies", id = "create-company", audit = "company.create",
    run = create,
    tag = "Companies", summary = "Create company", body = CREATE, answer = COMPANY },
  { method = "GET", path = ONE, id = "get-company", run = one, tag = "Companies",
    summary = "Get company", answer = COMPANY, errors = { 404 }, embedded = true },
  { method = "PUT", path = ONE, id = "replace-company", audit = "company.change",
    run = replace, tag = "Companies",
    summary = "Replace company", body = CREATE, answer = COMPANY, errors = { 404 } },
  { method = "PATCH", path = ONE, id = "update-company", audit = "company.change",
    run = update, tag = "Companies",
    summary = "Update company", body = PATCH, answer = COMPANY, errors = { 404 } },
  { method = "DELETE", path = ONE, id = "delete-company", audit = "company.delete",
    run = delete, tag = "Companies",
    summary = "Delete a company", answer = { status = 204 }, errors = { 404, 502 } },
}
