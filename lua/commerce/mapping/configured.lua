-- Mappings that are configured over the API instead of in Lua: supplemental data and custom data
-- types, in the form of Codat's API.

local ascii = require "commerce.base.ascii"
local catalog_fields = require "commerce.catalog.fields"
local compat = require "commerce.base.compat"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local json_path = require "commerce.mapping.json_path"
local time = require "commerce.base.time"
local url = require "commerce.base.url"
local value = require "commerce.mapping.value"
local values = require "commerce.mapping.values"

local configured = {}

--- The greatest number of fields of a custom data type, or of one entry of supplemental data: every
--- field is a column, and a table of SQLite's has 2,000 at most, one of PostgreSQL's 1,600.
configured.MOST_FIELDS = 500

--- The greatest number of custom data types of an integration.
configured.MOST_TYPES = 100

---@class commerce.SupplementalSource
---@field dataSource string? Stripe's path
---@field pullData table<string, string>? JSONPath by member

---@class commerce.CustomType
---@field dataSource string Stripe's path
---@field requiredData table<string, string> JSONPath by field
---@field keyBy string[] JSONPaths of which the record's id is made
---@field sourceModifiedDate string[]? JSONPaths

---@class commerce.Configuration of one integration
---@field supplemental table<string, table<string, commerce.SupplementalSource>> by data type, then
---  by key
---@field custom table<string, commerce.CustomType> by Codat's identifier

local function setting_of(integration)
  return "data_types:" .. integration
end

local function read(text)
  local found = text and json.decode(text) or {}
  return { supplemental = found.supplemental or {}, custom = found.custom or {} }
end

--- The configured data types.
---@param store commerce.Store
---@param integration string
---@return commerce.Configuration configuration
function configured.get(store, integration)
  return read(store:setting(setting_of(integration)))
end

--- Change a configuration. Two callers may do so at once: each change is made of what the other one
--- has left.
---@param store commerce.Store
---@param integration string
---@param work fun(configuration: commerce.Configuration) changes it, or raises; may be called again
function configured.change(store, integration, work)
  local name = setting_of(integration)
  repeat
    local before = errors.must(store:setting(name))
    local configuration = read(before)
    work(configuration)
  until errors.must(store:save_setting(name, json.encode(configuration), before or false))
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
---@field given commerce.CustomType
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

-- ---------------------------------------------------------------- sources and paths

-- The parameters by which a list is read page by page are the library's own.
local PAGING = { limit = true, starting_after = true, ending_before = true }

-- The parameters of a dataSource, and what it has inlined: "status=all&expand[]=data.customer".
local function query_of(text)
  local query, expand = {}, {}
  for part in (text or ""):gmatch "[^&]+" do
    local name, given = part:match "^([^=]*)=?(.*)$"
    name, given = url.decoded(name), url.decoded((given:gsub("%+", " ")))
    if name and given and name:find "^expand%[" then
      expand[#expand + 1] = given
    elseif name and given and name ~= "" and not PAGING[name] then
      query[name] = given
    end
  end
  return query, expand
end

local function text_of(query)
  local parts = {}
  for i, name in ipairs(ascii.keys(query)) do
    parts[i] = url.escaped(name) .. "=" .. url.escaped(query[name])
  end
  return table.concat(parts, "&")
end

-- "charges", "v1/charges" and "/v1/charges" name the same resource. A resource that the catalog
-- does not have is read from its path. One with a query is read as a whole each time: what a change
-- of an object means for the query is not known.
local function resource_of(mappings, source)
  local path, parameters = tostring(source or ""):match "^([^?]*)%??(.*)$"
  local name = path:gsub("^https?://[^/]+", ""):gsub("^/?v1/", ""):gsub("^/", "")
  local query, expand = query_of(parameters)
  if next(query) then
    return { path = "/v1/" .. name, list = true, created = false, query = query,
      variant = text_of(query) }, expand
  elseif mappings.resources[name] then
    return name, expand
  end
  return { path = "/v1/" .. name, list = true }, expand
end

-- The value at a JSONPath. The catalog may not know a member that Stripe sends: it is looked for in
-- the whole object, which costs more, and its absence is no mistake.
local function value_at(text, resource)
  local steps = json_path.parse(text)
  local plain, known = json_path.plain(steps), {}
  if resource then
    known = catalog_fields[resource]
  end
  local first = type(steps[1]) == "string" and (not known or known[steps[1]]) and steps[1]
  if plain and first then
    return value.field(plain)
  end
  local member = first and not first:find "[%.%[]" and first or nil
  return value.new(("json_path(%s)"):format(text), "any", { member or value.WHOLE },
    member and { "call", function(found)
      return json_path.get({ [member] = found }, steps)
    end, { value.field(member) } } or { "source", function(object)
      return json_path.get(object, steps)
    end })
end

-- The value of a record's id: one field of the source, or several joined by colons.
local function key_of(paths, resource)
  local arguments = {}
  for i, path in ipairs(paths) do
    arguments[i] = value_at(path, resource)
  end
  if #arguments == 0 then
    return "id"
  end
  arguments[#arguments + 1] = function(...)
    local parts = {}
    for i, path in ipairs(paths) do
      local part = select(i, ...)
      if part == nil or part == json.null then
        errors.throw("mapping", ("keyBy: there is no value at %s: name members that every object "
          .. "has"):format(path))
      elseif type(part) == "table" then
        errors.throw("mapping", ("keyBy: the value at %s is an object or a list, and an id is made "
          .. "of texts and numbers: name a member of it"):format(path))
      end
      parts[i] = decimal.text(part)
    end
    return table.concat(parts, ":")
  end
  return values.with(compat.unpack(arguments))
end

-- Unix seconds, as Stripe dates its objects, or a date as text.
local function date_at(path, resource)
  return values.timestamp(values.with(value_at(path, resource), function(found)
    return type(found) == "number" and found or type(found) == "string" and time.parse(found) or nil
  end))
end

-- ---------------------------------------------------------------- what is declared

--- Raise "mapping" for a custom data type with more fields than a table can have. As at Codat,
--- nothing else is looked at before the type is read.
---@param given commerce.CustomType
function configured.check_custom(given)
  check_count("requiredData", given.requiredData)
end

--- Raise "mapping" for supplemental data with too many fields.
---@param given table<string, commerce.SupplementalSource> by key
function configured.check_supplemental(given)
  check_count("supplementalDataConfig", given)
  for key, source in pairs(given) do
    check_count(key .. ": pullData", source.pullData)
  end
end

--- Define a custom data type. Raises for what `define` raises for.
---@param mappings commerce.Mappings
---@param entry commerce.ConfiguredType
---@param store commerce.Store?
function configured.define(mappings, entry, store)
  local given = entry.given
  configured.check_custom(given)
  local resource, expand = resource_of(mappings, given.dataSource)
  local declaration = { from = { resource = resource, expand = expand },
    id = key_of(given.keyBy or {}, resource) }
  for field, path in pairs(given.requiredData or {}) do
    if field ~= "id" then
      declaration[field] = value_at(path, resource)
    end
  end
  local modified = (given.sourceModifiedDate or {})[1]
  if modified then
    declaration.sourceModifiedDate = date_at(modified, resource)
  end
  mappings:redefine(entry.name, declaration, store, "custom/" .. entry.identifier)
end

-- The members that a configuration adds to a record, each of them always there: null if the source
-- does not give it, if its path cannot be read, or if the record is not made of the source.
local function members_of(pull_data, resource, is_read)
  local fields = {}
  for name, path in pairs(is_read and pull_data or {}) do
    local ok, found = errors.try(value_at, path, resource)
    if ok then
      fields[name] = found
    end
  end
  local compiled, paths = value.compile(fields)
  local made = value.new(("configured{%s}"):format(value.sign_of(compiled)), "map", paths,
    { "nulls", compiled, pull_data })
  made.beside = true
  return made
end

-- Whether a data type is made of a resource.
local function is_made_of(mappings, type_name, resource)
  for _, entry in ipairs((mappings:find(type_name) or { entries = {} }).entries) do
    if entry.resource == resource then
      return true
    end
  end
  return false
end

--- Add supplemental data to a data type, under `supplementalData.content.KEY` as at Codat. What the
--- source does not have is null. Raises for what `extend` raises for.
---@param mappings commerce.Mappings
---@param type_name string
---@param given table<string, commerce.SupplementalSource> by key
function configured.extend(mappings, type_name, given)
  configured.check_supplemental(given)
  for key, source in pairs(given) do
    local resource = source.dataSource
      and resource_of(mappings, source.dataSource:match "^[^?]*") or nil
    local is_read = resource == nil or is_made_of(mappings, type_name, resource)
    mappings:extend(type_name, { supplementalData = {
      [key] = members_of(source.pullData or {}, resource, is_read) } },
      is_read and { resource = resource } or nil)
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
        configured.define(mappings, entry, store)
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
