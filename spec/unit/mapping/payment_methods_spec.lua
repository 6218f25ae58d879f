-- Payment methods: the tender types among the charges.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local function mapped(details)
  return (schema_check.mapped("payment_methods", "charges",
    builders.charge { payment_method_details = details }))
end

-- Every type of the pinned version, those of payment methods and those of charges alone.
local TYPES = [[
  acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact
  billie bizum blik boleto card card_present cashapp crypto custom customer_balance eps fpx giropay
  grabpay ideal interac_present kakao_pay klarna konbini kr_card link mb_way mobilepay multibanco
  naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix promptpay
  revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint upi
  us_bank_account wechat_pay zip ach_debit ach_credit_transfer sepa_credit_transfer stripe_account
  wechat momo wero]]

describe("payment_methods", function()
  it("are taken from the charges, each once", function()
    assert.is_true(schema_check.source("payment_methods", "charges").distinct)
  end)

  it("maps a card", function()
    local record = mapped { type = "card", card = { brand = "visa", last4 = "0259" } }
    assert.equal("card", record.id)
    assert.equal("Card", record.name)
    assert.equal("Active", record.status)
    assert.is_nil(record.supplementalData) -- a tender type, no stored card
  end)

  it("gives two charges of one type the same record", function()
    local one = schema_check.mapped("payment_methods", "charges", builders.charge())
    local two = schema_check.mapped("payment_methods", "charges",
      builders.charge { id = "ch_2", created = 1700000000, amount = 5 })
    assert.same(one, two)
  end)

  it("gives none for a charge without a payment method", function()
    assert.is_nil(mapped(json.null))
    assert.is_nil(mapped(builders.ABSENT))
    assert.is_nil(mapped({ type = json.null }))
  end)

  for kind in TYPES:gmatch("%S+") do
    it("names " .. kind, function()
      local record = mapped { type = kind }
      assert.equal(kind, record.id)
      assert.equal("Active", record.status)
      assert.is_nil(record.name:find("_", 1, true))
    end)
  end

  it("names each type of its own", function()
    local seen = {}
    for kind in TYPES:gmatch("%S+") do
      local name = mapped({ type = kind }).name
      assert.is_nil(seen[name], tostring(seen[name]) .. " and " .. kind .. " are both " .. name)
      seen[name] = kind
    end
  end)

  it("has a signature that changes with the names", function()
    for _, of in ipairs { "payment_methods", "payments" } do
      assert.truthy(schema_check.source(of, "charges").sign:find("paypay:PayPay", 1, true))
    end
  end)

  it("names a type not known today", function()
    local record = mapped { type = "moon_pay" }
    assert.equal("moon_pay", record.id)
    assert.is_truthy(record.name:find("%S"))
    assert.equal("Active", record.status)
  end)
end)
