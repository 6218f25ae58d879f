-- The OpenAPI 3.1 document of the API, built from its routes.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local json = require "commerce.base.json"
local model = require "commerce.model"
local page = require "commerce.api.page"
local schemas = require "commerce.api.schemas"

local openapi = {}

local function ref(name)
  return { ["$ref"] = "#/components/schemas/" .. name }
end

local function sorted(set)
  return json.array(ascii.keys(set))
end

-- ---------------------------------------------------------------- schemas

-- A rule of `http.input` as a JSON schema.
local function schema_of(rule)
  local schema = { type = rule.type, format = rule.format,
    maxLength = rule.type == "string" and rule.max or nil,
    minLength = rule.type == "string" and rule.min or nil,
    maxItems = rule.type == "array" and rule.max or nil }
  if rule.values then
    schema.enum = sorted(rule.values)
  end
  if rule.fields then
    schema.properties = {}
    local required = {}
    for name, field in pairs(rule.fields) do
      schema.properties[name] = schema_of(field)
      required[name] = field.required
    end
    schema.required = next(required) and sorted(required) or nil
  end
  if rule.each then
    schema[rule.type == "array" and "items" or "additionalProperties"] = schema_of(rule.each)
  end
  return schema
end

local SCALARS = {
  string = { type = "string" }, currency = { type = "string" }, decimal = { type = "number" },
  integer = { type = "integer" }, boolean = { type = "boolean" },
  datetime = { type = "string", format = "date-time" },
  map = { type = "object", additionalProperties = true },
}

-- A shape of the model as a JSON schema.
local function record_schema(shape)
  local schema, required = { type = "object", properties = {} }, {}
  for _, field in ipairs(shape.fields) do
    local property = SCALARS[field.kind]
    if field.kind == "enum" then
      property = { type = "string", enum = sorted(field.values) }
    elseif field.kind == "object" then
      property = record_schema(field.shape)
    elseif field.kind == "list" then
      property = { type = "array", items = record_schema(field.shape) }
    end
    schema.properties[field.name], required[field.name] = property, field.required
  end
  schema.required = next(required) and sorted(required) or nil
  return schema
end

local function all_schemas()
  local all = {}
  for name, rule in pairs(schemas) do
    all[name] = schema_of(rule)
  end
  local types = { model.optional "orders" }
  for _, data_type in ipairs(model.types()) do
    types[#types + 1] = data_type
  end
  for _, data_type in ipairs(types) do
    local schema = record_schema(data_type.shape)
    for name, property in pairs(record_schema(data_type.linked).properties) do
      schema.properties[name] = property
    end
    all[data_type.title] = schema
  end
  return all
end

-- ---------------------------------------------------------------- operations

local QUERY_SCHEMAS = {}
for _, parameter in ipairs(page.PARAMETERS) do
  QUERY_SCHEMAS[parameter.name] = parameter.schema
end

local function parameters_of(route)
  local list = json.array {}
  for name in route.path:gmatch "{(%w+)}" do
    list[#list + 1] = { name = name, ["in"] = "path", required = true,
      schema = { type = "string" } }
  end
  for _, names in ipairs { route.paged and page.OF_LISTS or {}, route.parameters or {} } do
    for _, name in ipairs(names) do
      list[#list + 1] = { name = name, ["in"] = "query", schema = QUERY_SCHEMAS[name],
        required = route.required and route.required[name] }
    end
  end
  return list
end

local function json_content(schema)
  return { ["application/json"] = { schema = schema } }
end

local function envelope(name)
  return { type = "object",
    required = { "pageNumber", "pageSize", "totalResults", "_links" },
    properties = { results = { type = "array", items = ref(name) },
      pageNumber = { type = "integer" }, pageSize = { type = "integer" },
      totalResults = { type = "integer" }, _links = ref "Links" } }
end

local function answer_of(answer)
  local schema = answer.schema and ref(answer.schema) or answer.list and envelope(answer.list)
    or answer.map and { type = "object", additionalProperties = ref(answer.map) } or nil
  return { description = "Success", content = schema and json_content(schema) or nil }
end

--- The status codes of failures that every route may answer with, beside its own.
openapi.COMMON_ERRORS = { 400, 401, 429, 500, 503 }

local TITLES = {
  [400] = "Malformed request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not found",
  [409] = "Conflict with the current state", [429] = "Too many requests",
  [500] = "Internal error", [502] = "Stripe did not answer", [503] = "Temporarily unavailable",
}

local function responses_of(route)
  local responses = { [tostring(route.answer.status)] = answer_of(route.answer) }
  for _, codes in ipairs { openapi.COMMON_ERRORS, route.errors or {} } do
    for _, code in ipairs(codes) do
      responses[tostring(code)] = { description = TITLES[code],
        content = json_content(ref "ErrorMessage") }
    end
  end
  return responses
end

local function operation_of(route)
  return {
    operationId = route.id, summary = route.summary, tags = { route.tag },
    parameters = parameters_of(route), responses = responses_of(route),
    requestBody = route.body and { required = not route.body_optional,
      content = json_content(schema_of(route.body)) } or nil,
  }
end

--- The document.
---@param routes commerce.api.Route[]
---@param prefix string the path that the API is served under
---@return string json
function openapi.document(routes, prefix)
  local paths = {}
  for _, route in ipairs(routes) do
    paths[route.path] = paths[route.path] or {}
    paths[route.path][ascii.lower(route.method)] = operation_of(route)
  end
  return json.encode {
    openapi = "3.1.0",
    info = { title = "lua-commerce", version = core.version,
      description = "A Stripe account's commerce data, as Codat's API gives it." },
    servers = { { url = prefix == "" and "/" or prefix } },
    paths = paths,
    components = {
      schemas = all_schemas(),
      securitySchemes = { auth_header = { type = "apiKey", name = "Authorization",
        ["in"] = "header", description = "'Basic ' and the base64 of an API key" } },
    },
    security = { { auth_header = json.array {} } },
  }
end

return openapi
