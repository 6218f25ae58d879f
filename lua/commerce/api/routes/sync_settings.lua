-- Routes: the sync settings of all companies and of one company.

local core = require "commerce.core"
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

local ID_SETTING = "client_id"

-- Codat's client is the operator of this server. The id is made once.
local function client_id(store)
  local id = store:setting(ID_SETTING)
  if not id then
    id = core.uuid()
    store:save_setting(ID_SETTING, id)
  end
  return id
end

-- Codat's clients do not accept keys of custom data types here.
local function view(list)
  local result = json.array {}
  for _, setting in ipairs(list) do
    local data_type = model.find(setting.type)
    local entry = { dataType = data_type.key }
    for name, ours in pairs(FIELDS) do
      entry[name] = setting[ours]
    end
    result[#result + 1] = not data_type.custom and entry or nil
  end
  return result
end

local function get_all(context)
  return response.value { clientId = client_id(context.store), overridesDefaults =
    next(context.store:sync_settings "all") ~= nil,
    settings = view(settings.get(context.store, {})) }
end

local function get_company(context)
  local company = scope.company(context)
  return response.value { companyId = company.id, overridesDefaults =
    next(context.store:sync_settings("company:" .. company.id)) ~= nil,
    settings = view(settings.get(context.store, { company = company.id })) }
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

-- Codat's list may have data types of other integrations. They are ignored.
local function by_type(list)
  local result = {}
  for _, entry in ipairs(list) do
    local data_type = model.find(entry.dataType)
    if data_type and scope.is_mapped(data_type) then
      local fields = {}
      for name, ours in pairs(FIELDS) do
        fields[ours] = entry[name]
      end
      if fields.sync_from_utc then -- a whole second is precise enough for Stripe
        fields.sync_from_utc = fields.sync_from_utc:gsub("%.%d+", "")
      end
      result[data_type.name] = fields
    end
  end
  return result
end

local function post(whose_of)
  return function(context)
    local whose = whose_of(context)
    local body = context:body(BODY)
    if whose.company and body.overridesDefaults == false then
      settings.reset(context.store, whose)
    else
      settings.replace(context.store, whose, by_type(body.settings))
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
  { method = "POST", path = ALL, id = "update-profile-syncSettings", run = post_all,
    tag = "Settings", summary = "Update all sync settings", body = BODY,
    answer = { status = 204 } },
  { method = "GET", path = COMPANY, id = "get-company-syncSettings", run = get_company,
    tag = "Companies", summary = "Get company sync settings", answer = SETTINGS,
    errors = { 404 } },
  { method = "POST", path = COMPANY, id = "set-company-syncSettings", run = post_company,
    tag = "Companies", summary = "Set company sync settings", body = BODY,
    answer = { status = 204 }, errors = { 404 } },
}
