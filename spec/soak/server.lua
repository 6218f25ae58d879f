-- `commerce serve` on a database of its own: nginx, whose clock is the machine's, and a worker,
-- whose clock is the emulator's or another one. It is killed, has no room on its disk, and is asked
-- all the time; Stripe's webhooks reach it.

local http = require "socket.http"
local json = require "cjson"
local ltn12 = require "ltn12"
local machine = require "spec.soak.machine"
local mime = require "mime"
local runs = require "spec.soak.runs"
local socket = require "socket"

local server = {}

local SECRET, ACCOUNT = "whsec_soak_served_0123456789", "acct_1CommerceShop001"
local MASTER_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
local LONGEST_ANSWER = 4 -- seconds; it waits for one second for a locked database
local LONGEST_WAIT = 120 -- seconds until a sync of everything is over

-- What may be answered: 404 and 409 while nothing has been synced, 503 while the database is locked
-- or full. No answer while it is not running.
local EXPECTED = { [200] = true, [202] = true, [404] = true, [409] = true, [503] = true }

local PATHS = { "/companies", "/companies/%s", "/companies/%s/connections",
  "/companies/%s/dataStatus", "/companies/%s/data/history",
  "/companies/%s/connections/%s/data/commerce-payments?pageSize=20&query=amount%%3E100",
  "/companies/%s/connections/%s/data/commerce-customers?pageSize=5&page=2",
  "/companies/%s/connections/%s/data/commerce-transactions",
  "/companies/%s/connections/%s/data/commerce-products" }
local TYPES = { "commerce-payments", "commerce-customers", "commerce-products",
  "commerce-disputes", "commerce-transactions" }

local function request(soak, method, path)
  local chunks = {}
  http.TIMEOUT = LONGEST_ANSWER
  local _, status = http.request { url = ("http://127.0.0.1:%d%s"):format(soak.served.port, path),
    method = method, sink = ltn12.sink.table(chunks),
    headers = { authorization = "Basic " .. (mime.b64(soak.served.api_key)) } }
  return status, table.concat(chunks)
end

local function process_of(soak)
  for _, process in ipairs(soak.processes.alive) do
    if process.server then
      return process
    end
  end
end

-- ---------------------------------------------------------------- the actors

local function start(soak, random)
  if process_of(soak) then
    return
  end
  local runtime = random:pick(soak.runtime_names)
  local ahead = random:chance(0.2) and random:pick { 900, 86400, -900 } or 0
  local command = runs.commerce(soak, soak.served, "serve --listen 127.0.0.1:"
    .. soak.served.port, runtime, ahead)
  if random:chance(0.2) then
    command = machine.without_room(command, soak.served, random)
    soak:count "servers without room on the disk"
  end
  soak.processes:start(command, { name = "serve", store = soak.served, server = true,
    runtime = runtime, kill_after = random:pick { 2, 6, 12, 25 } })
  soak:count "servers started"
  soak:count("servers by another clock", ahead ~= 0 and 1 or 0)
end

local function ask(soak, random)
  local process = process_of(soak)
  if not process or socket.gettime() - process.since < 0.5 then
    return
  end
  local path, method = random:pick(PATHS), "GET"
  if random:chance(0.15) then
    path, method = "/companies/%s/data/queue/" .. random:pick(TYPES), "POST"
  end
  path = path:gsub("%%s", soak.served.company, 1):gsub("%%s", soak.served.connection, 1)
    :gsub("%%%%", "%%")
  local status, body = request(soak, method, path)
  soak:count("answers of the server: " .. tostring(status))
  if type(status) == "number" and not EXPECTED[status] then
    soak:fail(("%s %s of the server gave %d: %s"):format(method, path, status, body:sub(1, 1000)))
  elseif body:find "%.lua:%d+" or body:find("SELECT ", 1, true)
    or body:find(soak.served.path, 1, true) then
    soak:fail(("%s %s of the server told of its inside: %s"):format(method, path,
      body:sub(1, 1000)))
  end
end

local function deliver(soak, random)
  soak.e:control("webhooks", { id = soak.served.webhook,
    url = ("http://127.0.0.1:%d/webhooks/stripe"):format(soak.served.port), secrets = { SECRET },
    key = soak.KEY, duplicate_probability = random:pick { 0, 0.3 },
    drop_probability = random:pick { 0, 0.2 }, reorder = random:pick { 1, 4 }, retries = 2 })
end

-- ---------------------------------------------------------------- before and after

local function must(soak, arguments)
  local process = soak.processes:start(runs.commerce(soak, soak.served, arguments),
    { name = arguments:match "%S+", store = soak.served })
  assert(soak.processes:wait(process, 120), arguments .. " does not end")
  for _, ended in ipairs(soak.processes:ended()) do
    if ended == process then
      assert(ended.status == 0, arguments .. ": " .. ended.errors)
      return ended.output
    end
  end
end

--- Make the database: it has read everything once, and its worker has the key.
---@param soak table
---@param port integer a free one
function server.prepare(soak, port)
  soak.served = { name = "served", path = soak.box:path "served.db", key = soak.KEY, port = port,
    environment = { COMMERCE_MASTER_KEY = MASTER_KEY, SOAK_SERVED_KEY = SECRET } }
  must(soak, "sync --keep-key")
  must(soak, "mode live")
  must(soak, "integrations add-webhook-secret stripe --secret-env SOAK_SERVED_KEY --account "
    .. ACCOUNT)
  soak.served.api_key = must(soak, "keys create --name soak"):match "%S+%s*$":match "%S+"
  local connection = json.decode(must(soak, "connections list --json"))
  soak.served.connection, soak.served.company = connection.id, connection.companyId
  soak.has_synced[soak.served] = true
  soak.served.webhook = soak.e:control("webhooks", { url = ("http://127.0.0.1:%d/webhooks/stripe")
    :format(port), secrets = { SECRET }, key = soak.KEY }).ids[1]
end

local function wait_until(soak, what, check)
  local deadline = socket.gettime() + LONGEST_WAIT
  while not check() do
    if socket.gettime() > deadline then
      soak:fail("the server: " .. what)
      return false
    end
    socket.sleep(0.1)
  end
  return true
end

-- Whether nothing is under way any more.
local function is_idle(soak)
  local status, body = request(soak, "GET", "/companies/" .. soak.served.company
    .. "/data/history?pageSize=100&orderBy=-requested")
  for _, pull in ipairs(status == 200 and json.decode(body).results or { {} }) do
    if not pull.isCompleted and not pull.isErrored then
      return false
    end
  end
  return status == 200
end

--- Let a server that nothing troubles read everything, and end it.
---@param soak table
---@return boolean ok
function server.settle(soak)
  local process = soak.processes:start(runs.commerce(soak, soak.served,
    "serve --listen 127.0.0.1:" .. soak.served.port), { name = "serve", store = soak.served,
    server = true, runtime = soak.first_runtime })
  local queued
  local ok = wait_until(soak, "does not become ready", function()
    return request(soak, "GET", "/ready") == 200
  end) and wait_until(soak, "does not end what it has begun", function()
    return is_idle(soak)
  end)
  if ok then
    queued = request(soak, "POST", "/companies/" .. soak.served.company .. "/data/all")
    ok = wait_until(soak, "does not sync", function()
      return is_idle(soak)
    end)
  end
  if ok and not (queued == 200 or queued == 202 or queued == 204) then
    soak:fail("the server refused to sync: " .. tostring(queued))
    ok = false
  end
  soak.processes:signal(process, "TERM")
  if not soak.processes:wait(process, 20) then
    soak:fail "the server does not end"
    soak.processes:kill(process)
    ok = false
  end
  return ok
end

--- What is done, and every how many seconds.
server.ACTORS = {
  { name = "serve", every = 0.5, act = start },
  { name = "ask", every = 0.15, act = ask },
  { name = "served webhooks", every = 4, act = deliver },
}

return server
