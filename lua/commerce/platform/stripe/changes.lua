-- Stripe's event feed as a list of changed objects: GET /v1/events.
-- Called by the platform; requires nothing.
--
-- An event's snapshot is rendered in the API version that its account had then: unless that is
-- ours, nothing but ids is taken from it, and the object is fetched again. Events live 30 days, and
-- balance transactions have none (Stripe's documentation, "Event object", "Types of events").

local changes = {
  path = "/v1/events",
  list = true,
  permission = "Events",
  --- Days after which the feed is not trusted to reach back: it holds 30.
  reach = 25,
  --- What of an event is read.
  paths = { "id", "object", "livemode", "type", "created", "api_version", "data.object.id",
    "data.object.object", "data.object.created", "data.object.charge", "data.object.deleted" },
}

-- At most 20 types may be asked for at once. What an object's creation tells is left out: the lists
-- show it, too. A dispute changes its charge without an event of the charge's.
local TYPES = {
  charges = { "charge.captured", "charge.expired", "charge.failed", "charge.refunded",
    "charge.succeeded", "charge.updated", "charge.dispute.created", "charge.dispute.closed",
    "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated", "refund.failed",
    "refund.updated" },
  refunds = { "refund.updated", "refund.failed" },
  disputes = { "charge.dispute.updated", "charge.dispute.closed",
    "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated" },
  customers = { "customer.updated", "customer.deleted" },
  products = { "product.updated", "product.deleted" },
  prices = { "price.updated", "price.deleted" },
  tax_rates = { "tax_rate.updated" },
}

local RESOURCES = { charge = "charges", refund = "refunds", dispute = "disputes",
  customer = "customers", product = "products", price = "prices", tax_rate = "tax_rates" }

local RESOURCES_BY_TYPE = {}
for resource, types in pairs(TYPES) do
  for _, event_type in ipairs(types) do
    local list = RESOURCES_BY_TYPE[event_type] or {}
    RESOURCES_BY_TYPE[event_type], list[#list + 1] = list, resource
  end
end

--- The resources that an event tells of by its type.
---@param event table
---@return string[]
function changes.resources_of(event)
  return RESOURCES_BY_TYPE[event.type] or {}
end

--- The event types that tell of changes of a resource; none for one that changes in silence.
---@param resource string
---@return string[]
function changes.types_of(resource)
  return TYPES[resource] or {}
end

local function id_of(value)
  return type(value) == "table" and value.id or type(value) == "string" and value or nil
end

--- The objects that an event says have changed.
---@param event table with the fields of `changes.paths`
---@param version string? the API version that is read
---@return table[] list of { resource, id, created? (unix seconds), deleted, current, related };
---  current: its snapshot is in that version; related: it may have changed with the event's own
---  object
function changes.of(event, version)
  local object = type(event.data) == "table" and event.data.object
  local resource = object and RESOURCES[object.object]
  if not resource then
    return {}
  end
  local list = { { resource = resource, id = object.id, created = tonumber(object.created),
    deleted = event.type:find("%.deleted$") ~= nil, current = event.api_version == version } }
  if object.object ~= "charge" and id_of(object.charge) then
    list[2] = { resource = "charges", id = id_of(object.charge), related = true }
  end
  return list
end

return changes
