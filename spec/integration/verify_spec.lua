-- `verify`: it agrees after a sync, finds and names what was planted, and the command that it
-- prints repairs it. The command line: cli_verify_spec.

local cjson = require "cjson"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local SHOP = { charges = 250, compact = true }
local SMALL = { charges = 130, compact = true } -- has all kinds, and lists of several pages

describe("verify", function()
  local e, box, app, shop, path

  local function open_store(name)
    path = box:path(name .. ".db")
    app = assert(commerce.open { store = "sqlite:" .. path })
  end

  local function connect(key)
    shop = assert(app:connect { secret_key = key or "sk_test_emulator", base_url = e.base,
      rate = 0, endpoint_rate = 0, backoff = 0.005, backoff_cap = 0.02 })
    return shop
  end

  local function close()
    shop:close()
    app:close()
  end

  -- A store as the first sync left it; the emulator as it was then.
  local function synced(account)
    account = account or SHOP
    e:reset(account)
    local path_now = box:path "planted.db"
    shell.run(("rm -f %s*; cp %s %s"):format(path_now, box:path("synced%d.db"):format(
      account.charges), path_now))
    open_store "planted"
    connect()
  end

  setup(function()
    e = emulator.start()
    box = sandbox.new()
    for _, account in ipairs { SHOP, SMALL } do
      e:reset(account)
      open_store("synced" .. account.charges)
      assert(connect():sync())
      close()
    end
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function check_of(report, kind, subject)
    for _, check in ipairs(report.checks) do
      if check.check == kind and (not subject or subject == (check.currency or check.type)) then
        return check
      end
    end
  end

  -- What does not agree, one line a difference: "count payments missing ch_1".
  local function differences(report)
    local lines = {}
    for _, check in ipairs(report.checks) do
      local name = check.check .. " " .. (check.currency or check.type)
      assert.equal(check.agrees, check.differing == 0 and not check.error
        and (check.check ~= "balance" or check.expected == check.found), name)
      for _, difference in ipairs(check.differences) do
        local fields = difference.fields and " " .. table.concat(difference.fields, ",") or ""
        lines[#lines + 1] = ("%s %s %s%s"):format(name, difference.kind, difference.id, fields)
      end
    end
    table.sort(lines)
    return lines
  end

  local function agrees(options)
    local report = assert(shop:verify(options))
    assert.same({}, differences(report))
    assert.is_true(report.agrees, tostring(report))
    return report
  end

  -- Do what a report's commands do, without their processes.
  local function repair(report)
    local done = {}
    for _, check in ipairs(report.checks) do
      for words in (check.repair or ""):gmatch "commerce [^&]+" do
        local command = words:gsub("%s+$", "")
        local synced_type = command:match "^commerce sync %-%-type ([%l_]+) %-%-full$"
        local marked_type = command:match "^commerce verify %-%-type ([%l_]+) %-%-mark%-deleted$"
        assert(synced_type or marked_type, command)
        if not done[command] then
          done[command] = true
          if synced_type then
            assert(assert(shop:sync { types = { synced_type }, full = true }).complete)
          else
            assert(shop:verify { types = { marked_type }, mark_deleted = true })
          end
        end
      end
    end
  end

  -- The one record of a query, with its id.
  local function stored(type_name, where)
    local line = rows.sql(path, ("SELECT id, data FROM %s WHERE %s ORDER BY id LIMIT 1")
      :format(type_name, where))
    local id, data = line:match "^(.-)|({.*})\n$"
    return assert(id, "no such record"), data
  end

  local function replace(type_name, id, from, to)
    local _, data = stored(type_name, "id = '" .. id .. "'")
    local start, stop = data:find(from, 1, true)
    data = data:sub(1, assert(start) - 1) .. to .. data:sub(stop + 1)
    rows.sql(path, ("UPDATE %s SET data = '%s' WHERE id = '%s'"):format(type_name,
      data:gsub("'", "''"), id))
  end

  -- ---------------------------------------------------------------- it agrees

  describe("after a sync", function()
    for _, options in ipairs { SHOP, { charges = 430, seed = 7, compact = true },
      { charges = 90, seed = 99, future = true }, { charges = 300, seed = 3, tie_size = 40 } } do
      it(("agrees, with seed %d"):format(options.seed or 1), function()
        e:reset(options)
        os.remove(box:path "seeds.db")
        open_store "seeds"
        connect()
        finally(close)
        assert(shop:sync())
        local plain = agrees()
        local deep = agrees { deep = true }
        assert.equal(#plain.checks, #deep.checks)
        local ledger = e:control("ledger")
        for code, entry in pairs(ledger) do
          if type(entry) == "table" and entry.sum_net then
            local check = check_of(plain, "balance", code:upper())
            assert.equal(entry.sum_net, rows.minor(check.found, code:upper()), code)
            assert.equal(check.expected, check.found)
          end
        end
        for _, name in ipairs(rows.TYPES) do
          local check = check_of(plain, "count", name)
          local count = rows.number(path, "SELECT count(*) FROM " .. name)
          assert.same({ count, count }, { check.expected, check.found }, name)
        end
        assert.is_true(options.charges < 200 or check_of(plain, "payouts").expected > 3)
      end)
    end

    it("has seen currencies of every exponent and long amounts", function()
      synced()
      finally(close)
      local report = agrees()
      for _, code in ipairs { "USD", "JPY", "KWD", "IDR", "UGX" } do
        assert.truthy(check_of(report, "balance", code), code)
      end
      assert.is_true(rows.number(path, "SELECT max(abs(total_amount)) FROM transactions") > 9e8)
    end)

    it("only looks at what it is asked for", function()
      synced()
      finally(close)
      local report = agrees { types = { "products", "tax_components" } }
      assert.equal(2, #report.checks)
      assert.is_true(report.requests <= 6)
    end)

    it("only looks at what has been synced", function()
      e:reset(SHOP)
      open_store "some_types"
      connect()
      finally(close)
      local nothing, message, details = shop:verify()
      assert.is_nil(nothing)
      assert.matches("run `commerce sync` first", message, 1, true)
      assert.equal("usage", details.kind)
      assert(shop:sync { types = { "disputes" } })
      assert.equal(1, #agrees().checks)
    end)

    it("refuses what it does not know", function()
      synced()
      finally(close)
      assert.is_nil((shop:verify { types = { "paymets" } }))
      assert.has_error(function()
        shop:verify { deeper = true }
      end, "unknown option 'deeper' (did you mean 'deep'?)")
    end)
  end)

  -- ---------------------------------------------------------------- planted differences

  -- Each plants something and gives the differences that must be found, in `count` and elsewhere.
  local PLANTED = {
    ["a record that was lost"] = function()
      local id = stored("payments", "status = 'Paid'")
      rows.sql(path, "DELETE FROM payments WHERE id = '" .. id .. "'")
      return { "count payments missing " .. id }
    end,

    ["a record that is marked as deleted but is not"] = function()
      local id = stored("customers", "true")
      rows.sql(path, [[UPDATE customers SET data = json_set(data, '$.metadata',
        json('{"isDeleted":true}')) WHERE id = ']] .. id .. "'")
      return { "count customers missing " .. id }
    end,

    ["the company and a payment method that were lost"] = function()
      local id = stored("payment_methods", "id = 'card'")
      rows.sql(path, "DELETE FROM payment_methods WHERE id = 'card'; DELETE FROM company_info")
      return { "count company_info missing acct_1CommerceShop001",
        "count payment_methods missing " .. id }
    end,

    ["a payment method that nobody used"] = function()
      rows.sql(path, [[INSERT INTO payment_methods (connection_id, id, data) SELECT connection_id,
        'cowry', '{"id":"cowry"}' FROM payment_methods LIMIT 1]])
      return { "count payment_methods extra cowry" }
    end,

    ["a record that Stripe never had"] = function()
      rows.sql(path, [[INSERT INTO payments (connection_id, id, data) SELECT connection_id,
        'ch_never', replace(data, id, 'ch_never') FROM payments LIMIT 1]])
      return { "count payments extra ch_never" }
    end,

    ["a record with an id that no URL has"] = function()
      rows.sql(path, [[INSERT INTO customers (connection_id, id, data) SELECT connection_id,
        'cus/../% ?', '{}' FROM customers LIMIT 1]])
      return { "count customers extra cus/../% ?" }
    end,

    ["an amount wrong by one minor unit"] = function()
      local id, data = stored("transactions", "type = 'Payment' AND currency = 'KWD'")
      local amount = data:match '"totalAmount":([%d%.]+)'
      local minor = ("%04d"):format(rows.minor(amount, "KWD") + 1)
      replace("transactions", id, '"totalAmount":' .. amount,
        ('"totalAmount":%s.%s'):format(minor:match "^(.*)(...)$"))
      local name = id .. " totalAmount"
      return { "balance KWD different " .. name, "count transactions different " .. name }
    end,

    ["a fee that was lost"] = function()
      local id = stored("transactions", "id LIKE '%:%' AND currency = 'USD'")
      rows.sql(path, "DELETE FROM transactions WHERE id = '" .. id .. "'")
      return { "balance USD missing " .. id, "count transactions missing " .. id }
    end,

    ["a fee that Stripe never took"] = function()
      local id, data = stored("transactions", "id LIKE '%:%' AND currency = 'USD'")
      local odd = id:match "^(.-):" .. ":Fee (100%)"
      data = data:gsub('"id":"[^"]*"', function() return '"id":"' .. odd .. '"' end, 1)
      rows.sql(path, ("INSERT INTO transactions (connection_id, id, data) "
        .. "SELECT connection_id, '%s', '%s' FROM transactions LIMIT 1"):format(odd, data))
      return { "balance USD extra " .. odd, "count transactions extra " .. odd }
    end,

    ["a transaction of a currency that the account has not"] = function()
      rows.sql(path, [[INSERT INTO transactions (connection_id, id, data)
        SELECT connection_id, 'txn_sek', '{"id":"txn_sek","totalAmount":5.5,"currency":"SEK"}'
        FROM transactions LIMIT 1]])
      return { "balance SEK extra txn_sek", "count transactions extra txn_sek" }
    end,

    ["a transaction whose currency changed"] = function()
      local id = stored("transactions", "currency = 'JPY' AND type = 'Payment'")
      replace("transactions", id, '"JPY"', '"KRW"')
      local line = "transactions different " .. id .. " currency"
      return { "balance JPY different " .. id .. " currency",
        "balance KRW different " .. id .. " currency", "count " .. line }
    end,

    ["a variant that was lost"] = function()
      local id = stored("products", "json_array_length(data, '$.variants') > 1")
      rows.sql(path, "UPDATE products SET data = json_remove(data, '$.variants[1]') WHERE id = '"
        .. id .. "'")
      return { "count products different " .. id .. " variants" }
    end,

    ["a new charge at Stripe"] = function()
      local id = e:mutate({ op = "charge", amount = 900 }).id
      local transaction = e:json("/v1/charges/" .. id).balance_transaction
      local fee = transaction .. ":Stripe processing fees"
      return { "balance USD missing " .. fee, "balance USD missing " .. transaction,
        "count payments missing " .. id, "count transactions missing " .. fee,
        "count transactions missing " .. transaction }
    end,

    ["a new price at Stripe"] = function()
      local product = e:json("/v1/products?limit=1").data[1].id
      e:mutate { op = "insert", type = "prices", fields = { product = product } }
      return { "count products different " .. product .. " variants" }
    end,

    ["a customer and a product deleted at Stripe"] = function()
      local customer = e:json("/v1/customers?limit=3").data[3].id
      local product = e:json("/v1/products?limit=2").data[2].id
      e:mutate { { op = "delete", id = customer }, { op = "delete", id = product } }
      return { "count customers extra " .. customer, "count products extra " .. product }
    end,
  }

  describe("finds, names and tells how to repair", function()
    for what, plant in pairs(PLANTED) do
      it(what, function()
        synced(SMALL)
        finally(close)
        local expected = plant()
        table.sort(expected)
        local report = assert(shop:verify())
        assert.is_false(report.agrees)
        local found = {}
        for _, line in ipairs(differences(report)) do
          -- a payout tells of its transactions as well; that has its own cases
          found[#found + 1] = not line:find "^payouts" and line or nil
        end
        assert.same(expected, found)
        repair(report)
        agrees()
        -- the company's balance is part of its record, and has moved where money has
        repair(assert(shop:verify { deep = true, types = { "company_info" } }))
        agrees { deep = true }
      end)
    end

    it("a transaction of a payout, once for the sum and once by itself", function()
      synced()
      finally(close)
      local payout = e:json("/v1/payouts?limit=1&status=paid").data[1]
      assert.is_true(payout.automatic)
      local id
      for _, t in ipairs(e:read_all("/v1/balance_transactions?payout=" .. payout.id)) do
        id = t.type == "charge" and t.id or id
      end
      rows.sql(path, "DELETE FROM transactions WHERE id = '" .. id .. "'")
      local report = assert(shop:verify { types = { "transactions" } })
      local check = check_of(report, "payouts")
      assert.equal(check.expected - 1, check.found)
      assert.equal(2, check.differing)
      assert.same({ payout.id, "different", payout.currency:upper() }, { check.differences[1].id,
        check.differences[1].kind, check.differences[1].currency })
      assert.equal(payout.amount, rows.minor(check.differences[1].expected, "USD"))
      assert.is_nil(check.differences[1].listed)
      assert.same({ id, "missing", payout.id }, { check.differences[2].id,
        check.differences[2].kind, check.differences[2].payout })
      repair(report)
      agrees()
    end)

    it("a payout that Stripe's own list does not add up to", function()
      synced()
      finally(close)
      local payout = e:json("/v1/payouts?limit=1&status=paid").data[1]
      e:mutate { op = "update", id = payout.id, fields = { amount = payout.amount + 1 } }
      local check = check_of(assert(shop:verify()), "payouts")
      assert.equal(1, check.differing)
      local difference = check.differences[1]
      assert.equal(payout.id, difference.id)
      assert.equal(difference.found, difference.listed)
      assert.is_nil(check.repair) -- no reading would change it
    end)

    it("the first twenty of many, and how many there are", function()
      synced()
      finally(close)
      rows.sql(path, "DELETE FROM payments")
      local check = check_of(assert(shop:verify { types = { "payments" } }), "count")
      assert.equal(0, check.found)
      assert.is_true(check.differing > 250)
      assert.equal(check.expected, check.differing)
      assert.equal(20, #check.differences)
      assert.equal("commerce sync --type payments --full", check.repair)
    end)
  end)

  -- ---------------------------------------------------------------- deep

  describe("deep", function()
    it("finds what the plain run does not look at, and names fields, not values", function()
      synced(SMALL)
      finally(close)
      local charge = e:json("/v1/charges?limit=9").data[9].id
      e:mutate { op = "update", id = charge, fields = { description = "Planted Words",
        metadata = { planted_key = "x" } } }
      agrees()
      local report = assert(shop:verify { deep = true })
      local at = "supplementalData.content.stripe."
      assert.same({ "records payments different " .. charge .. " " .. at .. "description," .. at
        .. "metadata" }, differences(report))
      for _, text in ipairs { tostring(report), cjson.encode(report.checks) } do
        assert.is_nil(text:find("Planted", 1, true))
        assert.is_nil(text:find("planted_key", 1, true))
      end
      repair(report)
      agrees { deep = true }
    end)

    it("finds a status, a price and a customer's name that are stale", function()
      synced(SMALL)
      finally(close)
      local customer = e:json("/v1/customers?limit=1").data[1].id
      local price = e:json("/v1/prices?limit=1&currency=usd").data[1]
      local transaction = e:json("/v1/balance_transactions?limit=1").data[1]
      assert.equal("pending", transaction.status)
      e:mutate { { op = "update", id = customer, fields = { name = "Someone Else" } },
        { op = "update", id = price.id, fields = { unit_amount = 77,
          unit_amount_decimal = "77.5" } }, { op = "settle", id = transaction.id } }
      local report = assert(shop:verify { deep = true })
      local status = " supplementalData.content.stripe.status"
      local expected = {
        "records customers different " .. customer .. " customerName",
        "records products different " .. price.product .. " variants",
        "records transactions different " .. transaction.id .. status,
      }
      local found = {}
      for _, line in ipairs(differences(report)) do
        -- the fees' rows have their transaction's status, too
        found[#found + 1] = not line:find(transaction.id .. ":", 1, true)
          and not line:find "company_info" and line or nil
      end
      assert.same(expected, found)
      repair(report)
      agrees { deep = true }
    end)
  end)

  -- ---------------------------------------------------------------- what is no difference

  describe("does not call a difference", function()
    -- By its third page every list has been entered.
    local function in_the_middle(act)
      local done = false
      return function(event)
        if event.type == "payments" and event.read >= 250 and not done then
          done = true
          act()
        end
      end
    end

    it("what comes in while it runs", function()
      synced()
      finally(close)
      agrees { progress = in_the_middle(function()
        e:mutate { { op = "charge", amount = 1234 }, { op = "insert", type = "customers" } }
      end) }
      assert.is_false(assert(shop:verify()).agrees) -- but later it is one
    end)

    it("what another sync stores while it runs", function()
      synced()
      finally(close)
      local id, data = stored("payments", "status = 'Paid'")
      rows.sql(path, "DELETE FROM payments WHERE id = '" .. id .. "'")
      local read = 0
      local report = agrees { types = { "payments" }, progress = function(event)
        read = read + 1
        if event.read == 250 or read == 3 then
          rows.sql(path, ("INSERT INTO payments (connection_id, id, data) "
            .. "VALUES ('%s', '%s', '%s') ON CONFLICT DO NOTHING"):format(
            shop.id, id, data:gsub("'", "''")))
        end
      end }
      assert.equal(report.checks[1].expected, report.checks[1].found)
    end)

    it("what Stripe has but does not list yet", function()
      synced()
      finally(close)
      local id = e:mutate({ op = "charge", amount = 500, lag = 3600 }).id
      local data = cjson.encode { id = id, amount = 5, currency = "USD" }
      rows.sql(path, ("INSERT INTO payments (connection_id, id, data) VALUES ('%s', '%s', '%s')")
        :format(shop.id, id, data))
      agrees { types = { "payments" } }
    end)
  end)

  it("tells of a balance that no transaction explains", function()
    synced()
    finally(close)
    -- in the balance at once, in the list an hour later
    e:mutate { op = "insert", type = "balance_transactions", lag = 3600,
      fields = { amount = 1250, currency = "usd" } }
    local report = assert(shop:verify())
    assert.is_false(report.agrees)
    local check = check_of(report, "balance", "USD")
    assert.equal(1250, rows.minor(check.expected, "USD") - rows.minor(check.found, "USD"))
    assert.is_nil(check.repair)
    assert.truthy(check.note)
    assert.is_true(check_of(report, "count", "transactions").agrees)
    assert.is_true(check_of(report, "balance", "EUR").agrees)
  end)

  describe("the balances beside that of payments", function()
    local BESIDE = { issuing = 700, refund_and_dispute_prefunding = -300, risk_reserved = 1250 }

    local function beside(report, kind)
      for _, check in ipairs(report.checks) do
        if check.balance_type == kind then
          return check
        end
      end
    end

    before_each(function()
      synced()
      for kind, amount in pairs(BESIDE) do
        e:mutate { op = "insert", type = "balance_transaction", key = "sk_test_emulator",
          fields = { amount = amount, balance_type = kind } }
      end
      assert(shop:sync { types = { "transactions" } })
    end)

    it("are each compared with what Stripe tells of them", function()
      finally(close)
      local report = agrees { types = { "transactions" } }
      for kind, amount in pairs(BESIDE) do
        local check = beside(report, kind)
        assert.equal(amount, rows.minor(check.expected, "USD"), kind)
        assert.equal(check.expected, check.found, kind)
      end
      assert.matches("USD issuing", tostring(report), 1, true)
      local ledger = e:control "ledger"
      assert.equal(ledger.usd.sum_net,
        rows.minor(check_of(report, "balance", "USD").found, "USD"))
    end)

    it("differ where a transaction is counted for another one", function()
      finally(close)
      local id = stored("transactions", "data LIKE '%\"balance_type\":\"risk_reserved\"%'")
      replace("transactions", id, '"balance_type":"risk_reserved"', '"balance_type":"payments"')
      local report = assert(shop:verify { types = { "transactions" } })
      assert.is_false(report.agrees)
      assert.same({ "balance USD different " .. id .. " supplementalData",
        "balance USD different " .. id .. " supplementalData",
        "count transactions different " .. id .. " supplementalData" }, differences(report))
      assert.equal("0", beside(report, "risk_reserved").found)
      repair(report)
      agrees { types = { "transactions" } }
    end)

    it("are said not to be checked where Stripe does not tell of them", function()
      finally(close)
      local body = e:json "/v1/balance"
      body.risk_reserved = nil
      e:control("faults", { { match = { path = "/v1/balanc[e]" },
        action = { type = "status", status = 200, body = cjson.encode(body) } } })
      local report = assert(shop:verify { types = { "transactions" } })
      assert.is_true(report.agrees, tostring(report))
      assert.matches("balance USD risk_reserved: not checked: GET /v1/balance does not tell of the "
        .. "balance 'risk_reserved'", tostring(report), 1, true)
      assert.is_nil(beside(report, "risk_reserved").expected)
    end)
  end)

  it("takes a payout whose amount is no number for a difference", function()
    synced()
    finally(close)
    local payout
    for _, each in ipairs(rows.fetch(e, "payouts")) do
      payout = each.automatic and each.status == "paid" and each or payout
    end
    for _, amount in ipairs { "12.50", cjson.null } do
      e:mutate { op = "update", id = payout.id, fields = { amount = amount }, events = false,
        key = "sk_test_emulator" }
      local report = assert(shop:verify { types = { "transactions" } })
      local check = check_of(report, "payouts")
      assert.is_nil(check.error)
      assert.equal(1, check.differing)
      assert.equal(payout.id, check.differences[1].id)
      assert.equal("no amount", check.differences[1].expected)
    end
  end)

  it("does not agree where Stripe's answer is no balance", function()
    synced()
    finally(close)
    for _, case in ipairs { { { type = "truncate" }, "ends too early" },
      { { type = "status", status = 200, body = "7" }, "the answer is not a balance" },
      { { type = "status", status = 200, body = "{}" }, "the answer is not a balance" },
      { { type = "status", status = 200,
        body = '{"available":[{"amount":"7","currency":"usd"}],"pending":[]}' },
        "an amount is not a number" },
      { { type = "status", status = 200, body = '{"available":[{"amount":7}],"pending":[]}' },
        "an amount is not a number" } } do
      e:control("faults", { { match = { path = "/v1/balanc[e]" }, action = case[1] } })
      local report = assert(shop:verify { types = { "transactions" } })
      assert.is_false(report.agrees)
      assert.matches(case[2], check_of(report, "balance").error, 1, true)
      e:control("faults", { clear = true })
    end
    agrees { types = { "transactions" } }
  end)

  it("says what a restricted key may not read, and does not agree", function()
    synced()
    shop:close()
    connect "rk_test_emulator_charges"
    finally(close)
    local report = assert(shop:verify())
    assert.is_false(report.agrees)
    for name, permission in pairs { transactions = "Balance transaction sources",
      disputes = "Disputes", payments = "Charges and Refunds", customers = "Customers" } do
      local check = check_of(report, "count", name)
      assert.is_false(check.agrees)
      assert.equal(permission, check.permission)
      assert.matches("needs the permission '" .. permission .. "'", check.error, 1, true)
      assert.same({}, check.differences)
    end
    assert.equal("Balance", check_of(report, "balance").permission)
    assert.equal("Payouts", check_of(report, "payouts").permission)
    assert.is_true(check_of(report, "count", "payment_methods").agrees)
    assert.matches("not possible", tostring(report), 1, true)
  end)

  it("marks nothing as deleted that it cannot ask for", function()
    synced()
    finally(close)
    rows.sql(path, [[INSERT INTO customers (connection_id, id, data) SELECT connection_id,
      'cus_unsure', '{"id":"cus_unsure"}' FROM customers LIMIT 1]])
    e:control("faults", { { match = { path = "/v1/customers/cus_unsure" },
      action = { type = "status", status = 403 } } })
    local options = { types = { "customers" }, mark_deleted = true }
    local check = assert(shop:verify(options)).checks[1]
    assert.is_false(check.agrees)
    assert.same({ 0, "cus_unsure" }, { check.marked, check.differences[1].id })
    e:control("faults", { clear = true })
    assert.equal(1, agrees(options).checks[1].marked)
    agrees()
  end)

  it("needs no more memory for a larger account", function()
    local peaks = {}
    for i, charges in ipairs { 300, 1500 } do
      e:reset { charges = charges, compact = true }
      open_store("memory" .. i)
      connect()
      assert(shop:sync { types = { "payments", "transactions" } })
      collectgarbage()
      local base, peak = collectgarbage "count", 0
      assert.is_true(assert(shop:verify { deep = true, progress = function()
        collectgarbage()
        peak = math.max(peak, collectgarbage "count" - base)
      end }).agrees)
      peaks[i] = peak
      close()
    end
    -- kilobytes: the 1,200 records that the second one has more would take some 1,200
    assert.is_true(peaks[2] < peaks[1] + 500, ("%.0f KB, then %.0f KB"):format(peaks[1], peaks[2]))
  end)
end)
