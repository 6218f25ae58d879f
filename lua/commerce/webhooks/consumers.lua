-- Webhook consumers: whose server is told of what, what its webhooks are signed with, and which
-- addresses may be sent to at all. Called by the API, the command line and what delivers.
--
-- A consumer's secret is sealed as all stored secrets are, and seen once, when it is made: nothing
-- here gives it back. When it is exchanged, the old one signs as well for a day.

local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local consumers = {}

consumers.MOST, consumers.MOST_TAGS, consumers.LONGEST_TAG = 50, 10, 128 -- Codat's limits
consumers.LONGEST_URL = 2000

-- Codat's event types; only those that can happen here are ever sent.
local EVENTS = {}
for _, name in ipairs { "company.created", "company.deleted", "company.product.added",
  "company.product.removed", "connection.created", "connection.connected",
  "connection.disconnected", "connection.reconnected", "connection.failed", "connection.deleted",
  "read.completed", "read.completed.initial", "client.rateLimit.reached",
  "client.rateLimit.reset" } do
  EVENTS[name] = true
end

-- ---------------------------------------------------------------- which addresses

local SETTING = "webhook_reach"

local REACHES = { public = true, network = true }

--- Which addresses may be sent to: "public" ones alone, over https; or those of this machine and
--- of private networks ("network"), over http as well.
---@param store commerce.Store
---@return "public"|"network"|nil reach nil on failure
---@return string? message
---@return commerce.Details? details
function consumers.reach(store)
  local name, message, details = store:setting(SETTING)
  if message then
    return nil, message, details
  end
  return name or "public"
end

--- Change that.
---@param store commerce.Store
---@param name "public"|"network"
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function consumers.set_reach(store, name)
  if not REACHES[name] then
    return errors.fail("usage", ("webhooks may reach 'public' addresses alone or the 'network', "
      .. "not '%s'"):format(core.scrub(tostring(name))))
  end
  return store:save_setting(SETTING, name)
end

local LOCAL = "`commerce webhooks reach network` allows addresses of this machine and of private "
  .. "networks"

-- What can be seen of an address before it is connected to; what a name stands for is looked at
-- when it is.
local function check_url(url, reach)
  local scheme, rest = url:match "^(https?)://([%w%-%._~:/%?#%[%]@!%$&'%(%)%*%+,;=%%]+)$"
  local authority = rest and rest:match "^([^/%?#]*)"
  if not authority or authority == "" or authority:find("@", 1, true) then
    return errors.fail("usage", "url must be an address such as https://example.com/webhooks, "
      .. "without user and password")
  elseif #url > consumers.LONGEST_URL then
    return errors.fail("usage", ("url must not be longer than %d characters")
      :format(consumers.LONGEST_URL))
  end
  local host = (authority:match "^%[(.*)%]" or authority:gsub(":%d*$", "")):lower()
  local is_private = host == "localhost" or core.is_public_address(host) == false
  if reach == "public" and is_private then
    return errors.fail("usage", "url is an address of this machine or of a private network; "
      .. LOCAL)
  elseif scheme == "http" and (reach == "public" or core.is_public_address(host)) then
    return errors.fail("usage", "url must be https; http is for this machine and private networks "
      .. "alone: " .. LOCAL)
  end
  return true
end

-- ---------------------------------------------------------------- who is told

local function check_events(types)
  for _, name in ipairs(types) do
    -- writes do not exist here; who asks for them is told nothing, as Codat does for this source
    if not EVENTS[name] and not name:find "^[%w%-%*]+%.write%.%a+$" then
      return errors.fail("usage", ("eventTypes: '%s' is no event type; read.completed is one")
        :format(core.scrub(name)))
    end
  end
  return true
end

local function check_tags(tags)
  if #tags > consumers.MOST_TAGS then
    return errors.fail("usage", ("companyTags: there may be %d at most")
      :format(consumers.MOST_TAGS))
  end
  for _, tag in ipairs(tags) do
    if not tag:find "^[^:]+:." or #tag > consumers.LONGEST_TAG then
      return errors.fail("usage", ("companyTags: '%s' is not of the form name:value, %d "
        .. "characters at most"):format(core.scrub(tag), consumers.LONGEST_TAG))
    end
  end
  return true
end

local function owner_of(id)
  return "consumer:" .. id
end

local function owner_of_old(id)
  return "consumer:" .. id .. ":old"
end

local KEY_BYTES = 24 -- 32 characters of base64, as in Codat's example

-- A key as consumers are shown it: "whsec_" and base64, whose two odd characters random_id spells
-- otherwise.
local function new_secret()
  local text = "whsec_" .. core.random_id(KEY_BYTES):gsub("%-", "+"):gsub("_", "/")
  return text, assert(core.secret(text))
end

--- Add a consumer.
---@param store commerce.Store
---@param given table url; disabled, event_types, company_tags?: none asks for everything
---@return table? row as the store gives it; nil on failure; details.kind "conflict" if there are
---  too many
---@return string secret what its webhooks are signed with, to be shown now or never; or the message
---@return commerce.Details? details
function consumers.add(store, given)
  local types, tags = given.event_types or {}, given.company_tags or {}
  local reach, message, details = consumers.reach(store)
  local ok = reach
  if reach then
    ok, message, details = check_url(given.url, reach)
  end
  if ok then
    ok, message, details = check_events(types)
  end
  if ok then
    ok, message, details = check_tags(tags)
  end
  local row = { id = core.uuid(), url = given.url, disabled = given.disabled == true,
    event_types = types, company_tags = tags, created = time.now() }
  local text, secret
  if ok then -- a sealed secret of nobody does no harm, if we end in between
    text, secret = new_secret()
    ok, message, details = credentials.keep(store, owner_of(row.id), secret)
  end
  if ok then
    ok, message, details = store:add_webhook_consumer(row, consumers.MOST)
  end
  if ok then
    return row, text
  elseif ok == false then
    store:drop_secret(owner_of(row.id))
    return errors.fail("conflict", ("there are %d webhook consumers already; delete one first")
      :format(consumers.MOST))
  end
  return nil, message, details
end

--- Delete a consumer with its secret and with what waits for it.
---@param store commerce.Store
---@param id string
---@return boolean? removed false if there is none; nil on failure
---@return string? message
---@return commerce.Details? details
function consumers.remove(store, id)
  local removed, message, details = store:delete_webhook_consumer(id)
  if not removed then
    return removed, message, details
  end
  for _, owner in ipairs { owner_of(id), owner_of_old(id) } do
    local dropped
    dropped, message, details = store:drop_secret(owner)
    if dropped == nil then
      return nil, message, details
    end
  end
  return true
end

-- ---------------------------------------------------------------- secrets

local OVERLAP = 86400 -- seconds that an old secret signs, too

--- Exchange a consumer's secret.
---@param store commerce.Store
---@param id string
---@return string? secret to be shown now or never; nil on failure
---@return string? message
---@return commerce.Details? details
function consumers.renew_secret(store, id)
  local old, message, details = credentials.open(store, owner_of(id))
  if message then
    return nil, message, details
  end
  local ok = true
  if old then
    ok, message, details = credentials.keep(store, owner_of_old(id), old)
  end
  local text, secret = new_secret()
  if ok then
    ok, message, details = credentials.keep(store, owner_of(id), secret)
  end
  if not ok then
    return nil, message, details
  end
  return text
end

local function old_secret(store, id, now)
  local row, message, details = store:secret(owner_of_old(id))
  if not row then
    return nil, message, details
  elseif now - time.parse(row.modified) > OVERLAP then
    local dropped
    dropped, message, details = store:drop_secret(owner_of_old(id))
    return nil, dropped == nil and message or nil, details
  end
  return credentials.open(store, owner_of_old(id))
end

--- What a consumer's webhooks are signed with. One from before there were secrets gets one now.
---@param store commerce.Store
---@param id string
---@param now number unix seconds
---@return commerce.core.Secret[]? secrets the present one first; nil on failure
---@return string? message
---@return commerce.Details? details
function consumers.secrets(store, id, now)
  local secret, message, details = credentials.open(store, owner_of(id))
  if not secret and not message then
    local _
    _, secret = new_secret()
    local kept
    kept, message, details = credentials.keep(store, owner_of(id), secret)
    secret = kept and secret
  end
  if not secret then
    return nil, message, details
  end
  local old
  old, message, details = old_secret(store, id, now)
  if message then
    return nil, message, details
  end
  return { secret, old }
end

return consumers
