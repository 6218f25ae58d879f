-- Lists that are asked for with a query and are no records: companies, and values that are not in
-- the database at all. Methods of a store, part of its contract. Called by the SQL stores; failures
-- are raised as in connection.lua.

local json = require "commerce.base.json"
local selection = require "commerce.store.selection"

local unpack = require("commerce.base.compat").unpack

local directory = {}

-- A company has several connections: one of them must be as asked for.
local A_CONNECTION = "EXISTS (SELECT 1 FROM connections c WHERE c.company_id = companies.id AND %s)"

local LAST_SYNC = "(SELECT max(c.last_sync) FROM connections c WHERE c.company_id = companies.id)"

local COMPANIES = {
  name = "companies", title = "Company",
  columns = {
    { field = "id", name = "id", kind = "string" },
    { field = "name", name = "name", kind = "string" },
    { field = "description", name = "description", kind = "string" },
    { field = "created", name = "created", kind = "datetime" },
    { field = "lastSync", name = LAST_SYNC, kind = "datetime" },
    { field = "dataConnections.id", name = "c.id", kind = "string", exists = A_CONNECTION },
    { field = "dataConnections.status", name = "c.status", kind = "enum", exists = A_CONNECTION },
    { field = "dataConnections.created", name = "c.created", kind = "datetime",
      exists = A_CONNECTION },
    { field = "dataConnections.lastSync", name = "c.last_sync", kind = "datetime",
      exists = A_CONNECTION },
  },
}

-- A tag by its name: every company may have others.
local TAGS = { name = "companies", title = "Company tags", columns = {}, resolve = function(tag)
  return { field = tag, name = ("json_extract(companies.tags, '$.\"%s\"')"):format(tag),
    kind = "string" }
end }

--- What `query.parse` and `query.order` need to know of companies.
---@return commerce.DataType dataset of the companies themselves
---@return commerce.DataType dataset of their tags
function directory.company_datasets()
  return COMPANIES, TAGS
end

local function page_of(db, what)
  local sql, values = selection.rows(what)
  local count, bound = selection.count(what)
  return { rows = db:all(sql, unpack(values)), total = db:all(count, unpack(bound))[1].n }
end

--- Companies, newest first if nothing else is asked for, and how many there are in all.
---@param options table query, order_by (parsed with the dataset of companies), tags (parsed with
---  that of tags), limit, offset
---@return table? page { rows as `companies` gives them, total }; nil on failure
---@return string? message
---@return commerce.Details? details
function directory:find_companies(options)
  return page_of(self.db, { columns = "companies.*", from = "companies", where = {},
    query = options.query, also = options.tags,
    order = selection.order(options.order_by, "created", "id"), limit = options.limit,
    offset = options.offset })
end

--- Those of some values that a query finds, as the database would find rows.
---@param values table[] each written as JSON
---@param options table query, order_by (parsed with `query.dataset` of their fields), limit, offset
---@return table? page { rows: list of JSON texts, total }; nil on failure
---@return string? message
---@return commerce.Details? details
function directory:find_values(values, options)
  local page = page_of(self.db, { columns = "value", from = "json_each(?)",
    bound = { json.encode(json.array(values)) }, where = {}, query = options.query,
    order = options.order_by and selection.order(options.order_by, nil, "key") or { "key" },
    limit = options.limit, offset = options.offset })
  for i, row in ipairs(page.rows) do
    page.rows[i] = row.value
  end
  return page
end

return directory
