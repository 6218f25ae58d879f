-- Checks a user's declarations against the facts about Stripe: its resources, the members of their
-- objects, how deep objects can be inlined.

local catalog_fields = require "commerce.catalog.fields"
local catalog_resources = require "commerce.catalog.resources"
local errors = require "commerce.base.errors"
local suggest = require "commerce.base.suggest"
local value = require "commerce.mapping.value"
local values = require "commerce.mapping.values"

local declared = {}

local MOST_EXPANDED = 4 -- how deep Stripe inlines objects

---@class commerce.DeclaredResource a resource that is not known by name
---@field path string "/v1/…"
---@field list boolean? whether it is a list
---@field query table<string, string|boolean>? parameters of the list
---@field events string[]? the event types that report changes
---@field created boolean? false: the list has no `created` filter
---@field permission string? that a restricted key needs
---@field variant string? tells it apart from the same path with another query

local RESOURCE_OPTIONS = { path = "string", list = "boolean", created = "boolean",
  query = "table", events = "table", permission = "string", variant = "string" }

-- ---------------------------------------------------------------- resources

local function same(a, b)
  for _, name in ipairs { "path", "list", "created", "permission" } do
    if a[name] ~= b[name] then
      return false
    end
  end
  return true
end

-- "/v1/billing/alerts" -> "billing_alerts"
local function name_of(path)
  return (path:gsub("^/v%d+/", ""):gsub("[^%w]", "_"))
end

local function own_resource(resources, what, given)
  errors.check_options(given, RESOURCE_OPTIONS, what .. ": resource")
  local path = given.path
  if not path or not path:find("^/v%d+/[%w_%-/]*[%w_]$") or path:find("//", 1, true) then
    errors.refuse("%s: resource: a path such as '/v1/quotes' expected, got '%s'", what,
      tostring(path))
  end
  -- a variant is a resource of its own, beside the one that is read without its query
  local name = name_of(path) .. (given.variant and "?" .. given.variant or "")
  local known = resources[name]
  if known and known.path ~= path then
    name = name .. "_list"
    known = resources[name]
  end
  if known and not known.own then
    return name -- the catalog knows its other properties
  elseif known and not same(known, given) then
    errors.refuse("%s: the resource %s was declared otherwise before", what, path)
  end
  local resource = { own = true }
  for option, candidate in pairs(given) do
    resource[option] = candidate
  end
  rawset(resources, name, resource)
  return name
end

--- The name of a resource that a user gave by its name, or by its path.
---@param resources table<string, commerce.Resource> of one connection: gets a resource that it does
---  not know
---@param what string for messages
---@param given string|commerce.DeclaredResource
---@return string name
function declared.resource(resources, what, given)
  if type(given) == "table" then
    return own_resource(resources, what, given)
  elseif type(given) ~= "string" then
    errors.refuse("%s: from: a resource expected, got %s", what, type(given))
  elseif not resources[given] then
    errors.refuse("%s: unknown resource '%s'%s; one that is not known by name is "
      .. "{ path = \"/v1/…\", list = true }", what, given,
      suggest.text(given, catalog_resources))
  end
  return given
end

-- ---------------------------------------------------------------- paths, expansions

local function members_of(entry)
  local known = catalog_fields[entry.resource]
  if not known then
    return nil
  end
  local members = {}
  for _, names in ipairs { known, entry.with or {}, entry.join and { [entry.join.key] = true }
    or {} } do
    for name in pairs(names) do
      members[name] = true
    end
  end
  return members
end

--- The resources that a mapping's entries read, as words of an error.
---@param entries commerce.MappingEntry[] of a mapping
---@return string names "charges and refunds"
function declared.names_of(entries)
  local names = {}
  for i, entry in ipairs(entries) do
    names[i] = entry.resource
  end
  return table.concat(names, " and ")
end

-- Whether the objects of one of the entries have such a member, as far as it is known.
local function is_known(entries, member)
  for _, entry in ipairs(entries) do
    local members = members_of(entry)
    if not members or members[member] then
      return true
    end
  end
  return false
end

--- Raise unless every path begins with a member of the objects of one of the entries' resources,
--- where those are known.
---@param what string for messages
---@param entries commerce.MappingEntry[]
---@param paths string[]
function declared.paths(what, entries, paths)
  for _, path in ipairs(paths) do
    local member = path:match("^%^?([^%.]+)")
    if member ~= value.WHOLE and not is_known(entries, member) then
      local all = {}
      for _, entry in ipairs(entries) do
        for name in pairs(members_of(entry)) do
          all[name] = true
        end
      end
      errors.refuse("%s: the path '%s' names nothing: %s have no '%s'%s. A fixed text is "
        .. "constant(\"%s\"); if Stripe does send it, read it with a function: function(object) "
        .. "return object.%s end", what, path, declared.names_of(entries), member,
        suggest.text(member, all), path, path)
    end
  end
end

--- Raise if an entry's options name a resource or a member that does not exist.
---@param resources table<string, commerce.Resource> by name
---@param what string for messages
---@param entry commerce.MappingEntry
function declared.entry(resources, what, entry)
  local _, paths = value.compile(entry.fields or {})
  if entry.where then
    table.insert(paths, value.of(entry.where).paths[1])
  end
  for _, path in ipairs(entry.split and value.of(entry.split.each).paths or {}) do
    table.insert(paths, path)
  end
  declared.paths(what, { entry }, paths)
  declared.expansions(resources, what, entry, entry.expand or {})
end

--- Raise for an expansion that Stripe cannot inline.
---@param resources table<string, commerce.Resource> by name
---@param what string for messages
---@param entry commerce.MappingEntry
---@param expand string[]
function declared.expansions(resources, what, entry, expand)
  local members = members_of(entry)
  local list = resources[entry.resource].list
  for _, path in ipairs(expand) do
    if type(path) ~= "string" then
      errors.refuse("%s: expand: a list of paths expected, with a %s in it", what, type(path))
    elseif list and not path:find("^data%.") then
      errors.refuse("%s: expand: a list's expansions begin with 'data.': 'data.%s'", what, path)
    end
    local _, dots = path:gsub("%.", "")
    if dots + 1 > MOST_EXPANDED then
      errors.refuse("%s: expand: '%s' is too deep: %d levels are allowed", what, path,
        MOST_EXPANDED)
    end
    local member = path:gsub("^data%.", ""):match("^[^%.]+")
    if members and not members[member] then
      errors.refuse("%s: expand: '%s' names nothing: %s have no '%s'%s", what, path,
        entry.resource, tostring(member), suggest.text(tostring(member), members))
    end
  end
end

-- ---------------------------------------------------------------- fields

--- A table of fields as the mapping language takes it: supplemental data may be a plain table.
---@param what string for messages
---@param fields any
---@return table<string, any> fields a copy
function declared.fields(what, fields)
  if type(fields) ~= "table" or value.is_value(fields) then
    errors.refuse("%s: a table of fields expected, got %s", what,
      value.is_value(fields) and "a value" or type(fields))
  end
  local copy = {}
  for name, candidate in pairs(fields) do
    if name == "supplementalData" and type(candidate) == "string" then
      errors.refuse("%s: supplementalData: a table of fields expected, such as "
        .. "supplementalData = { name = \"%s\" }", what, candidate)
    elseif name == "supplementalData" and type(candidate) == "table"
      and not value.is_value(candidate) then
      candidate = values.supplemental(candidate)
    end
    copy[name] = candidate
  end
  return copy
end

return declared
