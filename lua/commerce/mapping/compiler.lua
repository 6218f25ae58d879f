-- One source of a mapping: compiles an entry's fields to the parts of a program, by which the core
-- turns an object of its resource into records.

local ascii = require "commerce.base.ascii"
local check = require "commerce.mapping.validate"
local errors = require "commerce.base.errors"
local program = require "commerce.mapping.program"
local provenance = require "commerce.mapping.provenance"
local tables = require "commerce.base.tables"
local value = require "commerce.mapping.value"

local merged = tables.merged

local source = {}

---@class commerce.SplitParts
---@field each commerce.Value the array
---@field suffix commerce.Value of the ids
---@field where commerce.Value?
---@field fields commerce.CompiledField[]

---@class commerce.SourceParts
---@field fields commerce.CompiledField[]
---@field where commerce.Value?
---@field split commerce.SplitParts?

---@class commerce.Source
---@field resource string
---@field expand string[]
---@field distinct boolean?
---@field with table<string, string>
---@field join commerce.MappingJoin?
---@field complete string[] nested lists that are read to their end
---@field excluded string? what `where` leaves out, for the report
---@field split boolean whether an object gives further records, with ids `<id>:<suffix>`
---@field selective boolean whether an object may give no record, because of `where`
---@field paths string[] every source path that is read
---@field members string[][] the paths of the records' fields, and of the members of supplemental
---  data
---@field deciding string[] the source paths that decide which records there are, with which ids
---@field paths_of fun(keys: string[]): string[] the source paths that a field is made of, by the
---  field's path in the record
---@field sign string a signature that changes when the declaration does
---@field tallies commerce.Tally[] of the fields that a user declared
---@field parts commerce.SourceParts of what `commerce.mapping.program` makes its program
---@field map fun(object: commerce.StripeObject, dated: string?): commerce.RecordFields[]?, string?
---  the records of a decoded object, as tables that are not checked against the model yet; nil and
---  the reason if a value fails
---@field make fun(object: commerce.StripeObject, dated: string?): commerce.Record[]? the same as
---  checked bodies; nil if one of them is not valid: `map` and the encoder tell why
---@field only fun(names: table<string, boolean>): commerce.Source of these fields alone

local function add_all(to, list)
  for _, item in ipairs(list) do
    to[#to + 1] = item
  end
end

-- ---------------------------------------------------------------- splitting

-- A path inside a split, as seen from the whole object. A computed array is read whole.
local function outer_path(split, path)
  if path:sub(1, 1) == "^" then
    return path:sub(2)
  elseif type(split.each) == "string" then
    return path == value.WHOLE and split.each or split.each .. "." .. path
  end
end

-- The shared fields are read from the object itself, not from the element that is split off.
local function of_parent(shared)
  local fields = {}
  for name, candidate in pairs(shared) do
    local outer, paths = value.of(candidate), {}
    for i, path in ipairs(outer.paths) do
      paths[i] = "^" .. path
    end
    fields[name] = value.new(outer.sign, outer.kind, paths, { "parent", outer })
  end
  return fields
end

local function compile_split(data_type, split, shared, paths)
  local fields = merged(of_parent(shared), split.fields)
  fields.id = nil
  local compiled, read = value.compile(fields)
  check.fields(data_type, compiled)
  local array, suffix = value.of(split.each, "split: each"), value.of(split.suffix)
  local where = split.where and value.of(split.where)
  add_all(read, suffix.paths)
  add_all(read, where and where.paths or {})
  for _, path in ipairs(read) do
    paths[#paths + 1] = outer_path(split, path)
  end
  add_all(paths, type(split.each) ~= "string" and array.paths or {})
  return ("split(%s,%s,%s){%s}"):format(array.sign, suffix.sign, where and where.sign or "",
    value.sign_of(compiled)), { each = array, suffix = suffix, where = where, fields = compiled }
end

-- ---------------------------------------------------------------- narrowing

local function chosen(fields, names)
  local kept = {}
  for name, candidate in pairs(fields or {}) do
    kept[name] = names[name] and candidate or nil
  end
  return kept
end

-- Whether one of the paths leads into the object at `key`.
local function leads_into(paths, key)
  for _, path in ipairs(paths) do
    if path == key or path == value.WHOLE or path:sub(1, #key + 1) == key .. "." then
      return true
    end
  end
  return false
end

-- A source that gives the same records with fewer fields, and asks for no more than they need.
local function narrowed(data_type, entry, names)
  local copy = merged(entry)
  copy.fields, copy.shared = chosen(entry.fields, names), chosen(entry.shared, names)
  copy.expand, copy.with, copy.complete = {}, {}, {}
  if entry.split then
    copy.split = merged(entry.split)
    copy.split.fields = chosen(entry.split.fields, names)
  end
  local result = source.compile(data_type, copy)
  for _, path in ipairs(entry.expand or {}) do
    if leads_into(result.paths, (path:gsub("^data%.", ""))) then
      result.expand[#result.expand + 1] = path
    end
  end
  for key, resource in pairs(entry.with or {}) do
    result.with[key] = leads_into(result.paths, key) and resource or nil
  end
  for _, path in ipairs(entry.complete or {}) do
    if leads_into(result.paths, path) then
      result.complete[#result.complete + 1] = path
    end
  end
  return result
end

-- ---------------------------------------------------------------- compiling

local function sign_of_map(map)
  local signs = {}
  for key, member in pairs(map or {}) do
    if type(member) ~= "table" then
      signs[#signs + 1] = key .. "=" .. tostring(member)
    end
  end
  ascii.sort(signs)
  return table.concat(signs, ",")
end

local function sign_of(entry, compiled, where, split_sign)
  return table.concat({ entry.resource, entry.distinct and "distinct" or "",
    sign_of_map(entry.with), sign_of_map(entry.join), table.concat(entry.complete or {}, ","),
    where and where.sign or "", value.sign_of(compiled), split_sign or "" }, ";")
end

--- Compile an entry.
---@param data_type commerce.DataType
---@param entry commerce.MappingEntry with `shared`
---@return commerce.Source
function source.compile(data_type, entry)
  local fields = merged(entry.shared, entry.fields or {})
  local compiled, paths = value.compile(fields)
  check.fields(data_type, compiled)
  if data_type.shape.by_name.id and not fields.id then
    errors.refuse("mapping '%s': from '%s' has no id; most often it is id = \"id\"",
      data_type.name, entry.resource)
  end
  local where = entry.where and value.of(entry.where)
  add_all(paths, where and where.paths or {})
  local split_sign, split_parts
  if entry.split then
    split_sign, split_parts = compile_split(data_type, entry.split, entry.shared, paths)
  end
  local result = {
    resource = entry.resource, expand = entry.expand or {}, distinct = entry.distinct,
    with = entry.with or {}, join = entry.join, complete = entry.complete or {},
    split = entry.split ~= nil, selective = where ~= nil, excluded = entry.excluded,
    parts = { fields = compiled, where = where, split = split_parts },
    paths = paths, members = provenance.members(entry),
    deciding = provenance.deciding(entry, outer_path),
    paths_of = function(keys)
      return provenance.of(entry, keys, outer_path)
    end,
    sign = sign_of(entry, compiled, where, split_sign),
    tallies = value.tallies_of(compiled),
    only = function(names)
      return narrowed(data_type, entry, names)
    end,
  }
  result.map, result.make = program.functions(data_type, result)
  return result
end

return source
