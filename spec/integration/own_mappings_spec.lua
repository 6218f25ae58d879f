-- Mappings of a user's own in real syncs: what is stored and shown, what a second run does, what
-- follows a change of a mapping or of an object.

local cjson = require "cjson"
local client = require "spec.support.api_client"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local v = commerce.values
local KEY = "sk_test_emulator"

describe("mappings of one's own", function()
  local e, box, path, app, shop

  setup(function()
    e = emulator.start { charges = 200, customers = 100, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 200, customers = 100, compact = true }
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = KEY }, { in_process = true })
    path = box:path "shop.db"
    box.environment.COMMERCE_STORE = "sqlite:" .. path
  end)

  local function open(declare)
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connect { secret_key = KEY, base_url = e.base, rate = 0, endpoint_rate = 0 })
    if declare then
      declare(shop)
    end
  end

  local function close()
    if app then
      shop:close()
      app:close()
      app = nil
    end
  end

  after_each(function()
    close()
    box:close()
  end)

  local function sync(options)
    local report = assert(shop:sync(options))
    assert.is_true(report.complete, tostring(report))
    local by_type = {}
    for _, entry in ipairs(report.types) do
      by_type[entry.type] = entry
    end
    return by_type, report
  end

  local function again(declare, options)
    close()
    open(declare)
    return sync(options)
  end

  local function with_channel(of)
    of:extend("payments", { supplementalData = { channel = "metadata.channel" } })
  end

  local function channels()
    return rows.number(path, "SELECT count(*) FROM payments WHERE "
      .. "json_extract(data, '$.supplementalData.content.stripe.channel') = 'web'")
  end

  describe("an extended mapping", function()
    it("is stored, and costs a second run nothing", function()
      open(with_channel)
      sync { types = { "payments" } }
      local wanted = 0
      for _, charge in ipairs(rows.fetch(e, "charges")) do
        wanted = wanted + (charge.metadata.channel == "web" and 1 or 0)
      end
      assert.is_true(wanted > 10)
      assert.equal(wanted, channels())
      local types, report = again(with_channel, { types = { "payments" } })
      assert.same({}, report.notes)
      assert.equal(0, types.payments.changed)
      assert.is_true(types.payments.read < 10)
    end)

    it("reads everything again when it has changed, and says so", function()
      open()
      sync { types = { "payments" } }
      assert.equal(0, channels())
      local types, report = again(with_channel, { types = { "payments" } })
      assert.is_true(channels() > 10)
      assert.equal(channels(), types.payments.changed)
      assert.truthy(report.notes[1]:find("payments", 1, true), report.notes[1])
      types, report = again(with_channel, { types = { "payments" } })
      assert.equal(0, types.payments.changed)
      assert.same({}, report.notes)
      -- and back again
      types, report = again(nil, { types = { "payments" } })
      assert.is_true(types.payments.changed > 10)
      assert.equal(0, channels())
      assert.equal(1, #report.notes)
    end)

    it("is made anew after a run with another one, whatever types that had", function()
      open(with_channel)
      sync { types = { "payments", "payment_methods" } }
      again(nil, { types = { "payments" } })
      assert.equal(0, channels())
      local types, report = again(with_channel, { types = { "payments", "payment_methods" } })
      assert.equal(channels(), types.payments.changed)
      assert.is_true(channels() > 10)
      assert.equal(0, types.payment_methods.changed)
      assert.equal(1, #report.notes)
    end)

    it("that changed is continued where it was killed", function()
      open()
      sync { types = { "payments" } }
      close()
      open(with_channel)
      local pages = 0
      local ok = pcall(shop.sync, shop, { types = { "payments" }, page_size = 20, ranges = 1,
        progress = function(event)
          pages = pages + (event.event == "progress" and event.type == "payments" and 1 or 0)
          assert(pages < 5)
        end })
      assert.is_false(ok)
      local before = channels()
      assert.is_true(before > 0)
      local types, report = again(with_channel, { types = { "payments" }, page_size = 20 })
      assert.same({}, report.notes)
      assert.is_true(types.payments.read < 200)
      assert.is_true(channels() > before)
      local all = channels()
      again(with_channel, { types = { "payments" }, full = true })
      assert.equal(all, channels())
    end)

    it("follows changes as the others do", function()
      open(with_channel)
      sync { types = { "payments" } }
      local charge = rows.fetch(e, "charges")[150]
      e:mutate { op = "update", id = charge.id, fields = { metadata = { channel = "phone" } } }
      local types = sync { types = { "payments" } }
      assert.equal(1, types.payments.changed)
      assert.equal("phone", rows.records(path, "payments")[charge.id].supplementalData.content
        .stripe.channel)
    end)

    it("has expanded objects, and the others have ids", function()
      open(function(of)
        of:extend("payments", { supplementalData = { email = "customer.email" } },
          { resource = "charges", expand = { "data.customer" } })
        of:define("sales", { from = { resource = "charges" }, id = "id", customer = "customer" })
      end)
      sync { types = { "payments", "sales" } }
      local emails, payments = 0, rows.records(path, "payments")
      for _, charge in ipairs(rows.fetch(e, "charges", { query = "expand[]=data.customer" })) do
        local data = payments[charge.id].supplementalData.content.stripe
        if charge.customer ~= cjson.null then
          assert.equal(charge.customer.id, data.customer)
          assert.equal(charge.customer.email ~= cjson.null and charge.customer.email or nil,
            data.email)
          emails = emails + (data.email and 1 or 0)
        end
      end
      assert.is_true(emails > 50)
      assert.equal(0, rows.number(path, "SELECT count(*) FROM sales WHERE "
        .. rows.any "customer" .. " LIKE '{%'"))
      assert.is_true(rows.number(path,
        "SELECT count(*) FROM sales WHERE " .. rows.any "customer" .. " LIKE 'cus_%'") > 50)
      local verified = assert(shop:verify { deep = true })
      assert.is_true(verified.agrees, tostring(verified))
    end)

    it("has objects expanded deep inside, and the others have ids", function()
      local mandate = "payment_method_details.card.mandate"
      open(function(of)
        of:define("consents", { from = { resource = "charges", expand = { "data." .. mandate },
          where = mandate .. ".id" }, id = "id", status = mandate .. ".status" })
        of:define("sales", { from = { resource = "charges" }, id = "id", mandate = mandate })
      end)
      sync { types = { "consents", "sales" } }
      local consents = rows.number(path, "SELECT count(*) FROM consents WHERE "
        .. rows.any "status" .. " = 'active'")
      assert.is_true(consents > 2)
      assert.equal(consents, rows.number(path, "SELECT count(*) FROM consents"))
      assert.equal(consents, rows.number(path,
        "SELECT count(*) FROM sales WHERE " .. rows.any "mandate" .. " LIKE 'mandate_%'"))
      assert.equal(consents, rows.number(path,
        "SELECT count(*) FROM sales WHERE mandate IS NOT NULL"))
    end)

    it("says which field no object gave anything for", function()
      open(function(of)
        of:extend("payments", { supplementalData = { channel = "metadata.chanel",
          note = "metadata.note" } })
        of:define("sales", { from = { resource = "charges" }, id = "id", risk = "outcome.risk",
          status = "status" })
      end)
      local _, report = sync { types = { "payments", "sales" } }
      assert.equal(2, #report.notes, tostring(report))
      assert.truthy(report.notes[1]:find("payments: none of 2%d%d objects gave anything for "
        .. "supplementalData.channel %(metadata.chanel%)"), report.notes[1])
      assert.truthy(report.notes[2]:find("sales: none of 200 .* risk %(outcome.risk%)"),
        report.notes[2])
      _, report = sync { types = { "payments", "sales" } } -- a few objects tell nothing
      assert.same({}, report.notes)
    end)

    it("fails an object alone for which a function raises", function()
      open(function(of)
        of:extend("customers", { note = function(customer)
          return customer.metadata.crm and customer.nothing.at_all or "fine"
        end })
      end)
      local report = assert(shop:sync { types = { "customers" } })
      assert.is_false(report.complete)
      local entry = report.types[1]
      assert.is_true(entry.failed > 0 and entry.failed < entry.read)
      assert.truthy(entry.error:find("own_mappings_spec.lua:%d+: attempt to index"), entry.error)
      assert.equal(entry.created, rows.number(path,
        "SELECT count(*) FROM customers WHERE note = 'fine'"))
    end)
  end)

  describe("a data type of one's own", function()
    local function subscriptions(of)
      of:define("subscriptions", {
        from = { resource = "subscriptions" },
        id = "id", status = "status", customer = "customer", currency = v.currency "currency",
        trialEnd = v.timestamp "trial_end", ending = v.boolean "cancel_at_period_end",
        items = v.each("items.data", { price = "price.id", quantity = v.integer "quantity" }),
      })
    end

    it("has its table, columns and records, canceled ones too", function()
      open(subscriptions)
      local types = sync { types = { "subscriptions" } }
      assert.equal(20, types.subscriptions.created)
      assert.equal(#rows.fetch(e, "subscriptions", { query = "status=all" }),
        rows.number(path, "SELECT count(*) FROM subscriptions"))
      local columns = rows.columns(path, "subscriptions")
      assert.same({ "TEXT", "", "INTEGER", "", "TEXT" }, { columns.currency, columns.customer,
        columns.ending, columns.status, columns.trial_end })
      for subscription in shop:records("subscriptions", { query = "status=active", limit = 1 }) do
        assert.equal("active", subscription.status)
        assert.is_true(#subscription.items > 0)
      end
    end)

    it("is shown and counted without the script that defined it, which alone reads it", function()
      open(subscriptions)
      sync { types = { "subscriptions" } }
      close()
      local status, output, errors = box:commerce "show subscriptions --limit 2 --order-by id"
      assert.equal("", errors)
      assert.equal(0, status)
      assert.truthy(output:find("sub_", 1, true))
      status, output = box:commerce "show subscriptions --query status=canceled --format csv"
      assert.equal(0, status)
      assert.truthy(output:find("^id,currency,customer,ending,status,trial_end,"), output)
      assert.truthy(output:find(",canceled,", 1, true))
      status, output = box:commerce "status"
      assert.equal(0, status)
      assert.truthy(output:find("subscriptions +20 +Complete"), output)
      status, output = box:commerce "sync --type customers"
      assert.equal(0, status)
      assert.truthy(output:find("customers", 1, true))
      status, output = box:commerce "verify"
      assert.equal(1, status)
      assert.truthy(output:find("subscriptions +%- +20 +not possible"), output)
      assert.truthy(output:find("call shop:verify() in that script", 1, true), output)
      assert.equal(0, (box:commerce "verify --type customers"))
      for _, command in ipairs { "sync", "verify" } do
        local code, _, message = box:commerce(command .. " --type subscriptions")
        assert.equal(2, code)
        assert.truthy(message:find("'subscriptions' is defined by a script", 1, true), message)
      end
    end)

    it("is served by the API, which cannot have it read", function()
      open(subscriptions)
      sync { types = { "subscriptions" } }
      local data = ("/companies/%s/connections/%s/data"):format(shop.company_id, shop.id)
      local first
      for subscription in shop:records("subscriptions", { limit = 1 }) do
        first = subscription
      end
      close()
      local api = client.new(nil, "sqlite:" .. path)
      local status, body = api:get(data .. "/custom/subscriptions?pageSize=3")
      assert.equal(200, status, body.error)
      assert.equal(20, body.totalResults)
      assert.equal(3, #body.results)
      assert.equal(first.id, body.results[1].id)
      assert.equal(first.customer, body.results[1].content.customer)
      status, body = api:call("POST", data .. "/queue/custom/subscriptions")
      assert.equal(404, status)
      assert.matches("is defined by a script, which has to read it", body.error, 1, true)
      api:close()
    end)

    it("is not taken for wrong, nor marked, by who does not have its mapping", function()
      open(function(of)
        of:extend("payments", { supplementalData = { channel = "metadata.channel" } },
          { from = { resource = "invoices", fields = { status = v.constant "Paid",
            amount = v.money("total", "currency") } } })
      end)
      sync { types = { "payments" } }
      close()
      local status, output = box:commerce "verify --deep --mark-deleted"
      assert.equal(1, status)
      assert.truthy(output:find("records +payments +%- +%d+ +not possible"), output)
      assert.equal(0, rows.number(path, "SELECT count(*) FROM payments "
        .. "WHERE metadata_is_deleted IS TRUE"))
    end)

    it("is followed by its events, at the second run in few requests", function()
      open(subscriptions)
      sync { types = { "subscriptions" } }
      local first = rows.fetch(e, "subscriptions")[5]
      e:mutate { op = "update", id = first.id, fields = { status = "canceled" },
        event = "customer.subscription.deleted" }
      e:mutate { op = "insert", type = "subscription", fields = { status = "trialing" } }
      local types = sync { types = { "subscriptions" } }
      assert.equal(1, types.subscriptions.created)
      assert.equal(1, types.subscriptions.changed)
      assert.equal(0, types.subscriptions.deleted)
      assert.is_true(types.subscriptions.requests < 5)
      assert.equal("canceled\n", rows.sql(path, ("SELECT %s FROM subscriptions WHERE id = '%s'")
        :format(rows.any "status", first.id)))
    end)

    it("loses what no longer is what it is made of", function()
      open(function(of)
        of:define("drafts", { from = { resource = "invoices", where = v.with("status",
          function(status)
            return status == "draft"
          end) }, id = "id", total = v.money("total", "currency") })
      end)
      local ids = e:mutate { op = "insert", type = "invoice", count = 3,
        fields = { status = "draft" } }.ids
      local types = sync { types = { "drafts" } }
      assert.equal(3, types.drafts.created)
      e:mutate { op = "update", id = ids[1], fields = { status = "open" },
        event = "invoice.finalized" }
      e:mutate { op = "delete", id = ids[2] }
      types = sync { types = { "drafts" } }
      assert.equal(2, types.drafts.deleted)
      assert.equal(1, rows.number(path, "SELECT count(*) FROM drafts WHERE "
        .. "metadata_is_deleted IS NOT 1"))
    end)

    it("is read again where its fields have changed, and its columns follow", function()
      open(subscriptions)
      sync { types = { "subscriptions" } }
      local types = again(function(of)
        of:define("subscriptions", { from = { resource = "subscriptions" }, id = "id",
          state = "status", quantity = v.with("items.data", function(items)
            return items[1].quantity
          end) })
      end, { types = { "subscriptions" } })
      assert.equal(20, types.subscriptions.changed)
      assert.equal(20, rows.number(path,
        ("SELECT count(*) FROM subscriptions WHERE CAST(%s AS INTEGER) >= 1 AND %s <> ''"):format(
        rows.any "quantity", rows.any "state")))
      local columns = rows.columns(path, "subscriptions")
      assert.same({ "", nil, nil }, { columns.state, columns.status, columns.trial_end })
    end)

    it("may come from a list that is known only by its path", function()
      open(function(of)
        of:define("fees", { from = { resource = { path = "/v1/invoice_payments", list = true,
          created = false } }, id = "id" })
        of:define("sessions", { from = { resource = { path = "/v1/checkout/sessions",
          list = true } }, id = "id", total = v.money("amount_total", "currency") })
      end)
      local types = sync { types = { "fees", "sessions" } }
      assert.equal(20, types.fees.created)
      assert.equal(50, types.sessions.created)
    end)

    it("goes with others beyond the twenty event types of one request", function()
      open(function(of)
        subscriptions(of)
        of:define("invoices", { from = { resource = "invoices" }, id = "id", status = "status" })
        of:define("platform_fees", { from = { resource = "application_fees" }, id = "id",
          amount = v.money("amount", "currency") })
      end)
      sync()
      local charge = rows.fetch(e, "charges")[120]
      local invoice = rows.fetch(e, "invoices")[15]
      local refund = e:mutate { op = "refund", charge = charge.id, amount = 1 }.id
      e:mutate { op = "update", id = invoice.id, fields = { status = "void" },
        event = "invoice.voided" }
      e:control("stats", { clear = true })
      local types = sync()
      assert.equal(1, types.invoices.changed)
      assert.equal(1, types.payments.created)
      assert.is_true(types.payments.changed >= 1, charge.id .. refund)
      local feeds = 0
      for _, line in ipairs(e:control("stats?lines=1").lines) do
        feeds = feeds + (line:find("/v1/events", 1, true) and 1 or 0)
      end
      assert.equal(3, feeds) -- 41 types
      assert.equal("void\n", rows.sql(path, ("SELECT %s FROM invoices WHERE id = '%s'")
        :format(rows.any "status", invoice.id)))
      local verified = assert(shop:verify { deep = true })
      assert.is_true(verified.agrees, tostring(verified))
    end)

    it("has hooks like the others", function()
      local seen = 0
      open(function(of)
        subscriptions(of)
        of:on("subscriptions", function(subscription)
          seen = seen + 1
          if subscription.status == "canceled" then
            return false
          end
        end)
      end)
      sync { types = { "subscriptions" } }
      assert.equal(20, seen)
      assert.equal(0, rows.number(path, "SELECT count(*) FROM subscriptions WHERE "
        .. rows.any "status" .. " = 'canceled'"))
    end)
  end)
end)
