-- `commerce serve`: the first minutes of somebody who has never run it.

local client = require "spec.support.api_client"
local emulator = require "spec.support.emulator"
local http = require "socket.http"
local json = require "commerce.base.json"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

describe("commerce serve", function()
  local box, port

  before_each(function()
    port = emulator.free_port()
    box = sandbox.new {}
    box.environment = { COMMERCE_STORE = "sqlite:" .. box:path "commerce.db" }
  end)

  after_each(function()
    box:close()
  end)

  local function request(path, key)
    local chunks = {}
    local _, status = http.request { url = ("http://127.0.0.1:%d%s"):format(port, path),
      headers = { authorization = key and "Basic " .. client.base64(key) },
      sink = require("ltn12").sink.table(chunks) }
    return status, table.concat(chunks)
  end

  -- Starts it and waits until it answers; gives its process id.
  local function start(more)
    shell.run(("%s >%s 2>%s </dev/null & echo $! >%s"):format(
      box:command(("build/commerce serve --listen 127.0.0.1:%d %s"):format(port, more or "")),
      box:path "out", box:path "err", box:path "pid"))
    local deadline = socket.gettime() + 15
    while request "/ready" ~= 200 do
      assert.is_true(socket.gettime() < deadline, "it does not answer")
      socket.sleep(0.05)
    end
    while not box:read("out"):find "Ctrl%-C stops it" do
      socket.sleep(0.02)
    end
    return box:read("pid"):match "%d+"
  end

  local function stop(pid, signal)
    shell.run(("kill -%s %s"):format(signal, pid))
    shell.wait_for_end(pid)
  end

  -- The processes that have the store open or in their command line; the pattern is not found in
  -- its own.
  local function left(words)
    local _, found = shell.run(("pgrep -f %s"):format(shell.quote((words or "") .. ".*"
      .. box.folder .. "/[c]ommerce.db")))
    return (found:gsub("%s+$", ""))
  end

  for _, signal in ipairs { "INT", "TERM" } do
    it("prints where it is and a first key, answers, and stops all at SIG" .. signal, function()
      local pid = start()
      local said = box:read "out"
      local key = said:match "first key +(%S+)"
      assert.is_string(key, said)
      local status, body = request("/companies", key)
      assert.equal(200, status)
      assert.same({}, json.decode(body).results)
      assert.equal(401, (request "/companies"))
      assert.equal("3.1.0", json.decode((select(2, request "/openapi.json"))).openapi)
      assert.is_truthy(select(2, request "/metrics"):find("commerce_syncs_total 0", 1, true))
      stop(pid, signal)
      assert.equal("", left())
      assert.equal("", box:read "err")
      assert.equal("connection refused", (request "/health"))
      -- its log: one JSON object a line, without the key
      local log = box:read("out"):match "Ctrl%-C stops it%.\n(.*)$"
      assert.is_nil(log:find(key, 1, true))
      for line in log:gmatch "[^\n]+" do
        assert.is_table(json.decode(line), line)
      end
      -- the second time there is a key already
      pid = start()
      assert.is_nil(box:read("out"):find("first key", 1, true))
      assert.equal(200, (request("/companies", key)))
      stop(pid, signal)
    end)
  end

  it("ends when its worker dies, and says so", function()
    local pid = start()
    shell.run("kill -9 " .. left "worker --store")
    local deadline = socket.gettime() + 10
    while not box:read("err"):find "ended unexpectedly" do
      assert.is_true(socket.gettime() < deadline, box:read "err")
      socket.sleep(0.05)
    end
    stop(pid, "TERM")
    assert.equal("", left())
  end)

  -- The status of the 61st form that a client sends, each with another X-Forwarded-For.
  local function last_of_many(client_of)
    local _, status
    for i = 1, 61 do
      _, status = http.request { method = "POST", redirect = false,
        url = ("http://127.0.0.1:%d/link/start/x"):format(port),
        headers = { ["content-length"] = 0, ["x-forwarded-for"] = client_of(i) },
        sink = require("ltn12").sink.null() }
    end
    return status
  end

  it("believes a proxy about its clients' addresses only if told to", function()
    local function rotating(i)
      return ("203.0.113.%d"):format(i)
    end
    local pid = start "--no-worker"
    assert.equal(429, last_of_many(rotating))
    stop(pid, "TERM")
    pid = start "--no-worker --trust-proxy 127.0.0.0/8 --trust-proxy ::1"
    assert.equal(404, last_of_many(rotating))
    assert.equal(429, last_of_many(function(i)
      return rotating(i) .. ", 198.51.100.1" -- what a client writes in front counts for nothing
    end))
    stop(pid, "TERM")
  end)

  it("serves alone with --no-worker", function()
    local pid = start "--no-worker --public-url https://data.example.com"
    assert.is_truthy(box:read("out"):find("on https://data.example.com", 1, true))
    assert.is_nil(box:read("out"):find('"started"', 1, true))
    stop(pid, "TERM")
    assert.equal("", left())
  end)

  for arguments, words in pairs {
    ["--listen 8080"] = "expected ADDRESS:PORT", ["--listen 127.0.0.1:0"] = "expected ADDRESS:PORT",
    ["--listen 1.2.3.4:8080"] = "Cannot assign requested address",
    ["--public-url 'x\" }'"] = "expected an address",
    ["--trust-proxy 'x;'"] = "expected an address or a network",
    ["--trust-proxy 1.2.3/8"] = "expected an address or a network",
  } do
    it("says what is wrong with " .. arguments, function()
      local status, output, errors = box:commerce("serve " .. arguments)
      assert.equal(2, status)
      assert.equal("", output)
      assert.is_truthy(errors:find(words, 1, true), errors)
      assert.is_truthy(errors:find "^commerce: [^\n]+\n$", errors)
    end)
  end

  it("says that another one has the port", function()
    local pid = start()
    local status, _, errors = box:commerce(("serve --listen 127.0.0.1:%d"):format(port))
    assert.equal(1, status)
    assert.is_truthy(errors:find("Address already in use", 1, true), errors)
    assert.is_truthy(errors:find("commerce: nginx ended unexpectedly", 1, true), errors)
    stop(pid, "TERM")
  end)
end)
