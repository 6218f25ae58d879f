-- The whole life of a company whose account is connected by its own key, over the command line, in
-- test mode and in live: linked, synced, revoked at Stripe, linked again, unlinked, deleted; and
-- moved to Stripe Connect. The life by Connect from its first day: company_life_spec.

local commands = require "spec.support.commands"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local SHOP, OTHER = "acct_1MerchantShop", "acct_1OtherShop"
local KEYS = {
  test = { own = "sk_test_merchantsOwnSecretKey01", next = "sk_test_merchantsNextSecretKey2",
    other = "sk_test_othersOwnSecretKey0001", platform = "sk_test_platformsOwnSecretKey01" },
  live = { own = "sk_live_merchantsOwnSecretKey01", next = "sk_live_merchantsNextSecretKey2",
    other = "sk_live_othersOwnSecretKey0001", platform = "sk_live_platformsOwnSecretKey01" },
}
local INTEGRATION = { test = "stripe-test", live = "stripe" }
local CLIENT = { test = "ca_EmulatorTest", live = "ca_EmulatorLive" }

describe("the life of a connection by its own key", function()
  local e, box, commerce

  setup(function() e = emulator.start { charges = 20 } end)
  teardown(function() e:stop() end)

  before_each(function()
    e:reset { charges = 20 }
    e:control("accounts", { { id = SHOP, name = "Merchant Shop", charges = 30, connected = false },
      { id = OTHER, name = "Other Shop", charges = 10, connected = false } })
    for _, keys in pairs(KEYS) do
      e:control("keys", { { key = keys.own, account = SHOP }, { key = keys.next, account = SHOP },
        { key = keys.other, account = OTHER }, { key = keys.platform } })
    end
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_CONNECT_BASE = e.base,
      COMMERCE_MASTER_KEY = master_key.ONE }, { in_process = true })
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "life.db"
    commerce = commands.new(box)
  end)
  after_each(function() box:close() end)

  -- with a key in the environment, or none
  local function ok(arguments, key)
    return commerce:ok(arguments, { STRIPE_SECRET_KEY = key })
  end

  local function fails(words, arguments, key)
    return commerce:fails(words, arguments, { STRIPE_SECRET_KEY = key })
  end

  local function shown(text)
    return commerce:json("connections show " .. (text or SHOP))
  end

  local function records(type_name)
    local _, count = ok(("show %s --format jsonl"):format(type_name or "payments")):gsub("\n",
      "\n")
    return count
  end

  local function requests()
    return e:control("stats").requests
  end

  local function revoke(key)
    e:control("keys", { key = key, account = SHOP, revoked = true })
  end

  local function assert_no_secrets()
    local secrets = { master_key.ONE }
    for _, keys in pairs(KEYS) do
      for _, key in pairs(keys) do
        secrets[#secrets + 1] = key
      end
    end
    commerce:assert_no_secrets(secrets)
  end

  local function live_it(mode)
    local keys = KEYS[mode]
    ok("mode " .. mode)
    ok "companies create Merchant"
    local added = commerce:json("connections add --company Merchant --keep-key",
      { STRIPE_SECRET_KEY = keys.own })
    assert.same({ "Linked", SHOP, "key", mode, "Merchant Shop" },
      { added.status, added.account, added.auth, added.mode, added.name })
    assert.is_nil(added.lastSync)

    -- what the key may read, then a sync without it
    ok("coverage --connection " .. added.id)
    local out = ok "sync"
    assert.is_truthy(out:find(("%s mode, account %s"):format(mode, SHOP), 1, true), out)
    local count = records()
    assert.is_true(count > 20)
    assert.is_string(shown().lastSync)
    ok "sync --due"

    -- revoked at Stripe: the next sync tells, what is stored stays readable
    revoke(keys.own)
    fails("Expired API Key", "sync")
    local revoked = shown()
    assert.same({ added.id, "Deauthorized", "401", "api_key_expired" }, { revoked.id,
      revoked.status, revoked.errors[1].statusCode, revoked.errors[1].statusText })
    assert.is_nil(revoked.errors[1].resolved)
    assert.equal(count, records())
    local before = requests()
    fails("is Deauthorized", "sync --connection " .. SHOP)
    fails("no connection is Linked", "sync")
    assert.equal("nothing is due in " .. mode .. " mode\n", (ok "sync --due"))
    assert.equal(before, requests())

    -- another account's key does not bring it back, a new one of its own does
    local status = fails(OTHER .. " was authorized",
      ("connections add --connection %s"):format(added.id), keys.other)
    assert.equal(1, status)
    assert.equal("Deauthorized", shown().status)
    ok("connections add --keep-key", keys.next)
    local again = shown()
    assert.same({ added.id, "Linked" }, { again.id, again.status })
    assert.is_string(again.errors[1].resolved)
    e:control("mutate", { op = "charge", account = SHOP, livemode = mode == "live" })
    ok "sync"
    assert.equal(count + 1, records())

    -- unlinked: nothing is read any more, whoever asks, and the key is forgotten
    ok("connections unlink " .. SHOP)
    before = requests()
    fails("no connection is Linked", "sync")
    fails("is Unlinked", "sync --connection " .. added.id)
    assert.equal(before, requests())
    fails("has been unlinked", "sync", keys.next)
    fails("is Unlinked already", "connections unlink " .. SHOP)
    assert.equal(count + 1, records())
    local statuses = {}
    for i, step in ipairs(shown().history) do
      statuses[i] = step.status
    end
    assert.same({ "Linked", "Deauthorized", "Linked", "Unlinked" }, statuses)

    -- linked again, deleted with all that was stored
    ok("connections add", keys.next)
    assert.equal("Linked", shown().status)
    fails("no key is kept", "sync --connection " .. added.id)
    fails("--yes", "connections delete " .. SHOP)
    ok(("connections delete %s --yes"):format(SHOP))
    assert.equal(0, records())
    ok "companies show Merchant"
    ok "companies delete Merchant --yes"
  end

  it("may have its key and the master key in files, and not in variables as well", function()
    local files = { STRIPE_SECRET_KEY_FILE = box:write("key", KEYS.test.own .. "\n"),
      COMMERCE_MASTER_KEY = false, COMMERCE_MASTER_KEY_FILE = box:write("master",
        master_key.ONE .. "\n") }
    commerce:ok("sync --keep-key", files)
    ok "sync" -- with the kept key, opened with the master key in its variable
    local script = box:write("script.lua", [[
      local app = assert(commerce.open())
      print(assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" }).account)]])
    assert.equal(SHOP .. "\n", (commerce:ok("run " .. script, files)))
    for name, path in pairs { STRIPE_SECRET_KEY = "key", COMMERCE_MASTER_KEY = "master" } do
      local both = { [name .. "_FILE"] = box:path(path), [name] = name:find "STRIPE"
        and KEYS.test.own or master_key.ONE }
      commerce:fails(name .. " and " .. name .. "_FILE are both set", name:find "STRIPE" and "sync"
        or "connections add --keep-key --key-file " .. box:path "key", both)
    end
  end)

  it("is the same in test mode and in live, and leaks nothing", function()
    live_it "test"
    live_it "live"
    assert_no_secrets()
  end)

  it("in one mode is nothing in the other", function()
    local test, live = KEYS.test, KEYS.live
    ok("connections add --keep-key --name Shop", test.own)
    local id = shown().id
    assert.equal(2, fails("in test mode, and commands work in live mode now",
      "sync --connection " .. id, live.own))
    fails("is in test mode", "connections unlink " .. id, live.own)
    ok("connections add --name Live", live.own)
    ok "sync"
    ok "mode live"
    assert.equal(0, records())
    assert.equal("nothing is due in live mode\n", (ok "sync --due"))
    ok "mode test"
    fails("has connections in live mode", "companies delete Live --yes")
    assert.equal("Linked", shown().status)
    ok "companies delete Shop --yes"
    assert.equal("no connections in test mode\n", (ok "connections list"))
    ok "mode live"
    assert.equal("Linked", shown().status)
  end)

  it("keeps no key where there is no master key, and reads nothing then", function()
    box.environment.COMMERCE_MASTER_KEY = nil
    assert.equal(2, fails("COMMERCE_MASTER_KEY is not set", "connections add --keep-key",
      KEYS.test.own))
    assert.equal(0, requests())
    ok("sync", KEYS.test.own)
    fails("STRIPE_SECRET_KEY", "sync")
    assert_no_secrets()
  end)

  it("is not ended by a key that Stripe never gave out, nor by one that may read less", function()
    ok("connections add --keep-key", KEYS.test.own)
    fails("Invalid API Key", "sync --connection " .. SHOP, "sk_test_mistypedSecretKey00001")
    assert.equal("Linked", shown().status)
    e:control("keys", { key = KEYS.test.own, account = SHOP, permissions = { "account",
      "charges" } })
    assert.equal(1, (commerce:run "sync --type disputes"))
    assert.equal("Linked", shown().status)
  end)

  it("is not ended by one stray answer", function()
    ok("connections add --keep-key", KEYS.test.own)
    e:control("faults", { match = { path = "/v1/account", nth = 1 }, action = { status = 401,
      code = "api_key_expired" } })
    ok "sync --type disputes"
    assert.equal("Linked", shown().status)
  end)

  it("ends while it is being synced: nothing is stored after that", function()
    ok("connections add --keep-key", KEYS.test.own)
    e:control("faults", { match = { path = "/v1/customers" }, action = { type = "delay",
      seconds = 1 } })
    local wait = box:background "build/commerce sync --type customers --json"
    local _, out
    repeat
      _, out = shell.run("cat " .. box:path "job1.out")
    until out:find("start", 1, true)
    ok("connections unlink " .. SHOP)
    local status, _, err = wait()
    assert.equal(1, status)
    assert.is_truthy(err:find("is Unlinked: nothing more is stored of it", 1, true), err)
    assert.equal(0, records "customers")
    local _, statuses = ok("status --json"):gsub('"status":"Cancelled"', "")
    assert.equal(1, statuses)
  end)

  describe("moves to Stripe Connect", function()
    local function set_up(mode)
      ok(("integrations set %s --client-id %s --secret-key-env STRIPE_SECRET_KEY"):format(
        INTEGRATION[mode], CLIENT[mode]), KEYS[mode].platform)
      ok("integrations enable " .. INTEGRATION[mode])
      ok("mode " .. mode)
    end

    before_each(function()
      set_up "test"
      ok("connections add --keep-key", KEYS.test.own)
      ok "sync"
    end)

    local function migrated(before)
      local after = shown()
      assert.same({ before.id, before.companyId, SHOP, "Linked", "connect", "read_only" },
        { after.id, after.companyId, after.account, after.status, after.auth, after.scope })
    end

    it("by a link, with its id and its data", function()
      local before, count = shown(), records()
      local out, err = ok(("connections migrate %s --no-wait"):format(SHOP))
      assert.is_truthy(err:find("has not let the platform in yet", 1, true), err)
      assert.equal("key", shown().auth)
      box:write("address", (e:consent(out:match "%S+", "allow", SHOP)))
      local status = box:run("sh -c " .. shell.quote("build/commerce link --finish <"
        .. box:path "address"))
      assert.equal(0, status)
      migrated(before)
      revoke(KEYS.test.own) -- it is not needed any more
      out = ok "sync --type payments"
      assert.is_truthy(out:find("complete", 1, true), out)
      assert.equal(count, records())
      fails("already uses Stripe Connect", "connections migrate " .. SHOP)
      assert_no_secrets()
    end)

    it("at once if its account has let the platform in already", function()
      ok "companies create Second"
      local url = ok("link Second --no-wait"):match "%S+"
      box:write("address", (e:consent(url, "allow", SHOP)))
      assert.equal(0, (box:run("sh -c " .. shell.quote("build/commerce link --finish <"
        .. box:path "address"))))
      local list = ok "connections list --json"
      local id = list:match '"auth":"key".-"id":"(.-)"'
      ok("connections migrate " .. id)
      local after = shown(id)
      assert.same({ id, SHOP, "connect", "read_only" }, { after.id, after.account, after.auth,
        after.scope })
      ok("connections unlink " .. id)
      assert.equal(200, (e:get("/v1/account", KEYS.test.platform, { ["Stripe-Account"] = SHOP })))
    end)

    it("not with another account's consent", function()
      local url = ok(("connections migrate %s --no-wait"):format(SHOP)):match "%S+"
      box:write("address", (e:consent(url, "allow", OTHER)))
      local status, _, err = box:run("sh -c " .. shell.quote("build/commerce link --finish <"
        .. box:path "address"))
      assert.equal(1, status)
      assert.is_truthy(err:find(OTHER .. " was authorized", 1, true), err)
      local after = shown()
      assert.same({ "Linked", "key" }, { after.status, after.auth })
      ok "sync --type disputes"
    end)

    it("not the platform's own account, nor without an integration", function()
      ok("connections add --keep-key", KEYS.test.platform)
      fails("platform's own account", "connections migrate acct_1CommerceShop001")
      ok "integrations disable stripe-test"
      fails("is not enabled", "connections migrate " .. SHOP)
      assert.equal("key", shown().auth)
    end)
  end)
end)
