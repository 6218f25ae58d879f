-- Resolves the ids in a request's path: a company, a connection of this company, a data type of the
-- connection's integration. Other ids are answered with 404.

local ascii = require "commerce.base.ascii"
local credentials = require "commerce.account.credentials"
local data_types = require "commerce.codat.data_types"
local errors = require "commerce.base.errors"
local input = require "commerce.http.input"
local model = require "commerce.model"
local response = require "commerce.http.response"
local stripe = require "commerce.stripe"

local must = errors.must

local scope = {}

local MOST_SHOWN = 100 -- characters of the client's text that a message repeats

local MAPPINGS = stripe.mappings()

--- Refuse what would store a secret, unless the master key is there to seal it.
function scope.check_master_key()
  local _, missing = errors.catch(credentials.check_master)
  if missing then
    response.refuse(409, missing)
  end
end

--- The company of the path.
---@param context commerce.http.Context
---@return commerce.CompanyRow
function scope.company(context)
  local id = context:uuid "companyId"
  return id and context.store:companies { id = id }[1]
    or response.refuse(404, "No company was found with ID "
      .. context.values.companyId:sub(1, MOST_SHOWN), { service = "ClientsApi" })
end

local function find_connection(context, company_id, asked)
  local id = input.uuid(asked)
  return id and context.store:connections { id = id, company_id = company_id }[1]
end

local function refuse_connection(asked)
  response.refuse(404, ("Data connection %s not found"):format(asked:sub(1, MOST_SHOWN)))
end

--- A connection of a company.
---@param context commerce.http.Context
---@param company commerce.CompanyRow
---@param asked string the connection's id as the client sent it
---@return commerce.ConnectionRow
function scope.connection_of(context, company, asked)
  return find_connection(context, company.id, asked) or refuse_connection(asked)
end

--- The connection of the path, which belongs to the path's company. The company itself is looked up
--- only to tell which of the two is missing.
---@param context commerce.http.Context
---@return commerce.ConnectionRow
function scope.connection(context)
  local company_id, asked = context:uuid "companyId", context.values.connectionId
  local row = company_id and find_connection(context, company_id, asked)
  if not row then
    scope.company(context)
    refuse_connection(asked)
  end
  return row
end

--- The connection of the path, as the object that acts.
---@param context commerce.http.Context
---@return commerce.Connection
function scope.live_connection(context)
  return must(context.app:connection(scope.connection(context).id))
end

--- The connections that a request is about: those of the path's company, or the one that
--- `connectionId` names.
---@param context commerce.http.Context
---@return commerce.CompanyRow
---@return commerce.ConnectionRow[]
function scope.connections(context)
  local company = scope.company(context)
  local asked = context.parameters.connectionId
  if asked and asked ~= "" then
    return company, { scope.connection_of(context, company, asked) }
  end
  return company, context.store:connections { company_id = company.id }
end

--- The integration of the path.
---@param context commerce.http.Context
---@return commerce.Integration integration
function scope.integration(context)
  local key = context.values.platformKey
  for _, integration in ipairs(must(context.app:integrations())) do
    if integration.key == key then
      return integration
    end
  end
  response.refuse(404, ("No integration was found with the key %s"):format(
    key:sub(1, MOST_SHOWN)))
end

--- Whether the integrations have a data type.
---@param data_type commerce.DataType
---@return boolean
function scope.is_mapped(data_type)
  return MAPPINGS[data_type.name] ~= nil
end

-- A type that a script has defined: its own, or an optional one such as orders.
local function defined(context, key)
  for _, data_type in ipairs(context.store:types()) do
    if data_type.own and ascii.lower(data_type.key) == ascii.lower(key) then
      return data_type
    end
  end
end

local function provided(context, key)
  for _, data_type in ipairs(model.types()) do
    if ascii.lower(data_type.key) == ascii.lower(key) and scope.is_mapped(data_type) then
      return data_type
    end
  end
  return defined(context, key)
end

local function refuse_type(key, integration)
  response.refuse(404, ("Datatype [%s] not supported by platform(s) [%s]"):format(
    key:sub(1, MOST_SHOWN), stripe.integrations[integration].title))
end

--- The data type with one of Codat's keys, if the integration or a script provides it.
---@param context commerce.http.Context
---@param key string such as "commerce-payments", in any case
---@param integration string the name of the integration
---@return commerce.DataType
function scope.data_type(context, key, integration)
  return provided(context, key) or refuse_type(key, integration)
end

--- The data type with one of Codat's keys, or the key alone of one that is not provided. Any other
--- key is refused.
---@param context commerce.http.Context
---@param key string in any case
---@param integration string the name of the integration
---@return commerce.DataType?
---@return string? unsupported the key as Codat spells it
function scope.known_type(context, key, integration)
  local data_type = provided(context, key)
  return data_type, not data_type
    and (data_types.key(key) or refuse_type(key, integration)) or nil
end

return scope
