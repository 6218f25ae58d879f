-- The body of a webhook that is sent: Codat's envelope and payloads (section "webhooks" in the
-- OpenAPI document of Codat's platform).
--
-- Codat's client does not accept null for a date or a text, though the document allows it in
-- places: a member without a value is left out.

local ascii = require "commerce.base.ascii"
local company = require "commerce.codat.company"
local connection = require "commerce.codat.connection"
local json = require "commerce.base.json"
local links = require "commerce.codat.links"
local pull = require "commerce.codat.pull"

local payload = {}

local function company_of(facts, addresses)
  return company.event_view(facts.company, addresses)
end

local function connection_of(facts, addresses)
  local view = connection.view(facts.connection, facts.errors or {}, addresses)
  if #view.dataConnectionErrors == 0 then
    view.dataConnectionErrors = nil
  end
  return { referenceCompany = company.reference(facts.company, addresses), connection = view }
end

-- Codat publishes only the type "warning.validation". This type is an extension.
local function issues_of(read)
  return read.message and json.array { { type = "error.read", message = read.message } } or nil
end

local function read_of(facts, addresses)
  local types = json.array {}
  for i, read in ipairs(facts.reads) do
    types[i] = { connectionId = facts.connection.id, dataType = pull.type_key(read.data_type),
      recordsModified = read.modified, status = read.status, issues = issues_of(read) }
  end
  return { referenceCompany = company.reference(facts.company, addresses),
    modifiedFromDate = facts.since, dataTypes = types }
end

local function client_of(facts)
  local client = facts.client
  return { dailyQuota = client.daily_quota, quotaRemaining = client.remaining,
    expiryDate = client.expires }
end

local OF_FAMILY = { client = client_of, company = company_of, connection = connection_of,
  read = read_of }

--- The body of a webhook.
---@param event commerce.DeliveryRow
---@param public_url string the server's address as merchants reach it, for links
---@return string text JSON
function payload.body(event, public_url)
  local payload_of = OF_FAMILY[event.type:match "^%a+"]
  return json.encode { id = event.id, eventType = event.type, generatedDate = event.at,
    payload = payload_of(event.facts, links.new(public_url)) }
end

--- The header `webhook-id` of an event: the same for every attempt and every consumer.
---@param id string the event's
---@return string
function payload.webhook_id(id)
  return "msg_" .. id:gsub("%-", "")
end

--- The id of an event that is named by its id or by its header `webhook-id`.
---@param text string
---@return string? id nil if the text is neither
function payload.event_id(text)
  local hex = ascii.lower(text):gsub("^msg_", ""):gsub("%-", "")
  if not hex:find("^" .. ("%x"):rep(32) .. "$") then
    return nil
  end
  return ("%s-%s-%s-%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 16),
    hex:sub(17, 20), hex:sub(21))
end

return payload
