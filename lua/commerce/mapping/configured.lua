-- Mappings that are configured over the API instead of in Lua: supplemental data and custom data
-- types, in the form of Codat's API.

local ascii = require "commerce.base.ascii"
local compat = require "commerce.base.compat"
local json = require "commerce.base.json"
local values = require "commerce.mapping.values"

local configured = {}

---@class commerce.Configuration of one integration
---@field supplemental table<string, table> by data type: { key = { dataSource, pullData } }
---@field custom table<string, table> by Codat's identifier: { dataSource, requiredData, keyBy,
---  sourceModifiedDate }

local function setting_of(integration)
  return "data_types:" .. integration
end

--- The configured data types.
---@param store commerce.Store
---@param integration string
---@return commerce.Configuration configuration
function configured.get(store, integration)
  local text = store:setting(setting_of(integration))
  local found = text and json.decode(text) or {}
  return { supplemental = found.supplemental or {}, custom = found.custom or {} }
end

--- Keep a configuration.
---@param store commerce.Store
---@param integration string
---@param configuration commerce.Configuration
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function configured.save(store, integration, configuration)
  return store:save_setting(setting_of(integration), json.encode(configuration))
end

--- The data type, and table, of a custom data type.
---@param identifier string Codat's, such as "dynamics-365-orders"
---@return string? name nil if the identifier has other characters than letters, digits, - and _
function configured.type_name(identifier)
  if identifier:find "^%w[%w_%-]*$" and #identifier <= 40 then
    return "custom_" .. ascii.lower(identifier):gsub("%-", "_")
  end
end

-- "charges", "v1/charges" and "/v1/charges" name the same resource. A resource that the catalog
-- does not have is read from its path.
local function resource_of(mappings, source)
  local name = tostring(source or ""):gsub("^/?v1/", ""):gsub("^/", "")
  if mappings.resources[name] then
    return name
  end
  return { path = "/v1/" .. name, list = true }
end

-- The value of a record's id: one field of the source, or several joined by colons.
local function key_of(paths)
  local arguments = {}
  for i, path in ipairs(paths) do
    arguments[i] = path
  end
  if #arguments <= 1 then
    return arguments[1] or "id"
  end
  arguments[#arguments + 1] = function(...)
    local parts = {}
    for i = 1, #paths do
      parts[i] = tostring((select(i, ...)))
    end
    return table.concat(parts, ":")
  end
  return values.with(compat.unpack(arguments))
end

--- Define a custom data type. Raises for what `define` raises for.
---@param mappings commerce.Mappings
---@param name string from `configured.type_name`
---@param given table dataSource, requiredData, keyBy, sourceModifiedDate
---@param store commerce.Store?
function configured.define(mappings, name, given, store)
  local declaration = { from = { resource = resource_of(mappings, given.dataSource) },
    id = key_of(given.keyBy or {}) }
  for field, path in pairs(given.requiredData or {}) do
    if field ~= "id" then
      declaration[field] = path
    end
  end
  local modified = (given.sourceModifiedDate or {})[1]
  if modified then
    declaration.sourceModifiedDate = values.timestamp(modified)
  end
  mappings:redefine(name, declaration, store)
end

--- Add supplemental data to a data type. Raises for what `extend` raises for.
---@param mappings commerce.Mappings
---@param type_name string
---@param given table<string, table> { dataSource, pullData } by key
function configured.extend(mappings, type_name, given)
  for key, source in pairs(given) do
    local options = source.dataSource and { resource = resource_of(mappings, source.dataSource) }
    mappings:extend(type_name,
      { supplementalData = { [key] = values.object(source.pullData or {}) } }, options)
  end
end

--- Apply all that is configured to a connection, before it is synced.
---@param store commerce.Store
---@param integration string
---@param mappings commerce.Mappings the connection's
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function configured.apply(store, integration, mappings)
  local configuration = configured.get(store, integration)
  for type_name, given in pairs(configuration.supplemental) do
    configured.extend(mappings, type_name, given)
  end
  for identifier, given in pairs(configuration.custom) do
    configured.define(mappings, configured.type_name(identifier), given, store)
  end
  return true
end

return configured
