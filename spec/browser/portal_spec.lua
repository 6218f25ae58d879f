-- The portal in a real browser, from the first run to the end, against the emulator: `make
-- test-browser`, which installs chromium. See spec/browser/portal.js. PICTURES=FOLDER keeps
-- pictures of every page.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local serving = require "spec.support.serving"

local PLATFORM = "acct_1CommerceShop001" -- whose key the operator has
local MERCHANTS = {
  { id = "acct_1WithApp", name = "Alpine Outfitters", charges = 12, connected = false },
  { id = "acct_1WithConnect", name = "Blue Bottle Books", charges = 12, connected = false },
  { id = "acct_1WithKey", name = "Cedar & Clay", charges = 12, connected = false },
}
local RESTRICTED = "rk_test_" .. ("m"):rep(24)
local PERMISSIONS = { "account", "balance", "balance_transactions", "charges", "customers",
  "disputes", "events", "payouts", "prices", "products", "refunds", "tax_rates" }

-- Names of customers that would do harm: as a script, as a formula, by their length or direction.
local HOSTILE = { [[<script>alert("x")</script>]], "=cmd()", ("x"):rep(10000),
  "\226\128\174gnp.exe", "\217\133\216\170\216\172\216\177 \216\167\217\132\216\163\217\132"
  .. "\216\185\216\167\216\168" }

describe("the portal in a browser", function()
  local e, server, front

  before_each(function()
    e = emulator.start { charges = 160, now = os.time() - 3600 }
    server = serving.new()
    front = ("https://localhost:%d"):format(emulator.free_port())
    local callback = front .. "/oauth/callback"
    e:control("accounts", MERCHANTS)
    e:control("keys", { key = RESTRICTED, account = MERCHANTS[3].id, permissions = PERMISSIONS })
    e:control("platforms", { account = PLATFORM, redirect_uris = { callback } })
    e:control("apps", { account = PLATFORM, redirect_uris = { callback } })
    for _, name in ipairs(HOSTILE) do
      e:mutate { op = "insert", type = "customers", fields = { name = name } }
    end
    local environment = server.box.environment
    environment.COMMERCE_MASTER_KEY = master_key.ONE
    environment.STRIPE_API_BASE, environment.STRIPE_CONNECT_BASE = e.base, e.base
    server:start("--public-url " .. front)
  end)

  after_each(function()
    server:close()
    e:stop()
  end)

  it("leads from nothing to a merchant's data, by every way, on every screen", function()
    local setup = server.box:read("out"):match "begin at https?://[^/]+(/portal/setup%S+)"
    local status, output, errors = server.box:run("node spec/browser/portal.js", {
      SERVER_URL = front, BEHIND = ("%d"):format(server.port), FOLDER = server.box.folder,
      SETUP = setup,
      KEY = "sk_test_emulator", RESTRICTED = RESTRICTED, EMULATOR = e.base,
      MERCHANTS = cjson.encode(MERCHANTS), HOSTILE = cjson.encode(HOSTILE),
      PICTURES = os.getenv "PICTURES" or false })
    assert.equal(0, status, output .. errors .. server:errors())
    assert.is_truthy(output:find("\nok all\n", 1, true), output)
    assert.equal("", server:errors())
    if os.getenv "VERBOSE" then
      print(output)
    end
  end)
end)
