-- Sends webhooks: takes the due ones from the store's outbox, posts them, and stores the outcome.
--
-- One process at a time sends to a consumer, one webhook after the other; a slow consumer does not
-- delay the others. If the process dies while it sends a webhook, the webhook is sent again with
-- the same webhook-id.

local address = require "commerce.base.url"
local backoff = require "commerce.runtime.backoff"
local consumers = require "commerce.webhooks.consumers"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local event_rules = require "commerce.store.event_rules"
local handle = require "commerce.store.handle"
local jobs = require "commerce.runtime.jobs"
local payload = require "commerce.webhooks.payload"
local process = require "commerce.runtime.process"
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
local PAUSE, LONGEST_PAUSE = 1, 60 -- seconds after a failure of the store
local MOST_FAILURES = 5 -- in a row, of a kind that does not pass by itself
local GRACE = 1 -- seconds to end what is on its way, when told to stop

local PUBLIC_URL = "http://127.0.0.1:8080" -- what `commerce serve` listens on

---@class commerce.Delivery
local methods = {}
local delivery_mt = { __name = "commerce.Delivery", __index = methods }

---@class commerce.DeliveryOptions
---@field log (fun(event: table<string, any>))? gets events, tables with `event` ("webhook_failed",
---  "webhook_disabled", "webhook_held"), consumer_id and further facts, without secrets
---@field public_url string? the address that merchants reach us at, for links in what is sent
---  ("http://127.0.0.1:8080")
---@field clock (fun(): number)? the time in unix seconds (os.time)
---@field ca_file string? PEM file of certificates to trust

local OPTIONS = { log = "function", public_url = "string", clock = "function",
  ca_file = "string" }

--- Make what delivers.
---@param store commerce.Store
---@param options commerce.DeliveryOptions?
---@return commerce.Delivery
function delivery.new(store, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local transport = core.transport { ca_file = options.ca_file, connect_timeout = TIMEOUT,
    max_connections = consumers.MOST }
  jobs.behind(transport) -- syncs do not wait for it
  return setmetatable({ store = handle(store), id = process.name(),
    log = options.log or function() end,
    public_url = (options.public_url or PUBLIC_URL):gsub("/+$", ""),
    clock = options.clock or os.time, transport = transport }, delivery_mt)
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
  return core.scrub(errors.public((tostring(message):gsub("^%u+ %S+: ", "")))):sub(1, 300)
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
  local disabled = self.store:settle_delivery(self.id, taken, outcome)
  if outcome.error then
    self.log { event = "webhook_failed", consumer_id = taken.consumer_id, type = taken.type,
      id = payload.webhook_id(taken.id), attempt = taken.attempts + 1, message = outcome.error,
      given_up = outcome.status == "failed" }
  end
  if disabled then
    self.log { event = "webhook_disabled", consumer_id = taken.consumer_id,
      message = "nothing has reached it for 5 days; `commerce webhooks enable` sends to it again" }
  end
end

-- The secrets that a webhook is signed with. Without them the consumer is left alone until its time
-- is over, since the failure is not the consumer's.
local function secrets_for(self, taken)
  local secrets, message, details = errors.catch(consumers.secrets, self.store, taken.consumer_id,
    self.clock())
  if secrets then
    return secrets
  elseif type(details) == "table" and details.kind == "store" then
    errors.rethrow(details)
  end
  self.log { event = "webhook_held", consumer_id = taken.consumer_id,
    message = core.scrub(tostring(message)) }
end

-- A failure of the store ends no other attempt: the webhook is sent again when the consumer's time
-- is over.
local function attempt(self, taken, secrets, reach)
  local made, call, why = errors.try(post, self, taken, secrets, reach)
  local response, message, details
  if made and call then
    response, message, details = jobs.await(self.transport, call)
  else
    message = made and why or call
  end
  if not made and not errors.is_failure(call) then -- its place must not be stored
    self.log { event = "internal_error", consumer_id = taken.consumer_id,
      message = core.scrub(tostring(call)) }
    message = "an unexpected error occurred"
  end
  local status = response and response.status
    or type(details) == "table" and details.status or nil
  local settled, failure = errors.try(settle, self, taken, status, message)
  if not settled and not errors.is_failure(failure) then
    error(failure, 0)
  end
  self.trouble = not settled and failure or self.trouble
end

-- ---------------------------------------------------------------- the outbox

-- Each webhook that is due is sent by a job of its own. Gives how many were begun.
local function begin_due(self, group)
  local reach, begun = errors.must(consumers.reach(self.store)), 0
  while group.count < consumers.MOST do
    local taken = self.store:take_delivery(self.id, self.clock(), HELD)
    if not taken then
      break
    end
    local secrets = secrets_for(self, taken)
    if secrets then
      begun = begun + 1
      group:add(function()
        attempt(self, taken, secrets, reach)
      end)
    end
  end
  return begun
end

-- A dead sender of this PID namespace is known at once: its consumers need not wait for their time
-- to be over.
local function release_dead(self)
  for _, sender in ipairs(self.store:webhook_senders(self.clock())) do
    if process.is_gone(sender) then
      self.store:release_consumers(sender)
    end
  end
end

local function tidy(self)
  local now = core.now()
  if not self.tidied or now - self.tidied >= TIDY then
    self.tidied = now
    release_dead(self)
    local before = event_rules.kept_since(self.store:setting(event_rules.RETENTION), self.clock())
    if before then
      self.store:forget_webhooks(before)
    end
  end
end

-- Gives how many webhooks were begun. Raises the store's failure, also one of an attempt.
local function look(self, group)
  tidy(self)
  local begun, trouble = begin_due(self, group), self.trouble
  self.trouble = nil
  if trouble then
    errors.rethrow(trouble)
  end
  return begun
end

-- ---------------------------------------------------------------- going on

-- Attempts that end within the grace period are settled; others may send the rest.
local function stop(self, group)
  local deadline = core.now() + GRACE
  while group.count > 0 and core.now() < deadline do
    group:wait(deadline - core.now())
  end
  group:cancel()
  self.store:release_consumers(self.id)
end

-- Waits after a failure, while what is on its way goes on.
local function rest(group, seconds, stopping)
  local left = seconds / LOOK
  while left > 0 and not stopping() do
    left = left - 1
    if group.count > 0 then
      group:wait(LOOK)
    else
      jobs.sleep(LOOK)
    end
  end
end

--- Deliver until told to stop.
---@param stopping fun(): any
---@return boolean? ok nil if the store failed several times in a row, and not because it was locked
---  or the disk was full
---@return string? message
---@return commerce.Failure? failure
function methods:run(stopping)
  local failures, pauses = 0, backoff.new(PAUSE, LONGEST_PAUSE)
  jobs.group(function(group)
    while not stopping() do
      local begun, _, failure = errors.catch(look, self, group)
      failures = not begun and not failure.retryable and failures + 1 or 0
      if failures > MOST_FAILURES then
        errors.rethrow(failure)
      elseif begun then
        pauses:reset()
        group:wait(LOOK)
      else
        rest(group, pauses:next(), stopping)
      end
    end
    stop(self, group)
  end)
  return true
end

--- Deliver what is due now, each once.
---@param stopping fun(): any
---@return integer? begun how many webhooks were sent, or tried to; nil if the store failed
---@return string? message
---@return commerce.Failure? failure
function methods:drain(stopping)
  return jobs.group(function(group)
    local begun = look(self, group)
    while group.count > 0 and not stopping() do
      group:wait(LOOK)
      begun = begun + look(self, group)
    end
    stop(self, group)
    return begun
  end)
end

--- Close its connections.
function methods:close()
  self.transport:close()
end

errors.protect_methods(methods)

return delivery
