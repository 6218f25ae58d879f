-- The edge of `commerce serve`: what strangers can send, see and read.
-- Runs under one runtime: nginx answers; serve_spec has the command that starts it.

local client = require "spec.support.api_client"
local http = require "socket.http"
local json = require "commerce.base.json"
local ltn12 = require "ltn12"
local serving = require "spec.support.serving"
local socket = require "socket"

describe("the edge of commerce serve", function()
  local server

  before_each(function()
    server = serving.new()
  end)

  after_each(function()
    server:close()
  end)

  -- What a connection is answered that sends these bytes and then waits for the end.
  local function send(bytes)
    local connection = socket.tcp()
    connection:settimeout(10)
    assert(connection:connect("127.0.0.1", server.port))
    connection:send(bytes)
    connection:shutdown "send"
    local answer, _, part = connection:receive "*a"
    connection:close()
    return answer or part
  end

  it("answers what nginx refuses as the API does, and logs no query", function()
    server:start "--no-worker"
    local long = ("x"):rep(1100000)
    for head, status in pairs {
      ["GET /?code=ac_PLANTED HTTP/1.1\r\n\r\n"] = 400,
      ["GET /?code=ac_PLANTED HTTP/1.1\r\nHost: a b\r\n\r\n"] = 400,
      ["GET /?code=ac_PLANTED HTTP/1.1\r\nHost: x\r\nX: " .. long:sub(1, 40000)
        .. "\r\n\r\n"] = 400,
      ["GET /" .. long:sub(1, 20000) .. "?code=ac_PLANTED HTTP/1.1\r\nHost: x\r\n\r\n"] = 414,
      ["GET /?code=ac_PLANTED HTTP/9.x\r\n\r\n"] = 505,
      ["TRACE /?code=ac_PLANTED HTTP/1.1\r\nHost: x\r\n\r\n"] = 405,
      ["GET /commerce/refused/413?code=ac_PLANTED HTTP/1.1\r\nHost: x\r\n\r\n"] = 404,
      ["POST /?code=ac_PLANTED HTTP/1.1\r\nHost: x\r\nContent-Length: 1100000\r\n\r\n"
        .. long] = 413,
      ["POST /?code=ac_PLANTED HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. "10c8e0\r\n" .. long .. "\r\n0\r\n\r\n"] = 411,
      ["POST /companies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. "10c8e0\r\n" .. long .. "\r\n0\r\n\r\n"] = 413,
      ["POST /companies?code=ac_PLANTED HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"
        .. long:sub(1, 1048577)] = 401, -- as large as a body that is looked at may be
    } do
      local answer = send(head)
      assert.equal(status, tonumber(answer:match "^HTTP/1%.1 (%d+)"), head:sub(1, 90) .. answer)
      local body = json.decode(answer:match "\r\n\r\n({.*})")
      assert.is_table(body, answer)
      assert.equal(status, body.statusCode)
      assert.is_string(body.correlationId)
      assert.matches("\r\nCache%-Control: no%-store\r\n", answer)
    end
    server:stop()
    assert.is_nil((server.box:read "out" .. server.box:read "err"):find("PLANTED", 1, true))
  end)

  it("shows its metrics to this machine, and to others with a key", function()
    server:start "--no-worker"
    local key = client.base64(server.box:read("out"):match "first key +(%S+)")
    local function metrics(header)
      return tonumber(send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" .. header
        .. "\r\n"):match "^HTTP/1%.1 (%d+)")
    end
    assert.equal(200, metrics "")
    local many = ("X: y\r\n"):rep(200) -- of a client's, before those that a proxy adds
    for _, header in ipairs { "X-Forwarded-For: 127.0.0.1\r\n", "Forwarded: for=127.0.0.1\r\n",
      "Via: 1.1 proxy\r\n", "X-Forwarded-For: \r\n", many .. "Via: 1.1 proxy\r\n" } do
      assert.equal(401, metrics(header))
      assert.equal(401, metrics(header .. "Authorization: Basic eA==\r\n"))
      assert.equal(200, metrics(header .. "Authorization: Basic " .. key .. "\r\n"))
    end
    server:stop()
  end)

  -- The status of the 61st form that a client sends, each with another X-Forwarded-For.
  local function last_of_many(client_of)
    local _, status
    for i = 1, 61 do
      _, status = http.request { method = "POST", redirect = false,
        url = ("http://127.0.0.1:%d/link/start/x"):format(server.port),
        headers = { ["content-length"] = 0, ["x-forwarded-for"] = client_of(i) },
        sink = ltn12.sink.null() }
    end
    return status
  end

  it("believes a proxy about its clients' addresses only if told to", function()
    local function rotating(i)
      return ("203.0.113.%d"):format(i)
    end
    server:start "--no-worker"
    assert.equal(429, last_of_many(rotating))
    server:stop()
    server:start "--no-worker --trust-proxy 127.0.0.0/8 --trust-proxy ::1"
    assert.equal(404, last_of_many(rotating))
    assert.equal(429, last_of_many(function(i)
      return rotating(i) .. ", 198.51.100.1" -- what a client writes in front counts for nothing
    end))
    server:stop()
  end)

  for arguments, words in pairs {
    ["--trust-proxy 'x;'"] = "expected an address or a network",
    ["--trust-proxy 1.2.3/8"] = "expected an address or a network",
  } do
    it("says what is wrong with " .. arguments, function()
      local status, _, errors = server.box:commerce("serve " .. arguments)
      assert.equal(2, status)
      assert.is_truthy(errors:find(words, 1, true), errors)
    end)
  end
end)
