-- Stripe's webhooks in the soak of workers: `commerce serve`, which receives them and is killed all
-- the time, and the sender, which does as Stripe does: an event that was not acknowledged is sent
-- again until it is, some are sent twice or more, and in any order. Shop 8 has an endpoint of its
-- own; the events of the others come from a Connect endpoint and name their account.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local http = require "socket.http"
local ltn12 = require "ltn12"
local shell = require "spec.support.shell"
local socket = require "socket"

local stripe_webhooks = {}

local SECRET, OWN_SECRET = "whsec_soak_connect_0123456789", "whsec_soak_own_0123456789abc"
local OWN = "acct_soak8"
local LONGEST_ANSWER = 5 -- seconds

---@class spec.soak.StripeWebhooks
---@field waiting table[] events that are not acknowledged, and copies of some that are
---@field about table<string, table<string, integer>> by account: how many events each object has
---@field accepted integer events that were acknowledged
local methods = {}
local webhooks_mt = { __index = methods }

--- Prepare the store: it has the two endpoints' secrets.
---@param box table a sandbox with the store's URL
---@param e table the emulator
---@param options { count: fun(name: string), fail: fun(message: string) }
---@return spec.soak.StripeWebhooks
function stripe_webhooks.new(box, e, options)
  for secret, words in pairs { [SECRET] = "", [OWN_SECRET] = " --account " .. OWN } do
    local status, _, wrong = box:run("build/commerce integrations add-webhook-secret stripe-test "
      .. "--secret-env SOAK_SECRET" .. words, { SOAK_SECRET = secret })
    if status ~= 0 then
      options.fail(wrong)
    end
  end
  return setmetatable({ box = box, e = e, count = options.count, fail = options.fail,
    port = emulator.free_port(), waiting = {}, about = {}, accepted = 0 }, webhooks_mt)
end

-- ---------------------------------------------------------------- the server

local function is_alive(pid)
  return pid and shell.run("kill -0 " .. pid .. " 2>/dev/null") == 0
end

--- Start the server unless it runs.
function methods:serve()
  if not is_alive(self.pid) then
    local _, pid = shell.run(("%s >>%s 2>&1 </dev/null & echo $!"):format(self.box:command(
      "build/commerce serve --no-worker --listen 127.0.0.1:" .. self.port),
      self.box:path "serve.log"))
    self.pid = pid:match "%d+"
    self.count "server of webhooks started"
  end
end

local function children(pid)
  local _, pids = shell.run("pgrep -P " .. pid)
  return (pids:gsub("%s+", " "))
end

local ENDS = {
  function(self) -- the next one ends the nginx that is left
    shell.run("kill -KILL " .. self.pid)
  end,
  function(self) -- with all that it has started
    local nginx = children(self.pid)
    local workers = nginx:gsub("%d+", children)
    shell.run(("kill -KILL %s %s %s"):format(self.pid, nginx, workers))
  end,
  function(self) -- one worker of nginx
    local worker = children(self.pid):gsub("%d+", children):match "%d+"
    shell.run("kill -KILL " .. (worker or ""))
  end,
  function(self)
    shell.run("kill -TERM " .. self.pid)
  end,
}

--- End the server, or a part of it, in one of the ways that servers end.
function methods:disturb()
  if is_alive(self.pid) then
    ENDS[math.random(#ENDS)](self)
    self.count "server of webhooks killed or stopped"
  end
end

--- End the server for good.
function methods:close()
  if is_alive(self.pid) then
    shell.run("kill -TERM " .. self.pid)
    shell.wait_for_end(self.pid)
  end
end

-- ---------------------------------------------------------------- the sender

--- Queue the events of changes.
---@param account string
---@param key string the account's
---@param ids string[] of events
function methods:add(account, key, ids)
  local about = self.about[account] or {}
  self.about[account] = about
  for _, id in ipairs(ids) do
    local status, body = self.e:get("/v1/events/" .. id, key)
    if status ~= 200 then
      self.fail(("the emulator has no event %s: %s %s"):format(id, tostring(status), body))
    end
    local object = cjson.decode(body).data.object.id
    about[object] = (about[object] or 0) + 1
    if account ~= OWN then
      body = body:gsub("^%s*{", ('{"account":"%s",'):format(account), 1)
    end
    table.insert(self.waiting, math.random(#self.waiting + 1), { id = id, body = body, due = 0,
      secret = account == OWN and OWN_SECRET or SECRET })
  end
end

local function post(self, event)
  local t = os.time()
  local header = self.e:control("sign", { secret = event.secret, t = t, body = event.body }).header
  local chunks = {}
  local longest = http.TIMEOUT
  http.TIMEOUT = LONGEST_ANSWER
  local _, status = http.request { method = "POST", sink = ltn12.sink.table(chunks),
    url = ("http://127.0.0.1:%d/webhooks/stripe-test"):format(self.port),
    source = ltn12.source.string(event.body), headers = { ["stripe-signature"] = header,
      ["content-length"] = #event.body, ["content-type"] = "application/json" } }
  http.TIMEOUT = longest
  return status, table.concat(chunks)
end

-- No answer is a server that was killed; with 503 it says that PostgreSQL does not answer.
local function settle(self, event, status, body)
  if status == 200 then
    self.count(event.accepted and "inbound webhook accepted again" or "inbound webhook accepted")
    self.accepted = self.accepted + (event.accepted and 0 or 1)
    if body:find("no linked connection", 1, true) then
      self.fail(("the webhook %s was not for any connection: %s"):format(event.id, body))
    end
    event.accepted, event.due = true, socket.gettime() + math.random(0, 5)
    return math.random(4) > 1
  elseif status == 503 or type(status) ~= "number" then
    self.count("inbound webhook not accepted: " .. tostring(status))
    event.due = socket.gettime() + 0.2 + math.random()
    return false
  end
  self.fail(("the webhook %s was answered with %d: %s"):format(event.id, status, body))
end

--- Send what is due, for so long at most.
---@param seconds number
function methods:send(seconds)
  local deadline = socket.gettime() + seconds
  local i = 1
  while self.waiting[i] and socket.gettime() < deadline do
    local event = self.waiting[i]
    if event.due <= socket.gettime() then
      local status, body = post(self, event)
      if settle(self, event, status, body) then
        table.remove(self.waiting, i)
        i = i - 1
      elseif type(status) ~= "number" then
        return
      end
    end
    i = i + 1
  end
end

return stripe_webhooks
