-- Companies by a query. Methods of a store, part of its contract; failures are raised as in
-- connection.lua.

local condition = require "commerce.store.sql.condition"
local selection = require "commerce.store.selection"

local unpack = require("commerce.base.compat").unpack

local directory = {}

-- A company has several connections: one of them must be as asked for.
local A_CONNECTION = "EXISTS (SELECT 1 FROM connections c WHERE c.company_id = companies.id AND %s)"

local COLUMNS = {
  id = { "id" }, name = { "name" }, description = { "description" }, created = { "created" },
  lastSync = { "(SELECT max(c.last_sync) FROM connections c WHERE c.company_id = companies.id)" },
  ["dataConnections.id"] = { "c.id", A_CONNECTION },
  ["dataConnections.status"] = { "c.status", A_CONNECTION },
  ["dataConnections.created"] = { "c.created", A_CONNECTION },
  ["dataConnections.lastSync"] = { "c.last_sync", A_CONNECTION },
}

local function column_of(field)
  return COLUMNS[field][1], COLUMNS[field][2]
end

local function tag_of(field)
  return ("json_extract(companies.tags, '$.\"%s\"')"):format(field)
end

local function page_of(db, what)
  local sql, values = selection.rows(what)
  local count, bound = selection.count(what)
  return { rows = db:all(sql, unpack(values)), total = db:all(count, unpack(bound))[1].n }
end

--- Companies, newest first if nothing else is asked for, and how many there are in all.
---@param options table query, order_by (parsed with `datasets.companies`), tags (parsed with
---  `datasets.tags`), limit, offset
---@return table? page { rows as `companies` gives them, total }; nil on failure
---@return string? message
---@return commerce.Details? details
function directory:find_companies(options)
  local order, where = options.order_by, {}
  if options.tags then
    local values = {}
    where[1] = { condition.compile(options.tags, tag_of, values), unpack(values) }
  end
  return page_of(self.db, { columns = "companies.*", from = "companies", where = where,
    query = options.query, column_of = column_of, order = selection.order(order
      and { column = column_of(order.field), descending = order.descending }, "created", "id"),
    limit = options.limit, offset = options.offset })
end

return directory
