--- The emulator's own endpoints under /_emulator/: JSON in, JSON out.
local apps = require "emulator.apps"
local churn = require "emulator.churn"
local dataset = require "emulator.dataset"
local faults = require "emulator.faults"
local installs = require "emulator.installs"
local json = require "emulator.json"
local limits = require "emulator.limits"
local made_endpoints = require "emulator.endpoints"
local mutate = require "emulator.mutate"
local oauth = require "emulator.oauth"
local platforms = require "emulator.platforms"
local signature = require "emulator.signature"
local state = require "emulator.state"
local stats = require "emulator.stats"
local webhooks = require "emulator.webhooks"

local control = {}

local LIVE = { visibility_lag = true, tick = true }

local function fail(message) error({ message = message }, 0) end

-- The data set a control request means: by key, or by account and livemode.
local function chosen(o)
  local account, livemode = o.account, o.livemode == true or o.livemode == "true"
  if o.key then
    local key = state.keys[o.key] or fail("unknown key: " .. o.key)
    account, livemode = o.account or key.account, key.livemode
  end
  account = account or state.settings.account
  if not state.accounts[account] then fail("unknown account: " .. account) end
  return state.dataset(account, livemode)
end

local function counts(ds)
  local out = {}
  for name, resource in pairs(dataset.resources) do
    local n, extras = resource.count(ds), ds.overlay.extras[name] or {}
    n = n + #extras
    for _ in pairs(ds.overlay.deleted[name] or {}) do n = n - 1 end
    out[name] = n
  end
  return out
end

local function merge_settings(name)
  return function(body)
    state[name] = state.merged(state[name], body)
    if name == "limits" then limits.reset() end
    return state[name]
  end
end

local function list_of(body, single, other)
  return body[1] and body or (body[single] or other and body[other]) and { body } or {}
end

local endpoints = {}

endpoints["GET ready"] = function() return { ok = true } end

endpoints["POST reset"] = function(body)
  local ok, unknown = state.check(body)
  if not ok then fail("unknown setting: " .. unknown) end
  local rules = body.faults
  body.faults = nil
  state.reset(body)
  limits.reset()
  oauth.reset()
  apps.reset()
  faults.clear()
  stats.clear()
  made_endpoints.clear()
  webhooks.clear()
  if rules then faults.add(rules) end
  return { ok = true, account = state.settings.account, counts = counts(chosen {}) }
end

endpoints["GET settings"] = function()
  return { settings = state.settings, limits = state.limits, latency = state.latency,
    now = state.settings.now + state.advanced }
end

endpoints["POST settings"] = function(body)
  for name, value in pairs(body) do
    if name == "events_api_version" then
      for _, ds in pairs(state.datasets) do ds.events_api_version = value end
    elseif not LIVE[name] then
      fail("cannot be changed without a reset: " .. name)
    end
    state.settings[name] = value
  end
  return state.settings
end

endpoints["POST faults"] = function(body)
  if body.clear then faults.clear() end
  local count, message = faults.add(list_of(body, "action"))
  return count and { rules = count } or fail(message)
end

endpoints["GET faults"] = function() return faults.report() end

endpoints["DELETE faults"] = function()
  faults.clear()
  return { rules = 0 }
end

endpoints["POST latency"] = merge_settings "latency"
endpoints["POST limits"] = merge_settings "limits"

endpoints["POST keys"] = function(body)
  for _, k in ipairs(list_of(body, "key")) do
    if k.remove then state.keys[k.key] = nil else state.add_key(k) end
  end
  local names = { is_array = true }
  for name in pairs(state.keys) do names[#names + 1] = name end
  table.sort(names)
  return { keys = names }
end

endpoints["POST accounts"] = function(body)
  for _, a in ipairs(list_of(body, "id")) do
    local id = a.id or fail("an account needs an id")
    state.datasets[id .. "/test"], state.datasets[id .. "/live"] = nil, nil
    platforms.forget(id)
    if a.remove then
      state.accounts[id] = nil
    else
      local connected = a.connected ~= false
      a.id, a.connected = nil, nil
      a.name = a.name or "Connected Shop"
      state.accounts[id] = a
      for _, mode in ipairs { "test", "live" } do
        if connected and (a.mode or mode) == mode then
          platforms.grant(platforms.of(state.settings.account, mode == "live"), id, "read_only")
        end
      end
    end
  end
  local names = { is_array = true }
  for name in pairs(state.accounts) do names[#names + 1] = name end
  table.sort(names)
  return { accounts = names }
end

endpoints["POST platforms"] = function(body)
  local answer = { is_array = true }
  for k, one in ipairs(list_of(body, "account")) do
    local platform, message = platforms.set(one)
    if not platform then fail(message) end
    state.accounts[one.account] = state.accounts[one.account] or { name = platform.name }
    answer[k] = { account = platform.account, redirect_uris = platform.redirect_uris,
      scopes = platform.scopes,
      client_ids = { test = platform.test.client_id, live = platform.live.client_id } }
  end
  return { platforms = answer }
end

endpoints["POST apps"] = function(body)
  local answer = { is_array = true }
  for k, one in ipairs(list_of(body, "account")) do
    local app, message = installs.set(one)
    if not app then fail(message) end
    answer[k] = { id = app.id, account = app.account, channel = app.channel,
      client_ids = { test = app.test.client_id, live = app.live.client_id } }
  end
  return { apps = answer }
end

endpoints["GET grants"] = function(query)
  local app = platforms.application(query.client_id)
    or fail("unknown client id: " .. tostring(query.client_id))
  local answer = {}
  for account, grant in pairs(app.grants) do answer[account] = grant.scope end
  return { grants = answer }
end

endpoints["POST mutate"] = function(body, raw)
  local ds = chosen(body)
  local requests = raw.map.ops or { raw }
  local results = { is_array = true }
  for k, request in ipairs(requests) do
    local ok, result = pcall(mutate.apply, ds, request)
    if not ok then fail(result) end
    results[k] = result
  end
  return raw.map.ops and { results = results } or results[1]
end

-- Changes that stand alone have endpoints of their own.
for _, name in ipairs { "clock", "deauthorize", "authorize", "uninstall" } do
  endpoints["POST " .. name] = function(body, raw)
    body.op = name
    -- `account` is the one that is (de)authorised here, not whose data is meant
    local ds = chosen { key = body.key, livemode = body.livemode }
    local ok, result = pcall(mutate.run, ds, body, raw.map.fields)
    return ok and result or fail(result)
  end
end

endpoints["POST churn"] = function(body)
  local ok, result = pcall(churn.run, chosen(body), body)
  return ok and result or fail(result)
end

endpoints["POST webhooks"] = function(body)
  if body.clear then webhooks.clear() end
  local set = { is_array = true }
  for k, one in ipairs(list_of(body, "url", "id")) do
    local key = one.key and (state.keys[one.key] or fail("unknown key: " .. one.key))
    if key then one.livemode = key.livemode end
    local id, message = webhooks.set(one)
    set[k] = id or fail(message)
  end
  return { ids = set }
end

endpoints["GET webhooks"] = function() return webhooks.report() end

endpoints["DELETE webhooks"] = function()
  webhooks.clear()
  return { ids = { is_array = true } }
end

endpoints["POST sign"] = function(body)
  return { header = signature.header(body.secrets or { body.secret }, body.t, body.body) }
end

endpoints["GET stats"] = function(query) return stats.get(query.lines) end

endpoints["POST stats"] = function(body)
  if body.clear then stats.clear() end
  return stats.get()
end

endpoints["GET ledger"] = function(query) return chosen(query):totals() end
endpoints["GET counts"] = function(query) return counts(chosen(query)) end

local function read_body()
  ngx.req.read_body()
  local text = ngx.req.get_body_data()
  if not text then
    local file = ngx.req.get_body_file()
    if file then
      local f = assert(io.open(file, "rb"))
      text = f:read "*a"
      f:close()
    end
  end
  return text and text:find "%S" and text or "{}"
end

local function send(status, value)
  local body = json.encode(json.from_lua(value), true) .. "\n"
  ngx.status = status
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = #body
  ngx.print(body)
end

--- Handle the current control request.
function control.run()
  local name = ngx.req.get_method() .. " " .. ngx.var.uri:match "^/_emulator/(.*)$"
  local endpoint = endpoints[name]
  if not endpoint then return send(404, { error = "unknown control endpoint: " .. name }) end
  local raw, arguments
  if name:find "^POST" then
    local message
    raw, message = json.decode(read_body())
    if not raw then return send(400, { error = message }) end
    arguments = json.to_lua(raw)
  else
    arguments = ngx.req.get_uri_args()
  end
  local ok, result = pcall(endpoint, arguments, raw)
  if ok then return send(200, result) end
  if type(result) == "table" and result.message then
    return send(400, { error = tostring(result.message) })
  end
  ngx.log(ngx.ERR, tostring(result))
  send(500, { error = tostring(result) })
end

return control
