-- Sending webhooks: takes from the store's outbox what is due, posts it, and keeps what came of it.
-- Called by worker.
--
-- Each consumer is sent to by one process at a time, one webhook after the other; different
-- consumers do not wait for each other. What is on its way when the process dies is sent again,
-- under the same webhook-id.

local address = require "commerce.base.url"
local consumers = require "commerce.webhooks.consumers"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local events = require "commerce.store.events"
local payload = require "commerce.webhooks.payload"
local process = require "commerce.runtime.process"
local runtime = require "commerce.runtime"
local time = require "commerce.base.time"

local delivery = {}

-- As Codat documents it: the time to answer in, how long after which failed attempt the next one
-- comes, and after how long without any success a consumer is disabled.
local TIMEOUT = 15
local DELAYS = { 5, 300, 1800, 7200, 18000, 36000, 36000 }
local PATIENCE = 5 * 86400

local HELD = 60 -- seconds that a consumer is ours at most: longer than any attempt takes
local LOOK = 0.5 -- seconds between two looks at the outbox
local TIDY = 10 -- seconds between two looks for what the dead left and what is old
local MOST_OF_ANSWER = 65536 -- bytes that are read of an answer, of which nothing is wanted
local PAUSE, MOST_FAILURES = 1, 5 -- seconds after a failure of the store; how many in a row
local GRACE = 1 -- seconds to end what is on its way, when told to stop

local PUBLIC_URL = "http://127.0.0.1:8080" -- what `commerce serve` listens on

---@class commerce.Delivery
local methods = {}
local delivery_mt = { __name = "commerce.Delivery", __index = methods }

local OPTIONS = { log = "function", public_url = "string", clock = "function",
  ca_file = "string" }

--- Make what delivers.
---@param store commerce.Store
---@param options table? log: a function that gets events, tables with `event` ("webhook_failed",
---  "webhook_disabled", "webhook_held"), consumer_id and what else there is to tell, without
---  secrets; public_url: the address that merchants reach us at, for links in what is sent
---  ("http://127.0.0.1:8080"); clock: gives the time in unix seconds (os.time); ca_file: PEM file
---  of certificates to trust
---@return commerce.Delivery
function delivery.new(store, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local transport = core.transport { ca_file = options.ca_file, connect_timeout = TIMEOUT,
    max_connections = consumers.MOST }
  runtime.behind(transport) -- syncs do not wait for it
  return setmetatable({ store = store, id = process.name(), log = options.log or function() end,
    public_url = (options.public_url or PUBLIC_URL):gsub("/+$", ""),
    clock = options.clock or os.time, transport = transport, sending = {}, count = 0 },
    delivery_mt)
end

-- ---------------------------------------------------------------- one attempt

local function sign(secrets, id, at, body)
  local signatures = {}
  for i, secret in ipairs(secrets) do
    local signature, message, details = core.sign_webhook(secret, id, at, body)
    if not signature then
      return nil, message, details
    end
    signatures[i] = signature
  end
  return table.concat(signatures, " ")
end

-- Posts it; nothing is sent before the transport runs.
local function post(self, taken, secrets, reach)
  local body = payload.body(taken, self.public_url)
  local id, at = payload.webhook_id(taken.id), ("%d"):format(math.floor(self.clock()))
  local signature, message, details = sign(secrets, id, at, body)
  if not signature then
    return nil, message, details
  end
  local base, target = address.split(taken.url)
  local session = core.session { transport = self.transport, foreign = true, base_url = base,
    reach = reach, retries = 0, timeout = TIMEOUT, max_body = MOST_OF_ANSWER,
    headers = { { "webhook-id", id }, { "webhook-timestamp", at },
      { "webhook-signature", signature } } }
  return session:request { method = "POST", path = target, body = body }
end

-- Without the method and the host, which the consumer's address tells.
local function said(status, message)
  if status then
    return ("HTTP %d"):format(status)
  end
  return core.scrub((tostring(message):gsub("^%u+ %S+: ", ""))):sub(1, 300)
end

local function outcome_of(self, taken, status, message)
  local now, wait = self.clock(), DELAYS[taken.attempts + 1]
  local reached = status ~= nil and status >= 200 and status < 300
  return { status = reached and "delivered" or wait and "waiting" or "failed",
    due = now + (not reached and wait or 0), now = now, at = time.format(now),
    http_status = status, error = not reached and said(status, message) or nil,
    patience = PATIENCE }
end

local function settle(self, taken, status, message)
  local outcome = outcome_of(self, taken, status, message)
  local disabled, trouble, details = self.store:settle_delivery(self.id, taken, outcome)
  if disabled == nil then
    return nil, trouble, details
  end
  if outcome.error then
    self.log { event = "webhook_failed", consumer_id = taken.consumer_id, type = taken.type,
      id = payload.webhook_id(taken.id), attempt = taken.attempts + 1, message = outcome.error,
      given_up = outcome.status == "failed" }
  end
  if disabled then
    self.log { event = "webhook_disabled", consumer_id = taken.consumer_id,
      message = "nothing has reached it for 5 days; `commerce webhooks enable` sends to it again" }
  end
  return true
end

-- Begins an attempt. Where it is not the consumer's doing that there can be none, the consumer is
-- left alone until its time is over.
local function begin(self, taken, reach)
  local secrets, message, details = errors.catch(consumers.secrets, self.store, taken.consumer_id,
    self.clock())
  if not secrets then
    if type(details) == "table" and details.kind == "store" then
      return nil, message, details
    end
    self.log { event = "webhook_held", consumer_id = taken.consumer_id,
      message = core.scrub(tostring(message)) }
    return true
  end
  local made, call, why = errors.try(post, self, taken, secrets, reach)
  if not made or not call then
    return settle(self, taken, nil, made and why or call)
  end
  self.sending[taken.consumer_id] = { call = call, taken = taken }
  self.count = self.count + 1
  return true
end

-- ---------------------------------------------------------------- the outbox

-- Keeps what came of those that have ended; whether some have.
local function settle_ended(self)
  local ended = false
  for consumer_id, sending in pairs(self.sending) do
    local response, message, details = sending.call:poll()
    if response ~= false then
      self.sending[consumer_id], self.count, ended = nil, self.count - 1, true
      local status = response and response.status
        or type(details) == "table" and details.status or nil
      local ok, trouble, why = settle(self, sending.taken, status, message)
      if not ok then
        return nil, trouble, why
      end
    end
  end
  return ended
end

local function begin_due(self)
  local reach, message, details = consumers.reach(self.store)
  while reach and self.count < consumers.MOST do
    local taken, ok
    taken, message, details = self.store:take_delivery(self.id, self.clock(), HELD)
    if message then
      return nil, message, details
    elseif not taken then
      return true
    end
    ok, message, details = begin(self, taken, reach)
    if not ok then
      return nil, message, details
    end
  end
  return reach and true, message, details
end

-- On this host it can be seen that a sender has died: nobody need wait for its time to be over.
local function release_dead(self)
  local senders, message, details = self.store:webhook_senders(self.clock())
  for _, sender in ipairs(senders or {}) do
    if process.is_gone(sender) then
      local ok
      ok, message, details = self.store:release_consumers(sender)
      if not ok then
        return nil, message, details
      end
    end
  end
  return senders and true, message, details
end

local function tidy(self)
  local now = core.now()
  if self.tidied and now - self.tidied < TIDY then
    return true
  end
  self.tidied = now
  local ok, message, details = release_dead(self)
  if not ok then
    return nil, message, details
  end
  ok, message, details = self.store:forget_webhooks(time.format(self.clock() - events.KEPT))
  return ok and true, message, details
end

--- Do what there is to do without waiting.
---@param at_once boolean? look at the outbox even if that was done a moment ago
---@return integer? count how many are on their way; nil if the store failed
---@return string? message
---@return commerce.Details? details
function methods:step(at_once)
  local ended, message, details = settle_ended(self)
  if ended == nil then
    return nil, message, details
  end
  local now = core.now()
  if ended or at_once or not self.looked or now - self.looked >= LOOK then
    self.looked = now
    local ok
    ok, message, details = errors.catch(tidy, self)
    if ok then
      ok, message, details = errors.catch(begin_due, self)
    end
    if not ok then
      self.looked = nil
      return nil, message, details
    end
  end
  return self.count
end

-- ---------------------------------------------------------------- going on

-- Ends what is on its way, if that does not take long, and lets others send the rest.
local function stop(self)
  local deadline, idle = core.now() + GRACE, 0
  while self.count > 0 and core.now() < deadline do
    runtime.wait(self.transport, idle)
    idle = idle + 1
    local ended, message, details = settle_ended(self)
    if ended == nil then
      return nil, message, details
    end
  end
  self.sending, self.count = {}, 0
  return self.store:release_consumers(self.id)
end

--- Deliver until told to stop.
---@param stopping fun(): any
---@return boolean? ok nil if the store failed several times in a row
---@return string? message
---@return commerce.Details? details
function methods:run(stopping)
  local idle, failures = 0, 0
  while not stopping() do
    local count, message, details = self:step()
    failures = count and 0 or failures + 1
    if failures > MOST_FAILURES then
      return nil, message, details
    elseif not count then -- a lock, most likely; what was lost by it is sent again
      runtime.sleep(PAUSE, core.sleep, core.now)
    elseif count > 0 then
      runtime.wait(self.transport, idle)
      idle = idle + 1
    else
      runtime.sleep(LOOK, core.sleep, core.now)
      idle = 0
    end
  end
  return stop(self)
end

--- Deliver what is due now, each once.
---@param stopping fun(): any
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function methods:drain(stopping)
  local count, message, details = self:step(true)
  local idle = 0
  while count and count > 0 and not stopping() do
    runtime.wait(self.transport, idle)
    idle = idle + 1
    count, message, details = self:step()
  end
  if not count then
    return nil, message, details
  end
  return stop(self)
end

--- Close its connections.
function methods:close()
  self.transport:close()
end

errors.protect_methods(methods)

return delivery
