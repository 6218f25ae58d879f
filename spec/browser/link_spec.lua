-- Link in a real browser, inside a page of another origin: `make test-browser`, which installs
-- chromium. See spec/sdk/link.js.

local auth = require "commerce.http.auth"
local client = require "spec.support.api_client"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local nginx = require "spec.support.nginx"
local origins = require "commerce.http.origins"
local sandbox = require "spec.support.sandbox"

local SHOP = "acct_1MerchantShop"

describe("Link in a browser", function()
  local e, box, made, server, port
  master_key.use(master_key.ONE)

  before_each(function()
    e = emulator.start { charges = 5 }
    e:control("accounts", { { id = SHOP, name = "Merchant Shop", charges = 5,
      connected = false } })
    box = sandbox.new {}
    local store = "sqlite:" .. box:path "commerce.db"
    made = client.new({}, store)
    server = nginx.start("examples/nginx.conf", { COMMERCE_STORE = store,
      COMMERCE_MASTER_KEY = master_key.ONE, STRIPE_API_BASE = e.base,
      STRIPE_CONNECT_BASE = e.base }, function(text)
      return text:gsub("env COMMERCE_STORE;", "env STRIPE_API_BASE;\nenv STRIPE_CONNECT_BASE;\n%0",
        1)
    end)
    e:control("platforms", { account = "acct_1CommerceShop001",
      redirect_uris = { server.base .. "/codat/oauth/callback" } })
    assert(made.app:set_integration("stripe-test", { client_id = "ca_EmulatorTest",
      secret_key = "sk_test_emulator", enabled = true }))
    port = emulator.free_port()
    origins.save(made.store, { ("http://localhost:%d"):format(port) })
  end)

  after_each(function()
    server:stop()
    e:stop()
    made:close()
    box:close()
  end)

  it("connects and disconnects in another site's page, and nowhere else", function()
    local status, output, errors = box:run("node spec/sdk/link.js", { SERVER_URL = server.base
      .. "/codat", COMPANY = client.COMPANY, TOKEN = auth.create_token(made.store, client.COMPANY),
      ACCOUNT = SHOP, PORT = ("%d"):format(port) })
    assert.equal(0, status, output .. errors .. server:log())
    assert.is_truthy(output:find("\nok all\n", 1, true), output)
    assert.equal(1, #made.store:connections { status = "Unlinked" })
  end)
end)
