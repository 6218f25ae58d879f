-- `commerce report`, in this process, over a database that needs no Stripe.

local cjson = require "cjson"
local cli = require "commerce.cli"
local commerce = require "commerce"
local model = require "commerce.model"
local sandbox = require "spec.support.sandbox"

local NOW = "2026-03-01T00:00:00Z"

describe("commerce report", function()
  local box, url, app

  local function connect(id)
    assert(app.store:add_connection({ id = id, company_id = "m1", integration = "stripe-test",
      account = "acct_" .. id, status = "Linked", created = NOW },
      { company = { id = "m1", name = "Shop", created = NOW } }))
  end

  local function give(type_name, list)
    local entries = {}
    for i, values in ipairs(list) do
      entries[i] = { id = values.id, body = assert(model.encode(model.find(type_name), values)) }
    end
    assert(app.store:write_page("cccc0001", { records = { [type_name] = entries } }, NOW))
    assert(app.store:save_pull { id = type_name, connection_id = "cccc0001",
      data_type = type_name, status = "Complete", requested = NOW, completed = NOW, read = 1,
      created = 1, changed = 0, unchanged = 0, progress = 100 })
  end

  -- Runs the command; gives its status and what it printed.
  local function run(...)
    local printed, real_out, real_err = {}, io.stdout, io.stderr
    local function file()
      return { write = function(self, ...)
        printed[#printed + 1] = table.concat { ... }
        return self
      end, flush = function(self)
        return self
      end }
    end
    io.stdout, io.stderr = file(), file() -- luacheck: ignore (what the command writes to)
    local ok, status = pcall(cli.main, { "report", ... })
    io.stdout, io.stderr = real_out, real_err -- luacheck: ignore (as above)
    assert(ok, status)
    return status, table.concat(printed)
  end

  setup(function()
    box = sandbox.new()
    url = "sqlite:" .. box:path "shop.db"
    app = assert(commerce.open { store = url })
    connect "cccc0001"
    local function payment(id, date, amount, currency, more)
      local values = { id = id, createdDate = date, amount = amount, currency = currency,
        status = "Paid" }
      for name, value in pairs(more or {}) do
        values[name] = value
      end
      return values
    end
    give("payments", { payment("ch_1", "2026-01-05T00:00:00Z", 10.1, "EUR"),
      payment("ch_2", "2026-01-06T00:00:00Z", 0.2, "EUR"),
      payment("ch_3", "2026-02-06T00:00:00Z", 5, "EUR"),
      payment("ch_4", "2026-02-06T00:00:00Z", 500, "JPY"),
      payment("ch_5", "2026-02-06T00:00:00Z", 1, "EUR", { status = "Failed",
        supplementalData = { content = { stripe = { failure_code = "card_declined" } } } }) })
  end)

  teardown(function()
    app:close()
    box:close()
  end)

  it("prints a table of every period and currency", function()
    local status, output = run("revenue", "--months", "2", "--date", "2026-02-28", "--store", url)
    assert.equal(0, status)
    assert.equal([[
from        to          cur  revenue  revenue growth %
2026-01-01  2026-01-31  EUR     10.3              -
2026-01-01  2026-01-31  JPY      0                -
2026-02-01  2026-02-28  EUR      5              -51.46
2026-02-01  2026-02-28  JPY    500                -
(test mode, acct_cccc0001, UTC; revenue from payments)
]], output)
  end)

  it("prints items, and what is absent with the reason", function()
    local status, output = run("failures", "--days", "1", "--date", "2026-02-06", "--store", url)
    assert.equal(0, status)
    assert.is_truthy(output:find("card_declined", 1, true))
    status, output = run("customer-retention", "--store", url, "--date", "2026-02-06")
    assert.equal(0, status)
    assert.is_truthy(output:find("no existing: no sale that is stored names its customer", 1, true))
  end)

  it("prints JSON, one object a line", function()
    local status, output = run("revenue", "--months", "1", "--date", "2026-01-31", "--json",
      "--store", url)
    assert.equal(0, status)
    local lines = {}
    for line in output:gmatch "[^\n]+" do
      lines[#lines + 1] = cjson.decode(line)
    end
    assert.same({ { event = "report", name = "revenue", title = "Revenue",
      account = "acct_cccc0001", source = "payments", currency = "EUR" },
      { event = "figures", start = "2026-01-01", ["end"] = "2026-01-31", currency = "EUR",
        figures = { revenue = 10.3 } } }, lines)
  end)

  it("refuses with what was wrong", function()
    for _, case in ipairs {
      { { "revenu" }, "unknown report 'revenu'" },
      { { "revenue", "--months", "x" }, "--months: expected a whole number, got 'x'" },
      { { "revenue", "--months", "1", "--days", "1" },
        "name one of --days, --weeks, --months and --years" },
      { { "revenue", "--months", "367" }, "expected a whole number from 1 to 366, got '367'" },
      { { "revenue", "--date", "28.02.2026" }, "expected a date such as 2026-09-29" },
    } do
      local words = case[1]
      words[#words + 1], words[#words + 2] = "--store", url
      local status, output = run((table.unpack or unpack)(words)) -- luacheck: ignore
      assert.equal(2, status, output)
      assert.is_truthy(output:find(case[2], 1, true), output)
    end
    local status, output = run("fees", "--store", url)
    assert.equal(1, status)
    assert.is_truthy(output:find("transactions: the data type has not been read completely", 1,
      true), output)
  end)

  it("asks which connection, if there are several", function()
    connect "cccc0002"
    local status, output = run("revenue", "--store", url)
    assert.equal(2, status)
    assert.is_truthy(output:find("there are 2 connections in test mode: name one by --connection",
      1, true), output)
    assert.equal(0, (run("revenue", "--store", url, "--connection", "cccc0001")))
  end)
end)
