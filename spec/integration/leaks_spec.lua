-- No secret comes out: keys are planted wherever one can be given, every command is run in every
-- form, well and badly, and then all that was printed and all that was stored is searched for them.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local MARK = "Planted" -- stands in every key
local OWN, PLATFORM = "sk_test_PlantedOwnKey00001", "sk_test_PlantedPlatform0002"
local LIVE, RESTRICTED = "sk_live_PlantedPlatform0003", "rk_test_PlantedRestricted004"
local REVOKED, UNKNOWN = "sk_test_PlantedRevoked00005", "sk_test_PlantedUnknown00006"
local PUBLISHABLE, NO_KEY = "pk_test_PlantedPublish0007", "PlantedPasswordOfSomething"
local SHOP = "acct_1PlantedMerchant"

describe("no secret comes out", function()
  local e, box, away, said
  local ran = {} -- commands

  setup(function()
    e = emulator.start { charges = 30 }
    e:control("keys", { { key = OWN }, { key = PLATFORM }, { key = LIVE },
      { key = RESTRICTED, permissions = { "charges", "account" } },
      { key = REVOKED, revoked = true } })
    e:control("accounts", { { id = SHOP, name = "Merchant", charges = 5, connected = false } })
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_CONNECT_BASE = e.base, LANG = "C.UTF-8",
      COMMERCE_MASTER_KEY = master_key.ONE, GIVEN_KEY = PLATFORM, LIVE_KEY = LIVE,
      WRONG_KEY = PUBLISHABLE, NONE_KEY = NO_KEY }, { in_process = true })
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "commerce.db"
    away = sandbox.new() -- files with keys in them, apart from what is searched
  end)

  before_each(function()
    said = {}
  end)

  teardown(function()
    e:stop()
    box:close()
    away:close()
  end)

  local function keep(status, output, errors)
    said[#said + 1] = output
    said[#said + 1] = errors
    return status, output, errors
  end

  -- Runs it and checks how it ended; `input` is what it reads.
  local function run(expected, arguments, more, input)
    local status, output, errors
    if input then
      status, output, errors = keep(box:run(("sh -c %s"):format(shell.quote(
        ("cat %s | build/commerce %s"):format(away:write("input", input), arguments))), more))
    else
      status, output, errors = keep(box:commerce(arguments, more))
    end
    assert.equal(expected, status, arguments .. ": " .. output .. errors)
    ran[arguments:match "^%S+"] = true
    return output, errors
  end

  local function nothing_said()
    local all = table.concat(said, "\n")
    assert.is_true(#all > 0)
    for _, secret in ipairs { MARK, master_key.ONE:sub(1, -3), master_key.TWO:sub(1, -3) } do
      local at = all:gsub(SHOP, "acct_"):find(secret, 1, true)
      assert.is_nil(at, at and all:sub(math.max(1, at - 60), at + 60))
    end
  end

  local function nothing_stored()
    local _, names = shell.run("ls " .. box.folder)
    assert.truthy(names:find("commerce.db", 1, true))
    for _, key in ipairs { OWN, PLATFORM, LIVE, RESTRICTED, REVOKED, UNKNOWN, PUBLISHABLE, NO_KEY,
      master_key.ONE, master_key.TWO } do
      assert.equal("", box:files_with(key:gsub("^%a+_%a+_", "")))
    end
    -- nor what else of Stripe's would be one: keys, webhook secrets, OAuth's codes and tokens
    local _, found = shell.run(("grep -rlaE '%s' %s"):format(
      "\\b((sk|rk|rkcs)_(test|live)|whsec|ac|rt)_[A-Za-z0-9]{8,}", shell.quote(box.folder)))
    assert.equal("", found)
  end

  it("of a key in the environment, whatever the command", function()
    local with = { STRIPE_SECRET_KEY = OWN }
    for _, arguments in ipairs { "sync --type payments", "sync --json --type customers", "status",
      "status --json", "doctor", "doctor --json", "verify --type payments",
      "verify --deep --json --type customers",
      "companies list", "companies list --json",
      "connections list", "connections list --json", "coverage", "coverage --json", "mode",
      "mode --json", "settings show --json", "integrations list", "--version", "--help" } do
      run(0, arguments, with)
    end
    for _, format in ipairs { "table", "json", "jsonl", "csv" } do
      run(0, "show payments --format " .. format, with)
    end
    local id = rows.sql(box:path "commerce.db", "SELECT id FROM connections"):gsub("%s", "")
    run(0, "connections show " .. id, with)
    run(0, "connections show --json " .. id, with)
    nothing_said()
    nothing_stored()
  end)

  it("of keys that fail", function()
    for _, key in ipairs { REVOKED, UNKNOWN, PUBLISHABLE, NO_KEY, NO_KEY .. "\n", "two " .. NO_KEY,
      LIVE .. "x" } do
      for _, arguments in ipairs { "sync --json", "verify", "connections add", "show payments",
        "mode" } do
        local expected = (arguments == "mode" or arguments == "show payments") and 0 or nil
        local status = keep(box:commerce(arguments, { STRIPE_SECRET_KEY = key }))
        assert.is_true(expected == nil and status > 0 or status == expected, arguments)
      end
    end
    run(1, "sync", { STRIPE_SECRET_KEY = RESTRICTED })
    nothing_said()
    nothing_stored()
  end)

  it("of keys that are given to be kept", function()
    local id = rows.sql(box:path "commerce.db", "SELECT id FROM connections"):gsub("%s", "")
    run(0, "integrations set stripe-test --client-id ca_EmulatorTest --secret-key-env GIVEN_KEY")
    run(0, "integrations set stripe --client-id ca_EmulatorLive --secret-key-file - --json", nil,
      LIVE .. "\n")
    run(0, "integrations set stripe-test --secret-key-file " .. away:write("key", PLATFORM))
    run(0, "integrations enable stripe-test")
    run(0, "integrations list --json")
    run(0, "sync --keep-key --type tax_components", { STRIPE_SECRET_KEY = OWN })
    run(0, "sync --type tax_components --connection " .. id)
    run(0, "connections add --keep-key --key-file -", nil, OWN .. "\n")
    run(0, "connections show --json " .. id)
    run(0, "sync --json --type tax_components")
    run(0, "coverage --json --connection " .. id)
    run(0, "worker --once")
    assert.equal("3\n", rows.sql(box:path "commerce.db", "SELECT count(*) FROM secrets"))
    nothing_said()
    nothing_stored()
  end)

  it("of keys that are given where they do not belong", function()
    for _, arguments in ipairs {
      "integrations set stripe-test --secret-key-env LIVE_KEY",
      "integrations set stripe-test --secret-key-env WRONG_KEY",
      "integrations set stripe-test --secret-key-env NONE_KEY",
      "integrations set stripe --secret-key-env GIVEN_KEY",
      "integrations set stripe --secret-key-env " .. LIVE,
      "integrations set stripe --secret-key-file " .. LIVE,
      "integrations set stripe --secret-key " .. LIVE,
      "integrations set stripe --secret-key=" .. LIVE,
      "integrations set stripe --client-id " .. LIVE,
      "integrations set stripe --scope " .. LIVE,
      "integrations set stripe --redirect-uri " .. LIVE,
      "integrations set " .. LIVE,
      "integrations " .. LIVE, LIVE, "mode " .. LIVE, "sync " .. LIVE, "sync --type " .. LIVE,
      "sync --since " .. LIVE, "sync --connection " .. LIVE, "sync --company " .. LIVE,
      "show " .. LIVE, "show payments --query " .. LIVE, "show payments --order-by " .. LIVE,
      "show payments --limit " .. LIVE, "show payments --format " .. LIVE,
      "status --store " .. LIVE, "doctor --store " .. LIVE,
      "status --store sqlite:/nowhere/" .. LIVE,
      "connections add --key-file " .. OWN, "connections show " .. LIVE,
      "settings set --schedule " .. LIVE, "settings leave-out " .. LIVE,
      "settings hash customers." .. LIVE, "settings keep " .. LIVE, "settings retention " .. LIVE,
      "erase customer --yes " .. LIVE, "erase customer --yes --connection " .. LIVE .. " cus_1",
    } do
      local status = keep(box:commerce(arguments))
      assert.is_true(status > 0, arguments)
    end
    run(2, "erase customer --yes cus_none")
    local status = keep(box:commerce("status", { COMMERCE_STORE = "sqlite:/nowhere/" .. LIVE }))
    assert.equal(1, status)
    nothing_said()
    nothing_stored()
  end)

  it("of keys in files that are none", function()
    for _, text in ipairs { OWN .. "\n" .. OWN .. "\n", OWN .. " \n", OWN .. "\0", NO_KEY,
      OWN:rep(200), "key=" .. OWN, "-----BEGIN " .. NO_KEY .. "-----\n" .. NO_KEY .. "\n" } do
      local path = away:write("odd", text)
      for _, arguments in ipairs { "integrations set stripe-test --secret-key-file ",
        "connections add --key-file " } do
        assert.is_true(keep(box:commerce(arguments .. path)) > 0)
      end
    end
    nothing_said()
    nothing_stored()
  end)

  it("of master keys, right and wrong", function()
    for _, key in ipairs { master_key.TWO, NO_KEY, master_key.TWO .. master_key.TWO, "c2hvcnQ=",
      master_key.ONE:sub(1, 20), false } do
      for _, arguments in ipairs { "rekey", "sync --type tax_components",
        "integrations set stripe-test --secret-key-env GIVEN_KEY --json" } do
        keep(box:commerce(arguments, { COMMERCE_MASTER_KEY = key }))
      end
      keep(box:commerce("rekey", { COMMERCE_OLD_MASTER_KEY = key }))
    end
    run(0, "rekey --json", { COMMERCE_MASTER_KEY = master_key.ONE,
      COMMERCE_OLD_MASTER_KEY = master_key.TWO })
    nothing_said()
    nothing_stored()
  end)

  it("of a link that a merchant walked through", function()
    local begin = away:write("begin.lua", [[
      local app = assert(require "commerce".open())
      local company = assert(app:create_company { name = "Merchant" })
      local shop = assert(company:create_connection { integration = "stripe-test" })
      print(assert(app:begin_link(shop)).url)
      app:close()
    ]])
    local finish = away:write("finish.lua", [[
      local app = assert(require "commerce".open())
      local wrong = arg[1]:gsub("code=ac_", "code=ac_Planted")
      local done = assert(app:finish_link(arg[1]))
      print(done.account, done.connection.status)
      print(app:finish_link(arg[1]))
      print(app:finish_link(wrong))
      print(assert(done.connection:sync { types = { "payments" } }))
      assert(done.connection:unlink())
      app:close()
    ]])
    local status, url, errors = keep(box:run(box:script(begin, box.environment)))
    assert.same({ 0, "" }, { status, errors })
    local back = e:consent(url:gsub("%s+$", ""), "allow", SHOP)
    assert.matches("code=ac_", back)
    local output
    status, output, errors = keep(box:run(box:script(finish, box.environment) .. " "
      .. shell.quote(back)))
    assert.same({ 0, "" }, { status, errors })
    assert.truthy(output:find(SHOP .. "\tLinked", 1, true))
    run(0, "companies create Other")
    local address = run(0, "link Other --no-wait --json")
    back = e:consent(cjson.decode(address).url, "allow", SHOP)
    run(0, "link --finish --json", nil, back .. "\n")
    run(1, "link --finish", nil, back .. "\n")
    run(1, "link --finish", nil, (back:gsub("state=[^&]+", "state=forged")) .. "\n")
    for _, code in ipairs { "ac_%w%w%w%w%w%w%w%w", back:match "code=ac_(%w+)" } do
      assert.is_nil(table.concat(said, "\n"):find(code))
    end
    nothing_said()
    nothing_stored()
  end)

  it("of a user's own script, and of a server", function()
    local script = away:write("own.lua", [[
      local key = require "commerce.core".secret_from_env "STRIPE_SECRET_KEY"
      local shop = assert(commerce.open():connect { secret_key = key, relink = true })
      print(key, shop, shop:sync { types = { "tax_components" } })
      error { key = key, kind = "mine", message = "with " .. tostring(key) }
    ]])
    run(1, "run " .. script, { STRIPE_SECRET_KEY = OWN })
    run(2, "run " .. LIVE)
    run(2, "remap", { STRIPE_SECRET_KEY = OWN })
    run(2, "remap --connection " .. LIVE)
    run(2, "report " .. LIVE)
    run(2, "profile set --logo " .. LIVE)
    run(2, "profile set --origin " .. LIVE)
    run(2, "report revenue --date " .. LIVE)
    run(2, "remap --type " .. LIVE)
    run(0, "users list", { STRIPE_SECRET_KEY = OWN })
    run(2, "users add reader --role " .. LIVE)
    run(2, "serve --listen " .. LIVE)
    run(2, "serve --public-url " .. LIVE)
    nothing_said()
    nothing_stored()
  end)

  it("of an API key, once it has been shown", function()
    local key = run(0, "keys create --name Reader"):match "[%w_%-]+\n$":gsub("%s", "")
    assert.is_true(#key >= 22)
    run(0, "keys list")
    assert.is_nil(said[#said - 1]:find(key, 1, true))
    assert.equal("", box:files_with(key))
  end)

  it("of what webhooks are signed with, once it has been shown", function()
    run(0, "webhooks reach network")
    local shown = {}
    local function show(arguments)
      shown[#shown + 1] = run(0, arguments):match "whsec_([%w+/]+)"
      said[#said - 1] = "" -- here, and nowhere else
    end
    show "webhooks add http://127.0.0.1:1/hook"
    local id = rows.sql(box:path "commerce.db", "SELECT id FROM webhook_consumers"):match "%S+"
    show("webhooks secret --json " .. id)
    show("webhooks secret " .. id)
    run(0, "companies create Told")
    run(0, "worker --once")
    for _, arguments in ipairs { "list", "list --json", "messages " .. id,
      "messages --json " .. id, "replay --since 2026-01-01 " .. id, "disable " .. id,
      "enable --json " .. id, "reach --json" } do
      run(0, "webhooks " .. arguments)
    end
    for _, arguments in ipairs { "add " .. LIVE, "add https://example.com --event " .. LIVE,
      "add https://example.com --tag " .. LIVE, "messages " .. LIVE, "reach " .. LIVE,
      "replay " .. id .. " --message " .. LIVE, "replay " .. id .. " --since " .. LIVE } do
      assert.is_true(keep(box:commerce("webhooks " .. arguments)) > 0, arguments)
    end
    run(0, "rekey --json")
    assert.equal(3, #shown)
    for _, secret in ipairs(shown) do
      assert.equal(32, #secret)
      assert.is_nil(table.concat(said, "\n"):find(secret, 1, true))
      assert.equal("", box:files_with(secret))
    end
    run(0, "webhooks delete --yes " .. id)
    nothing_said()
    nothing_stored()
  end)

  it("of a secret that was dropped", function()
    local envelope = rows.sql(box:path "commerce.db",
      "SELECT envelope FROM secrets WHERE owner LIKE 'connection:%'"):gsub("%s", "")
    assert.matches("^cm1%.", envelope)
    assert.truthy(box:files_with(envelope):find("commerce.db", 1, true))
    local id = rows.sql(box:path "commerce.db",
      "SELECT id FROM connections WHERE auth = 'key'"):gsub("%s", "")
    run(0, "connections unlink " .. id)
    assert.equal("", box:files_with(envelope))
    nothing_said()
  end)

  it("of a backup, of a copy, and of where they should be", function()
    run(0, "backup " .. box:path "backup.db")
    run(0, "store copy --json --to sqlite:" .. box:path "copy.db")
    run(0, "store restored --json --store sqlite:" .. box:path "backup.db")
    for _, arguments in ipairs { "backup /nowhere/" .. LIVE, "store copy --to sqlite:/nowhere/"
      .. LIVE, "store copy --to postgres://" .. LIVE .. "@127.0.0.1:1/" .. LIVE } do
      assert.is_true(keep(box:commerce(arguments)) > 0, arguments)
    end
    nothing_said()
    nothing_stored()
  end)

  it("of any command that is not among these", function()
    local commands = run(0, "--help"):match "Commands:\n(.-)\n\n"
    for name in ("\n" .. commands):gmatch "\n   (%l+) " do -- not the lines of a longer help
      assert.is_true(ran[name], "run `commerce " .. name .. "` here, with keys planted "
        .. "wherever it takes one")
    end
  end)

  -- What a script can reach when something fails in the middle of its work.
  it("of what Lua can reach, tracebacks and the write-ahead log", function()
    local script = away:write("reach.lua", [[
      local commerce, core = require "commerce", require "commerce.core"
      local credentials = require "commerce.account.credentials"
      local integrations = require "commerce.account.integrations"
      local reachable = require "spec.support.reachable"
      local app = assert(commerce.open())
      local own = assert(core.secret_from_env "STRIPE_SECRET_KEY")
      local platform = assert(integrations.secret_key(app.store, "stripe-test"))
      local shop = assert(app:connect { secret_key = own, keep_key = true, relink = true })
      assert(credentials.keep(app.store, "connection:logged", platform))
      local function fails(what, ...)
        print(xpcall(what, debug.traceback, ...))
      end
      fails(function(secret) error("in the middle: " .. tostring(secret)) end, own)
      fails(function() return own .. platform end)
      fails(function() return #own end)
      fails(function() return own.text end)
      fails(function() own.text = 1 end)
      fails(function() own:none() end)
      fails(string.format, "%s", own)
      fails(string.rep, own)
      fails(core.seal, own, own, "x")
      fails(core.seal, "x", own, own)
      fails(core.unseal, platform, "x", "y")
      fails(core.secret, own)
      fails(core.session, { key = own, base_url = own })
      fails(shop.sync, shop, { types = own })
      fails(app.set_integration, app, "stripe-test", { secret_key = own, scope = 1 })
      fails(require "commerce.base.json".encode, { key = own })
      print(own, platform, own:mask(), platform:mask())
      print(pcall(setmetatable, own, {}))
      for _, text in ipairs(reachable.strings { app, shop, own, platform }) do
        io.write(text, "\n")
      end
      io.stdout:flush()
      os.execute "kill -KILL $PPID" -- so that the log is not put away
    ]])
    local status, output, errors = keep(box:run(box:script(script, { STRIPE_SECRET_KEY = OWN,
      COMMERCE_STORE = box.environment.COMMERCE_STORE, STRIPE_API_BASE = e.base,
      COMMERCE_MASTER_KEY = master_key.ONE })))
    assert.same({ 137, "Killed\n" }, { status, errors })
    assert.truthy(output:find("in the middle: commerce.secret(redacted)", 1, true))
    assert.truthy(output:find("stack traceback", 1, true))
    assert.truthy(output:find("commerce.store.sqlite", 1, true)) -- it did get around
    assert.truthy(box:files_with("connection:logged"):find("commerce.db-wal", 1, true))
    nothing_said()
    nothing_stored()
  end)

  -- Sealed by one process, opened by another, whose memory is searched.
  describe("of memory", function()
    local SCRIPT = [[
      local core, memory = require "commerce.core", require "spec.support.memory"
      local what, backwards, text = arg[1], arg[2], arg[3]
      local secret
      if text then
        secret = assert(core.unseal(core.secret_from_env "COMMERCE_MASTER_KEY", text, "owner"))
      else
        secret = assert(core.secret_from_file "-")
      end
      if what == "closed" then
        secret:close()
      elseif what == "collected" then
        secret = nil
        collectgarbage()
        collectgarbage()
      end
      print(memory.count(backwards))
    ]]

    local script, envelope

    setup(function()
      script = away:write("memory.lua", SCRIPT)
      local seal = away:write("seal.lua", [[
        local core = require "commerce.core"
        io.write(core.seal(core.secret_from_env "COMMERCE_MASTER_KEY",
          core.secret_from_env "STRIPE_SECRET_KEY", "owner"))
      ]])
      local _
      _, envelope = box:run(box:script(seal, { COMMERCE_MASTER_KEY = master_key.ONE,
        STRIPE_SECRET_KEY = OWN }))
      assert.matches("^cm1%.", envelope)
    end)

    local function count(what, how)
      local command = ("%s %s %s %s"):format(box:script(script,
        { COMMERCE_MASTER_KEY = master_key.ONE }), what, OWN:reverse(),
        how == "unsealed" and envelope or "")
      local status, output, errors = shell.run(("cat %s | %s"):format(away:write("key", OWN),
        command))
      assert.same({ 0, "" }, { status, errors })
      return tonumber(output)
    end

    for _, how in ipairs { "unsealed", "read" } do
      it("once a secret that was " .. how .. " is closed or collected", function()
        assert.is_true(count("open", how) > 0) -- the search does find it
        assert.equal(0, count("closed", how))
        assert.equal(0, count("collected", how))
      end)
    end
  end)
end)
