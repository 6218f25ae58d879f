--- Thin events: the second form of every event, which names its object instead of showing it, and
--- those with finer names that only this form has. Made from the snapshot event when asked for; the
--- id tells which, so that `/v2/core/events/{id}` finds it again.
local dataset = require "emulator.dataset"
local errors = require "emulator.errors"
local events = require "emulator.events"
local json = require "emulator.json"
local state = require "emulator.state"
local template = require "emulator.template"

local thin = {}

local PLAIN = template.style(false, false)
local FIRST = "evt_65" -- then which of a snapshot event's thin ones, and the rest of its id

local URLS = { account = "/v1/accounts" }
for _, resource in pairs(dataset.resources) do URLS[resource.object] = resource.url end

local function document(event)
  return json.decode(template.render(event.object, PLAIN))
end

-- The finer names: what an update set, by the object's kind and the member.
local function finer(event, object)
  local out = {}
  local kind = object.map.object
  if event.type ~= kind .. ".updated" or not event.before then return out end
  local before = json.decode(event.before).map
  if before.active ~= nil and (kind == "price" or kind == "product") then
    out[1] = object.map.active and "activated" or "deactivated"
  end
  if before.default_price ~= nil and kind == "product" then
    out[#out + 1] = "default_price_changed"
  end
  for k, name in ipairs(out) do out[k] = kind .. "." .. name end
  return out
end

--- The types of an event's thin forms: first the one that its own name has.
---@param event table
---@return string[]
function thin.types(event)
  local out = { "v1." .. event.type }
  for _, name in ipairs(finer(event, document(event))) do out[#out + 1] = "v1." .. name end
  return out
end

-- An application's event has no related object.
local function related(object)
  local url = URLS[object.map.object]
  return url and json.object("id", object.map.id, "type", object.map.object, "url",
    url .. "/" .. object.map.id) or json.null
end

--- A thin event.
---@param ds table
---@param event table the snapshot event
---@param k number which of `thin.types`
---@return table document
function thin.document(ds, event, k)
  local rest = event.id:sub(5)
  local milliseconds = #rest * 37 % 1000
  local connected = ds.account ~= state.settings.account
  return json.object("id", FIRST .. k .. rest, "object", "v2.core.event",
    "context", connected and ds.account or json.null,
    "created", os.date("!%Y-%m-%dT%H:%M:%S", event.created) .. (".%03dZ"):format(milliseconds),
    "livemode", ds.livemode == "true", "reason", json.null,
    "related_object", related(document(event)), "type", thin.types(event)[k])
end

--- One event by its id: what was delivered, and the id of the snapshot event.
function thin.retrieve(ds, id)
  local k, rest = id:match("^" .. FIRST .. "(%d)(%w+)$")
  local event = rest and events.find(ds, "evt_" .. rest)
  if not event or not thin.types(event)[tonumber(k)] then
    return nil, errors.missing("event", id)
  end
  local doc = thin.document(ds, event, tonumber(k))
  doc:set("snapshot_event", k == "1" and event.id or json.null)
  return { doc = doc }, 0
end

return thin
