-- What goes wrong on the way: answers that break, come late or not at all, limits, and permissions
-- that are taken away and given back.

local trouble = {}

--- The resources that a restricted key may read.
trouble.PERMISSIONS = { "account", "balance", "balance_transactions", "charges", "customers",
  "disputes", "events", "payouts", "prices", "products", "refunds", "tax_rates" }

local REASONS = { "endpoint-rate", "global-rate", "endpoint-concurrency", "global-concurrency" }

local ACTIONS = {
  function() return { type = "reset" } end,
  function() return { type = "close" } end,
  function() return { type = "close_after" } end,
  function(random) return { type = "hang", seconds = random:between(1, 15) / 10 } end,
  function() return { type = "truncate" } end,
  function(random) return { type = "reset_body", bytes = random:between(1, 5000) } end,
  function() return { type = "slow", bytes = 20000, seconds = 0.05 } end,
  function(random) return { type = "delay", seconds = random:between(1, 10) / 10 } end,
  function(random)
    return { type = "rate_limit", reason = random:pick(REASONS),
      headers = random:chance(0.3) and { ["Retry-After"] = "1" } or nil }
  end,
  function() return { type = "lock_timeout" } end,
  function() return { type = "status", status = 500 } end,
  function(random) return { type = "html500", status = random:pick { 500, 502, 503 } } end,
}

local UNLIMITED = { global = 1000, endpoint = 1000 }

-- Not the events: a change whose event cannot be read is found by a full read only.
local SPOILT = { "/v1/charges", "/v1/balance_transactions", "/v1/customers", "/v1/refunds",
  "/v1/prices", "/v1/products", "/v1/disputes", "/v1/tax_rates", "/v1/payouts" }

local PATHS = { "/v1/", "/v1/", "/v1/charges", "/v1/balance_transactions", "/v1/customers",
  "/v1/events", "/v1/refunds", "/v1/prices", "/v1/products", "/v1/disputes" }

-- Rules that hit now and then, and some that hit all the time: then a resource fails.
local PROBABILITIES = { { 5, 0.05 }, { 4, 0.2 }, { 2, 0.6 }, { 1, 1 } }

local function note_fired(soak)
  for _, rule in ipairs(soak.e:control "faults") do
    soak:count("faults: " .. rule.type, rule.fired)
  end
end

local function faults(soak, random)
  note_fired(soak)
  local rules = { clear = true }
  for i = 1, math.max(0, random:between(-3, 4)) do -- half of the time none: runs have to end, too
    rules[i] = { match = { path = random:pick(PATHS), seed = random:between(1, 1000000),
      probability = random:weighted(PROBABILITIES) }, action = random:pick(ACTIONS)(random) }
  end
  if random:chance(0.4) then
    table.insert(rules, 1, { match = { path = random:pick(SPOILT), probability = 0.3,
      seed = random:between(1, 1000000) },
      action = { type = "spoil", nth = random:between(1, 30) } })
  end
  soak.e:control("faults", { clear = true })
  rules.clear = nil
  if #rules > 0 then
    soak.e:control("faults", rules)
  end
end

local function latency(soak, random)
  soak.e:control("latency", { ms = random:between(1, 60), jitter_ms = random:between(0, 30),
    tail_ms = 300, tail_probability = 0.02 })
  soak.e:control("limits", { enabled = true, retry_after = random:between(0, 1),
    concurrency = random:chance(0.3) and { global = 8, endpoint = 4 } or UNLIMITED })
end

local function grant(soak, without)
  local list = {}
  for _, name in ipairs(trouble.PERMISSIONS) do
    list[#list + 1] = not without[name] and name or nil
  end
  soak.e:control("keys", { key = soak.RESTRICTED_KEY, permissions = list })
end

-- Withdrawn, and given back soon.
local function permissions(soak, random)
  local without = {}
  soak.withdrawn = not soak.withdrawn and random:chance(0.4)
  for _ = 1, soak.withdrawn and random:between(1, 3) or 0 do
    without[random:pick(trouble.PERMISSIONS)] = true
  end
  grant(soak, without)
  soak:count("permissions withdrawn", soak.withdrawn and 1 or 0)
end

local function revocation(soak, random)
  soak.revoked = not soak.revoked and random:chance(0.4)
  soak.e:control("keys", { key = soak.REVOKED_KEY, revoked = soak.revoked })
  soak:count("keys revoked", soak.revoked and 1 or 0)
end

--- Everything works again.
---@param soak table
function trouble.stop(soak)
  note_fired(soak)
  soak.withdrawn, soak.revoked = false, false
  grant(soak, {})
  soak.e:control("keys", { key = soak.REVOKED_KEY, revoked = false })
  soak.e:control("faults", { clear = true })
  soak.e:control("limits", { enabled = false, concurrency = UNLIMITED })
  soak.e:control("latency", { ms = 0, jitter_ms = 0, tail_ms = 0, tail_probability = 0 })
end

--- What is done, and every how many seconds.
trouble.ACTORS = {
  { name = "faults", every = 1, act = faults },
  { name = "latency", every = 3, act = latency },
  { name = "permissions", every = 2, act = permissions },
  { name = "revocation", every = 2, act = revocation },
}

return trouble
