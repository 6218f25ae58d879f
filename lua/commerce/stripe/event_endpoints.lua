-- Where Stripe sends events: webhook endpoints (/v1/webhook_endpoints), which get snapshot events,
-- and event destinations (/v2/core/event_destinations), which get thin ones here. The only objects
-- that are ever made at Stripe.
--
-- Sources: Stripe's API reference, "Webhook Endpoints" and "Event Destinations"; stripe-node
-- 23.1.0, resources/WebhookEndpoints.d.ts and resources/V2/Core/EventDestinations.d.ts.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local stripe = require "commerce.stripe"

local event_endpoints = {
  --- The permission that a restricted key needs, by its name in Stripe's dashboard.
  permission = "Webhook Endpoints",
}

local DESCRIPTION = "lua-commerce"
local PAGE = 100

-- A webhook endpoint does not tell whether it gets events of connected accounts, so its metadata
-- does, if it was made here.
local MARK = "lua_commerce_events"
local CONNECTED, OWN = "connected_accounts", "own_account"

---@class commerce.EventEndpoint
---@field id string "we_…" or "ed_…"
---@field url string
---@field events string[] the event types that are sent
---@field enabled boolean
---@field secret commerce.core.Secret? the signing secret: of one that was just made

local function answer_of(transport, call, what)
  local answer = json.decode(errors.must(jobs.await(transport, call)).body, true)
  if type(answer) ~= "table" then
    errors.throw("decode", what .. ": the answer is not an object")
  end
  return answer
end

local function texts(list)
  local found = {}
  for _, value in ipairs(type(list) == "table" and list or {}) do
    found[#found + 1] = type(value) == "string" and value or nil
  end
  return found
end

-- An endpoint out of an answer. The secret becomes an object before anything else sees it.
local function endpoint_of(answer, url, secret)
  if type(answer.id) ~= "string" then
    errors.throw("decode", "the answer of Stripe has no endpoint")
  end
  return { id = answer.id, url = type(url) == "string" and url or nil,
    events = texts(answer.enabled_events), enabled = answer.status == "enabled",
    secret = type(secret) == "string" and errors.must(core.secret(secret)) or nil }
end

-- ---------------------------------------------------------------- snapshot events

local ENDPOINTS = "/v1/webhook_endpoints"

local function mark_of(wanted)
  return wanted.connect and CONNECTED or OWN
end

local function is_other(each, wanted)
  local mark = type(each.metadata) == "table" and each.metadata[MARK]
  return mark and mark ~= mark_of(wanted)
end

local function find_endpoint(session, transport, wanted)
  local pager = session:pager { path = ENDPOINTS, limit = PAGE }
  return errors.finally(function()
    repeat
      local page = errors.must(jobs.await(transport, pager))
      for i = 1, page and #page or 0 do
        local each = json.decode(page:element(i), true)
        if type(each) == "table" and each.url == wanted.url and not is_other(each, wanted) then
          return endpoint_of(each, each.url)
        end
      end
    until not page
  end, function()
    pager:close()
  end)
end

local function create_endpoint(session, transport, wanted)
  local form = { { "url", wanted.url }, { "api_version", stripe.version },
    { "connect", wanted.connect }, { "description", DESCRIPTION },
    { ("metadata[%s]"):format(MARK), mark_of(wanted) } }
  for _, name in ipairs(wanted.events) do
    form[#form + 1] = { "enabled_events[]", name }
  end
  local answer = answer_of(transport, session:request { method = "POST", path = ENDPOINTS,
    form = form, projection = core.projection { "id", "url", "secret", "status",
    "enabled_events" } }, "POST " .. ENDPOINTS)
  return endpoint_of(answer, answer.url, answer.secret)
end

-- ---------------------------------------------------------------- thin events

local DESTINATIONS = "/v2/core/event_destinations"

local function url_of(destination)
  local endpoint = destination.webhook_endpoint
  return type(endpoint) == "table" and endpoint.url or nil
end

-- The lists of /v2 name the address of their next page, which is a path with a query.
local function next_query(answer)
  local url = answer.next_page_url
  local page = type(url) == "string" and url:match "[?&]page=([^&]+)"
  return page and core.percent_decode(page) or nil
end

local function source_of(wanted)
  return wanted.connect and "@accounts" or "@self"
end

-- Whether a destination gets events from there. Without the member it is not known.
local function is_from(destination, source)
  for _, name in ipairs(type(destination.events_from) == "table" and destination.events_from
    or { source }) do
    if name == source then
      return true
    end
  end
  return false
end

local function find_destination(session, transport, wanted)
  local page
  repeat
    local query = { { "include[0]", "webhook_endpoint.url" }, page and { "page", page } }
    local answer = answer_of(transport, session:request { path = DESTINATIONS, query = query },
      "GET " .. DESTINATIONS)
    for _, each in ipairs(type(answer.data) == "table" and answer.data or {}) do
      if url_of(each) == wanted.url and each.event_payload == "thin"
        and is_from(each, source_of(wanted)) then
        return endpoint_of(each, wanted.url)
      end
    end
    page = next_query(answer)
  until not page
end

local function create_destination(session, transport, wanted)
  local events = {}
  for i, name in ipairs(wanted.events) do
    events[i] = "v1." .. name
  end
  local answer = answer_of(transport, session:request { method = "POST", path = DESTINATIONS,
    body = json.encode { name = DESCRIPTION, type = "webhook_endpoint", event_payload = "thin",
      enabled_events = json.array(events),
      events_from = json.array { source_of(wanted) },
      webhook_endpoint = { url = wanted.url },
      include = json.array { "webhook_endpoint.signing_secret", "webhook_endpoint.url" } },
    projection = core.projection { "id", "status", "enabled_events", "webhook_endpoint.url",
      "webhook_endpoint.signing_secret" } }, "POST " .. DESTINATIONS)
  return endpoint_of(answer, url_of(answer), (answer.webhook_endpoint or {}).signing_secret)
end

-- ---------------------------------------------------------------- either

---@class commerce.WantedEndpoint
---@field url string
---@field events string[] types as of snapshot events
---@field connect boolean? of connected accounts, in place of the key's own
---@field thin boolean?

--- Find the endpoint with an address.
---@param session commerce.core.Session for thin events one that sends JSON
---@param transport commerce.core.Transport
---@param wanted commerce.WantedEndpoint
---@return commerce.EventEndpoint? endpoint nil if there is none
function event_endpoints.find(session, transport, wanted)
  return (wanted.thin and find_destination or find_endpoint)(session, transport, wanted)
end

--- Make an endpoint at Stripe. The request is never sent twice.
---@param session commerce.core.Session for thin events one that sends JSON
---@param transport commerce.core.Transport
---@param wanted commerce.WantedEndpoint
---@return commerce.EventEndpoint endpoint with its secret
function event_endpoints.create(session, transport, wanted)
  return (wanted.thin and create_destination or create_endpoint)(session, transport, wanted)
end

return event_endpoints
