-- The commands that set up a Stripe App, link a merchant by it, and say what it may read.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local sandbox = require "spec.support.sandbox"

local MAIN, SHOP = "acct_1CommerceShop001", "acct_1MerchantShop"
local BACK = "https://platform.example.com/oauth/callback"
local INSTALL = "https://marketplace.stripe.com/oauth/v2/authorize?client_id=ca_EmulatorAppTest"

describe("commerce, with a Stripe App,", function()
  local e, box

  setup(function() e = emulator.start { charges = 5 } end)
  teardown(function() e:stop() end)
  before_each(function()
    e:reset { charges = 5 }
    e:control("accounts", { id = SHOP, name = "Merchant Shop", charges = 5, connected = false })
    box = sandbox.new({ COMMERCE_MASTER_KEY = master_key.ONE, STRIPE_API_BASE = e.base,
      STRIPE_CONNECT_BASE = e.base, APP_KEY = "sk_test_emulator" }, { in_process = true })
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "store.db"
  end)
  after_each(function() box:close() end)

  local function commerce(arguments, more)
    local status, output, errors = box:commerce(arguments, more)
    assert.equal(0, status, output .. errors)
    return output, errors
  end

  local function refused(arguments, expected)
    local status, output, errors = box:commerce(arguments)
    assert.equal(2, status, output .. errors)
    assert.matches(expected, errors, 1, true)
  end

  it("prints a manifest with a permission for everything that is read", function()
    local output, errors = commerce("integrations app-manifest --id com.example.ours "
      .. "--redirect-uri " .. BACK .. " --redirect-uri https://second.example.com/")
    local manifest = cjson.decode(output)
    assert.same({ "com.example.ours", "oauth", "public", true, BACK }, { manifest.id,
      manifest.stripe_api_access_type, manifest.distribution_type,
      manifest.sandbox_install_compatible, manifest.allowed_redirect_uris[1] })
    assert.equal(2, #manifest.allowed_redirect_uris)
    local names = {}
    for i, entry in ipairs(manifest.permissions) do
      names[i] = entry.permission
      assert.is_true(#entry.purpose > 0)
    end
    table.sort(names)
    assert.same({ "balance_read", "balance_transaction_source_read", "charge_read",
      "connected_account_read", "customer_read", "dispute_read", "event_read", "payout_read",
      "plan_read", "product_read", "tax_rate_read" }, names)
    assert.matches("My App is a placeholder: give --name", errors, 1, true)
  end)

  it("lists what each data type needs", function()
    local output = commerce "coverage --app"
    assert.matches("permissions of a Stripe App", output, 1, true)
    assert.matches("products .-product_read, plan_read", output)
  end)

  it("sets it up, links a merchant and says what it may not read, and who must grant it", function()
    commerce("integrations set stripe-test --app --install-link '" .. INSTALL
      .. "' --secret-key-env APP_KEY --redirect-uri " .. BACK)
    local settings = cjson.decode((commerce "integrations enable stripe-test --app --json"))
    assert.same({ enabled = true, clientId = "ca_EmulatorAppTest", hasSecretKey = true,
      installLink = INSTALL, redirectUri = BACK }, settings.app)
    assert.is_false(settings.enabled)
    e:control("apps", { account = MAIN, permissions = { "charges", "customers", "balance" } })
    commerce "companies create Theirs"
    local begun = cjson.decode((commerce "link Theirs --no-wait --json"))
    local answer = e:consent(begun.url, "allow", SHOP)
    box:write("answer", answer .. "\n")
    local _, output, errors = box:run(("sh -c 'exec build/commerce link --finish <%s'"):format(
      box:path "answer"))
    assert.matches("by the Stripe App (stripe_apps)", output .. errors, 1, true)
    local id = output:match "connection (%S+):"
    local status, told = box:commerce("coverage --connection " .. id)
    assert.equal(1, status)
    assert.matches("the app lacks connected_account_read, charge_read, dispute_read", told, 1, true)
    assert.matches("an administrator of the account " .. SHOP .. " must grant it", told, 1, true)
    assert.matches("event_read", told, 1, true)
  end)

  it("refuses options of the other way", function()
    refused("integrations set stripe-test --app --scope read_only", "--scope is not for --app")
    refused("integrations set stripe-test --install-link " .. INSTALL, "--install-link needs --app")
    refused("integrations set stripe-test --app", "nothing to set")
    commerce("integrations set stripe-test --app --install-link '" .. INSTALL
      .. "' --secret-key-env APP_KEY")
    commerce "companies create Theirs"
    commerce "integrations enable stripe-test --app"
    refused("link Theirs --no-wait", "no redirect URI is known")
    assert.equal("", (commerce "connections list --json"))
    refused("integrations enable stripe --app", "its client id is not set")
    assert.same({ "https://example.com/oauth/callback" },
      cjson.decode((commerce "integrations app-manifest")).allowed_redirect_uris)
    refused("integrations app-manifest --redirect-uri http://example.com/", "https://... alone")
  end)
end)
