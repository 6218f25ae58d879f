-- Fields that are never stored: the lists of those that are left out and of those that are hashed,
-- for all connections and for one. A list is part of the store, so that every program that opens
-- the store observes it. `commerce.account.protection` applies the lists.
--
-- A field is named by its data type and its path: "customers.emailAddress",
-- "customers.addresses.line1", "payments.supplementalData.content.stripe.metadata". A name such as
-- "source:charges.billing_details" means a member of Stripe's objects, in those that are kept.

local ascii = require "commerce.base.ascii"
local contract = require "commerce.store.contract"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local dotted = require "commerce.base.path"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local set = require "commerce.base.set"
local suggest = require "commerce.base.suggest"
local value = require "commerce.mapping.value"

local fields = {}

---@class commerce.FieldLists
---@field leave_out string[] fields that are not stored
---@field hash string[] fields of which a hash is stored

---@class commerce.FieldRule
---@field text string as it is listed
---@field type string? data type name
---@field resource string? of a member of Stripe's objects
---@field keys string[] the path

--- The owner of the sealed key that hashes are made with.
fields.KEY_OWNER = "fields"

local SETTING = "fields" -- the lists of all connections
local SOURCE = "source:"

-- ---------------------------------------------------------------- what cannot be left out

local DATES = "syncs, queries and the detection of deleted records need it"
local SUMS = "sums and `commerce verify` are made of it"
local LINKS = "transactions are linked to their payouts by it"

local OF_ALL = { id = "records are found by it",
  ["metadata.isDeleted"] = "it tells whether a record is deleted",
  createdDate = DATES, sourceModifiedDate = DATES, modifiedDate = DATES }

local OF_TYPE = {
  payments = { amount = SUMS, currency = SUMS, status = SUMS },
  disputes = { totalAmount = SUMS, currency = SUMS, status = SUMS },
  transactions = { totalAmount = SUMS, currency = SUMS, type = SUMS,
    ["supplementalData.content.stripe.balance_type"] = SUMS },
  payouts = { amount = SUMS, currency = SUMS, status = LINKS, automatic = LINKS,
    reconciliationStatus = LINKS },
  products = { variants = "`commerce verify` compares the prices" },
}

local OF_SOURCE = { id = true, object = true, livemode = true, created = true }

-- Why a field must be stored; nil if it need not.
local function need_of(type_name, path)
  for _, needs in ipairs { OF_ALL, OF_TYPE[type_name] or {} } do
    for name, reason in pairs(needs) do
      if name == path or name:sub(1, #path + 1) == path .. "." then
        return reason
      end
    end
  end
end

-- ---------------------------------------------------------------- names

local function refuse(message, ...)
  errors.throw("usage", message:format(...))
end

-- The names of a mapping's supplemental data.
local function supplemental_names(mapping)
  local names = {}
  for _, entry in ipairs(mapping and mapping.entries or {}) do
    for _, group in ipairs { entry.shared or {}, entry.fields or {},
      entry.split and entry.split.fields or {} } do
      local found = group.supplementalData
      for name in pairs(found ~= nil and value.of(found).named or {}) do
        names[name] = true
      end
    end
  end
  return names
end

-- A script may add names under content.stripe that only it knows: a name is taken for misspelt if a
-- known one is near.
local function check_supplemental(text, mapping, keys)
  local name, known = keys[4], supplemental_names(mapping)
  if keys[2] and keys[2] ~= "content" then
    refuse("%s: supplementalData has the one member 'content'", text)
  elseif keys[3] == "stripe" and name and not known[name] then
    local nearest = suggest.nearest(name, known)
    if nearest then
      refuse("%s: unknown field (did you mean '%s'?)", text, text:gsub("[^%.]+$", nearest))
    end
  end
end

-- The field at the end of a path; nil inside a value of any form.
local function find_field(text, rule, shape, mapping)
  local found
  for i, key in ipairs(rule.keys) do
    if not shape then
      refuse("%s: '%s' has no fields", text, rule.keys[i - 1])
    end
    found = shape.by_name[key]
    if not found then
      local names = {}
      for _, each in ipairs(shape.fields) do
        names[each.name] = true
      end
      refuse("%s: %s has no field '%s'%s", text, i == 1 and rule.type or rule.keys[i - 1], key,
        suggest.text_or_all(key, names))
    elseif found.kind == "map" or found.kind == "any" or found.kind == "list" and not found.shape
    then
      if key == "supplementalData" then
        check_supplemental(text, mapping, rule.keys)
      end
      return rule.keys[i + 1] == nil and found or nil
    end
    shape = found.shape
  end
  return found
end

local HASHABLE = { string = true, map = true, any = true }

local function check_field(text, rule, mappings, data_type, is_hash)
  local found = find_field(text, rule, data_type.shape, mappings:find(rule.type))
  local reason = need_of(rule.type, table.concat(rule.keys, "."))
    or found and found.required and "the model requires it" or nil
  if reason then
    refuse("%s must be stored: %s", text, reason)
  elseif is_hash and found and not HASHABLE[found.kind] then
    refuse("%s: only texts can be hashed, and this is of the kind %s; leave it out%s", text,
      found.kind, found.shape and ", or hash fields in it" or "")
  end
end

local function source_rule(text, mappings, is_hash)
  local resource, path = text:match "^source:([^%.]+)%.(.+)$"
  if not resource then
    refuse("%s: expected source:RESOURCE.PATH, such as source:charges.billing_details", text)
  elseif not mappings.resources[resource] then
    local known = {}
    for _, mapping in ipairs(mappings:all()) do
      for _, source in ipairs(mapping.sources) do
        known[source.resource] = true
      end
    end
    refuse("%s: unknown resource '%s'%s", text, resource, suggest.text_or_all(resource, known))
  elseif is_hash then
    refuse("%s: a member of kept objects cannot be hashed; leave it out", text)
  end
  local rule = { text = text, resource = resource, keys = dotted.keys(path) }
  if OF_SOURCE[rule.keys[1]] then
    refuse("%s must be kept: objects are identified by it", text)
  end
  return rule
end

--- The rule of a listed name, unchecked.
---@param text string
---@return commerce.FieldRule
function fields.rule(text)
  local resource, member = text:match "^source:([^%.]+)%.(.+)$"
  if resource then
    return { text = text, resource = resource, keys = dotted.keys(member) }
  end
  local name, path = text:match "^([^%.]+)%.(.+)$"
  return { text = text, type = name, keys = dotted.keys(path) }
end

-- A rule of a name that a user gives. Raises for a name that is wrong or must be stored.
local function checked_rule(text, mappings, store, is_hash)
  if type(text) ~= "string" then
    refuse("a field's name expected, such as 'customers.emailAddress', got %s", type(text))
  elseif text:sub(1, #SOURCE) == SOURCE then
    return source_rule(text, mappings, is_hash)
  end
  local name, path = text:match "^([^%.]+)%.(.+)$"
  local data_type, unknown
  if name then
    data_type, unknown = mappings:find_type(name)
    data_type = data_type or (store:find_type(name))
  end
  if not name or path:find "%.%." or path:find "%.$" then
    refuse("'%s': expected TYPE.FIELD, such as customers.emailAddress", text)
  elseif not data_type then
    refuse("%s: %s", text, unknown)
  end
  local rule = { text = data_type.name .. "." .. path, type = data_type.name,
    keys = dotted.keys(path) }
  check_field(text, rule, mappings, data_type, is_hash)
  return rule
end

-- ---------------------------------------------------------------- lists

local function setting_of(connection_id)
  return connection_id and contract.OF_CONNECTION.fields .. connection_id or SETTING
end

--- The lists of one owner.
---@param store commerce.Store
---@param connection_id string? those for all connections if left out
---@return commerce.FieldLists lists sorted
function fields.get(store, connection_id)
  local text = store:setting(setting_of(connection_id))
  local stored = text and json.stored(text) or {}
  return { leave_out = stored.leave_out or {}, hash = stored.hash or {} }
end

--- The lists that apply to a connection: those for all connections and its own. A field on both
--- lists is left out.
---@param store commerce.Store
---@param connection_id string
---@return commerce.FieldLists lists sorted
function fields.of(store, connection_id)
  local left_out, hashed = {}, {}
  for _, lists in ipairs { fields.get(store), fields.get(store, connection_id) } do
    for _, name in ipairs(lists.leave_out) do
      left_out[name] = true
    end
    for _, name in ipairs(lists.hash) do
      hashed[name] = true
    end
  end
  for name in pairs(left_out) do
    hashed[name] = nil
  end
  return { leave_out = ascii.keys(left_out), hash = ascii.keys(hashed) }
end

-- The key that hashes are made with. It is random, so that it can stay when the master key is
-- exchanged: `rekey` seals it anew.
local function ensure_key(store)
  if not store:secret(fields.KEY_OWNER) then
    local base64 = core.random_id(32):gsub("[-_]", { ["-"] = "+", _ = "/" }) .. "="
    local key = errors.must(core.secret(base64))
    errors.finally(function()
      credentials.keep(store, fields.KEY_OWNER, key)
    end, function()
      key:close()
    end)
  end
end

local function encoded(lists)
  return json.encode { leave_out = json.array(lists.leave_out), hash = json.array(lists.hash) }
end

---@class commerce.FieldChanges
---@field leave_out string[]? fields ("customers.phone") that are not stored from now on
---@field hash string[]? fields of which a hash is stored from now on. A name that is on the other
---  list moves; a name on both lists is left out
---@field keep string[]? fields to take off both lists

local OPTIONS = { leave_out = "table", hash = "table", keep = "table" }

-- Names may be a list or a set.
local function names_of(given)
  local names = {}
  for key, member in pairs(given or {}) do
    names[#names + 1] = type(key) == "number" and member or member and key or nil
  end
  return names
end

local function take_off(sets, given, mappings, store)
  for _, name in ipairs(names_of(given)) do
    local ok, rule = errors.try(checked_rule, name, mappings, store)
    local text = ok and rule.text or name
    if not sets.leave_out[text] and not sets.hash[text] then
      local known = {}
      for _, found in pairs(sets) do
        for each in pairs(found) do
          known[each] = true
        end
      end
      refuse("%s is neither left out nor hashed here%s", name, suggest.text(name, known))
    end
    sets.leave_out[text], sets.hash[text] = nil, nil
  end
end

--- Add fields to the lists of an owner, or take them off. Raises for a name that is unknown or that
--- must be stored; nothing has changed then.
---@param store commerce.Store
---@param mappings commerce.Mappings of the owner
---@param connection_id string? for all connections if left out
---@param given commerce.FieldChanges
---@param check (fun(lists: commerce.FieldLists))? raises if the new lists cannot be observed
---@return boolean changed
function fields.change(store, mappings, connection_id, given, check)
  errors.check_options(given, OPTIONS, "fields")
  local before = fields.get(store, connection_id)
  local sets = { leave_out = set.of(before.leave_out), hash = set.of(before.hash) }
  take_off(sets, given.keep, mappings, store)
  for _, lists in ipairs { { "hash", "leave_out" }, { "leave_out", "hash" } } do
    for _, name in ipairs(names_of(given[lists[1]])) do
      local rule = checked_rule(name, mappings, store, lists[1] == "hash")
      sets[lists[1]][rule.text], sets[lists[2]][rule.text] = true, nil
    end
  end
  local after = { leave_out = ascii.keys(sets.leave_out), hash = ascii.keys(sets.hash) }
  local text = encoded(after)
  if text == encoded(before) then
    return false
  elseif check then
    check(after)
  end
  if #after.hash > 0 then
    ensure_key(store)
  end
  store:save_setting(setting_of(connection_id), text)
  return true
end

return fields
