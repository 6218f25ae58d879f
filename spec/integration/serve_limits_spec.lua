-- `commerce serve` when what it needs is lost, full or down. When it is killed: serve_trouble_spec.
-- Runs under one runtime: nginx answers; serve_spec has the command that starts it.

local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local master_key = require "spec.support.master_key"
local serving = require "spec.support.serving"
local shell = require "spec.support.shell"
local socket = require "socket"

describe("commerce serve", function()
  local server

  before_each(function()
    server = serving.new()
  end)

  after_each(function()
    server:close()
  end)

  it("writes to no file that has lost its name, and takes the one that is there #sqlite", function()
    server:start()
    local path = server.box:path "commerce.db"
    local function status_of(method)
      return (server:request("/companies", server.key, '{"name":"Shop"}', method))
    end
    shell.run(("mkdir %s.away; mv %s* %s.away 2>/dev/null"):format(path, path, path))
    assert.equal(503, status_of "POST")
    assert.equal(503, status_of "GET")
    assert.equal(503, (server:request "/ready"))
    assert.is_nil(io.open(path)) -- none was made in its place
    shell.run(("cp %s.away/commerce.db* %s"):format(path, server.box.folder))
    server:until_true("it does not answer", function()
      return status_of "GET" == 200
    end)
    assert.equal(200, status_of "POST")
  end)

  it("answers 503 where a file may not grow, loses nothing, and goes on reading #sqlite", function()
    server.before = "ulimit -f 1600;"
    server:start "--no-worker"
    local _, workers = server:nginx()
    local shop = ('{"name":"Shop","description":"%s"}'):format(("d"):rep(800))
    local answers_of = { [200] = 0, [503] = 0 }
    for _ = 1, 200 do
      local status = server:request("/companies", server.key, shop)
      answers_of[status] = (answers_of[status] or 0) + 1
    end
    local made, refused = answers_of[200], answers_of[503]
    assert.equal(200, made + refused)
    assert.is_true(made > 0 and refused > 0, made .. " made")
    local _, body = server:request("/companies?pageSize=1", server.key)
    assert.equal(made, json.decode(body).totalResults)
    assert.equal(workers, select(2, server:nginx())) -- none has died of it
  end)

  it("says that the core is not built for LuaJIT, which nginx runs", function()
    local other = server.box:path "other"
    shell.run(("mkdir -p %s/build && cp -r lua %s && cp -r build/commerce build/lua5.4 %s/build")
      :format(other, other, other))
    local status, _, said = shell.run(("env -u LUA_PATH -u LUA_CPATH LUA=lua5.4 %s/build/commerce "
      .. "serve --listen 127.0.0.1:%d --store sqlite:%s"):format(other, server.port,
      server.box:path "commerce.db"))
    assert.equal(1, status)
    assert.is_truthy(said:find("\ncommerce: nginx does not serve: the core is not built for "
      .. "LuaJIT, which nginx runs: `make` builds it where luajit is installed\n", 1, true), said)
  end)

  it("answers 502 while Stripe is down, and serves what is stored", function()
    server.box.environment.STRIPE_API_BASE = "http://127.0.0.1:" .. emulator.free_port()
    server.box.environment.COMMERCE_MASTER_KEY = master_key.ONE
    server:start "--no-worker"
    local function call(method, path, body)
      local status, answer = server:request(path, server.key, body, method)
      return status, json.decode(answer)
    end
    local _, company = call("POST", "/companies", '{"name":"Shop"}')
    local path = "/companies/" .. company.id .. "/connections"
    local _, connection = call("POST", path, '{"platformKey":"yzth"}')
    local status, answer = call("PUT", path .. "/" .. connection.id .. "/authorization",
      '{"secretKey":"sk_test_emulator"}')
    assert.equal(502, status, answer.error)
    assert.is_truthy(answer.error:find("Stripe cannot be reached", 1, true), answer.error)
    assert.equal(200, server:status())
  end)

  it("answers beside 1,100 idle connections", function()
    if shell.run "test $(ulimit -Hn) -ge 2500" ~= 0 then
      return -- this process may not open as many
    end
    server:start()
    -- a program of its own, since this one has a lower limit
    local script = server.box:write("idle.lua", [[
      local socket = require "socket"
      local held = {}
      for i = 1, 1100 do
        held[i] = assert(socket.tcp())
        assert(held[i]:connect("127.0.0.1", tonumber(arg[1])))
        if i % 2 == 0 then
          held[i]:send "GET /health HTTP/1.1\r\n" -- and never the rest
        end
      end
      print "ready"
      io.stdout:flush()
      socket.sleep(20)
    ]])
    local idle = io.popen(("echo $$; ulimit -n 2500; exec %s %s %d"):format("lua5.4", script,
      server.port))
    local pid = idle:read "*l"
    assert.equal("ready", idle:read "*l")
    for _ = 1, 20 do
      local began = socket.gettime()
      assert.equal(200, server:status())
      assert.is_true(socket.gettime() - began < 10) -- and not as long as the idle ones stay
    end
    shell.run("kill " .. pid)
    idle:close()
  end)
end)
