-- The ready definitions of subscriptions and invoices, held against what the emulator gives.

local cjson = require "cjson"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local null = cjson.null

describe("the ready definition of", function()
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
    shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base, rate = 0,
      endpoint_rate = 0 })
    app:define("subscriptions", require "commerce.stripe.subscriptions")
    app:define("invoices", require "commerce.stripe.invoices")
  end)

  after_each(function()
    shop:close()
    app:close()
    box:close()
  end)

  local function sync(type_name)
    local report = assert(shop:sync { types = { type_name } })
    assert.is_true(report.complete, tostring(report))
    return report.types[1]
  end

  -- A date as SQL gives it.
  local function date(seconds)
    return seconds ~= null and os.date("!%Y-%m-%dT%H:%M:%SZ", seconds) or nil
  end

  it("subscriptions has what Stripe has, canceled ones too, and follows them", function()
    local listed = rows.fetch(e, "subscriptions", { query = "status=all" })
    assert.equal(#listed, sync("subscriptions").created)
    local stored, texts = rows.records(path, "subscriptions")
    for _, subscription in ipairs(listed) do
      local record, items = stored[subscription.id], subscription.items.data
      assert.equal(subscription.status, record.status)
      assert.equal(subscription.customer, record.customer)
      assert.equal(subscription.cancel_at_period_end, record.cancelAtPeriodEnd)
      assert.equal(date(subscription.start_date), record.startDate)
      assert.equal(date(subscription.canceled_at), record.canceledAt)
      assert.equal(date(items[1].current_period_end), record.currentPeriodEnd)
      assert.equal(#items, #record.items)
      assert.equal(items[1].price.id, record.items[1].price)
      if #items == 1 and record.amount then
        assert.equal(items[1].price.unit_amount * items[1].quantity,
          rows.amount(texts[subscription.id], "amount"))
      end
    end
    local id = listed[1].id
    e:mutate { op = "update", id = id, fields = { status = "past_due" } }
    assert.equal(1, sync("subscriptions").changed)
    assert.equal("past_due", rows.records(path, "subscriptions")[id].status)
  end)

  it("invoices has what was billed, is paid and open, line by line, without drafts", function()
    local draft = rows.fetch(e, "invoices")[1].id
    e:mutate { op = "update", id = draft, events = false, fields = { status = "draft" } }
    local listed = rows.fetch(e, "invoices")
    assert.equal(#listed - 1, sync("invoices").created)
    local stored, texts = rows.records(path, "invoices")
    assert.is_nil(stored[draft])
    for _, invoice in ipairs(listed) do
      local record, text = stored[invoice.id], texts[invoice.id]
      if record then
        assert.same({ invoice.status, invoice.number, invoice.customer_email },
          { record.status, record.number, record.customerEmail })
        for name, member in pairs { total = "total", amountDue = "amount_due",
          amountPaid = "amount_paid", amountRemaining = "amount_remaining" } do
          assert.equal(invoice[member], rows.amount(text, name))
        end
        assert.equal(date(invoice.status_transitions.paid_at), record.paidAt)
        assert.is_true(#record.lines >= #invoice.lines.data)
      end
    end
    e:mutate { op = "update", id = draft, fields = { status = "open" },
      event = "invoice.finalized" }
    assert.equal(1, sync("invoices").created)
    assert.equal("open", rows.records(path, "invoices")[draft].status)
  end)
end)
