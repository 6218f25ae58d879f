-- Fresh records against stored ones: which fields differ, and amounts digit by digit.

local compare = require "commerce.verify.compare"
local model = require "commerce.model"
local record = require "commerce.model.record"

local PAYMENTS = model.find "payments"
local STAMP = "2026-03-01T08:00:00Z"

describe("compare.whole", function()
  local values = { id = "ch_1", amount = 12.5, currency = "EUR", status = "Paid",
    paymentMethodRef = { id = "card", name = "Card" },
    supplementalData = { content = { stripe = { description = "Words", metadata = { a = "1" } } } },
    createdDate = STAMP }

  local function body(changes)
    local copy = {}
    for _, part in ipairs { values, changes or {} } do
      for name, value in pairs(part) do
        copy[name] = value
      end
    end
    return assert(model.encode(PAYMENTS, copy))
  end

  local stored = record.stamp(body(), STAMP)

  it("finds nothing where nothing differs, whenever it was stored", function()
    assert.is_nil(compare.whole(stored, body()))
  end)

  it("names what changed, came or went", function()
    assert.same({ "amount" }, compare.whole(stored, body { amount = 12.51 }))
    assert.same({ "dueDate", "status" }, compare.whole(stored, body { dueDate = STAMP,
      status = "Failed" }))
    assert.same({ "dueDate" }, compare.whole(record.stamp(body { dueDate = STAMP }, STAMP), body()))
    assert.same({ "paymentMethodRef.name" }, compare.whole(stored,
      body { paymentMethodRef = { id = "card", name = "Cards" } }))
  end)

  it("names no key that a merchant made up, and no value", function()
    local stripe = { description = "Others", metadata = { secret_key = "2" } }
    assert.same({ "supplementalData.content.stripe.description",
      "supplementalData.content.stripe.metadata" },
      compare.whole(stored, body { supplementalData = { content = { stripe = stripe } } }))
  end)

  it("says so where only the text differs, or is none", function()
    local reordered = '{"amount":12.5,"id":"ch_1"' .. stored:sub(#'{"id":"ch_1","amount":12.5' + 1)
    assert.same({ "(its form)" }, compare.whole(reordered, body()))
    assert.same({ "(its form)" }, compare.whole("[", body()))
  end)
end)

describe("compare.money", function()
  it("keeps every digit", function()
    for _, id in ipairs { "txn_1", 'txn_1:Fee "x" (50%)' } do
      local data = record.stamp(assert(model.encode(model.find "transactions",
        { id = id, totalAmount = -5, currency = "USD" })), STAMP)
      data = data:gsub("%-5", "-12345678901234567890.01")
      assert.same({ "-12345678901234567890.01", "USD" }, { compare.money(data) })
    end
  end)

  it("reads a record that somebody else wrote", function()
    assert.same({ "0.1", "EUR" },
      { compare.money('{ "currency": "EUR", "totalAmount": 0.1, "id": "t" }') })
    assert.same({ "0", "nil" }, { compare.money('{"id":"t"}') })
    assert.same({ "0", "nil" }, { compare.money("no JSON") })
  end)

  it("is not misled by an amount inside a text", function()
    local id = 't:"totalAmount":7,"currency":"JPY"'
    local data = assert(model.encode(model.find "transactions",
      { id = id, totalAmount = 3, currency = "EUR" })) .. "}"
    assert.same({ "3", "EUR" }, { compare.money(data) })
  end)

  it("takes a balance type of another kind than a text for none", function()
    local data = '{"id":"t","supplementalData":{"content":{"stripe":{"balance_type":%s}}}}'
    assert.equal("issuing", compare.balance_type(data:format '"issuing"'))
    assert.is_nil(compare.balance_type(data:format "-1"))
    assert.is_nil(compare.balance_type(data:format "null"))
  end)
end)

describe("compare.differing", function()
  it("passes over variants without a text for an id", function()
    local products = model.find "products"
    local stored = '{"id":"p","variants":[{"id":"a"},{"id":"b"}]}'
    local fields, parts = compare.differing(products, { record = { id = "p",
      variants = { { id = 5 }, { id = "a" }, false, { id = {} } } } }, stored)
    assert.same({ { "variants" }, { "b" } }, { fields, parts })
  end)
end)
