-- Builds the mapping of a user-defined data type: its name, its shape, its sources.

local catalog_fields = require "commerce.catalog.fields"
local declared = require "commerce.mapping.declaration"
local errors = require "commerce.base.errors"
local infer = require "commerce.mapping.infer"
local mapping = require "commerce.mapping"
local model = require "commerce.model"
local value = require "commerce.mapping.value"
local values = require "commerce.mapping.values"

local define = {}

local LONGEST_NAME = 48

--- Raise unless a user-defined data type can have this name.
---@param name any
---@return string what how messages call the declaration
function define.check_name(name)
  local what = ("define '%s'"):format(tostring(name))
  if type(name) ~= "string" or not name:find("^%l[%l%d_]*$") or #name > LONGEST_NAME then
    errors.refuse("%s: a name of small letters, digits and _ expected, such as 'subscriptions'",
      what)
  elseif model.find(name) then
    errors.refuse("%s: there is such a data type already; to change it: extend(\"%s\", …)", what,
      name)
  end
  return what
end

-- ---------------------------------------------------------------- sources

-- `from` is one source or a list of sources.
local function list_of_sources(what, from)
  if from == nil then
    errors.refuse("%s: 'from' is missing: from = { resource = … } says where it comes from", what)
  elseif type(from) ~= "table" then
    errors.refuse("%s: from: { resource = … } expected, got %s", what, type(from))
  end
  return from[1] ~= nil and from or { from }
end

-- Adds the dates that every record has, unless the declaration sets them. A date that the source
-- object does not have is left out.
local function with_dates(fields, entry)
  local known = catalog_fields[entry.resource]
  local function add(name, path)
    local own = fields[name] ~= nil or (entry.fields or {})[name] ~= nil
    if not own and (not known or known[path]) then
      entry.fields = entry.fields or {}
      entry.fields[name] = values.timestamp(path)
    end
  end
  add("createdDate", "created")
  add("sourceModifiedDate", known and known.updated and "updated" or "created")
end

-- ---------------------------------------------------------------- the shape

local function check_names(what, shape, prefix)
  for _, field in ipairs(shape.fields) do
    if not field.name:find("^%a[%w_]*$") then
      errors.refuse("%s: field '%s': a name of letters, digits and _ expected", what,
        prefix .. field.name)
    elseif field.shape then
      check_names(what, field.shape, prefix .. field.name .. ".")
    end
  end
end

--- Make the mapping.
---@param what string for messages
---@param name string from `define.check_name`
---@param declaration commerce.Definition
---@param entry_of fun(options: commerce.MappingEntry): commerce.MappingEntry from `mapping.from`,
---  with the resource by its name
---@param store commerce.Store? the store that will hold the records
---@param key string? of the data type; see `model.new`
---@return commerce.Mapping
function define.mapping(what, name, declaration, entry_of, store, key)
  local fields = declared.fields(what, declaration)
  fields.from = nil
  for field, candidate in pairs(fields) do
    fields[field] = value.tallied(candidate, field)
  end
  local entries = {}
  for i, options in ipairs(list_of_sources(what, declaration.from)) do
    entries[i] = entry_of(options)
    entries[i].shared = fields
  end
  for _, entry in ipairs(entries) do
    with_dates(fields, entry)
  end
  local data_type = model.optional(name)
  if not data_type then
    data_type = model.new(name, infer.fields(entries), nil, key)
    check_names(what, data_type.shape, "")
  end
  local problem = store and store.type_problem and store:type_problem(data_type)
  if problem then
    errors.refuse("%s: %s", what, problem)
  end
  local made = mapping.compile(data_type, entries)
  made.by_user = true
  return made
end

return define
