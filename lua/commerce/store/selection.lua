-- A SELECT over rows that may be asked for with a query, in an order, a page at a time. Called by
-- the parts of the SQL stores; requires only the query language.

local condition = require "commerce.store.sql.condition"

local unpack = require("commerce.base.compat").unpack

local selection = {}

local function condition_of(what, values)
  local where = {}
  for _, each in ipairs(what.where) do
    where[#where + 1] = each[1]
    for i = 2, #each do
      values[#values + 1] = each[i]
    end
  end
  if what.query then
    where[#where + 1] = condition.compile(what.query, what.column_of, values)
  end
  return #where > 0 and " WHERE " .. table.concat(where, " AND ") or ""
end

--- The statement that gives the rows.
---@param what table columns: SQL; from: SQL; bound: values of `from`; where: list of { condition,
---  bound values… }; query: commerce.Query, with column_of as `condition.compile` takes it; order:
---  list of SQL terms; limit, offset
---@return string sql
---@return any[] values to bind
function selection.rows(what)
  local values = { unpack(what.bound or {}) }
  local where = condition_of(what, values)
  values[#values + 1] = what.limit or -1
  values[#values + 1] = what.offset or 0
  return ("SELECT %s FROM %s%s ORDER BY %s LIMIT ? OFFSET ?"):format(what.columns, what.from,
    where, table.concat(what.order, ", ")), values
end

--- The statement that counts the rows, as column n, whatever page is asked for.
---@param what table as for `selection.rows`
---@return string sql
---@return any[] values to bind
function selection.count(what)
  local values = { unpack(what.bound or {}) }
  local where = condition_of(what, values)
  return ("SELECT count(*) AS n FROM %s%s"):format(what.from, where), values
end

--- The terms of an order: what is asked for, then what makes it the order of a list without ties.
---@param order_by table? { column: SQL, descending }
---@param default string? SQL of the column to order by if nothing is asked for, newest first
---@param key string SQL of a column that no two rows share
---@return string[] terms
function selection.order(order_by, default, key)
  local descending = not order_by or order_by.descending
  local column, direction = order_by and order_by.column or default, descending and " DESC" or ""
  local terms = { key .. direction }
  if column then
    table.insert(terms, 1, column .. direction)
  end
  return terms
end

return selection
