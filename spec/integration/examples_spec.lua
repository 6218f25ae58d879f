-- The scripts in examples/: each runs as it stands, does what it says, and ends with one clear line
-- and status 1 when Stripe or its key fails. The README names them all.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local nginx_program = require "commerce.serve.nginx_program"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local SETTINGS = { charges = 150, compact = true }

describe("the example", function()
  local e, box

  setup(function()
    e = emulator.start(SETTINGS)
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset(SETTINGS)
    e:control("keys", { key = "sk_live_Planted7Secret3Words9abcdef" })
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator",
      STRIPE_SECRET_KEY_2 = "sk_live_emulator",
      DISPUTES_WEBHOOK = "http://127.0.0.1:1/not/this/time" }, { in_process = true })
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "shop.db"
  end)

  after_each(function()
    box:close()
  end)

  -- Every other one with `commerce run`, which is the same.
  local function run(name, arguments, environment)
    local path = "examples/" .. name .. ".lua"
    if #name % 2 == 0 then
      return box:commerce(("run %s %s"):format(path, arguments or ""), environment)
    end
    return box:run(box:script(path, environment) .. " " .. (arguments or ""), environment)
  end

  local function good(name, arguments, environment)
    local status, output, errors = run(name, arguments, environment)
    assert.equal(0, status, errors)
    assert.is_nil(errors:find("commerce:", 1, true), errors)
    return output
  end

  local function number(sql)
    return rows.number(box:path "shop.db", sql)
  end

  it("nightly_sync reads everything", function()
    local output = good "nightly_sync"
    for _, name in ipairs(rows.TYPES) do
      assert.matches(name .. " +complete", output)
      assert.is_true(number("SELECT count(*) FROM " .. name) > 0)
    end
    assert.matches("payments +complete +2 +0 +0", good "nightly_sync")
  end)

  it("failed_payments writes them with their reasons, from a day on", function()
    local path = box:path "failed.csv"
    local output = good("failed_payments", "2020-01-01 " .. path)
    local failed = number "SELECT count(*) FROM payments WHERE status = 'Failed'"
    assert.is_true(failed > 3)
    assert.equal(("%d failed payments since 2020-01-01 in %s\n"):format(failed, path), output)
    local text = box:read "failed.csv"
    assert.equal(failed + 1, select(2, text:gsub("\r\n", "")))
    assert.matches("^createdDate,id,amount,currency,paymentMethodRef.name,", text)
    assert.matches(",card_declined,Your card was declined.\r\n", text, 1, true)
    good("failed_payments", "2026-08-01 " .. path)
    assert.is_true(select(2, box:read("failed.csv"):gsub("\r\n", "")) < failed + 1)
  end)

  it("disputes_due tells each of them once", function()
    -- the webhook: a server that takes one request after the other
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local hook = ("http://127.0.0.1:%d/T0/B0/secret"):format(port)
    local disputes = rows.fetch(e, "disputes")
    for i = 1, 3 do
      e:mutate { op = "update", id = disputes[i].id, fields = { status = "needs_response",
        evidence_details = { due_by = os.time() + ({ 1, 3, 30 })[i] * 86400 } } }
    end
    local wait = box:background(box:script("examples/disputes_due.lua",
      { DISPUTES_WEBHOOK = hook }))
    local told = {}
    for i = 1, 2 do
      listener:settimeout(20)
      local client = assert(listener:accept())
      local length, line
      repeat
        line = assert(client:receive "*l")
        length = tonumber(line:match "^[Cc]ontent%-[Ll]ength: (%d+)") or length
        assert.is_nil(line:find("sk_test", 1, true))
      until line == ""
      local body = assert(client:receive(length))
      told[i] = cjson.decode(body)
      client:send "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
      client:close()
    end
    listener:close()
    local status, output, errors = wait()
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("^2 disputes told", output)
    assert.equal(disputes[1].id, told[1].dispute.id)
    assert.equal(disputes[2].id, told[2].dispute.id)
    assert.matches("^Dispute du_%w+ over [%d%.]+ %u%u%u is due on 20", told[1].text)
    -- what was told is not told again: nobody listens any more
    assert.matches("^0 disputes told", good("disputes_due", "", { DISPUTES_WEBHOOK = hook }))
  end)

  it("disputes_due says that the webhook does not answer, without its address", function()
    local id = rows.fetch(e, "disputes")[1].id
    e:mutate { op = "update", id = id, fields = { status = "needs_response",
      evidence_details = { due_by = os.time() + 86400 } } }
    local status, _, errors = run "disputes_due"
    assert.equal(1, status)
    assert.matches("could not connect to 127.0.0.1", errors, 1, true)
    assert.is_nil(errors:find("not/this/time", 1, true))
    status, _, errors = run("disputes_due", "", { DISPUTES_WEBHOOK = false })
    assert.equal(1, status)
    assert.matches("set DISPUTES_WEBHOOK to the webhook's address", errors, 1, true)
  end)

  it("subscriptions defines a type that has a table and is shown", function()
    local output = good "subscriptions"
    local active = number("SELECT count(*) FROM subscriptions WHERE "
      .. rows.any "status" .. " = 'active'")
    assert.is_true(active > 0)
    assert.matches("\n" .. math.min(active, 10) .. " active subscriptions\n$", output)
    local raw = e:json "/v1/subscriptions?limit=1".data[1]
    local cents = 0
    for _, item in ipairs(raw.items.data) do
      cents = cents + item.price.unit_amount * item.quantity
    end
    assert.equal(cents, math.floor(number(("SELECT amount FROM subscriptions WHERE id = '%s'")
      :format(raw.id)) * 100 + 0.5))
    local status, shown = box:commerce "show subscriptions --limit 1 --format csv"
    assert.equal(0, status)
    assert.matches(raw.id, shown, 1, true)
  end)

  it("monthly_revenue adds up to what the database says", function()
    local output, total = good "monthly_revenue", 0
    for currency, revenue in output:gmatch "\n%d+%-%d+ (%u+) +([%-%d%.]+)" do
      total = total + (currency == "USD" and tonumber(revenue) or 0)
    end
    assert.is_true(total > 1000)
    assert.is_true(math.abs(total - number [[SELECT sum(total_amount) FROM transactions
      WHERE type = 'Payment' AND currency = 'USD']]) < 0.005)
  end)

  it("monthly_revenue is exact in every currency, with its decimals", function()
    local output = good "monthly_revenue"
    local decimals = {}
    for month, currency, revenue, refunds, fees, net in output:gmatch
      "(%d+%-%d+) (%u+) +(%S+) +(%S+) +(%S+) +(%S+)" do
      decimals[currency] = #(revenue:match "%.(%d+)$" or "")
      for column, shown in pairs { Payment = revenue, Refund = refunds } do
        assert.equal(shown, (rows.sql(box:path "shop.db", ([[SELECT printf('%%.%df', coalesce(
          sum(total_amount), 0)) FROM transactions WHERE type = '%s' AND currency = '%s'
          AND json_extract(data, '$.createdDate') LIKE '%s%%']]):format(
          decimals[currency], column, currency, month))
          :gsub("%s", "")), month .. currency)
      end
      assert.is_true(math.abs(revenue + refunds + fees - net) < 1e-4)
    end
    assert.same({ 2, 0, 3 }, { decimals.USD, decimals.JPY, decimals.KWD })
  end)

  it("two_merchants reads both into one database", function()
    local output = good "two_merchants"
    assert.matches("test mode, account", output, 1, true)
    assert.matches("live mode, account", output, 1, true)
    assert.equal(2, number "SELECT count(DISTINCT connection_id) FROM payments")
    for count in output:gmatch ": (%d+) payments were paid\n" do
      assert.is_true(tonumber(count) > 50)
    end
    local status, _, errors = run("two_merchants", "", { STRIPE_SECRET_KEY_2 = false })
    assert.equal(1, status)
    assert.matches("set STRIPE_SECRET_KEY_2", errors, 1, true)
  end)

  it("enrich adds what the customer is called, and leaves the staff's payments out", function()
    local charge = rows.fetch(e, "charges")[1]
    e:mutate { op = "update", id = charge.id,
      fields = { billing_details = { email = "jo@example-shop.com" } } }
    local gone = rows.fetch(e, "charges", { query = "customer="
      .. rows.fetch(e, "customers")[3].id })[1].customer
    e:mutate { op = "delete", id = gone }
    local output = good "enrich"
    assert.matches("payments +complete", output)
    assert.equal(0, number("SELECT count(*) FROM payments WHERE id = '" .. charge.id .. "'"))
    local named = number [[SELECT count(*) FROM payments
      WHERE json_extract(data, '$.supplementalData.content.shop') IS NOT NULL]]
    local with_customer = number([[SELECT count(*) FROM payments
      WHERE json_extract(data, '$.supplementalData.content.stripe.customer') != ']] .. gone .. "'")
    assert.is_true(named > 20)
    assert.equal(with_customer, named)
  end)

  it("enrich says that it may not read the customers, rather than leave them out", function()
    e:control("keys", { key = "rk_test_no_customers", permissions = { "account", "charges",
      "refunds", "events" } })
    local status, output, errors = run("enrich", "", { STRIPE_SECRET_KEY = "rk_test_no_customers" })
    assert.equal(1, status)
    assert.matches("enrich%.lua:%d+: .*HTTP 403", output .. errors)
    assert.matches("rak_customer_read", output .. errors, 1, true)
  end)

  it("change_feed passes each change on once", function()
    local path = box:path "changes.jsonl"
    good("change_feed", path)
    local lines = select(2, box:read("changes.jsonl"):gsub("\n", ""))
    assert.equal(number "SELECT max(last) FROM changes", lines)
    e:mutate { op = "update", id = rows.fetch(e, "customers")[1].id,
      fields = { description = "new" } }
    assert.matches("^1 changes in ", good("change_feed", path))
    local last = box:read("changes.jsonl"):match "([^\n]+)\n$"
    assert.equal("changed", cjson.decode(last).kind)
    assert.equal("new", cjson.decode(last).record.note)
    assert.matches("^0 changes in ", good("change_feed", path))
  end)

  it("jsonl_store keeps whole pages of a sync that is killed, and goes on", function()
    local script = box:write("jsonl.lua", [[
local commerce = require "commerce"
local jsonl = dofile "examples/jsonl_store.lua"
local app = assert(commerce.open { store = assert(jsonl.open(os.getenv "JOURNAL")) })
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
shop:on("after_page", function() print "page" io.stdout:flush() end)
assert(shop:sync { types = { "payments", "customers", "products" }, page_size = 10, strict = true })
for _, name in ipairs { "customers", "payments", "products" } do
  for data in shop:records(name, { raw = true, orderBy = "id" }) do
    print((data:gsub(',"modifiedDate":"[^"]+"', "")))
  end
end
]])
    e:control("latency", { ms = 5 })
    local environment = { JOURNAL = box:path "journal.jsonl" }
    local killed = 0
    for _ = 1, 3 do
      local status = box:kill_after(box:script(script, environment), "page", 0.02)
      killed = killed + (status == 137 and 1 or 0)
    end
    assert.is_true(killed > 0)
    local status, output, errors = box:run(box:script(script, environment))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.equal(0, (box:commerce "sync --type payments,customers,products"))
    local count = 0
    for data in rows.dump(box:path "shop.db", { types = { "customers", "payments", "products" } })
      :gmatch "|(%b{})\n" do
      count = count + 1
      assert.truthy(output:find(data, 1, true), data)
    end
    assert.is_true(count > 200)
    assert.equal(count, select(2, output:gsub("%b{}\n", "")))
  end)

  -- ---------------------------------------------------------------- when something is wrong

  local function names()
    local list = {}
    local _, output = shell.run "ls examples/*.lua"
    for name in output:gmatch "examples/([%w_]+)%.lua" do
      list[#list + 1] = name ~= "jsonl_store" and name or nil -- a module, no script
    end
    return list
  end

  for _, name in ipairs(names()) do
    it(name .. " says that the key is wrong", function()
      local status, output, errors = run(name, "",
        { STRIPE_SECRET_KEY = "sk_test_Planted7Secret3Words9fedcba" })
      assert.equal(1, status)
      assert.matches("HTTP 401: Invalid API Key provided", errors, 1, true)
      assert.is_nil((output .. errors):find("Planted7Secret", 1, true))
    end)

    it(name .. " says what could not be read", function()
      e:control("faults", { { match = { path = "/v1/", after = 1 }, action = { type = "html500",
        status = 502, headers = { ["Stripe-Should-Retry"] = "false" } } } })
      local status, output, errors = run(name)
      assert.matches("HTTP 502", output .. errors, 1, true)
      assert.is_nil((output .. errors):find("<html", 1, true))
      assert.equal(1, status)
    end)

    it(name .. " says which permission a restricted key lacks", function()
      local status, output, errors = run(name, "",
        { STRIPE_SECRET_KEY = "rk_test_emulator_charges" })
      assert.equal(1, status)
      assert.matches(name .. "%.lua:%d+: ", errors)
      assert.matches("the key needs the permission '[%a ]+' %(read%)", output .. errors)
    end)
  end

  it("nginx.conf starts and answers with the command that its comment tells", function()
    local file = assert(io.open "examples/nginx.conf")
    local text = file:read "*a"
    file:close()
    -- the command for the nginx that this machine has
    local binary = nginx_program.path()
    local command
    if nginx_program.modules(binary) == "" then
      command = text:match "#   (COMMERCE_STORE=[^\n]+ openresty [^\n]+nginx%.conf\")\n"
    else
      command = text:match "#   (modules=[^\n]+\n#   COMMERCE_STORE=[^\n]+ nginx [^\n]+\n#[^\n]+)"
    end
    command = assert(command, "no command"):gsub("\n# *", "\n")
    local port = emulator.free_port()
    shell.run("chmod 777 " .. box.folder)
    -- only the port differs, and where the file, the store and the process id are: this spec runs
    -- under both runtimes at once, and one must not end the other's nginx
    local pid = box:path "nginx.pid"
    local path = box:write("nginx.conf", (text:gsub("127%.0%.0%.1:8080", "127.0.0.1:" .. port)
      :gsub("pid build/nginx%.pid;", "pid " .. pid .. ";")))
    command = command:gsub("sqlite:%$PWD", "sqlite:" .. box.folder)
      :gsub("%$PWD/examples/nginx.conf", path)
      :gsub("(COMMERCE_STORE=%S+) %a+", "%1 env -u LD_PRELOAD " .. binary)
    local status, said = shell.run(command .. " 2>&1")
    assert.equal(0, status, said)
    local http, answers = require "socket.http", {}
    for i, where in ipairs { "/codat/health", "/codat/ready", "/codat/metrics", "/" } do
      local deadline = socket.gettime() + 10
      repeat
        answers[i] = select(2, http.request(("http://127.0.0.1:%d%s"):format(port, where)))
      until answers[i] == 200 or socket.gettime() > deadline
    end
    shell.run("kill $(cat " .. pid .. ")")
    assert.same({ 200, 200, 200, 200 }, answers)
  end)

  it("is named in a README", function()
    local text = ""
    for _, path in ipairs { "README.md", "lua/commerce/app/README.md",
      "lua/commerce/serve/README.md" } do
      local file = assert(io.open(path))
      text = text .. file:read "*a"
      file:close()
    end
    local _, files = shell.run "find examples -type f"
    for name in files:gmatch "([^\n/]+)\n" do
      assert.truthy(text:find(name, 1, true), name)
    end
  end)
end)
