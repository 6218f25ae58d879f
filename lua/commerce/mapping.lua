-- The mapping engine: compiles a declarative mapping of source resources to one data type, and
-- turns source objects into records. Called by the platforms' mapping files and by sync.
--
--   return mapping "disputes" {
--     from { resource = "disputes", expand = { "data.charge" } },
--     id = "id",
--     totalAmount = money("amount", "currency"),
--   }
--
-- Named entries are fields; positional entries are `from`: the source resources, each with options:
--   resource  the platform's name for it            expand    what to ask the source to inline
--   fields    fields of this source alone           where     a value; false or nil: not a record
--   with      { key = resource }: single objects fetched once and put into each source object
--   join      { key =, resource =, on =, expand = }: child objects, newest first, put in as `key`
--   distinct  true: many source objects give the same record; each id is taken once a run
--   split     { each =, suffix =, where =, fields = }: one more record per element of an array

local errors = require "commerce.errors"
local model = require "commerce.model"
local values = require "commerce.mapping.values"

local mapping = {}

---@class commerce.Source
---@field resource string
---@field expand string[]
---@field distinct boolean?
---@field with table<string, string>
---@field join table?
---@field split boolean whether an object gives further records, with ids `<id>:<suffix>`
---@field paths string[] every source path that is read
---@field map fun(object: table): table[]|nil, string|nil
---@field only fun(names: table<string, boolean>): commerce.Source of these fields alone

---@class commerce.Mapping
---@field type commerce.DataType
---@field sources commerce.Source[]

local from_mt = {}

local FROM_OPTIONS = {
  resource = "string", expand = "table", fields = "table", where = "any", with = "table",
  join = "table", distinct = "boolean", split = "table",
}
local SPLIT_OPTIONS = { each = "string", suffix = "any", where = "any", fields = "table" }
local JOIN_OPTIONS = { key = "string", resource = "string", on = "string", expand = "table" }

local REQUIRED = { from = { "resource" }, split = { "each", "suffix", "fields" },
  join = { "key", "resource", "on" } }

local function check_entry(what, options, known)
  errors.check_options(options, known, 4)
  for _, name in ipairs(REQUIRED[what]) do
    if options[name] == nil then
      error(("%s: '%s' is missing"):format(what, name), 4)
    end
  end
end

--- A source resource of a mapping; see the top of this file for its options.
---@param options table
---@return table entry
function mapping.from(options)
  check_entry("from", options, FROM_OPTIONS)
  if options.split then
    check_entry("split", options.split, SPLIT_OPTIONS)
  end
  if options.join then
    check_entry("join", options.join, JOIN_OPTIONS)
  end
  return setmetatable(options, from_mt)
end

-- A value of one kind can stand in a field of another where every such value is one of those too.
local FITS = {
  string = { currency = true, datetime = true, enum = true },
  decimal = { integer = true },
  map = { object = true },
}

local function refuse(data_type, message, ...)
  error(("mapping '%s': " .. message):format(data_type.name, ...), 0)
end

local function check_words(data_type, field, wanted)
  for _, word in pairs(field.words) do
    if not wanted.values[word] then
      refuse(data_type, "field '%s' has no value '%s'", field.name, tostring(word))
    end
  end
  if field.default ~= nil and not wanted.values[field.default] then
    refuse(data_type, "field '%s' has no value '%s'", field.name, tostring(field.default))
  end
end

local function check_shape(data_type, compiled, shape, prefix)
  for _, field in ipairs(compiled) do
    local wanted = shape.by_name[field.name]
    if not wanted then
      refuse(data_type, "the model has no field '%s'", prefix .. field.name)
    end
    local fits = FITS[wanted.kind] or {}
    if field.kind ~= "any" and field.kind ~= wanted.kind and not fits[field.kind] then
      refuse(data_type, "field '%s' takes a %s, this value gives a %s", prefix .. field.name,
        wanted.kind, field.kind)
    end
    if field.words and wanted.values then
      check_words(data_type, field, wanted)
    end
    if field.fields and wanted.shape then
      check_shape(data_type, field.fields, wanted.shape, prefix .. field.name .. ".")
    end
  end
end

-- What can be told wrong before any data is there is refused when the mapping is declared.
local function check_fields(data_type, compiled)
  check_shape(data_type, compiled, data_type.shape, "")
end

local function add_all(to, list)
  for _, item in ipairs(list) do
    to[#to + 1] = item
  end
end

-- `<source id>:<suffix>`, a second one of the same name gets " (2)". Numbers that the source itself
-- put into a name are stepped over: no two records of an object share an id.
local function split_ids()
  local taken = {}
  return function(id, suffix)
    local name, number = tostring(suffix), 1
    while taken[name] do
      number = number + 1
      name = ("%s (%d)"):format(suffix, number)
    end
    taken[name] = true
    return id .. ":" .. name
  end
end

-- A path inside a split, as seen from the whole object.
local function outer_path(split, path)
  return path:sub(1, 1) == "^" and path:sub(2) or split.each .. "." .. path
end

local function compile_split(data_type, split, shared, paths)
  local fields = {}
  for name, value in pairs(shared) do
    -- what is shared by all records of the object is read from the object, not from the element
    local outer, outer_paths = values.to_value(value), {}
    for i, path in ipairs(outer.paths) do
      outer_paths[i] = "^" .. path
    end
    fields[name] = {
      kind = outer.kind, paths = outer_paths,
      get = function(_, parent)
        return outer.get(parent)
      end,
    }
  end
  for name, value in pairs(split.fields) do
    fields[name] = value
  end
  fields.id = nil
  local compiled, read = values.compile_fields(fields)
  check_fields(data_type, compiled)
  local array = values.field(split.each)
  local suffix = values.to_value(split.suffix)
  local where = split.where and values.to_value(split.where)
  add_all(read, suffix.paths)
  add_all(read, where and where.paths or {})
  for _, path in ipairs(read) do
    paths[#paths + 1] = outer_path(split, path)
  end
  return function(object, records)
    local id_of = split_ids()
    local main = records[1]
    for _, element in ipairs(array.get(object) or {}) do
      if not where or where.get(element, object) then
        local record = values.build(compiled, element, object)
        record.id = id_of(main and main.id or object.id, suffix.get(element, object))
        records[#records + 1] = record
      end
    end
  end
end

local function chosen(fields, names)
  local kept = {}
  for name, value in pairs(fields or {}) do
    kept[name] = names[name] and value or nil
  end
  return kept
end

-- Whether one of the paths leads into the object at `key`.
local function leads_into(paths, key)
  for _, path in ipairs(paths) do
    if path == key or path:sub(1, #key + 1) == key .. "." then
      return true
    end
  end
  return false
end

local compile_source

-- A source that gives the same records with fewer fields, and asks for no more than they need.
local function narrowed(data_type, entry, shared, names)
  local copy = {}
  for name, option in pairs(entry) do
    copy[name] = option
  end
  copy.fields, copy.expand, copy.with = chosen(entry.fields, names), {}, {}
  if entry.split then
    local split = entry.split
    copy.split = { each = split.each, suffix = split.suffix, where = split.where,
      fields = chosen(split.fields, names) }
  end
  local source = compile_source(data_type, copy, chosen(shared, names))
  for _, path in ipairs(entry.expand or {}) do
    if leads_into(source.paths, (path:gsub("^data%.", ""))) then
      source.expand[#source.expand + 1] = path
    end
  end
  for key, resource in pairs(entry.with or {}) do
    source.with[key] = leads_into(source.paths, key) and resource or nil
  end
  return source
end

function compile_source(data_type, entry, shared)
  local fields = {}
  for name, value in pairs(shared) do
    fields[name] = value
  end
  for name, value in pairs(entry.fields or {}) do
    fields[name] = value
  end
  local compiled, paths = values.compile_fields(fields)
  check_fields(data_type, compiled)
  if data_type.shape.by_name.id and not fields.id then
    error(("mapping '%s': from '%s' has no id"):format(data_type.name, entry.resource), 0)
  end
  local where = entry.where and values.to_value(entry.where)
  if where then
    add_all(paths, where.paths)
  end
  local split = entry.split and compile_split(data_type, entry.split, shared, paths)
  local function build(object)
    if where and not where.get(object) then
      return {}
    end
    local records = { values.build(compiled, object) }
    if split then
      split(object, records)
    end
    return records
  end
  return {
    resource = entry.resource, expand = entry.expand or {}, distinct = entry.distinct,
    with = entry.with or {}, join = entry.join, split = entry.split ~= nil, paths = paths,
    only = function(names)
      return narrowed(data_type, entry, shared, names)
    end,
    map = function(object)
      local ok, result = errors.try(build, object)
      if ok then
        return result
      end
      return nil, tostring(result)
    end,
  }
end

local function compile(name, declaration)
  local data_type, unknown = model.find(name)
  if not data_type then
    error("mapping: " .. unknown, 0)
  end
  local shared, entries = {}, {}
  for key, value in pairs(declaration) do
    if getmetatable(value) == from_mt then
      entries[#entries + 1] = key
    else
      shared[key] = value
    end
  end
  table.sort(entries)
  if #entries == 0 then
    error(("mapping '%s': it has no 'from'"):format(name), 0)
  end
  local sources = {}
  for i, key in ipairs(entries) do
    sources[i] = compile_source(data_type, declaration[key], shared)
  end
  return { type = data_type, sources = sources }
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
  for i, source in ipairs(whole.sources) do
    sources[i] = source.only(set)
  end
  return { type = whole.type, sources = sources }
end

--- Declare a mapping: `mapping "payments" { from {…}, id = "id", … }`. Raises where the declaration
--- names a field, an enum value or an option that does not exist.
---@param _ table this module
---@param name string the data type
---@return fun(declaration: table): commerce.Mapping
local function declare(_, name)
  return function(declaration)
    local ok, result = pcall(compile, name, declaration)
    if not ok then
      error(result, 2) -- at the declaration, in the user's file
    end
    return result
  end
end

return setmetatable(mapping, { __call = declare })
