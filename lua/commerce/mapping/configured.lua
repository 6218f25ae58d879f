-- Mappings that are configured over the API instead of in Lua: supplemental data and custom data
-- types, in the form of Codat's API.

local ascii = require "commerce.base.ascii"
local compat = require "commerce.base.compat"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local values = require "commerce.mapping.values"

local configured = {}

--- The greatest number of fields of a custom data type, or of one entry of supplemental data: every
--- field is a column, and a table of SQLite's has 2,000 at most, one of PostgreSQL's 1,600.
configured.MOST_FIELDS = 500

--- The greatest number of custom data types of an integration.
configured.MOST_TYPES = 100

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

---@class commerce.ConfiguredType
---@field identifier string
---@field name string? the data type's
---@field given table
---@field problem string? why it cannot be read

--- The custom data types, in the order of their identifiers. Of two with one name only the first
--- can be read.
---@param configuration commerce.Configuration
---@return commerce.ConfiguredType[]
function configured.custom_types(configuration)
  local list, taken = {}, {}
  for identifier, given in pairs(configuration.custom) do
    list[#list + 1] = { identifier = identifier, given = given,
      name = configured.type_name(identifier) }
  end
  table.sort(list, function(a, b)
    return ascii.before(a.identifier, b.identifier)
  end)
  for _, entry in ipairs(list) do
    local first = entry.name and taken[entry.name]
    if first then
      entry.problem = ("the custom data type %s has the same table as %s, since their identifiers "
        .. "differ in - and _ only: delete one of them"):format(entry.identifier, first)
    elseif entry.name then
      taken[entry.name] = entry.identifier
    else
      entry.problem = "its identifier must consist of letters, digits, - and _"
    end
  end
  return list
end

--- Another custom data type that has the table of this identifier.
---@param configuration commerce.Configuration
---@param identifier string in lower case
---@return string? identifier
function configured.namesake(configuration, identifier)
  for other in pairs(configuration.custom) do
    if other ~= identifier and configured.type_name(other) == configured.type_name(identifier) then
      return other
    end
  end
end

local function check_count(what, fields)
  local count = 0
  for _ in pairs(fields or {}) do
    count = count + 1
  end
  if count > configured.MOST_FIELDS then
    errors.throw("mapping", ("%s: %d fields; %d at most"):format(what, count,
      configured.MOST_FIELDS))
  end
end

--- Call what declares a configured data type. The mapping language names the place of the code that
--- called it, which neither an answer nor the store may have.
---@param declare function
---@return boolean ok
---@return string? message without a place
function configured.try(declare)
  local place
  local ok, raised = errors.try(function()
    place = errors.place()
    declare()
  end)
  if ok then
    return true
  elseif errors.is_failure(raised) then
    return false, raised.message
  end
  local prefix = (place or "") .. ": "
  local message = tostring(raised)
  message = message:sub(1, #prefix) == prefix and message:sub(#prefix + 1) or message
  return false, message:find "^%S*%.lua:%d+:" and "an unexpected error occurred" or message
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
  check_count("requiredData", given.requiredData)
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
  check_count("supplementalDataConfig", given)
  for key, source in pairs(given) do
    check_count(key .. ": pullData", source.pullData)
    local options = source.dataSource and { resource = resource_of(mappings, source.dataSource) }
    mappings:extend(type_name,
      { supplementalData = { [key] = values.object(source.pullData or {}) } }, options)
  end
end

local function note(failures, name, what, message)
  failures[name] = select(3, errors.fail("mapping", ("%s: %s"):format(what, message)))
end

--- Apply all that is configured to a connection, before it is synced. What cannot be applied fails
--- alone.
---@param store commerce.Store
---@param integration string
---@param mappings commerce.Mappings the connection's
---@return table<string, commerce.Failure> failures by data type
function configured.apply(store, integration, mappings)
  local configuration, failures = configured.get(store, integration), {}
  for type_name, given in pairs(configuration.supplemental) do
    local ok, message = configured.try(function()
      configured.extend(mappings, type_name, given)
    end)
    if not ok then
      note(failures, type_name, "the supplemental data that is configured", message)
    end
  end
  for _, entry in ipairs(configured.custom_types(configuration)) do
    local ok, message = true, nil
    if not entry.problem then
      ok, message = configured.try(function()
        configured.define(mappings, entry.name, entry.given, store)
        errors.must(mappings:tell(store, entry.name))
      end)
    end
    if not ok then
      note(failures, entry.name, ("the custom data type %s"):format(entry.identifier), message)
    end
  end
  return failures
end

return configured
