-- Companies, connections, settings, coverage and the sync of many, as a person types them, wrong
-- input too. Whole lives: company_life_spec and key_life_spec.

local cjson = require "cjson"
local commands = require "spec.support.commands"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local FIRST, SECOND = "acct_1FirstShop", "acct_1SecondShop"
local FIRST_KEY, SECOND_KEY = "sk_test_firstShopsSecretKey01", "sk_test_secondShopsSecretKey1"
local RESTRICTED = "rk_test_firstShopsRestricted1"

describe("commerce", function()
  local e, box, commerce, path

  setup(function() e = emulator.start { charges = 5 } end)
  teardown(function() e:stop() end)

  before_each(function()
    e:reset { charges = 5 }
    e:control("accounts", { { id = FIRST, name = "First Shop", charges = 5 },
      { id = SECOND, name = "Second Shop", charges = 5 } })
    e:control("keys", { { key = FIRST_KEY, account = FIRST },
      { key = SECOND_KEY, account = SECOND },
      { key = RESTRICTED, account = FIRST, permissions = { "charges", "refunds", "account" } } })
    box = sandbox.new({ STRIPE_API_BASE = e.base, COMMERCE_MASTER_KEY = master_key.ONE },
      { in_process = true })
    path = box:path "shop.db"
    box.environment.COMMERCE_STORE = "sqlite:" .. path
    commerce = commands.new(box)
  end)
  after_each(function() box:close() end)

  local function ok(...) return commerce:ok(...) end
  local function fails(...) return commerce:fails(...) end

  local function with(key)
    return { STRIPE_SECRET_KEY = key }
  end

  local function linked()
    ok("connections add --keep-key", with(FIRST_KEY))
    ok("connections add --keep-key", with(SECOND_KEY))
  end

  local function sql(text)
    return (rows.sql(path, text):gsub("\n$", ""))
  end

  describe("companies", function()
    it("are created, shown, renamed and listed", function()
      local made = commerce:json "companies create '  Müller & Söhne ' --description first"
      assert.same({ "Müller & Söhne", "first", {} }, { made.name, made.description,
        made.connections })
      local prefix = made.id:sub(1, 6)
      assert.matches("^Müller & Söhne\ncompany " .. made.id:gsub("%-", "%%-"),
        (ok("companies show " .. prefix)))
      ok(("companies rename %s 'Müller AG'"):format(prefix))
      assert.equal("Müller AG", commerce:json("companies show 'Müller AG'").name)
      local list = ok("companies list", { COLUMNS = "120", LANG = "C.UTF-8" })
      assert.is_truthy(list:find(made.id:sub(1, 8) .. "  Müller AG", 1, true), list)
      local narrow = ok "companies list":match "\n(%S+)"
      assert.equal(made.id, commerce:json("companies show " .. narrow).id)
    end)

    it("are named by an id, the beginning of one, or a name that only one has", function()
      ok "companies create Twin"
      local twin = commerce:json "companies create Twin"
      assert.equal(2, fails("2 companies are called 'Twin': name one by its id (",
        "companies show Twin"))
      assert.equal(twin.id, commerce:json("companies show " .. twin.id:upper()).id)
      assert.equal(twin.id, commerce:json(("companies show %s~"):format(twin.id:sub(1, 20))).id)
      for _, text in ipairs { "twin", "''", twin.id:sub(1, 3), "0000" } do
        assert.equal(2, fails("no company", "companies show " .. text))
      end
    end)

    for what, case in pairs {
      ["no name"] = { "companies create", "missing argument 'name'" },
      ["an empty name"] = { "companies create ' '", "must not be empty" },
      ["a line end in a name"] = { "companies create 'a\nb'", "control characters" },
      ["a key for a name"] = { "companies create sk_test_firstShopsSecretKey01",
        "must not contain an API key" },
      ["no action"] = { "companies", "a command is required" },
      ["an unknown action"] = { "companies remove x", "unknown command 'remove'" },
      ["a store that is not there"] = { "companies list --store sqlite:no.db",
        "there is no such database" },
    } do
      it("refuse " .. what, function()
        assert.is_true(fails(case[2], case[1]) > 0)
      end)
    end

    it("say what to do where there are none", function()
      ok "settings set --schedule daily"
      assert.matches("^no companies yet: `commerce companies create NAME`",
        (ok "companies list"))
      assert.equal("", (ok "companies list --json"))
    end)

    it("are deleted with all that is stored of them, and leave the others alone", function()
      ok("sync --type customers", with(FIRST_KEY))
      ok("sync --type customers", with(SECOND_KEY))
      local count = sql "SELECT count(*) FROM customers"
      assert.equal(2, fails("Delete the company 'First Shop' and its 1 connection with ",
        "companies delete 'First Shop'"))
      assert.equal(count, sql "SELECT count(*) FROM customers")
      assert.equal("the company 'First Shop' is deleted\n",
        (ok "companies delete 'First Shop' --yes"))
      local id = sql "SELECT id FROM connections"
      for _, name in ipairs { "customers", "pulls", "resource_state", "changes",
        "connection_history" } do
        assert.equal(id, sql("SELECT DISTINCT connection_id FROM " .. name), name)
      end
      assert.equal("Second Shop", sql "SELECT name FROM companies")
    end)
  end)

  describe("connections", function()
    it("are added by a key from the environment, a file or standard input", function()
      box:write("key", FIRST_KEY .. "\n")
      local first = commerce:json(("connections add --key-file %s"):format(box:path "key"))
      assert.same({ "Linked", FIRST, "First Shop" }, { first.status, first.account, first.name })
      box:write("key", SECOND_KEY)
      local status, output = box:run("sh -c " .. shell.quote("build/commerce connections add "
        .. "--key-file - --json <" .. box:path "key"))
      assert.same({ 0, SECOND }, { status, cjson.decode(output).account })
      assert.equal(first.id, commerce:json("connections add", with(FIRST_KEY)).id)
      assert.equal("2", sql "SELECT count(*) FROM companies")
      assert.equal("0", sql "SELECT count(*) FROM secrets")
      os.remove(box:path "key")
      commerce:assert_no_secrets { FIRST_KEY, SECOND_KEY }
    end)

    it("are added to a company, which has one for each account", function()
      ok "companies create Group"
      for _, key in ipairs { FIRST_KEY, SECOND_KEY, FIRST_KEY } do
        ok("connections add --company Group", with(key))
      end
      assert.equal("Group", sql "SELECT name FROM companies")
      assert.equal(2, #commerce:json("companies show Group").connections)
      -- another company may have the same account
      ok "companies create Rival"
      ok("connections add --company Rival", with(FIRST_KEY))
      assert.equal("3", sql "SELECT count(*) FROM connections")
      assert.equal(2, fails("2 connections are called '" .. FIRST .. "'",
        "connections show " .. FIRST))
    end)

    it("are one for an account, however many processes find it at the same time", function()
      ok "companies create Other"
      local waits = {}
      for i = 1, 4 do
        waits[i] = box:background("build/commerce connections add"
          .. (i > 2 and " --company Other" or ""), with(FIRST_KEY))
      end
      for _, wait in ipairs(waits) do
        local status, _, errors = wait()
        assert.equal(0, status, errors)
      end
      -- for those who name a company there is one in that, for the others one anywhere
      assert.equal("1", sql("SELECT count(*) FROM connections c JOIN companies o "
        .. "ON o.id = c.company_id WHERE o.name = 'Other'"))
      assert.is_true(tonumber(sql "SELECT count(*) FROM connections") <= 2)
    end)

    it("are listed by company and status", function()
      ok("connections add", with(FIRST_KEY))
      ok("connections add", with(SECOND_KEY))
      ok("connections unlink " .. FIRST)
      local function accounts(arguments)
        local list = {}
        for line in ok("connections list --json " .. arguments):gmatch "[^\n]+" do
          list[#list + 1] = cjson.decode(line).account
        end
        table.sort(list)
        return table.concat(list, " ")
      end
      assert.equal(FIRST .. " " .. SECOND, accounts "")
      assert.equal(FIRST, accounts "--status Unlinked")
      assert.equal(SECOND, accounts "--company 'Second Shop'")
      assert.equal("", accounts "--company 'Second Shop' --status Unlinked")
      fails("must be one of", "connections list --status linked")
    end)

    it("refuse keys that are none, and keep nothing", function()
      for key, words in pairs {
        pk_test_publishable000001 = "publishable key",
        whsec_signingSecret00001 = "not a Stripe secret key",
        sk_test_unknownSecretKey1 = "HTTP 401",
        ["two words"] = "STRIPE_SECRET_KEY",
      } do
        fails(words, "connections add --keep-key", with(key))
      end
      fails("no key: set STRIPE_SECRET_KEY", "connections add")
      fails("nowhere", "connections add --key-file nowhere")
      fails("not the key itself", "connections add --key-file " .. FIRST_KEY)
      assert.equal("0", sql "SELECT count(*) FROM companies")
      assert.equal("0", sql "SELECT count(*) FROM secrets")
    end)

    it("of a platform's key and an account keep no key of their own", function()
      fails("is not kept with one of its accounts", "connections add --keep-key",
        { STRIPE_SECRET_KEY = "sk_test_emulator", STRIPE_ACCOUNT = FIRST })
      local added = commerce:json("connections add",
        { STRIPE_SECRET_KEY = "sk_test_emulator", STRIPE_ACCOUNT = FIRST })
      assert.same({ FIRST, "connect" }, { added.account, added.auth })
      assert.equal(2, fails("has no secret key", "sync --connection " .. FIRST))
    end)
  end)

  it("asks Stripe nothing for a connection without an account", function()
    -- the answer would be the platform's own data
    ok("integrations set stripe-test --client-id ca_EmulatorTest --secret-key-env KEY",
      { KEY = "sk_test_emulator" })
    ok("connections add --keep-key", with(FIRST_KEY))
    local id = sql "SELECT id FROM connections"
    sql "UPDATE connections SET account = NULL, auth = 'connect'"
    local before = e:control("stats").requests
    for _, command in ipairs { "sync", "verify", "coverage" } do
      fails("has no account: link it again", command .. " --connection " .. id)
    end
    fails("has no account: link it again", "sync")
    fails("has no account: link it again", "sync --due")
    sql "UPDATE connections SET status = 'PendingAuth'"
    fails("is PendingAuth: only a Linked one can be synced", "sync --connection " .. id)
    assert.equal(before, e:control("stats").requests)
  end)

  describe("sync without a key in the environment", function()
    it("reads all that are linked; one that fails does not keep the others from it", function()
      linked()
      e:control("keys", { key = FIRST_KEY, account = FIRST, revoked = true })
      local status, output, errors = commerce:run "sync --type customers"
      assert.equal(1, status)
      assert.is_truthy(errors:find("connection %x+%-[%x%-]+: .*Expired API Key"), errors)
      assert.is_truthy(output:find("account " .. SECOND, 1, true), output)
      assert.is_truthy((ok "sync --type customers"):find("account " .. SECOND, 1, true))
      assert.equal(SECOND, sql("SELECT DISTINCT account FROM customers r JOIN connections c "
        .. "ON c.id = r.connection_id"))
    end)

    it("reads those of one company", function()
      linked()
      local output = ok "sync --company 'First Shop' --type customers"
      assert.is_truthy(output:find(FIRST, 1, true))
      assert.is_nil(output:find(SECOND, 1, true))
      fails("--company or --connection, not both", "sync --company x --connection y")
      fails("no company 'x'", "sync --company x")
      ok "companies create Empty"
      assert.equal(2, fails("no connection of this company is Linked", "sync --company Empty"))
    end)

    it("says what is missing where there is nothing to read", function()
      fails("no key: set STRIPE_SECRET_KEY", "sync")
      ok("connections add", with(FIRST_KEY))
      assert.equal(2, fails("no connection is Linked and has a stored key", "sync"))
      assert.equal(2, fails("no key is kept for connection", "sync --connection " .. FIRST))
    end)
  end)

  describe("verify without a key", function()
    it("compares every linked connection that has a stored key", function()
      ok "companies create Empty"
      fails("no key: set STRIPE_SECRET_KEY", "verify")
      linked()
      ok "sync --type customers"
      local output = ok "verify --type customers"
      for _, account in ipairs { FIRST, SECOND } do
        assert.is_truthy(output:find("test mode, account " .. account, 1, true), output)
      end
      local ends = 0
      for line in ok("verify --type customers --json"):gmatch "[^\n]+" do
        local event = cjson.decode(line)
        ends = ends + (event.event == "end" and event.agrees and 1 or 0)
      end
      assert.equal(2, ends)
      sql(("UPDATE customers SET data = json_set(data, '$.customerName', 'x') WHERE "
        .. "connection_id = (SELECT id FROM connections WHERE account = '%s')"):format(FIRST))
      local status
      status, output = commerce:run "verify --deep --type customers"
      assert.equal(1, status)
      assert.is_truthy(output:find("account " .. SECOND, 1, true), output)
      assert.is_truthy(output:find "everything agrees")
      assert.is_truthy(output:find "it does not agree")
    end)

    it("says that no connection has a key", function()
      ok("connections add", with(FIRST_KEY))
      assert.equal(2, fails("nothing to verify in test mode: no connection is Linked", "verify"))
    end)
  end)

  describe("settings and sync --due", function()
    local function line_of(type_name, arguments)
      return ok("settings show " .. (arguments or "")):match("\n(" .. type_name .. "[^\n]*)")
        :gsub(" +", " ")
    end

    it("are set for all and for a company, shown and reset", function()
      ok "companies create Shop"
      ok "settings set --schedule weekly --window 12"
      ok "settings set --company Shop --type payments --schedule 6 --first-link no --order -1"
      assert.equal("payments no every 6 hours -1 12 months", line_of("payments", "--company Shop"))
      assert.equal("disputes yes weekly 0 12 months", line_of("disputes", "--company Shop"))
      assert.equal("payments yes weekly 0 12 months", (line_of "payments"))
      ok "settings set --company Shop --from 2025-01-31"
      assert.equal("disputes yes weekly 0 from 2025-01-31", line_of("disputes", "--company Shop"))
      ok "settings set --integration stripe-test --schedule none --window all"
      assert.equal("disputes yes never again 0 everything",
        line_of("disputes", "--integration stripe-test"))
      ok "settings reset --company Shop"
      assert.equal("payments yes weekly 0 12 months", line_of("payments", "--company Shop"))
    end)

    it("take every word that the help names and the table shows", function()
      for word, shown in pairs { hourly = "hourly", daily = "daily", Weekly = "weekly",
        monthly = "monthly", none = "never again", never = "never again", ["24"] = "daily",
        ["'never again'"] = "never again", ["'every 6 hours'"] = "every 6 hours" } do
        ok("settings set --schedule " .. word)
        assert.equal(("payments yes %s 0 everything"):format(shown), (line_of "payments"))
      end
      for word, shown in pairs { ["'12 months'"] = "12 months", everything = "everything" } do
        ok("settings set --schedule daily --window " .. word)
        assert.equal("payments yes daily 0 " .. shown, (line_of "payments"))
      end
      assert.equal(2, fails("--order: expected a whole number", "settings set --order 0x10"))
    end)

    for what, case in pairs {
      ["nothing"] = { "set", "nothing to set" },
      ["a schedule that is none"] = { "set --schedule often", "expected hours, or hourly" },
      ["half an hour"] = { "set --schedule 0.5", "whole hours" },
      ["a day that there is not"] = { "set --from 2026-02-30", "expected YYYY-MM-DD" },
      ["a day and a window"] = { "set --from 2026-01-01 --window 3", "not both" },
      ["an unknown type"] = { "set --order 1 --type paymets", "paymets" },
      ["two owners"] = { "show --company x --integration stripe", "not both" },
      ["a company that is not there"] = { "set --company x --order 1", "no company 'x'" },
    } do
      it("refuse " .. what, function()
        assert.equal(2, fails(case[2], "settings " .. case[1]))
        assert.equal("0", sql "SELECT count(*) FROM sync_settings")
      end)
    end

    local function types_of(output)
      local names = {}
      for line in output:gmatch "[^\n]+" do
        local event = cjson.decode(line)
        if event.event == "type" then
          names[#names + 1] = event.type
        end
      end
      return table.concat(names, " ")
    end

    it("decide what is read when, in which order, since when", function()
      ok("connections add --keep-key", with(FIRST_KEY))
      ok "settings set --first-link no --schedule none"
      assert.equal("nothing is due in test mode\n", (ok "sync --due"))
      ok "settings set --first-link yes --type customers,disputes,products"
      ok "settings set --order -1 --from 2090-01-01 --type disputes"
      assert.equal("disputes customers products", types_of((ok "sync --due --json")))
      assert.equal("0", sql "SELECT count(*) FROM disputes")
      assert.is_true(tonumber(sql "SELECT count(*) FROM customers") > 0)
      assert.equal("", (ok "sync --due --json"))
      ok "settings set --schedule 1 --type products"
      assert.equal("", (ok "sync --due --json"))
      sql "UPDATE pulls SET requested = '2026-01-01T00:00:00Z' WHERE data_type = 'products'"
      assert.equal("products", types_of((ok "sync --due --json")))
    end)

    it("leave alone what another process works on, and give it back", function()
      ok("connections add --keep-key", with(FIRST_KEY))
      local id = sql "SELECT id FROM connections"
      sql(("INSERT INTO leases (connection_id, worker, expires, seconds) "
        .. "VALUES ('%s', 'another', %d, 60)"):format(id, os.time() + 50))
      local before = e:control("stats").requests
      assert.equal(0, (commerce:run "sync --due"))
      assert.equal(before, e:control("stats").requests)
      sql "UPDATE leases SET expires = 5"
      ok "sync --due"
      assert.equal("0", sql "SELECT count(*) FROM leases")
    end)

    it("count for a key in the environment, too", function()
      ok("sync --due", with(FIRST_KEY))
      assert.equal("nothing is due in test mode\n", (ok("sync --due", with(FIRST_KEY))))
      fails("leave out --type", "sync --due --full", with(FIRST_KEY))
    end)
  end)

  describe("coverage --connection", function()
    it("tells what a key may read, before the first sync", function()
      ok("connections add", with(FIRST_KEY))
      local output = ok("coverage --connection " .. FIRST, with(FIRST_KEY))
      assert.is_nil(output:find(" no ", 1, true), output)
      local status
      status, output = commerce:run("coverage --connection " .. FIRST, with(RESTRICTED))
      assert.equal(1, status)
      assert.matches("\npayments +yes", output)
      assert.matches("\ndisputes +no +Disputes", output)
      assert.matches("\nproducts +no +Products, Prices", output)
      assert.is_truthy(output:find("the permission Events (read) is missing", 1, true), output)
      assert.equal("0", sql "SELECT count(*) FROM pulls")
    end)

    it("prints one JSON object a data type", function()
      ok("connections add", with(FIRST_KEY))
      local _, output = commerce:run("coverage --json --connection " .. FIRST, with(RESTRICTED))
      local found = {}
      for line in output:gmatch "[^\n]+" do
        local entry = cjson.decode(line)
        found[entry.type] = entry
      end
      assert.same({ true, {} }, { found.payments.readable, found.payments.lacking })
      assert.same({ false, { "Disputes" } }, { found.disputes.readable, found.disputes.lacking })
      assert.same({ false, { "Events" } }, { found.changes.readable, found.changes.lacking })
    end)

    it("says that Stripe could not be asked", function()
      ok("connections add", with(FIRST_KEY))
      fails("HTTP 401", "coverage --connection " .. FIRST, with "sk_test_unknownSecretKey1")
      fails("no connection", "coverage --connection never", with(FIRST_KEY))
    end)
  end)
end)
