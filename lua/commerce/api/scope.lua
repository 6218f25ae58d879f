-- What a request's path may reach: a company, a connection of it, a data type of the connection's
-- integration. Nothing is found outside its own company. Called by the groups of the API.

local answer = require "commerce.api.answer"
local model = require "commerce.model"
local query = require "commerce.query"

local scope = {}

local UUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"

local MOST_SHOWN = 100 -- characters of an id that is repeated in a message

--- An id in the form in which it is stored.
---@param text string
---@return string? id nil if it is no UUID
function scope.uuid(text)
  return text:find(UUID) and text:lower() or nil
end

--- The company of the path.
---@param context table
---@return table? row nil if there is none
---@return string? message
---@return commerce.Details? details
function scope.company(context)
  local asked = context.values.companyId
  local rows, message, details = {}, nil, nil
  local id = scope.uuid(asked)
  if id then
    rows, message, details = context.store:companies { id = id }
  end
  if not rows then
    return nil, message, details
  elseif not rows[1] then
    return answer.refuse(404, "No company was found with ID " .. asked:sub(1, MOST_SHOWN),
      { service = "ClientsApi" })
  end
  return rows[1]
end

--- A connection of a company.
---@param context table
---@param company table
---@param asked string the connection's id as it was sent
---@return table? row nil if the company has none with this id
---@return string? message
---@return commerce.Details? details
function scope.connection_of(context, company, asked)
  local rows, message, details = {}, nil, nil
  local id = scope.uuid(asked)
  if id then
    rows, message, details = context.store:connections { id = id, company_id = company.id }
  end
  if not rows then
    return nil, message, details
  elseif not rows[1] then
    return answer.refuse(404, ("Data connection %s not found"):format(asked:sub(1, MOST_SHOWN)))
  end
  return rows[1]
end

--- The connection of the path, which belongs to the path's company.
---@param context table
---@return table? connection nil if there is none
---@return string|table message or the company
---@return commerce.Details? details
function scope.connection(context)
  local company, message, details = scope.company(context)
  if not company then
    return nil, message, details
  end
  local row
  row, message, details = scope.connection_of(context, company, context.values.connectionId)
  if not row then
    return nil, message, details
  end
  return row, company
end

--- The data type with one of Codat's keys, if an integration gives it.
---@param context table
---@param key string such as "commerce-payments", in any case
---@param integration table see `commerce.platform.stripe`
---@return commerce.DataType? data_type nil if the integration does not give it
---@return string? message
---@return commerce.Details? details
function scope.data_type(context, key, integration)
  for _, data_type in ipairs(model.types()) do
    if data_type.key:lower() == key:lower() and context.mappings[data_type.name] then
      return data_type
    end
  end
  return answer.refuse(404, ("Datatype [%s] not supported by platform(s) [%s]")
    :format(key:sub(1, MOST_SHOWN), integration.title))
end

--- The query and the order that a list is asked for with.
---@param context table
---@param dataset commerce.DataType or what the store says of its other rows
---@return table? asked { query?, order_by? }; nil if one is malformed
---@return string? message
---@return commerce.Details? details
function scope.filter(context, dataset)
  local parameters, asked = context.parameters, {}
  local message, details
  if (parameters.query or "") ~= "" then
    asked.query, message, details = query.parse(dataset, parameters.query)
    if not asked.query then
      return nil, message, details
    end
  end
  local order = parameters.orderBy or parameters.orderby or "" -- Codat's own pages spell it both ways
  if order ~= "" then
    asked.order_by, message, details = query.order(dataset, order)
    if not asked.order_by then
      return nil, message, details
    end
  end
  return asked
end

return scope
