-- The two payload styles of Stripe's events, and the changes that are read from them.

local webhook_body = require "commerce.stripe.webhook_body"
local feed = require "commerce.stripe.feed"

local function thin(fields)
  local all = { id = "evt_test_65", object = "v2.core.event", type = "v1.customer.updated",
    livemode = false, created = "2026-11-27T06:20:52.246Z", context = "acct_1Merchant",
    related_object = { id = "cus_1", type = "customer", url = "/v1/customers/cus_1" } }
  for name, value in pairs(fields or {}) do
    all[name] = value or nil
  end
  return all
end

local function snapshot(fields)
  local all = { id = "evt_1", object = "event", type = "customer.updated", livemode = false,
    created = 1790000000, data = { object = { id = "cus_1", object = "customer" } } }
  for name, value in pairs(fields or {}) do
    all[name] = value or nil
  end
  return all
end

describe("the event in a webhook's body", function()
  it("has one form, whether it is a snapshot event or a thin one", function()
    assert.same({ id = "evt_test_65", type = "customer.updated", name = "v1.customer.updated",
      thin = true, livemode = false, created = 1795760452, account = "acct_1Merchant",
      data = { object = { id = "cus_1", object = "customer" } } }, webhook_body.event(thin()))
    local event = webhook_body.event(snapshot { account = "acct_1Merchant" })
    assert.same({ "customer.updated", "customer.updated", false, "acct_1Merchant" },
      { event.type, event.name, event.thin, event.account })
    for _, date in ipairs { "2026-11-27T06:20:52Z", "2026-11-27T06:20:52.1Z",
      "2026-11-27T06:20:52.999999Z" } do
      assert.equal(1795760452, webhook_body.event(thin { created = date }).created)
    end
  end)

  it("is about the last account of its context", function()
    for context, account in pairs { acct_1A = "acct_1A", ["acct_1A/acct_1B"] = "acct_1B",
      ["org_1/acct_1A/acct_1B"] = "acct_1B", org_1 = false, ["acct_1A/"] = false, [""] = false,
      ["acct_1A/org_1"] = false } do
      for _, make in ipairs { thin, snapshot } do
        assert.equal(account or nil, webhook_body.event(make { context = context }).account)
      end
    end
    assert.equal("acct_1B", webhook_body.event(snapshot { account = "acct_1B",
      context = "acct_1A" }).account)
    assert.is_nil(webhook_body.event(thin { context = false }).account)
    assert.is_nil(webhook_body.event(thin { context = 5 }).account)
  end)

  it("is not used, with its name in the reason, if no record can depend on it", function()
    for reason, fields in pairs {
      ["v2.core.account.updated: no data type"] = { type = "v2.core.account.updated" },
      ["surprise: no data type"] = { type = "surprise" },
      ["v1.invoice.upcoming: it names no object"] = { type = "v1.invoice.upcoming",
        related_object = false },
      ["v1.balance.available: it names no object"] = { type = "v1.balance.available",
        related_object = { type = "balance", url = "/v1/balance" } },
      ["v1.customer.updated: it names no object"] = { related_object = { id = 5, type = {} } },
    } do
      local event, said = webhook_body.event(thin(fields))
      assert.is_nil(event)
      assert.is_truthy(said:find(reason, 1, true), said)
    end
    for _, fields in ipairs { { created = "yesterday" }, { created = 1790000000 },
      { created = "2026-02-30T00:00:00.000Z" }, { livemode = false, id = "" }, { type = 5 },
      { created = false } } do
      assert.equal("it is not a Stripe event", select(2, webhook_body.event(thin(fields))))
    end
  end)

  it("of an end of access needs no object if it is thin", function()
    local event = webhook_body.event(thin { type = "v1.account.application.deauthorized",
      related_object = false })
    assert.same({}, feed.ends_access(event))
    assert.is_nil(feed.ends_access(webhook_body.event(thin())))
    assert.same({}, feed.of(event, "2026-11-18.endive"))
  end)

  describe("that is thin", function()
    local function changes(type, object_type, id, own, url)
      return feed.of(webhook_body.event(thin { type = type, related_object = { id = id,
        type = object_type, url = url or "/v1/things/" .. id } }), "2026-11-18.endive", own)
    end

    it("names the object that changed, under finer names, too", function()
      for type, object in pairs { ["v1.price.activated"] = { "price", "price_1", "prices" },
        ["v1.product.default_price_changed"] = { "product", "prod_1", "products" },
        ["v1.charge.succeeded"] = { "charge", "ch_1", "charges" },
        ["v1.invoice.line_item_added"] = { "invoice", "in_1", "invoices" },
        ["v1.checkout.session.completed"] = { "checkout.session", "cs_1", "checkout_sessions" },
        ["v1.refund.created"] = { "refund", "re_1", "refunds" },
        ["v1.customer.subscription.deleted"] = { "subscription", "sub_1", "subscriptions" },
        ["v1.customer.subscription.past_due"] = { "subscription", "sub_1", "subscriptions" } } do
        assert.same({ { resource = object[3], id = object[2], deleted = false, current = false } },
          changes(type, object[1], object[2]), type)
      end
      assert.same({}, changes("v1.issuing_card.created", "issuing.card", "ic_1"))
    end)

    it("deletes", function()
      for _, name in ipairs { "customer", "product", "price" } do
        local list = changes(("v1.%s.deleted"):format(name), name, "x_1")
        assert.same({ true, 1 }, { list[1].deleted, #list })
      end
    end)

    it("also tells of the charge that its object names", function()
      for type, object in pairs { ["v1.charge.dispute.created"] = { "dispute", "disputes" },
        ["v1.charge.dispute.closed"] = { "dispute", "disputes" },
        ["v1.refund.failed"] = { "refund", "refunds" } } do
        local list = changes(type, object[1], "x_1")
        assert.same({ 2, "charges", true, { resource = object[2], id = "x_1" } },
          { #list, list[2].resource, list[2].related, list[2].through })
      end
      assert.equal(1, #changes("v1.charge.dispute.updated", "dispute", "x_1"))
    end)

    it("of a fee's refund tells of the fee", function()
      assert.same({ { resource = "application_fees", id = "fee_1", related = true } },
        changes("v1.application_fee.refund.updated", "fee_refund", "fr_1", nil,
          "/v1/application_fees/fee_1/refunds/fr_1"))
    end)

    it("tells of a resource of the user's own by the name of the snapshot event", function()
      local list = changes("v1.quote.accepted", "quote", "qt_1", { ["quote.accepted"] = "quotes" })
      assert.same({ "quotes", "qt_1" }, { list[1].resource, list[1].id })
    end)
  end)
end)
