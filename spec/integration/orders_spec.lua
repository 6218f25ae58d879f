-- Orders, the worked example of a joined type: checkout sessions and invoices, held against what
-- the emulator gives; what is refunded, paid and voided later.

local cjson = require "cjson"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local null = cjson.null
local KEY = "sk_test_emulator"

describe("orders", function()
  local e, box, path, app, shop

  setup(function()
    e = emulator.start { charges = 300, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 300, compact = true }
    box = sandbox.new()
    path = box:path "shop.db"
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connect { secret_key = KEY, base_url = e.base, rate = 0, endpoint_rate = 0 })
    shop:define("orders", require "commerce.stripe.orders")
  end)

  after_each(function()
    shop:close()
    app:close()
    box:close()
  end)

  local function sync()
    local report = assert(shop:sync { types = { "orders" } })
    assert.is_true(report.complete, tostring(report))
    return report.types[1], report
  end

  local function order(id)
    return rows.records(path, "orders")[id]
  end

  local function minor(amount, currency)
    return rows.minor(("%.3f"):format(amount):gsub("%.?0+$", ""), currency)
  end

  -- All lines of a session or an invoice.
  local function lines_of(object, list)
    local all, page = {}, list
    while true do
      for _, line in ipairs(page.data) do
        all[#all + 1] = line
      end
      if not page.has_more then
        return all
      end
      page = e:json(("%s?limit=100&starting_after=%s"):format(list.url, all[#all].id), nil, object)
    end
  end

  it("have the amounts, lines and payments of what was sold", function()
    local read = sync()
    assert.equal(0, read.failed)
    local orders, _, count = rows.records(path, "orders")
    local long, expected = 0, 0
    for _, session in ipairs(rows.fetch(e, "checkout/sessions",
      { query = "expand[]=data.line_items&expand[]=data.payment_intent.latest_charge" })) do
      local made = orders[session.id]
      assert.equal(session.mode == "payment" and session.status == "complete", made ~= nil,
        session.id)
      if made then
        expected = expected + 1
        local currency = made.currency
        assert.equal(session.currency:upper(), currency)
        assert.equal(session.amount_total, minor(made.totalAmount, currency))
        assert.equal(session.total_details.amount_tax, minor(made.totalTaxAmount, currency))
        assert.equal(session.total_details.amount_discount, minor(made.totalDiscount, currency))
        local lines = lines_of(nil, session.line_items)
        assert.equal(#lines, #made.orderLineItems)
        long = long + (#lines > 10 and 1 or 0)
        for i, line in ipairs(lines) do
          local item = made.orderLineItems[i]
          assert.equal(line.id, item.id)
          assert.equal(line.price.id, item.productVariantRef.id)
          assert.equal(line.price.product, item.productRef.id)
          assert.equal(line.amount_total, minor(item.totalAmount, currency))
          assert.equal(line.price.unit_amount, minor(item.unitPrice, currency))
          assert.equal(line.quantity, item.quantity)
          assert.equal(line.amount_tax > 0, item.taxes[1] ~= nil)
          for _, tax in ipairs(item.taxes) do
            assert.is_string(tax.taxComponentRef.name)
            assert.matches("^txr_", tax.taxComponentRef.id)
          end
        end
        if session.payment_intent ~= null then
          local charge = session.payment_intent.latest_charge
          assert.equal(charge.id, made.payments[1].id)
          assert.equal(charge.amount_refunded, minor(-made.totalRefund, currency))
        end
      end
    end
    local payments = {}
    for _, payment in ipairs(rows.fetch(e, "invoice_payments",
      { query = "expand[]=data.payment.payment_intent.latest_charge" })) do
      payments[payment.invoice] = payment
    end
    for _, invoice in ipairs(rows.fetch(e, "invoices")) do
      local made = orders[invoice.id]
      assert.equal(invoice.status ~= "void", made ~= nil)
      if made then
        expected = expected + 1
        local currency = made.currency
        assert.equal(invoice.total, minor(made.totalAmount, currency))
        local sum = 0
        for _, item in ipairs(made.orderLineItems) do
          sum = sum + minor(item.totalAmount, currency)
        end
        for _, charge in ipairs(made.serviceCharges) do
          assert.equal("Shipping", charge.type)
          sum = sum + minor(charge.totalAmount, currency)
        end
        assert.equal(invoice.total, sum)
        assert.equal(#lines_of(nil, invoice.lines), #made.orderLineItems)
        assert.equal(invoice.status == "paid", made.closedDate ~= nil)
        local charge = payments[invoice.id].payment.payment_intent.latest_charge
        assert.equal(charge.id, made.payments[1].id)
        assert.equal(charge.amount_refunded, minor(-made.totalRefund, currency))
        assert.equal(invoice.status == "paid" and "Paid" or "Pending", made.payments[1].status)
      end
    end
    assert.equal(expected, count)
    assert.is_true(long > 1)
    local verified = assert(shop:verify { deep = true })
    assert.is_true(verified.agrees, tostring(verified))
  end)

  it("change nothing at the second run", function()
    sync()
    local before = rows.dump(path, { dates = true, types = { "orders" } })
    local read, report = sync()
    assert.equal(0, read.created + read.changed + read.deleted)
    assert.equal("", rows.difference(before, rows.dump(path, { dates = true,
      types = { "orders" } })))
    assert.is_true(report.requests < 12, tostring(report))
  end)

  it("follow what is refunded, paid and voided later", function()
    sync()
    local session, invoice
    for id, each in pairs(rows.records(path, "orders")) do
      local whole = each.totalRefund == 0 and each.payments[1] and each.payments[1].status == "Paid"
        and each.createdDate < "2026-06-01" and each.currency == "USD"
      if whole and id:find "^cs_" then
        session = session or each
      elseif whole then
        invoice = invoice or each
      end
    end
    for _, each in ipairs { session, invoice } do
      e:mutate { op = "refund", charge = each.payments[1].id, amount = 100 }
    end
    local read = sync()
    assert.equal(2, read.changed)
    assert.equal(-1, order(session.id).totalRefund)
    assert.equal(-1, order(invoice.id).totalRefund)

    local open = {}
    for _, each in ipairs(rows.fetch(e, "checkout/sessions", { query = "status=expired" })) do
      open[#open + 1] = each.mode == "payment" and each.id or nil
    end
    assert.is_nil(order(open[1]))
    e:mutate { op = "update", id = open[1], fields = { status = "complete",
      payment_status = "paid" }, event = "checkout.session.completed" }
    e:mutate { op = "update", id = invoice.id, fields = { status = "void" },
      event = "invoice.voided" }
    read = sync()
    assert.equal(1, read.created)
    assert.equal(1, read.deleted)
    assert.is_true(order(open[1]) ~= nil)
    assert.is_true(order(invoice.id).metadata.isDeleted)
  end)

  it("say what a restricted key lacks", function()
    e:control("keys", { key = "rk_test_orders_without_invoices", permissions = { "account",
      "checkout_sessions", "events", "invoice_payments" } })
    shop:close()
    shop = assert(app:connect { secret_key = "rk_test_orders_without_invoices", base_url = e.base })
    shop:define("orders2", require "commerce.stripe.orders")
    local report = assert(shop:sync { types = { "orders2" } })
    assert.is_false(report.complete)
    assert.truthy(report.types[1].error:find("'Invoices'", 1, true), report.types[1].error)
  end)
end)
