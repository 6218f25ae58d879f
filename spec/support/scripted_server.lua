-- An HTTP server for specs that sends exactly the given responses. It is in the same process and
-- thread as the client: transport:run(0) never blocks, so one loop drives both ends.
--
--   local server = scripted_server.new { { body = "{}" }, { status = 500 }, "raw bytes" }
--   server:drive(transport, function() return call:poll() end)   -- until it gives no false
--   local session, transport = server:session { retries = 0 }    -- a client, with a test key
--   server.requests[1].path, .query["created[gte]"], .headers["stripe-version"], .at
--
-- An answer is raw bytes, a function(request) returning an answer, or a table:
--   status (200), headers, body ("")   as they say; content-length is added
--   after     seconds to wait before answering
--   cut       send only so many bytes of the body, then close
--   reset     send nothing and reset the connection
--   hang      never answer
--   close     close the connection after the answer
-- Answers are given in the order in which requests arrive; a request too many gets a 500.

local core = require "commerce.core"
local socket = require "socket"

local server_methods = {}
local server_mt = { __index = server_methods }

local function unescape(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local function parse_pairs(text)
  local fields = {}
  for key, value in text:gmatch("([^&=]+)=([^&]*)") do
    fields[unescape(key)] = unescape(value)
  end
  return fields
end

local function parse_request(head)
  local method, target = head:match("^(%S+) (%S+) HTTP/1%.1\r\n")
  local path, query = target:match("^([^?]*)%??(.*)$")
  local request = {
    method = method, target = target, path = path, query = parse_pairs(query), headers = {},
  }
  for name, value in head:gmatch("\r\n([^:\r\n]+):%s*([^\r\n]*)") do
    request.headers[name:lower()] = value
  end
  return request
end

local function render(answer)
  local body = answer.body or ""
  local lines = { ("HTTP/1.1 %d Scripted"):format(answer.status or 200) }
  for name, value in pairs(answer.headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  lines[#lines + 1] = "Content-Length: " .. #body
  if answer.cut then body = body:sub(1, answer.cut) end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

local function new(script)
  local listener = assert(socket.bind("127.0.0.1", 0))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  return setmetatable({
    listener = listener,
    url = "http://127.0.0.1:" .. port,
    script = script or {},
    requests = {},
    clients = {},
    in_flight = 0,
    most_in_flight = 0,
    connections = 0,
  }, server_mt)
end

function server_methods:_take_request(client)
  local head, stop = client.input:match("^(.-\r\n\r\n)()")
  if not head then return end
  local request = parse_request(head)
  local length = tonumber(request.headers["content-length"] or 0)
  if #client.input < stop - 1 + length then return end
  request.body = client.input:sub(stop, stop - 1 + length)
  client.input = client.input:sub(stop + length)
  request.at = socket.gettime()
  request.connection = client.number
  self.requests[#self.requests + 1] = request
  self.in_flight = self.in_flight + 1
  self.most_in_flight = math.max(self.most_in_flight, self.in_flight)
  local answer = self.script[#self.requests]
  if type(answer) == "function" then answer = answer(request) end
  if answer == nil then
    answer = {
      status = 500, headers = { ["Stripe-Should-Retry"] = "false" }, body = "the script is over",
    }
  end
  client.answer = type(answer) == "string" and { raw = answer } or answer
  client.due = request.at + (client.answer.after or 0)
end

function server_methods:_drop(client)
  if client.answer then self.in_flight = self.in_flight - 1 end
  client.socket:close()
  self.clients[client.socket] = nil
end

function server_methods:_serve(client)
  local data, err, part = client.socket:receive(65536)
  client.input = client.input .. (data or part or "")
  if err == "closed" then return self:_drop(client) end
  if not client.answer then self:_take_request(client) end
  local answer = client.answer
  if not answer or answer.hang or socket.gettime() < client.due then return end
  if answer.reset then
    client.socket:setoption("linger", { on = true, timeout = 0 })
    return self:_drop(client)
  end
  client.output = client.output or answer.raw or render(answer)
  local sent, why, some = client.socket:send(client.output, (client.sent or 0) + 1)
  client.sent = sent or some
  if why == "closed" then return self:_drop(client) end
  if client.sent < #client.output then return end
  if answer.cut or answer.close or answer.raw then return self:_drop(client) end
  client.answer, client.output, client.sent = nil, nil, nil
  self.in_flight = self.in_flight - 1
end

-- One round: takes connections and requests, sends what is due. Waits at most `wait` seconds.
function server_methods:step(wait)
  local sockets = { self.listener }
  for client_socket in pairs(self.clients) do sockets[#sockets + 1] = client_socket end
  socket.select(sockets, nil, wait or 0)
  local client_socket = self.listener:accept()
  while client_socket do
    client_socket:settimeout(0)
    self.connections = self.connections + 1
    self.clients[client_socket] = { socket = client_socket, input = "", number = self.connections }
    client_socket = self.listener:accept()
  end
  local clients = {}
  for _, client in pairs(self.clients) do clients[#clients + 1] = client end
  for _, client in ipairs(clients) do self:_serve(client) end
end

-- Drives both ends until fn() gives something other than false; returns what it gave.
function server_methods:drive(transport, fn, seconds)
  local deadline = socket.gettime() + (seconds or 10)
  while true do
    transport:run(0)
    local value, message, details = fn()
    if value ~= false then return value, message, details end
    if socket.gettime() > deadline then error("the scripted server waited too long", 2) end
    self:step(0.0005)
  end
end

-- A session with this server, impatient unless the options say otherwise, and its transport.
function server_methods:session(options)
  local given = { base_url = self.url, backoff = 0.002, backoff_cap = 0.01, timeout = 5 }
  for name, value in pairs(options or {}) do given[name] = value end
  given.transport = given.transport or core.transport()
  given.key = given.key or assert(core.secret "sk_test_scripted0123456789")
  return core.session(given), given.transport
end

function server_methods:close()
  for _, client in pairs(self.clients) do client.socket:close() end
  self.clients = {}
  self.listener:close()
end

-- A list envelope around objects given as JSON or as {id, created}.
local function list(objects, has_more)
  local data = {}
  for i, object in ipairs(objects) do
    data[i] = type(object) == "table"
      and ('{"id":"%s","object":"charge","created":%d}'):format(object[1], object[2]) or object
  end
  return ('{"object":"list","url":"/v1/charges","has_more":%s,"data":[%s]}')
    :format(tostring(has_more or false), table.concat(data, ","))
end

return { new = new, list = list }
