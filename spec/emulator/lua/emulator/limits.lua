--- Stripe's rate limits: token buckets per account and per endpoint, and caps on requests in
--- flight.
local errors = require "emulator.errors"
local state = require "emulator.state"

local limits = {}

local buckets, flying = {}, {}

--- Forget all buckets.
function limits.reset()
  buckets = {}
end

local function take(key, rate)
  if not rate then return true end
  local now, size = ngx.now(), math.max(1, rate * state.limits.burst)
  local b = buckets[key]
  if not b then
    b = { tokens = size, at = now }
    buckets[key] = b
  end
  b.tokens = math.min(size, b.tokens + (now - b.at) * rate)
  b.at = now
  if b.tokens < 1 then return false end
  b.tokens = b.tokens - 1
  return true
end

--- Count a request in; returns an error when a limit is exceeded. `limits.leave` must follow in
--- either case.
---@param ctx table the request's context
---@param caller table
---@param endpoint string for example "GET /v1/charges"
function limits.enter(ctx, caller, endpoint)
  local mode = caller.livemode and "live" or "test"
  local account = caller.account .. "/" .. mode
  local both = account .. " " .. endpoint
  ctx.flying = { account, both }
  for _, key in ipairs(ctx.flying) do flying[key] = (flying[key] or 0) + 1 end
  local l = state.limits
  if not l.enabled then return nil end
  ngx.update_time()
  local c = l.concurrency or {}
  local function refused(reason)
    return errors.rate_limit(reason, l.retry_after and tostring(l.retry_after))
  end
  if c.global and flying[account] > c.global then return refused "global-concurrency" end
  if c.endpoint and flying[both] > c.endpoint then return refused "endpoint-concurrency" end
  if not take(account, l.global and l.global[mode]) then return refused "global-rate" end
  if not take(both, l.endpoint and l.endpoint[mode]) then return refused "endpoint-rate" end
end

--- Count a request out.
function limits.leave(ctx)
  for _, key in ipairs(ctx.flying or {}) do flying[key] = flying[key] - 1 end
end

return limits
