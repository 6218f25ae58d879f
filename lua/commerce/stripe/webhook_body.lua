-- The event in a webhook's body. Stripe sends a snapshot event (the object as it was) or a thin one
-- (only the object's name and id), as the endpoint was set up; both become one form here.
--
-- Sources: Stripe's API reference, "Event" and "Event v2"; stripe-node 23.1.0,
-- resources/V2/Core/Events.d.ts (which thin events have a related object).

local time = require "commerce.base.time"

local webhook_body = {
  --- The event of an end of access.
  DEAUTHORIZED = "account.application.deauthorized",
}

---@class commerce.StripeEvent an event in the form of a snapshot event
---@field id string
---@field type string without the "v1." of a thin event
---@field name string the type as Stripe sent it
---@field thin boolean whether `data.object` has an id and a type only
---@field livemode boolean
---@field created integer unix seconds
---@field account string? the account that it is about, if it names one
---@field api_version string? of a snapshot
---@field data { object: commerce.StripeObject }

local function text(value)
  return type(value) == "string" and value ~= "" and value or nil
end

-- The account in a context: its last part. A context is an account or a path, as in
-- "acct_platform/acct_merchant" (Stripe's documentation, "Stripe-Context").
local function account_in(context)
  local last = text(context) and context:match "[^/]+$"
  return last and last:match "^acct_%w+$" or nil
end

local function is_snapshot(event)
  return event.object == "event" and text(event.id) and text(event.type)
    and type(event.livemode) == "boolean" and type(event.created) == "number"
    and event.created % 1 == 0 and type(event.data) == "table"
end

local function snapshot(event)
  if not is_snapshot(event) then
    return nil, "it is not a Stripe event"
  elseif type(event.data.object) ~= "table" then
    return nil, ("%s: it has no object"):format(event.type)
  elseif not text(event.data.object.id) then -- balance.available, invoice.upcoming
    return nil, ("%s: its object has no id, so no record is made from it"):format(event.type)
  end
  event.name, event.thin = event.type, false
  event.account = text(event.account) or account_in(event.context)
  return event
end

-- A thin event dates to the millisecond, a record to the second.
local function seconds_of(date)
  local whole = text(date) and date:match "^(%d+%-%d+%-%d+T%d+:%d+:%d+)%.?%d*Z$"
  return whole and (time.parse(whole .. "Z"))
end

-- What a thin event tells of its object: as much as a snapshot of it would. The URL of a fee's
-- refund also names the fee (/v1/application_fees/fee_1/refunds/fr_1).
local function related(event)
  local object = type(event.related_object) == "table" and event.related_object or {}
  local url = text(object.url) or ""
  return { id = text(object.id), object = text(object.type),
    fee = url:match "^/v1/application_fees/([^/]+)/refunds/" }
end

local function thin(event)
  local created = seconds_of(event.created)
  if not (text(event.id) and text(event.type) and type(event.livemode) == "boolean" and created)
  then
    return nil, "it is not a Stripe event"
  end
  local version, name = event.type:match "^(v%d+)%.(.+)$"
  local object = related(event)
  if version ~= "v1" then -- of objects that are not of the API's first version
    return nil, ("%s: no data type is made from it"):format(event.type)
  elseif not (object.id and object.object) and name ~= webhook_body.DEAUTHORIZED then
    return nil, ("%s: it names no object with an id, so no record is made from it")
      :format(event.type)
  end
  return { id = event.id, type = name, name = event.type, thin = true, livemode = event.livemode,
    created = created, account = account_in(event.context), data = { object = object } }
end

--- The event of a body.
---@param body any the decoded JSON
---@return commerce.StripeEvent? event nil if no record depends on it
---@return string? reason why not
function webhook_body.event(body)
  if type(body) ~= "table" then
    return nil, body == nil and "it is not JSON that can be read" or "it is not a Stripe event"
  elseif body.object == "v2.core.event" then
    return thin(body)
  end
  return snapshot(body)
end

return webhook_body
