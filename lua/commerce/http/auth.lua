-- API keys: making them, checking the key of a request, and the daily limit of each key.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local response = require "commerce.http.response"
local time = require "commerce.base.time"

local auth = {}

local LONGEST_KEY = 512 -- characters of the header's value

-- The value of an Authorization header of one scheme; nil for another scheme.
local function value_of(header, wanted)
  local scheme, value = (header or ""):match "^(%a+) +(%S+)$"
  return scheme and ascii.lower(scheme) == wanted and #value <= LONGEST_KEY and value or nil
end

-- Codat's form is the base64 of the bare key. Clients that require user:password send "key:".
local function key_of(header)
  local value = value_of(header, "basic")
  local key = value and core.base64_decode(value)
  return key and key:gsub(":$", "")
end

--- Make a key. Only its hash is stored, so the key must be shown to its user now.
---@param store commerce.Store
---@param options { name: string?, expires: string?, read_only: boolean?, most: integer? }? expires:
---  a date; read_only: true for a key that can only read; most: the greatest number of keys (10)
---@return commerce.ApiKeyRow row with the key itself as `key`; raises "conflict" if there are that
---  many keys
function auth.create(store, options)
  options = options or {}
  local most = options.most or auth.MOST_KEYS
  local key = core.random_id(30)
  local row = { id = core.uuid(), name = options.name, hash = core.sha256(key),
    created = time.now(), expires = options.expires, read_only = options.read_only or nil }
  if not errors.must(store:add_api_key(row, most)) then
    errors.throw("conflict", ("there are %d API keys already; delete one first"):format(most))
  end
  row.key = key
  return row
end

auth.MOST_KEYS = 10 -- Codat's limit

local UNAUTHORIZED = { headers = { ["WWW-Authenticate"] = 'Basic realm="Codat API"' } }

--- The API key of a request. A request without a known, unexpired key is refused.
---@param store commerce.Store
---@param headers table<string, string> by lower-case name
---@return commerce.ApiKeyRow row
function auth.check(store, headers)
  local key = key_of(headers.authorization) or ""
  local row = key ~= "" and store:api_key_of(core.sha256(key))
  if not row or row.expires and row.expires <= time.now() then
    response.refuse(401, "Unauthorized", UNAUTHORIZED)
  end
  return row
end

-- ---------------------------------------------------------------- access tokens

auth.TOKEN_SECONDS = 86400 -- how long a company's access token is valid, as at Codat

--- Make an access token of a company: with it, an embedded page manages the company's connections.
--- Only its hash is stored.
---@param store commerce.Store
---@param company_id string
---@return string token
function auth.create_token(store, company_id)
  local token, now = core.random_id(30), os.time()
  errors.must(store:add_access_token({ hash = core.sha256(token), company_id = company_id,
    expires = now + auth.TOKEN_SECONDS }, now))
  return token
end

--- Whether a request comes with an access token, be it valid or not, and not with an API key.
---@param headers table<string, string> by lower-case name
---@return boolean
function auth.has_token(headers)
  return value_of(headers.authorization, "bearer") ~= nil
end

--- The access token of a request. A request without a known, unexpired token is refused.
---@param store commerce.Store
---@param headers table<string, string> by lower-case name
---@return commerce.AccessTokenRow
function auth.check_token(store, headers)
  local token = value_of(headers.authorization, "bearer")
  local row = token and store:access_token_of(core.sha256(token))
  if not row or row.expires <= os.time() then
    response.refuse(401, "Unauthorized", UNAUTHORIZED)
  end
  return row
end

-- ---------------------------------------------------------------- limits

local DAY = 86400 -- seconds

---@alias commerce.http.Counter fun(name: string, seconds: integer): integer adds one to the name's
---  count and returns it; the count is forgotten so many seconds after it began

local SWEEP = 60 -- seconds between two looks for counts that are over

--- A counter in this process's memory.
---@return commerce.http.Counter
function auth.memory_counter()
  local counts, next_sweep = {}, 0
  return function(name, seconds)
    local now = os.time()
    if now >= next_sweep then
      for each, count in pairs(counts) do
        counts[each] = count.ends > now and count or nil
      end
      next_sweep = now + SWEEP
    end
    local count = counts[name]
    if not count or count.ends <= now then
      count = { n = 0, ends = now + seconds }
      counts[name] = count
    end
    count.n = count.n + 1
    return count.n
  end
end

--- Count a request of a key, or of a company's access tokens. A request above the daily limit is
--- refused.
---@param id string the key's, or the company's
---@param limit integer requests a day
---@param counter commerce.http.Counter
---@param reached (fun(reset: string))? called once a day, by the first request that is refused,
---  with the date from which requests are possible again
---@return table<string, string> headers of the response
function auth.count(id, limit, counter, reached)
  local now = os.time()
  local midnight = (math.floor(now / DAY) + 1) * DAY
  local count = counter(("%s %d"):format(id, midnight), midnight - now)
  local headers = {
    ["X-Rate-Limit-Limit"] = ("%d"):format(limit),
    ["X-Rate-Limit-Remaining"] = ("%d"):format(math.max(limit - count, 0)),
    ["X-Rate-Limit-Reset"] = time.format(midnight),
  }
  if reached and count == limit + 1 then
    reached(headers["X-Rate-Limit-Reset"])
  end
  if count > limit then
    headers["Retry-After"] = ("%d"):format(midnight - now)
    response.refuse(429, ("You have made too many requests today. The limit is %d requests a day "
      .. "for this API key."):format(limit), { headers = headers })
  end
  return headers
end

return auth
