-- The company and the connection that a page's address names, in the mode that it names. What
-- belongs to the other mode is not found, so that test and live are never on one page.

local errors = require "commerce.base.errors"
local modes = require "commerce.account.mode"
local response = require "commerce.http.response"

local found = {}

-- What the application gave, or nothing if it does not exist. Any other failure is raised.
local function existing(value, _, failure)
  if failure and failure.kind ~= "missing" then
    errors.rethrow(failure)
  end
  return value
end

--- The company of a page.
---@param context commerce.portal.Context with `companyId` in its address
---@return commerce.Company company raises a 404 if there is none
function found.company(context)
  local id = context:uuid "companyId"
  local company = id and existing(context.app:company(id))
  return company or response.refuse(404, "There is no such company. It may have been deleted.")
end

--- The connections of a company in the page's mode.
---@param context commerce.portal.Context
---@param company commerce.Company
---@return commerce.Connection[] list oldest first
function found.connections(context, company)
  local list = {}
  for _, connection in ipairs(errors.must(company:connections())) do
    if connection.integration.mode == context.mode then
      list[#list + 1] = connection
    end
  end
  return list
end

--- The connection of a page.
---@param context commerce.portal.Context with `companyId` and `connectionId` in its address
---@return commerce.Connection connection raises a 404 if there is none in the page's mode
---@return commerce.Company company
function found.connection(context)
  local company = found.company(context)
  local id = context:uuid "connectionId"
  local connection = id and existing(context.app:connection(id))
  if not connection or connection.company_id ~= company.id then
    response.refuse(404, "There is no such connection of this company.")
  elseif modes.of_integration(connection.row.integration) ~= context.mode then
    response.refuse(404, ("This connection is one of %s mode. Switch the mode to see it."):format(
      connection.integration.mode))
  end
  return connection, company
end

return found
