-- Sync settings: which data types are read at first link, how often after that, in which order and
-- how far back.
--
-- For each field, a company's setting comes before its integration's, and an integration's before
-- the setting for all. DEFAULTS has the fields that are not set.

local due = require "commerce.account.due"
local errors = require "commerce.base.errors"
local model = require "commerce.model"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local settings = {}

---@class commerce.SyncSetting
---@field type string data type name
---@field fetch_on_first_link boolean whether it is read as soon as a connection is linked
---@field sync_schedule integer hours from one sync to the next; 0: not synced automatically again
---@field sync_order integer lower numbers are read first
---@field sync_from_utc string? date: only objects created from then on
---@field sync_from_window integer? months: only objects created at most so long before the
---  connection; 0: all objects. It counts if both are set, as Codat's API may set them
---@field is_locked boolean kept for Codat's API; it has no effect

settings.DEFAULTS = { fetch_on_first_link = true, sync_schedule = 24, sync_order = 0,
  is_locked = false }

---@class commerce.SettingsOwner whose settings; without fields those for all
---@field company string? an id
---@field integration "stripe"|"stripe-test"|nil

local FIELDS = { fetch_on_first_link = "boolean", sync_schedule = "number", sync_order = "number",
  sync_from_utc = "any", sync_from_window = "any", is_locked = "boolean" }

local NUMBERS = {
  sync_schedule = { 0, 8784, "whole hours, 0 for never again," },
  sync_order = { -1000, 1000, "a whole number" },
  sync_from_window = { 0, 1200, "whole months, 0 for everything," },
}

-- ---------------------------------------------------------------- owners of settings

--- The owner of the settings that the arguments mean.
---@param whose commerce.SettingsOwner?
---@return string owner for the store
local function owner_of(whose)
  errors.check_options(whose, { company = "string", integration = "string" })
  if whose.company and whose.integration then
    errors.refuse("settings: of a company or of an integration, not both")
  end
  return whose.company and "company:" .. whose.company
    or whose.integration and "integration:" .. whose.integration or "all"
end

local function check_owner(store, whose)
  if whose.company then
    if not store:companies { id = whose.company }[1] then
      errors.throw("missing", "no company " .. whose.company)
    end
  elseif whose.integration and not stripe.integrations[whose.integration] then
    errors.throw("usage", ("unknown integration '%s' (known: stripe, stripe-test)"):format(
      whose.integration))
  end
end

-- ---------------------------------------------------------------- reading

local function merge(into, values)
  if values.sync_from_utc ~= nil or values.sync_from_window ~= nil then
    into.sync_from_utc, into.sync_from_window = nil, nil -- both from one place
  end
  for field, value in pairs(values) do
    into[field] = value
  end
end

-- Merge the settings of several owners; a later owner's fields replace an earlier one's.
local function layered(layers)
  local mappings, list = stripe.mappings(), {}
  for _, data_type in ipairs(model.types()) do
    if mappings[data_type.name] then
      local entry = { type = data_type.name }
      merge(entry, settings.DEFAULTS)
      for _, layer in ipairs(layers) do
        merge(entry, layer[data_type.name] or {})
      end
      entry.sync_from_window = entry.sync_from_window ~= 0 and entry.sync_from_window or nil
      list[#list + 1] = entry
    end
  end
  return list
end

-- The owners whose settings apply, the most specific one last.
local function owners_of(whose)
  local owners = { "all" }
  for _, kind in ipairs { "integration", "company" } do
    owners[#owners + 1] = whose[kind] and kind .. ":" .. whose[kind] or nil
  end
  return owners
end

-- A function that gives the settings that apply; it reads each owner's settings once.
local function reader(store)
  local known = {}
  return function(whose)
    local layers = {}
    for i, owner in ipairs(owners_of(whose)) do
      known[owner] = known[owner] or store:sync_settings(owner)
      layers[i] = known[owner]
    end
    return layered(layers)
  end
end

--- The settings that apply to each data type of Stripe's, in the model's order.
---@param store commerce.Store
---@param whose commerce.SettingsOwner of a company, with its connection's integration as well
---@return commerce.SyncSetting[] list
function settings.get(store, whose)
  errors.check_options(whose, { company = "string", integration = "string" })
  return reader(store)(whose)
end

-- ---------------------------------------------------------------- changing

--- Raise "usage" for a field that settings do not have, or a value that it cannot have.
---@param fields commerce.SyncSettingRow
function settings.check(fields)
  errors.check_options(fields, FIELDS, "settings")
  for field, range in pairs(NUMBERS) do
    local value = fields[field]
    if value and (value % 1 ~= 0 or value < range[1] or value > range[2]) then
      errors.throw("usage", ("%s: %s from %d to %d expected, got %s"):format(field, range[3],
        range[1], range[2], tostring(value)))
    end
  end
  if fields.sync_from_utc then
    local seconds, wrong = time.parse(fields.sync_from_utc)
    if not seconds then
      errors.throw("usage", "sync_from_utc: " .. wrong)
    end
  end
end

local function chosen_types(names)
  local mappings, list = stripe.mappings(), {}
  for _, name in ipairs(names or {}) do
    local data_type, unknown = model.find(name)
    if not data_type or not mappings[data_type.name] then
      errors.throw("usage", unknown or "Stripe gives no " .. name)
    end
    list[#list + 1] = data_type.name
  end
  if not names then
    for name in pairs(mappings) do
      list[#list + 1] = name
    end
  end
  return list
end

--- Set fields; the others are not changed.
---@param store commerce.Store
---@param whose commerce.SettingsOwner a company or an integration, not both
---@param types string[]? data types; all if left out
---@param fields commerce.SyncSettingRow
---@return boolean ok
function settings.set(store, whose, types, fields)
  local owner = owner_of(whose)
  settings.check(fields)
  if fields.sync_from_utc and fields.sync_from_window then
    errors.throw("usage", "sync_from_utc or sync_from_window, not both")
  end
  local names = chosen_types(types)
  check_owner(store, whose)
  local present, changed = store:sync_settings(owner), {}
  for _, name in ipairs(names) do
    changed[name] = present[name] or {}
    merge(changed[name], fields)
  end
  return store:save_sync_settings(owner, changed)
end

--- Replace the settings of some data types. Stores all or nothing.
---@param store commerce.Store
---@param whose commerce.SettingsOwner see `settings.set`
---@param by_type table<string, commerce.SyncSettingRow> by data type
---@return boolean ok
function settings.replace(store, whose, by_type)
  local owner, all = owner_of(whose), {}
  check_owner(store, whose)
  for name, fields in pairs(by_type) do
    settings.check(fields)
    all[chosen_types({ name })[1]] = fields
  end
  return store:save_sync_settings(owner, all)
end

--- Delete an owner's settings: those of the less specific owners apply again.
---@param store commerce.Store
---@param whose commerce.SettingsOwner see `settings.set`
---@param types string[]? data types; all if left out
---@return boolean ok
function settings.reset(store, whose, types)
  local owner, names, none = owner_of(whose), chosen_types(types), {}
  check_owner(store, whose)
  for _, name in ipairs(names) do
    none[name] = false
  end
  return store:save_sync_settings(owner, none)
end

-- ---------------------------------------------------------------- what is to be done

--- The syncs that are due: of each "Linked" connection, the groups of data types that are read
--- together.
---@param store commerce.Store
---@param now number unix seconds
---@param given commerce.ConnectionFilter? only these connections
---@return commerce.DueSync[] list the longest due first, a connection's groups in their order
function settings.due(store, now, given)
  return due.list(store, now, given, reader(store))
end

--- The groups of a connection's data types that are read together, due or not: types with the same
--- settings.
---@param store commerce.Store
---@param row commerce.ConnectionRow a connection's, as the store gives it
---@return commerce.SyncGroup[] groups
function settings.groups(store, row)
  return due.groups(row, reader(store))
end

return settings
