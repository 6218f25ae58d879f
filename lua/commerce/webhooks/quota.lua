-- Tells webhook consumers that the daily limit of requests was reached, and that requests are
-- possible again.
--
-- The limit is each API key's; Codat's is the client's. So consumers are told once a day at most,
-- of the first key that reaches it.

local core = require "commerce.core"
local json = require "commerce.base.json"
local time = require "commerce.base.time"

local quota = {}

local SETTING = "rate_limit_reached" -- { quota, expires } until the reset has been told

local DAY = 86400 -- seconds

-- The event's id, the same in every process: so the event is made once.
local function id_of(type_name, expires)
  local hex = core.sha256(type_name .. " " .. expires)
  return ("%s-%s-4%s-8%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16),
    hex:sub(18, 20), hex:sub(21, 32))
end

local function tell(store, type_name, expires, facts)
  return store:tell_client(id_of(type_name, expires), type_name, facts)
end

--- Note that a key has made one request more than it may, and tell it.
---@param store commerce.Store
---@param limit integer requests a day
---@param expires string when the next day begins, YYYY-MM-DDTHH:MM:SSZ
function quota.reached(store, limit, expires)
  if tell(store, "client.rateLimit.reached", expires, { daily_quota = limit, remaining = 0,
    expires = expires }) then
    store:save_setting(SETTING, json.encode { quota = limit, expires = expires })
  end
end

--- Tell that requests are possible again, if it was told that they were not and the day is over.
---@param store commerce.Store
---@param now integer unix seconds
function quota.reset(store, now)
  local noted = json.decode(store:setting(SETTING) or "{}") or {}
  local expires = noted.expires and time.parse(noted.expires)
  if expires and expires <= now then
    tell(store, "client.rateLimit.reset", noted.expires, { daily_quota = noted.quota,
      remaining = noted.quota, expires = time.format((math.floor(now / DAY) + 1) * DAY) })
    store:save_setting(SETTING, "{}")
  end
end

return quota
