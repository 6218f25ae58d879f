-- A host program that calls os.setlocale: data must not depend on its decimal point, its letters
-- and its order of letters.

local emulator = require "spec.support.emulator"
local locales = require "spec.support.locales"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

-- Under test in the locale, each in the process of one run.
local SPECS = { "ascii", "core_request", "decimal", "json", "mapping", "mapping_language",
  "mapping_set", "mapping_values", "query", "record", "store_memory", "store_sqlite",
  "verify_compare" }

local SCRIPT = [[
local categories = { ... }
local commerce = require "commerce"
local cjson = require "cjson"
for _, category in ipairs(categories) do
  assert(os.setlocale(os.getenv "LOCALE", category))
end
local app = assert(commerce.open {})
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
local report = assert(shop:sync { types = { "payments", "transactions", "company_info" } })
assert(report.complete)
print(tostring(report):match "%d+[.,]%d s$")
local count, above = 0, 0
for payment in shop:records "payments" do
  count = count + 1
  above = above + (payment.amount > 10.5 and 1 or 0)
end
for _ in shop:records("payments", { query = "amount>10.5" }) do
  above = above - 1
end
for change in shop:changes { limit = 3 } do
  assert(type(change.record) == "table")
end
print(count, above)
print(assert(shop:verify { deep = true }).agrees, cjson.decode "[2.5]"[1] * 2)
]]

describe("a host program's locale", function()
  local environment

  setup(function()
    environment = locales.environment(locales.TURKISH)
    environment.COMMERCE_TEST_LOCALE = locales.TURKISH
  end)

  it("changes nothing in records, queries, mappings and stores #sqlite", function()
    local words = {}
    for name, value in pairs(environment) do
      words[#words + 1] = name .. "=" .. shell.quote(value)
    end
    -- the store's contract once, in memory: in a file the same statements carry the same values,
    -- and the runs below write a file in one process and read it in another
    words[#words + 1] = ("%s spec/support/busted.lua --cpath='build/%s/?.so' "
      .. "--output=plainTerminal --filter-out='^the SQLite store in a file'")
      :format(shell.quote(sandbox.lua), sandbox.runtime)
    for _, name in ipairs(SPECS) do
      words[#words + 1] = name == "mapping" and "spec/unit/mapping"
        or ("spec/unit/%s_spec.lua"):format(name)
    end
    local status, output, errors = shell.run(table.concat(words, " "))
    assert.equal(0, status, output .. errors)
    assert.matches("%d%d%d successes / 0 failures / 0 errors", output)
  end)

  it("whose decimal point has several bytes is refused by name", function()
    local box = sandbox.new(locales.environment(locales.PASHTO))
    local script = box:write("pashto.lua", ([[
      local function refused(call, ...)
        local ok, message = pcall(call, ...)
        print(not ok and tostring(message):match "^the locale's decimal point .- has several bytes")
      end
      if arg[1] == "late" then require "commerce" end
      assert(os.setlocale("%s", "numeric"))
      if arg[1] ~= "late" then
        return refused(require, "commerce")
      end
      local commerce = require "commerce"
      refused(commerce.open, { store = "sqlite::memory:" })
      refused(require("commerce.base.json").decode, "1.5")
      os.setlocale("C", "numeric")
      print((require("commerce.base.json").decode "1.5"),
        (commerce.open { store = "sqlite::memory:" }))
    ]])
      :format(locales.PASHTO))
    local refusal = "the locale's decimal point '\217\171' has several bytes\n"
    local _, output, errors = box:run(box:script(script))
    assert.same({ refusal, "" }, { output, errors })
    _, output, errors = box:run(box:script(script) .. " late")
    assert.equal("", errors)
    assert.equal(refusal:rep(2), output:sub(1, 2 * #refusal))
    assert.matches("^1%.5\t%S+: 0x", output:sub(2 * #refusal + 1))
    box:close()
  end)

  describe("with an account to sync", function()
    local e, box

    setup(function()
      e = emulator.start { charges = 40, compact = true }
      box = sandbox.new { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator",
        LOCALE = locales.TURKISH, LOCPATH = environment.LOCPATH }
      box:write("shop.lua", SCRIPT)
    end)

    teardown(function()
      e:stop()
      box:close()
    end)

    -- One process writes the columns, the next one reads them.
    for _, case in ipairs { "numeric", "all", "" } do
      it(("gives the same in the categories '%s'"):format(case), function()
        box.environment.COMMERCE_STORE = "sqlite:" .. box:path(case .. ".db")
        local status, output, errors = box:run(box:script(box:path "shop.lua") .. " " .. case)
        assert.equal("", errors)
        assert.equal(0, status)
        local seconds, rest = output:match "^([^\n]+)\n(.*)$"
        assert.matches("^%d+%.%d s$", seconds)
        assert.matches("^%d+\t0\ntrue\t5[.,]0\n$", (rest:gsub("\t5\n", "\t5.0\n")))
        local path = box:path(case .. ".db")
        assert.is_true(rows.number(path, "SELECT count(*) FROM payments") > 30)
        assert.equal(0, rows.number(path, "SELECT count(*) FROM payments WHERE upper(currency) "
          .. "<> currency OR amount <> CAST(json_extract(data, '$.amount') AS NUMERIC)"))
      end)
    end
  end)
end)
