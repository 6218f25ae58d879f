-- What is sent of an event: Codat's envelope and payloads (its OpenAPI document of the platform,
-- section webhooks). Called by outbox.delivery.
--
-- Its client reads no null where a date or a text may stand, though the document allows some: what
-- there is no value for is left out.

local connections = require "commerce.api.connections"
local json = require "commerce.base.json"
local links = require "commerce.codat.links"
local model = require "commerce.model"
local stripe = require "commerce.stripe"

local payload = {}

local function company_of(context, facts)
  local company = facts.company
  return { id = company.id, name = company.name, description = company.description,
    redirect = links.company(context, company.id), lastSync = company.last_sync,
    created = company.created, tags = company.tags }
end

-- There is no portal here to lead to: no links.
local function reference_of(facts)
  local company = facts.company
  return { id = company.id, name = company.name, description = company.description,
    tags = company.tags }
end

local function connection_of(context, facts)
  local shown = connections.described(context, facts.connection, facts.errors or {})
  if #shown.dataConnectionErrors == 0 then
    shown.dataConnectionErrors = nil
  end
  return { referenceCompany = reference_of(facts), connection = shown }
end

-- Codat publishes one type of issue alone, "warning.validation"; this one is ours.
local function issues_of(read)
  return read.message and json.array { { type = "error.read", message = read.message } } or nil
end

local function read_of(_, facts)
  local types = json.array {}
  for i, read in ipairs(facts.reads) do
    local known = model.find(read.data_type) or model.optional(read.data_type)
    types[i] = { connectionId = facts.connection.id, dataType = known and known.key
      or read.data_type, recordsModified = read.modified, status = read.status,
      issues = issues_of(read) }
  end
  return { referenceCompany = reference_of(facts), modifiedFromDate = facts.since,
    dataTypes = types }
end

local OF_FAMILY = { company = company_of, connection = connection_of, read = read_of }

--- The body of a webhook.
---@param event table of the store: id, type, at, facts
---@param public_url string the address that merchants reach us at, for links
---@return string text JSON
function payload.body(event, public_url)
  local context = { public_url = public_url, integration_of = stripe.integration_of_connection }
  local of = OF_FAMILY[event.type:match "^%a+"]
  return json.encode { id = event.id, eventType = event.type, generatedDate = event.at,
    payload = of(context, event.facts) }
end

--- What an event is called in the header webhook-id, which stays the same however often it is sent.
---@param id string the event's
---@return string
function payload.webhook_id(id)
  return "msg_" .. id:gsub("%-", "")
end

--- The event that somebody names, by its id or by its header webhook-id.
---@param text string
---@return string? id nil if it is neither
function payload.event_id(text)
  local hex = text:lower():gsub("^msg_", ""):gsub("%-", "")
  if not hex:find("^" .. ("%x"):rep(32) .. "$") then
    return nil
  end
  return ("%s-%s-%s-%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 16),
    hex:sub(17, 20), hex:sub(21))
end

return payload
