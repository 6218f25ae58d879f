--- Webhook endpoints and event destinations as the API makes and lists them. One of the main
--- account is also registered with `webhooks`, so its events are delivered.
local errors = require "emulator.errors"
local ids = require "emulator.ids"
local json = require "emulator.json"
local params = require "emulator.params"
local state = require "emulator.state"
local versions = require "emulator.versions"
local webhooks = require "emulator.webhooks"

local endpoints = {}

local V1, V2 = "/v1/webhook_endpoints", "/v2/core/event_destinations"

local made, count = {}, 0

local function mine(ds, path)
  local list = {}
  for _, each in ipairs(made) do
    if each.account == ds.account and each.livemode == (ds.livemode == "true")
      and each.path == path then
      table.insert(list, 1, each)
    end
  end
  return list
end

local function read_body()
  ngx.req.read_body()
  return ngx.req.get_body_data() or ""
end

-- Check what both have.
local function check(ds, url, events, thin)
  if type(url) ~= "string" or url == "" then
    return errors.param("Missing required param: url.", "url")
  end
  if not url:find "^https?://[^/]" or ds.livemode == "true" and not url:find "^https:" then
    return errors.param("Invalid URL: An explicit scheme (such as https) must be provided.", "url")
  end
  if #events == 0 then
    return errors.param("Missing required param: enabled_events.", "enabled_events")
  end
  for _, name in ipairs(events) do
    if not name:find "^[%l%d_.*]+$" or (name:find "^v%d+%." ~= nil) ~= thin then
      return errors.param("Invalid enabled_events: " .. tostring(name), "enabled_events")
    end
  end
end

local function add(ds, path, fields)
  count = count + 1
  local secret = "whsec_" .. ids.text(32, ds.seed, 7000 + count)
  local each = { path = path, account = ds.account, livemode = ds.livemode == "true",
    id = (path == V1 and "we_1" or "ed_") .. ids.text(23, ds.seed, count), secret = secret,
    created = ds.now }
  for name, value in pairs(fields) do each[name] = value end
  made[#made + 1] = each
  if ds.account == state.settings.account then
    webhooks.set { url = each.url, secrets = { secret }, connect = each.connect,
      livemode = each.livemode, events = each.events,
      payload = path == V2 and "thin" or "snapshot" }
  end
  return each
end

local function array(list)
  local out = { is_array = true }
  for k, value in ipairs(list) do out[k] = value end
  return out
end

-- ---------------------------------------------------------------- v1

local function endpoint(each, with_secret)
  local metadata = json.object()
  for _, pair in ipairs(each.metadata) do metadata:set(pair[1], pair[2]) end
  local doc = json.object("id", each.id, "object", "webhook_endpoint", "api_version",
    each.api_version or json.null, "application", json.null, "created",
    json.decode(tostring(each.created)), "description", each.description or json.null,
    "enabled_events", json.from_lua(array(each.events)), "livemode", each.livemode, "metadata",
    metadata, "status", "enabled", "url", each.url)
  if with_secret then doc:set("secret", each.secret) end
  return doc
end

local function create_endpoint(ds)
  local fields, events = { metadata = {} }, {}
  for _, p in ipairs(params.parse(read_body())) do
    if p.name == "enabled_events" then
      events[#events + 1] = p.value
    elseif p.name == "metadata" then
      table.insert(fields.metadata, { p.sub, p.value })
    elseif p.name == "url" or p.name == "api_version" or p.name == "description" then
      fields[p.name] = p.value
    elseif p.name == "connect" then
      fields.connect = p.value == "true"
    else
      return nil, errors.unknown_params { p.key }
    end
  end
  local problem = check(ds, fields.url, events, false)
  if not problem and fields.api_version and not versions.is_known(fields.api_version) then
    problem = errors.param("Invalid API version: " .. fields.api_version, "api_version")
  end
  if problem then return nil, problem end
  fields.events, fields.connect = events, fields.connect or false
  return { doc = endpoint(add(ds, V1, fields), true) }, 0
end

local function list_endpoints(ds, query)
  local limit, after = 10, nil
  for _, p in ipairs(query) do
    if p.name == "limit" then limit = tonumber(p.value) end
    if p.name == "starting_after" then after = p.value end
  end
  local data, reached, has_more = json.from_lua { is_array = true }, after == nil, false
  for _, each in ipairs(mine(ds, V1)) do
    if reached and #data == limit then
      has_more = true
    elseif reached then
      data[#data + 1] = endpoint(each)
    end
    reached = reached or each.id == after
  end
  return { doc = json.object("object", "list", "data", data, "has_more", has_more, "url", V1) }, 0
end

-- ---------------------------------------------------------------- v2

local function destination(each, included)
  local date = os.date("!%Y-%m-%dT%H:%M:%S.000Z", each.created)
  local doc = json.object("id", each.id, "object", "v2.core.event_destination", "created", date,
    "description", "", "enabled_events", json.from_lua(array(each.events)), "event_payload", "thin",
    "events_from", json.from_lua { is_array = true, each.connect and "@accounts" or "@self" },
    "livemode", each.livemode, "metadata", json.object(), "name", each.name, "status", "enabled",
    "type", "webhook_endpoint", "updated", date)
  local shown = json.object()
  shown:set("url", included["webhook_endpoint.url"] and each.url or json.null)
  shown:set("signing_secret", included["webhook_endpoint.signing_secret"] and each.secret
    or json.null)
  doc:set("webhook_endpoint", shown)
  return doc
end

local function create_destination(ds)
  local kind = ngx.req.get_headers()["Content-Type"]
  local ok, body = pcall(json.decode, read_body())
  if kind ~= "application/json" or not ok or getmetatable(body) ~= json.Object then
    return nil, errors.param("Unsupported content type or body: JSON expected.", "body")
  end
  local given = json.to_lua(body)
  local target = given.webhook_endpoint or {}
  if type(given.name) ~= "string" or given.type ~= "webhook_endpoint"
    or given.event_payload ~= "thin" then
    return nil, errors.param("name, type webhook_endpoint and event_payload thin expected.", "type")
  end
  local problem = check(ds, target.url, given.enabled_events or {}, true)
  if problem then return nil, problem end
  local included = {}
  for _, name in ipairs(given.include or {}) do included[name] = true end
  local from = (given.events_from or { "@self" })[1]
  return { doc = destination(add(ds, V2, { url = target.url, name = given.name,
    events = given.enabled_events, connect = from == "@accounts" }), included) }, 0
end

local function list_destinations(ds, query)
  local included, limit, from = {}, 20, 1
  for _, p in ipairs(query) do
    if p.name == "include" then included[p.value] = true end
    if p.name == "limit" then limit = tonumber(p.value) end
    if p.name == "page" then from = tonumber(p.value:match "%d+$") end
  end
  local all, data = mine(ds, V2), json.from_lua { is_array = true }
  for k = from, math.min(#all, from + limit - 1) do
    data[#data + 1] = destination(all[k], included)
  end
  local more = from + limit <= #all
  return { doc = json.object("data", data, "next_page_url", more
    and ("%s?limit=%d&page=page_%d"):format(V2, limit, from + limit) or json.null,
    "previous_page_url", json.null) }, 0
end

-- ---------------------------------------------------------------- requests

local ROUTES = {
  ["GET " .. V1] = list_endpoints, ["POST " .. V1] = create_endpoint,
  ["GET " .. V2] = list_destinations, ["POST " .. V2] = create_destination,
}

--- What a request for endpoints is for; nil for any other.
function endpoints.route(method, path)
  local run = ROUTES[method .. " " .. path]
  return run and { endpoint = method .. " " .. path, resource = "webhook_endpoints",
    writes = method == "POST", run = run }
end

--- Forget what was made.
function endpoints.clear()
  made, count = {}, 0
end

return endpoints
