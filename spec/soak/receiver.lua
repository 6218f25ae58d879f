-- A server for webhooks, with nothing behind it but the library: what comes in is kept for every
-- database there is before it is acknowledged, and applied between two deliveries. It runs until
-- it is killed, and that may be in the middle of anything.
--   SOAK_STORES='[{"path":…,"key":…}]' SOAK_PORT=… SOAK_SECRET=whsec_… SOAK_ACCOUNT=acct_…

local cjson = require "cjson"
local commerce = require "commerce"
local socket = require "socket"

local ACCOUNT, SECRET = os.getenv "SOAK_ACCOUNT", os.getenv "SOAK_SECRET"
local EVERY = 0.6 -- seconds between two looks at what has come in

local stores = cjson.decode(os.getenv "SOAK_STORES")

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
  io.stdout:flush()
end

for _, store in ipairs(stores) do
  store.app = assert(commerce.open { store = "sqlite:" .. store.path })
end

local function request_of(client)
  client:settimeout(2)
  local headers = {}
  client:receive "*l"
  while true do
    local line = client:receive "*l"
    if not line or line == "" then
      break
    end
    local name, value = line:match "^([^:]+):%s*(.*)$"
    headers[name:lower()] = value
  end
  return client:receive(tonumber(headers["content-length"] or 0)), headers["stripe-signature"]
end

-- Whether it may be acknowledged.
local function take_in(body, signature)
  for _, store in ipairs(stores) do
    local received, message = store.app:receive_webhook(body, signature, { integration = "stripe",
      secrets = { SECRET }, account = ACCOUNT, now = os.time() })
    if not received then
      say("refused", message)
      return false
    end
    say(received.ignored and "ignored" or received.kept > 0 and "kept" or "known already")
  end
  return true
end

local function serve(client)
  local body, signature = request_of(client)
  if body then
    client:send(("HTTP/1.1 %d Soak\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
      :format(take_in(body, signature) and 200 or 500))
  end
  client:close()
end

local function apply(store)
  local report, message
  if not store.shop then
    store.shop, message = store.app:connect { secret_key = store.key, timeout = 2, retries = 2,
      backoff = 0.05, backoff_cap = 0.2 }
  end
  if store.shop then
    report, message = store.shop:apply_events()
  end
  if not report then
    if store.shop then
      store.shop:close()
    end
    store.shop = nil -- its key may be a good one again the next time
  end
  say(report and (report.complete and "applied" or "applied in part") or "not applied", message)
end

local listener = assert(socket.bind("127.0.0.1", tonumber(os.getenv "SOAK_PORT")))
local applied, turn = socket.gettime(), 0
while true do
  listener:settimeout(0.1)
  local client = listener:accept()
  if client then
    serve(client)
  end
  if socket.gettime() - applied > EVERY then
    applied, turn = socket.gettime(), turn % #stores + 1
    apply(stores[turn])
  end
end
