-- Hooks at work: what they filter, change, fetch and are told of, and what becomes of a sync in
-- which one fails.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local SETTINGS = { charges = 250, compact = true }

describe("a sync with hooks", function()
  local e, box, app, shop, path, undisturbed, count

  local function open(name)
    path = box:path(name)
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base,
      rate = 0, endpoint_rate = 0, backoff = 0.005 })
  end

  setup(function()
    e = emulator.start(SETTINGS)
    box = sandbox.new()
    open "undisturbed.db"
    assert(shop:sync()).complete = nil
    undisturbed = path
    shop:close()
    app:close()
    count = 0
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    count = count + 1
    open(("case%d.db"):format(count))
  end)

  after_each(function()
    shop:close()
    app:close()
  end)

  local function sync(...)
    local report = assert(shop:sync { types = (...) and { ... } or nil })
    local entries = {}
    for _, entry in ipairs(report.types) do
      entries[entry.type] = entry
    end
    return report, entries
  end

  local function number(sql, database)
    return rows.number(database or path, sql)
  end

  local function same_as_undisturbed(...)
    local types = { ... }
    assert.equal("", rows.difference(rows.dump(undisturbed, { types = types }),
      rows.dump(path, { types = types })))
  end

  local function here(offset)
    return ("hooks_spec.lua:%d"):format(debug.getinfo(2, "l").currentline + offset)
  end

  -- ---------------------------------------------------------------- records

  describe("before_record", function()
    it("leaves out what it gives false for, and counts it", function()
      shop:on("payments", function(payment)
        if payment.status == "Failed" then return false end
      end)
      local report, of = sync "payments"
      local failed = number("SELECT count(*) FROM payments WHERE status = 'Failed'", undisturbed)
      assert.is_true(failed > 3)
      assert.is_true(report.complete)
      assert.same({ failed, 0 }, { of.payments.skipped, of.payments.failed })
      assert.equal(number("SELECT count(*) FROM payments", undisturbed) - failed,
        number "SELECT count(*) FROM payments")
      assert.equal(0, number "SELECT count(*) FROM payments WHERE status = 'Failed'")
      assert.matches("skipped", tostring(report), 1, true)
    end)

    it("keeps what it gives nothing for, as it was", function()
      shop:on("before_record", function() end)
      assert.is_true(sync().complete)
      same_as_undisturbed()
    end)

    it("is compiled by LuaJIT as elsewhere", function()
      local jit = rawget(_G, "jit")
      local before, during = jit and (jit.status()), nil
      shop:on("customers", function()
        during = jit and (jit.status())
      end)
      assert.is_true(sync("customers").complete)
      assert.equal(before, during)
    end)

    it("changes the record it got, or gives another one", function()
      shop:on("customers", function(customer)
        customer.note, customer.emailAddress = "a note", nil
      end)
      shop:on("disputes", function(dispute)
        return { currency = dispute.currency, totalAmount = 1, reason = "replaced" }
      end)
      assert.is_true(sync("customers", "disputes").complete)
      assert.equal(0, number [[SELECT count(*) FROM customers
        WHERE note IS NOT 'a note' OR email_address IS NOT NULL]])
      assert.is_true(number "SELECT count(*) FROM customers WHERE customer_name > ''" > 10)
      assert.equal(number("SELECT count(*) FROM disputes", undisturbed),
        number "SELECT count(*) FROM disputes WHERE reason = 'replaced' AND created_date IS NULL")
    end)

    it("comes in the order of declaration, each with what the one before left", function()
      local function append(letter)
        return function(customer)
          customer.note = (customer.note or "") .. letter
        end
      end
      app:on("customers", function(customer)
        customer.note = "a"
      end)
      shop:on("customers", append "b")
      app:on("before_record", append "c")
      shop:on("customers", function(customer)
        return { customerName = customer.note }
      end)
      sync "customers"
      assert.equal("abc\n", rows.sql(path, "SELECT DISTINCT customer_name FROM customers"))
    end)

    it("gets the whole source object, of joined and split types, too", function()
      local seen = {}
      shop:on("before_record", function(record, source, context)
        local key = context.type == "payments" and context.resource or context.type
        seen[key] = seen[key] or { source = source, record = record }
        assert(context.type and context.resource and context.account and context.mode == "test")
        for _, value in pairs(source) do
          assert(type(value) ~= "userdata", "a null")
        end
      end)
      assert.is_true(sync().complete)
      assert.equal("charge", seen.charges.source.object)
      assert.truthy(seen.charges.source.payment_method_details and seen.charges.source.outcome)
      assert.equal("refund", seen.refunds.source.object)
      assert.equal("product", seen.products.source.object)
      assert.equal("price", seen.products.source.prices[1].object)
      assert.equal("balance_transaction", seen.transactions.source.object)
      assert.truthy(seen.company_info.source.balance.available)
      same_as_undisturbed()
    end)

    it("gets of the source what it names, or nothing", function()
      local some, none
      shop:on("customers", function(_, source)
        some = source
      end, { source = { "metadata", "invoice_settings" } })
      shop:on("disputes", function(_, source)
        none = source
      end, { source = false })
      sync("customers", "disputes")
      assert.equal("customer", some.object)
      assert.is_nil(some.default_source)
      assert.truthy(some.invoice_settings)
      assert.is_nil(none)
      same_as_undisturbed("customers", "disputes")
    end)

    it("cannot disturb the other types by what it does to the source", function()
      shop:on("payments", function(_, source)
        for name in pairs(source) do
          source[name] = nil
        end
      end)
      assert.is_true(sync("payments", "payment_methods").complete)
      same_as_undisturbed("payments", "payment_methods")
    end)

    it("fetches more with the connection's own session", function()
      e:control("stats", { clear = true })
      shop:on("disputes", function(dispute, source, context)
        local charge = assert(context:get("/v1/charges/" .. source.charge.id,
          { expand = { "customer" } }))
        dispute.reason = charge.id
        local object, message, details = context:get "/v1/charges/ch_no"
        assert(object == nil and message and details.status == 404)
      end)
      assert.is_true(sync("disputes").complete)
      local disputes = number "SELECT count(*) FROM disputes"
      assert.equal(disputes, number [[SELECT count(*) FROM disputes
        WHERE reason = json_extract(data, '$.supplementalData.content.stripe.charge')]])
      local asked = 0
      for endpoint, requests in pairs(e:control("stats").endpoints) do
        asked = asked + (endpoint:find("/v1/charges/", 1, true) and requests or 0)
      end
      assert.equal(2 * disputes, asked)
    end)

    it("sends records to other stores", function()
      local euros = assert(commerce.open { store = "sqlite:" .. box:path "euros.db" })
      local archive = assert(commerce.open { store = "sqlite:" .. box:path "archive.db" })
      shop:on("payments", function(payment, _, context)
        context:copy(archive.store)
        if payment.currency == "EUR" then context:route(euros) end
      end)
      local _, of = sync "payments"
      euros:close()
      archive:close()
      local euro_payments = number("SELECT count(*) FROM payments WHERE currency = 'EUR'",
        undisturbed)
      local all = number("SELECT count(*) FROM payments", undisturbed)
      assert.is_true(euro_payments > 5)
      assert.equal(euro_payments, of.payments.skipped)
      assert.equal(all - euro_payments, number "SELECT count(*) FROM payments")
      assert.equal(0, number "SELECT count(*) FROM payments WHERE currency = 'EUR'")
      assert.equal(euro_payments, number("SELECT count(*) FROM payments WHERE currency = 'EUR'",
        box:path "euros.db"))
      assert.equal(euro_payments, number("SELECT count(*) FROM payments", box:path "euros.db"))
      assert.equal("", rows.difference(rows.dump(undisturbed, { types = { "payments" } }),
        rows.dump(box:path "archive.db", { types = { "payments" } })))
      assert.equal(shop.account .. "\n", rows.sql(box:path "euros.db",
        "SELECT account FROM connections"))
    end)
  end)

  -- ---------------------------------------------------------------- a hook that fails

  describe("in which one fails", function()
    -- Each of these goes wrong for one dispute, which is left out; all others are stored.
    for name, case in pairs {
      ["that raises"] = { function() error "no such shop" end, "hooks_spec.lua:%d+: no such shop" },
      ["that gives nil and a reason"] = { function() return nil, "not today" end, "not today" },
      ["that gives true"] = { function() return true end,
        "it gave a boolean; a hook gives nothing" },
      ["that gives a text"] = { function() return "x" end, "it gave a string" },
      ["that changes the id"] = { function(d) d.id = "x" end, "a hook cannot change it" },
      ["that makes up a field"] = { function(d) d.reasn = "x" end,
        "there is no field 'reasn' %(did you mean 'reason'%?%); what the model has no field for "
        .. "goes into supplementalData" },
      ["that gives a wrong type"] = { function(d) d.totalAmount = "1" end,
        "field totalAmount: decimal expected, got string" },
      ["that gives an unknown word"] = { function(d) d.status = "Open" end,
        "field status: one of Accepted, .+ expected, got another word" },
      ["that gives a wrong date"] = { function(d) d.dueDate = "tomorrow" end,
        "field dueDate: a date such as" },
      ["that gives a wrong currency"] = { function(d) d.currency = "euro" end,
        "field currency: a currency code" },
      ["that makes up a nested field"] = { function(d) d.disputedTransactions[1].x = 1 end,
        "no field 'disputedTransactions%[1%]%.x'" },
      ["that stamps the record"] = { function(d) d.modifiedDate = "2026-01-01T00:00:00Z" end,
        "field modifiedDate: the store sets it" },
      ["that takes a required field away"] = { function(d) d.currency = nil end,
        "field currency: currency expected, got nothing" },
      ["that makes a circle"] = { function(d) d.supplementalData = { d } end, "nested too deep" },
    } do
      it(name .. ", only its record fails", function()
        local victim = rows.sql(undisturbed, "SELECT id FROM disputes ORDER BY id LIMIT 1")
          :gsub("%s", "")
        local place = here(1)
        shop:on("disputes", function(dispute)
          if dispute.id == victim then return case[1](dispute) end
        end)
        local report, of = sync("disputes", "customers")
        assert.is_false(report.complete)
        assert.equal("complete", of.customers.status)
        assert.same({ "failed", 1 }, { of.disputes.status, of.disputes.failed })
        assert.matches(victim, of.disputes.error, 1, true)
        assert.matches("hook 'disputes'", of.disputes.error, 1, true)
        assert.matches(place, of.disputes.error, 1, true)
        assert.matches(case[2], of.disputes.error)
        assert.is_nil(of.disputes.error:find("\n", 1, true))
        assert.equal(number("SELECT count(*) FROM disputes", undisturbed) - 1,
          number "SELECT count(*) FROM disputes")
        assert.equal("ProcessingError\n", rows.sql(path,
          "SELECT status FROM pulls WHERE data_type = 'disputes'"))
      end)
    end

    it("and is to stop it, it ends, and the next one goes on", function()
      local calls, armed = 0, true
      shop:on("customers", function()
        calls = calls + 1
        if armed and calls == 30 then error "enough" end
      end, { on_error = "stop" })
      local report, message, details = shop:sync { types = { "customers" }, page_size = 10,
        ranges = 1 }
      assert.is_nil(report)
      assert.matches("hooks_spec.lua:%d+: enough; the sync was stopped$", message)
      assert.equal("hook", details.kind)
      assert.equal(20, number "SELECT count(*) FROM customers")
      assert.equal("ProcessingError|20\n", rows.sql(path, "SELECT status, read FROM pulls")
        :gsub("|%d+", "|20"))
      armed = false
      e:control("stats", { clear = true })
      assert.is_true(assert(shop:sync { types = { "customers" }, page_size = 10, ranges = 1 })
        .complete)
      same_as_undisturbed "customers"
      local pages = math.ceil(number "SELECT count(*) FROM customers" / 10)
      assert.is_true(e:control("stats").endpoints["GET /v1/customers"] <= pages - 2 + 2)
    end)

    it("it is told to the error hooks, with whatever else failed", function()
      local told = {}
      e:control("faults", { { match = { path = "/v1/tax_rates" }, action = { status = 400 } } })
      shop:on("error", function(failure, context)
        told[#told + 1] = ("%s %s %s"):format(failure.type, failure.details.kind, context.type)
        error "an error hook that fails itself"
      end)
      shop:on("customers:change", function(customer)
        if customer.id < "cus_c" then error "no" end
      end)
      local report = sync("customers", "tax_components")
      e:control("faults", { clear = true })
      local failing = number "SELECT count(*) FROM customers WHERE id < 'cus_c'"
      assert.is_true(failing > 0)
      assert.equal(failing + 1, #told)
      table.sort(told)
      assert.equal("customers hook customers", told[1])
      assert.equal("tax_components http tax_components", told[#told])
      assert.matches("an error hook that fails itself", report.notes[1], 1, true)
    end)

    it("before_sync, nothing is begun", function()
      shop:on("before_sync", function() error "not on Sundays" end)
      e:control("stats", { clear = true })
      local report, message, details = shop:sync()
      assert.is_nil(report)
      assert.matches("not on Sundays", message, 1, true)
      assert.equal("hook", details.kind)
      assert.equal(0, e:control("stats").requests)
      assert.equal(0, number "SELECT count(*) FROM pulls")
    end)

    it("after_sync or after_type, the report says so", function()
      shop:on("disputes:after_type", function() error "first" end)
      shop:on("after_sync", function() error "second" end)
      local report = sync "disputes"
      assert.is_false(report.complete)
      assert.matches("first", report.notes[1], 1, true)
      assert.matches("second", report.notes[2], 1, true)
      same_as_undisturbed "disputes"
    end)

    it("in a before_page hook, the page's records of that type fail", function()
      local pages = 0
      shop:on("customers:before_page", function()
        pages = pages + 1
        if pages == 2 then error "no second page" end
      end)
      local report = assert(shop:sync { types = { "customers" }, page_size = 10, ranges = 1 })
      assert.same({ 10, false }, { report.types[1].failed, report.complete })
      assert.equal(number("SELECT count(*) FROM customers", undisturbed) - 10,
        number "SELECT count(*) FROM customers")
    end)
  end)

  -- ---------------------------------------------------------------- pages, types, the run

  describe("before_page", function()
    it("sees a page's records of its type, and may take some out, change and sort them", function()
      shop:on("customers:before_page", function(customers, context)
        assert.equal("customers", context.resource)
        assert.is_true(#customers <= 10)
        local kept = {}
        for i = #customers, 2, -1 do
          customers[i].note = "kept"
          kept[#kept + 1] = customers[i]
        end
        return kept
      end)
      local report = assert(shop:sync { types = { "customers" }, page_size = 10, ranges = 1 })
      local all = number("SELECT count(*) FROM customers", undisturbed)
      assert.equal(math.ceil(all / 10), report.types[1].skipped)
      assert.equal(all - math.ceil(all / 10),
        number "SELECT count(*) FROM customers WHERE note = 'kept'")
      assert.is_true(report.complete)
    end)

    it("fetches what a whole page needs at once", function()
      e:control("latency", { ms = 20 })
      e:control("stats", { clear = true })
      shop:on("customers:before_page", function(customers, context)
        local paths = {}
        for i, customer in ipairs(customers) do
          paths[i] = "/v1/customers/" .. customer.id
        end
        paths[#paths + 1] = "/v1/customers/cus_no"
        local objects, failures = context:get_all(paths)
        assert.equal(404, failures["/v1/customers/cus_no"].status)
        for i, customer in ipairs(customers) do
          customer.note = objects[paths[i]].id
        end
      end)
      assert.is_true(sync("customers").complete)
      assert.equal(0, number "SELECT count(*) FROM customers WHERE note IS NOT id")
      assert.is_true(e:control("stats").max_in_flight > 5)
      e:control("latency", { ms = 0 })
    end)

    it("cannot make up records", function()
      shop:on("tax_components:before_page", function(list)
        list[#list + 1] = { id = "mine" }
      end)
      local _, of = sync "tax_components"
      assert.matches("a hook cannot make new ones", of.tax_components.error, 1, true)
      assert.equal(0, number "SELECT count(*) FROM tax_components")
    end)

    it("cannot give a record twice", function()
      shop:on("tax_components:before_page", function(list)
        list[#list + 1] = list[1]
      end)
      local _, of = sync "tax_components"
      assert.matches("it gave the record txr_%w+ twice", of.tax_components.error)
      assert.equal(0, of.tax_components.skipped)
      assert.equal(0, number "SELECT count(*) FROM tax_components")
    end)
  end)

  describe("before_type", function()
    it("leaves a type out", function()
      shop:on("before_type", function(name, context)
        assert(context.type == name)
        return name == "disputes"
      end)
      local report = sync("customers", "disputes")
      assert.equal(1, #report.types)
      assert.is_true(report.complete)
      assert.equal(0, number "SELECT count(*) FROM customers")
      same_as_undisturbed "disputes"
    end)

    it("that fails fails its type alone", function()
      shop:on("customers:before_type", function() error "not this one" end)
      local _, of = sync("customers", "disputes")
      assert.matches("not this one", of.customers.error, 1, true)
      assert.same({ "failed", "complete" }, { of.customers.status, of.disputes.status })
      assert.equal(0, number "SELECT count(*) FROM customers")
    end)
  end)

  it("comes by its hooks in their order", function()
    local order, last = {}, nil
    local function note(name)
      return function(...)
        local arguments = { ... }
        local text = name
        if name == "after_type" then
          text = text .. " " .. arguments[1].status
        elseif name == "after_sync" then
          text = text .. " " .. tostring(arguments[1].complete)
        elseif name == "change" then
          text = text .. " " .. arguments[2]
        elseif name:find "page" then
          text = text .. " " .. (#arguments[1] > 1 and "some" or "one")
        end
        assert(arguments[#arguments].account == shop.account)
        if text ~= last then
          order[#order + 1] = text
        end
        last = text
      end
    end
    for _, event in ipairs(require("commerce.hooks.registry").EVENTS) do
      shop:on(event.name, note(event.name))
    end
    sync "tax_components"
    assert.equal("before_sync, before_type, before_record, before_page some, change created, "
      .. "after_record, after_page some, after_type complete, after_sync true",
      table.concat(order, ", "))
  end)

  -- ---------------------------------------------------------------- changes

  describe("change and delete", function()
    after_each(function()
      e:reset(SETTINGS)
    end)

    it("tell what is new, changed or gone, once it is stored", function()
      local told = {}
      local function tell(record, kind)
        told[#told + 1] = ("%s %s %s"):format(kind, record.id, tostring(record.note))
        local stored = rows.sql(path, ("SELECT note, json_extract(data, '$.modifiedDate') "
          .. "FROM customers WHERE id = '%s'"):format(record.id))
        assert.equal(("%s|%s\n"):format(record.note or "", record.modifiedDate), stored)
      end
      assert.is_true(sync("customers").complete)
      shop:on("customers:change", tell)
      shop:on("customers:delete", function(customer)
        assert.is_true(customer.metadata.isDeleted)
        tell(customer, "deleted")
      end)
      sync "customers"
      assert.same({}, told)
      local ids = e:json("/v1/customers?limit=3").data
      e:mutate { op = "update", id = ids[1].id, fields = { description = "changed" } }
      e:mutate { op = "delete", id = ids[2].id }
      local new = e:mutate({ op = "insert", type = "customers",
        fields = { description = "new" } }).ids[1]
      assert.is_true(sync("customers").complete)
      table.sort(told)
      assert.same({ "changed " .. ids[1].id .. " changed", "created " .. new .. " new",
        "deleted " .. ids[2].id .. " " .. tostring(told[3] and told[3]:match "(%S+)$") }, told)
    end)

    it("that fail leave what is stored as it is, and are counted", function()
      shop:on("disputes:change", function() error "the queue is down" end)
      local report, of = sync "disputes"
      assert.is_false(report.complete)
      assert.equal(of.disputes.created, of.disputes.failed)
      assert.matches("the queue is down", of.disputes.error, 1, true)
      same_as_undisturbed "disputes"
      local _, again = sync "disputes"
      assert.equal(0, again.disputes.failed)
    end)
  end)

  it("is not held against what Stripe lists where hooks change that", function()
    shop:on("disputes", function(dispute) return dispute.status ~= "Won" and dispute end)
    assert.is_true(sync("disputes", "customers").complete)
    local report = assert(shop:verify { types = { "disputes", "customers" } })
    assert.is_false(report.agrees)
    local of = {}
    for _, check in ipairs(report.checks) do
      of[check.type] = check
    end
    assert.is_true(of.customers.agrees)
    assert.matches("hook 'disputes' (", of.disputes.error, 1, true)
    assert.matches("may change records before they are stored", of.disputes.error, 1, true)
    assert.same({}, of.disputes.differences)
  end)

  it("of its own connection is refused inside a hook", function()
    shop:on("disputes", function() shop:sync() end)
    local _, of = sync "disputes"
    assert.matches("a sync of this connection is under way", of.disputes.error, 1, true)
  end)
end)

-- ---------------------------------------------------------------- killed inside a hook

local SCRIPT = [[
local commerce = require "commerce"
local app = assert(commerce.open {})
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY", rate = 0,
  endpoint_rate = 0 })
local calls, stop_at = 0, tonumber(os.getenv "STOP_AT")
local function maybe_die()
  calls = calls + 1
  if calls == stop_at then os.execute "kill -9 $PPID" end
end
shop:on(os.getenv "HOOK", maybe_die)
assert(assert(shop:sync { types = { "customers", "payments" }, page_size = 10 }).complete)
print "complete"
]]

describe("a sync that is killed inside a hook", function()
  local e, box

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator" }
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  it("goes on from its last page, whichever hook it was", function()
    local script = box:write("killed.lua", SCRIPT)
    local whole
    for i, hook in ipairs { "none", "before_record", "customers:before_page", "change",
      "after_page" } do
      local store = box:path(hook:gsub("%W", "_") .. ".db")
      local environment = { COMMERCE_STORE = "sqlite:" .. store,
        HOOK = hook == "none" and "change" or hook }
      if i > 1 then
        environment.STOP_AT = ({ nil, "45", "2", "47", "3" })[i]
        assert.equal(137, (box:run(box:script(script, environment))))
        assert.equal("ok\n", rows.sql(store, "PRAGMA integrity_check"))
        environment.STOP_AT = nil
      end
      local status, output, errors = box:run(box:script(script, environment))
      assert.equal("complete\n", output, errors)
      assert.equal(0, status)
      whole = whole or rows.dump(store)
      assert.equal("", rows.difference(whole, rows.dump(store)))
    end
  end)
end)
