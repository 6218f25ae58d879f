-- Webhook consumers: which addresses webhooks are sent to, about which events, and with which
-- secrets they are signed.
--
-- A consumer's secret is sealed like all stored secrets and is returned once, when it is made. The
-- old secret of a consumer still signs for a day after it was renewed.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local consumers = {}

consumers.MOST, consumers.MOST_TAGS, consumers.LONGEST_TAG = 50, 10, 128 -- Codat's limits
consumers.LONGEST_URL = 2000

-- Codat's event types (its page "Event types"). Only those that can happen here are ever sent.
local EVENTS = {}
for name in ([[company.created company.deleted company.product.added company.product.removed
  connection.created connection.connected connection.disconnected connection.reconnected
  connection.failed connection.deleted read.completed read.completed.initial
  client.rateLimit.reached client.rateLimit.reset AccountCategoriesUpdated
  bankFeeds.sourceAccount.connected bankFeeds.sourceAccount.disconnected]]):gmatch "%S+" do
  EVENTS[name] = true
end

-- Events of what this source does not have: writes, and the reports and syncs of other products.
-- Codat accepts subscriptions to them, and so do we.
local FAMILIES = { "^[%w%-%*]+%.write%.%a+$", "^financialStatements%.%a+$",
  "^reports?%.%w+%.generate%.%a+$", "^%w+%.sync%.%a+$", "^%w+%.sync%.%w+%.%a+$" }

local function is_event(name)
  local known = EVENTS[name] == true
  for _, pattern in ipairs(FAMILIES) do
    known = known or name:find(pattern) ~= nil
  end
  return known
end

-- ---------------------------------------------------------------- reach

local SETTING = "webhook_reach"

local REACHES = { public = true, network = true }

--- Which addresses webhooks may be sent to. "public": only public ones, over https. "network": also
--- those of this machine and of private networks, over http as well.
---@param store commerce.Store
---@return "public"|"network"
function consumers.reach(store)
  return store:setting(SETTING) or "public"
end

--- Set which addresses webhooks may be sent to.
---@param store commerce.Store
---@param name "public"|"network" any other name raises
---@return boolean ok
function consumers.set_reach(store, name)
  if not REACHES[name] then
    errors.throw("usage", ("webhooks can reach 'public' addresses only or the 'network', not '%s'")
      :format(core.scrub(tostring(name))))
  end
  return store:save_setting(SETTING, name)
end

local LOCAL = "`commerce webhooks reach network` allows addresses of this machine and of private "
  .. "networks"

-- What the text of an address tells. The addresses that its name stands for are checked again when
-- a webhook is sent.
local function check_url(url, reach)
  local scheme, rest = url:match "^(https?)://([%w%-%._~:/%?#%[%]@!%$&'%(%)%*%+,;=%%]+)$"
  local authority = rest and rest:match "^([^/%?#]*)"
  if not authority or authority == "" or authority:find("@", 1, true) then
    errors.throw("usage", "url must be an address such as https://example.com/webhooks, without "
      .. "user and password")
  elseif #url > consumers.LONGEST_URL then
    errors.throw("usage", ("url must not be longer than %d characters")
      :format(consumers.LONGEST_URL))
  end
  local host = ascii.lower(authority:match "^%[(.*)%]" or (authority:gsub(":%d*$", "")))
  local is_public, forbidden = core.is_public_address(host)
  if host:find("%", 1, true) or authority:find "^%[" and is_public == nil then
    errors.throw("usage", "url has no valid host: a name or an address without a zone expected")
  elseif forbidden then
    errors.throw("usage", "url is a link-local address or a metadata service, where no webhook is "
      .. "sent")
  end
  local is_private = host == "localhost" or is_public == false
  if reach == "public" and is_private then
    errors.throw("usage", "url is an address of this machine or of a private network; " .. LOCAL)
  elseif scheme == "http" and (reach == "public" or is_public) then
    errors.throw("usage", "url must be https; http is only for this machine and private networks: "
      .. LOCAL)
  end
end

-- ---------------------------------------------------------------- consumers

local function check_events(types)
  for _, name in ipairs(types) do
    if not is_event(name) then
      errors.throw("usage", ("eventTypes: '%s' is not an event type; read.completed is one")
        :format(core.scrub(name)))
    end
  end
end

local function check_tags(tags)
  if #tags > consumers.MOST_TAGS then
    errors.throw("usage", ("companyTags must not have more than %d elements")
      :format(consumers.MOST_TAGS))
  end
  for _, tag in ipairs(tags) do
    if not tag:find "^[^:]+:." or #tag > consumers.LONGEST_TAG then
      errors.throw("usage", ("companyTags: '%s' is not of the form name:value, %d characters at "
        .. "most"):format(core.scrub(tag), consumers.LONGEST_TAG))
    end
  end
end

local function owner_of(id)
  return "consumer:" .. id
end

local function owner_of_old(id)
  return "consumer:" .. id .. ":old"
end

local KEY_BYTES = 24 -- 32 characters of base64, as in Codat's example

-- "whsec_" and base64. random_id writes base64 for addresses, with two other characters.
local function new_secret()
  local text = "whsec_" .. core.random_id(KEY_BYTES):gsub("%-", "+"):gsub("_", "/")
  return text, assert(core.secret(text))
end

--- A consumer by its id.
---@param store commerce.Store
---@param id string?
---@return commerce.ConsumerRow? consumer nil if there is none
function consumers.find(store, id)
  for _, row in ipairs(id and store:webhook_consumers() or {}) do
    if row.id == id then
      return row
    end
  end
end

--- Add a consumer. Raises "usage" if an option is invalid, "conflict" if the number of consumers
--- has reached its limit.
---@param store commerce.Store
---@param given { url: string, disabled: boolean?, event_types: string[]?, company_tags: string[]? }
---@return commerce.ConsumerRow
---@return string secret that signs the consumer's webhooks; it cannot be read again
function consumers.add(store, given)
  local types, tags = given.event_types or {}, given.company_tags or {}
  check_url(given.url, consumers.reach(store))
  check_events(types)
  check_tags(tags)
  local row = { id = core.uuid(), url = given.url, disabled = given.disabled == true,
    event_types = types, company_tags = tags, created = time.now() }
  local text, secret = new_secret()
  -- if the process dies between the two writes, a sealed secret without a consumer is harmless
  credentials.keep(store, owner_of(row.id), secret)
  if not store:add_webhook_consumer(row, consumers.MOST) then
    store:drop_secret(owner_of(row.id))
    errors.throw("conflict", ("there are %d webhook consumers already; delete one first")
      :format(consumers.MOST))
  end
  return row, text
end

--- Delete a consumer with its secrets and its undelivered webhooks.
---@param store commerce.Store
---@param id string
---@return boolean removed false if the consumer does not exist
function consumers.remove(store, id)
  if not store:delete_webhook_consumer(id) then
    return false
  end
  store:drop_secret(owner_of(id))
  store:drop_secret(owner_of_old(id))
  return true
end

-- ---------------------------------------------------------------- secrets

local OVERLAP = 86400 -- seconds that an old secret still signs

-- nil if nothing is stored
local function opened(store, owner)
  return credentials.open(store, owner)
end

--- Replace a consumer's secret.
---@param store commerce.Store
---@param id string
---@return string secret the new one; it cannot be read again
function consumers.renew_secret(store, id)
  local old = opened(store, owner_of(id))
  if old then
    credentials.keep(store, owner_of_old(id), old)
  end
  local text, secret = new_secret()
  credentials.keep(store, owner_of(id), secret)
  return text
end

local function old_secret(store, id, now)
  local row = store:secret(owner_of_old(id))
  if not row then
    return nil
  elseif now - time.parse(row.modified) > OVERLAP then
    store:drop_secret(owner_of_old(id))
    return nil
  end
  return opened(store, owner_of_old(id))
end

--- The secrets that sign a consumer's webhooks. A consumer without a secret gets one.
---@param store commerce.Store
---@param id string
---@param now number unix seconds
---@return commerce.core.Secret[] secrets the present one first
function consumers.secrets(store, id, now)
  local secret = opened(store, owner_of(id))
  if not secret then
    secret = select(2, new_secret())
    credentials.keep(store, owner_of(id), secret)
  end
  return { secret, old_secret(store, id, now) }
end

return consumers
