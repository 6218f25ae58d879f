-- A receiver of webhooks: an HTTP server in the test's own process that keeps the requests.
--
--   local sink = webhook_sink.new()                 -- sink.url
--   local got = sink:receive(3)                     -- waits for three
--   got[1].body, got[1].headers["stripe-signature"], got[1].event (decoded), got[1].status
--   sink:answer { 500, 200 }                        -- statuses of the next ones; then 200

local cjson = require "cjson"
local socket = require "socket"

local unpack = table.unpack or unpack -- luacheck: ignore

local sink_methods = {}
local sink_mt = { __index = sink_methods }

local function new()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  return setmetatable({ listener = listener, url = ("http://127.0.0.1:%d/hook"):format(port),
    statuses = {}, received = {}, silent = {} }, sink_mt)
end

-- Says how the next requests are answered, in turn.
function sink_methods:answer(statuses) self.statuses = statuses end

function sink_methods:_serve(client)
  client:settimeout(2)
  local request = { headers = {}, line = client:receive "*l" }
  while true do
    local line = client:receive "*l"
    if not line or line == "" then break end
    local name, value = line:match "^([^:]+):%s*(.*)$"
    request.headers[name:lower()] = value
  end
  request.body = client:receive(tonumber(request.headers["content-length"] or 0)) or ""
  local ok, event = pcall(cjson.decode, request.body)
  request.event = ok and event or nil
  request.status = table.remove(self.statuses, 1) or 200
  client:send(("HTTP/1.1 %d Sink\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    :format(request.status))
  client:close()
  self.received[#self.received + 1] = request
  return request
end

-- Waits until `count` more requests have come, or so many seconds have passed; returns them. A
-- client that has connected and sent nothing yet is not waited for: it may be in this process.
function sink_methods:receive(count, seconds)
  local got, deadline = {}, socket.gettime() + (seconds or 5)
  repeat
    local left = math.max(deadline - socket.gettime(), 0)
    local ready = socket.select({ self.listener, unpack(self.silent) }, nil, left)
    if ready[self.listener] then
      self.silent[#self.silent + 1] = self.listener:accept()
    end
    local i = 1
    while self.silent[i] and #got < count do
      if ready[self.silent[i]] then
        got[#got + 1] = self:_serve(table.remove(self.silent, i))
      else
        i = i + 1
      end
    end
  until #got >= count or socket.gettime() >= deadline
  return got
end

function sink_methods:close() self.listener:close() end

return { new = new }
