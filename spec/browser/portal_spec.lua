-- The portal in a real browser, from the first run to the end: `make test-browser`, which installs
-- chromium. See spec/browser/portal.js. FOLDER=... keeps screenshots of every page.

local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local serving = require "spec.support.serving"

local AXE = "build/browser/node_modules/axe-core/axe.min.js"

describe("the portal in a browser", function()
  local e, server

  before_each(function()
    e = emulator.start { charges = 60 }
    server = serving.new()
    server.box.environment.COMMERCE_MASTER_KEY = master_key.ONE
    server.box.environment.STRIPE_API_BASE = e.base
    server:start()
  end)

  after_each(function()
    server:close()
    e:stop()
  end)

  it("leads from nothing to a merchant's data, on every screen without a serious fault", function()
    local setup = server.box:read("out"):match "begin at http://[^/]+(/portal/setup%S+)"
    local status, output, errors = server.box:run("node spec/browser/portal.js", {
      SERVER_URL = ("http://127.0.0.1:%d"):format(server.port), SETUP = setup,
      KEY = "sk_test_emulator", AXE = AXE, FOLDER = os.getenv "FOLDER" or false })
    assert.equal(0, status, output .. errors .. server:errors())
    assert.is_truthy(output:find("\nok all\n", 1, true), output)
    assert.equal("", server:errors())
  end)
end)
