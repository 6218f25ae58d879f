-- Applies the lists of fields that are never stored, to everything that is about to be stored of a
-- connection: the bytes of a record, an object of Stripe's that is kept, and the body of an event
-- that waits.
--
-- Kept objects lose the source paths that the field's mapping reads, wherever an object of that
-- kind stands in them. An object cannot be kept if a path is not known (a Lua function of the whole
-- object), or if it decides which records there are: without it, `remap` would make others.

local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local decimal = require "commerce.base.decimal"
local dotted = require "commerce.base.path"
local errors = require "commerce.base.errors"
local fields = require "commerce.account.fields"
local json = require "commerce.base.json"
local record = require "commerce.model.record"
local value = require "commerce.mapping.value"

local protection = {}

---@class commerce.protection.Rule
---@field keys string[] the path in the record
---@field change (fun(value: string): string?)|nil see `record.edit`

---@class commerce.Protection
---@field names string[] its rules, "leave_out customers.phone", sorted
---@field _types table<string, commerce.protection.Rule[]> by data type
---@field _paths table<string, string[][]> what kept objects lose, by resource
---@field _blocked table<string, string> resources whose objects are not kept, and why
---@field _objects table<string, string[][]> what objects lose, by their member `object`
---@field _blocked_objects table<string, boolean>
---@field _mappings commerce.Mappings
---@field _tainted table<string, string[][]>? by data type: the paths of fields that cannot be made
---  of kept objects
local methods = {}
local protection_mt = { __name = "commerce.Protection", __index = methods }

-- ---------------------------------------------------------------- hashes

local PURPOSE = "commerce field hash" -- of the derived key
local MARK = "hmac:"
local HASHED = "^hmac:" .. ("%x"):rep(64) .. "$"

local function hex(byte)
  return ("%02x"):format(byte:byte())
end

-- Makes "hmac:" and 64 hexadecimal digits of a text. A hash is not hashed again.
local function hasher(store)
  local key = credentials.open(store, fields.KEY_OWNER)
  if not key then
    errors.throw("store", "the key of the hashed fields is missing in the store: restore the table "
      .. "'secrets' from a copy, or take the fields off the list")
  end
  return function(text)
    if text:find(HASHED) then
      return text
    end
    local mac = errors.must(core.sign(key, PURPOSE, text))
    local bytes = core.base64_decode(mac:gsub("[-_]", { ["-"] = "+", _ = "/" }) .. "=")
    return MARK .. (bytes:gsub(".", hex))
  end
end

local function text_of(found)
  if type(found) == "string" then
    return found
  end
  return type(found) == "boolean" and tostring(found) or json.number(found) or ""
end

-- A value whose texts and numbers are hashed, also those in an object or a list.
local function hashed(found, hash)
  if found == json.null then
    return found
  elseif type(found) ~= "table" or decimal.is_decimal(found) then
    return hash(text_of(found))
  end
  local copy = {}
  for key, member in pairs(found) do
    copy[key] = hashed(member, hash)
  end
  return copy
end

local function hash_change(hash)
  return function(text)
    return json.encode(hashed(json.stored("[" .. text .. "]")[1], hash))
  end
end

local function leave_out() end

-- ---------------------------------------------------------------- paths of source objects

-- The resource that a source's path leads into, and the path there: a source may have other objects
-- put into its own. No keys: the path may be anything.
local function place_of(source, path)
  if path == value.WHOLE then
    return source.resource, {}
  end
  local keys = dotted.keys(path)
  local inner = source.with[keys[1]]
    or source.join and source.join.key == keys[1] and source.join.resource
  if inner then
    table.remove(keys, 1)
  end
  return inner or source.resource, keys
end

local function overlap(a, b)
  for i = 1, math.min(#a, #b) do
    if a[i] ~= b[i] then
      return false
    end
  end
  return true
end

local function overlaps(list, keys)
  for _, each in ipairs(list or {}) do
    if overlap(each, keys) then
      return true
    end
  end
  return false
end

local function each_source(mappings, work)
  for _, mapping in ipairs(mappings:all()) do
    for _, source in ipairs(mapping.sources) do
      work(mapping.type.name, source)
    end
  end
end

local function add(map, name, item)
  map[name] = map[name] or {}
  table.insert(map[name], item)
end

-- Objects are identified by these members.
local IDENTITY = { id = true, object = true, livemode = true, created = true }

local function find_paths(self, rule, mappings)
  if rule.resource then
    return add(self._paths, rule.resource, rule.keys)
  end
  local mapping = mappings:find(rule.type)
  for _, source in ipairs(mapping and mapping.sources or {}) do
    for _, path in ipairs(source.paths_of(rule.keys)) do
      local resource, keys = place_of(source, path)
      if #keys == 0 then
        self._blocked[resource] = rule.text .. " is made by a function of the whole object"
      elseif keys[2] or not IDENTITY[keys[1]] then
        add(self._paths, resource, keys)
      end
    end
  end
end

local function find_blocked(self, mappings)
  each_source(mappings, function(type_name, source)
    for _, path in ipairs(source.deciding) do
      local resource, keys = place_of(source, path)
      if overlaps(self._paths[resource], keys) then
        self._blocked[resource] = ("a field of which %s are recognised is not stored"):format(
          type_name)
      end
    end
  end)
end

-- Only `remap` and `check` ask for them.
local function find_tainted(self)
  self._tainted = {}
  each_source(self._mappings, function(type_name, source)
    for _, member in ipairs(source.members) do
      local lacks = false
      for _, path in ipairs(source.paths_of(member)) do
        local resource, keys = place_of(source, path)
        lacks = lacks or overlaps(self._paths[resource], keys)
      end
      if lacks then
        add(self._tainted, type_name, member)
      end
    end
  end)
end

local function by_objects(self, resources)
  for name, list in pairs(self._paths) do
    for _, keys in ipairs(list) do
      add(self._objects, resources[name] and resources[name].object or name, keys)
    end
  end
  for name in pairs(self._blocked) do
    self._blocked_objects[resources[name] and resources[name].object or name] = true
  end
end

-- ---------------------------------------------------------------- making one

--- Make the protection of some rules.
---@param store commerce.Store
---@param mappings commerce.Mappings
---@param lists commerce.FieldLists
---@param without_hash boolean? no record is passed: the key of the hashes is not opened
---@return commerce.Protection
function protection.new(store, mappings, lists, without_hash)
  local self = setmetatable({ names = {}, _types = {}, _paths = {}, _blocked = {}, _objects = {},
    _blocked_objects = {}, _tainted = nil }, protection_mt)
  local hash = #lists.hash > 0 and not without_hash and hash_change(hasher(store)) or nil
  for _, list in ipairs { "hash", "leave_out" } do
    for _, text in ipairs(lists[list]) do
      local rule = fields.rule(text)
      self.names[#self.names + 1] = list .. " " .. text
      if rule.type then
        add(self._types, rule.type,
          { keys = rule.keys, change = list == "hash" and hash or leave_out })
      end
      find_paths(self, rule, mappings)
    end
  end
  self._mappings = mappings
  if #self.names > 0 then
    find_blocked(self, mappings)
    by_objects(self, mappings.resources)
  end
  return self
end

--- Make the protection of a connection.
---@param store commerce.Store
---@param connection_id string
---@param mappings commerce.Mappings
---@param without_hash boolean? see `new`
---@return commerce.Protection
function protection.of(store, connection_id, mappings, without_hash)
  return protection.new(store, mappings, fields.of(store, connection_id), without_hash)
end

-- Whether a record that is always made of kept objects (its mapping has a join) would lack more
-- than the field, or would lack the hash.
local function is_impossible(alone, rule, is_hash, type_name, source)
  local join = source.join
  if not join then
    return false
  elseif is_hash and rule.type == type_name or alone._blocked[source.resource]
    or alone._blocked[join.resource] then
    return true
  end
  for _, member in ipairs(alone:not_made_of_kept(type_name) or {}) do
    if rule.type ~= type_name or not overlap(member, rule.keys) then
      return true
    end
  end
  return false
end

local function check(mappings, text, is_hash)
  local rule = fields.rule(text)
  local alone = protection.new(nil, mappings, { leave_out = { text }, hash = {} })
  each_source(mappings, function(type_name, source)
    if is_impossible(alone, rule, is_hash, type_name, source) then
      errors.throw("usage", ("%s: %s are made of objects that are kept (%s, %s), which must lose "
        .. "what the field is made of%s"):format(text, type_name, source.resource,
        source.join.resource, is_hash and ": the field can be left out, not hashed"
          or ", and other fields are made of it as well"))
    end
  end)
end

--- Change the lists of an owner, see `commerce.account.fields.change`. Raises also if a list could
--- not be observed.
---@param store commerce.Store
---@param mappings commerce.Mappings of the owner
---@param connection_id string? for all connections if left out
---@param given commerce.FieldChanges
---@return boolean changed
function protection.change(store, mappings, connection_id, given)
  return fields.change(store, mappings, connection_id, given, function(lists)
    for _, text in ipairs(lists.hash) do
      check(mappings, text, true)
    end
    for _, text in ipairs(lists.leave_out) do
      check(mappings, text, false)
    end
  end)
end

-- ---------------------------------------------------------------- records

--- Whether records of a data type have fields that are not stored.
---@param type_name string
---@return boolean
function methods:concerns(type_name)
  return self._types[type_name] ~= nil
end

local function apply(rules, text)
  for _, rule in ipairs(rules) do
    text = record.edit(text, rule.keys, rule.change)
  end
  return text
end

--- The body of a record without the fields that are not stored.
---@param type_name string
---@param body string
---@return string body
function methods:body(type_name, body)
  local rules = self._types[type_name]
  return rules and record.edit_body(body, function(text)
    return apply(rules, text)
  end) or body
end

--- Stored data of a record without the fields that are not stored.
---@param type_name string
---@param data string
---@return string data
function methods:data(type_name, data)
  return apply(self._types[type_name] or {}, data)
end

--- The fields of a data type that cannot be made of kept objects, since these lack something.
---@param type_name string
---@return string[][]? paths in the record; nil if kept objects lack nothing
function methods:not_made_of_kept(type_name)
  if not self._tainted then
    find_tainted(self)
  end
  return self._tainted[type_name]
end

-- ---------------------------------------------------------------- objects of Stripe's

--- Whether anything is taken out of Stripe's objects.
---@return boolean
function methods:changes_sources()
  return next(self._paths) ~= nil or next(self._blocked) ~= nil
end

--- The resources whose objects are not kept.
---@return table<string, string> reasons by resource
function methods:unkept()
  return self._blocked
end

local function is_container(found)
  return type(found) == "table" and not decimal.is_decimal(found)
end

local function remove(object, keys, at)
  if not is_container(object) then
    return
  elseif object[1] ~= nil then
    for _, element in ipairs(object) do
      remove(element, keys, at)
    end
  elseif at == #keys then
    object[keys[at]] = nil
  else
    remove(object[keys[at]], keys, at + 1)
  end
end

local function strip(self, found)
  for _, keys in ipairs(self._objects[found.object] or {}) do
    remove(found, keys, 1)
  end
  for _, member in pairs(found) do
    if is_container(member) then
      strip(self, member)
    end
  end
end

-- Whether a text may have an object that loses something.
local function may_lose(self, text)
  for name in pairs(self._objects) do
    if text:find('"' .. name .. '"', 1, true) then
      return true
    end
  end
  return false
end

--- An object of Stripe's as it may be kept.
---@param resource string
---@param text string its JSON
---@return string? text nil if it must not be kept
function methods:source(resource, text)
  if self._blocked[resource] then
    return nil
  elseif not may_lose(self, text) then
    return text
  end
  local object = json.decode(text, true)
  if not is_container(object) then
    return nil
  end
  strip(self, object)
  return json.encode(object)
end

--- What may be kept of an object of which nothing else may be: ids, numbers and flags.
---@param object commerce.StripeObject
---@return commerce.StripeObject identity
function protection.identity(object)
  local kept = {}
  for name, member in pairs(object) do
    if type(member) == "number" or type(member) == "boolean" or name == "object"
      or type(member) == "string" and member:find "^%l[%l_]*_%w+$" and #member < 64 then
      kept[name] = member
    end
  end
  return kept
end

--- The body of an event as it may wait: its object and what that was before have lost the same as
--- kept objects.
---@param event table<string, any> decoded; changed
---@param body string
---@return string body
function methods:event(event, body)
  local data = event.data
  local object = is_container(data) and data.object
  if not self:changes_sources() or not is_container(object) then
    return body
  end
  for _, keys in ipairs(self._objects[object.object] or {}) do
    remove(data.previous_attributes, keys, 1)
  end
  if self._blocked_objects[object.object] then
    data.object, data.previous_attributes = protection.identity(object), nil
  end
  strip(self, data)
  return json.encode(event)
end

return protection
