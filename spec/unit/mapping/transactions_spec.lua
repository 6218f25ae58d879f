-- Transactions: the rows of a balance transaction, their ids, signs and references, and the
-- invariant that the rows add up to `net`. The table of types: transaction_types_spec.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local ABSENT, null = builders.ABSENT, json.null

-- The fee is what its details add up to, unless the case says otherwise.
local function rows(overrides)
  local details = overrides and overrides.fee_details
  if type(details) == "table" and details[1] and overrides.fee == nil then
    overrides.fee = 0
    for _, detail in ipairs(details) do
      overrides.fee = overrides.fee + detail.amount
    end
  end
  return { schema_check.mapped("transactions", "balance_transactions",
    builders.balance_transaction(overrides)) }
end

local function fee(amount, description, kind)
  return {
    amount = amount, application = null, currency = "gbp", description = description,
    type = kind or "stripe_fee",
  }
end

local function ids(records)
  local result = {}
  for i, record in ipairs(records) do
    result[i] = record.id
  end
  return result
end

describe("transactions", function()
  local SUPPLEMENTAL = { content = { stripe = {
    net = 4054, fee = 146, exchange_rate = 0.86125, available_on = 1773964800,
    status = "available", reporting_category = "charge", description = "Order 1047",
    balance_type = "payments",
  } } }

  it("maps a charge to a gross row and a fee row", function()
    local records = rows()
    assert.same({
      id = "txn_3TqLampSale0001", totalAmount = 42, currency = "GBP", type = "Payment",
      subType = "charge", transactionSourceRef = { id = "ch_3TqLampSale0001", type = "Payment" },
      createdDate = builders.CREATED_TEXT, sourceCreatedDate = builders.CREATED_TEXT,
      sourceModifiedDate = builders.CREATED_TEXT, supplementalData = SUPPLEMENTAL,
    }, records[1])
    local one = records[2]
    assert.equal("txn_3TqLampSale0001:Stripe processing fees", one.id)
    assert.equal(-1.46, one.totalAmount)
    assert.equal("GBP", one.currency)
    assert.equal("PaymentFee", one.type)
    assert.equal("stripe_fee", one.subType)
    assert.same({ id = "ch_3TqLampSale0001", type = "Payment" }, one.transactionSourceRef)
    assert.equal(builders.CREATED_TEXT, one.createdDate)
    assert.equal(builders.CREATED_TEXT, one.sourceCreatedDate)
    assert.equal(2, #records)
  end)

  it("leaves out nulls, absent values and dates of 0", function()
    local record = rows({
      exchange_rate = null, description = null, available_on = ABSENT, fee_details = {}, fee = 0,
      net = 4200, created = 0,
    })[1]
    assert.same({ net = 4200, fee = 0, status = "available", reporting_category = "charge",
      balance_type = "payments" },
      record.supplementalData.content.stripe)
    assert.is_nil(record.createdDate)
    assert.is_nil(record.sourceCreatedDate)
    assert.is_nil(record.sourceModifiedDate)
  end)

  it("makes a row of a fee without details, so that the rows add up to net", function()
    for _, details in ipairs { ABSENT, null, {} } do
      local records = rows { fee_details = details }
      assert.same({ "txn_3TqLampSale0001", "txn_3TqLampSale0001:fee" }, ids(records))
      local one = records[2]
      assert.equal(-1.46, one.totalAmount)
      assert.equal("PaymentFee", one.type)
      assert.is_nil(one.subType)
      assert.same(records[1].transactionSourceRef, one.transactionSourceRef)
    end
    assert.equal("PaymentFeeRefund", rows({ fee_details = {}, fee = -146 })[2].type)
    assert.equal(1, #rows { fee_details = {}, fee = 0 })
    assert.equal(1, #rows { fee_details = ABSENT, fee = null })
  end)

  it("makes a row of what the details do not tell of the fee", function()
    local records = rows { fee_details = { fee(100, "Fee") }, fee = 146 }
    assert.same({ "txn_3TqLampSale0001", "txn_3TqLampSale0001:Fee",
      "txn_3TqLampSale0001:rest of the fee" }, ids(records))
    assert.same({ -1, -0.46 }, { records[2].totalAmount, records[3].totalAmount })
    records = rows { fee_details = { fee(150, "Fee") }, fee = 146 }
    assert.equal("PaymentFeeRefund", records[#records].type)
    assert.equal(0.04, records[#records].totalAmount)
    assert.equal(1, #rows { fee_details = ABSENT, fee = ABSENT })
  end)

  it("keeps which balance it moves, of its fees as well", function()
    for _, record in ipairs(rows { balance_type = "issuing" }) do
      assert.equal("issuing", record.supplementalData.content.stripe.balance_type)
    end
  end)

  it("keeps a whole unix time in the supplemental data", function()
    local text = schema_check.json("transactions", rows()[1])
    assert.is_truthy(text:find('"available_on":1773964800,', 1, true))
    assert.is_truthy(text:find('"exchange_rate":0.86125,', 1, true))
  end)

  describe("the currency", function()
    for _, case in ipairs {
      { "gbp", "GBP", 42, -1.46 }, { "jpy", "JPY", 4200, -146 }, { "kwd", "KWD", 4.2, -0.146 },
      { "isk", "ISK", 42, -1.46 }, { null, "XXX", 42, -1.46 },
    } do
      it("of both rows is " .. case[2], function()
        local records = rows { currency = case[1] }
        for i = 1, 2 do
          assert.equal(case[2], records[i].currency)
          assert.equal(case[2 + i], records[i].totalAmount)
        end
      end)
    end
  end)

  describe("a fee row's id", function()
    for _, case in ipairs {
      { "its description", { fee(1, "Stripe processing fees") },
        { "txn_3TqLampSale0001:Stripe processing fees" } },
      { "its type where the description is null", { fee(1, null, "tax") },
        { "txn_3TqLampSale0001:tax" } },
      { "its type where there is no description", { { amount = 1, type = "withheld_tax" } },
        { "txn_3TqLampSale0001:withheld_tax" } },
      { "numbered for a second of the same name",
        { fee(1, "Fee"), fee(2, "Fee"), fee(3, "Other"), fee(4, "Fee") },
        { "txn_3TqLampSale0001:Fee", "txn_3TqLampSale0001:Fee (2)", "txn_3TqLampSale0001:Other",
          "txn_3TqLampSale0001:Fee (3)" } },
      { "numbered where a description is another's type",
        { fee(1, null, "tax"), fee(2, "tax", "stripe_fee") },
        { "txn_3TqLampSale0001:tax", "txn_3TqLampSale0001:tax (2)" } },
    } do
      it("has " .. case[1], function()
        local fees = ids(rows { fee_details = case[2] })
        assert.equal("txn_3TqLampSale0001", table.remove(fees, 1))
        assert.same(case[3], fees)
      end)
    end

    it("starts anew for every balance transaction", function()
      rows()
      assert.equal("txn_3TqLampSale0001:Stripe processing fees", rows()[2].id)
    end)

    it("is never given twice", function()
      local seen = {}
      for _, id in ipairs(ids(rows {
        fee_details = { fee(1, "Fee"), fee(2, "Fee"), fee(3, "Fee (2)") },
      })) do
        assert.is_nil(seen[id], id)
        seen[id] = true
      end
    end)
  end)

  describe("a fee row's type", function()
    it("is PaymentFee, with a negative amount", function()
      local record = rows({ fee_details = { fee(30, "Fee") } })[2]
      assert.equal("PaymentFee", record.type)
      assert.equal(-0.3, record.totalAmount)
    end)

    it("is PaymentFeeRefund, with a positive amount, when the fee is given back", function()
      local record = rows({ fee_details = { fee(-30, "Fee") } })[2]
      assert.equal("PaymentFeeRefund", record.type)
      assert.equal(0.3, record.totalAmount)
    end)

    for _, kind in ipairs { "application_fee", "payment_method_passthrough_fee", "stripe_fee",
      "tax", "withheld_tax", "new_fee" } do
      it("keeps the fee's own type as subType: " .. kind, function()
        assert.equal(kind, rows({ fee_details = { fee(1, "Fee", kind) } })[2].subType)
      end)
    end

    it("is a fee's whatever the gross row is", function()
      local record = rows({ type = "payout", reporting_category = "payout", amount = -4200,
        source = "po_1", net = -4346 })[2]
      assert.equal("PaymentFee", record.type)
      assert.same({ id = "po_1", type = "Unknown" }, record.transactionSourceRef)
    end)

    it("is a matter of the sign alone", function()
      assert.equal("PaymentFee", rows({ fee_details = { fee(1, "Fee") } })[2].type)
      assert.equal("PaymentFeeRefund", rows({ fee_details = { fee(-1, "Fee") } })[2].type)
    end)

    it("writes a fee of zero as 0, not as -0", function()
      local record = rows({ fee_details = { fee(0, "Fee") } })[2]
      assert.equal("PaymentFee", record.type)
      assert.is_truthy(schema_check.json("transactions", record):find('"totalAmount":0,', 1, true))
    end)
  end)

  describe("transactionSourceRef", function()
    for _, case in ipairs {
      { "ch_1", "Payment" }, { "py_1", "Payment" }, { "re_1", "Payment" }, { "pyr_1", "Payment" },
      { "fee_1", "Fee" }, { "po_1", "Unknown" }, { "tr_1", "Unknown" }, { "du_1", "Unknown" },
      { "dp_1", "Unknown" }, { "fr_1", "Unknown" }, { "trr_1", "Unknown" }, { "tu_1", "Unknown" },
      { "pi_1", "Unknown" }, { "feeling_1", "Unknown" }, { "ch", "Unknown" },
    } do
      it(("of %s is %s, for its fee too"):format(case[1], case[2]), function()
        local records = rows { source = case[1] }
        assert.same({ id = case[1], type = case[2] }, records[1].transactionSourceRef)
        assert.same({ id = case[1], type = case[2] }, records[2].transactionSourceRef)
      end)
    end

    it("is left out when the source is null or absent", function()
      for _, none in ipairs { null, ABSENT } do
        for _, record in ipairs(rows { source = none }) do
          assert.is_nil(record.transactionSourceRef)
        end
      end
    end)

    it("of a pure fee row is Fee", function()
      for _, case in ipairs { { "stripe_fee", "fee" }, { "stripe_fx_fee", "fee" },
        { "tax_fee", "tax" }, { "adjustment", "fee" }, { "adjustment", "network_cost" } } do
        local record = rows({ type = case[1], reporting_category = case[2], amount = -500,
          net = -500, fee = 0, fee_details = {}, source = "or_1" })[1]
        assert.same({ id = "or_1", type = "Fee" }, record.transactionSourceRef)
      end
    end)

    it("of another adjustment is not Fee", function()
      local record = rows({ type = "adjustment", reporting_category = "dispute",
        source = "du_1" })[1]
      assert.same({ id = "du_1", type = "Unknown" }, record.transactionSourceRef)
    end)

    it("of a pure fee row without a source is left out", function()
      assert.is_nil(rows({ type = "stripe_fee", reporting_category = "fee", amount = -500,
        fee_details = {}, source = null })[1].transactionSourceRef)
    end)
  end)

  describe("the rows of a balance transaction", function()
    -- amount, fees: as Stripe books them
    local SAMPLES = {
      { "a charge", "charge", "charge", 4200, { 146 } },
      { "a charge with Stripe's and a platform's fee", "charge", "charge", 10000, { 320, 500 } },
      { "a charge with a tax on the fee", "payment", "charge", 999, { 44, 9 } },
      { "a refund without fee", "refund", "refund", -4200, {} },
      { "a refund that gives its fee back", "refund", "refund", -4200, { -146 } },
      { "a dispute with its fee", "adjustment", "dispute", -4200, { 2000 } },
      { "a dispute won", "adjustment", "dispute_reversal", 4200, { -2000 } },
      { "a payout", "payout", "payout", -100000, {} },
      { "an instant payout with its fee", "payout", "payout", -100000, { 1500 } },
      { "a failed payout", "payout_failure", "payout_reversal", 100000, {} },
      { "a fee billed", "stripe_fee", "fee", -2900, {} },
      { "a fee credited", "stripe_fee", "fee", 2900, {} },
      { "the release of a partial capture", "refund", "partial_capture_reversal", -800, { -23 } },
      { "something new", "moon_landing", "moon", 77, { 1, 2, 3 } },
    }
    local DECIMALS = { gbp = 2, jpy = 0, kwd = 3 }

    for _, sample in ipairs(SAMPLES) do
      it("add up to net: " .. sample[1], function()
        for currency, decimals in pairs(DECIMALS) do
          local details, net = {}, sample[4]
          for i, amount in ipairs(sample[5]) do
            details[i] = fee(amount, "Fee")
            net = net - amount
          end
          local records = rows {
            type = sample[2], reporting_category = sample[3], amount = sample[4], net = net,
            fee = sample[4] - net, fee_details = details, currency = currency,
          }
          local sum = 0
          for _, record in ipairs(records) do
            sum = sum + math.floor(record.totalAmount * 10 ^ decimals + 0.5)
          end
          assert.equal(net, sum)
          assert.equal(1 + #details, #records)
        end
      end)
    end
  end)
end)
