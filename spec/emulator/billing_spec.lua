--- Checkout sessions, invoices, their payments, subscriptions and application fees: what they are
--- made of adds up, and leads to the charges that paid for it.
-- Runs under one runtime: the emulator runs in nginx.
local emulator = require "spec.support.emulator"

local null = require("cjson").null

describe("the emulator's billing", function()
  local e
  setup(function() e = emulator.start { charges = 400, compact = true } end)
  teardown(function() e:stop() end)

  local function sum(list, name)
    local total = 0
    for _, each in ipairs(list) do total = total + each[name] end
    return total
  end

  -- All elements of a list inside an object.
  local function whole(list, query)
    local all, page = {}, list
    repeat
      for _, each in ipairs(page.data) do all[#all + 1] = each end
      if not page.has_more then break end
      page = e:json(("%s?limit=5&starting_after=%s%s"):format(list.url, all[#all].id, query or ""))
    until false
    return all
  end

  it("has sessions whose lines add up to what their charge is", function()
    local long, taxed, seen = 0, 0, {}
    for _, s in ipairs(e:read_all("/v1/checkout/sessions?expand[]=data.line_items.data.taxes"
      .. "&expand[]=data.payment_intent.latest_charge")) do
      seen[s.mode .. " " .. s.status] = true
      if s.mode == "payment" then
        local lines = whole(s.line_items, "&expand[]=data.taxes")
        assert.equal(s.amount_subtotal, sum(lines, "amount_subtotal"))
        assert.equal(s.total_details.amount_tax, sum(lines, "amount_tax"))
        assert.equal(s.total_details.amount_discount, sum(lines, "amount_discount"))
        assert.equal(s.amount_total, sum(lines, "amount_total") + s.total_details.amount_shipping)
        if s.payment_intent ~= null then
          local charge = s.payment_intent.latest_charge
          assert.equal(charge.payment_intent, s.payment_intent.id)
        end
        long = long + (#lines > 10 and 1 or 0)
        for _, line in ipairs(lines) do
          assert.equal(line.amount_subtotal, line.price.unit_amount * line.quantity)
          taxed = taxed + #line.taxes
        end
      elseif s.mode == "setup" then
        assert.same({}, s.line_items.data)
        assert.equal(null, s.amount_total)
      end
    end
    assert.is_true(long > 1)
    assert.is_true(taxed > 10)
    assert.is_true(seen["payment complete"] and seen["payment expired"] and seen["setup complete"])
  end)

  it("has invoices whose lines add up, each with its payment", function()
    local payments, statuses = {}, {}
    for _, p in ipairs(e:read_all "/v1/invoice_payments?expand[]=data.payment.payment_intent") do
      payments[p.invoice] = p
    end
    for _, invoice in ipairs(e:read_all "/v1/invoices") do
      statuses[invoice.status] = (statuses[invoice.status] or 0) + 1
      local lines = whole(invoice.lines)
      assert.equal(invoice.subtotal, sum(lines, "subtotal"))
      assert.equal(invoice.total, invoice.subtotal - sum(invoice.total_discount_amounts, "amount")
        + sum(invoice.total_taxes, "amount") + invoice.amount_shipping)
      local p = payments[invoice.id]
      assert.equal(invoice.total, p.amount_requested)
      assert.equal(invoice.status == "paid", p.status == "paid")
      assert.equal("payment_intent", p.payment.payment_intent.object)
    end
    assert.is_true(statuses.paid > 20)
    assert.is_true((statuses.open or 0) + (statuses.void or 0) + (statuses.uncollectible or 0) > 2)
    for _, status in ipairs { "paid", "void" } do
      assert.equal(statuses[status] or 0, #e:read_all("/v1/invoices?status=" .. status))
    end
  end)

  it("leaves canceled subscriptions out of a list that is not asked for them", function()
    local all = e:read_all "/v1/subscriptions?status=all"
    local canceled = e:read_all "/v1/subscriptions?status=canceled"
    assert.is_true(#canceled > 0)
    assert.equal(#all - #canceled, #e:read_all "/v1/subscriptions")
    assert.equal(20, #all)
    local one = e:json("/v1/subscriptions/" .. canceled[1].id .. "?expand[]=customer")
    assert.equal("canceled", one.status)
    assert.equal("customer", one.customer.object)
    assert.is_true(#one.items.data > 0)
  end)

  it("has the fees that platforms took, by the id in their charges", function()
    local fees = e:read_all "/v1/application_fees?expand[]=data.charge"
    assert.is_true(#fees >= 4)
    for _, fee in ipairs(fees) do
      assert.equal(fee.id, fee.charge.application_fee)
      assert.equal(fee.amount, fee.charge.application_fee_amount)
    end
  end)

  it("changes them, with the events that Stripe has", function()
    local sub = e:json("/v1/subscriptions?limit=1").data[1]
    local function types(result)
      local list = {}
      for i, id in ipairs(result.events) do list[i] = e:json("/v1/events/" .. id).type end
      return list
    end
    assert.same({ "customer.subscription.updated" },
      types(e:mutate { op = "update", id = sub.id, fields = { cancel_at_period_end = true } }))
    assert.same({ "customer.subscription.deleted" }, types(e:mutate { op = "update", id = sub.id,
      fields = { status = "canceled" }, event = "customer.subscription.deleted" }))
    assert.equal("canceled", e:json("/v1/subscriptions/" .. sub.id).status)
    for _, listed in ipairs(e:read_all "/v1/subscriptions") do
      assert.are_not.equal(sub.id, listed.id)
    end
    assert.same({ "customer.subscription.created" },
      types(e:mutate { op = "insert", type = "subscription" }))
    local made = e:mutate { op = "insert", type = "invoice", fields = { status = "draft" } }
    assert.same({ "invoice.created" }, types(made))
    assert.equal("draft", e:json("/v1/invoices/" .. made.ids[1]).status)
    assert.same({ "invoice.deleted" }, types(e:mutate { op = "delete", id = made.ids[1] }))
    local session = e:mutate { op = "insert", type = "checkout.session" }
    assert.same({}, types(session))
    local again = e:json("/v1/checkout/sessions/" .. session.ids[1] .. "?expand[]=line_items")
    assert.is_true(#again.line_items.data > 0)
    assert.is_nil(e:json("/v1/checkout/sessions/" .. session.ids[1]).line_items)
  end)
end)
