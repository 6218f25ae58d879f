-- Payments from charges and refunds: what is one, its status, its fields. The money:
-- payments_money_spec.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local ABSENT, null = builders.ABSENT, json.null

local function charge(overrides)
  return (schema_check.mapped("payments", "charges", builders.charge(overrides)))
end

local function refund(overrides)
  return (schema_check.mapped("payments", "refunds", builders.refund(overrides)))
end

local function stripe_of(record)
  return record.supplementalData.content.stripe
end

describe("payments from charges", function()
  it("maps a complete charge", function()
    assert.same({
      id = "ch_3TqLampSale0001",
      amount = 42, -- 50 authorised, 42 captured
      currency = "EUR",
      paymentMethodRef = { id = "card", name = "Card" },
      status = "Paid",
      paymentProvider = "Stripe",
      createdDate = builders.CREATED_TEXT, sourceModifiedDate = builders.CREATED_TEXT,
      supplementalData = { content = { stripe = {
        customer = "cus_Tq8LampBuyer01", payment_intent = "pi_3TqLampSale0001",
        description = "Order 1047", brand = "visa", last4 = "0259", wallet = "apple_pay",
        receipt_url = "https://pay.example/receipts/ch_3TqLampSale0001",
        application_fee_amount = 125, amount_refunded = 700, disputed = false,
        balance_transaction = "txn_3TqLampSale0001",
        metadata = { order = "1047", channel = "web" },
      } } },
    }, charge())
  end)

  it("keeps py_ ids", function()
    assert.equal("py_1TqIdeal", charge({ id = "py_1TqIdeal" }).id)
  end)

  describe("status and amount", function()
    local AUTHORISED, CAPTURED = 50, 42
    for _, case in ipairs {
      { "failed", false, false, "Failed", AUTHORISED },
      { "pending", false, false, "Pending", AUTHORISED },
      { "succeeded", false, false, "Authorized", AUTHORISED },
      { "succeeded", false, true, "Cancelled", AUTHORISED },
      { "succeeded", true, false, "Paid", CAPTURED },
      { "succeeded", true, true, "Paid", CAPTURED },
      -- the first match counts
      { "failed", true, false, "Failed", AUTHORISED },
      { "failed", false, true, "Failed", AUTHORISED },
      { "failed", true, true, "Failed", AUTHORISED },
      { "pending", true, false, "Pending", AUTHORISED },
      { "pending", false, true, "Pending", AUTHORISED },
      { "pending", true, true, "Pending", AUTHORISED },
      -- anything else
      { "blocked", true, false, "Unknown", AUTHORISED },
      { "blocked", false, false, "Unknown", AUTHORISED },
      { "Succeeded", true, false, "Unknown", AUTHORISED },
      { null, true, false, "Unknown", AUTHORISED },
      { ABSENT, false, true, "Unknown", AUTHORISED },
      { "succeeded", null, false, "Unknown", AUTHORISED },
      { "succeeded", ABSENT, false, "Unknown", AUTHORISED },
      { "succeeded", ABSENT, true, "Unknown", AUTHORISED },
      { "succeeded", false, null, "Unknown", AUTHORISED },
      { "succeeded", false, ABSENT, "Unknown", AUTHORISED },
    } do
      local shown = {}
      for i = 1, 3 do
        shown[i] = case[i] == ABSENT and "absent" or case[i] == null and "null"
          or tostring(case[i])
      end
      it(("%s, captured %s, refunded %s: %s"):format(shown[1], shown[2], shown[3], case[4]),
        function()
          local record = charge {
            status = case[1], captured = case[2], refunded = case[3],
          }
          assert.equal(case[4], record.status)
          assert.equal(case[5], record.amount)
        end)
    end

    it("has the amount where a captured charge does not say how much was captured", function()
      for _, captured in ipairs { null, ABSENT } do
        local record = charge { amount_captured = captured, captured = true, status = "succeeded" }
        assert.equal(AUTHORISED, record.amount)
        assert.equal("Paid", record.status)
      end
      assert.equal(0, charge({ amount_captured = 0, captured = true }).amount)
    end)

    it("stays Paid when disputed", function()
      assert.equal("Paid", charge({ disputed = true }).status)
    end)

    it("stays Paid when refunded in part", function()
      assert.equal("Paid", charge({ amount_refunded = 4000 }).status)
    end)

    it("keeps an unknown status readable, and only an unknown one", function()
      assert.equal("blocked", stripe_of(charge({ status = "blocked" })).status)
      for _, status in ipairs { "failed", "pending", "succeeded" } do
        assert.is_nil(stripe_of(charge({ status = status })).status)
      end
    end)
  end)

  describe("paymentMethodRef", function()
    for _, case in ipairs {
      { "card", "Card" }, { "klarna", "Klarna" }, { "paypal", "PayPal" },
      { "ideal", "iDEAL" }, { "sepa_debit", "SEPA Direct Debit" }, { "link", "Link" },
      { "bancontact", "Bancontact" }, { "p24", "Przelewy24" }, { "wechat_pay", "WeChat Pay" },
    } do
      it("of " .. case[1], function()
        local record = charge { payment_method_details = { type = case[1] } }
        assert.same({ id = case[1], name = case[2] }, record.paymentMethodRef)
      end)
    end

    it("of a type not known today keeps its id and has some name", function()
      local ref = charge({ payment_method_details = { type = "moon_pay" } }).paymentMethodRef
      assert.equal("moon_pay", ref.id)
      assert.is_truthy(ref.name:find("%S"))
    end)

    it("is left out when the charge has no payment method", function()
      assert.is_nil(charge({ payment_method_details = null }).paymentMethodRef)
      assert.is_nil(charge({ payment_method_details = ABSENT }).paymentMethodRef)
    end)
  end)

  describe("supplementalData", function()
    it("leaves out nulls and what is absent", function()
      local record = charge {
        customer = null, payment_intent = null, description = null, receipt_url = null,
        application_fee_amount = null, balance_transaction = null, metadata = ABSENT,
        payment_method_details = { type = "ideal", ideal = { bank = "ing" } },
      }
      assert.same({ amount_refunded = 700, disputed = false }, stripe_of(record))
    end)

    it("has the failure of a failed charge", function()
      local record = charge {
        status = "failed", captured = false, balance_transaction = null,
        failure_code = "card_declined", failure_message = "Your card was declined.",
      }
      assert.equal("card_declined", stripe_of(record).failure_code)
      assert.equal("Your card was declined.", stripe_of(record).failure_message)
      assert.is_nil(stripe_of(record).balance_transaction)
    end)

    it("has no wallet for a plain card", function()
      local stripe = stripe_of(charge { ["payment_method_details.card.wallet"] = null })
      assert.is_nil(stripe.wallet)
      assert.equal("visa", stripe.brand)
    end)
  end)

  it("has no due date", function()
    assert.is_nil(charge().dueDate)
  end)

  it("leaves dates of 0 and null out", function()
    for _, created in ipairs { 0, null, ABSENT } do
      local record = charge { created = created }
      assert.is_nil(record.createdDate)
      assert.is_nil(record.sourceModifiedDate)
    end
  end)
end)

describe("payments from refunds", function()
  it("asks for the charge and the balance transaction with them", function()
    local expand = {}
    for _, path in ipairs(schema_check.source("payments", "refunds").expand) do
      expand[path] = true
    end
    assert.same({ ["data.charge"] = true, ["data.balance_transaction"] = true }, expand)
  end)

  it("maps a complete refund", function()
    assert.same({
      id = "re_3TqLampBack0001",
      amount = -7,
      currency = "EUR",
      paymentMethodRef = { id = "card", name = "Card" },
      status = "Paid",
      paymentProvider = "Stripe",
      createdDate = builders.CREATED_TEXT, sourceModifiedDate = builders.CREATED_TEXT,
      supplementalData = { content = { stripe = {
        charge = "ch_3TqLampSale0001", reason = "requested_by_customer",
        metadata = { ticket = "88" }, payment_intent = "pi_3TqLampSale0001",
        balance_transaction = "txn_3TqLampBack0001",
        destination_details = { type = "card", card = { type = "refund" } },
      } } },
    }, refund())
  end)

  it("keeps pyr_ ids", function()
    assert.equal("pyr_1TqIdeal", refund({ id = "pyr_1TqIdeal" }).id)
  end)

  for _, case in ipairs {
    { "succeeded", "Paid" }, { "pending", "Pending" }, { "requires_action", "Pending" },
    { "failed", "Failed" }, { "canceled", "Cancelled" }, { "reversed", "Unknown" },
    { null, "Unknown" }, { ABSENT, "Unknown" },
  } do
    local shown = type(case[1]) == "string" and case[1] or case[1] == null and "null" or "absent"
    it(shown .. " is " .. case[2] .. ", with the amount negative", function()
      local record = refund { status = case[1] }
      assert.equal(case[2], record.status)
      assert.equal(-7, record.amount)
    end)
  end

  it("keeps an unknown status readable", function()
    assert.equal("reversed", stripe_of(refund({ status = "reversed" })).status)
  end)

  it("takes its payment method from its charge", function()
    local charged = builders.charge { payment_method_details = { type = "klarna" } }
    assert.same({ id = "klarna", name = "Klarna" }, refund({ charge = charged }).paymentMethodRef)
  end)

  it("has no payment method without a charge", function()
    local record = refund { charge = null }
    assert.is_nil(record.paymentMethodRef)
    assert.is_nil(stripe_of(record).charge)
    assert.equal(-7, record.amount)
  end)

  it("keeps what else links it, for one without a charge", function()
    local record = refund { charge = null, balance_transaction = null, status = "failed",
      failure_balance_transaction = "txn_1TqLampFail0001" }
    assert.equal("pi_3TqLampSale0001", stripe_of(record).payment_intent)
    assert.equal("txn_1TqLampFail0001", stripe_of(record).failure_balance_transaction)
    assert.is_nil(stripe_of(record).balance_transaction)
  end)

  it("has its charge's id when only that came", function()
    local record = refund { charge = "ch_3TqLampSale0001" }
    assert.equal("ch_3TqLampSale0001", stripe_of(record).charge)
  end)

  it("has a failure's reason", function()
    local record = refund { status = "failed", failure_reason = "expired_or_canceled_card" }
    assert.equal("expired_or_canceled_card", stripe_of(record).failure_reason)
  end)

  it("leaves out a reason of null and empty metadata", function()
    assert.same({ charge = "ch_3TqLampSale0001", payment_intent = "pi_3TqLampSale0001",
      balance_transaction = "txn_3TqLampBack0001",
      destination_details = { type = "card", card = { type = "refund" } } },
      stripe_of(refund { reason = null, metadata = {} }))
  end)

  describe("that are no payments", function()
    it("those of a charge that was never captured", function()
      assert.is_nil(refund { charge = builders.charge { captured = false, refunded = true } })
    end)

    it("those with the reason expired_uncaptured_charge", function()
      assert.is_nil(refund { reason = "expired_uncaptured_charge" })
    end)

    it("those booked as partial_capture_reversal", function()
      assert.is_nil(refund {
        ["balance_transaction.reporting_category"] = "partial_capture_reversal",
      })
    end)
  end)

  describe("that are payments", function()
    it("those without a balance transaction yet", function()
      assert.equal(-7, refund({ balance_transaction = null, status = "pending" }).amount)
    end)

    it("those whose balance transaction came as its id", function()
      assert.equal(-7, refund({ balance_transaction = "txn_3TqLampBack0001" }).amount)
    end)

    for _, reason in ipairs { "duplicate", "fraudulent", "requested_by_customer", null } do
      it("those with the reason " .. tostring(reason ~= null and reason or "null"), function()
        assert.equal(-7, refund({ reason = reason }).amount)
      end)
    end
  end)
end)
