-- Lists in pages: the query parameters that lists take, and Codat's envelope of a page.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local linked = require "commerce.store.linked"
local query = require "commerce.query"
local response = require "commerce.http.response"
local url = require "commerce.base.url"

local page = {}

local DEFAULT_SIZE, LARGEST_SIZE = 100, 5000 -- records a page, as Codat limits pageSize
local LAST_PAGE = 2 ^ 31 - 1

---@class commerce.api.Parameter a query parameter
---@field name string
---@field schema table<string, any> JSON schema, for the OpenAPI document
---@field kept boolean? whether the addresses of other pages repeat the parameter

--- All query parameters, in the order in which Codat's addresses have them.
---@type commerce.api.Parameter[]
page.PARAMETERS = {
  { name = "page", schema = { type = "integer", minimum = 1, default = 1 } },
  { name = "pageSize", schema = { type = "integer", minimum = 1, maximum = LARGEST_SIZE,
    default = DEFAULT_SIZE } },
  { name = "query", schema = { type = "string", maxLength = 2048 }, kept = true },
  { name = "orderBy", schema = { type = "string" }, kept = true },
  { name = "tags", schema = { type = "string" }, kept = true },
  { name = "connectionId", schema = { type = "string", format = "uuid" }, kept = true },
  { name = "reportDate", schema = { type = "string" } },
  { name = "periodLength", schema = { type = "integer", minimum = 1, maximum = 366 } },
  { name = "numberOfPeriods", schema = { type = "integer", minimum = 1, maximum = 366 } },
  { name = "periodUnit", schema = { type = "string",
    enum = json.array { "Day", "Week", "Month", "Year" } } },
  { name = "includeDisplayNames", schema = { type = "boolean", default = false } },
  { name = "after", schema = { type = "string" } },
  { name = "format", schema = { type = "string", enum = json.array { "csv", "jsonl" },
    default = "jsonl" } },
  { name = "fetch", schema = { type = "boolean", default = false } },
}

local SPELLINGS = {}
for _, parameter in ipairs(page.PARAMETERS) do
  SPELLINGS[ascii.lower(parameter.name)] = parameter.name
end

--- Query parameters under their names in `PARAMETERS`. The case of a name does not matter: Codat's
--- documents write `orderBy` and `orderby`. The exact name comes before another spelling of it.
---@param parameters table<string, string>
---@return table<string, string>
function page.named(parameters)
  local named = {}
  for name, value in pairs(parameters) do
    local known = SPELLINGS[ascii.lower(name)] or name
    if known == name or parameters[known] == nil then
      named[known] = value
    end
  end
  return named
end

--- The names of the parameters that every list takes.
page.OF_LISTS = { "page", "pageSize", "query", "orderBy" }

---@class commerce.api.PageRequest
---@field number integer
---@field size integer
---@field offset integer
---@field query commerce.Query?
---@field order_by commerce.Order?

--- The page that a request asks for.
---@param context commerce.http.Context
---@return commerce.api.PageRequest
function page.asked(context)
  local number = input.whole(context.parameters, "page", 1, LAST_PAGE)
  local size = input.whole(context.parameters, "pageSize", DEFAULT_SIZE, LARGEST_SIZE)
  return { number = number, size = size, offset = (number - 1) * size }
end

--- The page that a request asks for, with its query and its order.
---@param context commerce.http.Context
---@param dataset commerce.Dataset
---@return commerce.api.PageRequest
function page.filtered(context, dataset)
  local asked, parameters = page.asked(context), context.parameters
  local order = parameters.orderBy or ""
  if (parameters.query or "") ~= "" then
    asked.query = errors.must(query.parse(dataset, parameters.query))
  end
  if order ~= "" then
    asked.order_by = errors.must(query.order(dataset, order))
  end
  return asked
end

local function address(context, asked, number)
  local parts = { ("page=%d&pageSize=%d"):format(number, asked.size) }
  for _, parameter in ipairs(page.PARAMETERS) do
    local value = parameter.kept and context.parameters[parameter.name]
    if value and value ~= "" then
      parts[#parts + 1] = parameter.name .. "=" .. url.escaped(value)
    end
  end
  return json.encode { href = context.path .. "?" .. table.concat(parts, "&") }
end

--- Answer with a page of a list.
---@param context commerce.http.Context
---@param asked commerce.api.PageRequest
---@param texts string[] the page's elements as JSON
---@param total integer the number of elements in the whole list
---@return commerce.http.Response
function page.answer(context, asked, texts, total)
  local last = math.max(math.ceil(total / asked.size), 1)
  local links = {
    '"self":' .. json.encode { href = context.path },
    '"current":' .. address(context, asked, asked.number),
  }
  if asked.number < last then
    links[#links + 1] = '"next":' .. address(context, asked, asked.number + 1)
  end
  if asked.number > 1 then
    links[#links + 1] = '"previous":' .. address(context, asked, math.min(asked.number - 1, last))
  end
  return response.text(200, ('{"results":[%s],"pageNumber":%d,"pageSize":%d,"totalResults":%d,'
    .. '"_links":{%s}}'):format(table.concat(texts, ","), asked.number, asked.size, total,
    table.concat(links, ",")))
end

--- Answer with a page of a connection's records.
---@param context commerce.http.Context
---@param data_type commerce.DataType
---@param connection_id string
---@return commerce.http.Response
function page.of_records(context, data_type, connection_id)
  local asked, texts = page.filtered(context, data_type), {}
  local total = context.store:count(data_type, connection_id, asked.query)
  for _, text in linked.rows(context.store, data_type, context.store:records(data_type, {
    query = asked.query, order_by = asked.order_by, connection_id = connection_id,
    limit = asked.size, offset = asked.offset })) do
    texts[#texts + 1] = text
  end
  return page.answer(context, asked, texts, total)
end

--- Answer with a page of a list that is not in the store.
---@param context commerce.http.Context
---@param asked commerce.api.PageRequest
---@param values commerce.codat.View[] the whole list, each value as for `json.encode`
---@return commerce.http.Response
function page.of_values(context, asked, values)
  local found, total = query.select(values, { query = asked.query, order_by = asked.order_by,
    limit = asked.size, offset = asked.offset })
  local texts = {}
  for i, value in ipairs(found) do
    texts[i] = json.encode(value)
  end
  return page.answer(context, asked, texts, total)
end

return page
