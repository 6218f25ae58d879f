-- The mappings of one connection or of all connections: built-in, extended and user-defined. A
-- connection's declarations lie over those for all connections; the built-in mappings are never
-- changed.

local catalog_resources = require "commerce.catalog.resources"
local declared = require "commerce.mapping.declaration"
local define = require "commerce.mapping.define"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local layer = require "commerce.mapping.extend"
local mapping = require "commerce.mapping"
local model = require "commerce.model"
local value = require "commerce.mapping.value"

local set = {}

---@class commerce.Mappings
---@field resources table<string, commerce.Resource> Stripe's, with those that were declared here
local methods = {}
local set_mt = { __name = "commerce.Mappings", __index = methods }

--- A set of mappings.
---@param built_in fun(): table<string, commerce.Mapping> gives the built-in mappings by data type
---@param parent commerce.Mappings? the mappings of all connections
---@return commerce.Mappings
function set.new(built_in, parent)
  local self = setmetatable({
    parent = parent,
    built_in = built_in,
    resources = setmetatable({}, { __index = parent and parent.resources or catalog_resources }),
    layers = {}, -- by data type: the extensions declared here
    made = {}, -- by data type: the extended mapping, and the mapping that it was made from
    own = {}, order = {}, -- the mappings of types that were defined here
    failed = {}, -- by data type: why its configuration cannot be used
    children = setmetatable({}, { __mode = "k" }), -- the sets whose parent this is
  }, set_mt)
  if parent then
    parent.children[self] = true
  end
  self.root = parent and parent.root or self
  self.shapes = not parent and {} or nil -- of the types that were defined anywhere
  return self
end

--- Detach the mappings of a closed connection: its declarations no longer clash with others.
function methods:close()
  if self.parent then
    self.parent.children[self] = nil
  end
end

--- Raise unless a method was called with a colon. Users often write a dot.
---@param self any
---@param name string the method's name
---@param called string? the object's name in the message; "shop" if left out
function set.check_self(self, name, called)
  if type(self) ~= "table" or type(self.mappings) ~= "table" then
    errors.refuse("%s: it is called with a colon: %s:%s(…), not %s.%s(…)", name, called or "shop",
      name, called or "shop", name)
  end
end

-- ---------------------------------------------------------------- reading

local function below(self, name)
  if self.own[name] then
    return self.own[name]
  elseif self.parent then
    return self.parent:find(name)
  end
  self.given = self.given or self.built_in()
  return self.given[name]
end

--- The mapping of a data type.
---@param name string the data type's name, not its key
---@return commerce.Mapping? mapping nil if there is no such mapping
function methods:find(name)
  local base, layers = below(self, name), self.layers[name]
  if not layers then
    return base
  end
  local made = self.made[name]
  if not made or made.base ~= base or made.count ~= #layers then
    local whole = base
    for _, each in ipairs(layers) do
      whole = layer.over(whole, each.fields, each.options)
    end
    made = { base = base, count = #layers, whole = whole }
    self.made[name] = made
  end
  return made.whole
end

--- The data types that users defined, those for all connections first.
---@return commerce.DataType[]
function methods:own_types()
  local types = self.parent and self.parent:own_types() or {}
  for _, name in ipairs(self.order) do
    types[#types + 1] = self.own[name].type
  end
  return types
end

--- Note that a data type cannot be read: it fails alone in every run.
---@param name string
---@param failure commerce.Failure
function methods:fail(name, failure)
  self.failed[name] = failure
  self.own[name] = nil
  for i = #self.order, 1, -1 do
    if self.order[i] == name then
      table.remove(self.order, i)
    end
  end
end

--- Why each data type that cannot be read cannot.
---@return table<string, commerce.Failure> failures by data type
function methods:failures()
  return self.failed
end

--- Every data type: the model's, then the user-defined ones.
---@return commerce.DataType[]
function methods:types()
  return model.types(self:own_types())
end

--- A data type by its name or key.
---@param name string
---@return commerce.DataType? data_type nil if there is no such data type
---@return string? message lists the existing data types
function methods:find_type(name)
  local found, message = model.find(name, self:own_types())
  if not found and not message:find("did you mean", 1, true) then
    message = message .. "; others are there where a script defines them first: shop:define(…)"
  end
  return found, message
end

--- Tell a store of the data types that were defined here, so that it can take their records.
---@param store commerce.Store
---@param name string? only of this one, if it was defined here
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:tell(store, name)
  for _, data_type in ipairs(self:own_types()) do
    if not name or model.find(name, { data_type }) == data_type then
      if not store.define_type then
        errors.throw("store", ("this store does not accept custom data types: '%s'"):format(
          data_type.name))
      end
      errors.must(store:define_type(data_type))
    end
  end
  return true
end

--- All mappings, in the order in which they are read.
---@return commerce.Mapping[]
function methods:all()
  local list = {}
  for _, data_type in ipairs(self:types()) do
    list[#list + 1] = self:find(data_type.name)
  end
  return list
end

-- ---------------------------------------------------------------- extending

---@class commerce.ExtendOptions
---@field resource string? extend only this resource's records
---@field expand string[]? paths to inline for the new fields
---@field from commerce.MappingEntry? one more source

---@class commerce.Definition the declaration of a data type of one's own
---@field from commerce.MappingEntry|commerce.MappingEntry[]
---@field [string] any its fields: path, value function, or a Lua function of the source object

local EXTEND_OPTIONS = { resource = "string", expand = "table", from = "table" }

local function overlap(a, b)
  return not a.options.resource or not b.options.resource
    or a.options.resource == b.options.resource
end

-- Two declarations of one field in the same set are ambiguous. A connection's declaration replaces
-- the one for all connections, but supplemental data that both add needs different names.
local function check_clash(name, new, before, is_same_set)
  for field, candidate in pairs(overlap(before, new) and new.fields or {}) do
    local there = before.fields[field]
    local both_add = layer.adds(field, there) and layer.adds(field, candidate)
    if there ~= nil and is_same_set and not both_add then
      errors.refuse("extend '%s': '%s' was extended already, at %s", name, field, before.place)
    end
    for own in pairs(both_add and candidate or {}) do
      if there[own] ~= nil then
        errors.refuse("extend '%s': supplementalData has '%s' already, from %s; give yours another "
          .. "name", name, own, before.place)
      end
    end
  end
end

local function check_clashes(self, name, new)
  local sets = { self, self.parent }
  for child in pairs(self.children) do
    sets[#sets + 1] = child
  end
  for _, each in ipairs(sets) do
    for _, before in ipairs(each.layers[name] or {}) do
      check_clash(name, new, before, each == self)
    end
  end
end

-- `from` as the mapping language takes it, with the resource by its name.
local function normal_entry(self, what, options)
  if type(options) ~= "table" then
    errors.refuse("%s: from: { resource = … } expected, got %s", what, type(options))
  end
  local copy = {}
  for name, option in pairs(options) do
    copy[name] = option
  end
  copy.resource = declared.resource(self.resources, what, options.resource)
  copy.fields = options.fields and declared.fields(what, options.fields)
  if options.join then
    copy.join = {}
    for name, option in pairs(options.join) do
      copy.join[name] = option
    end
    copy.join.resource = declared.resource(self.resources, what, options.join.resource)
  end
  local entry = mapping.from(copy)
  declared.entry(self.resources, what, entry)
  return entry
end

--- Extend a data type's mapping: replace fields, or add some under supplementalData. Raises, at the
--- user's line, for a path, a field, a type, an option or a word that does not exist, for a value
--- of the wrong kind, and for a field that was extended already.
---@param type_name string
---@param fields table<string, any> field -> path, value function, or a Lua function of the source
---  object; a table as supplementalData adds to what is there
---@param options commerce.ExtendOptions?
function methods:extend(type_name, fields, options)
  if type(type_name) ~= "string" then
    errors.refuse("extend: the name of a data type expected first, such as \"payments\", got %s",
      type(type_name))
  end
  local data_type, unknown = self:find_type(type_name)
  if not data_type then
    errors.refuse("extend: %s", unknown)
  end
  local name = data_type.name
  local what = ("extend '%s'"):format(name)
  options = options or {}
  errors.check_options(options, EXTEND_OPTIONS, what)
  local _, paths = value.compile(declared.fields(what, fields))
  local new = { fields = fields, place = errors.place() or "another place",
    options = { resource = options.resource, expand = options.expand } }
  new.options.from = options.from and normal_entry(self, what, options.from)
  local whole = self:find(name)
  if not whole then
    errors.refuse("%s: no mapping gives it", what)
  end
  local meant = layer.meant(whole, new.options)
  for _, entry in ipairs(meant) do
    declared.expansions(self.resources, what, entry, options.expand or {})
  end
  if new.options.from then
    meant[#meant + 1] = new.options.from
  end
  declared.paths(what, meant, paths)
  check_clashes(self, name, new)
  layer.over(whole, new.fields, new.options) -- raises before the extension is kept
  self.layers[name] = self.layers[name] or {}
  table.insert(self.layers[name], new)
end

-- ---------------------------------------------------------------- defining

local function check_new(self, what, name)
  local at = self
  while at do
    if at.own[name] then
      errors.refuse("%s: it was defined already, at %s", what, at.own[name].place)
    end
    at = at.parent
  end
  for child in pairs(self.children) do
    if child.own[name] then
      errors.refuse("%s: it was defined already for one connection, at %s; app:define(…) alone is "
        .. "for all of them", what, child.own[name].place)
    end
  end
end

-- Connections share one table for each data type, so two shapes must not have the same name.
local function check_shape(self, what, made)
  local shapes = self.root.shapes
  local text = json.encode(model.describe(made.type))
  local before = shapes[made.type.name]
  if before and before.text ~= text then
    errors.refuse("%s: it was defined with other fields at %s, and a database has one table of a "
      .. "name; define it once, for all connections: app:define(…)", what, before.place)
  end
  shapes[made.type.name] = { text = text, place = made.place }
end

--- Define a data type. Raises, at the user's line, in the same cases as `extend`, and if the name
--- is taken.
---@param name string the name of the data type and of its table
---@param declaration commerce.Definition
---@param store commerce.Store? the store that will hold the records
---@param key string? of the data type, if it is not "custom/" and the name
function methods:define(name, declaration, store, key)
  local what = define.check_name(name)
  check_new(self, what, name)
  local made = define.mapping(what, name, declaration, function(options)
    return normal_entry(self, what, options)
  end, store, key)
  declared.paths(what, made.entries,
    select(2, value.compile(made.entries[1].shared)))
  made.place = errors.place() or "another place"
  check_shape(self, what, made)
  self.own[name] = made
  self.order[#self.order + 1] = name
end

--- Define a data type whose declaration may change while the process runs: it replaces the shape
--- that an earlier set of mappings declared.
---@param name string
---@param declaration commerce.Definition see `define`
---@param store commerce.Store?
---@param key string? see `define`
function methods:redefine(name, declaration, store, key)
  self.root.shapes[name] = nil
  self:define(name, declaration, store, key)
end

return set
