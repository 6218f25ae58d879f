-- `commerce doctor` names what is wrong in each of these set-ups, with its cure, and changes
-- nothing.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local sandbox = require "spec.support.sandbox"
local serve_shell = require "commerce.serve.shell"
local shell = require "spec.support.shell"

local MASTER = ("A"):rep(43) .. "="
local OTHER_MASTER = ("B"):rep(42) .. "A="

describe("commerce doctor", function()
  local e, box, path

  setup(function()
    e = emulator.start { charges = 20, compact = true }
    box = sandbox.new({}, { in_process = true })
    path = box:path "commerce.db"
    box.environment = { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator",
      COMMERCE_STORE = "sqlite:" .. path, COMMERCE_MASTER_KEY = MASTER }
    assert.equal(0, (box:commerce "sync --type customers --keep-key"))
  end)

  teardown(function()
    box:close()
    e:stop()
  end)

  -- The findings that are not right, "check: text; cure" a line, and the exit status.
  local function doctor(changes)
    local status, output, errors = box:commerce("doctor --json", changes)
    assert.equal("", errors)
    local lines = {}
    for line in output:gmatch "[^\n]+" do
      local finding = cjson.decode(line)
      if finding.state ~= "ok" then
        lines[#lines + 1] = ("%s %s: %s; %s"):format(finding.state, finding.check, finding.text,
          finding.cure or "")
      end
    end
    return status, table.concat(lines, "\n"), output
  end

  local function assert_wrong(changes, ...)
    local status, lines, all = doctor(changes)
    assert.equal(1, status, lines)
    for _, words in ipairs { ... } do
      assert.truthy(lines:find(words, 1, true), words .. "\nis not in\n" .. lines)
    end
    assert.is_nil(all:find("sk_test_emulator", 1, true))
    return lines
  end

  it("finds nothing in a set-up that is right", function()
    local status, lines, output = doctor()
    assert.equal("", lines)
    assert.equal(0, status)
    for _, check in ipairs { "versions", "store", "master key", "network", "key", "clock",
      "permissions", "nginx" } do
      assert.truthy(output:find(('"check":"%s"'):format(check), 1, true), check)
    end
    assert.matches("1 connection, %d+ records, test mode", output)
    assert.matches("it opens the 1 stored secret", output)
  end)

  it("takes a missing database, key and master key for a beginning", function()
    local status, lines = doctor { COMMERCE_STORE = "sqlite:" .. box:path "none.db",
      STRIPE_SECRET_KEY = "", COMMERCE_MASTER_KEY = "" }
    assert.equal(0, status)
    assert.matches("note store: .*there is no such database yet; `commerce sync`", lines)
    assert.matches("note key: STRIPE_SECRET_KEY is not set", lines, 1, true)
    assert.matches("note master key: COMMERCE_MASTER_KEY is not set", lines, 1, true)
    assert.is_nil(io.open(box:path "none.db"))
  end)

  it("names a key that Stripe does not know", function()
    assert_wrong({ STRIPE_SECRET_KEY = "sk_test_unknown" }, "wrong key: ", "HTTP 401",
      "set STRIPE_SECRET_KEY to a valid key")
  end)

  it("names a key that cannot read", function()
    assert_wrong({ STRIPE_SECRET_KEY = "pk_test_emulator" }, "wrong key: ", "publishable key")
  end)

  it("names the permissions that a restricted key lacks", function()
    local lines = assert_wrong({ STRIPE_SECRET_KEY = "rk_test_emulator_charges" },
      "wrong permissions: customers cannot be read; give the key the permission Customers (read)",
      "changes cannot be followed")
    assert.is_nil(lines:find("payment_methods cannot be read", 1, true))
  end)

  it("names a server that does not answer", function()
    assert_wrong({ STRIPE_API_BASE = "http://127.0.0.1:" .. emulator.free_port() },
      "wrong network: ", "could not connect", "; check the network, and STRIPE_API_BASE")
  end)

  it("names a server's address that is none", function()
    assert_wrong({ STRIPE_API_BASE = "ftp://stripe" }, "wrong key: STRIPE_API_BASE must be")
  end)

  it("names an nginx that is missing", function()
    assert_wrong({ COMMERCE_NGINX = "/none/nginx" }, "wrong nginx: COMMERCE_NGINX: there is no "
      .. "program '/none/nginx'; set it to the path of an nginx with the Lua module, or unset it")
  end)

  it("notes a key of the mode that the store is not switched to", function()
    local status, lines = doctor { STRIPE_SECRET_KEY = "sk_live_emulator" }
    assert.equal(0, status)
    assert.matches("note key: the store is switched to test mode; without this key, commands and "
      .. "workers work in that mode; commerce mode live switches it", lines, 1, true)
  end)

  it("names a clock that is wrong", function()
    local time = os.time
    finally(function()
      os.time = time -- luacheck: ignore
    end)
    os.time = function(...) -- luacheck: ignore
      return time(...) + 3600
    end
    assert_wrong({}, "wrong clock: is 3,600 seconds ahead of Stripe's; set this machine's clock")
  end)

  it("names a master key that is another one, or none", function()
    assert_wrong({ COMMERCE_MASTER_KEY = OTHER_MASTER }, "wrong master key: ",
      "sealed with master key", "commerce rekey")
    assert_wrong({ COMMERCE_MASTER_KEY = "short" }, "wrong master key: COMMERCE_MASTER_KEY")
    assert_wrong({ COMMERCE_MASTER_KEY = "", COMMERCE_MASTER_KEY_FILE = box:path "none" },
      "wrong master key: COMMERCE_MASTER_KEY_FILE: " .. box:path "none" .. ": No such file")
    local lines = assert_wrong({ COMMERCE_MASTER_KEY = "" }, "wrong master key: "
      .. "COMMERCE_MASTER_KEY is not set, so the 1 stored secret cannot be opened; set it to the "
      .. "master key that sealed them, whose id is ")
    assert.is_nil(lines:find("openssl rand", 1, true)) -- a new key would open nothing
  end)

  it("names a folder that is missing, not writable, or taken for a database", function()
    assert_wrong({ COMMERCE_STORE = "sqlite:" .. box:path "none/a.db" }, "wrong store: ",
      "there is no folder " .. box:path "none", "make the folder, or name another database")
    local lines = assert_wrong({ COMMERCE_STORE = "sqlite:" .. box:path "." }, "wrong store: ",
      "is a folder; name a file in it")
    assert.is_nil(lines:find("chmod", 1, true))
    local succeeds = serve_shell.succeeds
    finally(function()
      serve_shell.succeeds = succeeds
    end)
    function serve_shell.succeeds(command) -- root, who may run the specs, may write everywhere
      return not command:find "^test %-w" and succeeds(command)
    end
    assert_wrong({ COMMERCE_STORE = "sqlite:" .. box:path "a.db" }, "wrong store: ",
      "this user may not write into the folder " .. box:path(""):gsub("/$", ""),
      "; name another database")
  end)

  it("takes an empty STRIPE_API_BASE for none", function()
    assert_wrong({ STRIPE_API_BASE = "", HTTPS_PROXY = "http://127.0.0.1:"
      .. emulator.free_port() }, "wrong network: GET /v1/account: could not connect to")
  end)

  it("names a database that others may read", function()
    shell.run("chmod 644 " .. path)
    assert_wrong({}, "wrong store: other users may read " .. path, "chmod 600 " .. path)
    shell.run("chmod 600 " .. path)
    assert.equal(0, (doctor()))
  end)

  it("names a database that is none", function()
    local other = box:write("text.db", ("no database "):rep(100))
    shell.run("chmod 600 " .. other)
    assert_wrong({ COMMERCE_STORE = "sqlite:" .. other }, "wrong store: ",
      "not a SQLite database")
  end)

  it("names a connection that must be linked again", function()
    local more = { COMMERCE_STORE = "sqlite:" .. box:path "more.db",
      STRIPE_SECRET_KEY = "sk_test_soon_gone" }
    e:control("keys", { key = "sk_test_soon_gone", account = "acct_1Gone" })
    assert.equal(0, (box:commerce("sync --type customers --keep-key", more)))
    e:control("keys", { key = "sk_test_soon_gone", account = "acct_1Gone", revoked = true })
    local _, output = box:commerce("connections list --json", more)
    local id = cjson.decode(output:match "[^\n]+").id
    assert.equal(1, (box:commerce("sync --connection " .. id, more)))
    more.STRIPE_SECRET_KEY = ""
    assert_wrong(more, "wrong connection: " .. id .. " of account acct_1Gone is Deauthorized",
      "commerce link --connection " .. id)
  end)

  it("prints each cure below what is wrong", function()
    local status, output = box:commerce("doctor",
      { STRIPE_SECRET_KEY = "rk_test_emulator_charges" })
    assert.equal(1, status)
    assert.matches("\nWRONG  permissions  customers cannot be read\n" .. (" "):rep(20)
      .. "give the key the permission Customers (read)", output, 1, true)
  end)
end)
