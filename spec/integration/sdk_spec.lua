-- Codat's own clients, @codat/platform and @codat/commerce, drive the API in a real nginx, with a
-- worker beside it and the emulator behind it. See spec/sdk.
-- Runs under one runtime: Node drives what runs in nginx; worker_spec has the worker.

local auth = require "commerce.http.auth"
local consumers = require "commerce.webhooks.consumers"
local emulator = require "spec.support.emulator"
local nginx = require "spec.support.nginx"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local store = require "commerce.store"

local STRIPE_KEY = "sk_test_emulator"
local MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

describe("Codat's SDKs", function()
  local e, box, server, key, worker

  setup(function()
    e = emulator.start { charges = 150, compact = true }
    box = sandbox.new {}
    local environment = { COMMERCE_STORE = "sqlite:" .. box:path "commerce.db",
      COMMERCE_MASTER_KEY = MASTER_KEY, STRIPE_API_BASE = e.base }
    local opened = assert(store.open(environment.COMMERCE_STORE))
    key = assert(auth.create(opened)).key
    consumers.set_reach(opened, "network")
    opened:close()
    server = nginx.start("examples/nginx.conf", environment, function(text)
      return text:gsub("env COMMERCE_STORE;", "env STRIPE_API_BASE;\n%0", 1)
    end)
    shell.run(("%s >%s 2>&1 & echo $! >%s"):format(box:command("build/commerce worker",
      environment), box:path "worker.log", box:path "worker.pid"))
    worker = box:read("worker.pid"):match "%d+"
  end)

  teardown(function()
    shell.run("kill " .. worker)
    server:stop()
    e:stop()
    box:close()
  end)

  -- A program of spec/sdk; without the packages it ends at once, and only its case fails.
  local function run(program)
    local status, output, errors = box:run("NODE_PATH=build/sdk/node_modules node spec/sdk/"
      .. program, { SERVER_URL = server.base .. "/codat", API_KEY = key, STRIPE_KEY = STRIPE_KEY })
    assert.equal(0, status, output .. errors .. server:log() .. box:read "worker.log")
    assert.is_truthy(output:find("\nok all\n", 1, true), output)
    local log = server:log() .. box:read "worker.log"
    assert.is_nil(log:find(key, 1, true))
    assert.is_nil(log:find(STRIPE_KEY, 1, true))
    return output
  end

  it("need another serverURL and nothing else", function()
    run "codat.js"
  end)

  it("succeed with every method that they have, but for those that fail at Codat, too", function()
    local output, packages = run "every.js", 0
    for count in ("\n" .. output):gmatch "\nok %S+ [%d.]+: (%d+) methods" do
      assert.is_true(tonumber(count) > 20, output)
      packages = packages + 1
    end
    assert.equal(5, packages, output)
  end)
end)
