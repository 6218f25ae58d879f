-- Stripe's event feed as a list of changed objects: GET /v1/events.
--
-- Stripe renders an event's snapshot in the API version that the account had then. If that is not
-- our version, only ids are read from it, and the object is fetched again. Stripe keeps events for
-- 30 days and creates none for balance transactions (its documentation, "Event object", "Types of
-- events").

local resources = require "commerce.catalog.resources"

local unpack = require("commerce.base.compat").unpack

local changes = {
  path = "/v1/events",
  list = true,
  permission = "Events",
  --- Days that the feed is trusted to reach back. Stripe keeps events for 30; the rest is a margin.
  reach = 25,
  --- Stripe's limit on the event types in one request.
  most_types = 20,
  --- The paths that are read from an event.
  paths = { "id", "object", "livemode", "type", "created", "api_version", "data.object.id",
    "data.object.object", "data.object.created", "data.object.charge", "data.object.fee",
    "data.object.payment_intent",
    "data.object.deleted" },
}

local BY_OBJECT, BY_TYPE = {}, {}

for name, resource in pairs(resources) do
  if resource.object then
    BY_OBJECT[resource.object] = name
  end
  for _, event_type in ipairs(resource.events or {}) do
    local list = BY_TYPE[event_type] or {}
    BY_TYPE[event_type], list[#list + 1] = list, name
  end
end

-- "deleted" events whose object still exists: a canceled subscription can be read.
local STAYS = { ["customer.subscription.deleted"] = true }

--- The resources that events of this type report changes of.
---@param event commerce.StripeEvent
---@param own table<string, string>? user-defined resources, by event type
---@return string[]
function changes.resources_of(event, own)
  local mine = own and own[event.type]
  return mine and { mine, unpack(BY_TYPE[event.type] or {}) } or BY_TYPE[event.type] or {}
end

local function is_id(value)
  return type(value) == "string" and value ~= ""
end

---@class commerce.AccessEnd
---@field account string? the merchant's, if the event does not name it elsewhere
---@field client_id string? of the platform or the app
---@field app_id string? of the app

--- What an event reports of access that a merchant has ended. The object of
--- `account.application.deauthorized` is the platform's or the app's application, and the event's
--- `account` is the merchant's; the object of `apps.install.deleted` is the installation, which
--- names both (Stripe's documentation, "Types of events", "App Installs").
---@param event commerce.StripeEvent
---@return commerce.AccessEnd? ended nil if it reports something else
function changes.ends_access(event)
  local object = type(event.data) == "table" and event.data.object or {}
  if event.type == "account.application.deauthorized" then
    return { client_id = is_id(object.id) and object.id or nil }
  elseif event.type == "apps.install.deleted" then
    return { account = is_id(object.account) and object.account or nil,
      app_id = is_id(object.app) and object.app or nil }
  end
end

local function id_of(value)
  local id = value
  if type(value) == "table" then
    id = value.id
  end
  return is_id(id) and id or nil
end

-- The charge that changed together with the object of a thin event, which does not name it: the
-- object itself does.
local function unnamed_charge(event, resource, id)
  for _, name in ipairs(event.thin and resource and resource ~= "charges"
    and BY_TYPE[event.type] or {}) do
    if name == "charges" then
      return { resource = "charges", id = "of " .. id, through = { resource = resource, id = id },
        related = true, deleted = false }
    end
  end
end

---@class commerce.StripeObjectId
---@field resource string
---@field id string

---@class commerce.StripeChange: commerce.StripeObjectId an object that an event reports as changed
---@field created integer? unix seconds
---@field deleted boolean?
---@field current boolean? the event's snapshot is in our version
---@field related boolean? the object may have changed together with the event's own object
---@field through commerce.StripeObjectId? the object that names the charge that changed

--- The objects that an event reports as changed.
---@param event commerce.StripeEvent at least the fields of `changes.paths`
---@param version string? our API version
---@param own table<string, string>? user-defined resources, by event type
---@return commerce.StripeChange[] list
function changes.of(event, version, own)
  local object, list = type(event.data) == "table" and event.data.object, {}
  if type(object) ~= "table" or type(event.type) ~= "string" then
    return list
  elseif object.object == "fee_refund" and id_of(object.fee) then
    return { { resource = "application_fees", id = id_of(object.fee), related = true } }
  end
  local function add(resource)
    local created = object.created
    list[#list + 1] = resource and is_id(object.id) and { resource = resource, id = object.id,
      created = type(created) == "number" and created % 1 == 0 and created or nil,
      deleted = event.type:find("%.deleted$") ~= nil and not STAYS[event.type],
      current = event.api_version == version } or nil
  end
  add(BY_OBJECT[object.object])
  add(own and own[event.type])
  if list[1] and object.object ~= "charge" and id_of(object.charge) then
    list[#list + 1] = { resource = "charges", id = id_of(object.charge), related = true }
  end
  list[#list + 1] = list[1] and unnamed_charge(event, BY_OBJECT[object.object], object.id)
  return list
end

return changes
