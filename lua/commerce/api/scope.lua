-- What a request's path may reach: a company, a connection of it, a data type of the connection's
-- integration. Nothing is found outside its own company; what is not there is refused. Called by
-- the groups of the API.

local answer = require "commerce.http.response"
local model = require "commerce.model"
local query = require "commerce.query"

local must = answer.must

local scope = {}

local UUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"

local MOST_SHOWN = 100 -- characters of an id that is repeated in a message

--- An id in the form in which it is stored.
---@param text string
---@return string? id nil if it is no UUID
function scope.uuid(text)
  return text:find(UUID) and text:lower() or nil
end

-- The row with an id, which the caller may have made up.
local function first(find, asked)
  local id = scope.uuid(asked)
  return id and must(find(id))[1]
end

--- The company of the path.
---@param context table
---@return table row
function scope.company(context)
  local asked = context.values.companyId
  local row = first(function(id)
    return context.store:companies { id = id }
  end, asked)
  if not row then
    answer.refuse(404, "No company was found with ID " .. asked:sub(1, MOST_SHOWN),
      { service = "ClientsApi" })
  end
  return row
end

--- A connection of a company.
---@param context table
---@param company table
---@param asked string the connection's id as it was sent
---@return table row
function scope.connection_of(context, company, asked)
  local row = first(function(id)
    return context.store:connections { id = id, company_id = company.id }
  end, asked)
  if not row then
    answer.refuse(404, ("Data connection %s not found"):format(asked:sub(1, MOST_SHOWN)))
  end
  return row
end

--- The connection of the path, which belongs to the path's company.
---@param context table
---@return table connection
---@return table company
function scope.connection(context)
  local company = scope.company(context)
  return scope.connection_of(context, company, context.values.connectionId), company
end

-- A type that the integration gives only to who asks for it, such as orders: its records are there
-- because a script has defined it.
local function defined(context, key)
  for _, data_type in ipairs(must(context.store:types())) do
    if data_type.own and data_type.key:lower() == key:lower() then
      return data_type
    end
  end
end

--- The data type with one of Codat's keys, if an integration gives it, or a script.
---@param context table
---@param key string such as "commerce-payments", in any case
---@param integration table see `commerce.stripe`
---@return commerce.DataType data_type
function scope.data_type(context, key, integration)
  for _, data_type in ipairs(model.types()) do
    if data_type.key:lower() == key:lower() and context.mappings[data_type.name] then
      return data_type
    end
  end
  return defined(context, key) or answer.refuse(404,
    ("Datatype [%s] not supported by platform(s) [%s]"):format(key:sub(1, MOST_SHOWN),
      integration.title))
end

--- The query and the order that a list is asked for with.
---@param context table
---@param dataset commerce.DataType or what the store says of its other rows
---@return table asked { query?, order_by? }
function scope.filter(context, dataset)
  local parameters = context.parameters
  -- Codat's own pages spell it both ways
  local order = parameters.orderBy or parameters.orderby or ""
  return {
    query = (parameters.query or "") ~= "" and must(query.parse(dataset, parameters.query)) or nil,
    order_by = order ~= "" and must(query.order(dataset, order)) or nil,
  }
end

return scope
