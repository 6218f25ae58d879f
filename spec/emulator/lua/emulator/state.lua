--- What one running emulator is: settings, keys, accounts and their data sets. One worker process,
--- so plain tables.
local json = require "emulator.json"
local dataset = require "emulator.dataset"
local installs = require "emulator.installs"
local platforms = require "emulator.platforms"
local settle = require "emulator.settle"
local versions = require "emulator.versions"

local state = {}

local DEFAULTS = {
  events_api_version = versions.NEWEST, visibility_lag = 0, tick = 1,
  seed = 1, now = 1790000000, days = 730, pending_days = 3, future = false, compact = false,
  account = "acct_1CommerceShop001", name = "Example Shop",
}
local MANY = 2000 -- charges; the requests of a smaller account cost less interpreted than compiled
-- Settings without a default: sizes that follow from `charges`, and groups of equal seconds.
local OPTIONAL = { charges = true, customers = true, products = true, prices = true,
  tax_rates = true, tie_size = true, limits = true, latency = true, faults = true,
  compiled = true }

local LIMITS = {
  enabled = false, global = { test = 25, live = 100 }, endpoint = { test = 25, live = 25 },
  burst = 1, concurrency = {}, retry_after = nil,
}
local LATENCY = { ms = 0, jitter_ms = 0, per_expand_ms = 0, tail_ms = 0, tail_probability = 0 }

local function merged(base, over)
  local out = {}
  for name, value in pairs(base) do out[name] = value end
  for name, value in pairs(over or {}) do
    local both = type(value) == "table" and type(out[name]) == "table"
    out[name] = both and merged(out[name], value) or value
  end
  return out
end
state.merged = merged

local function default_keys(account)
  local function key(name, livemode, extra)
    return merged({ key = name, account = account, livemode = livemode }, extra)
  end
  local keys = {
    key("sk_test_emulator", false), key("sk_live_emulator", true),
    key("rk_test_emulator_readonly", false), key("rk_live_emulator_readonly", true),
    key("rk_test_emulator_charges", false, { permissions = { account = true, charges = true } }),
    key("sk_test_emulator_expired", false, { revoked = true }),
    key("pk_test_emulator", false), key("pk_live_emulator", true),
    key("sk_org_test_emulator", false, { organisation = { [account] = true } }),
    key("sk_org_live_emulator", true, { organisation = { [account] = true } }),
  }
  local map = {}
  for _, k in ipairs(keys) do map[k.key] = k end
  return map
end

--- Check setting names. Returns true, or nil and the first unknown name.
function state.check(options)
  for name in pairs(options) do
    if DEFAULTS[name] == nil and not OPTIONAL[name] then return nil, name end
  end
  return true
end

-- Each trace that LuaJIT compiles changes the protection of memory, which a virtual machine does
-- slowly: that is most of the time of an emulator that serves a hundred requests.
local function compile(settings)
  local wanted = settings.compiled
  if wanted == nil then wanted = (settings.charges or 0) > MANY end
  jit[wanted and "on" or "off"]()
end

local start_options = {}

--- Start over: everything as at the start, with `options` on top.
---@param options table?
function state.reset(options)
  local settings = merged(merged(DEFAULTS, start_options), options)
  state.settings = settings
  compile(settings)
  state.limits = merged(LIMITS, settings.limits)
  state.latency = merged(LATENCY, settings.latency)
  state.keys = default_keys(settings.account)
  platforms.reset(settings.account)
  installs.reset(state, settings.account)
  state.accounts = { [settings.account] = { name = settings.name } }
  state.datasets = {}
  state.advanced, state.last_change = 0, nil
end

--- Read the options the emulator was started with.
function state.init()
  local text = os.getenv "EMULATOR_OPTIONS"
  if text and text ~= "" then
    local options = json.to_lua(assert(json.decode(text)))
    local ok, unknown = state.check(options)
    if not ok then error("unknown option: " .. unknown) end
    start_options = options
  end
  state.reset()
end

--- The data set of an account in a mode, made at first use.
---@param account string
---@param livemode boolean
function state.dataset(account, livemode)
  local key = account .. (livemode and "/live" or "/test")
  local ds = state.datasets[key]
  if not ds then
    local own = state.accounts[account]
    local options = merged(state.settings, own)
    options.account, options.livemode = account, livemode
    options.advanced = state.advanced
    ds = dataset.new(options)
    state.datasets[key] = ds
    settle.run(ds)
  end
  return ds
end

--- Move the clock of all data sets.
function state.advance(seconds)
  state.advanced = state.advanced + seconds
  for _, ds in pairs(state.datasets) do
    ds.now = ds.now + seconds
    settle.run(ds)
  end
end

local function set_of(list)
  if not list then return nil end
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

--- Add keys: { key, account?, livemode?, permissions = {names}?, revoked? }; the mode follows from
--- the key's prefix.
function state.add_key(k)
  local livemode = k.livemode
  if livemode == nil then livemode = k.key:find "_live_" ~= nil end
  state.keys[k.key] = { key = k.key, account = k.account or state.settings.account,
    livemode = livemode, permissions = set_of(k.permissions),
    organisation = set_of(k.organisation), revoked = k.revoked }
end

return state
