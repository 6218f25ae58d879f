-- A sync of a whole account: what lands in the database against what the source lists.

local cjson = require "cjson"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local schema_check = require "spec.support.schema_check"

local UNLIMITED = { rate = 0, endpoint_rate = 0, backoff = 0.005, backoff_cap = 0.02 }

local function date(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

local function same_rows(expected, stored)
  assert.equal("", rows.difference(rows.text(expected), rows.text(stored)))
end

local function null_to_nil(value)
  if value ~= cjson.null then
    return value
  end
end

describe("a sync", function()
  local e, box, app, path

  local function connect(options)
    local all = { secret_key = "sk_test_emulator", base_url = e.base }
    for _, part in ipairs { UNLIMITED, options or {} } do
      for name, value in pairs(part) do
        all[name] = value
      end
    end
    return app:connect(all)
  end

  local function open_store(name)
    path = box:path(name .. ".db")
    app = assert(commerce.open { store = "sqlite:" .. path })
  end

  setup(function()
    e = emulator.start { charges = 250, compact = true }
    box = sandbox.new()
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function entry_of(report, type_name)
    for _, entry in ipairs(report.types) do
      if entry.type == type_name then
        return entry
      end
    end
  end

  -- ---------------------------------------------------------------- everything

  describe("of an account with everything in it", function()
    local shop, report, raw

    setup(function()
      open_store "everything"
      shop = assert(connect())
      report = assert(shop:sync())
      raw = { account = e:json "/v1/account", balance = e:json "/v1/balance" }
      for _, resource in ipairs { "customers", "charges", "products", "tax_rates",
        "balance_transactions", "disputes" } do
        raw[resource] = rows.fetch(e, resource)
      end
      raw.prices = rows.fetch(e, "prices", { query = "expand[]=data.currency_options" })
      raw.refunds = rows.fetch(e, "refunds",
        { query = "expand[]=data.charge&expand[]=data.balance_transaction" })
    end)

    teardown(function()
      shop:close()
      app:close()
    end)

    it("has the cases in it that matter here", function()
      assert.equal(250, #raw.charges)
      assert.is_true(#raw.refunds > 20 and #raw.disputes > 5 and #raw.prices > #raw.products)
      local currencies = {}
      for _, charge in ipairs(raw.charges) do
        currencies[charge.currency] = true
      end
      assert.is_true(currencies.jpy and currencies.kwd and currencies.usd)
    end)

    it("says that it is complete, and what it did", function()
      assert.is_true(report.complete)
      assert.equal("test", report.mode)
      assert.equal("acct_1CommerceShop001", report.account)
      assert.equal(shop.id, report.connection)
      assert.equal(0, report.retries)
      assert.equal(#rows.TYPES, #report.types)
      for i, entry in ipairs(report.types) do
        assert.equal(rows.TYPES[i], entry.type)
        assert.equal("complete", entry.status)
        local _, _, count = rows.records(path, entry.type)
        assert.equal(count, entry.created, entry.type)
        assert.same({ 0, 0, 0 }, { entry.changed, entry.unchanged, entry.failed })
      end
      assert.equal(#raw.charges + #raw.refunds, entry_of(report, "payments").read)
      assert.equal(#raw.balance_transactions, entry_of(report, "transactions").read)
    end)

    for _, type_name in ipairs(rows.TYPES) do
      it("stores " .. type_name .. " as Codat's schema has them", function()
        local records, texts, count = rows.records(path, type_name)
        assert.is_true(count > 0)
        for id, record in pairs(records) do
          assert.same({}, schema_check.problems(type_name, record), texts[id])
          assert.truthy(record.modifiedDate, id)
        end
      end)
    end

    it("stores who the company is", function()
      local records, _, count = rows.records(path, "company_info")
      assert.equal(1, count)
      local company = records["acct_1CommerceShop001"]
      assert.equal(raw.account.business_profile.name, company.companyName)
      assert.equal("USD", company.baseCurrency)
      assert.equal(date(raw.account.created), company.createdDate)
      assert.equal("https://dashboard.stripe.com/acct_1CommerceShop001/test",
        company.sourceUrls.dashboard)
      assert.equal(#raw.balance.available, #company.accountBalances)
    end)

    it("stores every customer", function()
      local expected, stored = {}, {}
      for _, customer in ipairs(raw.customers) do
        expected[customer.id] = { null_to_nil(customer.email) or false, date(customer.created) }
      end
      for id, customer in pairs(rows.records(path, "customers")) do
        stored[id] = { customer.emailAddress or false, customer.createdDate }
      end
      same_rows(expected, stored)
    end)

    -- mapping.md's table and its three rules of what is no payment
    it("stores every charge and every refund that is one as a payment", function()
      local expected, stored, skipped = {}, {}, 0
      for _, c in ipairs(raw.charges) do
        local status = ({ failed = "Failed", pending = "Pending" })[c.status]
          or c.status ~= "succeeded" and "Unknown" or c.captured and "Paid"
          or c.refunded and "Cancelled" or "Authorized"
        expected[c.id] = { status, c.currency:upper(),
          status == "Paid" and c.amount_captured or c.amount }
      end
      for _, r in ipairs(raw.refunds) do
        local transaction = null_to_nil(r.balance_transaction)
        local released = transaction
          and transaction.reporting_category == "partial_capture_reversal"
        if not r.charge.captured or r.reason == "expired_uncaptured_charge" or released then
          skipped = skipped + 1
        else
          local status = ({ succeeded = "Paid", pending = "Pending", requires_action = "Pending",
            failed = "Failed", canceled = "Cancelled" })[r.status] or "Unknown"
          expected[r.id] = { status, r.currency:upper(), -r.amount }
        end
      end
      assert.is_true(skipped >= 3)
      local records, texts = rows.records(path, "payments")
      for id, payment in pairs(records) do
        stored[id] = { payment.status, payment.currency, rows.amount(texts[id], "amount") }
      end
      same_rows(expected, stored)
    end)

    it("stores every dispute", function()
      local expected, stored = {}, {}
      for _, d in ipairs(raw.disputes) do
        expected[d.id] = { d.currency:upper(), d.amount, d.reason }
      end
      local records, texts = rows.records(path, "disputes")
      for id, dispute in pairs(records) do
        stored[id] = { dispute.currency, rows.amount(texts[id], "totalAmount"), dispute.reason }
        assert.equal("Payment", dispute.disputedTransactions[1].type)
      end
      same_rows(expected, stored)
    end)

    it("stores every product with its prices as variants, newest first", function()
      local expected, stored = {}, {}
      for _, product in ipairs(raw.products) do
        expected[product.id] = { product.name }
      end
      for _, price in ipairs(raw.prices) do -- Stripe's order is newest first, too
        local variants = expected[price.product]
        variants[#variants + 1] = price.id
      end
      for id, product in pairs(rows.records(path, "products")) do
        stored[id] = { product.name }
        for i, variant in ipairs(product.variants) do
          stored[id][i + 1] = variant.id
        end
      end
      same_rows(expected, stored)
    end)

    it("stores every balance transaction and every fee of one as a transaction", function()
      local expected, stored, twice = {}, {}, 0
      for _, t in ipairs(raw.balance_transactions) do
        local code = t.currency:upper()
        expected[t.id] = { code, t.amount }
        local seen = {}
        for _, fee in ipairs(t.fee_details) do
          local name = null_to_nil(fee.description) or fee.type
          seen[name] = (seen[name] or 0) + 1
          local suffix = seen[name] > 1 and (" (%d)"):format(seen[name]) or ""
          twice = twice + (seen[name] > 1 and 1 or 0)
          expected[t.id .. ":" .. name .. suffix] = { code, -fee.amount }
        end
      end
      assert.is_true(twice > 0)
      local records, texts = rows.records(path, "transactions")
      for id, transaction in pairs(records) do
        stored[id] = { transaction.currency, rows.amount(texts[id], "totalAmount") }
      end
      same_rows(expected, stored)
    end)

    it("stores each kind of payment method once", function()
      local expected, stored = {}, {}
      for _, charge in ipairs(raw.charges) do
        expected[charge.payment_method_details.type] = "Active"
      end
      for id, method in pairs(rows.records(path, "payment_methods")) do
        stored[id] = method.status
      end
      same_rows(expected, stored)
    end)

    it("stores every tax rate", function()
      local expected, stored = {}, {}
      for _, rate in ipairs(raw.tax_rates) do
        local percent = null_to_nil(rate.effective_percentage) or null_to_nil(rate.percentage)
        expected[rate.id] = { rate.display_name,
          rate.rate_type ~= "flat_amount" and ("%.6f"):format(percent / 100) or "none" }
      end
      for id, component in pairs(rows.records(path, "tax_components")) do
        local rate = component.rate
        stored[id] = { component.name, rate and ("%.6f"):format(rate) or "none" }
      end
      same_rows(expected, stored)
    end)

    it("adds up: transactions, their nets and the balance, to the minor unit", function()
      local nets, balances, sums, company = {}, {}, {}, {}
      for _, t in ipairs(raw.balance_transactions) do
        local code = t.currency:upper()
        nets[code] = (nets[code] or 0) + t.net
      end
      for _, part in ipairs { "available", "pending" } do
        for _, amount in ipairs(raw.balance[part]) do
          local code = amount.currency:upper()
          balances[code] = (balances[code] or 0) + amount.amount
        end
      end
      local _, texts = rows.records(path, "transactions")
      for _, text in pairs(texts) do
        local code = text:match '"currency":"(%u+)"'
        sums[code] = (sums[code] or 0) + rows.amount(text, "totalAmount")
      end
      local _, companies = rows.records(path, "company_info")
      local parts = companies["acct_1CommerceShop001"]:match '"accountBalances":%[(.-)%]'
      for part in parts:gmatch "{.-}" do
        local code = part:match '"currency":"(%u+)"'
        company[code] = rows.minor(part:match '"available":([%-%d%.]+)', code)
          + rows.minor(part:match '"pending":([%-%d%.]+)', code)
      end
      assert.is_truthy(sums.JPY and sums.KWD and sums.USD)
      assert.same(nets, sums)
      assert.same(balances, sums)
      assert.same(company, sums)
    end)

    it("can be asked in plain SQL", function()
      local expected, stored = {}, {}
      for _, payment in pairs(rows.records(path, "payments")) do
        local key = payment.currency .. " " .. payment.status
        expected[key] = (expected[key] or 0) + payment.amount
      end
      local output = rows.sql(path,
        "SELECT currency, status, sum(amount) FROM payments GROUP BY 1, 2")
      for currency, status, sum in output:gmatch "(%u+)|(%a+)|(%S+)\n" do
        stored[currency .. " " .. status] = ("%.4f"):format(sum)
      end
      for key, sum in pairs(expected) do
        expected[key] = ("%.4f"):format(sum)
      end
      same_rows(expected, stored)
    end)

    it("notes a finished pull for each type", function()
      local output = rows.sql(path, "SELECT data_type, status, created FROM pulls ORDER BY rowid")
      local names = {}
      for name, status, count in output:gmatch "(%S-)|(%a+)|(%d+)\n" do
        names[#names + 1] = name
        assert.equal("Complete", status)
        assert.equal(entry_of(report, name).created, tonumber(count))
      end
      assert.same(rows.TYPES, names)
    end)

    it("keeps no secret in the database", function()
      assert.equal("", box:files_with "sk_test_emulator")
    end)

    it("changes nothing when it runs again", function()
      rows.age(path)
      local before = rows.dump(path, { dates = true })
      local second = assert(shop:sync())
      assert.is_true(second.complete)
      for _, entry in ipairs(second.types) do
        assert.same({ 0, 0, 0 }, { entry.created, entry.changed, entry.deleted }, entry.type)
      end
      -- nor when it reads everything again
      local whole = assert(shop:sync { full = true })
      for i, entry in ipairs(whole.types) do
        assert.same({ 0, 0, report.types[i].created }, { entry.created, entry.changed,
          entry.unchanged }, entry.type)
      end
      assert.equal("", rows.difference(before, rows.dump(path, { dates = true })))
    end)

    it("gives the same with small pages", function()
      local other = box:path "small_pages.db"
      local second_app = assert(commerce.open { store = "sqlite:" .. other })
      local second = assert(second_app:connect { secret_key = "sk_test_emulator",
        base_url = e.base, rate = 0, endpoint_rate = 0 })
      assert.is_true(assert(second:sync { page_size = 7 }).complete)
      second_app:close()
      assert.equal("", rows.difference(rows.dump(path), rows.dump(other)))
    end)

    it("gives records that can be queried, ordered and counted off", function()
      local function ids(options)
        local list = {}
        for record in shop:records("payments", options) do
          list[#list + 1] = record.id
        end
        return list
      end
      local all = ids()
      local stored, _, count = rows.records(path, "payments")
      assert.equal(count, #all)
      local expected = 0
      for _, payment in pairs(stored) do
        expected = expected + (payment.status == "Failed" and 1 or 0)
      end
      assert.is_true(expected > 0)
      local failed = ids { query = "status=Failed" }
      assert.equal(expected, #failed)
      for _, id in ipairs(failed) do
        assert.equal("Failed", stored[id].status)
      end
      local ordered = ids { orderBy = "-amount", limit = 10 }
      assert.equal(10, #ordered)
      for i = 2, #ordered do
        assert.is_true(stored[ordered[i - 1]].amount >= stored[ordered[i]].amount)
      end
      assert.same({ all[3], all[4] }, ids { limit = 2, offset = 2 })
      for i = 2, #all do
        assert.is_true(stored[all[i - 1]].createdDate >= stored[all[i]].createdDate)
      end
      local large = ids { query = "amount>100&&currency=USD" }
      assert.is_true(#large > 0 and #large < count)
      for _, id in ipairs(large) do
        assert.is_true(stored[id].amount > 100 and stored[id].currency == "USD")
      end
      assert.equal(count, #ids { query = "amount>100||amount<=100" })
      local _, texts = rows.records(path, "payments")
      for text in shop:records("payments", { limit = 1, raw = true }) do
        assert.equal(texts[all[1]], text)
      end
    end)

    it("gives the records of all connections through the application", function()
      local count = 0
      for _ in app:records "customers" do
        count = count + 1
      end
      assert.equal(#raw.customers, count)
    end)

    it("raises for a loop that cannot be what was meant", function()
      assert.has_error(function()
        shop:records "paymets"
      end, "unknown data type 'paymets' (known: " .. table.concat(rows.TYPES, ", ")
        .. ") (did you mean 'payments'?)")
      assert.has_error(function()
        shop:records("payments", { limits = 3 })
      end, "unknown option 'limits' (did you mean 'limit'?)")
      local ok, failure = pcall(shop.records, shop, "payments", { query = "amount>" })
      assert.is_false(ok)
      assert.equal("usage", failure.kind)
      assert.matches("character 1", tostring(failure), 1, true)
    end)
  end)

  -- ---------------------------------------------------------------- changes at the source

  describe("after a change at the source", function()
    local shop

    before_each(function()
      e:reset { charges = 120, compact = true }
      os.remove(box:path "changes.db")
      open_store "changes"
      shop = assert(connect())
      assert(shop:sync())
      rows.age(path)
    end)

    after_each(function()
      shop:close()
      app:close()
    end)

    -- Sync again; gives the names and ids of the records that are not as before, and the report.
    local function what_changes()
      local before = rows.dump(path, { dates = true })
      local report = assert(shop:sync())
      assert.is_true(report.complete)
      local after, changed = rows.dump(path, { dates = true }), {}
      for i, line in ipairs(rows.news(before, after)) do
        local type_name, id, stamp =
          line:match '^([%l_]+)|([^|]+)|.*"modifiedDate":"(%d%d%d%d)%-[^"]*"}$'
        assert.equal(os.date "!%Y", stamp, "the changed record has no new date")
        changed[i] = type_name .. " " .. id
      end
      table.sort(changed)
      return changed, report
    end

    it("changes that record and its date, nothing else", function()
      local charge = e:json("/v1/charges?limit=30").data[30].id
      e:control("mutate", { op = "update", id = charge, fields = { description = "New words" } })
      local changed, report = what_changes()
      assert.same({ "payments " .. charge }, changed)
      assert.equal(1, entry_of(report, "payments").changed)
      assert.equal("New words",
        rows.records(path, "payments")[charge].supplementalData.content.stripe.description)
    end)

    it("adds what is new", function()
      local charge = e:control("mutate", { op = "insert", type = "charges",
        fields = { amount = 4200, currency = "usd" } }).ids[1]
      local customer = e:control("mutate", { op = "insert", type = "customers" }).ids[1]
      local changed, report = what_changes()
      local transaction = e:json("/v1/charges/" .. charge).balance_transaction
      local expected = { "company_info acct_1CommerceShop001", "customers " .. customer,
        "payments " .. charge, "transactions " .. transaction,
        "transactions " .. transaction .. ":Stripe processing fees" }
      table.sort(expected)
      assert.same(expected, changed)
      assert.equal(1, entry_of(report, "payments").created)
      assert.equal(42, rows.records(path, "payments")[charge].amount)
    end)

    it("follows a dispute to its end", function()
      local dispute
      for _, each in ipairs(rows.fetch(e, "disputes")) do
        dispute = each.status == "needs_response" and each.id or dispute
      end
      assert.equal("EvidenceRequired", rows.records(path, "disputes")[dispute].status)
      e:control("mutate", { op = "update", id = dispute, fields = { status = "lost" } })
      assert.same({ "disputes " .. dispute }, what_changes())
      assert.equal("Lost", rows.records(path, "disputes")[dispute].status)
    end)

    it("changes the product of a price that changed or came", function()
      local price = e:json("/v1/prices?limit=40").data[40]
      e:control("mutate", { op = "update", id = price.id, fields = { nickname = "A new name" } })
      assert.same({ "products " .. price.product }, what_changes())
      rows.age(path)
      local before = #rows.records(path, "products")[price.product].variants
      local new = e:control("mutate", { op = "insert", type = "prices",
        fields = { product = price.product, unit_amount = 1234, currency = "eur" } }).ids[1]
      assert.same({ "products " .. price.product }, what_changes())
      local variants = rows.records(path, "products")[price.product].variants
      assert.equal(before + 1, #variants)
      assert.equal(new, variants[1].id)
    end)

    it("changes the product that was renamed", function()
      local product = e:json("/v1/products?limit=5").data[5].id
      e:control("mutate", { op = "update", id = product, fields = { name = "Renamed" } })
      assert.same({ "products " .. product }, what_changes())
      assert.equal("Renamed", rows.records(path, "products")[product].name)
    end)
  end)

  -- ---------------------------------------------------------------- what the source may send

  describe("of", function()
    local shop

    before_each(function()
      os.remove(box:path "case.db")
      open_store "case"
    end)

    after_each(function()
      if shop then
        shop:close()
        shop = nil
      end
      app:close()
    end)

    it("an empty account is complete and stores the company alone", function()
      e:reset { charges = 0, customers = 0, products = 0, prices = 0, tax_rates = 0 }
      shop = assert(connect())
      for _ = 1, 2 do
        local report = assert(shop:sync())
        assert.is_true(report.complete)
        for _, name in ipairs(rows.TYPES) do
          local _, _, count = rows.records(path, name)
          assert.equal(name == "company_info" and 1 or 0, count, name)
        end
      end
    end)

    it("a future Stripe takes fields and words it does not know", function()
      e:reset { charges = 200, future = true }
      shop = assert(connect())
      local report = assert(shop:sync())
      assert.is_true(report.complete, tostring(report))
      local unknown = 0
      for _, name in ipairs(rows.TYPES) do
        local records = rows.records(path, name)
        for _, record in pairs(records) do
          assert.same({}, schema_check.problems(name, record))
          unknown = unknown + (record.status == "Unknown" and 1 or 0)
        end
      end
      assert.is_true(unknown > 10)
    end)

    it("a future Stripe keeps the words it does not know readable", function()
      e:reset { charges = 200, future = true }
      shop = assert(connect())
      assert(shop:sync())
      local seen = 0
      for _, resource in ipairs { "charges", "refunds", "disputes" } do
        local name = resource == "disputes" and "disputes" or "payments"
        local records, texts = rows.records(path, name)
        for _, object in ipairs(rows.fetch(e, resource)) do
          if object.status == "brand_new_status" and records[object.id] then
            seen = seen + 1
            assert.equal("Unknown", records[object.id].status)
            assert.truthy(texts[object.id]:find("brand_new_status", 1, true),
              "the raw word is lost: " .. texts[object.id])
          end
        end
      end
      assert.is_true(seen > 10)
    end)

    it("an object that makes no sense fails its type alone and names the object", function()
      e:reset { charges = 120 }
      local charge = e:json("/v1/charges?limit=30").data[30].id
      e:control("mutate", { op = "update", id = charge, fields = { amount = "twelve",
        amount_captured = "twelve" } })
      shop = assert(connect())
      local report = assert(shop:sync())
      assert.is_false(report.complete)
      local _, _, count = rows.records(path, "payments")
      for _, entry in ipairs(report.types) do
        assert.equal(entry.type == "payments" and "failed" or "complete", entry.status, entry.type)
      end
      local entry = entry_of(report, "payments")
      assert.equal(1, entry.failed)
      assert.matches(charge, entry.error, 1, true)
      assert.is_true(count > 100)
      assert.equal("MapError|1\n", rows.sql(path, "SELECT status, CASE WHEN error_message LIKE '%"
        .. charge .. "%' THEN 1 ELSE 0 END FROM pulls WHERE data_type = 'payments'"))
    end)

    it("test and live data keeps them apart", function()
      e:reset { charges = 120 }
      local reports = {}
      for mode, key in pairs { test = "sk_test_emulator", live = "sk_live_emulator" } do
        shop = assert(connect { secret_key = key })
        reports[mode] = assert(shop:sync())
        assert.is_true(reports[mode].complete)
        assert.equal(mode, reports[mode].mode)
        assert.equal("acct_1CommerceShop001", shop.account)
        shop:close()
      end
      assert.are_not.equal(reports.test.connection, reports.live.connection)
      assert.equal("stripe|1\nstripe-test|1\n", rows.sql(path,
        "SELECT integration, count(*) FROM connections GROUP BY 1 ORDER BY 1"))
      for mode, key in pairs { test = "sk_test_emulator", live = "sk_live_emulator" } do
        local expected, stored = {}, {}
        for _, charge in ipairs(rows.fetch(e, "charges", { key = key })) do
          assert.equal(mode == "live", charge.livemode)
          expected[charge.id] = charge.amount
        end
        local _, texts = rows.records(path, "payments", reports[mode].connection)
        for id in pairs(expected) do
          stored[id] = texts[id] and rows.amount(texts[id], "amount")
        end
        local paid_in_part = 0
        for id, amount in pairs(expected) do
          paid_in_part = paid_in_part + (stored[id] ~= amount and 1 or 0)
          assert.is_truthy(stored[id])
        end
        assert.is_true(paid_in_part < 10) -- those were captured in part
        local company = rows.records(path, "company_info", reports[mode].connection)
        assert.equal(mode == "test", company["acct_1CommerceShop001"].sourceUrls.dashboard
          :find("/test", 1, true) ~= nil)
      end
    end)

    it("objects of the other mode refuses them and names both modes", function()
      e:reset { charges = 120 }
      local _, body = e:get "/v1/disputes?limit=100&expand[]=data.charge"
      local turned, count = body:gsub('"livemode":%s*false', '"livemode": true')
      assert.is_true(count > 5)
      e:control("faults", { { match = { path = "/v1/disputes" },
        action = { status = 200, body = turned } } })
      shop = assert(connect())
      local report = assert(shop:sync())
      assert.is_false(report.complete)
      for _, entry in ipairs(report.types) do
        assert.equal(entry.type == "disputes" and "failed" or "complete", entry.status, entry.type)
      end
      local message = entry_of(report, "disputes").error
      assert.matches("live mode", message, 1, true)
      assert.matches("test mode", message, 1, true)
      local _, _, stored = rows.records(path, "disputes")
      assert.equal(0, stored)
    end)

    it("with a restricted key reads what it may and names what it may not", function()
      e:reset { charges = 120 }
      shop = assert(connect { secret_key = "rk_test_emulator_charges" })
      local report = assert(shop:sync())
      assert.is_false(report.complete)
      local missing = { company_info = "Balance", customers = "Customers",
        payments = "Charges and Refunds", disputes = "Disputes", products = "Pr%a+",
        transactions = "Balance transaction sources", tax_components = "Tax Rates",
        payouts = "Payouts" }
      for _, entry in ipairs(report.types) do
        if missing[entry.type] then
          assert.equal("skipped", entry.status)
          assert.equal(0, entry.read)
          assert.matches("the permission '" .. missing[entry.type] .. "'", entry.error)
          assert.equal("PermissionsError", (rows.sql(path, "SELECT status FROM pulls WHERE "
            .. "data_type = '" .. entry.type .. "'"):gsub("\n", "")))
        else
          assert.equal("payment_methods", entry.type)
          assert.equal("complete", entry.status)
          assert.is_true(entry.created > 10)
        end
      end
    end)

    it("asks a restricted key before the first page, and not again for what was read", function()
      e:reset { charges = 120 }
      shop = assert(connect { secret_key = "rk_test_emulator_charges" })
      local events = {}
      e:control("stats", { clear = true })
      assert(shop:sync { types = { "payments", "payment_methods" }, progress = function(event)
        events[#events + 1] = event
      end })
      local first = e:control("stats?lines=1").lines
      assert.matches("limit=1[^%d]", table.concat(first, "\n", 1, 2))
      assert.equal("skipped", events[2].event)
      assert.equal("payments", events[2].type)
      assert.matches("'Charges and Refunds'", events[2].error, 1, true)
      assert(shop:sync { types = { "payment_methods" } })
      e:control("stats", { clear = true })
      assert.is_true(assert(shop:sync { types = { "payment_methods" } }).complete)
      for _, line in ipairs(e:control("stats?lines=1").lines) do
        assert.is_nil(line:find("limit=1[^%d]"), line)
      end
    end)

    it("counts each type's requests, retries and 429s", function()
      e:reset { charges = 250 }
      e:control("faults", { { match = { path = "/v1/customers", nth = 1 },
        action = { type = "rate_limit" } } })
      shop = assert(connect())
      local report = assert(shop:sync { types = { "customers", "payments" }, ranges = 1 })
      local customers, payments = entry_of(report, "customers"), entry_of(report, "payments")
      assert.same({ 2, 1, 1 }, { customers.requests, customers.retries, customers.rate_limited })
      assert.same({ 4, 0, 0 }, { payments.requests, payments.retries, payments.rate_limited })
      assert.matches("\n7 requests, 1 retried, 1 rate limited, ", tostring(report), 1, true)
    end)

    it("with a key that may not read the account itself finds it all the same", function()
      e:reset { charges = 120 }
      e:control("keys", { key = "rk_test_noaccount", permissions = { "balance", "customers",
        "charges", "refunds", "disputes", "products", "prices", "tax_rates", "payouts",
        "balance_transactions" } })
      shop = assert(connect { secret_key = "rk_test_noaccount" })
      assert.equal("acct_1CommerceShop001", shop.account)
      local report = assert(shop:sync())
      for _, entry in ipairs(report.types) do
        assert.equal(entry.type == "company_info" and "skipped" or "complete", entry.status,
          entry.type)
      end
      assert.matches("Connect / Accounts", entry_of(report, "company_info").error, 1, true)
      -- the same account by its secret key is the same connection
      shop:close()
      local id = shop.id
      shop = assert(connect())
      assert.equal(id, shop.id)
      assert.is_true(assert(shop:sync()).complete)
    end)

    it("a connected account reads that one, beside others in one database", function()
      e:reset { charges = 120 }
      e:control("accounts", { id = "acct_1Connected001", name = "Their Shop", charges = 30,
        customers = 5, seed = 9 })
      local own = assert(connect())
      assert.is_true(assert(own:sync()).complete)
      local before = rows.dump(path, { connection = own.id, dates = true })
      shop = assert(connect { account = "acct_1Connected001" })
      assert.equal("acct_1Connected001", shop.account)
      assert.are_not.equal(own.id, shop.id)
      local report = assert(shop:sync())
      assert.is_true(report.complete)
      assert.equal("acct_1Connected001", report.account)
      local headers = { ["Stripe-Account"] = "acct_1Connected001" }
      local expected, stored = {}, {}
      for _, charge in ipairs(rows.fetch(e, "charges", { headers = headers })) do
        expected[#expected + 1] = charge.id
      end
      assert.equal(30, #expected)
      for _, charge in ipairs(rows.fetch(e, "charges", { headers = headers })) do
        stored[#stored + 1] = rows.records(path, "payments", shop.id)[charge.id].id
      end
      same_rows(expected, stored)
      assert.equal("Their Shop",
        rows.records(path, "company_info", shop.id)["acct_1Connected001"].companyName)
      assert.equal(5, rows.number(path, "SELECT count(*) FROM customers WHERE connection_id = '"
        .. shop.id .. "'"))
      assert.equal("", rows.difference(before, rows.dump(path,
        { connection = own.id, dates = true })))
      own:close()
    end)
  end)
end)
