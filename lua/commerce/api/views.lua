-- Codat's views of stored rows, with what the store adds to each row.

local company = require "commerce.codat.company"
local connection = require "commerce.codat.connection"

local views = {}

--- A connection with its errors.
---@param context commerce.http.Context
---@param row commerce.ConnectionRow
---@return table view Codat's Connection
function views.connection(context, row)
  return connection.view(row, context.store:connection_errors(row.id), context.links)
end

--- A company with its connections.
---@param context commerce.http.Context
---@param row commerce.CompanyRow
---@return table view Codat's Company
function views.company(context, row)
  local rows, list = context.store:connections { company_id = row.id }, {}
  for i, one in ipairs(rows) do
    list[i] = views.connection(context, one)
  end
  return company.view(row, rows, list, context.links)
end

return views
