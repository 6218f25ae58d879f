-- A value of the mapping language: the source paths that it reads, and the operation of the core
-- that computes it from them. Every value function returns one.
--
-- A path is dotted ("evidence_details.due_by"); "^" in front of it means the object around the
-- current element inside `each` and `split`; a name with a dot in it, such as a key of metadata,
-- stands in brackets (metadata["order.id"]). A null of the source is nil here: a value that the
-- source does not give is left out of the record.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"

local value = {}

--- The path of a value that may read anything of the object.
value.WHOLE = "*"

---@class commerce.Value
---@field kind string the model's field kind it gives, "any" if it depends on the source
---@field paths string[] the source paths it reads
---@field op any[] what `commerce.mapping.program` makes of it: a word and what that word takes
---@field sign string a signature that changes when the declaration does; it does not see into Lua
---  functions
---@field fixed_kind string? the kind of a constant
---@field fields commerce.CompiledField[]? compiled fields inside an object or a list's elements
---@field words table<string, string>? of an enum
---@field default string? of an enum
---@field named table<string, commerce.Value>? of supplemental data: its members
---@field items commerce.Value[]? of a list: what its elements are
---@field beside boolean? of a member of supplemental data: it stands beside `stripe`, not in it
---@field tallies commerce.Tally[]? counts of the objects that it gave a value for

---@class commerce.Tally
---@field name string the field's
---@field of string the value's sign
---@field seen integer objects that it was computed for
---@field given integer of them, those for which it was not nil

---@class commerce.CompiledField: commerce.Value without `beside`
---@field name string

--- Make a value.
---@param sign string
---@param kind string
---@param paths string[]
---@param op any[] see `commerce.Value`
---@return commerce.Value
function value.new(sign, kind, paths, op)
  return { sign = sign, kind = kind, paths = paths, op = op }
end

local function is_value(candidate)
  return type(candidate) == "table" and type(candidate.op) == "table"
end

value.is_value = is_value

-- ---------------------------------------------------------------- paths

local BRACKETS = "%[([\"'])(.-)%1%]"

-- The names of a path; nil if it is not one.
local function split_path(path)
  local keys, at = {}, 1
  while at <= #path do
    local key, after = path:match(#keys == 0 and "^([^%.%[]+)()" or "^%.([^%.%[]+)()", at)
    if not key and #keys > 0 then
      key, after = select(2, path:match("^" .. BRACKETS .. "()", at))
    end
    if not key then
      return nil
    end
    keys[#keys + 1], at = key, after
  end
  return keys
end

-- What a sync decodes for a path: a name in brackets comes with the object around it.
local function decoded(path)
  return (path:gsub(BRACKETS .. ".*$", ""))
end

local function check_path(path, what)
  what = what and what .. ": " or ""
  if type(path) ~= "string" then
    errors.refuse("%sa path expected, got %s", what, type(path))
  end
  local dotted = path:gsub(BRACKETS, "")
  if dotted:find "[%[%]]" then
    errors.refuse("%sa path expected, got '%s': for the elements of an array there is each(path, "
      .. "fields), for a name with a dot in it brackets and quotes: metadata[\"order.id\"]", what,
      path)
  elseif dotted == "" or dotted:find("^%^?[%.%s]") or dotted:find("%.%.")
    or dotted:find("[%.%s]$") or not split_path((path:gsub("^%^", ""))) then
    errors.refuse("%sa path expected, got '%s': names with dots between them, such as "
      .. "'customer.email'", what, path)
  end
end

--- The source's value at a path, unchanged.
---@param path string
---@param what string? what it is for, for the message
---@return commerce.Value
function value.field(path, what)
  check_path(path, what)
  local outer = path:sub(1, 1) == "^"
  return value.new(path, "any", { decoded(path) }, { "path", outer and 1 or 0,
    split_path(outer and path:sub(2) or path) })
end

--- Convert an argument to a value. A path becomes the source's value there; a Lua function is
--- called with the whole source object.
---@param candidate any a value, a path or a Lua function
---@param what string? the value function that it is an argument of, for the message
---@return commerce.Value raises for anything else
function value.of(candidate, what)
  if is_value(candidate) then
    return candidate
  elseif type(candidate) == "string" then
    return value.field(candidate, what)
  elseif type(candidate) == "function" then
    return value.new("function", "any", { value.WHOLE }, { "whole", candidate })
  end
  errors.refuse("%sa path, a value function or a Lua function expected, got %s%s",
    what and what .. ": " or "", type(candidate),
    type(candidate) == "table" and ": an object of fields is object { … }"
      or candidate ~= nil and ": the same value for every record is constant(…)" or "")
end

--- Convert all arguments of a value function, and collect the paths that they read.
---@param what string the value function, for messages
---@param ... any
---@return commerce.Value[] list
---@return string[] paths
---@return string signs
function value.collect(what, ...)
  local list, paths, signs = {}, {}, {}
  for i = 1, select("#", ...) do
    list[i] = value.of((select(i, ...)), what .. ": argument " .. i)
    signs[i] = list[i].sign
    for _, path in ipairs(list[i].paths) do
      paths[#paths + 1] = path
    end
  end
  return list, paths, table.concat(signs, ",")
end

--- A value that counts the objects it gives a value for. A misspelt path shows up as a count of 0.
---@param candidate any
---@param name string the field's, for messages
---@return commerce.Value
function value.tallied(candidate, name)
  local from, copy = value.of(candidate, "field '" .. name .. "'"), {}
  if #from.paths == 0 or from.tallies then
    return from
  end
  for key, member in pairs(from) do
    copy[key] = member
  end
  local tally = { name = name, of = from.sign, seen = 0, given = 0 }
  copy.tallies, copy.op = { tally }, { "tally", from, tally }
  return copy
end

--- All tallies of compiled fields.
---@param compiled commerce.CompiledField[]
---@return commerce.Tally[]
function value.tallies_of(compiled)
  local all = {}
  for _, field in ipairs(compiled) do
    for _, tally in ipairs(field.tallies or {}) do
      all[#all + 1] = tally
    end
  end
  return all
end

-- ---------------------------------------------------------------- fields

local COPIED = { "kind", "fixed_kind", "words", "default", "fields", "sign", "tallies",
  "paths", "items", "named", "op" }

--- Compile a table of field name -> path, value or function.
---@param fields table<string, any>
---@return commerce.CompiledField[] compiled sorted by name
---@return string[] paths
function value.compile(fields)
  local compiled, paths = {}, {}
  for name, candidate in pairs(fields) do
    if type(name) ~= "string" then
      errors.refuse("a field name expected, got %s", tostring(name))
    end
    local from, entry = value.of(candidate, "field '" .. name .. "'"), { name = name }
    for _, key in ipairs(COPIED) do
      entry[key] = from[key]
    end
    compiled[#compiled + 1] = entry
    for _, path in ipairs(from.paths) do
      paths[#paths + 1] = path
    end
  end
  table.sort(compiled, function(a, b)
    return ascii.before(a.name, b.name)
  end)
  return compiled, paths
end

--- The signature of compiled fields; it changes when their declaration does.
---@param compiled commerce.CompiledField[]
---@return string
function value.sign_of(compiled)
  local signs = {}
  for i, field in ipairs(compiled) do
    signs[i] = field.name .. "=" .. field.sign
  end
  return table.concat(signs, ",")
end

return value
