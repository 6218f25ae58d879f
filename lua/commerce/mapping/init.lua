-- The mapping engine: compiles a declarative mapping of source resources to one data type, and
-- turns source objects into records.
--
--   return mapping "disputes" {
--     from { resource = "disputes", expand = { "data.charge" } },
--     id = "id",
--     totalAmount = money("amount", "currency"),
--   }
--
-- Named entries are fields; positional entries are `from`: the source resources, each with options:
--   resource  Stripe's name for it                  expand    what to ask the source to inline
--   fields    fields of this source alone           where     a value; false or nil: not a record
--   excluded  what `where` leaves out, in a few words, for the report
--   with      { key = resource }: single objects fetched once and put into each source object
--   join      { key =, resource =, on =, expand = }: child objects, newest first, put in as `key`
--   complete  nested lists of which the source inlines a part, to be read to their end
--   distinct  true: many source objects give the same record; each id is taken once a run
--   split     { each =, suffix =, where =, fields = }: one more record per element of an array

local errors = require "commerce.base.errors"
local model = require "commerce.model"
local source = require "commerce.mapping.compiler"

local mapping = {}

---@class commerce.Mapping
---@field type commerce.DataType
---@field sources commerce.Source[]
---@field entries commerce.MappingEntry[] what the sources are compiled from
---@field by_user boolean? a user extended it, or defined its data type

---@class commerce.MappingEntry a source of a mapping; see the top of this file
---@field resource string|commerce.DeclaredResource a declared one has its name in the end
---@field expand string[]?
---@field fields table<string, any>?
---@field where any?
---@field with table<string, string>?
---@field join commerce.MappingJoin?
---@field complete string[]?
---@field distinct boolean?
---@field split { each: any, suffix: any, where: any, fields: table<string, any> }?
---@field excluded string?
---@field shared table<string, any>? the fields of all sources of the mapping; not an option

---@class commerce.MappingJoin
---@field key string
---@field resource string
---@field on string
---@field expand string[]?

local from_mt = {}

local FROM_OPTIONS = {
  resource = "string", expand = "table", fields = "table", where = "any", with = "table",
  join = "table", complete = "table", distinct = "boolean", split = "table", excluded = "string",
}
local SPLIT_OPTIONS = { each = "any", suffix = "any", where = "any", fields = "table" }
local JOIN_OPTIONS = { key = "string", resource = "string", on = "string", expand = "table" }

local REQUIRED = { from = { "resource" }, split = { "each", "suffix", "fields" },
  join = { "key", "resource", "on" } }

local function check_entry(what, options, known)
  errors.check_options(options, known, what)
  for _, name in ipairs(REQUIRED[what]) do
    if options[name] == nil then
      errors.refuse("%s: '%s' is missing", what, name)
    end
  end
end

--- A source resource of a mapping; see the top of this file for its options.
---@param options commerce.MappingEntry
---@return commerce.MappingEntry entry
function mapping.from(options)
  check_entry("from", options, FROM_OPTIONS)
  if options.split then
    check_entry("split", options.split, SPLIT_OPTIONS)
  end
  if options.join then
    check_entry("join", options.join, JOIN_OPTIONS)
  end
  local entry = {}
  for name, option in pairs(options) do
    entry[name] = option
  end
  return setmetatable(entry, from_mt)
end

--- Compile complete entries to a mapping.
---@param data_type commerce.DataType
---@param entries commerce.MappingEntry[] from `mapping.from`, each with `shared`: the fields of all
---  of them
---@return commerce.Mapping
function mapping.compile(data_type, entries)
  local sources = {}
  for i, entry in ipairs(entries) do
    sources[i] = source.compile(data_type, entry)
  end
  return { type = data_type, sources = sources, entries = entries }
end

--- The entries of a declaration, each with the fields that they share.
---@param name string for messages
---@param declaration table<string|integer, any> fields by name, `from` entries by position
---@return commerce.MappingEntry[] entries
function mapping.entries(name, declaration)
  local shared, places, entries = {}, {}, {}
  for key, candidate in pairs(declaration) do
    if getmetatable(candidate) == from_mt then
      places[#places + 1] = key
    else
      shared[key] = candidate
    end
  end
  table.sort(places)
  if #places == 0 then
    errors.refuse("mapping '%s': it has no 'from'", name)
  end
  for i, key in ipairs(places) do
    entries[i] = mapping.from(declaration[key])
    entries[i].shared = shared
  end
  return entries
end

--- A mapping that gives the same records with these fields alone, and reads and expands no more of
--- the source than they need.
---@param whole commerce.Mapping
---@param names string[]
---@return commerce.Mapping
function mapping.narrow(whole, names)
  local set, sources = {}, {}
  for _, name in ipairs(names) do
    set[name] = true
  end
  for i, each in ipairs(whole.sources) do
    sources[i] = each.only(set)
  end
  return { type = whole.type, sources = sources }
end

--- Declare a mapping: `mapping "payments" { from {…}, id = "id", … }`. Raises where the declaration
--- names a field, an enum value or an option that does not exist.
---@param _ table this module
---@param name string the data type
---@return fun(declaration: table<string|integer, any>): commerce.Mapping
local function declare(_, name)
  return function(declaration)
    local data_type, unknown = model.find(name)
    if not data_type then
      errors.refuse("mapping: %s", unknown)
    end
    return mapping.compile(data_type, mapping.entries(name, declaration))
  end
end

return setmetatable(mapping, { __call = declare })
