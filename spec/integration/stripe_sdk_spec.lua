-- Stripe's own client for Node drives the emulator, so that the emulator is what programs take for
-- Stripe, and signs a webhook for the receiver in a real nginx. See spec/sdk.
-- Runs under one runtime: Node drives what runs in nginx.

local commands = require "spec.support.commands"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local nginx = require "spec.support.nginx"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local KEY, SECRET = "sk_test_emulator", "whsec_spec_of_stripes_own_client"
local ACCOUNT = "acct_1CommerceShop001"

describe("Stripe's SDK", function()
  local e, box, server, cli, path

  setup(function()
    e = emulator.start { charges = 300, compact = true }
    box = sandbox.new {}
    path = box:path "commerce.db"
    box.environment = { COMMERCE_STORE = "sqlite:" .. path, STRIPE_API_BASE = e.base,
      STRIPE_SECRET_KEY = KEY, COMMERCE_MASTER_KEY = master_key.ONE, HOOK_KEY = SECRET }
    cli = commands.new(box)
    cli:ok "sync --keep-key --type customers"
    cli:ok("integrations add-webhook-secret stripe-test --secret-env HOOK_KEY --account "
      .. ACCOUNT)
    server = nginx.start("examples/nginx.conf", { COMMERCE_STORE = box.environment.COMMERCE_STORE,
      COMMERCE_MASTER_KEY = master_key.ONE })
  end)

  teardown(function()
    server:stop()
    e:stop()
    box:close()
  end)

  it("reads every list, object and error, and signs what the receiver stores", function()
    local status, output, errors = box:run("NODE_PATH=build/sdk/node_modules node "
      .. "spec/sdk/stripe.js", { EMULATOR = e.base, KEY = KEY, ACCOUNT = ACCOUNT,
      HOOK_URL = server.base .. "/codat/webhooks/stripe-test", HOOK_SECRET = SECRET })
    assert.equal(0, status, output .. errors .. server:log())
    assert.is_truthy(output:find("\nok all\n", 1, true), output)
    assert.is_nil(sandbox.leak(server:log(), SECRET))
    local renamed = "SELECT count(*) FROM customers WHERE customer_name IN "
      .. "('By Stripe''s client', 'By a thin event')"
    assert.equal(0, rows.number(path, renamed))
    cli:ok "worker --once"
    assert.equal(2, rows.number(path, renamed))
  end)
end)
