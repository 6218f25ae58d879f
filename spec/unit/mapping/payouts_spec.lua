-- Payouts: GET /v1/payouts.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local null = json.null

local function mapped(overrides)
  return (schema_check.mapped("payouts", "payouts", builders.payout(overrides)))
end

describe("payouts", function()
  it("maps a complete payout", function()
    assert.same({
      id = "po_1TqLampPayout01", amount = 1234.56, currency = "USD", status = "Paid",
      arrivalDate = "2026-03-15T09:26:53Z", automatic = true, method = "standard",
      payoutType = "bank_account", reconciliationStatus = "completed",
      traceId = "000000000000017", statementDescriptor = "LAMPS", description = "STRIPE PAYOUT",
      destination = "ba_1TqLampBank0001", balanceTransaction = "txn_1TqLampPayout01",
      createdDate = builders.CREATED_TEXT, sourceModifiedDate = builders.CREATED_TEXT,
      supplementalData = { content = { stripe = { source_type = "card",
        metadata = { batch = "7" } } } },
    }, mapped { metadata = { batch = "7" } })
  end)

  for word, status in pairs { paid = "Paid", pending = "Pending", in_transit = "InTransit",
    canceled = "Cancelled", failed = "Failed", returned_to_sender = "Unknown" } do
    it(("a payout that is %s is %s"):format(word, status), function()
      local record = mapped { status = word }
      assert.equal(status, record.status)
      assert.equal(status == "Unknown" and word or nil,
        record.supplementalData.content.stripe.status)
    end)
  end

  it("keeps why one failed, and what took the money back", function()
    local record = mapped { status = "failed", failure_code = "account_closed",
      failure_message = "The bank account has been closed", trace_id = null,
      failure_balance_transaction = { id = "txn_2" }, reversed_by = "po_2" }
    assert.equal("account_closed", record.failureCode)
    assert.equal("The bank account has been closed", record.failureMessage)
    assert.equal("txn_2", record.supplementalData.content.stripe.failure_balance_transaction)
    assert.equal("po_2", record.reversedBy)
    assert.is_nil(record.traceId)
  end)

  it("has a negative amount when Stripe debits the bank account", function()
    assert.equal(-5, mapped({ amount = -500 }).amount)
    assert.equal(500, mapped({ amount = 500, currency = "jpy" }).amount)
  end)

  it("has no trace id while the bank gives none", function()
    assert.is_nil(mapped({ trace_id = { status = "pending", value = null } }).traceId)
  end)
end)
