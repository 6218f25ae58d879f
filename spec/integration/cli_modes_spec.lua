-- One mode at a time, and the integrations, on the command line: two accounts in one store, one of
-- each mode, as a person works with them.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local TEST, LIVE = "sk_test_emulator", "sk_live_emulator"

describe("commerce", function()
  local e, box, path

  setup(function()
    e = emulator.start { charges = 20 }
    box = sandbox.new({ STRIPE_API_BASE = e.base, LANG = "C.UTF-8" }, { in_process = true })
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function good(arguments, more)
    local status, output, errors = box:commerce(arguments, more)
    assert.equal(0, status, errors)
    if not arguments:find "^sync" and not arguments:find "^verify" then -- these tell progress
      assert.equal("", errors)
    end
    return output
  end

  local function fails(expected, arguments, more)
    local status, output, errors = box:commerce(arguments, more)
    assert.is_true(status > 0)
    assert.equal("", output)
    assert.equal("commerce: " .. expected .. "\n", errors)
    return status
  end

  describe("mode", function()
    local ids = {}

    -- a user's first steps: both modes, each by its own key
    setup(function()
      path = box:path "modes.db"
      box.environment.COMMERCE_STORE = "sqlite:" .. path
      for mode, key in pairs { test = TEST, live = LIVE } do
        local output = good("sync --type customers", { STRIPE_SECRET_KEY = key })
        assert.matches("^" .. mode .. " mode, account ", output)
        ids[mode] = rows.sql(path, ("SELECT id FROM connections WHERE integration = '%s'")
          :format(mode == "test" and "stripe-test" or "stripe")):gsub("%s", "")
      end
    end)

    local function customers(more, arguments)
      return good("show customers --format jsonl --limit 10000 " .. (arguments or ""), more)
    end

    local function stored(mode)
      local found = {}
      for id in rows.sql(path, ("SELECT id FROM customers WHERE connection_id = '%s'")
        :format(ids[mode])):gmatch "%S+" do
        found[#found + 1] = id
      end
      table.sort(found)
      return found
    end

    local function shown(more, arguments)
      local found = {}
      for line in customers(more, arguments):gmatch "[^\n]+" do
        found[#found + 1] = cjson.decode(line).id
      end
      table.sort(found)
      return found
    end

    it("is test before there is a store, and makes none by asking", function()
      local elsewhere = { COMMERCE_STORE = "sqlite:" .. box:path "none.db" }
      assert.equal("test mode; `commerce mode live` switches\n", good("mode", elsewhere))
      assert.same({ mode = "test", by = "default", switchedTo = "test" },
        cjson.decode(good("mode --json", elsewhere)))
      assert.is_nil((io.open(box:path "none.db")))
      assert.equal("live mode from now on\n", good("mode live", elsewhere))
      assert.equal("live mode; `commerce mode test` switches\n", good("mode", elsewhere))
    end)

    it("decides what show, status, companies and connections see", function()
      for _, mode in ipairs { "test", "live", "test" } do
        local other = mode == "test" and "live" or "test"
        assert.equal(mode .. " mode from now on\n", good("mode " .. mode))
        assert.same(stored(mode), shown())
        assert.is_true(#stored(mode) > 0)
        assert.matches("%(" .. mode .. " mode, acct_%w+%)\n$", good "show customers --limit 50")
        local status = good "status"
        assert.truthy(status:find(ids[mode], 1, true))
        assert.truthy(status:find(mode .. " mode", 1, true))
        assert.is_nil(status:find(ids[other], 1, true))
        assert.equal(mode, cjson.decode(good "status --json").mode)
        local list = good "connections list --json"
        assert.equal(ids[mode], cjson.decode(list).id) -- one line, hence one connection
        for _, company in ipairs { good "companies list --json" } do
          assert.is_nil(company:find(ids[other], 1, true))
        end
      end
    end)

    it("of a key in the environment comes first", function()
      good "mode test"
      local with = { STRIPE_SECRET_KEY = LIVE }
      assert.equal("live mode, the mode of the key in STRIPE_SECRET_KEY; without a key: test "
        .. "mode\n",
        good("mode", with))
      assert.same({ mode = "live", by = "key", switchedTo = "test" },
        cjson.decode(good("mode --json", with)))
      assert.same(stored "live", shown(with))
      assert.is_nil(good("status", with):find(ids.test, 1, true))
      assert.matches("^live mode, account ", good("verify --type customers", with))
      assert.same(stored "test", shown())
    end)

    it("keeps the other mode's connection out of reach, and says how to get there", function()
      good "mode test"
      local hint = ("connection %s is in live mode, and commands work in test mode now: `commerce "
        .. "mode live` switches"):format(ids.live)
      for _, arguments in ipairs { "show customers --connection ", "connections show ",
        "connections unlink ", "sync --connection " } do
        assert.equal(2, fails(hint, arguments .. ids.live))
      end
      fails(("connection %s is in test mode, and commands work in live mode now, the mode of "
        .. "the key in STRIPE_SECRET_KEY"):format(ids.test), "sync --connection " .. ids.test,
        { STRIPE_SECRET_KEY = LIVE })
      assert.same(stored "test", shown(nil, "--connection " .. ids.test))
      assert.equal("Linked\nLinked\n", rows.sql(path, "SELECT status FROM connections"))
    end)

    it("says so where it is empty", function()
      local elsewhere = { COMMERCE_STORE = "sqlite:" .. box:path "only_live.db" }
      local with = { COMMERCE_STORE = elsewhere.COMMERCE_STORE, STRIPE_SECRET_KEY = LIVE }
      good("sync --type tax_components", with)
      assert.equal("no connections in test mode yet: run `commerce sync`\n(there are connections "
        .. "in live mode: `commerce mode` says how to switch)\n", good("status", elsewhere))
      assert.equal("no customers in test mode\n", good("show customers", elsewhere))
      assert.equal("", good("show customers --format jsonl", elsewhere))
      assert.equal("no connections in test mode\n", good("connections list", elsewhere))
    end)

    it("is none but test and live", function()
      local status, output, errors = box:commerce "mode production"
      assert.same({ 2, "" }, { status, output })
      assert.matches("must be one of 'test', 'live'", errors)
      assert.equal("test mode; `commerce mode live` switches\n", good "mode")
    end)

    it("is told on a terminal beside records that are nothing but records", function()
      local command = box:command "build/commerce show customers --format jsonl --limit 1"
      local _, output = shell.run(("script -qec %s /dev/null </dev/null"):format(
        shell.quote(command)))
      assert.matches("^commerce: test mode, acct_%w+\r\n{", output)
    end)
  end)

  describe("integrations", function()
    local more

    before_each(function()
      shell.run("rm -f " .. box:path "integrations.db" .. "*")
      more = { COMMERCE_STORE = "sqlite:" .. box:path "integrations.db",
        COMMERCE_MASTER_KEY = master_key.ONE, PLATFORM_KEY = "sk_test_platformplatform1234" }
    end)

    local function list()
      local found = {}
      for line in good("integrations list --json", more):gmatch "[^\n]+" do
        local entry = cjson.decode(line)
        found[entry.integration] = entry
      end
      return found
    end

    it("list shows both, with their modes", function()
      local output = good("integrations list", more)
      assert.matches("\nstripe +live +no +%- +%- +read_only +continuous\n", output)
      assert.matches("\nstripe%-test +test +no +%- +%- +read_only +continuous\n", output)
      assert.same({ integration = "stripe", key = "exgd", mode = "live", enabled = false,
        hasSecretKey = false, restrictedKeys = false, scope = "read_only",
        syncOnLink = "continuous",
        webhookSecrets = {} }, list().stripe)
    end)

    it("set keeps what is named, from a variable, a file or standard input", function()
      local set = "integrations set stripe-test --json "
      local first = cjson.decode(good(set .. "--client-id ca_1 --secret-key-env PLATFORM_KEY",
        more))
      assert.is_true(first.hasSecretKey)
      local envelope = rows.sql(box:path "integrations.db", "SELECT envelope FROM secrets")
      for _, arguments in ipairs { "--secret-key-file " .. box:write("key", TEST .. "\n"),
        "--secret-key-file - --redirect-uri https://example.com/back",
        "--scope read_write --sync-on-link once" } do
        local status, output, errors = box:run(("sh -c 'echo %s | build/commerce %s%s'"):format(
          TEST, set, arguments), more)
        assert.same({ 0, "" }, { status, errors })
        assert.equal("ca_1", cjson.decode(output).clientId)
      end
      assert.are_not.equal(envelope,
        rows.sql(box:path "integrations.db", "SELECT envelope FROM secrets"))
      assert.same({ integration = "stripe-test", key = "yzth", mode = "test", enabled = false,
        clientId = "ca_1", hasSecretKey = true, restrictedKeys = false, scope = "read_write",
        syncOnLink = "once",
        redirectUri = "https://example.com/back", webhookSecrets = {} }, list()["stripe-test"])
      assert.truthy(good("integrations list", more):find("stored, sealed", 1, true))
      assert.is_nil(list().stripe.clientId)
    end)

    it("enable and disable", function()
      good("integrations set stripe-test --client-id ca_1 --secret-key-env PLATFORM_KEY", more)
      good("integrations enable stripe-test", more)
      assert.is_true(list()["stripe-test"].enabled)
      good("integrations disable yzth", more)
      assert.is_false(list()["stripe-test"].enabled)
      fails("Stripe cannot be enabled: its client id is not set", "integrations enable stripe",
        more)
    end)

    it("refuse what does not fit, and keep nothing of it", function()
      local before = list()
      for arguments, expected in pairs {
        ["stripe --client-id ca_1 --secret-key-env PLATFORM_KEY"] =
          "the key is a test mode key, integration 'stripe' needs a live mode key",
        ["paypal --client-id ca_1"] =
          "integration 'paypal' does not exist; use stripe or stripe-test",
        ["stripe"] = "nothing to set: give --client-id, --secret-key-env or --secret-key-file, "
          .. "--redirect-uri, --scope, --sync-on-link or --restricted-keys",
        ["stripe --client-id ca_1 --secret-key-env NOT_SET"] =
          "--secret-key-env: the variable NOT_SET is not set",
        ["stripe --client-id ca_1 --secret-key-env 'two words'"] =
          "--secret-key-env: not a name of an environment variable",
        ["stripe --client-id ca_1 --secret-key-env PLATFORM_KEY --secret-key-file x"] =
          "give --secret-key-env or --secret-key-file, not both",
        ["stripe --client-id ca_1 --secret-key-file /no/such/file"] =
          "--secret-key-file: /no/such/file: No such file or directory",
        ["stripe --client-id ca_1 --secret-key-file /dev/null"] =
          "--secret-key-file: /dev/null: is empty",
        ["stripe --client-id ca_1 --secret-key-env sk_live_platformplatform1234"] =
          "--secret-key-env takes the name of an environment variable, not the key itself; other "
          .. "users can see arguments, so replace that key",
        ["stripe --client-id ca_1 --secret-key-file sk_live_platformplatform1234"] =
          "--secret-key-file takes the name of a file, not the key itself; other users can see "
          .. "arguments, so replace that key",
      } do
        fails(expected, "integrations set " .. arguments, more)
      end
      more.COMMERCE_MASTER_KEY = false
      local status, _, errors = box:commerce(
        "integrations set stripe-test --client-id ca_1 --secret-key-env PLATFORM_KEY", more)
      assert.equal(2, status)
      assert.matches("openssl rand %-base64 32", errors)
      assert.same(before, list())
    end)

    -- It is typed once the question is there, and again where that was a moment too early.
    local TYPE = [[
      rm -f %s %s
      {
        until grep -q 'not shown' %s 2>/dev/null; do sleep 0.02; done
        for try in 1 2 3 4 5; do
          [ -e %s ] || echo sk_test_typedtypedtyped1234
          for wait in $(seq 50); do [ -e %s ] || sleep 0.02; done
        done
      } | script -qefc %s %s >/dev/null
    ]]

    it("ask for the key on a terminal, without showing it", function()
      local said, done = box:path "said", box:path "done"
      local command = box:command(
        "build/commerce integrations set stripe-test --secret-key-file -", more)
      local status = shell.run(TYPE:format(said, done, said, done, done,
        shell.quote(command .. " && touch " .. done), said))
      local output = box:read "said"
      assert.equal(0, status, output)
      assert.truthy(output:find("Type or paste the platform's secret key; it is not shown: ", 1,
        true))
      assert.is_nil(output:find("typedtyped", 1, true))
      assert.is_true(list()["stripe-test"].hasSecretKey)
    end)
  end)

  -- What deletes asks like this; a script stands for it.
  describe("confirm", function()
    local SCRIPT = [[
      local deletion = require "commerce.cli.kit.deletion"
      local errors = require "commerce.base.errors"
      local _, message, details = errors.catch(deletion.confirm,
        { yes = arg[1] == "--yes" or nil }, "Delete it?")
      print(not details, message, details and details.kind)
    ]]

    local function ask(arguments, answer)
      local command = box:script(box:write("ask.lua", SCRIPT)) .. " " .. arguments
      if answer then
        command = ("echo %s | script -qec %s /dev/null"):format(answer, shell.quote(command))
      end
      local _, output = shell.run(command .. (answer and "" or " </dev/null"))
      return (output:gsub("\r", ""))
    end

    it("asks, and takes nothing but yes for it", function()
      for answer, expected in pairs { y = "true\tnil\tnil\n", YES = "true\tnil\tnil\n",
        n = "false\tnothing was done\tcancelled\n",
        yellow = "false\tnothing was done\tcancelled\n" } do
        local output = ask("", answer)
        assert.truthy(output:find("Delete it? [y/N] ", 1, true), output)
        assert.equal(expected, output:sub(-#expected))
      end
    end)

    it("does not ask who said yes already", function()
      assert.equal("true\tnil\tnil\n", ask "--yes")
    end)

    it("refuses where nobody can answer", function()
      assert.equal("false\tDelete it? Nothing was done: standard input is not a terminal, so "
        .. "the question cannot be asked; give --yes to go ahead\tusage\n", ask "")
    end)
  end)
end)
