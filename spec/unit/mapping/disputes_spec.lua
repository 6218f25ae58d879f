-- Disputes: GET /v1/disputes with its charge.

local ascii = require "commerce.base.ascii"
local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local ABSENT, null = builders.ABSENT, json.null

local function mapped(overrides)
  return (schema_check.mapped("disputes", "disputes", builders.dispute(overrides)))
end

local function stripe_of(record)
  return record.supplementalData.content.stripe
end

describe("disputes", function()
  it("asks for the charge with them", function()
    assert.same({ "data.charge" }, schema_check.source("disputes", "disputes").expand)
  end)

  it("maps a complete dispute", function()
    assert.same({
      id = "du_1TqLampClaim001",
      disputedTransactions = { { id = "txn_3TqLampSale0001", type = "Payment" } },
      totalAmount = 42,
      currency = "EUR",
      status = "EvidenceRequired",
      reason = "product_not_received",
      dueDate = "2026-03-27T23:59:59Z",
      createdDate = builders.CREATED_TEXT, sourceModifiedDate = builders.CREATED_TEXT,
      supplementalData = { content = { stripe = {
        charge = "ch_3TqLampSale0001", payment_intent = "pi_3TqLampSale0001",
        network_reason_code = "13.1", is_charge_refundable = false,
        balance_transactions = builders.dispute().balance_transactions,
      } } },
    }, mapped())
  end)

  it("copies no status of its transactions, which changes without an event", function()
    local transactions = { { id = "txn_1TqLampClaim001", amount = -4200, status = "pending" } }
    assert.same({ { id = "txn_1TqLampClaim001", amount = -4200 } },
      mapped({ balance_transactions = transactions }).supplementalData.content.stripe
        .balance_transactions)
  end)

  describe("status", function()
    for _, case in ipairs {
      { "needs_response", "EvidenceRequired" }, { "under_review", "Processing" },
      { "won", "Won" }, { "lost", "Lost" },
      { "warning_needs_response", "InquiryEvidenceRequired" },
      { "warning_under_review", "InquiryProcessing" }, { "warning_closed", "InquiryClosed" },
      { "charge_refunded", "ChargeRefunded" },
      { "appeal_needs_response", "EvidenceRequired" }, { "appeal_under_review", "Processing" },
      { "escalated", "Unknown" }, { null, "Unknown" }, { ABSENT, "Unknown" },
    } do
      local shown = type(case[1]) == "string" and case[1] or case[1] == null and "null" or "absent"
      it(shown .. " is " .. case[2], function()
        assert.equal(case[2], mapped({ status = case[1] }).status)
      end)
    end

    it("is not changed by a refund of the charge, unless prevented", function()
      local charge = builders.charge { refunded = true }
      assert.equal("Lost", mapped({ status = "lost", charge = charge }).status)
    end)

    it("prevented is ChargeRefunded when the charge is refunded", function()
      local charge = builders.charge { refunded = true }
      assert.equal("ChargeRefunded", mapped({ status = "prevented", charge = charge }).status)
    end)

    it("prevented is Unknown when the charge is not refunded", function()
      assert.equal("Unknown", mapped({ status = "prevented" }).status)
    end)

    it("prevented is Unknown when nothing is known of the charge", function()
      assert.equal("Unknown", mapped({ status = "prevented", charge = "ch_1" }).status)
    end)

    it("prevented keeps its raw word, whatever it is mapped to", function()
      assert.equal("prevented", stripe_of(mapped { status = "prevented" }).status)
      local charge = builders.charge { refunded = true }
      assert.equal("prevented", stripe_of(mapped { status = "prevented", charge = charge }).status)
      assert.is_nil(stripe_of(mapped { status = "won" }).status)
    end)

    it("keeps an unknown status readable", function()
      assert.equal("escalated", stripe_of(mapped { status = "escalated" }).status)
    end)
  end)

  describe("disputedTransactions", function()
    it("name the charge when it has no balance transaction", function()
      local charge = builders.charge { balance_transaction = null }
      assert.same({ { id = "ch_3TqLampSale0001", type = "Payment" } },
        mapped({ charge = charge }).disputedTransactions)
    end)

    it("name the charge when only its id came", function()
      assert.same({ { id = "ch_3TqLampSale0001", type = "Payment" } },
        mapped({ charge = "ch_3TqLampSale0001" }).disputedTransactions)
    end)

    it("name a balance transaction that came expanded by its id", function()
      local charge = builders.charge { balance_transaction = builders.balance_transaction() }
      assert.same({ { id = "txn_3TqLampSale0001", type = "Payment" } },
        mapped({ charge = charge }).disputedTransactions)
    end)
  end)

  describe("totalAmount", function()
    for _, case in ipairs {
      { 2500, "gbp", 25 }, { 2500, "jpy", 2500 }, { 2500, "tnd", 2.5 }, { 2501, "eur", 25.01 },
      { 999999999999, "usd", 9999999999.99 },
    } do
      it(("of %d %s is %s"):format(case[1], case[2], case[3]), function()
        local record = mapped { amount = case[1], currency = case[2] }
        assert.equal(case[3], record.totalAmount)
        assert.equal(ascii.upper(case[2]), record.currency)
      end)
    end
  end)

  it("has the currency XXX where the source names none: the model requires one", function()
    assert.equal("XXX", mapped({ currency = null }).currency)
    assert.equal("XXX", mapped({ currency = ABSENT }).currency)
  end)

  it("has no due date after its close", function()
    assert.is_nil(mapped({ ["evidence_details.due_by"] = null }).dueDate)
    assert.is_nil(mapped({ ["evidence_details.due_by"] = 0 }).dueDate)
    assert.is_nil(mapped({ evidence_details = null }).dueDate)
  end)

  it("gives the reason as the source does, and none for none", function()
    assert.equal("brand_new_reason", mapped({ reason = "brand_new_reason" }).reason)
    assert.is_nil(mapped({ reason = null }).reason)
  end)

  it("leaves nulls, absent and empty values out of the supplemental data", function()
    assert.same({ charge = "ch_3TqLampSale0001", is_charge_refundable = true }, stripe_of(mapped {
      payment_intent = null, network_reason_code = ABSENT, balance_transactions = {},
      is_charge_refundable = true,
    }))
  end)

  it("leaves creation dates of 0 and null out", function()
    for _, created in ipairs { 0, null, ABSENT } do
      local record = mapped { created = created }
      assert.is_nil(record.createdDate)
      assert.is_nil(record.sourceModifiedDate)
    end
  end)
end)
