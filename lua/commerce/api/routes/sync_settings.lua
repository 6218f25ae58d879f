-- Routes: the sync settings of all companies and of one company.

local ascii = require "commerce.base.ascii"
local client = require "commerce.account.client"
local data_types = require "commerce.codat.data_types"
local json = require "commerce.base.json"
local model = require "commerce.model"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local settings = require "commerce.account.settings"

-- Codat's name -> the name in `account.settings`
local FIELDS = {
  fetchOnFirstLink = "fetch_on_first_link", syncSchedule = "sync_schedule",
  syncOrder = "sync_order", syncFromUtc = "sync_from_utc", syncFromWindow = "sync_from_window",
  isLocked = "is_locked",
}

local function entry_of(key, setting)
  local entry = { dataType = key }
  for name, ours in pairs(FIELDS) do
    entry[name] = setting[ours]
  end
  return entry
end

-- The keys of Codat's commerce types that no integration provides. Their settings are kept, so that
-- a client finds what it has set, and have no effect.
local IDLE = {}
for _, key in ipairs(data_types.COMMERCE) do
  local data_type = model.find(key)
  IDLE[key] = not (data_type and scope.is_mapped(data_type)) or nil
end

-- The setting of an idle type: that of the last owner which has one.
local function idle_setting(layers, key)
  local setting = settings.DEFAULTS
  for _, layer in ipairs(layers) do
    setting = layer[key] or setting
  end
  return setting
end

-- Codat's clients do not accept keys of custom data types here.
local function view(list, layers)
  local result = json.array {}
  for _, setting in ipairs(list) do
    local data_type = model.find(setting.type)
    result[#result + 1] = not data_type.custom and entry_of(data_type.key, setting) or nil
  end
  for _, key in ipairs(ascii.keys(IDLE)) do
    result[#result + 1] = entry_of(key, idle_setting(layers, key))
  end
  return result
end

local function get_all(context)
  local all = context.store:sync_settings "all"
  return response.value { clientId = client.id(context.store), overridesDefaults =
    next(all) ~= nil, settings = view(settings.get(context.store, {}), { all }) }
end

local function get_company(context)
  local company = scope.company(context)
  local own = context.store:sync_settings("company:" .. company.id)
  return response.value { companyId = company.id, overridesDefaults = next(own) ~= nil,
    settings = view(settings.get(context.store, { company = company.id }),
      { context.store:sync_settings "all", own }) }
end

local SETTING = { type = "object", fields = {
  dataType = { type = "string", required = true, max = 100 },
  fetchOnFirstLink = { type = "boolean", required = true },
  syncSchedule = { type = "integer", required = true },
  syncOrder = { type = "integer", required = true },
  syncFromUtc = { type = "string", max = 40 }, syncFromWindow = { type = "integer" },
  monthsToSync = { type = "integer" }, isLocked = { type = "boolean" },
} }

local BODY = { type = "object", fields = {
  clientId = { type = "string", max = 100 }, companyId = { type = "string", max = 100 },
  overridesDefaults = { type = "boolean" },
  settings = { type = "array", required = true, max = 100, each = SETTING },
} }

local function fields_of(entry)
  local fields = {}
  for name, ours in pairs(FIELDS) do
    fields[ours] = entry[name]
  end
  if fields.sync_from_utc then -- a whole second is precise enough for Stripe
    fields.sync_from_utc = fields.sync_from_utc:gsub("%.%d+", "")
  end
  return fields
end

-- The settings of a body by the names of data types, and those of idle ones by key. Codat's list
-- may have data types of other sources, which are ignored.
local function by_type(list)
  local result, idle = {}, {}
  for _, entry in ipairs(list) do
    local key = data_types.key(entry.dataType)
    local data_type = model.find(key or entry.dataType)
    if data_type and scope.is_mapped(data_type) then
      result[data_type.name] = fields_of(entry)
    elseif key and IDLE[key] then
      idle[key] = fields_of(entry)
      settings.check(idle[key])
    end
  end
  return result, idle
end

local NO_IDLE = {}
for key in pairs(IDLE) do
  NO_IDLE[key] = false
end

local function post(whose_of)
  return function(context)
    local whose = whose_of(context)
    local body = context:body(BODY)
    local owner = whose.company and "company:" .. whose.company or "all"
    if whose.company and body.overridesDefaults == false then
      settings.reset(context.store, whose)
      context.store:save_sync_settings(owner, NO_IDLE)
    else
      local given, idle = by_type(body.settings)
      settings.replace(context.store, whose, given)
      context.store:save_sync_settings(owner, idle)
    end
    return response.nothing(204)
  end
end

local post_all = post(function()
  return {}
end)

local post_company = post(function(context)
  return { company = scope.company(context).id }
end)

local ALL, COMPANY = "/profile/syncSettings", "/companies/{companyId}/syncSettings"
local SETTINGS = { status = 200, schema = "SyncSettings" }

---@type commerce.api.Route[]
return {
  { method = "GET", path = ALL, id = "get-profile-syncSettings", run = get_all,
    tag = "Settings", summary = "Get sync settings", answer = SETTINGS },
  { method = "POST", path = ALL, id = "update-profile-syncSettings", audit = "data.schedule",
    run = post_all,
    tag = "Settings", summary = "Update all sync settings", body = BODY,
    answer = { status = 204 } },
  { method = "GET", path = COMPANY, id = "get-company-syncSettings", run = get_company,
    tag = "Companies", summary = "Get company sync settings", answer = SETTINGS,
    errors = { 404 } },
  { method = "POST", path = COMPANY, id = "set-company-syncSettings", audit = "data.schedule",
    run = post_company,
    tag = "Companies", summary = "Set company sync settings", body = BODY,
    answer = { status = 204 }, errors = { 404 } },
}
