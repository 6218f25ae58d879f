--- Webhooks: events posted to registered endpoints, one at a time for each, signed; twice, in
--- another order, late or never as a test wants it, and again when not answered with 2xx.
local events = require "emulator.events"
local ids = require "emulator.ids"
local installs = require "emulator.installs"
local json = require "emulator.json"
local platforms = require "emulator.platforms"
local random = require "emulator.random"
local signature = require "emulator.signature"
local state = require "emulator.state"
local template = require "emulator.template"
local thin = require "emulator.thin"

local webhooks = {}

local DEFAULTS = { connect = false, livemode = false, events = { "*" }, duplicate_probability = 0,
  drop_probability = 0, delay = 0, retries = 3, retry_delay = 0.05, reorder = 1, stale = false,
  seed = 1, timeout = 2, clock = "real", payload = "snapshot" }
local REQUIRED = { url = true, secrets = true, id = true, remove = true, key = true,
  account = true }

local endpoints, count = {}, 0

-- A number in [0, 1), the same for the same endpoint settings and delivery.
local function chance(e, n, salt)
  return random.hash(e.seed, n, salt) / 4294967296
end

local function parse_url(url)
  local scheme, host, path = tostring(url):match "^(https?)://([^/]+)(.*)$"
  if not scheme then return nil end
  local name, port = host:match "^(.-):(%d+)$"
  name = name or host
  if name == "localhost" then name = "127.0.0.1" end
  return { tls = scheme == "https", host = host, name = name,
    port = tonumber(port) or scheme == "https" and 443 or 80, path = path == "" and "/" or path }
end

-- Post a body; the answer's status, or nil and what went wrong.
local function post(e, body, header)
  local to = e.to
  local socket = ngx.socket.tcp()
  socket:settimeout(e.timeout * 1000)
  local ok, problem = socket:connect(to.name, to.port)
  if ok and to.tls then ok, problem = socket:sslhandshake(nil, to.name, false) end
  if ok then
    ok, problem = socket:send { "POST ", to.path, " HTTP/1.1\r\nHost: ", to.host,
      "\r\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nAccept: */*",
      "\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-cache",
      "\r\nStripe-Signature: ", header, "\r\nContent-Length: ", tostring(#body),
      "\r\nConnection: close\r\n\r\n", body }
  end
  local line
  if ok then line, problem = socket:receive "*l" end
  socket:close()
  local status = line and tonumber(line:match "^HTTP/%d%.%d (%d%d%d)")
  return status, not status and (problem or "no HTTP answer") or nil
end

local function log(e, item, entry)
  entry.event, entry.type, entry.account = item.id, item.type, item.account
  entry.duplicate = item.duplicate
  e.deliveries[#e.deliveries + 1] = entry
end

local function attempt(e, item)
  item.attempt = item.attempt + 1
  local t = e.clock == "emulator" and item.ds.now or ngx.time()
  if e.stale then t = t - 600 end
  local status, problem = post(e, item.body, signature.header(e.secrets, t, item.body))
  log(e, item, { attempt = item.attempt, status = status, error = problem })
  if status and status >= 200 and status < 300 then
    if not item.duplicate then item.event.pending = math.max(0, item.event.pending - 1) end
  elseif item.attempt <= e.retries then
    item.due = ngx.now() + e.retry_delay * 2 ^ (item.attempt - 1)
    e.queue[#e.queue + 1] = item
  end
end

-- Take the next item from the queue: any of the first few that are due. Or the seconds to wait.
local function take(e)
  ngx.update_time()
  local now, ready, soonest = ngx.now(), {}, math.huge
  for k, item in ipairs(e.queue) do
    if item.due <= now then
      ready[#ready + 1] = k
      if #ready >= e.reorder then break end
    else
      soonest = math.min(soonest, item.due)
    end
  end
  if #ready == 0 then return nil, soonest - now end
  e.taken = e.taken + 1
  local k = ready[math.floor(chance(e, e.taken, 96) * #ready) + 1]
  return table.remove(e.queue, k)
end

local function pump(premature, e)
  while not premature and not e.gone and #e.queue > 0 do
    local item, seconds = take(e)
    if item then
      local ok, message = pcall(attempt, e, item)
      if not ok then ngx.log(ngx.ERR, message) end
    else
      ngx.sleep(math.max(0.001, seconds))
    end
  end
  e.pumping = false
end

local function start(e)
  if e.pumping then return end
  e.pumping = ngx.timer.at(0, pump, e) and true or false
end

local function queue(e, item)
  e.seen = e.seen + 1
  if chance(e, e.seen, 97) < e.drop_probability then
    log(e, item, { attempt = 0, dropped = true })
    return
  end
  item.attempt, item.due = 0, ngx.now() + e.delay
  e.queue[#e.queue + 1] = item
  if chance(e, e.seen, 98) < e.duplicate_probability then
    local again = { duplicate = true }
    for name, value in pairs(item) do again[name] = value end
    e.queue[#e.queue + 1] = again
  end
  start(e)
end

-- Whether the main platform is told of a connected account's event: while it may read the account,
-- and of its own coming and going.
local function told(ds, event)
  local app = platforms.of(state.settings.account, ds.livemode == "true")
  if event and event.type:find "^account%.application%." then
    return event.object.doc.map.id == app.client_id
  end
  return app.grants[ds.account] ~= nil or event ~= nil and event.type:find "^apps%.install%." ~= nil
    or installs.is_installed(ds.account, ds.livemode == "true")
end

-- The endpoints that a data set's events go to.
local function listening(ds)
  local out = {}
  local connected = ds.account ~= state.settings.account
  for _, e in ipairs(endpoints) do
    if e.connect == connected and e.livemode == (ds.livemode == "true") then out[#out + 1] = e end
  end
  return out, connected
end

-- What an endpoint gets of an event: { id, type, node } in its payload style.
local function payloads(e, ds, event, account)
  local out = {}
  if e.payload == "thin" then
    for k, type in ipairs(thin.types(event)) do
      local doc = e.match(type) and thin.document(ds, event, k)
      out[#out + 1] = doc and { id = doc.map.id, type = type, node = { doc = doc } } or nil
    end
  elseif e.match(event.type) then
    out[1] = { id = event.id, type = event.type, node = events.node(ds, event, account) }
  end
  return out
end

--- Told of every event (and asked, without one, whether anybody listens to a data set).
function events.listener(ds, event)
  local to, connected = listening(ds)
  if connected and not told(ds, event) then to = {} end
  if not event then return #to > 0 end
  event.pending = 0
  for _, e in ipairs(to) do
    if #payloads(e, ds, event) > 0 then event.pending = event.pending + 1 end
  end
  local account = connected and ds.account or nil
  local style = template.style(not state.settings.compact, state.settings.future)
  for _, e in ipairs(to) do
    for _, payload in ipairs(payloads(e, ds, event, account)) do
      queue(e, { ds = ds, event = event, account = account, id = payload.id, type = payload.type,
        body = template.render(payload.node, style) })
    end
  end
end

local function find(id)
  for k, e in ipairs(endpoints) do
    if e.id == id then return e, k end
  end
end

--- Register an endpoint, or change or remove the one with `id`. Returns its id, or nil and a
--- message.
---@param o table url, secrets, and what DEFAULTS has
function webhooks.set(o)
  for name in pairs(o) do
    if DEFAULTS[name] == nil and not REQUIRED[name] then
      return nil, "unknown setting: " .. name
    end
  end
  local e, k = find(o.id)
  if o.id and not e then return nil, "no such endpoint: " .. o.id end
  if o.remove then
    if not e then return nil, "remove needs an id" end
    e.gone = true
    table.remove(endpoints, k)
    return e.id
  end
  if not e then
    count = count + 1
    e = { id = "we_1" .. ids.text(23, state.settings.seed, count), deliveries = {}, queue = {},
      seen = 0, taken = 0 }
    for name, value in pairs(DEFAULTS) do e[name] = value end
  end
  local to = parse_url(o.url or e.url)
  if not to then return nil, "an endpoint needs an http or https url" end
  for name, value in pairs(o) do e[name] = value end
  if type(e.secrets) ~= "table" or #e.secrets == 0 then return nil, "an endpoint needs secrets" end
  if e.payload ~= "snapshot" and e.payload ~= "thin" then
    return nil, "payload is snapshot or thin"
  end
  if type(e.events) == "string" then e.events = { e.events } end
  if type(e.reorder) == "boolean" then e.reorder = e.reorder and 4 or 1 end
  e.to, e.match = to, events.matcher(e.events)
  if not k then endpoints[#endpoints + 1] = e end
  return e.id
end

--- Forget all endpoints.
function webhooks.clear()
  for _, e in ipairs(endpoints) do e.gone = true end
  endpoints, count = {}, 0
end

--- All endpoints with what was delivered to them, oldest first; `queued` is what is still to come.
function webhooks.report()
  local list = { is_array = true }
  for k, e in ipairs(endpoints) do
    local deliveries = { is_array = true }
    for n, d in ipairs(e.deliveries) do deliveries[n] = d end
    list[k] = { id = e.id, url = e.url, connect = e.connect, livemode = e.livemode,
      payload = e.payload, events = e.events, queued = #e.queue,
      busy = e.pumping or false, deliveries = deliveries }
  end
  return json.from_lua { webhooks = list }
end

return webhooks
