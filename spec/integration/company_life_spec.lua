-- The whole life of a company over the command line, in test mode and in live: it is created,
-- linked, synced; its merchant declines, consents again, revokes at Stripe, comes back; it is
-- unlinked and deleted. The emulator is Stripe, its consent page the merchant's browser.

local cjson = require "cjson"
local commands = require "spec.support.commands"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local SHOP, SECOND = "acct_1MerchantShop", "acct_1Second"
local PLATFORM_KEY = { test = "sk_test_platformsOwnSecretKey01",
  live = "sk_live_platformsOwnSecretKey01" }
local CLIENT = { test = "ca_EmulatorTest", live = "ca_EmulatorLive" }
local INTEGRATION = { test = "stripe-test", live = "stripe" }
local LONGEST = 20 -- seconds to wait for a command to print something

describe("a company's life", function()
  local e, box, commerce

  setup(function() e = emulator.start { charges = 20 } end)
  teardown(function() e:stop() end)

  before_each(function()
    e:reset { charges = 20 }
    e:control("keys", { { key = PLATFORM_KEY.test }, { key = PLATFORM_KEY.live } })
    e:control("accounts", { { id = SHOP, name = "Merchant Shop", charges = 30, connected = false },
      { id = SECOND, name = "Second Shop", charges = 10, connected = false } })
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_CONNECT_BASE = e.base,
      COMMERCE_MASTER_KEY = master_key.ONE }, { in_process = true })
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "life.db"
    commerce = commands.new(box)
  end)
  after_each(function() box:close() end)

  local function ok(...) return commerce:ok(...) end
  local function fails(...) return commerce:fails(...) end
  local function json_of(...) return commerce:json(...) end

  local function set_up(mode)
    ok(("integrations set %s --client-id %s --secret-key-env PLATFORM_KEY"):format(
      INTEGRATION[mode], CLIENT[mode]), { PLATFORM_KEY = PLATFORM_KEY[mode] })
    ok("integrations enable " .. INTEGRATION[mode])
    ok("mode " .. mode)
  end

  -- Runs `commerce link`, lets `merchant` do something with the address that it prints, and pastes
  -- where that leads.
  local function link(arguments, merchant)
    local fifo = box:path "paste"
    shell.run(("rm -f %s; mkfifo %s"):format(shell.quote(fifo), shell.quote(fifo)))
    local wait, ended, output_so_far = box:background("sh -c " .. shell.quote(
      ("exec 3<>%s; exec build/commerce link %s <&3"):format(shell.quote(fifo), arguments)))
    local deadline, url = socket.gettime() + LONGEST, nil
    while not url and not ended() and socket.gettime() < deadline do
      url = output_so_far():match "(http%S+)\n"
      socket.sleep(0.01)
    end
    if url then
      local file = assert(io.open(fifo, "w"))
      file:write(merchant(url), "\n")
      file:close()
    end
    local status, out, err = wait()
    commerce:note(out, err)
    return status, out, err
  end

  local function consents(account)
    return function(url) return (e:consent(url, "allow", account)) end
  end

  local function declines(url) return (e:consent(url, "deny")) end

  local function linked(arguments, account)
    local status, out, err = link(arguments, consents(account or SHOP))
    assert.equal(0, status, err)
    return out, err
  end

  local function connection_of(company)
    return json_of(("companies show %s"):format(company)).connections[1]
  end

  local function records()
    local _, count = ok("show payments --format jsonl"):gsub("\n", "\n")
    return count
  end

  local function reachable(mode)
    local key = mode == "live" and "sk_live_emulator" or "sk_test_emulator"
    return e:get("/v1/account", key, { ["Stripe-Account"] = SHOP }) == 200
  end

  local function live_it(mode)
    set_up(mode)
    ok "companies create Merchant"
    local out, err = linked "Merchant"
    assert.is_truthy(err:find(mode .. " mode", 1, true), err)
    assert.is_truthy(out:find("Linked, " .. mode .. " mode, " .. SHOP, 1, true), out)
    local shop = connection_of "Merchant"
    assert.same({ "Linked", SHOP, "connect", "read_only", mode },
      { shop.status, shop.account, shop.auth, shop.scope, shop.mode })
    assert.is_nil(shop.lastSync)
    ok "sync"
    local count = records()
    assert.is_true(count > 20)
    local again = "Merchant --connection " .. shop.id

    -- the merchant declines to consent anew: nothing changes, and may be asked again
    local status
    status, out, err = link(again, declines)
    assert.equal(1, status, out)
    assert.is_truthy(err:find("the merchant declined", 1, true), err)
    assert.equal("Linked", connection_of("Merchant").status)
    linked(again)
    ok "sync"

    -- revokes at Stripe: the next sync tells, what is stored stays
    e:control("deauthorize", { account = SHOP, livemode = mode == "live" })
    fails("Application access may have been revoked", "sync")
    assert.is_truthy(commerce:last():find("commerce link", 1, true))
    assert.equal("Deauthorized", connection_of("Merchant").status)
    assert.equal(count, records())
    fails("is Deauthorized", "sync --connection " .. shop.id)
    assert.matches("Deauthorized: .*revoked", ok("connections show " .. shop.id))

    -- and comes back
    e:control("mutate", { op = "charge", account = SHOP, livemode = mode == "live" })
    linked "Merchant"
    assert.same({ shop.id, "Linked" },
      { connection_of("Merchant").id, connection_of("Merchant").status })
    ok "sync"
    assert.equal(count + 1, records())

    -- unlinked: Stripe is told, what is stored stays
    ok("connections unlink " .. shop.id)
    assert.is_false(reachable(mode))
    assert.equal(count + 1, records())
    fails("is Unlinked", "sync --connection " .. shop.id)

    fails("--yes", "companies delete Merchant")
    ok "companies delete Merchant --yes"
    assert.equal(0, records())
    fails("no company 'Merchant'", "companies show Merchant")
  end

  local function assert_no_secrets()
    commerce:assert_no_secrets { PLATFORM_KEY.test, PLATFORM_KEY.live, master_key.ONE }
  end

  it("is the same in test mode and in live, and leaks nothing", function()
    live_it "test"
    live_it "live"
    assert_no_secrets()
  end)

  it("in one mode is nothing in the other", function()
    set_up "live"
    set_up "test"
    ok "companies create Merchant"
    linked "Merchant"
    ok "sync"
    local test = connection_of "Merchant"
    ok "mode live"
    assert.is_nil(connection_of "Merchant")
    assert.equal(0, records())
    fails("commands work in live mode now", "link Merchant --integration stripe-test")
    fails("is in test mode", "link Merchant --connection " .. test.id)
    fails("is in test mode", "sync --connection " .. test.id)
    linked "Merchant"
    local live = connection_of "Merchant"
    assert.same({ "live", SHOP }, { live.mode, live.account })
    ok("connections unlink " .. live.id)
    assert.same({ true, false }, { reachable "test", reachable "live" })
    ok "mode test"
    ok "sync"
  end)

  it("may have two companies for one account, which is said", function()
    set_up "test"
    ok "companies create First"
    ok "companies create Second"
    linked "First"
    local out = linked "Second"
    assert.is_truthy(out:find("is linked to another company, too: First", 1, true), out)
    local second = connection_of "Second"
    ok("connections unlink " .. second.id)
    assert.is_true(reachable "test")
    ok "sync"
  end)

  describe("commerce link", function()
    before_each(function()
      set_up "test"
      ok "companies create Merchant"
    end)

    local function paste(address, more)
      box:write("address", address)
      local status, out, err = box:run("sh -c " .. shell.quote(
        ("build/commerce link --finish %s <%s"):format(more or "", box:path "address")))
      commerce:note(out, err)
      return status, out, err
    end

    it("can be done in two steps, with what is printed as JSON", function()
      local begun = json_of "link Merchant --no-wait"
      assert.same({ "begin", "test", "stripe-test" }, { begun.event, begun.mode,
        begun.integration })
      assert.equal("PendingAuth", connection_of("Merchant").status)
      local address = e:consent(begun.url, "allow", SHOP)
      local status, out = paste(address, "--json")
      assert.equal(0, status)
      local done = cjson.decode(out)
      assert.same({ "end", begun.connection, SHOP, {} },
        { done.event, done.id, done.account, done.sharedWith })
      local err
      status, out, err = paste(address .. "\n")
      assert.same({ 1, "" }, { status, out })
      assert.is_truthy(err:find("used already", 1, true), err)
    end)

    it("is finished for the company or the connection that is named, and no other", function()
      ok "companies create Other"
      local begun = json_of "link Merchant --no-wait"
      local address = e:consent(begun.url, "allow", SHOP)
      local status, _, err = paste(address, "Other")
      assert.equal(1, status)
      assert.is_truthy(err:find("a link of another company", 1, true), err)
      assert.equal("PendingAuth", connection_of("Merchant").status)
      assert.equal(0, (paste(address, "Merchant --connection " .. begun.connection)))
      assert.equal("Linked", connection_of("Merchant").status)
    end)

    it("leaves nothing half done when it is killed, wherever it is", function()
      e:control("faults", { { match = { path = "/oauth/token", times = 1 },
        action = { type = "delay", seconds = 1 } } })
      box:write("address", (e:consent(ok("link Merchant --no-wait"):match "%S+", "allow", SHOP)))
      local status = box:run("sh -c " .. shell.quote(
        "timeout -s KILL 0.5 build/commerce link --finish <" .. box:path "address"))
      assert.equal(137, status)
      local killed = connection_of "Merchant"
      assert.equal("PendingAuth", killed.status)
      assert.is_truthy(ok("status"):find("no account yet", 1, true))
      linked "Merchant"
      assert.same({ killed.id, "Linked" }, { connection_of("Merchant").id,
        connection_of("Merchant").status })
      ok "sync"
    end)

    it("waits for nobody where standard input is at its end", function()
      local status, out, err = commerce:run "link Merchant"
      assert.equal(1, status)
      assert.matches("^http%S+\n$", out)
      assert.is_truthy(err:find("commerce link --finish", 1, true), err)
      assert.equal(0, (paste((e:consent(out:match "%S+", "allow", SHOP)))))
    end)

    it("refuses by name what was pasted wrongly, and forged", function()
      local url = ok("link Merchant --no-wait"):match "%S+"
      local address, query = e:consent(url, "allow", SHOP)
      for words, pasted in pairs {
        ["paste the whole"] = "what shall I paste", ["neither code"] = "https://example.com",
        ["has no state"] = address:gsub("&state=.*", ""),
        ["was not made here"] = address .. "x",
        ["no code of Stripe's"] = address:gsub(query.code, "xx"),
      } do
        local status, out, err = paste(pasted)
        assert.are_not.equal(0, status)
        assert.equal("", out)
        assert.is_truthy(err:find(words, 1, true), err)
        assert.is_nil(err:find(query.code, 1, true))
      end
      assert.equal(0, (paste(address)))
      assert_no_secrets()
    end)

    it("picks the connection that waits, and asks where it cannot know", function()
      ok "link Merchant --no-wait"
      ok "link Merchant --no-wait"
      local waiting = connection_of "Merchant"
      linked "Merchant"
      assert.same({ waiting.id, "Linked" }, { connection_of("Merchant").id,
        connection_of("Merchant").status })
      assert.equal(2, fails("is linked already", "link Merchant"))
      linked("Merchant --new", SECOND)
      fails("linked already", "link Merchant")
      ok "link Merchant --new --no-wait"
      ok "link Merchant --new --no-wait"
      fails("2 connections that are not linked", "link Merchant")
      ok "companies create Other"
      fails("does not belong to Other", "link Other --connection " .. waiting.id)
      fails("no company 'Nobody'", "link Nobody")
      fails("no company: name one", "link")
      fails("leave out --new", "link Merchant --finish --new")
      fails("no company", "link Nobody --finish")
      fails("not both", "link Merchant --new --connection x")
    end)

    it("leaves nothing behind where nobody can be linked", function()
      ok "integrations disable stripe-test"
      fails("commerce integrations enable stripe-test", "link Merchant")
      ok "integrations enable stripe-test"
      fails("redirect URI 'nowhere'", "link Merchant --redirect-uri nowhere")
      local base = box.environment.STRIPE_CONNECT_BASE
      for _, wrong in ipairs { "ftp://x", "http://stripe.example" } do
        box.environment.STRIPE_CONNECT_BASE = wrong
        fails("STRIPE_CONNECT_BASE must be a server's address", "link Merchant")
      end
      box.environment.STRIPE_CONNECT_BASE = base
      box.environment.COMMERCE_MASTER_KEY = master_key.TWO
      fails("sealed with master key", "link Merchant")
      box.environment.COMMERCE_MASTER_KEY = nil
      fails("COMMERCE_MASTER_KEY is not set", "link Merchant")
      assert.is_nil(connection_of "Merchant")
    end)

    it("says what to do where the platform's key is refused", function()
      linked "Merchant"
      local shop = connection_of "Merchant"
      local url = ok("link Merchant --new --no-wait"):match "%S+"
      local address = e:consent(url, "allow", SECOND)
      e:control("keys", { key = PLATFORM_KEY.test, revoked = true })
      local status, _, err = paste(address)
      assert.equal(1, status)
      assert.is_truthy(err:find("commerce integrations set stripe-test", 1, true), err)
      fails("commerce integrations set stripe-test", "sync")
      assert.equal("Linked", json_of("connections show " .. shop.id).status)
    end)

    it("goes back to the redirect URI of the integration, or the one that is named", function()
      ok "integrations set stripe-test --redirect-uri http://localhost:8000/oauth/callback"
      local url = ok("link Merchant --no-wait"):match "%S+"
      assert.matches("^http://localhost:8000/oauth/callback%?code=",
        (e:consent(url, "allow", SHOP)))
      url = ok("link Merchant --no-wait --redirect-uri "
        .. "https://platform.example.com/oauth/callback"):match "%S+"
      assert.matches("^https://platform.example.com/oauth/callback%?code=",
        (e:consent(url, "allow", SHOP)))
    end)
  end)
end)
