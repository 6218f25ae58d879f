-- `commerce serve`: the first minutes of somebody who has never run it.

local json = require "commerce.base.json"
local serving = require "spec.support.serving"
local shell = require "spec.support.shell"

describe("commerce serve", function()
  local server, box

  before_each(function()
    server = serving.new()
    box = server.box
  end)

  after_each(function()
    server:close()
  end)

  local function request(...)
    return server:request(...)
  end

  for _, signal in ipairs { "INT", "TERM", "HUP" } do
    it("prints where it is and a first key, answers, and stops all at SIG" .. signal, function()
      server:start()
      local said = box:read "out"
      local key = said:match "first key +(%S+)"
      assert.is_string(key, said)
      local status, body = request("/companies", key)
      assert.equal(200, status)
      assert.same({}, json.decode(body).results)
      assert.equal(401, (request "/companies"))
      assert.equal("3.1.0", json.decode((select(2, request "/openapi.json"))).openapi)
      assert.is_truthy(select(2, request "/metrics"):find("commerce_syncs_total 0", 1, true))
      server:stop(signal)
      assert.equal("", server:left())
      assert.equal("", server:errors())
      assert.equal("connection refused", (request "/health"))
      -- its log: one JSON object a line, without the key
      local log = box:read("out"):match "Ctrl%-C stops it%.\n(.*)$"
      assert.is_nil(log:find(key, 1, true))
      for line in log:gmatch "[^\n]+" do
        assert.is_table(json.decode(line), line)
      end
      -- the second time there is a key already
      server:start "--concurrency 3"
      assert.is_nil(box:read("out"):find("first key", 1, true))
      server:until_true("the worker has one at a time", function()
        return box:read("out"):find('"concurrency":3', 1, true)
      end)
      assert.equal(200, (request("/companies", key)))
    end)
  end

  it("serves alone with --no-worker", function()
    server:start("--no-worker --public-url https://data.example.com --trust-proxy 127.0.0.0/8 "
      .. "--trust-proxy ::1")
    assert.is_truthy(box:read("out"):find("on https://data.example.com", 1, true))
    assert.is_nil(box:read("out"):find('"started"', 1, true))
    server:stop()
    assert.equal("", server:left())
  end)

  for arguments, words in pairs {
    ["--concurrency 65"] = "--concurrency: expected a whole number from 1 to 64, got '65'",
    ["--listen 8080"] = "expected ADDRESS:PORT", ["--listen 127.0.0.1:0"] = "expected ADDRESS:PORT",
    ["--listen 1.2.3.4:8080"] = "Cannot assign requested address",
    ["--public-url 'x\" }'"] = "expected an address", ["--user 'no body'"] = "no such user",
    ["--user nonesuch"] = "there is no such user",
    ["--trust-proxy 'x;'"] = "expected an address or a network",
    ["--trust-proxy 1.2.3/8"] = "expected an address or a network",
  } do
    it("says what is wrong with " .. arguments, function()
      local status, output, errors = box:commerce("serve " .. arguments)
      assert.equal(2, status)
      assert.equal("", output)
      errors = errors:gsub("commerce: warning: this runs as root[^\n]*\n", "")
      assert.is_truthy(errors:find(words, 1, true), errors)
      assert.is_truthy(errors:find "^commerce: [^\n]+\n$", errors)
    end)
  end

  it("writes nothing that others may read #sqlite", function()
    shell.run("mkdir " .. server.box:path "tmp")
    server.box.environment.TMPDIR = server.box:path "tmp"
    server:start()
    local _, modes = shell.run(("find %s %s* -type f -printf '%%m %%f\\n'"):format(
      server.box.environment.TMPDIR, server.box:path "commerce.db"))
    for _, name in ipairs { "nginx.conf", "nginx.pid", "commerce.db", "commerce.db-wal" } do
      assert.is_truthy(modes:find("600 " .. name .. "\n", 1, true), modes)
    end
    assert.is_nil(modes:gsub("600 [^\n]*\n", ""):find "%S")
  end)

  it("makes the first key when it can show it", function()
    local taken = require "socket".bind("127.0.0.1", server.port)
    assert.equal(1, (box:commerce(("serve --listen 127.0.0.1:%d"):format(server.port))))
    taken:close()
    server:start()
    assert.is_truthy(box:read("out"):match "first key +(%S+)")
  end)

  it("says that another one has the port", function()
    server:start()
    local status, _, errors = box:commerce(("serve --listen 127.0.0.1:%d"):format(server.port))
    assert.equal(1, status)
    errors = errors:gsub("commerce: warning: this runs as root[^\n]*\n", "")
    assert.equal(("commerce: nginx: 127.0.0.1:%d: Address already in use: another program listens "
      .. "there; stop that one, or name another port with --listen\n"):format(server.port), errors)
  end)
end)
