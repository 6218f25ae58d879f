-- Extends a mapping: builds a new mapping with replaced fields, user-defined fields, further
-- sources and expansions. The original mapping is not changed.

local declared = require "commerce.mapping.declaration"
local errors = require "commerce.base.errors"
local inlined = require "commerce.mapping.inlined"
local mapping = require "commerce.mapping"
local tables = require "commerce.base.tables"
local value = require "commerce.mapping.value"
local values = require "commerce.mapping.values"

local merged = tables.merged

local layer = {}

local SUPPLEMENTAL = "supplementalData"

-- ---------------------------------------------------------------- views without expansions

-- A value that sees its object without what was inlined.
local function through(candidate, view)
  local from = value.of(candidate)
  local copy = merged(from)
  copy.op = { "view", from, view }
  return copy
end

local function all_through(fields, view)
  local result = {}
  for name, candidate in pairs(fields or {}) do
    result[name] = through(candidate, view)
  end
  return result
end

-- The existing fields do not see the objects that the new expansions inline.
local function shielded(entry, expand)
  local expansions = inlined.by_others(expand, entry.expand or {})
  if #expansions == 0 then
    return entry
  end
  local copy = merged(entry)
  local function view(object)
    return inlined.without(object, expansions)
  end
  copy.fields, copy.shared = all_through(entry.fields, view), all_through(entry.shared, view)
  copy.where = entry.where and through(entry.where, view)
  for _, fields in ipairs { copy.fields, copy.shared } do
    local before = fields[SUPPLEMENTAL]
    if before and before.named then
      before.named = all_through(before.named, view)
    end
  end
  return copy
end

-- ---------------------------------------------------------------- fields

local function check_clash(what, before, added)
  for name in pairs(added) do
    if before[name] ~= nil then
      errors.refuse("%s: supplementalData has '%s' already; give yours another name", what, name)
    end
  end
end

--- Whether a field's declaration adds to the existing field: a plain table of supplemental data
--- adds members, a value replaces the whole field.
---@param name string
---@param candidate any
---@return boolean
function layer.adds(name, candidate)
  return name == SUPPLEMENTAL and type(candidate) == "table" and not value.is_value(candidate)
end

local function supplemental(what, before, candidate)
  if not layer.adds(SUPPLEMENTAL, candidate) then
    return candidate
  end
  local added = values.supplemental(candidate)
  local named = before and value.of(before).named
  if before and not named then
    errors.refuse("%s: its supplementalData is made by a function: replace it as a whole, with a "
      .. "value", what)
  end
  check_clash(what, named or {}, added.named)
  return values.supplemental(merged(named or {}, added.named))
end

-- A field is replaced where it was declared, so that rows split off the object keep their own; a
-- new one is shared by all of them.
local function with_fields(what, entry, fields)
  local copy = merged(entry)
  copy.fields, copy.shared = merged(entry.fields or {}), merged(entry.shared)
  for name, candidate in pairs(fields) do
    local target = copy.fields[name] ~= nil and copy.fields or copy.shared
    if name == SUPPLEMENTAL then
      candidate = supplemental(what, target[name], candidate)
    end
    target[name] = candidate
  end
  return copy
end

-- A further source has the fields that all sources share, and the new ones, but for its own.
local function one_more(what, entry, shared, fields)
  local own, added = entry.fields or {}, {}
  for name, candidate in pairs(fields) do
    if own[name] == nil or layer.adds(name, candidate) then
      added[name] = candidate
    end
  end
  entry.shared = shared
  return with_fields(what, entry, added)
end

-- The fields with tallies. The sources of a mapping share each field's tally.
local function tallied(fields)
  local result = {}
  for name, candidate in pairs(fields) do
    if layer.adds(name, candidate) then
      result[name] = {}
      for at, member in pairs(candidate) do
        local key = type(at) == "number" and member or at
        result[name][key] = value.tallied(member, name .. "." .. tostring(key))
      end
    else
      result[name] = value.tallied(candidate, name)
    end
  end
  return result
end

local function with_expansions(entry, expand)
  local copy, seen = merged(entry), {}
  copy.expand = {}
  for _, list in ipairs { entry.expand or {}, expand } do
    for _, path in ipairs(list) do
      if not seen[path] then
        seen[path] = true
        copy.expand[#copy.expand + 1] = path
      end
    end
  end
  return copy
end

--- The entries of a mapping that an extension is about.
---@param whole commerce.Mapping
---@param options commerce.ExtendOptions
---@return commerce.MappingEntry[] entries
function layer.meant(whole, options)
  local meant = {}
  for _, entry in ipairs(whole.entries) do
    if not options.resource or entry.resource == options.resource then
      meant[#meant + 1] = entry
    end
  end
  if #meant == 0 then
    errors.refuse("extend '%s': it is not made from '%s' but from %s", whole.type.name,
      options.resource, declared.names_of(whole.entries))
  elseif options.expand and not options.resource and #whole.entries > 1 then
    errors.refuse("extend '%s': it is made from %s: say with resource = which of them to expand",
      whole.type.name, declared.names_of(whole.entries))
  end
  return meant
end

--- Build the extended mapping.
---@param whole commerce.Mapping not changed
---@param fields table<string, any>
---@param options commerce.ExtendOptions
---@return commerce.Mapping
function layer.over(whole, fields, options)
  local what, is_meant, entries = ("extend '%s'"):format(whole.type.name), {}, {}
  fields = tallied(fields)
  for _, entry in ipairs(layer.meant(whole, options)) do
    is_meant[entry] = true
  end
  for i, entry in ipairs(whole.entries) do
    entries[i] = entry
    if is_meant[entry] then
      local expand = options.expand or {}
      entries[i] = with_expansions(with_fields(what, shielded(entry, expand), fields), expand)
    end
  end
  if options.from then
    entries[#entries + 1] = one_more(what, mapping.from(options.from), whole.entries[1].shared,
      fields)
  end
  local made = mapping.compile(whole.type, entries)
  made.by_user = true
  return made
end

return layer
